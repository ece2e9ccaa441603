#include "core/flow_table.h"

#include <assert.h>
#include <string.h>

#include "core/bytes.h"
#include "core/hash.h"

enum { FIRST_SLOTS = 256, PROBE_MAX = 96 };

struct flow_slot {
	struct flow_node *node;
	uint32_t hash;                  /* beside the pointer: most of a probe never leaves the table */
};

/* Four bytes as the first of eight. */
static uint64_t word_of(uint32_t bytes)
{
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return (uint64_t)bytes << 32;
#else
	return bytes;
#endif
}

bool flow_key_init(struct flow_key *key, const struct tcpstat_addr *src, uint16_t src_port,
	const struct tcpstat_addr *dst, uint16_t dst_port)
{
	uint32_t a, b;
	int order;

	*key = (struct flow_key){ .family = src->family };
	if (src->family == 4) {
		a = be32(src->bytes);
		b = be32(dst->bytes);
		order = (a > b) - (a < b);
	} else {
		order = memcmp(src->bytes, dst->bytes, 16);
	}
	bool swapped = order > 0 || (!order && src_port > dst_port);

	if (src->family == 4) { /* each word is made before it is stored: who reads it next has not to wait */
		memcpy(&a, src->bytes, 4);
		memcpy(&b, dst->bytes, 4);
		key->addr[swapped][0] = word_of(a);
		key->addr[!swapped][0] = word_of(b);
	} else {
		memcpy(key->addr[swapped], src->bytes, 16);
		memcpy(key->addr[!swapped], dst->bytes, 16);
	}
	key->ports = (uint64_t)src_port << 16 * swapped | (uint64_t)dst_port << 16 * !swapped;
	return swapped;
}

void flow_key_set_path(struct flow_key *key, const uint16_t vlan[2], uint32_t tunnel)
{
	key->ports = (uint32_t)key->ports | (uint64_t)vlan[0] << 32 | (uint64_t)vlan[1] << 48;
	key->tunnel = tunnel;
}

static uint32_t hash_key(const struct flow_table *t, const struct flow_key *key)
{
	const uint64_t *secret = t->secret;
	uint64_t h = secret[6];

	for (unsigned i = 0; i < 2; i++)
		h = hash_fold(key->addr[i][0] ^ secret[2 * i], key->addr[i][1] ^ secret[2 * i + 1] ^ h);
	h = hash_fold(key->ports ^ secret[4], ((uint64_t)key->tunnel << 32 | key->family) ^ secret[5] ^ h);
	h = hash_fold(h, secret[7]);
	return (uint32_t)(h ^ h >> 32);
}

static bool is_same(const struct flow_key *a, const struct flow_key *b)
{
	return a->addr[0][0] == b->addr[0][0] && a->addr[0][1] == b->addr[0][1] && a->addr[1][0] == b->addr[1][0] &&
		a->addr[1][1] == b->addr[1][1] && a->ports == b->ports && a->family == b->family &&
		a->tunnel == b->tunnel;
}

void flow_table_init(struct flow_table *t, struct budget *budget, uint64_t seed)
{
	*t = (struct flow_table){ .budget = budget };
	for (unsigned i = 0; i < sizeof t->secret / sizeof *t->secret; i++)
		t->secret[i] = hash_secret(&seed) | 1;
	for (unsigned i = 0; i < FLOW_CLASSES; i++)
		t->list[i].next = t->list[i].prev = &t->list[i];
}

void flow_table_fini(struct flow_table *t)
{
	budget_resize(t->budget, t->slots, t->n_slots * sizeof *t->slots, 0);
	t->slots = NULL;
	t->n_slots = t->count = 0;
}

struct flow_node *flow_table_find(const struct flow_table *t, const struct flow_key *key)
{
	if (!t->n_slots)
		return NULL;
	uint32_t hash = hash_key(t, key);
	for (size_t i = hash & (t->n_slots - 1); t->slots[i].node; i = (i + 1) & (t->n_slots - 1))
		if (t->slots[i].hash == hash && is_same(&t->slots[i].node->key, key))
			return t->slots[i].node;
	return NULL;
}

void flow_table_expect(const struct flow_table *t, const struct flow_key *key, struct flow_guess *g)
{
	*g = (struct flow_guess){ .hash = hash_key(t, key), .has_hash = t->n_slots };
	if (g->has_hash)
		__builtin_prefetch(&t->slots[g->hash & (t->n_slots - 1)]);
}

void flow_table_guess(const struct flow_table *t, struct flow_guess *g)
{
	size_t i = g->hash & (t->n_slots - 1);

	if (!g->has_hash)
		return;
	while (t->slots[i].node && t->slots[i].hash != g->hash)
		i = (i + 1) & (t->n_slots - 1);
	g->node = t->slots[i].node;
	g->changes = t->changes;
}

struct flow_node *flow_table_find_guessed(const struct flow_table *t, const struct flow_key *key,
	const struct flow_guess *g)
{
	if (g->node && g->changes == t->changes && is_same(&g->node->key, key))
		return g->node;
	return flow_table_find(t, key);
}

/* -1: no free slot within the bound */
static int place(struct flow_slot *slots, size_t n, struct flow_node *node)
{
	size_t i = node->hash & (n - 1);

	for (int probes = 0; slots[i].node; i = (i + 1) & (n - 1))
		if (++probes > PROBE_MAX)
			return -1;
	slots[i] = (struct flow_slot){ node, node->hash };
	return 0;
}

static int grow(struct flow_table *t)
{
	for (size_t n = t->n_slots ? t->n_slots * 2 : FIRST_SLOTS; n <= SIZE_MAX / 2 / sizeof *t->slots; n *= 2) {
		struct flow_slot *slots = budget_resize(t->budget, NULL, 0, n * sizeof *slots);
		if (!slots)
			return -1;
		size_t i = 0;
		while (i < t->n_slots && (!t->slots[i].node || !place(slots, n, t->slots[i].node)))
			i++;
		if (i == t->n_slots) {
			budget_resize(t->budget, t->slots, t->n_slots * sizeof *t->slots, 0);
			t->slots = slots;
			t->n_slots = n;
			return 0;
		}
		budget_resize(t->budget, slots, n * sizeof *slots, 0);
	}
	return -1;
}

static void link_newest(struct flow_table *t, struct flow_node *node, unsigned class)
{
	struct flow_node *head = &t->list[class];

	node->class = (uint8_t)class;
	node->next = head;
	node->prev = head->prev;
	head->prev->next = node;
	head->prev = node;
	t->class_count[class]++;
}

static void unlink_node(struct flow_table *t, struct flow_node *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	t->class_count[node->class]--;
}

int flow_table_add(struct flow_table *t, struct flow_node *node, unsigned class)
{
	assert(class < FLOW_CLASSES);
	node->hash = hash_key(t, &node->key);
	if ((t->count + 1) * 8 > t->n_slots * 7 && grow(t))
		return -1;
	while (place(t->slots, t->n_slots, node))
		if (grow(t))
			return -1;
	t->count++;
	t->changes++;
	link_newest(t, node, class);
	return 0;
}

void flow_table_remove(struct flow_table *t, struct flow_node *node)
{
	size_t mask = t->n_slots - 1, hole = node->hash & mask;

	while (t->slots[hole].node != node)
		hole = (hole + 1) & mask;
	/* what stands behind the hole and belongs before or into it moves there */
	for (size_t i = (hole + 1) & mask; t->slots[i].node; i = (i + 1) & mask)
		if (((i - t->slots[i].hash) & mask) >= ((i - hole) & mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	t->slots[hole] = (struct flow_slot){ 0 };
	t->count--;
	t->changes++;
	unlink_node(t, node);
}

void flow_table_touch(struct flow_table *t, struct flow_node *node, unsigned class)
{
	assert(class < FLOW_CLASSES);
	unlink_node(t, node);
	link_newest(t, node, class);
}
