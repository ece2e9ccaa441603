#include "sink/detail.h"
#include "sink/ladder.h"
#include "sink/found.h"
#include "sink/report.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct tcpstat_conn connection(uint32_t number, int64_t retransmissions)
{
	struct tcpstat_conn c = { .number = number, .port = { 40000, 80 }, .vlan = { 0xffff, 0xffff } };
	int i;

	for (i = 0; i < 2; i++) {
		c.addr[i] = (struct tcpstat_addr){ .family = 4, .bytes = { 192, 0, 2, (uint8_t)(i + 1) } };
		c.half[i].rtt.count = 0;
		c.half[i].retransmissions.ratio = NAN;
		c.close.state[i] = TCPSTAT_EP_ESTABLISHED;
	}
	c.handshake.rtt_ns = TCPSTAT_NULL;
	c.handshake.outcome = TCPSTAT_HS_ESTABLISHED;
	c.half[0].retransmissions.total = retransmissions;
	c.half[0].retransmissions.by_cause[TCPSTAT_CAUSE_RTO] = retransmissions;
	return c;
}

static void tell(struct report *r, const struct tcpstat_conn *c)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_CONNECTION, .conn = c->number, .connection = c };

	report_event(r, &ev);
}

Test(report, the_worst_stay_in_order_and_the_rest_is_counted)
{
	static const int64_t trouble[] = { 0, 7, 3, 9, 0, 1, 9, 2, 8 };
	struct report_facts facts = { .first_ts_ns = TCPSTAT_NULL, .dropped = TCPSTAT_NULL };
	struct tcpstat_counters counters = { .packets = 1, .tcp = 1 };
	struct style style = { .width = 0 };
	char *text = NULL;
	size_t size = 0, i;
	struct report *r;

	style.out = open_memstream(&text, &size);
	r = report_new(&style, 4);
	cr_assert_not_null(r);
	for (i = 0; i < sizeof trouble / sizeof *trouble; i++) {
		struct tcpstat_conn c = connection((uint32_t)i + 1, trouble[i]);

		tell(r, &c);
	}
	report_print(r, &facts, &counters);
	fflush(style.out);
	cr_assert_not_null(strstr(text, "\n4  192.0.2.1:40000"), "%s", text);
	cr_assert_lt(strstr(text, "\n4  "), strstr(text, "\n7  "));
	cr_assert_lt(strstr(text, "\n7  "), strstr(text, "\n9  "));
	cr_assert_lt(strstr(text, "\n9  "), strstr(text, "\n2  "));
	cr_assert_null(strstr(text, "\n3  "));
	cr_assert_not_null(strstr(text, "4 of 9 connections"));
	cr_assert_not_null(strstr(text, "39 segments on 7 connections (39 timeout)"), "%s", text);
	report_free(r);
	fclose(style.out);
	free(text);
}

Test(report, a_finding_brings_its_text_but_no_escapes)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_FINDING, .conn = 1, .finding = { .id = "loss",
		.title = "a\033[2Jb", .severity = TCPSTAT_SEVERITY_PROBLEM, .detail = "cost\033[K", .advice = "do",
		.rule = "r", .cost_ns = TCPSTAT_NULL } };
	struct report_facts facts = { .first_ts_ns = TCPSTAT_NULL, .dropped = TCPSTAT_NULL };
	struct tcpstat_counters counters = { .packets = 1, .tcp = 1 };
	struct tcpstat_conn c = connection(1, 0);
	struct style style = { .out = NULL, .explain = true };
	char *text = NULL;
	size_t size = 0;
	struct report *r;

	style.out = open_memstream(&text, &size);
	r = report_new(&style, 25);
	report_event(r, &ev);
	tell(r, &c);
	report_print(r, &facts, &counters);
	fflush(style.out);
	cr_assert_null(strchr(text, '\033'));
	cr_assert_not_null(strstr(text, "problem: #1 a\\x1b[2Jb\n    do (loss)\n"
		"    evidence: cost\\x1b[K\n    rule: r\n"), "%s", text);
	report_free(r);
	fclose(style.out);
	free(text);
}

static void find(struct found *f, const char *title, const char *about, bool ongoing)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_FINDING, .finding = { .id = "syn-flood", .title = title,
		.severity = TCPSTAT_SEVERITY_PROBLEM, .advice = "do", .rule = "r", .cost_ns = TCPSTAT_NULL,
		.about = about, .ongoing = ongoing } };

	cr_assert(found_event(f, &ev));
}

Test(found, the_last_word_takes_the_place_of_what_was_told_before)
{
	struct style style = { .out = NULL };
	char *text = NULL;
	size_t size = 0;

	style.out = open_memstream(&text, &size);
	struct found *f = found_new(&style);
	find(f, "10.0.0.1:80 had 5", "10.0.0.1:80", true);
	find(f, "10.0.0.2:80 had 5", "10.0.0.2:80", true);
	cr_assert_eq(found_count(f, TCPSTAT_SEVERITY_PROBLEM), 2);
	find(f, "10.0.0.1:80 had 9", "10.0.0.1:80", false);
	find(f, "10.0.0.1:8080 had 7", "10.0.0.1:8080", false);
	cr_assert_eq(found_count(f, TCPSTAT_SEVERITY_PROBLEM), 3);
	found_print(f, 10);
	fflush(style.out);
	cr_assert_null(strstr(text, "10.0.0.1:80 had 5"), "%s", text);
	cr_assert_not_null(strstr(text, "10.0.0.1:80 had 9"));
	cr_assert_not_null(strstr(text, "10.0.0.2:80 had 5"));
	cr_assert_not_null(strstr(text, "10.0.0.1:8080 had 7"));
	found_free(f);
	fclose(style.out);
	free(text);
}

static void segment(struct ladder *l, uint64_t frame, enum tcpstat_dir dir, uint32_t len)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_SEGMENT, .conn = 1, .frame = frame, .dir = dir,
		.ts_ns = (int64_t)frame * 1000000, .segment = { .flags = 0x10, .seq_rel = 1, .ack_rel = 1, .len = len,
		.state = { TCPSTAT_EP_ESTABLISHED, TCPSTAT_EP_ESTABLISHED } } };

	ladder_event(l, &ev);
}

Test(ladder, the_last_verdict_on_a_packet_counts)
{
	struct tcpstat_event lost = { .type = TCPSTAT_EV_RETRANSMISSION, .conn = 1, .frame = 3, .retransmission = {
		.cause = TCPSTAT_CAUSE_RTO, .backoff = 2, .spurious = -1, .original_frame = 1, .after_ns = 2000000 } };
	struct tcpstat_event late = { .type = TCPSTAT_EV_OUT_OF_ORDER, .conn = 1, .frame = 3,
		.out_of_order = { .late_ns = 1000000 } };
	struct tcpstat_event other = { .type = TCPSTAT_EV_RETRANSMISSION, .conn = 2, .frame = 5 };
	struct tcpstat_conn c = connection(1, 0);
	struct tcpstat_event end = { .type = TCPSTAT_EV_CONNECTION, .conn = 1, .connection = &c };
	struct style style = { .width = 100 };
	struct ladder *l;
	char *text = NULL;
	size_t size = 0;

	style.out = open_memstream(&text, &size);
	l = ladder_new(&style, 1, LADDER_MAX_ROWS);
	segment(l, 1, TCPSTAT_C2S, 100);
	ladder_event(l, &lost);
	segment(l, 3, TCPSTAT_C2S, 100);
	segment(l, 5, TCPSTAT_S2C, 0);
	ladder_event(l, &late);
	ladder_event(l, &other);
	cr_assert_not(ladder_print(l), "not before its end");
	ladder_event(l, &end);
	cr_assert(ladder_done(l));
	cr_assert(ladder_print(l));
	fflush(style.out);
	cr_assert_not_null(strstr(text, "-- 1:101 (100) out of order (1.00 ms late) "), "%s", text);
	cr_assert_null(strstr(text, "retransmission"), "%s", text);
	cr_assert_not_null(strstr(text, "<- ACK ack 1 "), "%s", text);
	ladder_free(l);
	fclose(style.out);
	free(text);
}

Test(detail, what_is_known_of_one_side_only_and_shares_as_bars)
{
	struct tcpstat_conn c = connection(3, 5);
	struct tcpstat_event end = { .type = TCPSTAT_EV_CONNECTION, .conn = 3, .connection = &c };
	struct style style = { .width = 0 };
	struct detail *d;
	char *text = NULL;
	size_t size = 0;
	int i;

	for (i = 0; i < TCPSTAT_NLIMITS; i++)
		c.half[0].limits[i] = c.half[1].limits[i] = NAN;
	c.half[0].limits[TCPSTAT_LIMIT_RECEIVER_WINDOW] = 0.5;
	c.half[0].srtt_ns = 35200000;
	c.half[1].srtt_ns = TCPSTAT_NULL;
	c.half[0].rttvar_ns = c.half[1].rttvar_ns = TCPSTAT_NULL;
	style.out = open_memstream(&text, &size);
	d = detail_new(&style, 3);
	cr_assert_not(detail_print(d));
	detail_event(d, &end);
	cr_assert(detail_print(d));
	fflush(style.out);
	cr_assert_not_null(strstr(text, "\n  receiver window           ######......   50 %           -\n"), "%s", text);
	cr_assert_not_null(strstr(text, "\n  smoothed RTT, last        35.2 ms                       -\n"), "%s", text);
	cr_assert_null(strstr(text, "variation"), "%s", text);
	cr_assert_not_null(strstr(text, "\n  retransmitted segments    5                             0\n"), "%s", text);
	detail_free(d);
	fclose(style.out);
	free(text);
}
