#include "core/dist.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 20000 };

static struct budget budget(void)
{
	return (struct budget){ .limit = 1 << 20 };
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 11;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The figures of `n` durations, computed from all of them; `ns` is sorted. */
static struct tcpstat_dist exactly(int64_t *ns, size_t n)
{
	long double sum = 0, square = 0;

	qsort(ns, n, sizeof *ns, by_size);
	for (size_t i = 0; i < n; i++)
		sum += ns[i];
	for (size_t i = 0; i < n; i++)
		square += (ns[i] - sum / n) * (ns[i] - sum / n);
	return (struct tcpstat_dist){
		.count = n, .min_ns = ns[0], .max_ns = ns[n - 1], .mean_ns = sum / n + 0.5L,
		.stddev_ns = sqrtl(square / n) + 0.5L, .p50_ns = ns[(n * 50 + 99) / 100 - 1],
		.p90_ns = ns[(n * 90 + 99) / 100 - 1], .p99_ns = ns[(n * 99 + 99) / 100 - 1]
	};
}

static void assert_near(int64_t said, int64_t truth, double share, const char *what)
{
	cr_assert_leq(fabs((double)(said - truth)), share * (double)truth + 1, "%s: %lld, not %lld", what,
		(long long)said, (long long)truth);
}

static void assert_dist(const struct dist *d, int64_t *ns, size_t n, double share)
{
	struct tcpstat_dist truth = exactly(ns, n), said;

	dist_get(d, &said);
	cr_assert_eq(said.count, truth.count);
	cr_assert_eq(said.min_ns, truth.min_ns);
	cr_assert_eq(said.max_ns, truth.max_ns);
	assert_near(said.mean_ns, truth.mean_ns, 1e-12, "mean");
	assert_near(said.stddev_ns, truth.stddev_ns, 1e-9, "stddev");
	assert_near(said.p50_ns, truth.p50_ns, share, "p50");
	assert_near(said.p90_ns, truth.p90_ns, share, "p90");
	assert_near(said.p99_ns, truth.p99_ns, share, "p99");
}

Test(dist, empty_is_unknown)
{
	struct dist d = { 0 };
	struct tcpstat_dist said;

	dist_get(&d, &said);
	cr_assert_eq(said.count, 0);
	cr_assert_eq(said.min_ns, TCPSTAT_NULL);
	cr_assert_eq(said.mean_ns, TCPSTAT_NULL);
	cr_assert_eq(said.p50_ns, TCPSTAT_NULL);
	cr_assert_eq(said.p99_ns, TCPSTAT_NULL);
	cr_assert_eq(said.max_ns, TCPSTAT_NULL);
	cr_assert_eq(said.stddev_ns, TCPSTAT_NULL);
}

Test(dist, few_are_exact)
{
	int64_t ns[DIST_EXACT];
	uint64_t state = 1;

	for (size_t n = 1; n <= DIST_EXACT; n++) {
		struct budget b = budget();
		struct dist d = { 0 };
		struct tcpstat_dist said, truth;

		for (size_t i = 0; i < n; i++) {
			ns[i] = (int64_t)(next_random(&state) % 1000000000);
			dist_add(&d, &b, ns[i]);
		}
		dist_get(&d, &said);
		truth = exactly(ns, n);
		cr_assert_eq(said.p50_ns, truth.p50_ns, "%zu", n);
		cr_assert_eq(said.p90_ns, truth.p90_ns, "%zu", n);
		cr_assert_eq(said.p99_ns, truth.p99_ns, "%zu", n);
		assert_dist(&d, ns, n, 0);
		dist_fini(&d, &b);
		cr_assert_eq(b.used, 0);
	}
}

/* From nanoseconds to hours, as many in each power of two. */
static int64_t any_duration(uint64_t *state)
{
	unsigned bits = next_random(state) % 43;

	return (int64_t)(next_random(state) & (((uint64_t)1 << bits) - 1));
}

Test(dist, many_stay_within_a_bucket)
{
	static int64_t ns[MANY];
	struct budget b = budget();
	struct dist d = { 0 };
	uint64_t state = 2;

	for (size_t i = 0; i < MANY; i++) {
		ns[i] = any_duration(&state);
		dist_add(&d, &b, ns[i]);
	}
	assert_dist(&d, ns, MANY, 1.0 / 32);
	cr_assert_lt(b.used, 43 * 128);
	dist_fini(&d, &b);
	cr_assert_eq(b.used, 0);
}

Test(dist, a_narrow_spread_needs_little_memory)
{
	static int64_t ns[MANY];
	struct budget b = budget();
	struct dist d = { 0 };
	uint64_t state = 3;

	/* a round trip of 40 to 44 ms */
	for (size_t i = 0; i < MANY; i++) {
		ns[i] = 40000000 + (int64_t)(next_random(&state) % 4000000);
		dist_add(&d, &b, ns[i]);
	}
	assert_dist(&d, ns, MANY, 1.0 / 32);
	cr_assert_eq(b.used, 128);
	dist_fini(&d, &b);
}

Test(dist, merging_equals_adding)
{
	static const size_t sizes[][2] = {
		{ 3, 4 }, { 10, 10 }, { 5, 1000 }, { 1000, 5 }, { 900, 700 }, { 0, 40 }, { 40, 0 }
	};

	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		struct budget b = budget();
		struct dist one = { 0 }, other = { 0 }, both = { 0 };
		struct tcpstat_dist merged, added;
		uint64_t state = 4 + k;

		for (size_t i = 0; i < sizes[k][0] + sizes[k][1]; i++) {
			int64_t ns = any_duration(&state);
			dist_add(i < sizes[k][0] ? &one : &other, &b, ns);
			dist_add(&both, &b, ns);
		}
		dist_merge(&one, &b, &other);
		dist_get(&one, &merged);
		dist_get(&both, &added);
		cr_assert_eq(merged.count, added.count);
		cr_assert_eq(merged.min_ns, added.min_ns);
		cr_assert_eq(merged.max_ns, added.max_ns);
		cr_assert_eq(merged.p50_ns, added.p50_ns, "case %zu", k);
		cr_assert_eq(merged.p90_ns, added.p90_ns, "case %zu", k);
		cr_assert_eq(merged.p99_ns, added.p99_ns, "case %zu", k);
		assert_near(merged.mean_ns, added.mean_ns, 1e-12, "mean");
		assert_near(merged.stddev_ns, added.stddev_ns, 1e-9, "stddev");
		dist_fini(&one, &b);
		dist_fini(&other, &b);
		dist_fini(&both, &b);
		cr_assert_eq(b.used, 0);
	}
}

Test(dist, absurd_durations_are_bounded)
{
	struct budget b = budget();
	struct dist d = { 0 };
	struct tcpstat_dist said;

	for (int i = 0; i < 20; i++) {
		dist_add(&d, &b, INT64_MIN);
		dist_add(&d, &b, INT64_MAX);
	}
	dist_get(&d, &said);
	cr_assert_eq(said.count, 40);
	cr_assert_eq(said.min_ns, 0);
	cr_assert_eq(said.max_ns, (int64_t)1 << 62);
	cr_assert_eq(said.p50_ns, 0);
	cr_assert_eq(said.p99_ns, (int64_t)1 << 62);
	dist_fini(&d, &b);
	cr_assert_eq(b.used, 0);
}

Test(dist, without_memory_only_quantiles_are_lost)
{
	static const uint64_t limits[] = { 0, 32, 64, 128, 256 };

	for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
		struct budget b = { .limit = limits[k] };
		struct dist d = { 0 };
		struct tcpstat_dist said;

		for (int i = 1; i <= 1000; i++)
			dist_add(&d, &b, i * 1000000);
		dist_get(&d, &said);
		cr_assert_eq(said.count, 1000);
		cr_assert_eq(said.min_ns, 1000000);
		cr_assert_eq(said.max_ns, 1000000000);
		cr_assert_eq(said.mean_ns, 500500000);
		cr_assert_eq(said.p50_ns, TCPSTAT_NULL);
		dist_fini(&d, &b);
		cr_assert_eq(b.used, 0);
	}
}
