#include "core/resent.h"

#include <assert.h>

enum { RESENT_MIN = 16, RESENT_MAX = 2 * SENDQ_MAX };

void resent_fini(struct resent *r, struct budget *b)
{
	if (r->items)
		budget_resize(b, r->items, r->room * sizeof *r->items, 0);
	*r = (struct resent){ 0 };
}

static struct resent_item *item_at(const struct resent *r, uint32_t i)
{
	assert(r->room);
	return &r->items[(r->first + i) % r->room];
}

static bool is_current(const struct resent_item *item, const struct sendq *q)
{
	for (uint32_t i = sendq_find(q, item->seq); i < q->end && q->entries[i].seq < item->end; i++)
		if (i >= q->head && q->entries[i].flags & SENT_RETRANS && q->entries[i].xmit_ns == item->xmit_ns)
			return true;
	return false;
}

static void forget_outdated(struct resent *r, const struct sendq *q)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->n; i++)
		if (is_current(item_at(r, i), q))
			*item_at(r, kept++) = *item_at(r, i);
	r->n = kept;
}

static bool grow(struct resent *r, struct budget *b)
{
	uint32_t room = r->room ? 2 * r->room : RESENT_MIN;
	struct resent_item *items;

	if (room > RESENT_MAX)
		return false;
	items = budget_resize(b, NULL, 0, room * sizeof *items);
	if (!items)
		return false;
	for (uint32_t i = 0; i < r->n; i++)
		items[i] = *item_at(r, i);
	if (r->items)
		budget_resize(b, r->items, r->room * sizeof *items, 0);
	r->items = items;
	r->room = room;
	r->first = 0;
	return true;
}

void resent_push(struct resent *r, struct budget *b, const struct sendq *q, uint64_t seq, uint64_t end, int64_t xmit_ns)
{
	struct resent_item *last = r->n ? item_at(r, r->n - 1) : NULL;

	if (last && last->xmit_ns == xmit_ns && seq <= last->end && last->seq <= end) {
		last->seq = seq < last->seq ? seq : last->seq;
		last->end = end > last->end ? end : last->end;
		return;
	}
	if (r->n == r->room) {
		forget_outdated(r, q);
		/* Looking for room again and again would cost more than these items are worth. */
		if (2 * r->n >= r->room && !grow(r, b))
			r->n = 0;
		if (!r->room)
			return;
	}
	*item_at(r, r->n++) = (struct resent_item){ seq, end, xmit_ns };
}

struct resent_item *resent_first(const struct resent *r)
{
	return r->n ? item_at(r, 0) : NULL;
}

void resent_pop(struct resent *r)
{
	r->first = (r->first + 1) % r->room;
	r->n--;
}
