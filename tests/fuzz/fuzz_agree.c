/* What is said of connections and findings is the same, byte for byte, whether their segments wait for the trackers
 * (nothing else is wanted) or pass them one by one (all events are); so are streams, if they are wanted, too. Any
 * program of packets. */
#include "program.h"
#include "sink/json.h"

struct told {
	struct json *json;
	FILE *out;
	char *text;
	size_t len;
};

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	struct told *t = ctx;
	/* Told while it goes on, by what trackers have seen so far: the last word comes at the end, in both. */
	bool ongoing = ev->type == TCPSTAT_EV_FINDING && ev->finding.ongoing;

	if (ev->type == TCPSTAT_EV_CONNECTION || (ev->type == TCPSTAT_EV_FINDING && !ongoing))
		json_event(t->json, ev);
}

/* As a line among the records: what comes before and after a connection is the same, too. Of the bytes a hash, which
 * takes a sixth of the time that it takes to write them. */
static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct told *t = ctx;

	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	json_flush(t->json);
	fprintf(t->out, "%u %d %llu %zu: %016llx\n", conn, (int)dir, (unsigned long long)offset, len,
		(unsigned long long)hash);
}

static struct told tell(const uint8_t *data, size_t size, uint32_t events, bool streams)
{
	struct told told = { 0 };
	struct tcpstat_config config;
	struct tcpstat_pkt pkt;
	struct program p;

	told.out = open_memstream(&told.text, &told.len);
	if (!told.out)
		abort();
	told.json = json_new(&(struct json_options){ .out = told.out, .version = "1", .events = ~0u });
	program_init(&p, data, size, &config);
	config.memory_bytes = 0; /* what waits needs memory: which connection has to go would differ */
	config.only_conn = 0;
	config.events = events;
	config.event = on_event;
	config.stream = streams ? on_bytes : NULL;
	config.ctx = &told;
	struct tcpstat *t = told.json ? tcpstat_new(&config) : NULL;

	if (!t)
		abort();
	while (program_next(&p, &pkt)) {
		tcpstat_packet(t, &pkt);
		if (config.live && !(pkt.frame % 16) && pkt.ts_ns < (int64_t)1 << 61)
			tcpstat_tick(t, pkt.ts_ns + 1000000000);
	}
	tcpstat_finish(t);
	tcpstat_free(t);
	json_close(told.json);
	fclose(told.out);
	return told;
}

static void compare(const uint8_t *data, size_t size, bool streams)
{
	struct told waiting = tell(data, size, TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) |
		TCPSTAT_MASK(TCPSTAT_EV_FINDING), streams);
	struct told in_step = tell(data, size, ~0u, streams);
	const char *a = waiting.text, *b = in_step.text;

	if (!a || !b)
		abort();
	for (size_t i = 0, line = 0; i < waiting.len && i < in_step.len; i++) {
		line = i && a[i - 1] == '\n' ? i : line;
		FUZZ_CHECK(a[i] == b[i], "byte %zu of\n%.*s\nand\n%.*s", i - line, (int)strcspn(a + line, "\n"),
			   a + line, (int)strcspn(b + line, "\n"), b + line);
	}
	FUZZ_CHECK(waiting.len == in_step.len, "%zu bytes, in step %zu", waiting.len, in_step.len);
	free(waiting.text);
	free(in_step.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 700)
		size = 700;
	compare(data, size, false);
	compare(data, size, true);
	return 0;
}
