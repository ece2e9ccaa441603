/* Every allocation of the core fails in turn, and then all from each one on: nothing crashes or is lost but what there
 * was no memory for, streams stay in order, every connection is reported. Linked with --wrap=realloc
 * and calloc.
 *
 *     allocations FILE...             programs of packets (tests/fuzz/program.h); TAP */
#include "../fuzz/program.h"

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

enum { CONNS = 256, RUNS_MAX = 3000 };

static struct {
	uint64_t calls, fail_at;        /* from 1; 0: never */
	bool all_after;
	uint64_t offset[CONNS][2];
	uint32_t connections;
} w;

static bool fails(void)
{
	w.calls++;
	return w.fail_at && (w.calls == w.fail_at || (w.all_after && w.calls > w.fail_at));
}

void *__wrap_realloc(void *block, size_t size)
{
	return fails() ? NULL : __real_realloc(block, size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	(void)ctx;
	w.connections += ev->type == TCPSTAT_EV_CONNECTION;
	if (ev->type == TCPSTAT_EV_GAP && ev->conn < CONNS)
		w.offset[ev->conn][ev->dir] += ev->gap.len;
}

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	(void)ctx, (void)bytes;
	if (conn >= CONNS)
		return;
	FUZZ_CHECK(offset == w.offset[conn][dir], "allocation %" PRIu64 ": bytes at %" PRIu64, w.fail_at, offset);
	w.offset[conn][dir] += len;
}

/* How many allocations there were. */
static uint64_t run(const uint8_t *data, size_t size, uint64_t fail_at, bool all_after)
{
	struct tcpstat_config config;
	struct tcpstat_pkt pkt;
	struct program p;

	memset(&w, 0, sizeof w);
	program_init(&p, data, size, &config);
	config.events = ~0u;
	config.event = on_event;
	config.stream = on_bytes;
	config.only_conn = 0;
	w.fail_at = fail_at;
	w.all_after = all_after;
	struct tcpstat *t = tcpstat_new(&config);

	if (t) {
		while (program_next(&p, &pkt)) {
			int rc = tcpstat_packet(t, &pkt);
			FUZZ_CHECK(rc == 0 || rc == TCPSTAT_ENOMEM, "error %d", rc);
		}
		tcpstat_finish(t);
		uint64_t began = tcpstat_counters(t)->connections;
		FUZZ_CHECK(w.connections == began, "%u of %" PRIu64 " connections", w.connections, began);
		tcpstat_free(t);
	}
	return w.calls;
}

int main(int argc, char **argv)
{
	static uint8_t data[1 << 16];
	int n = 0;

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		size_t size = f ? fread(data, 1, sizeof data, f) : 0;
		uint64_t all = run(data, size, 0, false), at = 1;

		if (f)
			fclose(f);
		for (; at <= all && at <= RUNS_MAX; at++) {
			run(data, size, at, false);
			run(data, size, at, true);
		}
		printf("%s %d - %s, each of %" PRIu64 " allocations\n", f && all && at > all ? "ok" : "not ok", ++n,
		       argv[i], all);
	}
	printf("1..%d\n", n);
	return 0;
}
