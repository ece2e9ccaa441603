#include "core/dist.h"
#include "core/histogram.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct tcpstat_addr ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct tcpstat_addr){ 4, { a, b, c, d } };
}

static struct tcpstat_addr ip6(uint8_t last)
{
	return (struct tcpstat_addr){ 6, { 0x20, 0x01, 0x0d, 0xb8, [15] = last } };
}

static uint32_t both_ways(uint32_t shards, struct tcpstat_addr a, uint16_t port, struct tcpstat_addr b, uint16_t peer)
{
	uint32_t shard = tcpstat_shard(shards, &a, port, &b, peer);

	cr_assert_eq(shard, tcpstat_shard(shards, &b, peer, &a, port));
	return shard;
}

/* Computed by another program; they must never change. */
Test(shard, is_the_same_for_ever)
{
	struct tcpstat_addr a = ip4(192, 0, 2, 10), b = ip4(192, 0, 2, 80), self = ip4(10, 0, 0, 1);

	cr_assert_eq(both_ways(1, a, 59350, b, 82), 1);
	cr_assert_eq(both_ways(7, a, 59350, b, 82), 6);
	cr_assert_eq(both_ways(1000000007, a, 59350, b, 82), 811682606);
	cr_assert_eq(both_ways(7, ip6(1), 443, ip6(2), 40000), 4);
	cr_assert_eq(both_ways(1000000007, ip6(1), 443, ip6(2), 40000), 188862266);
	cr_assert_eq(both_ways(3, self, 2000, self, 1000), 3);
	cr_assert_eq(both_ways(1000000007, self, 2000, self, 1000), 955135096);
}

Test(shard, shares_are_even)
{
	enum { CONNS = 70000, SHARDS = 7 };
	struct tcpstat_addr server = ip4(192, 0, 2, 80);
	unsigned n[SHARDS] = { 0 };

	for (unsigned i = 0; i < CONNS; i++) {
		struct tcpstat_addr client = ip4(10, 0, (uint8_t)(i >> 13), 1);
		uint32_t shard = both_ways(SHARDS, client, (uint16_t)(32768 + i % 8192), server, 443);

		cr_assert(shard >= 1 && shard <= SHARDS);
		n[shard - 1]++;
	}
	for (unsigned i = 0; i < SHARDS; i++)
		cr_assert(n[i] > CONNS / SHARDS * 9 / 10 && n[i] < CONNS / SHARDS * 11 / 10, "%u: %u", i + 1, n[i]);
}

static struct tcpstat_histogram whole, part[3], sum;

static int64_t next_ns(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)(*state >> (20 + *state % 40));
}

/* Of connections with few samples and with many. */
Test(histogram, parts_add_up_to_the_whole)
{
	struct budget budget = { .limit = 1 << 20 };
	uint64_t state = 7;

	for (unsigned conn = 0; conn < 300; conn++) {
		struct dist d = { 0 };

		for (unsigned i = 0; i < conn % 37; i++)
			dist_add(&d, &budget, next_ns(&state));
		dist_pour(&d, &whole);
		dist_pour(&d, &part[conn % 3]);
		dist_fini(&d, &budget);
	}
	for (unsigned i = 0; i < 3; i++)
		tcpstat_histogram_merge(&sum, &part[2 - i]);
	cr_assert_eq(memcmp(&sum, &whole, sizeof sum), 0);
	cr_assert_eq(budget.used, 0);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

Test(histogram, figures)
{
	enum { N = 5000 };
	static int64_t ns[N];
	struct tcpstat_dist d;
	uint64_t state = 3;

	tcpstat_histogram_get(&whole, &d);
	cr_assert_eq(d.count, 0);
	cr_assert_eq(d.p50_ns, TCPSTAT_NULL);
	for (unsigned i = 0; i < N; i++)
		histogram_add(&whole, ns[i] = next_ns(&state));
	qsort(ns, N, sizeof *ns, by_size);
	tcpstat_histogram_get(&whole, &d);
	cr_assert_eq(d.count, N);
	cr_assert_eq(d.min_ns, ns[0]);
	cr_assert_eq(d.max_ns, ns[N - 1]);
	cr_assert(llabs(d.p50_ns - ns[N / 2 - 1]) <= ns[N / 2 - 1] / 32);
	cr_assert(llabs(d.p90_ns - ns[N / 10 * 9 - 1]) <= ns[N / 10 * 9 - 1] / 32);
	cr_assert(llabs(d.p99_ns - ns[N / 100 * 99 - 1]) <= ns[N / 100 * 99 - 1] / 32);
}

Test(histogram, buckets)
{
	for (unsigned i = 0; i < TCPSTAT_BUCKETS; i++)
		cr_assert_eq(tcpstat_bucket_at(tcpstat_bucket_ns(i)), (int)i);
	cr_assert_eq(tcpstat_bucket_at(33), 33);
	cr_assert_eq(tcpstat_bucket_at(65), -1); /* the bucket that it is in begins at 64 */
	cr_assert_eq(tcpstat_bucket_at((uint64_t)1 << 62), TCPSTAT_BUCKETS - 1);
	cr_assert_eq(tcpstat_bucket_at(((uint64_t)1 << 62) + ((uint64_t)1 << 57)), -1);
	cr_assert_eq(tcpstat_bucket_at(UINT64_MAX), -1);
}
