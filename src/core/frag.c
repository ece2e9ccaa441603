#include "core/frag.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct frag_key) == 2 * sizeof(struct tcpstat_addr) + 10,
		"a key has no padding: it is compared whole");

enum {
	UNIT = 8,                       /* offsets count 8 bytes */
	UNITS_MAX = (FRAG_DATAGRAM_BYTES_MAX + UNIT - 1) / UNIT,
	BUFFER_MIN = 2048, ECN_CE = 3
};

struct frag_datagram {
	struct frag_datagram *next;     /* in the bucket, or in the list of free or held ones */
	struct frag_datagram *older, *newer;
	uint8_t *bytes;
	uint32_t size;                  /* of `bytes` */
	struct frag_key key;
	int64_t first_ns;
	uint32_t total;                 /* bytes; 0: the last fragment was not seen */
	uint32_t end;                   /* of the furthest fragment */
	uint32_t hole;                  /* no byte from here on counts as captured; UINT32_MAX: all are */
	uint32_t units, pieces, wire_bytes;
	uint8_t proto, ecn;
	bool dead;                      /* given up: drops what still comes */
	uint64_t have[(UNITS_MAX + 63) / 64]; /* one bit per unit */
};

void frag_init(struct frag_table *t, struct budget *budget, struct tcpstat_counters *counters)
{
	*t = (struct frag_table){ .budget = budget, .counters = counters };
	pool_init(&t->datagrams, sizeof(struct frag_datagram), budget);
}

static void free_buffer(struct frag_table *t, struct frag_datagram *d)
{
	if (!d->bytes)
		return;
	budget_resize(t->budget, d->bytes, d->size, 0);
	t->bytes -= d->size;
	d->bytes = NULL;
	d->size = 0;
}

static void free_buffers(struct frag_table *t, struct frag_datagram *list)
{
	for (; list; list = list->next)
		free_buffer(t, list);
}

void frag_fini(struct frag_table *t)
{
	frag_release(t);
	frag_give_up(t);
	free_buffers(t, t->free);
	pool_fini(&t->datagrams);
}

static uint32_t hash(const struct frag_key *key)
{
	uint64_t words[(sizeof *key + 7) / 8] = { 0 };
	uint64_t h = 0;

	memcpy(words, key, sizeof *key);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return (uint32_t)(h % FRAG_BUCKETS);
}

/* Out of the bucket and the list by age. */
static void unlink_datagram(struct frag_table *t, struct frag_datagram *d)
{
	struct frag_datagram **link = &t->bucket[hash(&d->key)];

	while (*link != d)
		link = &(*link)->next;
	*link = d->next;
	*(d->older ? &d->older->newer : &t->oldest) = d->newer;
	*(d->newer ? &d->newer->older : &t->newest) = d->older;
	t->waiting--;
}

static void put_free(struct frag_table *t, struct frag_datagram *d)
{
	d->next = t->free;
	t->free = d;
}

static void give_up(struct frag_table *t, struct frag_datagram *d)
{
	assert(d);
	t->counters->fragments_dropped += d->pieces;
	unlink_datagram(t, d);
	put_free(t, d);
}

void frag_give_up(struct frag_table *t)
{
	while (t->oldest)
		give_up(t, t->oldest);
}

void frag_release(struct frag_table *t)
{
	while (t->held) {
		struct frag_datagram *d = t->held;
		t->held = d->next;
		put_free(t, d);
	}
}

/* Stays in the table, so that the rest of the datagram does not start it anew. */
static void kill_datagram(struct frag_table *t, struct frag_datagram *d)
{
	t->counters->fragments_dropped += d->pieces;
	d->pieces = 0;
	d->dead = true;
	free_buffer(t, d);
}

static struct frag_datagram *find(const struct frag_table *t, const struct frag_key *key)
{
	struct frag_datagram *d = t->bucket[hash(key)];

	while (d && memcmp(&d->key, key, sizeof *key))
		d = d->next;
	return d;
}

static struct frag_datagram *start(struct frag_table *t, const struct frag_piece *piece)
{
	struct frag_datagram *d;

	if (t->waiting >= FRAG_DATAGRAMS_MAX)
		give_up(t, t->oldest);
	d = t->free;
	if (d)
		t->free = d->next;
	else
		d = pool_get(&t->datagrams);
	if (!d)
		return NULL;
	*d = (struct frag_datagram){
		.bytes = d->bytes, .size = d->size, .key = piece->key, .first_ns = piece->ts_ns, .hole = UINT32_MAX,
		.older = t->newest
	};
	struct frag_datagram **bucket = &t->bucket[hash(&d->key)];
	d->next = *bucket;
	*bucket = d;
	*(t->newest ? &t->newest->newer : &t->oldest) = d;
	t->newest = d;
	t->waiting++;
	return d;
}

/* Room for `n` bytes in d's buffer, at the cost of buffers kept for reuse and of the oldest datagrams. */
static bool reserve(struct frag_table *t, struct frag_datagram *d, uint32_t n)
{
	uint32_t size = d->size ? d->size : BUFFER_MIN;

	if (n <= d->size)
		return true;
	while (size < n)
		size *= 2;
	if (t->bytes - d->size + size > FRAG_BYTES_MAX)
		free_buffers(t, t->free);
	while (t->bytes - d->size + size > FRAG_BYTES_MAX) {
		struct frag_datagram *victim = t->oldest == d ? d->newer : t->oldest;
		if (!victim)
			return false;
		give_up(t, victim);
		free_buffer(t, victim);
	}
	uint8_t *bytes = budget_resize(t->budget, d->bytes, d->size, size);
	if (!bytes)
		return false;
	t->bytes += size - d->size;
	d->bytes = bytes;
	d->size = size;
	return true;
}

static bool has_unit(const struct frag_datagram *d, uint32_t unit)
{
	return d->have[unit / 64] >> unit % 64 & 1;
}

/* Does it say something else than an earlier fragment? Bytes that were not captured cannot be compared. */
static bool conflicts(const struct frag_datagram *d, const struct frag_piece *piece)
{
	uint32_t end = piece->offset + piece->len;

	if (d->total && (end > d->total || (!piece->more && end != d->total)))
		return true;
	if (!piece->more && end < d->end)
		return true;
	for (uint32_t at = piece->offset; at < end; at += UNIT) {
		uint32_t n = end - at < UNIT ? end - at : UNIT;
		if (has_unit(d, at / UNIT) && at + n <= d->hole && at + n <= piece->offset + piece->cap &&
		    memcmp(d->bytes + at, piece->p + (at - piece->offset), n))
			return true;
	}
	return false;
}

static void store(struct frag_datagram *d, const struct frag_piece *piece)
{
	uint32_t end = piece->offset + piece->len;

	if (piece->cap)
		memcpy(d->bytes + piece->offset, piece->p, piece->cap);
	for (uint32_t u = piece->offset / UNIT; u < (end + UNIT - 1) / UNIT; u++) {
		d->units += !has_unit(d, u);
		d->have[u / 64] |= UINT64_C(1) << u % 64;
	}
	if (piece->cap < piece->len && piece->offset + piece->cap < d->hole)
		d->hole = piece->offset + piece->cap;
	if (end > d->end)
		d->end = end;
	if (!piece->more)
		d->total = end;
	if (!piece->offset)
		d->proto = piece->next;
	if (d->ecn != ECN_CE && (piece->ecn == ECN_CE || !piece->offset))
		d->ecn = piece->ecn;
	d->pieces++;
	d->wire_bytes += piece->wire_bytes;
}

static bool is_valid(const struct frag_piece *piece)
{
	return piece->len && piece->len <= FRAG_DATAGRAM_BYTES_MAX &&
	       piece->offset <= FRAG_DATAGRAM_BYTES_MAX - piece->len && (!piece->more || piece->len % UNIT == 0);
}

static bool is_expired(const struct frag_datagram *d, int64_t now_ns)
{
	return now_ns > d->first_ns && (uint64_t)now_ns - (uint64_t)d->first_ns > (uint64_t)FRAG_TIMEOUT_NS;
}

bool frag_add(struct frag_table *t, const struct frag_piece *piece, struct frag_whole *whole)
{
	while (t->oldest && is_expired(t->oldest, piece->ts_ns))
		give_up(t, t->oldest);

	struct frag_datagram *d = is_valid(piece) ? find(t, &piece->key) : NULL;
	if (!d && is_valid(piece))
		d = start(t, piece);
	if (!d || d->dead) {
		t->counters->fragments_dropped++;
		return false;
	}
	if (conflicts(d, piece) || !reserve(t, d, piece->offset + piece->cap)) {
		t->counters->fragments_dropped++;
		kill_datagram(t, d);
		return false;
	}
	store(d, piece);
	if (!d->total || d->units < (d->total + UNIT - 1) / UNIT)
		return false;
	t->counters->reassembled++;
	unlink_datagram(t, d);
	d->next = t->held;
	t->held = d;
	*whole = (struct frag_whole){
		.p = d->bytes, .len = d->total, .cap = d->hole < d->total ? d->hole : d->total, .next = d->proto,
		.ecn = d->ecn, .wire_bytes = d->wire_bytes
	};
	return true;
}
