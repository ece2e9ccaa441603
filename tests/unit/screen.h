/* The model of the screen for tests: events in, keys in, text out. */
#ifndef TESTS_SCREEN_H
#define TESTS_SCREEN_H

#include "sink/tui/room.h"
#include "core/segment.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)

static const int64_t start = INT64_C(1700000000) * 1000 * MS;

static inline struct tui *screen(bool live)
{
	struct tui_options options = { .style = { .utf8 = true }, .source = "a.pcap", .live = live };
	struct tui *t = tui_new(&options);

	cr_assert_not_null(t);
	return t;
}

static inline struct tcpstat_conn connection(uint32_t number, int64_t retransmissions)
{
	struct tcpstat_conn c = { .number = number, .port = { (uint16_t)(40000 + number), 80 }, .vlan = { 0xffff,
		0xffff } };
	int i;

	for (i = 0; i < 2; i++) {
		c.addr[i] = (struct tcpstat_addr){ .family = 4, .bytes = { 192, 0, 2, (uint8_t)(i + 1) } };
		c.half[i].retransmissions.ratio = NAN;
		c.close.state[i] = TCPSTAT_EP_ESTABLISHED;
	}
	c.handshake.rtt_ns = TCPSTAT_NULL;
	c.handshake.outcome = TCPSTAT_HS_ESTABLISHED;
	c.half[0].retransmissions.total = retransmissions;
	c.half[1].payload_bytes = number * 1000;
	return c;
}

static inline void tell(struct tui *t, bool load, const struct tcpstat_event *ev)
{
	load ? tui_load_event(t, ev) : tui_event(t, ev);
}

static inline void end(struct tui *t, bool load, uint32_t number, int64_t retransmissions)
{
	struct tcpstat_conn c = connection(number, retransmissions);
	struct tcpstat_event ev = { .type = TCPSTAT_EV_CONNECTION, .conn = number, .connection = &c };

	tell(t, load, &ev);
}

static inline void segment(struct tui *t, bool load, uint32_t conn, uint64_t frame, enum tcpstat_dir dir, int64_t seq,
	uint32_t len,
	int64_t ack)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_SEGMENT, .dir = dir, .conn = conn, .frame = frame,
		.ts_ns = start + (int64_t)frame * MS };

	ev.segment = (struct tcpstat_ev_segment){ .flags = TH_ACK, .seq = (uint32_t)seq, .ack = (uint32_t)ack,
		.seq_rel = seq, .ack_rel = ack, .len = len, .wnd = 500, .wnd_bytes = 64000,
		.state = { TCPSTAT_EP_ESTABLISHED, TCPSTAT_EP_ESTABLISHED } };
	tell(t, load, &ev);
}

static inline void retransmission(struct tui *t, bool load, uint32_t conn, uint64_t frame, uint64_t original)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_RETRANSMISSION, .dir = TCPSTAT_C2S, .conn = conn,
		.frame = frame,
		.ts_ns = start + (int64_t)frame * MS };

	ev.retransmission = (struct tcpstat_ev_retransmission){ .cause = TCPSTAT_CAUSE_RTO, .backoff = 1,
		.spurious = -1,
		.original_frame = (int64_t)original, .after_ns = 200 * MS };
	tell(t, load, &ev);
}

/* What is on the screen. */
static inline const char *shown(struct tui *t, int width, int height)
{
	static char *text;
	size_t size = 0;
	struct canvas c;
	FILE *out;

	free(text);
	cr_assert(canvas_init(&c, width, height, true));
	tui_draw(t, &c);
	out = open_memstream(&text, &size);
	canvas_write(&c, out);
	fclose(out);
	canvas_fini(&c);
	return text;
}

static inline void keys(struct tui *t, const char *codes)
{
	for (; *codes; codes++)
		cr_assert(tui_key(t, *codes, 0, 0), "%c", *codes);
}

#define SHOWS(t, what) cr_assert_not_null(strstr(shown(t, 100, 30), what), "%s", shown(t, 100, 30))
#define HIDES(t, what) cr_assert_null(strstr(shown(t, 100, 30), what), "%s", shown(t, 100, 30))

/* Three connections; the second has trouble. */
static inline struct tui *three(void)
{
	struct tui *t = screen(false);
	uint32_t i;

	for (i = 1; i <= 3; i++)
		end(t, false, i, i == 2 ? 5 : 0);
	return t;
}

/* A connection that is open in the flow graph: 20 packets, the last of them but one repeated. */
static inline struct tui *flow(void)
{
	struct tui *t = three();
	uint64_t i;

	keys(t, "\n");
	cr_assert_eq(tui_wish(t).conn, 2);
	cr_assert_not(tui_load_done(t));
	tui_load_begin(t);
	for (i = 1; i <= 18; i++)
		segment(t, true, 2, i, TCPSTAT_C2S, (int64_t)i * 100, 100, 1);
	retransmission(t, true, 2, 19, 7);
	segment(t, true, 2, 19, TCPSTAT_C2S, 700, 100, 1);
	segment(t, true, 2, 20, TCPSTAT_S2C, 1, 0, 1900);
	end(t, true, 2, 5);
	tui_load_end(t, NULL);
	cr_assert(tui_load_done(t));
	return t;
}

#endif
