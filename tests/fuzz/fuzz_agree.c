/* What is said of connections and findings is the same, byte for byte, whether their segments wait for the trackers
 * (nothing else is wanted) or pass them one by one (all events are). Any program of packets. */
#include "program.h"
#include "sink/json.h"

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_CONNECTION || ev->type == TCPSTAT_EV_FINDING)
		json_event(ctx, ev);
}

/* The records as lines; the caller's to free. */
static char *records(const uint8_t *data, size_t size, uint32_t events, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	struct json_options options = { .out = out, .version = "1", .events = ~0u };
	struct json *json = out ? json_new(&options) : NULL;
	struct tcpstat_config config;
	struct tcpstat_pkt pkt;
	struct program p;

	program_init(&p, data, size, &config);
	config.memory_bytes = 0; /* what waits needs memory: which connection has to go would differ */
	config.only_conn = 0;
	config.events = events;
	config.event = on_event;
	config.ctx = json;
	struct tcpstat *t = json ? tcpstat_new(&config) : NULL;

	if (!t)
		abort();
	while (program_next(&p, &pkt)) {
		tcpstat_packet(t, &pkt);
		if (config.live && !(pkt.frame % 16) && pkt.ts_ns < (int64_t)1 << 61)
			tcpstat_tick(t, pkt.ts_ns + 1000000000);
	}
	tcpstat_finish(t);
	tcpstat_free(t);
	json_close(json);
	fclose(out);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len[2];

	if (size > 700)
		size = 700;
	char *waiting = records(data, size, TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) |
		TCPSTAT_MASK(TCPSTAT_EV_FINDING), &len[0]);
	char *in_step = records(data, size, ~0u, &len[1]);

	if (!waiting || !in_step)
		abort();
	for (size_t i = 0, line = 0; i < len[0] && i < len[1]; i++) {
		line = i && waiting[i - 1] == '\n' ? i : line;
		FUZZ_CHECK(waiting[i] == in_step[i], "byte %zu of\n%.*s\nand\n%.*s", i - line,
			   (int)strcspn(waiting + line, "\n"), waiting + line, (int)strcspn(in_step + line, "\n"),
			   in_step + line);
	}
	FUZZ_CHECK(len[0] == len[1], "%zu bytes, in step %zu", len[0], len[1]);
	free(waiting);
	free(in_step);
	return 0;
}
