#include "capture/gunzip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "capture/endian.h"

#define HISTORY 32768u                  /* how far back a match reaches */
#define OUT_BYTES 65536u
#define IN_BYTES 65536u
#define MAX_MATCH 258u
#define FAST_BITS 10u
#define MAX_BITS 15u
#define N_LITERALS 288u
#define N_DISTANCES 30u
#define END_OF_BLOCK 256u

/* A canonical Huffman code. Codes up to FAST_BITS are looked up, longer ones counted through. */
struct code {
	uint16_t fast[1u << FAST_BITS]; /* symbol << 4 | length; 0: longer, or no code */
	uint16_t count[MAX_BITS + 1];   /* symbols of each length */
	uint16_t symbols[N_LITERALS];   /* in the order of their codes */
};

enum state { STATE_HEADER, STATE_BLOCK, STATE_STORED, STATE_CODED, STATE_TRAILER, STATE_END };

struct gunzip {
	ssize_t (*read)(void *ctx, uint8_t *bytes, size_t len);
	void *ctx;
	uint64_t bits;                  /* read and not yet used, the next one lowest; above n_bits always 0 */
	unsigned n_bits;
	size_t in_pos, in_len;
	int error;                      /* to be returned once the output is given */
	bool at_end;                    /* of the input */
	enum state state;
	bool is_last;                   /* block of its member */
	bool is_first;                  /* member */
	uint32_t stored_left;
	uint32_t match_left, match_distance;
	uint32_t crc, member_bytes;     /* of the member so far */
	uint64_t history;               /* bytes of the member a match may reach back to, at most HISTORY */
	size_t out_pos;                 /* in out; history stands before HISTORY */
	struct code literals, distances;
	uint32_t crc_table[4][256];     /* of a byte followed by 0 to 3 zero bytes */
	uint8_t in[IN_BYTES];
	uint8_t out[HISTORY + OUT_BYTES];
};

/* ------------------------------------------------------------------------------------------------ bits */

static void fill_in(struct gunzip *g)
{
	ssize_t n;

	if (g->in_pos < g->in_len || g->at_end)
		return;
	n = g->read(g->ctx, g->in, IN_BYTES);
	g->in_pos = 0;
	g->in_len = n > 0 ? (size_t)n : 0;
	g->at_end = n <= 0;
	if (n < 0)
		g->error = (int)n;
}

/* As many bits as there is room for; fewer only at the end of the input. */
static void refill(struct gunzip *g)
{
	if (g->n_bits <= 56 && g->in_len - g->in_pos >= 8) {
		unsigned bytes = (63 - g->n_bits) / 8;

		g->bits |= order64(g->in + g->in_pos, false) << g->n_bits;
		g->in_pos += bytes;
		g->n_bits += 8 * bytes;
		g->bits &= (UINT64_C(1) << g->n_bits) - 1;
		return;
	}
	while (g->n_bits <= 56) {
		if (g->in_pos == g->in_len)
			fill_in(g);
		if (g->in_pos == g->in_len)
			return;
		g->bits |= (uint64_t)g->in[g->in_pos++] << g->n_bits;
		g->n_bits += 8;
	}
}

static bool fail(struct gunzip *g, int error)
{
	if (!g->error)
		g->error = error;
	return false;
}

static void drop(struct gunzip *g, unsigned n)
{
	g->bits >>= n;
	g->n_bits -= n;
}

/* n <= 32 */
static bool take(struct gunzip *g, unsigned n, uint32_t *value)
{
	if (g->n_bits < n)
		refill(g);
	if (g->n_bits < n)
		return fail(g, GUNZIP_ECUT);
	*value = (uint32_t)(g->bits & ((UINT64_C(1) << n) - 1));
	drop(g, n);
	return true;
}

/* ------------------------------------------------------------------------------------------------ codes */

static unsigned reversed(unsigned code, unsigned len)
{
	unsigned result = 0;

	for (; len; len--, code >>= 1)
		result = result << 1 | (code & 1);
	return result;
}

/* From the lengths of the codes of n symbols (RFC 1951 section 3.2.2). False: more codes than there can be. */
static bool code_init(struct code *c, const uint8_t *lengths, unsigned n)
{
	unsigned next[MAX_BITS + 1], first = 0, index[MAX_BITS + 1], total = 0;

	memset(c, 0, sizeof *c);
	for (unsigned i = 0; i < n; i++)
		c->count[lengths[i]]++;
	c->count[0] = 0;
	for (unsigned len = 1; len <= MAX_BITS; len++) {
		first = (first + c->count[len - 1]) << 1;
		if (first + c->count[len] > 1u << len)
			return false;
		next[len] = first;
		index[len] = total;
		total += c->count[len];
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned len = lengths[i];

		if (!len)
			continue;
		c->symbols[index[len]++] = (uint16_t)i;
		for (unsigned at = reversed(next[len]++, len); len <= FAST_BITS && at < 1u << FAST_BITS;
		     at += 1u << len)
			c->fast[at] = (uint16_t)(i << 4 | len);
	}
	return true;
}

/* A code that is too long for the table, one bit after the other. */
static int decode_slowly(struct gunzip *g, const struct code *c)
{
	unsigned code = 0, first = 0, index = 0;

	for (unsigned len = 1; len <= MAX_BITS; len++) {
		if (len > g->n_bits) {
			fail(g, GUNZIP_ECUT);
			return -1;
		}
		code = code << 1 | (unsigned)(g->bits >> (len - 1) & 1);
		first <<= 1;
		if (code - first < c->count[len]) {
			drop(g, len);
			return c->symbols[index + code - first];
		}
		first += c->count[len];
		index += c->count[len];
	}
	fail(g, GUNZIP_EDAMAGED);
	return -1;
}

/* The next symbol; -1: error is set. */
static int decode(struct gunzip *g, const struct code *c)
{
	unsigned entry, len;

	if (g->n_bits < MAX_BITS)
		refill(g);
	entry = c->fast[g->bits & ((1u << FAST_BITS) - 1)];
	len = entry & 15;
	if (len == 0)
		return decode_slowly(g, c);
	if (len > g->n_bits) {
		fail(g, GUNZIP_ECUT);
		return -1;
	}
	drop(g, len);
	return (int)(entry >> 4);
}

/* ------------------------------------------------------------------------------------------------ blocks */

static bool begin_fixed(struct gunzip *g)
{
	uint8_t lengths[N_LITERALS];

	for (unsigned i = 0; i < N_LITERALS; i++)
		lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	code_init(&g->literals, lengths, N_LITERALS);
	memset(lengths, 5, N_DISTANCES);
	code_init(&g->distances, lengths, N_DISTANCES);
	return true;
}

/* The lengths of both codes, themselves coded (RFC 1951 section 3.2.7). */
static bool read_lengths(struct gunzip *g, uint8_t *lengths, unsigned n)
{
	unsigned at = 0;

	while (at < n) {
		int symbol = decode(g, &g->literals);
		uint32_t repeat, value = 0;

		if (symbol < 0)
			return false;
		if (symbol < 16) {
			lengths[at++] = (uint8_t)symbol;
			continue;
		}
		if (!take(g, symbol == 16 ? 2 : symbol == 17 ? 3 : 7, &repeat))
			return false;
		repeat += symbol == 18 ? 11 : 3;
		if (symbol == 16 && at == 0)
			return fail(g, GUNZIP_EDAMAGED);
		if (symbol == 16)
			value = lengths[at - 1];
		if (repeat > n - at)
			return fail(g, GUNZIP_EDAMAGED);
		while (repeat--)
			lengths[at++] = (uint8_t)value;
	}
	return true;
}

static bool begin_dynamic(struct gunzip *g)
{
	static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	uint8_t lengths[N_LITERALS + 32] = { 0 };
	uint32_t n_literals, n_distances, n_lengths, length;

	if (!take(g, 5, &n_literals) || !take(g, 5, &n_distances) || !take(g, 4, &n_lengths))
		return false;
	n_literals += 257;
	n_distances += 1;
	if (n_literals > 286 || n_distances > N_DISTANCES)
		return fail(g, GUNZIP_EDAMAGED);
	for (unsigned i = 0; i < n_lengths + 4; i++) {
		if (!take(g, 3, &length))
			return false;
		lengths[order[i]] = (uint8_t)length;
	}
	if (!code_init(&g->literals, lengths, 19))
		return fail(g, GUNZIP_EDAMAGED);
	memset(lengths, 0, sizeof lengths);
	if (!read_lengths(g, lengths, n_literals + n_distances))
		return false;
	if (!code_init(&g->literals, lengths, n_literals) ||
	    !code_init(&g->distances, lengths + n_literals, n_distances))
		return fail(g, GUNZIP_EDAMAGED);
	return true;
}

static bool begin_stored(struct gunzip *g)
{
	uint32_t len, complement;

	drop(g, g->n_bits % 8);
	if (!take(g, 16, &len) || !take(g, 16, &complement))
		return false;
	if (len != (complement ^ 0xffff))
		return fail(g, GUNZIP_EDAMAGED);
	g->stored_left = len;
	return true;
}

static bool begin_block(struct gunzip *g)
{
	uint32_t is_last, type;

	if (!take(g, 1, &is_last) || !take(g, 2, &type))
		return false;
	g->is_last = is_last;
	g->state = type == 0 ? STATE_STORED : STATE_CODED;
	switch (type) {
	case 0: return begin_stored(g);
	case 1: return begin_fixed(g);
	case 2: return begin_dynamic(g);
	default: return fail(g, GUNZIP_EDAMAGED);
	}
}

static void end_block(struct gunzip *g)
{
	g->state = g->is_last ? STATE_TRAILER : STATE_BLOCK;
}

static bool copy_stored(struct gunzip *g)
{
	uint32_t byte;

	while (g->stored_left && g->out_pos < sizeof g->out) {
		if (!take(g, 8, &byte))
			return false;
		g->out[g->out_pos++] = (uint8_t)byte;
		g->stored_left--;
	}
	if (!g->stored_left)
		end_block(g);
	return true;
}

/* Byte by byte where source and target overlap: a match may repeat what it is just writing. */
static void copy_match(struct gunzip *g)
{
	size_t room = sizeof g->out - g->out_pos;
	size_t n = g->match_left < room ? g->match_left : room;
	const uint8_t *from = g->out + g->out_pos - g->match_distance;
	uint8_t *to = g->out + g->out_pos;

	g->out_pos += n;
	g->match_left -= (uint32_t)n;
	if (g->match_distance >= n)
		memcpy(to, from, n);
	else
		while (n--)
			*to++ = *from++;
}

static bool begin_match(struct gunzip *g, int symbol)
{
	static const uint16_t length_base[29] = {
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
		227, MAX_MATCH
	};
	static const uint8_t length_bits[29] = {
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0
	};
	static const uint16_t distance_base[N_DISTANCES] = {
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073,
		4097, 6145, 8193, 12289, 16385, 24577
	};
	unsigned length_index = (unsigned)symbol - 257;
	uint32_t more_length, more_distance;
	int distance;

	if (length_index >= 29)
		return fail(g, GUNZIP_EDAMAGED);
	if (!take(g, length_bits[length_index], &more_length))
		return false;
	distance = decode(g, &g->distances);
	if (distance < 0)
		return false;
	if (distance >= (int)N_DISTANCES)
		return fail(g, GUNZIP_EDAMAGED);
	if (!take(g, distance < 4 ? 0 : (unsigned)distance / 2 - 1, &more_distance))
		return false;
	g->match_left = length_base[length_index] + more_length;
	g->match_distance = distance_base[distance] + more_distance;
	if (g->match_distance > g->history + (g->out_pos - HISTORY)) {
		g->match_left = 0;
		return fail(g, GUNZIP_EDAMAGED);
	}
	return true;
}

static bool copy_coded(struct gunzip *g)
{
	while (g->out_pos < sizeof g->out) {
		int symbol;

		if (g->match_left) {
			copy_match(g);
			continue;
		}
		symbol = decode(g, &g->literals);
		if (symbol < 0)
			return false;
		if (symbol < (int)END_OF_BLOCK) {
			g->out[g->out_pos++] = (uint8_t)symbol;
		} else if (symbol == (int)END_OF_BLOCK) {
			end_block(g);
			return true;
		} else if (!begin_match(g, symbol)) {
			return false;
		}
	}
	return true;
}

/* ------------------------------------------------------------------------------------------------ members */

static bool skip_text(struct gunzip *g)
{
	uint32_t byte;

	do {
		if (!take(g, 8, &byte))
			return false;
	} while (byte);
	return true;
}

/* What follows the last member and is none, zeros of a tape for instance, is not data. */
static bool is_member(struct gunzip *g)
{
	refill(g);
	return g->n_bits >= 16 && (g->bits & 0xffff) == 0x8b1f;
}

static bool read_header(struct gunzip *g)
{
	enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0 };
	uint32_t magic, method, flags, word, len, byte;

	if (!g->is_first && !is_member(g)) {
		g->state = STATE_END;
		return true;
	}
	g->is_first = false;
	if (!take(g, 16, &magic) || !take(g, 8, &method) || !take(g, 8, &flags))
		return false;
	if (magic != 0x8b1f || method != 8 || flags & RESERVED)
		return fail(g, GUNZIP_EDAMAGED);
	if (!take(g, 32, &word) || !take(g, 16, &word)) /* time, hints */
		return false;
	if (flags & FEXTRA) {
		if (!take(g, 16, &len))
			return false;
		while (len--)
			if (!take(g, 8, &byte))
				return false;
	}
	if ((flags & FNAME && !skip_text(g)) || (flags & FCOMMENT && !skip_text(g)) ||
	    (flags & FHCRC && !take(g, 16, &word)))
		return false;
	g->crc = UINT32_MAX;
	g->member_bytes = 0;
	g->history = 0;
	g->state = STATE_BLOCK;
	return true;
}

static void count_out(struct gunzip *g, size_t from)
{
	uint32_t crc = g->crc;
	size_t i = from;

	for (; g->out_pos - i >= 4; i += 4) {
		crc ^= order32(g->out + i, false);
		crc = g->crc_table[3][crc & 0xff] ^ g->crc_table[2][crc >> 8 & 0xff] ^
			g->crc_table[1][crc >> 16 & 0xff] ^ g->crc_table[0][crc >> 24];
	}
	for (; i < g->out_pos; i++)
		crc = g->crc_table[0][(crc ^ g->out[i]) & 0xff] ^ crc >> 8;
	g->crc = crc;
	g->member_bytes += (uint32_t)(g->out_pos - from);
}

static bool read_trailer(struct gunzip *g)
{
	uint32_t crc, len;

	drop(g, g->n_bits % 8);
	if (!take(g, 32, &crc) || !take(g, 32, &len))
		return false;
	if (crc != (g->crc ^ UINT32_MAX) || len != g->member_bytes)
		return fail(g, GUNZIP_ECHECK);
	g->state = STATE_HEADER;
	return true;
}

static bool step(struct gunzip *g)
{
	switch (g->state) {
	case STATE_HEADER: return read_header(g);
	case STATE_BLOCK: return begin_block(g);
	case STATE_STORED: return copy_stored(g);
	case STATE_CODED: return copy_coded(g);
	case STATE_TRAILER: return read_trailer(g);
	default: return false;
	}
}

/* ------------------------------------------------------------------------------------------------ interface */

static void make_crc_table(struct gunzip *g)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
		g->crc_table[0][i] = crc;
	}
	for (int zeros = 1; zeros < 4; zeros++)
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t crc = g->crc_table[zeros - 1][i];

			g->crc_table[zeros][i] = crc >> 8 ^ g->crc_table[0][crc & 0xff];
		}
}

struct gunzip *gunzip_new(ssize_t (*read)(void *ctx, uint8_t *bytes, size_t len), void *ctx)
{
	struct gunzip *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->read = read;
	g->ctx = ctx;
	g->is_first = true;
	g->out_pos = HISTORY;
	make_crc_table(g);
	return g;
}

void gunzip_free(struct gunzip *g)
{
	free(g);
}

/* Makes room behind the history that matches may still reach. */
static void begin_out(struct gunzip *g)
{
	size_t made = g->out_pos - HISTORY;

	g->history = g->history + made < HISTORY ? g->history + made : HISTORY;
	memmove(g->out, g->out + made, HISTORY);
	g->out_pos = HISTORY;
}

int gunzip_block(struct gunzip *g, const uint8_t **bytes, size_t *len)
{
	if (g->error)
		return g->error;
	begin_out(g);
	for (;;) {
		size_t from = g->out_pos;
		bool goes_on = step(g);

		count_out(g, from);
		if (!goes_on || g->state == STATE_END)
			break;
		/* A member's bytes end here: matches of the next one must not reach them. */
		if (g->out_pos == sizeof g->out || (g->state == STATE_HEADER && g->out_pos > HISTORY))
			break;
	}
	*bytes = g->out + HISTORY;
	*len = g->out_pos - HISTORY;
	return *len ? 1 : g->error;
}

const char *gunzip_strerror(int error)
{
	switch (error) {
	case GUNZIP_ECUT: return "it is cut short";
	case GUNZIP_ECHECK: return "its checksum is wrong";
	default: return "it is damaged";
	}
}
