#include "core/resent.h"
#include "core/sendq.h"

#include <criterion/criterion.h>

static struct budget budget;
static struct sendq q;

static void start(void)
{
	budget = (struct budget){ .limit = 64 << 20 };
	q = (struct sendq){ 0 };
}

static void end(void)
{
	sendq_fini(&q, &budget);
	cr_assert_eq(budget.used, 0);
}

TestSuite(sendq, .init = start, .fini = end);

static void fill(uint32_t n, uint32_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		struct sent *e = sendq_append(&q, &budget, (uint64_t)i * size, (uint64_t)(i + 1) * size);
		cr_assert_not_null(e);
		e->pkts = 1;
	}
}

Test(sendq, finds_by_sequence_number)
{
	fill(100, 10);
	cr_assert_eq(sendq_find(&q, 0), 0);
	cr_assert_eq(sendq_find(&q, 9), 0);
	cr_assert_eq(sendq_find(&q, 10), 1);
	cr_assert_eq(sendq_find(&q, 995), 99);
	cr_assert_eq(sendq_find(&q, 1000), q.end);
}

Test(sendq, history_stays_for_a_while)
{
	fill(200, 10);
	for (int i = 0; i < 150; i++)
		sendq_retire(&q);
	cr_assert_eq(q.entries[q.head].seq, 1500);
	cr_assert_eq(q.head - q.first, SENDQ_HISTORY);
	uint32_t old = sendq_find(&q, 1495);
	cr_assert_lt(old, q.head);
	cr_assert_eq(q.entries[old].seq, 1490);
	cr_assert_eq(sendq_find(&q, 0), q.first, "forgotten: the oldest known");
}

Test(sendq, room_is_used_again)
{
	uint64_t seq = 0;

	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 10; i++, seq++)
			cr_assert_not_null(sendq_append(&q, &budget, seq, seq + 1));
		while (q.head < q.end)
			sendq_retire(&q);
	}
	cr_assert_leq(q.room, 256, "memory follows what is outstanding");
}

Test(sendq, split)
{
	fill(3, 100);
	q.entries[0].flags = SENT_SYN;
	q.entries[1].flags = SENT_FIN;
	uint32_t i = 1;
	cr_assert(sendq_split(&q, &budget, &i, 140));
	cr_assert_eq(i, 1);
	cr_assert_eq(q.end, 4);
	cr_assert_eq(q.entries[1].end, 140);
	cr_assert_eq(q.entries[2].seq, 140);
	cr_assert_eq(q.entries[2].end, 200);
	cr_assert_eq(q.entries[3].seq, 200);
	cr_assert_not(q.entries[1].flags & SENT_FIN);
	cr_assert(q.entries[2].flags & SENT_FIN);
}

Test(sendq, is_bounded)
{
	for (uint32_t i = 0; i < SENDQ_MAX; i++)
		cr_assert_not_null(sendq_append(&q, &budget, i, i + 1));
	cr_assert_null(sendq_append(&q, &budget, SENDQ_MAX, SENDQ_MAX + 1));
	uint32_t i = 0;
	cr_assert_not(sendq_split(&q, &budget, &i, 0), "too many to move");
}

Test(sendq, no_memory_changes_nothing)
{
	fill(8, 10);
	budget.limit = budget.used;
	cr_assert_null(sendq_append(&q, &budget, 80, 90));
	uint32_t i = 3;
	cr_assert_not(sendq_split(&q, &budget, &i, 35));
	cr_assert_eq(q.end, 8);
	cr_assert_eq(q.entries[3].end, 40);
}

Test(sendq, runs_of_sacked_entries_are_passed)
{
	fill(1000, 1);
	for (int i = 100; i < 900; i++)
		q.entries[i].flags |= SENT_SACKED;
	cr_assert_eq(sendq_skip_sacked(&q, 50), 50);
	cr_assert_eq(sendq_skip_sacked(&q, 500), 900);
	cr_assert_eq(sendq_skip_sacked(&q, 100), 900);
	cr_assert_eq(q.entries[100].sacked_run, 800, "in one step from now on");
	for (int i = 900; i < 1000; i++)
		q.entries[i].flags |= SENT_SACKED;
	cr_assert_eq(sendq_skip_sacked(&q, 100), q.end);
}

Test(sendq, merge_only_what_is_alike_and_many)
{
	fill(1000, 1);
	q.entries[500].flags = SENT_SACKED;
	sendq_merge(&q, 0, 100);
	cr_assert_eq(q.end, 1000, "a hundred may be a super-segment");
	sendq_merge(&q, 200, 900);
	cr_assert_eq(q.end, 200 + 1 + 1 + 1 + 100);
	cr_assert_eq(q.entries[200].seq, 200);
	cr_assert_eq(q.entries[200].end, 500);
	cr_assert_eq(q.entries[200].pkts, 300);
	cr_assert(q.entries[201].flags & SENT_SACKED);
	cr_assert_eq(q.entries[202].end, 900);
	cr_assert_eq(q.entries[203].seq, 900);
}

Test(sendq, resent_in_the_order_of_time)
{
	struct resent r = { 0 };

	fill(50, 10);
	for (uint32_t i = 0; i < 50; i += 2) {
		q.entries[i].flags = SENT_RETRANS;
		q.entries[i].xmit_ns = 1000 + i;
		resent_push(&r, &budget, &q, i * 10, i * 10 + 10, 1000 + i);
	}
	for (uint32_t i = 0; i < 50; i += 2) {
		cr_assert_eq(resent_first(&r)->seq, i * 10);
		resent_pop(&r);
	}
	cr_assert_null(resent_first(&r));
	resent_fini(&r, &budget);
}

Test(sendq, resent_again_makes_the_old_item_outdated)
{
	struct resent r = { 0 };

	fill(1, 10);
	q.entries[0].flags = SENT_RETRANS;
	for (int64_t t = 1; t <= 100000; t++) {
		q.entries[0].xmit_ns = t;
		resent_push(&r, &budget, &q, 0, 10, t);
	}
	cr_assert_leq(r.room, 64, "memory follows what is in flight, not what was sent again");
	while (resent_first(&r)->xmit_ns < 100000)
		resent_pop(&r);
	cr_assert_eq(resent_first(&r)->seq, 0);
	resent_fini(&r, &budget);
}

Test(sendq, resent_at_one_time_is_one_item)
{
	struct resent r = { 0 };

	fill(10, 10);
	resent_push(&r, &budget, &q, 20, 30, 7);
	resent_push(&r, &budget, &q, 30, 40, 7);
	resent_push(&r, &budget, &q, 10, 25, 7);
	cr_assert_eq(r.n, 1);
	cr_assert_eq(resent_first(&r)->seq, 10);
	cr_assert_eq(resent_first(&r)->end, 40);
	resent_fini(&r, &budget);
}
