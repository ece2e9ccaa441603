#include "core/reasm_buf.h"

#include <assert.h>
#include <string.h>

enum { PIECES_MAX = 32768 };

struct reasm_block {
	uint32_t refs;
	uint32_t size;                  /* bytes of data */
	uint8_t data[];
};

static struct reasm_piece *pieces(const struct reasm_buf *b)
{
	return b->pieces ? b->pieces + b->first : NULL;
}

static uint64_t piece_hi(const struct reasm_piece *p)
{
	return p->lo + p->len;
}

static void block_put(struct reasm_buf *b, struct reasm_block *block)
{
	if (--block->refs)
		return;
	b->cost_bytes -= sizeof *block + block->size;
	budget_resize(b->budget, block, sizeof *block + block->size, 0);
}

void reasm_buf_init(struct reasm_buf *b, struct budget *budget)
{
	*b = (struct reasm_buf){ .budget = budget };
}

static void erase_front(struct reasm_buf *b, uint32_t n)
{
	b->first += n;
	b->n -= n;
	b->cost_bytes -= n * sizeof(struct reasm_piece);
	if (!b->n)
		b->first = 0;
}

void reasm_buf_fini(struct reasm_buf *b)
{
	reasm_buf_drop_above(b, 0);
	budget_resize(b->budget, b->pieces, b->size * sizeof(struct reasm_piece), 0);
	reasm_buf_init(b, b->budget);
}

/* Room for `extra` more pieces in the array. */
static int reserve(struct reasm_buf *b, uint32_t extra)
{
	uint32_t larger = b->size < 8 ? 8 : b->size;

	if (extra > PIECES_MAX - b->n)
		return TCPSTAT_ENOMEM;
	if (b->first + b->n + extra <= b->size)
		return 0;
	if (b->first > b->size / 4 && b->n + extra <= b->size) {
		memmove(b->pieces, pieces(b), b->n * sizeof(struct reasm_piece));
		b->first = 0;
		return 0;
	}
	while (larger < b->first + b->n + extra)
		larger *= 2;
	struct reasm_piece *p = budget_resize(b->budget, b->pieces, b->size * sizeof *p, larger * sizeof *p);
	if (!p)
		return TCPSTAT_ENOMEM;
	b->pieces = p;
	b->size = larger;
	return 0;
}

/* `extra` empty places before piece i, whose neighbours on the shorter side move. */
static void make_way(struct reasm_buf *b, uint32_t i, uint32_t extra)
{
	if (b->first >= extra && i < b->n - i) {
		memmove(pieces(b) - extra, pieces(b), i * sizeof(struct reasm_piece));
		b->first -= extra;
	} else {
		memmove(pieces(b) + i + extra, pieces(b) + i, (b->n - i) * sizeof(struct reasm_piece));
	}
	b->n += extra;
	b->cost_bytes += extra * sizeof(struct reasm_piece);
}

/* Index of the first piece that ends above `off`. */
static uint32_t find(const struct reasm_buf *b, uint64_t off)
{
	uint32_t low = 0, high = b->n;

	if (!b->n || piece_hi(&pieces(b)[b->n - 1]) <= off)
		return b->n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (piece_hi(&pieces(b)[mid]) <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* As long as the first that waits, at the same place? */
static bool is_like_head(const struct reasm_buf *b, const struct reasm_bytes *new)
{
	const struct reasm_piece *head = pieces(b);

	return b->n && new->lo == head->lo - head->before && new->hi == piece_hi(head) + head->after;
}

/* The table in reasm.h. */
static bool new_wins(enum tcpstat_overlap policy, const struct reasm_bytes *new, const struct reasm_piece *old,
		     bool like_head)
{
	uint64_t old_lo = old->lo - old->before, old_hi = piece_hi(old) + old->after;
	bool solaris = policy == TCPSTAT_OVERLAP_SOLARIS || policy == TCPSTAT_OVERLAP_HPUX11;

	if (policy == TCPSTAT_OVERLAP_FIRST || policy == TCPSTAT_OVERLAP_LAST)
		return policy == TCPSTAT_OVERLAP_LAST;
	if (new->lo < old_lo)
		return !solaris || new->hi >= old_hi;
	if (new->lo > old_lo)
		return solaris && new->hi > old_hi;
	if (policy == TCPSTAT_OVERLAP_OLD_LINUX || (solaris && !like_head))
		return new->hi >= old_hi;
	return (solaris || policy == TCPSTAT_OVERLAP_LINUX || policy == TCPSTAT_OVERLAP_HPUX10 ||
		policy == TCPSTAT_OVERLAP_IRIX) && new->hi > old_hi;
}

/* What becomes of the old piece `p` under the new bytes [lo, hi). */
struct overlap {
	uint64_t lo, hi;
	bool differs, replace;
};

static struct overlap meet(const struct reasm_piece *p, const struct reasm_bytes *new, uint64_t lo, uint64_t hi,
			   enum tcpstat_overlap policy, bool like_head)
{
	struct overlap o = { lo > p->lo ? lo : p->lo, hi < piece_hi(p) ? hi : piece_hi(p), false, false };
	const uint8_t *old = p->block->data + p->skip + (o.lo - p->lo);

	o.differs = memcmp(old, new->data + (o.lo - new->lo), o.hi - o.lo) != 0;
	o.replace = new_wins(policy, new, p, like_head); /* alike or not: the next copy asks whose the bytes are */
	return o;
}

/* How the array changes: pieces [i, j) are touched, `extra` more result, `uses` of them hold new bytes. */
struct plan {
	uint32_t i, j, extra, uses, conflicts;
};

static struct plan make_plan(const struct reasm_buf *b, const struct reasm_bytes *new, uint64_t lo, uint64_t hi,
			     enum tcpstat_overlap policy, bool like_head)
{
	struct plan plan = { .i = find(b, lo) };
	uint64_t cursor = lo;

	for (plan.j = plan.i; plan.j < b->n && pieces(b)[plan.j].lo < hi; plan.j++) {
		const struct reasm_piece *p = &pieces(b)[plan.j];
		struct overlap o = meet(p, new, lo, hi, policy, like_head);
		if (cursor < p->lo) {
			plan.extra++;
			plan.uses++;
		}
		plan.conflicts += o.differs;
		if (o.replace) {
			plan.extra += (uint32_t)(p->lo < o.lo) + (uint32_t)(o.hi < piece_hi(p));
			plan.uses++;
		}
		cursor = piece_hi(p);
	}
	if (cursor < hi) {
		plan.extra++;
		plan.uses++;
	}
	return plan;
}

/* The part [lo, hi) of piece `p`, which lies in it. */
static struct reasm_piece part(const struct reasm_piece *p, uint64_t lo, uint64_t hi)
{
	return (struct reasm_piece){
		.lo = lo, .len = (uint32_t)(hi - lo), .skip = p->skip + (uint32_t)(lo - p->lo),
		.before = p->before + (uint32_t)(lo - p->lo),
		.after = p->after + (uint32_t)(piece_hi(p) - hi), .block = p->block,
	};
}

int reasm_buf_add(struct reasm_buf *b, const struct reasm_bytes *new, enum tcpstat_overlap policy, uint64_t limit,
		  uint64_t *conflicts)
{
	uint64_t lo = new->from, hi = new->lo + new->caplen, cursor = lo;

	if (lo >= hi)
		return 0;
	bool like_head = is_like_head(b, new);
	struct plan plan = make_plan(b, new, lo, hi, policy, like_head);
	if (!plan.uses) {
		*conflicts += plan.conflicts;
		return 0;
	}
	size_t size = (size_t)(hi - lo);
	uint64_t cost = sizeof(struct reasm_block) + size + plan.extra * sizeof(struct reasm_piece);
	if (cost > limit || b->cost_bytes > limit - cost || reserve(b, plan.extra))
		return TCPSTAT_ENOMEM;
	struct reasm_block *block = budget_resize(b->budget, NULL, 0, sizeof *block + size);
	if (!block)
		return TCPSTAT_ENOMEM;
	block->size = (uint32_t)size;
	block->refs = plan.uses;
	memcpy(block->data, new->data + (lo - new->lo), size);
	b->cost_bytes += sizeof *block + size;
	*conflicts += plan.conflicts;

	/* The touched pieces then stand `extra` places behind where the result is written: writing never overtakes. */
	struct reasm_piece whole = { .lo = lo, .len = (uint32_t)size, .before = (uint32_t)(lo - new->lo),
				     .after = (uint32_t)(new->hi - hi), .block = block };
	make_way(b, plan.i, plan.extra);
	struct reasm_piece *out = pieces(b) + plan.i, *in = out + plan.extra;
	const struct reasm_piece *end = in + (plan.j - plan.i);
	for (; in < end; in++) {
		struct reasm_piece old = *in;
		struct overlap o = meet(&old, new, lo, hi, policy, like_head);
		if (cursor < old.lo)
			*out++ = part(&whole, cursor, old.lo);
		cursor = piece_hi(&old);
		if (!o.replace) {
			*out++ = old;
			continue;
		}
		if (old.lo < o.lo) {
			*out++ = part(&old, old.lo, o.lo);
			old.block->refs++;
		}
		*out++ = part(&whole, o.lo, o.hi);
		if (o.hi < piece_hi(&old)) {
			*out++ = part(&old, o.hi, piece_hi(&old));
			old.block->refs++;
		}
		block_put(b, old.block);
	}
	if (cursor < hi)
		*out++ = part(&whole, cursor, hi);
	assert(out == end);
	return 0;
}

const uint8_t *reasm_buf_head(const struct reasm_buf *b, uint64_t *lo, uint32_t *len)
{
	if (!b->n)
		return NULL;
	const struct reasm_piece *p = pieces(b);
	*lo = p->lo;
	*len = p->len;
	return p->block->data + p->skip;
}

void reasm_buf_drop_below(struct reasm_buf *b, uint64_t off)
{
	uint32_t i = 0;

	for (; i < b->n && piece_hi(&pieces(b)[i]) <= off; i++)
		block_put(b, pieces(b)[i].block);
	erase_front(b, i);
	if (b->n && pieces(b)->lo < off)
		*pieces(b) = part(pieces(b), off, piece_hi(pieces(b)));
}

void reasm_buf_drop_above(struct reasm_buf *b, uint64_t off)
{
	while (b->n && pieces(b)[b->n - 1].lo >= off) {
		block_put(b, pieces(b)[--b->n].block);
		b->cost_bytes -= sizeof(struct reasm_piece);
	}
	if (!b->n)
		b->first = 0;
	else if (piece_hi(&pieces(b)[b->n - 1]) > off)
		pieces(b)[b->n - 1] = part(&pieces(b)[b->n - 1], pieces(b)[b->n - 1].lo, off);
}
