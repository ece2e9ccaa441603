#include "core/rangeset.h"
#include "core/tcpstat.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPACE = 200, NO_LIMIT = 1 << 30 };

static struct budget budget;

static void with_budget(void)
{
	budget = (struct budget){ .limit = NO_LIMIT };
}

static void is_given_back(void)
{
	cr_assert_eq(budget.used, 0, "%llu bytes not given back", (unsigned long long)budget.used);
}

TestSuite(rangeset, .init = with_budget, .fini = is_given_back);

/* "1-3 7-9" */
static const char *text(const struct rangeset *s)
{
	static char out[256];
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < s->n; i++) {
		struct range r = rangeset_at(s, i);
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%d-%d", i ? " " : "", (int)r.lo, (int)r.hi);
	}
	return out;
}

Test(rangeset, joins_what_it_touches)
{
	struct rangeset s;

	rangeset_init(&s, &budget, 100);
	cr_assert_eq(rangeset_add(&s, 10, 20), 10);
	cr_assert_eq(rangeset_add(&s, 30, 40), 10);
	cr_assert_eq(rangeset_add(&s, 20, 22), 2);
	cr_assert_str_eq(text(&s), "10-22 30-40");
	cr_assert_eq(rangeset_add(&s, 5, 35), 13);
	cr_assert_str_eq(text(&s), "5-40");
	cr_assert_eq(rangeset_add(&s, 6, 6), 0);
	cr_assert_eq(rangeset_add(&s, 0, 5), 5);
	cr_assert_str_eq(text(&s), "0-40");
	cr_assert_eq(s.total, 40);
	rangeset_fini(&s);
}

Test(rangeset, an_interval_too_many_changes_nothing)
{
	struct rangeset s;

	rangeset_init(&s, &budget, 3);
	rangeset_add(&s, 0, 1);
	rangeset_add(&s, 10, 20);
	rangeset_add(&s, 30, 31);
	cr_assert_eq(rangeset_add(&s, 25, 26), TCPSTAT_ENOMEM);
	cr_assert_eq(rangeset_remove(&s, 12, 15), TCPSTAT_ENOMEM);
	cr_assert_str_eq(text(&s), "0-1 10-20 30-31");
	cr_assert_eq(s.total, 12);
	cr_assert_eq(rangeset_add(&s, 20, 30), 10);
	cr_assert_eq(rangeset_remove(&s, 15, UINT64_MAX), 16);
	cr_assert_str_eq(text(&s), "0-1 10-15");
	rangeset_fini(&s);
}

Test(rangeset, without_memory_it_keeps_what_fits_inside)
{
	struct budget none = { .limit = 0 };
	struct rangeset s;

	rangeset_init(&s, &none, 100);
	for (uint64_t i = 0; i < RANGESET_INLINE; i++)
		cr_assert_eq(rangeset_add(&s, 10 * i, 10 * i + 1), 1);
	cr_assert_eq(rangeset_add(&s, 100, 101), TCPSTAT_ENOMEM);
	cr_assert_eq(s.total, RANGESET_INLINE);
	rangeset_fini(&s);
	cr_assert_eq(none.used, 0);
}

Test(rangeset, holds_the_largest_offsets)
{
	struct rangeset s;

	rangeset_init(&s, &budget, 10);
	cr_assert_eq(rangeset_add(&s, UINT64_MAX - 10, UINT64_MAX), 10);
	cr_assert(rangeset_covers(&s, UINT64_MAX - 5, UINT64_MAX));
	cr_assert_not(rangeset_covers(&s, UINT64_MAX - 11, UINT64_MAX));
	cr_assert_eq(rangeset_count(&s, 0, UINT64_MAX), 10);
	rangeset_fini(&s);
}

static void compare(const struct rangeset *s, const bool *has, int step)
{
	uint64_t total = 0, last = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		struct range r = rangeset_at(s, i);
		cr_assert_lt(r.lo, r.hi);
		cr_assert(!i || r.lo > last, "step %d: intervals touch", step);
		last = r.hi;
		total += r.hi - r.lo;
	}
	cr_assert_eq(total, s->total);
	for (uint64_t off = 0; off < SPACE; off++)
		cr_assert_eq(rangeset_covers(s, off, off + 1), has[off], "step %d offset %d", step, (int)off);
}

Test(rangeset, agrees_with_an_array_of_booleans)
{
	struct rangeset s;
	bool has[SPACE] = { false };

	srand(1);
	rangeset_init(&s, &budget, SPACE);
	for (int step = 0; step < 20000; step++) {
		uint64_t lo = (uint64_t)rand() % SPACE, hi = lo + (uint64_t)rand() % 8, want = 0, got;
		int what = rand() % 10;
		if (hi > SPACE)
			hi = SPACE;
		for (uint64_t off = what < 8 ? lo : 0; off < hi && what != 9; off++) {
			want += has[off] != (what < 5);
			has[off] = what < 5;
		}
		if (what == 9) {
			for (uint64_t off = lo; off < hi; off++)
				want += has[off];
			got = rangeset_count(&s, lo, hi);
		} else if (what == 8) {
			got = s.total;
			rangeset_drop_below(&s, hi);
			got -= s.total;
		} else {
			got = (uint64_t)(what < 5 ? rangeset_add(&s, lo, hi) : rangeset_remove(&s, lo, hi));
		}
		cr_assert_eq(got, want, "step %d", step);
		compare(&s, has, step);
	}
	rangeset_fini(&s);
}
