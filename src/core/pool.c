#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_BYTES = 64 * 1024, KEPT_BYTES = 512 << 10 };

/* Slabs are in two lists: all of them, and those with a free block. */
struct pool_slab {
	struct pool_slab *next, *prev;
	struct pool_slab *next_roomy, *prev_roomy;
	void *free;                     /* list through the first bytes of free blocks */
	size_t size;                    /* bytes */
	uint32_t n_free, n;             /* blocks */
};

/* In front of each block. */
struct pool_block {
	struct pool_slab *slab;
};

static size_t aligned(size_t size)
{
	return (size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
}

void budget_room(struct budget *b, struct budget *beyond, void *room, size_t bytes)
{
	*b = (struct budget){ .beyond = beyond, .room = room, .room_bytes = bytes };
}

static __attribute__((noinline)) void *resize(struct budget *b, void *block, size_t old_size, size_t size)
{
	if (!size) {
		free(block);
		b->used -= old_size;
		return NULL;
	}
	if (size > old_size && size - old_size > b->limit - (b->used < b->limit ? b->used : b->limit))
		return NULL;
	uint8_t *p = block ? realloc(block, size) : calloc(1, size); /* which knows what is 0 already */
	if (!p) {
		b->refused++;
		return NULL;
	}
	if (block && size > old_size)
		memset(p + old_size, 0, size - old_size);
	b->used += size - old_size;
	return p;
}

/* The next `size` bytes of the room, or of what lies beyond; those behind the first `old_size` are 0. */
static uint8_t *take_room(struct budget *b, size_t old_size, size_t size)
{
	uint8_t *p = b->room + b->taken;

	if (size > b->room_bytes - b->taken)
		return budget_resize(b->beyond, NULL, 0, size);
	b->taken += aligned(size);
	memset(p + old_size, 0, size - old_size);
	return p;
}

static bool is_last(const struct budget *b, const uint8_t *block, size_t size)
{
	return block + aligned(size) == b->room + b->taken;
}

/* Nobody takes a freed place but the last one's. */
static void *leave_room(struct budget *b, const uint8_t *block, size_t size)
{
	if (is_last(b, block, size))
		b->taken -= aligned(size);
	return NULL;
}

/* What lies last in the room grows where it is, all else moves. */
static __attribute__((noinline)) void *resize_in_room(struct budget *b, uint8_t *block, size_t old_size, size_t size)
{
	size_t at = (size_t)(block - b->room);

	if (is_last(b, block, old_size) && size <= b->room_bytes - at) {
		b->taken = at + aligned(size);
		if (size > old_size)
			memset(block + old_size, 0, size - old_size);
		return block;
	}
	if (size <= old_size)
		return block;
	uint8_t *p = take_room(b, old_size, size);
	if (!p)
		return NULL;
	leave_room(b, block, old_size);
	return memcpy(p, block, old_size);
}

void *budget_resize(struct budget *b, void *block, size_t old_size, size_t size)
{
	if (!b->beyond)
		return resize(b, block, old_size, size);
	if (!block)
		return size ? take_room(b, 0, size) : NULL;
	if ((uintptr_t)block - (uintptr_t)b->room >= b->room_bytes)
		return budget_resize(b->beyond, block, old_size, size);
	return size ? resize_in_room(b, block, old_size, size) : leave_room(b, block, old_size);
}

void pool_init(struct pool *p, size_t block_size, struct budget *budget)
{
	*p = (struct pool){ .budget = budget, .block_size = aligned(block_size), .next = budget->pools };
	p->kept = KEPT_BYTES / p->block_size;
	budget->pools = p;
}

static void add_roomy(struct pool *p, struct pool_slab *s)
{
	s->prev_roomy = NULL;
	s->next_roomy = p->roomy;
	if (p->roomy)
		p->roomy->prev_roomy = s;
	p->roomy = s;
}

static void remove_roomy(struct pool *p, struct pool_slab *s)
{
	if (s->prev_roomy)
		s->prev_roomy->next_roomy = s->next_roomy;
	else
		p->roomy = s->next_roomy;
	if (s->next_roomy)
		s->next_roomy->prev_roomy = s->prev_roomy;
}

static int pool_grow(struct pool *p)
{
	size_t step = sizeof(struct pool_block) + p->block_size, head = aligned(sizeof(struct pool_slab));
	size_t n = (SLAB_BYTES - head) / step;

	if (!n)
		n = 1;
	struct pool_slab *s = budget_resize(p->budget, NULL, 0, head + n * step);
	if (!s)
		return -1;
	s->size = head + n * step;
	s->n = s->n_free = (uint32_t)n;
	for (size_t i = n; i-- > 0;) {
		struct pool_block *b = (struct pool_block *)((uint8_t *)s + head + i * step);

		b->slab = s;
		*(void **)(b + 1) = s->free;
		s->free = b + 1;
	}
	s->next = p->slabs;
	if (p->slabs)
		p->slabs->prev = s;
	p->slabs = s;
	p->n_free += n;
	add_roomy(p, s);
	return 0;
}

static void give_back(struct pool *p, struct pool_slab *s)
{
	remove_roomy(p, s);
	if (s->prev)
		s->prev->next = s->next;
	else
		p->slabs = s->next;
	if (s->next)
		s->next->prev = s->prev;
	p->n_free -= s->n;
	budget_resize(p->budget, s, s->size, 0);
}

void pool_share(struct pool *p)
{
	p->shared = true;
	atomic_flag_clear(&p->taken);
}

static void enter(struct pool *p)
{
	while (p->shared && atomic_flag_test_and_set_explicit(&p->taken, memory_order_acquire))
		;
}

static void leave(struct pool *p)
{
	atomic_store_explicit(&p->spare, (uint64_t)(p->n_free + p->n_idle) * p->block_size, memory_order_relaxed);
	if (p->shared)
		atomic_flag_clear_explicit(&p->taken, memory_order_release);
}

static void *take_idle(struct pool *p)
{
	void *block = p->idle;

	p->idle = *(void **)block;
	p->n_idle--;
	__builtin_prefetch(p->idle, 1); /* for the next time */
	return block;
}

static void *take_from_slab(struct pool *p)
{
	struct pool_slab *s;
	void *block;

	if (!p->roomy && pool_grow(p))
		return NULL;
	s = p->roomy;
	block = s->free;
	s->free = *(void **)block;
	if (!--s->n_free)
		remove_roomy(p, s);
	p->n_free--;
	return block;
}

static void put_to_slab(struct pool *p, void *block)
{
	struct pool_slab *s = ((struct pool_block *)block - 1)->slab;

	*(void **)block = s->free;
	s->free = block;
	if (!s->n_free++)
		add_roomy(p, s);
	p->n_free++;
	if (s->n_free == s->n && p->n_free >= 2 * (size_t)s->n) /* as many stay elsewhere */
		give_back(p, s);
}

/* So many blocks may lie idle: none where memory is short. */
static size_t idle_most(const struct pool *p)
{
	size_t kept = p->kept > p->in_use ? p->kept : p->in_use;

	return budget_is_short(p->budget) ? 0 : kept;
}

void *pool_take(struct pool *p)
{
	void *block;

	enter(p);
	block = p->idle ? take_idle(p) : take_from_slab(p);
	p->in_use += block != NULL;
	leave(p);
	return block;
}

void *pool_get(struct pool *p)
{
	void *block = pool_take(p);

	return block ? memset(block, 0, p->block_size) : NULL;
}

void pool_put_all(struct pool *p, void *first, void *last, size_t n)
{
	enter(p);
	*(void **)last = p->idle;
	p->idle = first;
	p->n_idle += n;
	p->in_use -= n;
	if (p->n_idle > idle_most(p))
		while (p->n_idle)
			put_to_slab(p, take_idle(p));
	leave(p);
}

void pool_put(struct pool *p, void *block)
{
	if (block)
		pool_put_all(p, block, block, 1);
}

void pool_fini(struct pool *p)
{
	struct pool **link;

	if (!p->budget) /* never began */
		return;
	while (p->slabs) {
		struct pool_slab *s = p->slabs;

		p->slabs = s->next;
		budget_resize(p->budget, s, s->size, 0);
	}
	for (link = &p->budget->pools; *link && *link != p; )
		link = &(*link)->next;
	if (*link)
		*link = p->next;
	*p = (struct pool){ .budget = p->budget, .block_size = p->block_size };
}

uint64_t budget_spare(const struct budget *b)
{
	uint64_t sum = 0;

	for (const struct pool *p = b->pools; p; p = p->next)
		sum += atomic_load_explicit(&p->spare, memory_order_relaxed);
	return sum;
}
