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

bool flow_key_init4(struct flow_key *key, const uint8_t *src, uint16_t src_port, const uint8_t *dst, uint16_t dst_port)
{
	uint64_t from = (uint64_t)be32(src) << 16 | src_port, to = (uint64_t)be32(dst) << 16 | dst_port;
	bool swapped = from > to;
	uint32_t low, high;

	memcpy(&low, swapped ? dst : src, sizeof low);
	memcpy(&high, swapped ? src : dst, sizeof high);
	*key = (struct flow_key){ .addr = { { word_of(low) }, { word_of(high) } }, .family = 4,
		.ports = swapped ? (uint32_t)src_port << 16 | dst_port : (uint32_t)dst_port << 16 | src_port };
	return swapped;
}

bool flow_key_init6(struct flow_key *key, const uint8_t *src, uint16_t src_port, const uint8_t *dst, uint16_t dst_port)
{
	int order = memcmp(src, dst, 16);
	bool swapped = order > 0 || (!order && src_port > dst_port);

	*key = (struct flow_key){ .family = 6,
		.ports = swapped ? (uint32_t)src_port << 16 | dst_port : (uint32_t)dst_port << 16 | src_port };
	memcpy(key->addr[swapped], src, 16);
	memcpy(key->addr[!swapped], dst, 16);
	return swapped;
}

void flow_key_set_path(struct flow_key *key, const uint16_t vlan[2], uint32_t tunnel)
{
	key->ports = (uint32_t)key->ports | (uint64_t)vlan[0] << 32 | (uint64_t)vlan[1] << 48;
	key->tunnel = tunnel;
}

static inline uint32_t hash_key(const struct flow_table *t, const struct flow_key *key)
{
	const uint64_t *secret = t->secret;
	uint64_t low = hash_fold(key->addr[0][0] ^ secret[0], key->addr[0][1] ^ secret[1]);
	uint64_t high = hash_fold(key->addr[1][0] ^ secret[2], key->addr[1][1] ^ secret[3]);
	uint64_t rest = ((uint64_t)key->tunnel << 32 | key->family) ^ secret[5];
	uint64_t h = hash_fold(key->ports ^ secret[4] ^ low, rest ^ (high << 32 | high >> 32));

	return (uint32_t)(h ^ h >> 32);
}

static inline bool is_same(const struct flow_key *a, const struct flow_key *b)
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

uint32_t flow_table_expect(const struct flow_table *t, const struct flow_key *key)
{
	uint32_t hash = hash_key(t, key);

	if (t->n_slots)
		__builtin_prefetch(&t->slots[hash & (t->n_slots - 1)]);
	return hash;
}

struct flow_node *flow_table_guess(const struct flow_table *t, uint32_t hash)
{
	size_t i = hash & (t->n_slots - 1);

	if (!t->n_slots)
		return NULL;
	while (t->slots[i].node && t->slots[i].hash != hash)
		i = (i + 1) & (t->n_slots - 1);
	return t->slots[i].node;
}

struct flow_node *flow_table_find_guessed(const struct flow_table *t, const struct flow_key *key,
	struct flow_node *guess)
{
	return guess && is_same(&guess->key, key) ? guess : flow_table_find(t, key);
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
