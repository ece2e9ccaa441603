/* A mutator for the entries that read a program of packets (program.h): it knows where an instruction begins, so that a
 * packet is dropped, repeated, moved or taken over from a valid connection or from another program as a whole, where a
 * mutation of bytes would shift all that follows into something else. With libFuzzer it is linked into the entry and
 * every other time bytes are mutated as ever. With AFL++ (-DFOR_AFL) it is a library of its own for
 * AFL_CUSTOM_MUTATOR_LIBRARY, beside AFL++'s own mutations. */
#include "program.h"

enum { HEADER = 7, MOST = 512, RUN = 24 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Connection 0, client is direction 0; kinds: 0 ACK, 1 PSH, 2 SYN, 3 SYN and ACK, 4 FIN, 5 RST. */
#define WHO(dir, kind) ((dir) << 2 | (kind) << 3)
#define HOW(len, time, options) ((len) << 2 | (time) << 4 | (options) << 6)
/* So many MSS from the next number: after WHO(...) | SEQ_AT, HOW(...) | ACK_AT. */
#define SEQ_AT (1 << 6)
#define ACK_AT 1
#define MSS_BACK(n) (256 - (n))
#define LATER 200       /* in steps of 2 ms: a timeout */

struct instruction {
	uint8_t bytes[12], n;
};

/* A connection as it should be: a handshake, data both ways, and the close. */
static const struct instruction connection[] = {
	{ { WHO(0, 2), HOW(0, 1, 1), 0, 10, 7, 1 }, 6 }, /* scale 7, a tick of the timestamps */
	{ { WHO(1, 3), HOW(0, 1, 1), 0, 10, 7, 1 }, 6 },
	{ { WHO(0, 0), HOW(0, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(0, 1), HOW(2, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(1, 0), HOW(0, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(1, 1), HOW(2, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(1, 1), HOW(2, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(0, 0), HOW(0, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(0, 4), HOW(0, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(1, 4), HOW(0, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(0, 0), HOW(0, 1, 1), 0, 10, 1 }, 5 },
};

/* What happens to one that is established, its server being the sender. A segment is lost, three duplicate ACKs with
 * SACK ask for it, and it is sent again. */
static const struct instruction loss[] = {
	{ { WHO(1, 1), HOW(2, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(1, 1) | SEQ_AT, HOW(2, 1, 1), 0, 10, 1, 1 }, 6 },
	{ { WHO(0, 0), HOW(0, 1, 2) | ACK_AT, 0, 10, MSS_BACK(2), 1, 0, 0, 1, 0x81 }, 10 },
	{ { WHO(1, 1), HOW(2, 1, 1), 0, 1, 1 }, 5 },
	{ { WHO(0, 0), HOW(0, 1, 2) | ACK_AT, 0, 10, MSS_BACK(3), 1, 0, 0, 2, 0x82 }, 10 },
	{ { WHO(1, 1), HOW(2, 1, 1), 0, 1, 1 }, 5 },
	{ { WHO(0, 0), HOW(0, 1, 2) | ACK_AT, 0, 10, MSS_BACK(4), 1, 0, 0, 3, 0x83 }, 10 },
	{ { WHO(1, 1) | SEQ_AT, HOW(2, 1, 1), 0, 10, MSS_BACK(4), 1 }, 6 },
	{ { WHO(0, 0), HOW(0, 1, 1), 0, 10, 1 }, 5 },
};

/* A segment is lost, and so is what is sent after the first timeout. */
static const struct instruction timeouts[] = {
	{ { WHO(1, 1), HOW(2, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(1, 1) | SEQ_AT, HOW(2, 2, 1), 0, LATER, MSS_BACK(1), 100 }, 6 },
	{ { WHO(1, 1) | SEQ_AT, HOW(2, 2, 1), 0, LATER, MSS_BACK(1), 100 }, 6 },
	{ { WHO(0, 0), HOW(0, 1, 1), 0, 10, 1 }, 5 },
};

/* The client's window closes, is asked for by one byte, and opens; frame 0x40: a window follows. */
static const struct instruction closed_window[] = {
	{ { WHO(1, 1), HOW(2, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(0, 0), HOW(0, 1, 1), 0x40, 10, 0, 0, 1 }, 7 },
	{ { WHO(1, 0), HOW(1, 2, 1), 0, LATER, 1, 100 }, 6 },
	{ { WHO(0, 0), HOW(0, 1, 1) | ACK_AT, 0x40, 10, 0, 0, 0, 1 }, 8 },
	{ { WHO(0, 0), HOW(0, 2, 1), 0x40, LATER, 0xff, 0xff, 100 }, 7 },
};

/* A segment goes twice, is acknowledged with D-SACK, and the client resets. */
static const struct instruction twice[] = {
	{ { WHO(1, 1), HOW(2, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(0, 0), HOW(0, 1, 1), 0, 10, 1 }, 5 },
	{ { WHO(1, 1) | SEQ_AT, HOW(2, 2, 1), 0, LATER, MSS_BACK(1), 100 }, 6 },
	{ { WHO(0, 0), HOW(0, 1, 2), 0, 10, 1, 0, 0, 1, 0x81 }, 9 },
	{ { WHO(0, 5), HOW(0, 1, 0), 0, 10 }, 4 },
};

#define PHRASE(name) { name, sizeof name / sizeof *name }

static const struct phrase {
	const struct instruction *instruction;
	size_t n;
} phrases[] = { PHRASE(connection), PHRASE(loss), PHRASE(timeouts), PHRASE(closed_window), PHRASE(twice) };

enum { N_PHRASES = sizeof phrases / sizeof phrases[0] };

/* Where instructions begin, and at last where they end; the number of instructions. */
static size_t find_instructions(const uint8_t *data, size_t size, size_t at[MOST + 1])
{
	struct tcpstat_config config;
	struct tcpstat_pkt pkt;
	static struct program p;
	size_t n = 0;

	program_init(&p, data, size, &config);
	at[0] = (size_t)(p.in.p - data);
	while (n < MOST && program_next(&p, &pkt))
		at[++n] = (size_t)(p.in.p - data);
	return n;
}

static uint32_t next(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* Bytes at `to` instead of `gone` bytes there. The new size; the old one where there is no room. */
static size_t replace(uint8_t *data, size_t size, size_t max_size, size_t to, size_t gone, const uint8_t *bytes,
	size_t n)
{
	if (size - gone + n > max_size)
		return size;
	memmove(data + to + n, data + to + gone, size - to - gone);
	memcpy(data + to, bytes, n);
	return size - gone + n;
}

/* An instruction, of one of the four connections, at `to`. */
static size_t put(uint8_t *data, size_t size, size_t max_size, size_t to, const struct instruction *i, uint8_t conn)
{
	uint8_t bytes[sizeof i->bytes];

	memcpy(bytes, i->bytes, sizeof bytes);
	bytes[0] |= conn;
	return replace(data, size, max_size, to, 0, bytes, i->n);
}

static size_t put_phrase(uint8_t *data, size_t size, size_t max_size, size_t to, const struct phrase *p, uint8_t conn)
{
	for (size_t i = p->n; i-- > 0;)
		size = put(data, size, max_size, to, &p->instruction[i], conn);
	return size;
}

/* One packet, or one connection, is another; `size` is HEADER at least. */
static size_t mutate(uint8_t *data, size_t size, size_t max_size, uint32_t *state)
{
	uint8_t copy[64];
	size_t at[MOST + 1];
	uint32_t random = *state;
	size_t n = find_instructions(data, size, at), i = n ? next(&random) % n : 0;
	size_t to = at[n ? next(&random) % (n + 1) : 0], len = n ? at[i + 1] - at[i] : 0;
	uint8_t conn = next(&random) & 3;
	const struct phrase *phrase = &phrases[next(&random) % N_PHRASES];

	len = len < sizeof copy ? len : sizeof copy;
	memcpy(copy, data + at[n ? i : 0], len);
	unsigned what = n ? next(&random) % 6 : 0;
	*state = random;
	switch (what) {
	case 0:
		return put_phrase(data, size, max_size, to, phrase, conn);
	case 1: /* one packet of it */
		return put(data, size, max_size, to, &phrase->instruction[next(state) % phrase->n], conn);
	case 2: /* lost */
		return replace(data, size, max_size, at[i], len, copy, 0);
	case 3: /* twice */
		return replace(data, size, max_size, to, 0, copy, len);
	case 4: /* elsewhere */
		size = replace(data, size, max_size, at[i], len, copy, 0);
		return replace(data, size, max_size, to > at[i] ? to - len : to, 0, copy, len);
	default: /* other in itself */
		if (!len || LLVMFuzzerMutate(copy, len, len) != len)
			return size;
		return replace(data, size, max_size, at[i], len, copy, len);
	}
}

/* Some packets of another program, one after the other, put in. */
static size_t splice(uint8_t *data, size_t size, size_t max_size, const uint8_t *other, size_t other_size,
	uint32_t *random)
{
	size_t at[MOST + 1], from[MOST + 1];
	size_t n = find_instructions(data, size, at), n_other = find_instructions(other, other_size, from);

	if (!n_other)
		return size;
	size_t first = next(random) % n_other, end = first + 1 + next(random) % RUN;

	end = end < n_other ? end : n_other;
	size_t to = at[next(random) % (n + 1)];
	return replace(data, size, max_size, to, 0, other + from[first], from[end] - from[first]);
}

#ifndef FOR_AFL
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
	size_t max_size, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	uint32_t random = seed;

	if (size < HEADER || next(&random) & 1)
		return LLVMFuzzerMutate(data, size, max_size);
	return mutate(data, size, max_size, &random);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
	size_t max_size, unsigned seed)
{
	uint32_t random = seed;
	size_t size = size1 < max_size ? size1 : max_size;

	memcpy(out, data1, size);
	return size < HEADER || size2 < HEADER ? size : splice(out, size, max_size, data2, size2, &random);
}
#else
void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *mutator, uint8_t *data, size_t size, uint8_t **out, uint8_t *other, size_t other_size,
	size_t max_size);
void afl_custom_deinit(void *mutator);

static uint32_t byte_random;

struct mutator {
	uint32_t random;
	size_t room;
	uint8_t *bytes;
};

/* Of an instruction: one byte, or one bit of it. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	(void)max_size;
	if (size) {
		uint8_t *byte = data + next(&byte_random) % size;

		*byte = next(&byte_random) & 1 ? (uint8_t)next(&byte_random) :
			*byte ^ (uint8_t)(1 << next(&byte_random) % 8);
	}
	return size;
}

void *afl_custom_init(void *afl, unsigned seed)
{
	struct mutator *m = calloc(1, sizeof *m);
	(void)afl;

	if (m)
		m->random = byte_random = seed;
	return m;
}

/* A few mutations, one on the other. 0: none, AFL++ goes on with its own. */
size_t afl_custom_fuzz(void *mutator, uint8_t *data, size_t size, uint8_t **out, uint8_t *other, size_t other_size,
	size_t max_size)
{
	struct mutator *m = mutator;

	*out = data;
	if (size < HEADER || size > max_size)
		return 0;
	if (m->room < max_size) {
		uint8_t *bytes = realloc(m->bytes, max_size);

		if (!bytes)
			return 0;
		m->bytes = bytes;
		m->room = max_size;
	}
	memcpy(m->bytes, data, size);
	for (unsigned times = 1 + next(&m->random) % 4; times > 0; times--)
		size = other && other_size >= HEADER && next(&m->random) % 4 == 0 ?
			splice(m->bytes, size, max_size, other, other_size, &m->random) :
			mutate(m->bytes, size, max_size, &m->random);
	*out = m->bytes;
	return size;
}

void afl_custom_deinit(void *mutator)
{
	struct mutator *m = mutator;

	free(m->bytes);
	free(m);
}
#endif
