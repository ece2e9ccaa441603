/* Sorted, disjoint, non-adjacent intervals [lo, hi) of 64-bit offsets. Knows no TCP.
 *
 * The first few intervals live inside the struct (which may be copied or moved as a whole); more come from the budget,
 * at most `max` of them. Finding is O(log n); inserting or removing an interval moves those behind it; dropping from
 * the front costs what is dropped. A zeroed struct with `budget` and `max` set is an empty set. */
#ifndef TCPSTAT_RANGESET_H
#define TCPSTAT_RANGESET_H

#include "core/pool.h"

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t lo, hi;                /* lo < hi */
};

enum { RANGESET_INLINE = 3 };

struct rangeset {
	struct budget *budget;
	struct range *heap;             /* NULL: in `room` */
	uint32_t first, n;              /* intervals are [first, first + n) of the array */
	uint32_t size;                  /* of the heap array */
	uint32_t max;                   /* intervals at most */
	uint64_t total;                 /* sum of the lengths */
	struct range room[RANGESET_INLINE];
};

void rangeset_init(struct rangeset *, struct budget *, uint32_t max);
void rangeset_fini(struct rangeset *);
/* Adds [lo, hi) and joins what it touches. How many offsets are new, or TCPSTAT_ENOMEM (no memory, or more than `max`
 * intervals; the set is unchanged). An empty interval adds nothing. */
int64_t rangeset_add(struct rangeset *, uint64_t lo, uint64_t hi);
/* Takes [lo, hi) out. How many offsets went, or TCPSTAT_ENOMEM (an interval would have to be split; unchanged). Never
 * fails where it only cuts from the ends of the set. */
int64_t rangeset_remove(struct rangeset *, uint64_t lo, uint64_t hi);
/* Drops everything below `off`. */
void rangeset_drop_below(struct rangeset *, uint64_t off);
void rangeset_clear(struct rangeset *);
/* Index of the first interval that ends above `off`; n if there is none. */
uint32_t rangeset_find(const struct rangeset *, uint64_t off);
/* Is all of [lo, hi) in the set? */
bool rangeset_covers(const struct rangeset *, uint64_t lo, uint64_t hi);
/* How many offsets of [lo, hi) are in the set. */
uint64_t rangeset_count(const struct rangeset *, uint64_t lo, uint64_t hi);

/* The i-th interval, i < n, in order. */
static inline struct range rangeset_at(const struct rangeset *s, uint32_t i)
{
	return (s->heap ? s->heap : s->room)[s->first + i];
}

#endif
