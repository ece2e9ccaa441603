#include "core/flow_table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { FLOWS = 5000 };

static struct budget budget;
static struct flow_table table;
static struct flow_node nodes[FLOWS];

static void setup(void)
{
	budget = (struct budget){ .limit = 1 << 20 };
	flow_table_init(&table, &budget, 12345);
	memset(nodes, 0, sizeof nodes);
}

static void teardown(void)
{
	flow_table_fini(&table);
	cr_assert_eq(budget.used, 0);
}

static struct flow_key key_of(uint32_t n)
{
	struct tcpstat_addr src = { 4, { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
	struct tcpstat_addr dst = { 4, { 192, 0, 2, 1 } };
	struct flow_key key;

	flow_key_init(&key, &src, (uint16_t)(1024 + n % 7), &dst, 80);
	return key;
}

TestSuite(flow_table, .init = setup, .fini = teardown);

Test(flow_table, key_is_the_same_in_both_directions)
{
	struct tcpstat_addr low = { 4, { 10, 0, 0, 1 } }, high = { 4, { 10, 0, 0, 2 } };
	struct tcpstat_addr low6 = { 6, { 10, 0, 0, 1 } };
	struct flow_key a, b;

	cr_assert_not(flow_key_init(&a, &low, 5, &high, 3));
	cr_assert(flow_key_init(&b, &high, 3, &low, 5));
	cr_assert_eq(memcmp(&a, &b, sizeof a), 0);
	cr_assert(flow_key_init(&b, &low, 5, &low, 3), "one address: the ports decide");
	cr_assert_eq(flow_key_port(&b, 0), 3);
	flow_key_init(&b, &low6, 5, &low6, 3);
	flow_key_init(&a, &low, 5, &low, 3);
	cr_assert_neq(memcmp(&a, &b, sizeof a), 0, "the families are apart");
}

Test(flow_table, finds_what_is_there_after_every_removal)
{
	bool there[FLOWS] = { false };
	unsigned n = 0;

	srand(1);
	for (int round = 0; round < 40000; round++) {
		unsigned i = (unsigned)rand() % FLOWS;
		if (there[i]) {
			flow_table_remove(&table, &nodes[i]);
			n--;
		} else {
			nodes[i].key = key_of(i);
			cr_assert_eq(flow_table_add(&table, &nodes[i], i % FLOW_CLASSES), 0);
			n++;
		}
		there[i] = !there[i];
		cr_assert_eq(table.count, n);
		if (round % 2000)
			continue;
		for (unsigned k = 0; k < FLOWS; k++) {
			struct flow_key key = key_of(k);
			cr_assert_eq(flow_table_find(&table, &key), there[k] ? &nodes[k] : NULL);
		}
	}
	for (unsigned i = 0; i < FLOWS; i++)
		if (there[i])
			flow_table_remove(&table, &nodes[i]);
	for (unsigned class = 0; class < FLOW_CLASSES; class++) {
		cr_assert_null(flow_table_oldest(&table, class));
		cr_assert_eq(table.class_count[class], 0);
	}
}

Test(flow_table, classes_are_in_the_order_of_the_last_touch)
{
	for (unsigned i = 0; i < 4; i++) {
		nodes[i].key = key_of(i);
		flow_table_add(&table, &nodes[i], 1);
	}
	flow_table_touch(&table, &nodes[0], 1);
	cr_assert_eq(flow_table_oldest(&table, 1), &nodes[1]);
	flow_table_touch(&table, &nodes[1], 2);
	cr_assert_eq(flow_table_oldest(&table, 1), &nodes[2]);
	cr_assert_eq(flow_table_oldest(&table, 2), &nodes[1]);
	cr_assert_eq(table.class_count[1], 3);
	cr_assert_eq(table.class_count[2], 1);
}

Test(flow_table, over_the_budget_nothing_changes)
{
	unsigned i = 0;

	budget.limit = 16384;
	for (;; i++) {
		cr_assert_lt(i, FLOWS);
		nodes[i].key = key_of(i);
		if (flow_table_add(&table, &nodes[i], 0))
			break;
	}
	cr_assert_eq(table.count, i);
	cr_assert_null(flow_table_find(&table, &nodes[i].key));
	for (unsigned k = 0; k < i; k++)
		cr_assert_eq(flow_table_find(&table, &nodes[k].key), &nodes[k]);
	flow_table_remove(&table, &nodes[0]);
	cr_assert_eq(flow_table_add(&table, &nodes[0], 0), 0, "room again");
}

Test(flow_table, guesses_by_hash_what_it_finds_by_key)
{
	struct flow_key absent = key_of(FLOWS);
	uint64_t before;

	cr_assert_null(flow_table_guess(&table, flow_table_expect(&table, &absent)), "the table is empty");
	for (uint32_t i = 0; i < 200; i++) {
		nodes[i].key = key_of(i);
		before = table.changes;
		cr_assert_eq(flow_table_add(&table, &nodes[i], 0), 0);
		cr_assert_neq(table.changes, before, "a guess made before is not to be believed");
	}
	for (uint32_t i = 0; i < 200; i++) {
		struct flow_node *guess = flow_table_guess(&table, flow_table_expect(&table, &nodes[i].key));

		cr_assert_eq(guess, &nodes[i]);
		cr_assert_eq(flow_table_find_guessed(&table, &nodes[i].key, guess), &nodes[i]);
		cr_assert_eq(flow_table_find_guessed(&table, &nodes[(i + 1) % 200].key, guess), &nodes[(i + 1) % 200],
			"a wrong guess");
		cr_assert_null(flow_table_find_guessed(&table, &absent, guess));
		cr_assert_eq(flow_table_find_guessed(&table, &nodes[i].key, NULL), &nodes[i], "none");
	}
	before = table.changes;
	flow_table_touch(&table, &nodes[7], 1);
	cr_assert_eq(table.changes, before, "it is still there");
	flow_table_remove(&table, &nodes[7]);
	cr_assert_neq(table.changes, before);
}
