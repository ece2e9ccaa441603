#include "core/frag.h"

#include <criterion/criterion.h>

#include "hex.h"

enum { SECOND = 1000000000, DATAGRAM = 100 };

struct fixture {
	struct budget budget;
	struct tcpstat_counters counters;
	struct frag_table table;
	uint8_t bytes[FRAG_DATAGRAM_BYTES_MAX + 1]; /* what the datagrams carry */
};

static struct fixture f;

static void setup(void)
{
	f.budget = (struct budget){ .limit = 64 << 20 };
	memset(&f.counters, 0, sizeof f.counters);
	frag_init(&f.table, &f.budget, &f.counters);
	for (size_t i = 0; i < sizeof f.bytes; i++)
		f.bytes[i] = (uint8_t)(i * 7 + i / 256);
}

static void teardown(void)
{
	frag_fini(&f.table);
	cr_assert_eq(f.budget.used, 0);
}

TestSuite(frag, .init = setup, .fini = teardown);

/* [offset, offset + len) of the datagram `id` */
static struct frag_piece piece(uint32_t id, uint32_t offset, uint32_t len, bool more)
{
	return (struct frag_piece){
		.key = { .src = { 4, { 10, 0, 0, 1 } }, .dst = { 4, { 10, 0, 0, 2 } }, .protocol = 6, .id = id },
		.p = f.bytes + offset, .offset = offset, .len = len, .cap = len, .more = more, .next = 6, .wire_bytes =
				len + 34
	};
}

static bool add(struct frag_piece p, struct frag_whole *whole)
{
	/* exactly what was captured, for sanitizers */
	uint8_t *copy = exact_copy(p.p, p.cap);

	p.p = copy;
	bool done = frag_add(&f.table, &p, whole);
	free(copy);
	return done;
}

static void check_whole(const struct frag_whole *w, uint32_t len, uint32_t cap)
{
	cr_assert_eq(w->len, len);
	cr_assert_eq(w->cap, cap);
	cr_assert_arr_eq(w->p, f.bytes, cap);
	cr_assert_eq(w->next, 6);
}

Test(frag, in_order)
{
	struct frag_whole w;

	cr_assert_not(add(piece(1, 0, 48, true), &w));
	cr_assert_not(add(piece(1, 48, 48, true), &w));
	cr_assert(add(piece(1, 96, 4, false), &w));
	check_whole(&w, DATAGRAM, DATAGRAM);
	cr_assert_eq(w.wire_bytes, DATAGRAM + 3 * 34);
	cr_assert_eq(f.counters.reassembled, 1);
	cr_assert_eq(f.counters.fragments_dropped, 0);
	cr_assert_eq(f.table.waiting, 0);
}

Test(frag, every_order_of_four)
{
	const struct { uint32_t offset, len; bool more; } parts[] = {
		{ 0, 24, true }, { 24, 40, true }, { 64, 8, true }, { 72, 28, false }
	};
	struct frag_whole w;
	uint32_t id = 0;

	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++)
			for (int c = 0; c < 4; c++) {
				int order[] = { a, b, c, 6 - a - b - c };
				if (a == b || b == c || a == c)
					continue;
				id++;
				for (int i = 0; i < 4; i++)
					cr_assert_eq(add(piece(id, parts[order[i]].offset, parts[order[i]].len,
							parts[order[i]].more), &w),
							i == 3);
				check_whole(&w, DATAGRAM, DATAGRAM);
				frag_release(&f.table);
			}
	cr_assert_eq(id, 24);
	cr_assert_eq(f.counters.reassembled, 24);
}

Test(frag, repeated_ones_are_ignored)
{
	struct frag_whole w;

	add(piece(1, 0, 48, true), &w);
	cr_assert_not(add(piece(1, 0, 48, true), &w));
	cr_assert_not(add(piece(1, 24, 24, true), &w)); /* the same bytes, cut differently */
	cr_assert(add(piece(1, 48, 52, false), &w));
	check_whole(&w, DATAGRAM, DATAGRAM);
}

Test(frag, a_conflict_drops_the_datagram)
{
	struct frag_whole w;
	struct frag_piece other = piece(1, 40, 16, true);

	add(piece(1, 0, 48, true), &w);
	other.p = f.bytes + 1000;
	cr_assert_not(add(other, &w));
	cr_assert_eq(f.counters.fragments_dropped, 2);
	/* what still comes of it goes too, also when it would make it whole */
	cr_assert_not(add(piece(1, 48, 52, false), &w));
	cr_assert_not(add(piece(1, 0, 48, true), &w));
	cr_assert_eq(f.counters.fragments_dropped, 4);
	cr_assert_eq(f.counters.reassembled, 0);
}

Test(frag, two_ends_are_a_conflict)
{
	struct frag_whole w;

	add(piece(1, 48, 52, false), &w);
	cr_assert_not(add(piece(1, 48, 40, false), &w));
	cr_assert_eq(f.counters.fragments_dropped, 2);
	add(piece(2, 48, 52, false), &w);
	cr_assert_not(add(piece(2, 96, 8, true), &w)); /* behind the end */
	cr_assert_eq(f.counters.fragments_dropped, 4);
	add(piece(3, 96, 8, true), &w);
	cr_assert_not(add(piece(3, 48, 8, false), &w)); /* an end before what is there */
	cr_assert_eq(f.counters.fragments_dropped, 6);
}

Test(frag, keys_do_not_mix)
{
	struct frag_whole w;
	struct frag_piece end = piece(1, 48, 52, false);

	add(piece(1, 0, 48, true), &w);
	end.key.protocol = 17;
	cr_assert_not(add(end, &w));
	end = piece(1, 48, 52, false);
	end.key.src.bytes[3] = 9;
	cr_assert_not(add(end, &w));
	end = piece(1, 48, 52, false);
	end.key.vlan[0] = 5;
	cr_assert_not(add(end, &w));
	cr_assert_not(add(piece(2, 48, 52, false), &w));
	cr_assert_eq(f.table.waiting, 5);
	cr_assert(add(piece(1, 48, 52, false), &w));
	check_whole(&w, DATAGRAM, DATAGRAM);
}

Test(frag, what_was_not_captured_is_missing)
{
	struct frag_whole w;
	struct frag_piece cut = piece(1, 0, 48, true);

	cut.cap = 20;
	add(cut, &w);
	cr_assert(add(piece(1, 48, 52, false), &w));
	check_whole(&w, DATAGRAM, 20);
}

Test(frag, lengths_that_cannot_be)
{
	struct frag_whole w;

	cr_assert_not(add(piece(1, 0, 0, true), &w));
	cr_assert_not(add(piece(1, 0, 47, true), &w)); /* only the last one may end anywhere */
	struct frag_piece far = piece(1, 0, 48, false);
	far.offset = 65528;
	cr_assert_not(add(far, &w));
	cr_assert_eq(f.counters.fragments_dropped, 3);
	cr_assert_eq(f.table.waiting, 0);
}

Test(frag, the_largest_datagram)
{
	struct frag_whole w;

	for (uint32_t at = 0; at + 1480 < FRAG_DATAGRAM_BYTES_MAX; at += 1480)
		cr_assert_not(add(piece(1, at, 1480, true), &w));
	uint32_t last = FRAG_DATAGRAM_BYTES_MAX / 1480 * 1480;
	cr_assert(add(piece(1, last, FRAG_DATAGRAM_BYTES_MAX - last, false), &w));
	check_whole(&w, FRAG_DATAGRAM_BYTES_MAX, FRAG_DATAGRAM_BYTES_MAX);
}

Test(frag, given_up_after_a_minute)
{
	struct frag_whole w;
	struct frag_piece late = piece(1, 48, 52, false);

	add(piece(1, 0, 48, true), &w);
	late.ts_ns = FRAG_TIMEOUT_NS + 1;
	cr_assert_not(add(late, &w));
	cr_assert_eq(f.counters.fragments_dropped, 1);
	cr_assert_eq(f.table.waiting, 1); /* starts anew */
	struct frag_piece first = piece(1, 0, 48, true);
	first.ts_ns = late.ts_ns + FRAG_TIMEOUT_NS; /* just in time */
	cr_assert(add(first, &w));
}

Test(frag, times_may_jump)
{
	struct frag_whole w;
	struct frag_piece p = piece(1, 0, 48, true);

	p.ts_ns = INT64_MAX;
	add(p, &w);
	p = piece(2, 0, 48, true);
	p.ts_ns = INT64_MIN;
	add(p, &w);
	p = piece(3, 0, 48, true);
	p.ts_ns = INT64_MAX;
	add(p, &w);
	p = piece(3, 48, 52, false);
	p.ts_ns = INT64_MAX;
	cr_assert(add(p, &w));
}

Test(frag, congestion_experienced_stays)
{
	struct frag_whole w;
	struct frag_piece p = piece(1, 0, 48, true);

	p.ecn = 2;
	add(p, &w);
	p = piece(1, 48, 48, true);
	p.ecn = 3;
	add(p, &w);
	p = piece(1, 96, 4, false);
	p.ecn = 2;
	cr_assert(add(p, &w));
	cr_assert_eq(w.ecn, 3);
}

Test(frag, number_is_bounded)
{
	struct frag_whole w;
	enum { N = 5000 };

	for (uint32_t id = 0; id < N; id++)
		add(piece(id, 0, 48, true), &w);
	cr_assert_eq(f.table.waiting, FRAG_DATAGRAMS_MAX);
	cr_assert_eq(f.counters.fragments_dropped, N - FRAG_DATAGRAMS_MAX);
	cr_assert_not(add(piece(N - FRAG_DATAGRAMS_MAX - 1, 48, 52, false), &w)); /* gone */
	cr_assert(add(piece(N - 1, 48, 52, false), &w));
	frag_release(&f.table);
	uint64_t used = f.budget.used;
	for (uint32_t id = N; id < 2 * N; id++)
		add(piece(id, 0, 48, true), &w);
	cr_assert_leq(f.budget.used, used);
}

Test(frag, bytes_are_bounded)
{
	struct frag_whole w;

	for (uint32_t id = 0; id < 1000; id++)
		add(piece(id, 60000, 8, true), &w);
	cr_assert_leq(f.table.bytes, FRAG_BYTES_MAX);
	cr_assert_lt(f.table.waiting, 1000);
	cr_assert_eq(f.counters.fragments_dropped, 1000 - f.table.waiting);
	frag_give_up(&f.table);
	cr_assert_eq(f.counters.fragments_dropped, 1000);
}

/* The steady state takes no more memory. */
Test(frag, buffers_are_used_again)
{
	struct frag_whole w;
	uint64_t used = 0;

	for (uint32_t id = 0; id < 1000; id++) {
		add(piece(id, 0, 1480, true), &w);
		cr_assert(add(piece(id, 1480, 600, false), &w));
		check_whole(&w, 2080, 2080);
		frag_release(&f.table);
		if (!id)
			used = f.budget.used;
	}
	cr_assert_eq(f.budget.used, used);
}

/* A datagram that carries fragments itself stays valid while these are put together. */
Test(frag, whole_ones_stay_until_release)
{
	struct frag_whole outer, inner;

	add(piece(1, 0, 48, true), &outer);
	cr_assert(add(piece(1, 48, 52, false), &outer));
	add(piece(2, 0, 48, true), &inner);
	cr_assert(add(piece(2, 48, 52, false), &inner));
	cr_assert_neq(outer.p, inner.p);
	check_whole(&outer, DATAGRAM, DATAGRAM);
	check_whole(&inner, DATAGRAM, DATAGRAM);
}

Test(frag, no_memory)
{
	struct frag_whole w;

	f.budget.limit = f.budget.used;
	cr_assert_not(add(piece(1, 0, 48, true), &w));
	cr_assert_eq(f.counters.fragments_dropped, 1);
	f.budget.limit = 80 << 10; /* one slab of the pool, few buffers */
	for (uint32_t id = 0; id < 100; id++)
		add(piece(id, 60000, 8, true), &w);
	cr_assert_eq(f.counters.fragments_dropped, 101);
	f.budget.limit = 64 << 20;
	add(piece(1000, 0, 48, true), &w);
	cr_assert(add(piece(1000, 48, 52, false), &w));
}
