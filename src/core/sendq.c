#include "core/sendq.h"

#include <string.h>

void sendq_fini(struct sendq *q, struct budget *b)
{
	if (q->entries)
		budget_resize(b, q->entries, q->room * sizeof *q->entries, 0);
	*q = (struct sendq){ 0 };
}

/* By moving down over forgotten history, else by growing. */
static bool make_room(struct sendq *q, struct budget *b)
{
	uint32_t used = q->end - q->first;

	if (q->first && q->first >= used / 2) {
		memmove(q->entries, q->entries + q->first, used * sizeof *q->entries);
	} else {
		uint32_t room = q->room ? 2 * q->room : 8;
		struct sent *p;

		if (used >= SENDQ_MAX)
			return false;
		p = budget_resize(b, q->entries, q->room * sizeof *p, room * sizeof *p);
		if (!p)
			return false;
		q->entries = p;
		q->room = room;
		memmove(q->entries, q->entries + q->first, used * sizeof *q->entries);
	}
	q->head -= q->first;
	q->end -= q->first;
	q->first = 0;
	return true;
}

/* Room for one more entry at the end. */
static inline bool sendq_reserve(struct sendq *q, struct budget *b)
{
	return q->end < q->room || make_room(q, b);
}

struct sent *sendq_append(struct sendq *q, struct budget *b, uint64_t seq, uint64_t end)
{
	if (!sendq_reserve(q, b))
		return NULL;
	struct sent *s = &q->entries[q->end++];

	*s = (struct sent){ .seq = seq, .end = end };
	return s;
}

uint32_t sendq_find(const struct sendq *q, uint64_t seq)
{
	uint32_t lo = q->first, hi = q->end;

	/* Most look-ups are for the head or its neighbour. */
	if (q->head < q->end && q->entries[q->head].seq <= seq && seq < q->entries[q->head].end)
		return q->head;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (q->entries[mid].end > seq)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

bool sendq_split(struct sendq *q, struct budget *b, uint32_t *index, uint64_t at)
{
	uint32_t from_first = *index - q->first, i;

	if (q->end - q->head > SENDQ_SPLIT_MAX || !sendq_reserve(q, b))
		return false;
	i = *index = q->first + from_first;
	memmove(q->entries + i + 1, q->entries + i, (q->end - i) * sizeof *q->entries);
	q->end++;
	q->entries[i].end = at;
	q->entries[i].flags &= (uint8_t)~SENT_FIN;
	q->entries[i + 1].seq = at;
	q->entries[i + 1].flags &= (uint8_t)~SENT_SYN;
	if (i < q->head)
		q->head++;
	return true;
}

static uint32_t sacked_run(const struct sent *e)
{
	return e->sacked_run ? e->sacked_run : 1;
}

uint32_t sendq_skip_sacked(struct sendq *q, uint32_t i)
{
	uint32_t stop = i;

	while (stop < q->end && q->entries[stop].flags & SENT_SACKED)
		stop += sacked_run(&q->entries[stop]);
	while (i < stop) { /* who asks again passes them in one step */
		uint32_t run = sacked_run(&q->entries[i]);

		q->entries[i].sacked_run = stop - i;
		i += run;
	}
	return stop;
}

static bool alike(const struct sent *a, const struct sent *b)
{
	return a->end == b->seq && a->flags == b->flags && a->lost_era == b->lost_era &&
	       (a->xmit_ns == b->xmit_ns || !(a->flags & SENT_RETRANS)) &&
	       !(a->flags & (SENT_SACKED | SENT_SYN | SENT_FIN)) && a->pkts + b->pkts < 0x8000;
}

void sendq_merge(struct sendq *q, uint64_t seq, uint64_t end)
{
	uint32_t i = sendq_find(q, seq), to, from;

	if (i < q->head)
		i = q->head;
	if (q->end - i <= SENDQ_MERGE_MIN || q->entries[i + SENDQ_MERGE_MIN].end > end)
		return;
	for (to = i, from = i + 1; from < q->end; from++) {
		struct sent *last = &q->entries[to], *e = &q->entries[from];

		if (e->end <= end && last->seq >= seq && alike(last, e)) {
			last->end = e->end;
			last->pkts = (uint16_t)(last->pkts + e->pkts);
		} else {
			q->entries[++to] = *e;
		}
	}
	q->end = to + 1;
}

void sendq_retire(struct sendq *q)
{
	q->head++;
	if (q->head - q->first > SENDQ_HISTORY)
		q->first = q->head - SENDQ_HISTORY;
}
