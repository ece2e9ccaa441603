/* Fragments put together against a slow model: what comes out is what the fragments said, byte for byte.
 *
 *     5 bytes a fragment: datagram (2 bits), last (1), cut (1); offset; length; content; time */
#include "core/frag.h"
#include "fuzz.h"

enum { ROOM = 2304, DATAGRAMS = 4 };

struct model {
	uint8_t byte[ROOM];
	bool there[ROOM];
};

static void check_whole(const struct frag_whole *w, const struct model *m)
{
	FUZZ_CHECK(w->cap <= w->len && w->len <= ROOM, "%u of %u", w->cap, w->len);
	for (uint32_t i = 0; i < w->cap; i++)
		FUZZ_CHECK(m->there[i] && m->byte[i] == w->p[i], "byte %u", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct budget budget = { .limit = 1 << 20 };
	struct tcpstat_counters counters = { 0 };
	struct fuzz_bytes in = { data, size };
	struct model *models = calloc(DATAGRAMS, sizeof *models);
	struct frag_table table;
	int64_t now = 1;

	frag_init(&table, &budget, &counters);
	while (models && in.n >= 6) {
		uint8_t what = fuzz_u8(&in);
		uint32_t offset = fuzz_u8(&in) * 8, len = fuzz_u8(&in), cap = len;
		uint8_t content = fuzz_u8(&in), step = fuzz_u8(&in);
		uint8_t bytes[256];
		struct model *m = &models[what & 3];
		struct frag_whole whole;

		if (!(what & 4))
			len = cap = len & ~7u;
		if (what & 8)
			cap = len / 2;
		/* most copies agree; a few do not */
		for (uint32_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(offset + i + (content == 1));
		uint8_t *exact = malloc(cap ? cap : 1);
		if (!exact)
			break;
		memcpy(exact, bytes, cap);
		struct frag_piece piece = { .p = exact,
					    .offset = offset,
					    .len = len,
					    .cap = cap,
					    .more = !(what & 4),
					    .next = 6,
					    .wire_bytes = len,
					    .ts_ns = now };
		piece.key.src.family = piece.key.dst.family = 4;
		piece.key.protocol = 6;
		piece.key.id = what & 3;
		now += (int64_t)step * 1000000000;
		for (uint32_t i = 0; i < cap; i++) {
			m->byte[offset + i] = bytes[i];
			m->there[offset + i] = true;
		}
		if (frag_add(&table, &piece, &whole) && content != 1)
			check_whole(&whole, m);
		frag_release(&table);
		free(exact);
		FUZZ_CHECK(table.waiting <= FRAG_DATAGRAMS_MAX && table.bytes <= FRAG_BYTES_MAX, "bounds");
	}
	frag_give_up(&table);
	frag_fini(&table);
	FUZZ_CHECK(!budget.used, "%" PRIu64 " bytes not given back", budget.used);
	free(models);
	return 0;
}
