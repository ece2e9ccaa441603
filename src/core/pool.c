#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_BYTES = 64 * 1024 };

struct pool_slab {
	struct pool_slab *next;
	size_t size;
};

void *budget_resize(struct budget *b, void *block, size_t old_size, size_t size)
{
	if (!size) {
		free(block);
		b->used -= old_size;
		return NULL;
	}
	if (size > old_size && size - old_size > b->limit - (b->used < b->limit ? b->used : b->limit))
		return NULL;
	uint8_t *p = realloc(block, size);
	if (!p)
		return NULL;
	if (size > old_size)
		memset(p + old_size, 0, size - old_size);
	b->used += size - old_size;
	return p;
}

static size_t aligned(size_t size)
{
	return (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
}

void pool_init(struct pool *p, size_t block_size, struct budget *budget)
{
	*p = (struct pool){ .budget = budget, .block_size = aligned(block_size) };
}

static int pool_grow(struct pool *p)
{
	size_t head = aligned(sizeof(struct pool_slab));
	size_t n = (SLAB_BYTES - head) / p->block_size;

	if (!n)
		n = 1;
	struct pool_slab *s = budget_resize(p->budget, NULL, 0, head + n * p->block_size);
	if (!s)
		return -1;
	s->next = p->slabs;
	s->size = head + n * p->block_size;
	p->slabs = s;
	for (size_t i = n; i-- > 0;) {
		void **block = (void **)((uint8_t *)s + head + i * p->block_size);
		*block = p->free;
		p->free = block;
	}
	return 0;
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
	if (p->shared)
		atomic_flag_clear_explicit(&p->taken, memory_order_release);
}

void *pool_take(struct pool *p)
{
	void *block = NULL;

	enter(p);
	if (p->free || !pool_grow(p)) {
		block = p->free;
		p->free = *(void **)block;
		p->in_use++;
	}
	leave(p);
	return block;
}

void *pool_get(struct pool *p)
{
	void *block = pool_take(p);

	return block ? memset(block, 0, p->block_size) : NULL;
}

void pool_put(struct pool *p, void *block)
{
	if (!block)
		return;
	enter(p);
	*(void **)block = p->free;
	p->free = block;
	p->in_use--;
	leave(p);
}

void pool_fini(struct pool *p)
{
	while (p->slabs) {
		struct pool_slab *s = p->slabs;
		p->slabs = s->next;
		budget_resize(p->budget, s, s->size, 0);
	}
	p->free = NULL;
	p->in_use = 0;
}
