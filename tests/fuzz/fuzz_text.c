/* What is printed for people: report, connection, flow graph, payload. No control byte but newlines (and the tabs of a
 * payload) reaches the terminal, and where the terminal knows UTF-8, every character is a whole one. */
#include "program.h"
#include "sink/detail.h"
#include "sink/follow.h"
#include "sink/ladder.h"
#include "sink/report.h"

struct screens {
	struct report *report;
	struct detail *detail;
	struct ladder *ladder;
	struct follow follow;
};

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	struct screens *s = ctx;

	report_event(s->report, ev);
	detail_event(s->detail, ev);
	ladder_event(s->ladder, ev);
	if (ev->type == TCPSTAT_EV_GAP && ev->conn == 1)
		follow_gap(&s->follow, ev->dir, &ev->gap);
}

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct screens *s = ctx;

	if (conn == 1)
		follow_bytes(&s->follow, dir, offset, bytes, len);
}

static void check_text(const uint8_t *p, size_t n, bool utf8, bool tabs)
{
	while (n) {
		size_t len = fuzz_character(p, n);

		FUZZ_CHECK(len && (utf8 || len == 1), "byte %02x, %zu before the end", *p, n);
		FUZZ_CHECK(*p == '\n' || (tabs && *p == '\t') || (*p >= 32 && *p != 127),
			   "control byte %02x, %zu before the end", *p, n);
		p += len;
		n -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = NULL, *followed = NULL, name[65] = "";
	const char *names[] = { name };
	size_t len = 0, followed_len = 0;
	FILE *out = open_memstream(&text, &len);
	FILE *follow_out = open_memstream(&followed, &followed_len);
	struct tcpstat_config config;
	struct program p;
	struct tcpstat_pkt pkt;

	if (!out || !follow_out)
		abort();
	if (size > 2000)
		size = 2000;
	memcpy(name, data, size < 64 ? size : 64);
	program_init(&p, data, size, &config);
	struct style style = { .out = out, .utf8 = size % 2, .width = 20 + size % 100, .verbose = (int)(size % 3) - 1 };
	struct screens s = { report_new(&style, 5), detail_new(&style, 1), ladder_new(&style, 1, LADDER_MAX_ROWS),
		{ 0 } };
	struct streams_options follow = { .follow_conn = 1,
					  .follow_dir = TCPSTAT_NODIR,
					  .out = follow_out,
					  .utf8 = style.utf8,
					  .format = size % 5 ? STREAMS_ASCII : STREAMS_HEX };

	if (!s.report || !s.detail || !s.ladder)
		abort();
	follow_init(&s.follow, &follow);
	config.events = ~0u;
	config.event = on_event;
	config.stream = on_bytes;
	config.ctx = &s;
	struct tcpstat *t = tcpstat_new(&config);
	if (!t)
		abort();
	while (program_next(&p, &pkt))
		tcpstat_packet(t, &pkt);
	tcpstat_finish(t);
	follow_finish(&s.follow);
	struct report_facts facts = { .names = names,
				      .n_names = 1,
				      .filter = name,
				      .first_ts_ns = TCPSTAT_NULL,
				      .last_ts_ns = TCPSTAT_NULL,
				      .packets = p.frame_number,
				      .dropped = TCPSTAT_NULL };
	report_print(s.report, &facts, tcpstat_counters(t));
	detail_print(s.detail);
	ladder_print(s.ladder);
	tcpstat_free(t);
	report_free(s.report);
	detail_free(s.detail);
	ladder_free(s.ladder);
	fclose(out);
	fclose(follow_out);
	check_text((const uint8_t *)text, len, style.utf8, false);
	check_text((const uint8_t *)followed, followed_len, style.utf8, true);
	free(text);
	free(followed);
	return 0;
}
