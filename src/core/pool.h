/* Memory of the core: one budget for everything, and pools of fixed-size blocks that take from it.
 *
 * A pool grows by slabs. What is put is taken again first, and while it is likely to be nobody looks where it belongs:
 * a block that lies in no cache is not touched. When more lies idle than is in use, it goes back to its slabs, and a
 * slab whose blocks are all there is given back if as many are free elsewhere: so the steady state allocates nothing,
 * but what a flood took can be had for something else. Variable arrays (rings, interval lists) come from budget_resize.
 * Knows no types. */
#ifndef TCPSTAT_POOL_H
#define TCPSTAT_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

struct budget {
	_Atomic uint64_t used, limit;   /* bytes; a helper's thread takes from it too */
	struct pool *pools;             /* that take from it */
	_Atomic uint64_t refused;       /* times that the system had none, although the limit is not reached */
	/* of one that has some room of its own, which comes first; of others 0 */
	struct budget *beyond;          /* whom it asks when that is full; it counts and limits nothing itself */
	uint8_t *room;
	size_t room_bytes, taken;       /* taken: from the front; what is freed behind it comes back with the room */
};

/* Small arrays that live as long as `room` lies in it, and need no heap; what does not fit is taken from `beyond`. */
void budget_room(struct budget *, struct budget *beyond, void *room, size_t bytes);

/* realloc within the budget. `size` 0 frees. NULL: no memory or over the budget, the
 * old block stays. New bytes are 0. */
void *budget_resize(struct budget *, void *block, size_t old_size, size_t size);

/* Bytes in use that lie in free blocks of pools. */
uint64_t budget_spare(const struct budget *);
/* Hardly anything is left of it. */
static inline bool budget_is_short(const struct budget *b)
{
	return b->used > b->limit / 16 * 15;
}

/* Asks for the cache lines of a block before they are needed. */
static inline void fetch_block(const void *block, size_t size)
{
#ifdef __GNUC__
#pragma GCC unroll 32
#endif
	for (size_t at = 0; at < size; at += 64)
		__builtin_prefetch((const char *)block + at);
}

struct pool_slab;

struct pool {
	struct budget *budget;
	struct pool_slab *slabs, *roomy; /* roomy: with free blocks */
	void *idle;                     /* blocks that were put, linked through their first bytes */
	size_t n_free, n_idle;          /* blocks in slabs; n_idle: not in them */
	size_t block_size;              /* bytes, rounded up to pointers */
	size_t in_use;                  /* blocks */
	size_t kept;                    /* that may be idle however few are in use; the owner may raise it */
	bool shared;                    /* by two threads */
	atomic_flag taken;              /* while one of them is in it, for a few instructions */
	_Atomic uint64_t spare;         /* bytes in free blocks */
	struct pool *next;              /* of the budget */
};

void pool_init(struct pool *, size_t block_size, struct budget *);
/* From now on two threads may take and put. */
void pool_share(struct pool *);
/* A zeroed block; NULL: no memory or over the budget. */
void *pool_get(struct pool *);
/* The same, whatever is in it. */
void *pool_take(struct pool *);
void pool_put(struct pool *, void *block);
/* `n` blocks, of which each but the last begins with a pointer to the next. */
void pool_put_all(struct pool *, void *first, void *last, size_t n);
/* Frees every slab, blocks in use included. */
void pool_fini(struct pool *);

#endif
