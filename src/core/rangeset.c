#include "core/rangeset.h"

#include "core/tcpstat.h"

#include <string.h>

static struct range *ranges(struct rangeset *s)
{
	return (s->heap ? s->heap : s->room) + s->first;
}

void rangeset_init(struct rangeset *s, struct budget *budget, uint32_t max)
{
	*s = (struct rangeset){ .budget = budget, .max = max };
}

void rangeset_fini(struct rangeset *s)
{
	if (s->heap)
		budget_resize(s->budget, s->heap, s->size * sizeof(struct range), 0);
	rangeset_init(s, s->budget, s->max);
}

void rangeset_clear(struct rangeset *s)
{
	s->first = s->n = 0;
	s->total = 0;
}

uint32_t rangeset_find(const struct rangeset *s, uint64_t off)
{
	uint32_t low = 0, high = s->n;

	/* Most questions are about the end. */
	if (!s->n || rangeset_at(s, s->n - 1).hi <= off)
		return s->n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (rangeset_at(s, mid).hi <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool rangeset_covers(const struct rangeset *s, uint64_t lo, uint64_t hi)
{
	uint32_t i = rangeset_find(s, lo);

	if (lo >= hi)
		return true;
	return i < s->n && rangeset_at(s, i).lo <= lo && rangeset_at(s, i).hi >= hi;
}

uint64_t rangeset_count(const struct rangeset *s, uint64_t lo, uint64_t hi)
{
	uint64_t sum = 0;

	for (uint32_t i = rangeset_find(s, lo); i < s->n; i++) {
		struct range r = rangeset_at(s, i);
		if (r.lo >= hi)
			break;
		sum += (r.hi < hi ? r.hi : hi) - (r.lo > lo ? r.lo : lo);
	}
	return sum;
}

/* Room for one more interval behind the last. */
static int reserve(struct rangeset *s)
{
	uint32_t size = s->heap ? s->size : RANGESET_INLINE;

	if (s->n >= s->max)
		return TCPSTAT_ENOMEM;
	if (s->first + s->n < size)
		return 0;
	/* Move to the front only when that frees a good part of the array, so that it costs O(1) on average. */
	if (s->first > size / 4) {
		memmove(ranges(s) - s->first, ranges(s), s->n * sizeof(struct range));
		s->first = 0;
		return 0;
	}
	uint32_t larger = size < 8 ? 8 : size * 2;
	struct range *p = budget_resize(s->budget, s->heap, s->heap ? s->size * sizeof *p : 0, larger * sizeof *p);
	if (!p)
		return TCPSTAT_ENOMEM;
	if (!s->heap)
		memcpy(p, s->room, sizeof s->room);
	s->heap = p;
	s->size = larger;
	return 0;
}

/* A new interval at index i; the shorter side makes way. */
static int insert(struct rangeset *s, uint32_t i, struct range new)
{
	if (s->first && i < s->n - i && s->n < s->max) {
		s->first--;
		memmove(ranges(s), ranges(s) + 1, i * sizeof new);
	} else {
		if (reserve(s))
			return TCPSTAT_ENOMEM;
		memmove(ranges(s) + i + 1, ranges(s) + i, (s->n - i) * sizeof new);
	}
	ranges(s)[i] = new;
	s->n++;
	return 0;
}

/* Intervals [i, j) go. */
static void erase(struct rangeset *s, uint32_t i, uint32_t j)
{
	if (!i) {
		s->first += j;
	} else {
		memmove(ranges(s) + i, ranges(s) + j, (s->n - j) * sizeof(struct range));
	}
	s->n -= j - i;
	if (!s->n)
		s->first = 0;
}

int64_t rangeset_add(struct rangeset *s, uint64_t lo, uint64_t hi)
{
	if (lo >= hi)
		return 0;
	/* The first interval that touches [lo, hi): it ends at lo or above. */
	uint32_t i = rangeset_find(s, lo ? lo - 1 : 0), j = i;
	struct range join = { lo, hi };
	uint64_t had = 0;

	for (; j < s->n && ranges(s)[j].lo <= hi; j++) {
		struct range r = ranges(s)[j];
		had += r.hi - r.lo;
		if (r.lo < join.lo)
			join.lo = r.lo;
		if (r.hi > join.hi)
			join.hi = r.hi;
	}
	if (i == j) {
		if (insert(s, i, join))
			return TCPSTAT_ENOMEM;
	} else {
		ranges(s)[i] = join;
		erase(s, i + 1, j);
	}
	uint64_t added = join.hi - join.lo - had;
	s->total += added;
	return (int64_t)added;
}

int64_t rangeset_remove(struct rangeset *s, uint64_t lo, uint64_t hi)
{
	uint32_t i = rangeset_find(s, lo);
	uint64_t gone = 0;

	if (lo >= hi || i == s->n)
		return 0;
	struct range r = ranges(s)[i];
	if (r.lo < lo && r.hi > hi) {
		if (insert(s, i + 1, (struct range){ hi, r.hi }))
			return TCPSTAT_ENOMEM;
		ranges(s)[i].hi = lo;
		s->total -= hi - lo;
		return (int64_t)(hi - lo);
	}
	if (r.lo < lo) {
		gone += r.hi - lo;
		ranges(s)[i++].hi = lo;
	}
	uint32_t j = i;
	for (; j < s->n && ranges(s)[j].hi <= hi; j++)
		gone += ranges(s)[j].hi - ranges(s)[j].lo;
	if (j < s->n && ranges(s)[j].lo < hi) {
		gone += hi - ranges(s)[j].lo;
		ranges(s)[j].lo = hi;
	}
	if (j > i)
		erase(s, i, j);
	s->total -= gone;
	return (int64_t)gone;
}

void rangeset_drop_below(struct rangeset *s, uint64_t off)
{
	uint32_t i = 0;

	/* What goes is dropped one by one, so searching would not pay. */
	for (; i < s->n && ranges(s)[i].hi <= off; i++)
		s->total -= ranges(s)[i].hi - ranges(s)[i].lo;
	if (i)
		erase(s, 0, i);
	if (s->n && ranges(s)[0].lo < off) {
		s->total -= off - ranges(s)[0].lo;
		ranges(s)[0].lo = off;
	}
}
