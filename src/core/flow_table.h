/* From the addresses and ports of a segment to what is known about its flow. Knows no TCP.
 *
 * Open addressing with linear probing over pointers; the hash is keyed, so that nobody who picks addresses can
 * pick collisions, and a probe is bounded all the same: an insertion that would go further makes the
 * table grow. Deletion shifts back, so there are no tombstones and a table of live flows stays as fast as a new one.
 *
 * Every flow is also on one of a few lists, the classes, in the order in which it was last touched: the owner ends idle
 * flows from the head of a class and evicts from there. */
#ifndef TCPSTAT_FLOW_TABLE_H
#define TCPSTAT_FLOW_TABLE_H

#include "core/pool.h"
#include "core/tcpstat.h"

enum { FLOW_CLASSES = 5 };

/* Canonical: the lower address (then port) first. */
struct flow_key {
	uint64_t addr[2][2];            /* 16 bytes each, as on the wire; of IPv4 the first four */
	uint64_t ports;                 /* from the lowest bits: two ports, two VLAN tags */
	uint32_t family;
	uint32_t tunnel;                /* any number that tells tunnels apart; 0 none */
};

static inline uint16_t flow_key_port(const struct flow_key *key, unsigned end)
{
	return (uint16_t)(key->ports >> 16 * end);
}

/* The part of a flow's owner that the table knows; the owner embeds it. */
struct flow_node {
	struct flow_key key;
	uint32_t hash;
	uint8_t class;
	bool is_embryo;                 /* of two kinds of owners, this one; for them to know */
	struct flow_node *next, *prev;  /* of the class, older and newer */
};

struct flow_slot;

struct flow_table {
	struct budget *budget;
	uint64_t secret[6];
	struct flow_slot *slots;
	size_t n_slots;                 /* a power of two, or 0 */
	size_t count;
	uint64_t changes;               /* flows added and removed */
	struct flow_node list[FLOW_CLASSES]; /* heads of circular lists */
	size_t class_count[FLOW_CLASSES];
};

/* Fills in `key`; true: the source is the second of its ends. */
bool flow_key_init4(struct flow_key *, const uint8_t *src, uint16_t src_port, const uint8_t *dst, uint16_t dst_port);
bool flow_key_init6(struct flow_key *, const uint8_t *src, uint16_t src_port, const uint8_t *dst,
	uint16_t dst_port);
static inline bool flow_key_init(struct flow_key *key, const struct tcpstat_addr *src, uint16_t src_port,
	const struct tcpstat_addr *dst, uint16_t dst_port)
{
	if (src->family == 4)
		return flow_key_init4(key, src->bytes, src_port, dst->bytes, dst_port);
	return flow_key_init6(key, src->bytes, src_port, dst->bytes, dst_port);
}
/* Flows of other VLANs and tunnels are others. */
void flow_key_set_path(struct flow_key *, const uint16_t vlan[2], uint32_t tunnel);

/* As tcpstat_shard; shard.c. */
uint32_t shard_of(const struct flow_key *, uint32_t shards);

void flow_table_init(struct flow_table *, struct budget *, uint64_t seed);
void flow_table_fini(struct flow_table *);
/* NULL: not there. */
struct flow_node *flow_table_find(const struct flow_table *, const struct flow_key *);
/* The same in steps, each of which asks the memory for what the next will touch, with a packet or so between them: the
 * hash of a key; the first node that has it, NULL: none; who has the key, soonest if it is that one, which must not
 * have left the table (`changes`). */
uint32_t flow_table_expect(const struct flow_table *, const struct flow_key *);
struct flow_node *flow_table_guess(const struct flow_table *, uint32_t hash);
struct flow_node *flow_table_find_guessed(const struct flow_table *, const struct flow_key *, struct flow_node *guess);
/* Adds `node`, whose key is filled in and not in the table, as the newest of a class. -1: no memory or over the
 * budget. */
int flow_table_add(struct flow_table *, struct flow_node *node, unsigned class);
void flow_table_remove(struct flow_table *, struct flow_node *);
/* The newest of a class, from now on. */
void flow_table_touch(struct flow_table *, struct flow_node *, unsigned class);
/* The oldest of a class; NULL: it is empty. */
static inline struct flow_node *flow_table_oldest(const struct flow_table *t, unsigned class)
{
	return t->list[class].next == &t->list[class] ? NULL : t->list[class].next;
}

#endif
