#include "core/pool.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 40 };

static bool all_zero(const void *block, size_t len)
{
	const uint8_t *p = block;

	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

Test(budget, counts_what_is_used)
{
	struct budget b = { .limit = 1000 };
	void *p = budget_resize(&b, NULL, 0, 100);

	cr_assert_not_null(p);
	cr_assert_eq(b.used, 100);
	p = budget_resize(&b, p, 100, 300);
	cr_assert_eq(b.used, 300);
	p = budget_resize(&b, p, 300, 50);
	cr_assert_eq(b.used, 50);
	cr_assert_null(budget_resize(&b, p, 50, 0));
	cr_assert_eq(b.used, 0);
}

Test(budget, new_bytes_are_zero_and_old_ones_stay)
{
	struct budget b = { .limit = 100000 };
	uint8_t *p = budget_resize(&b, NULL, 0, 16);

	cr_assert(all_zero(p, 16));
	memset(p, 0xa5, 16);
	p = budget_resize(&b, p, 16, 5000);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(p[i], 0xa5);
	cr_assert(all_zero(p + 16, 5000 - 16));
	budget_resize(&b, p, 5000, 0);
}

Test(budget, over_the_limit_the_old_block_stays)
{
	struct budget b = { .limit = 100 };
	uint8_t *p = budget_resize(&b, NULL, 0, 60);

	memset(p, 7, 60);
	cr_assert_null(budget_resize(&b, NULL, 0, 41));
	cr_assert_null(budget_resize(&b, p, 60, 101));
	cr_assert_eq(b.used, 60);
	for (int i = 0; i < 60; i++)
		cr_assert_eq(p[i], 7);
	p = budget_resize(&b, p, 60, 100);
	cr_assert_not_null(p);
	budget_resize(&b, p, 100, 0);
}

Test(budget, a_room_comes_first)
{
	_Alignas(void *) uint8_t room[64];
	struct budget all = { .limit = 1000 }, b;

	memset(room, 0x5a, sizeof room);
	budget_room(&b, &all, room, sizeof room);
	uint8_t *p = budget_resize(&b, NULL, 0, 20);
	cr_assert_eq(p, room);
	cr_assert(all_zero(p, 20));
	memset(p, 1, 20);
	cr_assert_eq(budget_resize(&b, p, 20, 32), room, "the last one grows where it is");
	cr_assert(p[19] == 1 && all_zero(p + 20, 12));
	uint8_t *q = budget_resize(&b, NULL, 0, 8);
	cr_assert_eq(q, room + 32);
	cr_assert_eq(budget_resize(&b, p, 32, 16), room, "less is always there");
	p = budget_resize(&b, p, 16, 24);
	cr_assert_eq(p, room + 40, "one that is not the last moves");
	cr_assert(p[15] == 1 && all_zero(p + 16, 8));
	cr_assert_null(budget_resize(&b, q, 8, 0));
	cr_assert_eq(all.used, 0);

	q = budget_resize(&b, NULL, 0, 8);
	cr_assert(q < room || q >= room + sizeof room, "the room is full");
	cr_assert_eq(all.used, 8);
	p = budget_resize(&b, p, 24, 40);
	cr_assert(p < room || p >= room + sizeof room);
	cr_assert(p[15] == 1 && all_zero(p + 24, 16));
	cr_assert_eq(all.used, 48);
	cr_assert_eq(budget_resize(&b, NULL, 0, 24), room + 40, "what the last one left is free");
	cr_assert_null(budget_resize(&b, q, 8, 2000));
	cr_assert_null(budget_resize(&b, p, 40, 0));
	cr_assert_null(budget_resize(&b, q, 8, 0));
	cr_assert_eq(all.used, 0);
}

Test(pool, blocks_are_zeroed_again)
{
	struct budget b = { .limit = UINT64_MAX };
	struct pool pool;

	pool_init(&pool, BLOCK, &b);
	for (int round = 0; round < 3; round++) {
		void *block = pool_get(&pool);

		cr_assert(all_zero(block, BLOCK));
		memset(block, 0xff, BLOCK);
		pool_put(&pool, block);
		cr_assert_eq(pool.in_use, 0);
	}
	pool_fini(&pool);
	cr_assert_eq(b.used, 0);
}

Test(pool, blocks_do_not_overlap_and_are_used_again)
{
	struct budget b = { .limit = UINT64_MAX };
	struct pool pool;
	uint8_t *blocks[5000];

	pool_init(&pool, BLOCK, &b);
	for (int i = 0; i < 5000; i++) {
		blocks[i] = pool_get(&pool);
		cr_assert_not_null(blocks[i]);
		memset(blocks[i], i & 0xff, BLOCK);
	}
	cr_assert_eq(pool.in_use, 5000);
	for (int i = 0; i < 5000; i++)
		cr_assert(blocks[i][0] == (i & 0xff) && blocks[i][BLOCK - 1] == (i & 0xff), "block %d", i);
	uint64_t used = b.used;
	for (int i = 0; i < 5000; i++)
		pool_put(&pool, blocks[i]);
	for (int i = 0; i < 5000; i++)
		cr_assert_not_null(pool_get(&pool));
	cr_assert_eq(b.used, used, "the steady state takes no memory");
	pool_fini(&pool);
	cr_assert_eq(b.used, 0);
}

Test(pool, what_a_flood_took_goes_back)
{
	struct budget b = { .limit = UINT64_MAX };
	struct pool pool;
	static uint8_t *blocks[50000];

	pool_init(&pool, BLOCK, &b);
	for (int i = 0; i < 50000; i++)
		blocks[i] = pool_get(&pool);
	for (int i = 0; i < 50000; i++)
		if (i % 20000)
			pool_put(&pool, blocks[i]);
	cr_assert_eq(pool.in_use, 3);
	cr_assert_leq(b.used, (uint64_t)(pool.kept + 3) * (BLOCK + sizeof(void *)) + 5 * 65536,
		"what may lie idle, a slab for each block in use, and little more");
	cr_assert_leq(budget_spare(&b), b.used);
	cr_assert_geq(budget_spare(&b), b.used / 2);
	for (int i = 0; i < 50000; i++)
		if (i % 20000)
			cr_assert(all_zero(blocks[i] = pool_get(&pool), BLOCK));
	uint64_t flood = b.used;
	for (int i = 0; i < 50000; i++)
		memset(blocks[i], 0x5a, BLOCK);
	for (int i = 50000; i-- > 0;)
		pool_put(&pool, blocks[i]);
	cr_assert_leq(b.used, flood / 2, "scattered as they are, what may lie idle holds some slabs");
	b.limit = b.used;
	pool_put(&pool, pool_get(&pool));
	cr_assert_leq(b.used, 2 * 65536, "nothing lies idle where memory is short");
	pool_fini(&pool);
	cr_assert_eq(b.used, 0);
}

Test(pool, ends_with_the_budget)
{
	struct budget b = { .limit = 256 * 1024 };
	struct pool pool;
	size_t n = 0;

	pool_init(&pool, BLOCK, &b);
	while (pool_get(&pool))
		n++;
	cr_assert_gt(n, 0);
	cr_assert_leq(n * BLOCK, 256 * 1024);
	cr_assert_leq(b.used, b.limit);
	cr_assert_eq(pool.in_use, n);
	pool_fini(&pool);
	cr_assert_eq(b.used, 0);
}
