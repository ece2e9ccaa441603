#include "core/reasm.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One connection, what it delivered and which gaps it told. Offsets in the tests count from the first payload byte. */
enum { ROOM = 1 << 20, GAPS = 4096 };

static const int64_t ms = 1000000;
static const uint64_t first = SEQ_ISN + 1;

static struct world {
	struct reasm reasm[2];
	struct budget budget;
	struct tcpstat_config config;
	struct emitter out;
	struct tcpstat_conn conn;
	int64_t now;
	uint64_t frame;
	uint8_t bytes[2][ROOM];
	uint64_t got[2];                /* end of what came, gaps included */
	struct tcpstat_ev_gap gaps[2][GAPS];
	int n_gaps[2];
	bool keep;                      /* false: only the offsets are checked */
} w;

static void on_stream(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	(void)ctx;
	cr_assert_eq(conn, 7);
	cr_assert_gt(len, 0);
	cr_assert_eq(offset, w.got[dir], "bytes at %" PRIu64 ", not %" PRIu64, offset, w.got[dir]);
	w.got[dir] += len;
	if (!w.keep)
		return;
	cr_assert_leq(w.got[dir], ROOM);
	memcpy(w.bytes[dir] + offset, bytes, len);
}

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	(void)ctx;
	cr_assert_eq(ev->type, TCPSTAT_EV_GAP);
	cr_assert_lt(w.n_gaps[ev->dir], GAPS);
	if (w.config.stream)
		cr_assert_eq(ev->gap.offset, w.got[ev->dir]);
	cr_assert_gt(ev->gap.len, 0);
	w.gaps[ev->dir][w.n_gaps[ev->dir]++] = ev->gap;
	w.got[ev->dir] = ev->gap.offset + ev->gap.len;
}

static void start(void)
{
	memset(&w, 0, sizeof w);
	w.budget.limit = 1 << 30;
	w.config.stream = on_stream;
	w.config.event = on_event;
	w.config.events = TCPSTAT_MASK(TCPSTAT_EV_GAP);
	w.out = (struct emitter){ .config = &w.config, .conn = 7 };
	w.keep = true;
	reasm_init(w.reasm, &w.budget);
}

static void end(void)
{
	reasm_finish(w.reasm, w.now, &w.out);
	reasm_snapshot(w.reasm, &w.conn);
	for (int dir = 0; dir < 2; dir++)
		cr_assert_eq(w.conn.half[dir].gaps.count, w.n_gaps[dir]);
	reasm_fini(w.reasm);
	cr_assert_eq(w.budget.used, 0, "%" PRIu64 " bytes not given back", w.budget.used);
}

TestSuite(reasm, .init = start);

static void feed(struct segment *s, const void *data, uint32_t caplen)
{
	struct tcp_view view = { .payload = data, .caplen = caplen, .len = s->len, .cksum = CKSUM_GOOD };

	s->view = &view;
	s->ts = w.now;
	s->frame = ++w.frame;
	s->wnd = s->wnd ? s->wnd : 65535;
	s->end = s->seq + s->len + !!(s->flags & TH_SYN) + !!(s->flags & TH_FIN);
	reasm_segment(w.reasm, s, &w.out);
}

/* A client's segment whose first byte has offset `off`. */
static void data(uint64_t off, const void *bytes, uint32_t len)
{
	feed(&(struct segment){ .dir = TCPSTAT_C2S, .flags = TH_ACK, .seq = first + off, .ack = first, .len = len },
	     bytes, len);
}

static void text(uint64_t off, const char *bytes)
{
	data(off, bytes, (uint32_t)strlen(bytes));
}

/* The server acknowledges the client's bytes below `off`. */
static void ack(uint64_t off)
{
	feed(&(struct segment){ .dir = TCPSTAT_S2C, .flags = TH_ACK, .seq = first, .ack = first + off }, NULL, 0);
}

static void flag(enum tcpstat_dir dir, uint64_t off, uint16_t flags)
{
	feed(&(struct segment){ .dir = dir, .flags = flags, .seq = first + off, .ack = first }, NULL, 0);
}

static void syn(void)
{
	feed(&(struct segment){ .dir = TCPSTAT_C2S, .flags = TH_SYN, .seq = SEQ_ISN }, NULL, 0);
	feed(&(struct segment){ .dir = TCPSTAT_S2C, .flags = TH_SYN | TH_ACK, .seq = SEQ_ISN, .ack = first }, NULL, 0);
}

static void expect(const char *bytes)
{
	cr_assert_eq(w.got[0], strlen(bytes), "%" PRIu64 " bytes, not %zu", w.got[0], strlen(bytes));
	cr_assert_arr_eq(w.bytes[0], bytes, strlen(bytes), "%.*s, not %s", (int)w.got[0], (char *)w.bytes[0], bytes);
}

static void expect_gap(int i, uint64_t offset, uint64_t len, enum tcpstat_gap_why why)
{
	cr_assert_lt(i, w.n_gaps[0], "there are only %d gaps", w.n_gaps[0]);
	cr_assert_eq(w.gaps[0][i].offset, offset, "offset %" PRIu64, w.gaps[0][i].offset);
	cr_assert_eq(w.gaps[0][i].len, len, "len %" PRIu64, w.gaps[0][i].len);
	cr_assert_eq(w.gaps[0][i].why, why, "why %s", tcpstat_gap_why_name(w.gaps[0][i].why));
}

/* ---------------------------------------------------------------------------------------------------- in order */

Test(reasm, bytes_in_order_are_passed_on_at_once)
{
	syn();
	text(0, "GET ");
	expect("GET ");
	text(4, "/\r\n");
	expect("GET /\r\n");
	cr_assert_null(w.reasm[0].ahead);
	end();
	cr_assert_eq(w.conn.half[0].payload_bytes, 7);
}

Test(reasm, reordered_repeated_and_overlapping_bytes_come_once)
{
	syn();
	text(6, "ghi");
	text(3, "def");
	text(3, "defg");
	cr_assert_eq(w.got[0], 0);
	text(0, "abc");
	expect("abcdefghi");
	text(0, "abcdefghi");
	text(7, "hijk");
	expect("abcdefghijk");
	end();
	cr_assert_eq(w.conn.half[0].payload_bytes, 11);
	cr_assert_eq(w.conn.half[0].overlap_conflicts, 0);
}

Test(reasm, both_directions_are_apart)
{
	syn();
	text(0, "ask");
	feed(&(struct segment){ .dir = TCPSTAT_S2C, .flags = TH_ACK, .seq = first, .ack = first + 3, .len = 6 },
	     "answer", 6);
	end();
	expect("ask");
	cr_assert_eq(w.got[1], 6);
	cr_assert_arr_eq(w.bytes[1], "answer", 6);
}

Test(reasm, midstream_counts_from_the_first_byte_seen)
{
	text(1000, "abc");
	text(997, "old");
	text(1003, "def");
	end();
	expect("abcdef");
}

Test(reasm, midstream_keepalive_is_no_first_byte)
{
	ack(1000);
	text(999, "x");
	text(1000, "abc");
	end();
	expect("abc");
}

Test(reasm, data_before_the_syn_are_none)
{
	syn();
	data((uint64_t)-5, "XXXXX", 5);
	data((uint64_t)-5, "XXXXXab", 7);
	text(2, "c");
	end();
	expect("abc");
}

/* 5 GB in segments of 64,000 bytes: the raw number wraps once */
Test(reasm, streams_longer_than_4_gb)
{
	static uint8_t block[64000];
	uint64_t off = 0;

	w.keep = false;
	syn();
	for (int i = 0; i < 80000; i += 2, off += 2 * sizeof block) {
		data(off + sizeof block, block, sizeof block);
		data(off, block, sizeof block);
		ack(off + 2 * sizeof block);
	}
	cr_assert_eq(w.got[0], 80000 * sizeof block);
	end();
	cr_assert_eq(w.conn.half[0].payload_bytes, (int64_t)(80000 * sizeof block));
}

/* ---------------------------------------------------------------------------------------------------- gaps */

Test(reasm, an_ack_may_be_captured_before_its_data)
{
	syn();
	text(0, "abc");
	ack(9);
	text(6, "ghi");
	w.now += 50 * ms;
	cr_assert_eq(w.n_gaps[0], 0);
	text(3, "def");
	w.now += 5000 * ms;
	ack(9);
	end();
	expect("abcdefghi");
	cr_assert_eq(w.n_gaps[0], 0);
}

Test(reasm, what_was_acknowledged_long_ago_is_a_capture_loss)
{
	syn();
	text(0, "abc");
	text(6, "ghi");
	ack(9);
	w.now += 999 * ms;
	ack(9);
	cr_assert_eq(w.n_gaps[0], 0);
	w.now += 1 * ms;
	ack(9);
	expect_gap(0, 3, 3, TCPSTAT_GAP_CAPTURE_LOSS);
	cr_assert_eq(w.got[0], 9);
	end();
	cr_assert_eq(w.n_gaps[0], 1);
	cr_assert_eq(w.conn.half[0].payload_bytes, 6);
	cr_assert_eq(w.conn.half[0].gaps.bytes, 3);
}

Test(reasm, many_segments_after_the_ack_show_a_capture_loss_too)
{
	syn();
	text(3, "x");
	ack(4);
	for (int i = 0; i < 127; i++)
		text(4 + (uint64_t)i, "x");
	cr_assert_eq(w.n_gaps[0], 0);
	text(131, "x");
	expect_gap(0, 0, 3, TCPSTAT_GAP_CAPTURE_LOSS);
	cr_assert_eq(w.got[0], 132);
	end();
}

Test(reasm, what_nobody_acknowledged_is_lost_at_the_end_only)
{
	syn();
	text(0, "abc");
	text(6, "ghi");
	ack(3);
	w.now += 100000 * ms;
	text(9, "jkl");
	cr_assert_eq(w.n_gaps[0], 0);
	end();
	expect_gap(0, 3, 3, TCPSTAT_GAP_LOST);
	cr_assert_eq(w.got[0], 12);
}

Test(reasm, the_ack_divides_a_hole_into_captured_badly_and_lost)
{
	syn();
	text(10, "x");
	ack(4);
	end();
	expect_gap(0, 0, 4, TCPSTAT_GAP_CAPTURE_LOSS);
	expect_gap(1, 4, 6, TCPSTAT_GAP_LOST);
	cr_assert_eq(w.n_gaps[0], 2);
}

Test(reasm, a_tail_that_was_not_captured)
{
	syn();
	text(0, "abc");
	ack(10);
	w.now += 2000 * ms;
	ack(10);
	flag(TCPSTAT_C2S, 10, TH_FIN | TH_ACK);
	end();
	cr_assert_eq(w.n_gaps[0], 1);
	expect_gap(0, 3, 7, TCPSTAT_GAP_CAPTURE_LOSS);
}

/* the ACK of a FIN that the capture misses covers one number more than there are bytes */
Test(reasm, a_fin_that_was_not_captured_is_no_gap)
{
	syn();
	text(0, "abc");
	ack(4);
	w.now += 2000 * ms;
	ack(4);
	end();
	expect("abc");
	cr_assert_eq(w.n_gaps[0], 0);
}

Test(reasm, bytes_cut_by_the_snapshot_length)
{
	for (int wanted = 1; wanted >= 0; wanted--) {
		start();
		w.config.stream = wanted ? on_stream : NULL;
		syn();
		for (uint64_t i = 0; i < 4; i++) {
			uint64_t off = 100 * (i ^ 1);
			feed(&(struct segment){ .dir = TCPSTAT_C2S, .flags = TH_ACK, .seq = first + off, .len = 100 },
			     "0123456789", i == 3 ? 0 : 10);
		}
		end();
		/* 100 and 0 in the wrong order, then 300, then 200 without a byte */
		cr_assert_eq(w.n_gaps[0], 3, "%d gaps", w.n_gaps[0]);
		expect_gap(0, 10, 90, TCPSTAT_GAP_TRUNCATED);
		expect_gap(1, 110, 190, TCPSTAT_GAP_TRUNCATED);
		expect_gap(2, 310, 90, TCPSTAT_GAP_TRUNCATED);
		cr_assert_eq(w.conn.half[0].payload_bytes, 400);
		cr_assert_eq(w.conn.half[0].overlap_conflicts, wanted ? 0 : TCPSTAT_NULL);
		cr_assert_eq(w.conn.half[0].gaps.bytes, 370);
	}
}

Test(reasm, a_full_copy_mends_a_cut_one_while_it_waits)
{
	for (int wanted = 1; wanted >= 0; wanted--) {
		start();
		w.config.stream = wanted ? on_stream : NULL;
		syn();
		feed(&(struct segment){ .dir = TCPSTAT_C2S, .flags = TH_ACK, .seq = first + 3, .len = 6 }, "de", 2);
		text(4, "efgh");
		text(0, "abc");
		end();
		cr_assert_eq(w.n_gaps[0], 1);
		expect_gap(0, 8, 1, TCPSTAT_GAP_TRUNCATED);
		if (wanted)
			cr_assert_arr_eq(w.bytes[0], "abcdefgh", 8);
	}
}

/* ---------------------------------------------------------------------------------------------------- what does not
 * count */

Test(reasm, keepalive_bytes_are_ignored)
{
	syn();
	text(0, "abc");
	ack(3);
	w.now += 7200000 * ms;
	text(2, "X");
	ack(3);
	text(3, "def");
	end();
	expect("abcdef");
}

/* the byte under the keepalive was not captured: its garbage must not take the place */
Test(reasm, a_keepalive_does_not_fill_a_hole)
{
	syn();
	ack(3);
	w.now += 900 * ms;
	text(2, "X");
	w.now += 200 * ms;
	text(3, "def");
	end();
	expect_gap(0, 0, 3, TCPSTAT_GAP_CAPTURE_LOSS);
	cr_assert_arr_eq(w.bytes[0] + 3, "def", 3);
}

Test(reasm, a_late_byte_is_no_keepalive)
{
	syn();
	ack(1);
	w.now += 1 * ms;
	text(0, "a");
	text(1, "bc");
	end();
	expect("abc");
}

Test(reasm, zero_window_probe_byte_comes_once)
{
	syn();
	text(0, "abc");
	ack(3);
	for (int i = 0; i < 5; i++) {
		w.now += 300 * ms;
		text(3, "d");
		ack(3);
	}
	text(3, "def");
	ack(6);
	end();
	expect("abcdef");
}

Test(reasm, data_after_the_fin_are_refused)
{
	syn();
	text(0, "abc");
	flag(TCPSTAT_C2S, 3, TH_FIN | TH_ACK);
	text(3, "XX");
	text(8, "XXX");
	ack(4);
	end();
	expect("abc");
	cr_assert_eq(w.n_gaps[0], 0);
	cr_assert_eq(w.conn.half[0].payload_bytes, 3);
	cr_assert_eq(w.conn.half[0].refused_bytes, 5);
}

Test(reasm, a_forged_fin_ends_nothing)
{
	syn();
	text(0, "abc");
	flag(TCPSTAT_C2S, 3, TH_FIN | TH_ACK);
	text(3, "def");
	expect("abc");
	ack(6);
	expect("abcdef");
	end();
	cr_assert_eq(w.conn.half[0].refused_bytes, 0);
}

Test(reasm, data_after_a_rst_are_refused)
{
	for (int dir = 0; dir < 2; dir++) {
		start();
		syn();
		text(0, "abc");
		flag(dir ? TCPSTAT_S2C : TCPSTAT_C2S, dir ? 0 : 3, TH_RST);
		text(3, "XX");
		end();
		expect("abc");
		cr_assert_eq(w.conn.half[0].refused_bytes, 2);
	}
}

Test(reasm, a_forged_rst_ends_nothing)
{
	syn();
	text(0, "abc");
	flag(TCPSTAT_S2C, 0, TH_RST);
	text(3, "def");
	text(6, "ghi");
	ack(6);
	expect("abcdefghi");
	flag(TCPSTAT_S2C, 1u << 30, TH_RST);
	text(9, "jkl");
	expect("abcdefghijkl");
	end();
	cr_assert_eq(w.conn.half[0].refused_bytes, 0);
}

static void syn_data(const char *bytes)
{
	uint32_t len = (uint32_t)strlen(bytes);

	feed(&(struct segment){ .dir = TCPSTAT_C2S, .flags = TH_SYN, .seq = SEQ_ISN, .len = len }, bytes, len);
	cr_assert_eq(w.got[0], 0);
}

static void syn_ack(uint64_t off)
{
	feed(&(struct segment){ .dir = TCPSTAT_S2C, .flags = TH_SYN | TH_ACK, .seq = SEQ_ISN, .ack = first + off },
	     NULL, 0);
}

Test(reasm, data_of_a_syn_wait_for_the_ack)
{
	syn_data("fast");
	syn_ack(4);
	expect("fast");
	text(4, "open");
	end();
	expect("fastopen");
	cr_assert_eq(w.conn.half[0].payload_bytes, 8);
}

Test(reasm, data_of_a_syn_that_the_server_did_not_take)
{
	syn_data("XXXX");
	syn_ack(0);
	text(0, "fast");
	end();
	expect("fast");
	cr_assert_eq(w.conn.half[0].payload_bytes, 4);
}

Test(reasm, data_of_a_syn_whose_answer_was_not_captured)
{
	syn_data("fast");
	text(4, "open");
	end();
	expect("fastopen");
}

Test(reasm, data_of_a_syn_without_answer_never_arrived)
{
	syn_data("fast");
	syn_data("fast");
	end();
	cr_assert_eq(w.got[0], 0);
	cr_assert_eq(w.conn.half[0].payload_bytes, 0);
	cr_assert_eq(w.conn.half[0].refused_bytes, 4);
}

static void damaged(uint64_t off, const char *bytes)
{
	uint32_t len = (uint32_t)strlen(bytes);
	struct tcp_view view = { .payload = (const uint8_t *)bytes, .caplen = len, .len = len, .cksum = CKSUM_BAD };
	struct segment s = { .view = &view, .ts = w.now, .dir = TCPSTAT_C2S, .flags = TH_ACK, .len = len,
			     .seq = first + off, .end = first + off + len };

	reasm_segment(w.reasm, &s, &w.out);
}

Test(reasm, damaged_segments_are_none)
{
	syn();
	text(0, "abc");
	damaged(3, "XXX");
	damaged(6, "XXX");
	text(3, "def");
	ack(6);
	end();
	expect("abcdef");
}

Test(reasm, an_acknowledged_segment_was_not_damaged)
{
	for (int wanted = 1; wanted >= 0; wanted--) {
		start();
		w.config.stream = wanted ? on_stream : NULL;
		syn();
		damaged(0, "abc");
		damaged(3, "dXX");
		text(4, "ef");
		damaged(6, "gh");
		cr_assert_eq(w.got[0], 0);
		ack(8);
		end();
		if (wanted)
			expect("abcdefgh");
		cr_assert_eq(w.conn.half[0].payload_bytes, 8);
		cr_assert_eq(w.n_gaps[0], 0);
	}
}

Test(reasm, without_acks_a_wrong_sum_is_all_there_is)
{
	text(0, "abc");
	damaged(3, "def");
	expect("abcdef");
	end();
}

Test(reasm, where_every_sum_is_wrong_none_counts)
{
	feed(&(struct segment){ .dir = TCPSTAT_S2C, .flags = TH_ACK, .seq = first, .ack = first }, NULL, 0);
	damaged(0, "abc");
	damaged(3, "def");
	expect("abcdef");
	end();
}

Test(reasm, one_segment_2_gb_ahead_makes_no_phantom)
{
	syn();
	text(0, "abc");
	text(2000000000, "XXX");
	text(3, "def");
	ack(6);
	w.now += 10000 * ms;
	text(6, "ghi");
	end();
	expect("abcdefghi");
	cr_assert_eq(w.n_gaps[0], 0);
	cr_assert_eq(w.conn.half[0].refused_bytes, 3);
}

Test(reasm, one_ack_2_gb_ahead_makes_no_phantom)
{
	syn();
	text(0, "abc");
	ack(2000000000);
	w.now += 10000 * ms;
	text(3, "def");
	end();
	expect("abcdef");
	cr_assert_eq(w.n_gaps[0], 0);
}

Test(reasm, an_ack_that_the_sender_contradicts_makes_no_phantom)
{
	syn();
	text(0, "abc");
	ack(500000);
	flag(TCPSTAT_C2S, 3, TH_ACK);
	w.now += 2000 * ms;
	text(3, "def");
	ack(6);
	end();
	expect("abcdef");
	cr_assert_eq(w.n_gaps[0], 0);
}

Test(reasm, a_keepalive_contradicts_no_ack)
{
	syn();
	ack(3);
	flag(TCPSTAT_C2S, 2, TH_ACK);
	flag(TCPSTAT_C2S, 3, TH_ACK);
	w.now += 2000 * ms;
	ack(3);
	text(3, "def");
	end();
	cr_assert_eq(w.n_gaps[0], 1);
	expect_gap(0, 0, 3, TCPSTAT_GAP_CAPTURE_LOSS);
}

Test(reasm, a_long_outage_is_a_gap_once_the_ack_agrees)
{
	syn();
	text(0, "abc");
	text(200000000, "def");
	ack(200000003);
	w.now += 2000 * ms;
	w.keep = false;
	ack(200000003);
	end();
	cr_assert_eq(w.n_gaps[0], 1);
	expect_gap(0, 3, 199999997, TCPSTAT_GAP_CAPTURE_LOSS);
	cr_assert_eq(w.conn.half[0].payload_bytes, 6);
}

Test(reasm, a_long_outage_of_a_one_sided_capture)
{
	feed(&(struct segment){ .dir = TCPSTAT_C2S, .flags = TH_SYN, .seq = SEQ_ISN }, NULL, 0);
	text(0, "abc");
	w.keep = false;
	for (uint64_t i = 0; i < 100; i++)
		text(200000000 + 3 * i, "def");
	end();
	cr_assert_eq(w.n_gaps[0], 1);
	expect_gap(0, 3, 199999997, TCPSTAT_GAP_LOST);
	cr_assert_eq(w.conn.half[0].payload_bytes, 303);
}

/* ---------------------------------------------------------------------------------------------------- overlaps */

/* The segments of Novak and Sturges, in the order of arrival; the last one closes the hole at 0. */
static const struct { uint64_t off; const char *bytes; } novak[] = {
	{ 1, "AAA" }, { 5, "BB" }, { 7, "CCC" }, { 11, "D" }, { 14, "EE" }, { 16, "FFF" }, { 19, "GG" },
	{ 21, "HH" }, { 23, "I" },
	{ 2, "JJJJ" }, { 7, "KKK" }, { 10, "LLL" }, { 13, "MMM" }, { 17, "N" }, { 20, "O" }, { 21, "P" },
	{ 23, "QQ" }, { 0, "0" },
};

static const char *const novak_result[TCPSTAT_NOVERLAPS] = {
	[TCPSTAT_OVERLAP_FIRST] =     "0AAAJBBCCCLDLMEEFFFGGHHIQ",
	[TCPSTAT_OVERLAP_LAST] =      "0AJJJJBKKKLLLMMMFNFGOPHQQ",
	[TCPSTAT_OVERLAP_BSD] =       "0AAAJJBCCCLLLMMMFFFGGHHIQ",
	[TCPSTAT_OVERLAP_LINUX] =     "0AAAJJBCCCLLLMMMFFFGGHHQQ",
	[TCPSTAT_OVERLAP_OLD_LINUX] = "0AAAJJBKKKLLLMMMFFFGGHHQQ",
	[TCPSTAT_OVERLAP_WINDOWS] =   "0AAAJJBCCCLLLMMMFFFGGHHIQ",
	[TCPSTAT_OVERLAP_SOLARIS] =   "0AJJJBBKKKLLLMMMFFFGGHHQQ",
	[TCPSTAT_OVERLAP_HPUX10] =    "0AAAJJBCCCLLLMMMFFFGGHHQQ",
	[TCPSTAT_OVERLAP_HPUX11] =    "0AJJJBBKKKLLLMMMFFFGGHHQQ",
	[TCPSTAT_OVERLAP_IRIX] =      "0AAAJJBCCCLLLMMMFFFGGHHQQ",
	[TCPSTAT_OVERLAP_MACOS] =     "0AAAJJBCCCLLLMMMFFFGGHHIQ",
};

Test(reasm, overlaps_as_each_system_resolves_them)
{
	for (int policy = 0; policy < TCPSTAT_NOVERLAPS; policy++) {
		start();
		w.config.overlap = (enum tcpstat_overlap)policy;
		syn();
		for (size_t i = 0; i < sizeof novak / sizeof *novak; i++)
			text(novak[i].off, novak[i].bytes);
		end();
		cr_assert_eq(w.got[0], 25);
		cr_assert_arr_eq(w.bytes[0], novak_result[policy], 25, "%s: %.25s",
				 tcpstat_overlap_name(w.config.overlap), (char *)w.bytes[0]);
		cr_assert_gt(w.conn.half[0].overlap_conflicts, 0);
	}
}

/* The slow model: one owner for each byte. */
struct owner {
	uint64_t lo, hi;
	char letter;                    /* 0: nobody */
};

/* `head` owns the first byte that waits. */
static bool model_new_wins(enum tcpstat_overlap policy, const struct owner *new, const struct owner *old,
			   const struct owner *head)
{
	switch (policy) {
	case TCPSTAT_OVERLAP_FIRST:
		return false;
	case TCPSTAT_OVERLAP_LAST:
		return true;
	case TCPSTAT_OVERLAP_LINUX:
	case TCPSTAT_OVERLAP_HPUX10:
	case TCPSTAT_OVERLAP_IRIX:
		return new->lo < old->lo || (new->lo == old->lo && new->hi > old->hi);
	case TCPSTAT_OVERLAP_OLD_LINUX:
		return new->lo < old->lo || (new->lo == old->lo && new->hi >= old->hi);
	case TCPSTAT_OVERLAP_SOLARIS:
	case TCPSTAT_OVERLAP_HPUX11:
		if (new->lo == old->lo && new->hi == old->hi)
			return old->letter != head->letter;
		return new->lo <= old->lo ? new->hi >= old->hi : new->hi > old->hi;
	default:
		return new->lo < old->lo;
	}
}

Test(reasm, overlaps_agree_with_a_model_byte_by_byte)
{
	enum { LEN = 60, SEGMENTS = 40 };

	srand(2);
	for (int round = 0; round < 3000; round++) {
		struct owner owners[LEN] = { { 0, 0, 0 } };
		enum tcpstat_overlap policy = (enum tcpstat_overlap)(round % TCPSTAT_NOVERLAPS);
		char bytes[LEN + 1];
		int n = 1 + rand() % SEGMENTS;

		start();
		w.config.overlap = policy;
		syn();
		for (int i = 0; i < n; i++) {
			struct owner new = { .lo = 1 + (uint64_t)rand() % (LEN - 1), .letter = (char)('A' + i) };
			new.hi = new.lo + 1 + (uint64_t)rand() % 12;
			if (new.hi > LEN)
				new.hi = LEN;
			memset(bytes, new.letter, LEN);
			data(new.lo, bytes, (uint32_t)(new.hi - new.lo));
			struct owner head = { 0, 0, 0 };
			for (uint64_t off = 1; off < LEN && !head.letter; off++)
				head = owners[off];
			for (uint64_t off = new.lo; off < new.hi; off++)
				if (!owners[off].letter || model_new_wins(policy, &new, &owners[off], &head))
					owners[off] = new;
		}
		text(0, "0");
		end();
		for (uint64_t off = 1; off < LEN; off++)
			if (owners[off].letter)
				cr_assert_eq(w.bytes[0][off], owners[off].letter, "round %d, %s, offset %d",
					     round, tcpstat_overlap_name(policy), (int)off);
	}
}

/* ---------------------------------------------------------------------------------------------------- the whole, at
 * random */

/* Segments of a known stream, shuffled, repeated, merged, some never captured, some never delivered: each byte comes
 * once and is right, or is in a gap and was never captured. */
static void at_random(int round, bool wanted)
{
	enum { LEN = 5000 };
	static uint8_t truth[LEN];
	static bool seen[LEN];
	uint64_t snd_nxt = 0, acked = 0, end_of_seen = 0, unique = 0;

	start();
	w.config.stream = wanted ? on_stream : NULL;
	memset(seen, 0, sizeof seen);
	for (int i = 0; i < LEN; i++)
		truth[i] = (uint8_t)rand();
	syn();
	while (snd_nxt < LEN || rand() % 20) {
		uint64_t back = rand() % 3 ? 0 : (uint64_t)rand() % 800, off, len = 1 + (uint64_t)rand() % 200;
		off = snd_nxt > back ? snd_nxt - back : 0;
		if (rand() % 8 == 0)
			off += (uint64_t)rand() % 400;
		if (off >= LEN)
			off = LEN - 1;
		if (off + len > LEN)
			len = LEN - off;
		if (off + len > snd_nxt)
			snd_nxt = off + len;
		if (rand() % 5) {
			data(off, truth + off, (uint32_t)len);
			memset(seen + off, true, len);
			if (off + len > end_of_seen)
				end_of_seen = off + len;
		}
		if (rand() % 4 == 0 && snd_nxt > acked + 100) {
			acked += (uint64_t)rand() % 100;
			ack(acked);
		}
	}
	end();
	if (acked > end_of_seen + 1)
		end_of_seen = acked - 1;
	for (uint64_t off = 0; off < LEN; off++)
		unique += seen[off];
	cr_assert_eq(w.conn.half[0].payload_bytes + w.conn.half[0].gaps.bytes, (int64_t)end_of_seen, "round %d", round);
	cr_assert_leq(w.conn.half[0].payload_bytes, (int64_t)unique);
	for (int i = 0; i < w.n_gaps[0]; i++)
		memcpy(w.bytes[0] + w.gaps[0][i].offset, truth + w.gaps[0][i].offset, w.gaps[0][i].len);
	if (wanted)
		cr_assert_arr_eq(w.bytes[0], truth, w.got[0]);
	if (w.frame < 128) /* too few segments for patience to end: every gap is one */
		cr_assert_eq(w.conn.half[0].payload_bytes, (int64_t)unique, "round %d", round);
}

Test(reasm, agrees_with_the_stream_at_random)
{
	srand(3);
	for (int round = 0; round < 400; round++)
		at_random(round, round % 4);
}

/* ---------------------------------------------------------------------------------------------------- bounds */

Test(reasm, the_cap_is_a_gap_that_is_told)
{
	static uint8_t block[1000];

	w.config.reasm_conn_bytes = 10000;
	syn();
	for (uint64_t off = 1000; off < 30000; off += 1000) {
		data(off, block, 1000);
		cr_assert_lt(w.budget.used, 20000);
	}
	cr_assert_eq(w.n_gaps[0], 1);
	expect_gap(0, 0, 1000, TCPSTAT_GAP_CAP);
	cr_assert_eq(w.got[0], 30000);
	text(0, "late");
	end();
	cr_assert_eq(w.n_gaps[0], 1);
}

Test(reasm, without_memory_in_order_bytes_still_come)
{
	w.budget.limit = 0;
	syn();
	text(0, "abc");
	text(5, "fgh");
	text(3, "de");
	text(8, "ijk");
	end();
	cr_assert_eq(w.n_gaps[0], 1);
	expect_gap(0, 3, 2, TCPSTAT_GAP_CAP);
	cr_assert_eq(w.got[0], 11);
	cr_assert_arr_eq(w.bytes[0] + 5, "fghijk", 6);
}

Test(reasm, overlaps_without_room_lose_nothing_in_order)
{
	w.config.reasm_conn_bytes = 80;
	syn();
	text(10, "kl");
	text(0, "abcdefghijKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
	end();
	expect("abcdefghijklMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	(void)ctx, (void)conn, (void)bytes;
	cr_assert_geq(offset, w.got[dir]);
	w.got[dir] = offset + len;
}

/* Every other byte, from the top down and from the bottom up, then from the middle out. */
Test(reasm, a_million_holes_stay_bounded, .timeout = 60)
{
	enum { HOLES = 1000000 };

	for (int wanted = 0; wanted < 2; wanted++) {
		for (int order = 0; order < 3; order++) {
			start();
			w.config.stream = wanted ? on_bytes : NULL;
			w.config.events = 0;
			w.config.reasm_conn_bytes = 1 << 20;
			syn();
			for (uint64_t i = 0; i < HOLES; i++) {
				uint64_t out = i % 2 ? HOLES / 2 + i / 2 : HOLES / 2 - i / 2;
				uint64_t at = order == 0 ? HOLES - i : order == 1 ? i + 1 : out;
				text(2 * at, "x");
				cr_assert_lt(w.budget.used, 4 << 20);
			}
			reasm_finish(w.reasm, w.now, &w.out);
			reasm_fini(w.reasm);
			cr_assert_eq(w.budget.used, 0);
		}
	}
}

Test(reasm, one_byte_segments_in_reverse_over_60_mb_stay_bounded, .timeout = 60)
{
	w.keep = false;
	w.config.reasm_conn_bytes = 1 << 20;
	syn();
	for (uint64_t off = 60000000; off > 59000000; off--) {
		text(off, "x");
		cr_assert_lt(w.budget.used, 3 << 20);
	}
	end();
	cr_assert_eq(w.got[0], 60000001);
}

/* A filled buffer of one-byte pieces under segments that touch all of them. */
Test(reasm, large_segments_over_many_pieces_stay_bounded, .timeout = 60)
{
	static uint8_t block[16000];

	w.keep = false;
	syn();
	for (uint64_t off = 1; off < sizeof block; off += 2)
		text(off, "x");
	for (int i = 0; i < 200; i++)
		data(1, block, sizeof block - 1);
	text(0, "x");
	cr_assert_eq(w.got[0], sizeof block);
	end();
}
