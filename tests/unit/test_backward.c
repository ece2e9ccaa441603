#include "core/side.h"

#include "observe.h"

#include <criterion/criterion.h>

/* Segments of 100 bytes; what is judged is the one that goes back. */
static const int64_t ms = 1000000;
static struct observe o;
static struct side d;
static struct backward b;

static void start(void)
{
	observe_init(&o);
	memset(&d, 0, sizeof d);
	sender_init(&d.snd, &o.budget, &stack_linux);
	d.snd.mss = 100;
}

static void end(void)
{
	sender_fini(&d.snd);
	cr_assert_eq(o.budget.used, 0);
}

TestSuite(backward, .init = start, .fini = end);

static struct segment segment(int64_t at, uint32_t n, uint16_t id, uint32_t ts_val)
{
	struct segment s = observe_segment(&o, C, at, TH_ACK, 1 + n * 100, 100, 1, 65535);

	o.view.has_ip_id = id;
	o.view.ip_id = id;
	if (ts_val)
		observe_timestamps(&o, ts_val, 1);
	return s;
}

/* Segment n passes for the first time. */
static void passes(int64_t at, uint32_t n, uint16_t id, uint32_t ts_val)
{
	struct segment s = segment(at, n, id, ts_val);
	struct sent *e = sender_new_data(&d.snd, s.seq, s.end, s.ts, 0, true);

	e->frame = s.frame;
	e->seen_ns = s.ts;
	e->ip_id = id;
	e->ts_val = ts_val;
	e->flags |= ts_val ? SENT_TIMED : 0;
	backward_learn_id(&d, &s);
}

/* Segment n did not pass; that was seen at `at`. */
static void missing(int64_t at, uint32_t n)
{
	uint64_t seq = SEQ_ISN + 1 + n * 100;

	sender_new_data(&d.snd, seq, seq + 100, at * ms, 0, false)->seen_ns = at * ms;
}

static enum backward_kind judge(int64_t at, uint32_t n, uint16_t id, uint32_t ts_val)
{
	struct segment s = segment(at, n, id, ts_val);

	backward_judge(&d, &s, 20 * ms, &b);
	return b.kind;
}

Test(backward, learns_whether_ids_count)
{
	for (uint16_t i = 0; i < 5; i++)
		passes(10 + i, i, (uint16_t)(65533 + i), 0);
	cr_assert(d.ids_count, "over the wrap, too");
	end();
	start();
	for (uint16_t i = 0; i < 5; i++)
		passes(10 + i, i, (uint16_t)(i * 30011), 0);
	cr_assert_not(d.ids_count, "random");
}

Test(backward, by_ip_id)
{
	passes(10, 0, 100, 0);
	passes(11, 1, 101, 0);
	missing(12, 2); /* ID 102 */
	passes(12, 3, 103, 0);
	passes(13, 4, 104, 0);
	cr_assert_eq(judge(14, 2, 102, 0), BACKWARD_LATE, "left in order, arrived late");
	cr_assert_eq(b.before_ns, 12 * ms, "late since the hole opened");
	cr_assert_eq(judge(15, 2, 105, 0), BACKWARD_RETRANSMISSION, "left after segments beyond it");
	cr_assert_eq(b.lost, TCPSTAT_LOST_BEFORE_CAPTURE);
	cr_assert_eq(b.original_frame, TCPSTAT_NULL);
	cr_assert_eq(judge(16, 1, 106, 0), BACKWARD_RETRANSMISSION);
	cr_assert_eq(b.lost, TCPSTAT_LOST_AFTER_CAPTURE, "it had passed here");
	cr_assert_eq(b.original_frame, 2);
	cr_assert(b.seen_whole);
	cr_assert_eq(judge(100, 1, 101, 0), BACKWARD_DUPLICATE, "the very packet");
}

/* Pairwise: a retransmission that was itself overtaken by new data is one all the same. */
Test(backward, an_overtaken_retransmission)
{
	passes(10, 0, 100, 0);
	missing(11, 1);
	passes(11, 2, 102, 0);
	passes(12, 3, 103, 0);
	passes(40, 4, 105, 0); /* left after the retransmission, ID 104, but came first */
	cr_assert_eq(judge(41, 1, 104, 0), BACKWARD_RETRANSMISSION);
}

Test(backward, by_timestamp)
{
	passes(10, 0, 0, 1000);
	missing(11, 1);
	passes(11, 2, 0, 1001);
	passes(12, 3, 0, 1002);
	cr_assert_eq(judge(13, 1, 0, 1001), BACKWARD_LATE);
	cr_assert_eq(judge(60, 1, 0, 1050), BACKWARD_RETRANSMISSION);
	cr_assert_eq(judge(13, 2, 0, 1001), BACKWARD_DUPLICATE, "the same clock, too soon for an answer");
	cr_assert_eq(judge(60, 2, 0, 1050), BACKWARD_RETRANSMISSION);
}

/* Nothing to compare: nobody repeats before the sign of the loss can have reached him. */
Test(backward, by_time)
{
	passes(10, 0, 0, 0);
	missing(11, 1);
	passes(11, 2, 0, 0);
	d.hole_sign_ns = 15 * ms; /* a duplicate ACK passed; the sender is 20 ms away, there and back */
	cr_assert_eq(judge(25, 1, 0, 0), BACKWARD_LATE);
	cr_assert_eq(judge(34, 1, 0, 0), BACKWARD_RETRANSMISSION);
	d.hole_sign_ns = 0;
	cr_assert_eq(judge(200, 1, 0, 0), BACKWARD_LATE, "no sign, and no timeout yet");
	cr_assert_eq(judge(1000, 1, 0, 0), BACKWARD_RETRANSMISSION, "nine tenths of the initial RTO");
}

Test(backward, older_than_what_is_remembered)
{
	for (uint16_t i = 0; i < 200; i++) {
		passes(10 + i, i, (uint16_t)(100 + i), 0);
		sendq_retire(&d.snd.q);
	}
	cr_assert_eq(judge(300, 3, 400, 0), BACKWARD_RETRANSMISSION);
	cr_assert_eq(b.before_ns, TCPSTAT_NULL);
	cr_assert_eq(b.original_frame, TCPSTAT_NULL);
}
