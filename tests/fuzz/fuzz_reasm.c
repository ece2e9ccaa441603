/* Reassembly against a slow model that knows one owner for each byte: both must agree byte for byte, for every policy.
 *
 *     1 byte policy, then 5 bytes a segment: 2 offset, 2 length, 1 content */
#include "core/reasm.h"
#include "fuzz.h"

enum { ROOM = 20000, OFFSET_MAX = 4096 };

struct owner {
	uint64_t lo, hi;
	uint8_t byte;
	bool there;
};

struct model {
	struct owner owner[ROOM];
	uint64_t next; /* delivered up to here */
};

struct checked {
	struct model m;
	uint64_t got;
};

/* `head` owns the first byte that waits. */
static bool new_wins(enum tcpstat_overlap policy, uint64_t lo, uint64_t hi, const struct owner *old,
		     const struct owner *head)
{
	switch (policy) {
	case TCPSTAT_OVERLAP_FIRST:
		return false;
	case TCPSTAT_OVERLAP_LAST:
		return true;
	case TCPSTAT_OVERLAP_LINUX:
	case TCPSTAT_OVERLAP_HPUX10:
	case TCPSTAT_OVERLAP_IRIX:
		return lo < old->lo || (lo == old->lo && hi > old->hi);
	case TCPSTAT_OVERLAP_OLD_LINUX:
		return lo < old->lo || (lo == old->lo && hi >= old->hi);
	case TCPSTAT_OVERLAP_SOLARIS:
	case TCPSTAT_OVERLAP_HPUX11:
		if (lo == old->lo && hi == old->hi)
			return old->lo != head->lo || old->hi != head->hi;
		return (lo <= old->lo && hi >= old->hi) || (lo > old->lo && hi > old->hi);
	default:
		return lo < old->lo;
	}
}

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct checked *c = ctx;

	(void)conn, (void)dir;
	FUZZ_CHECK(offset == c->got, "bytes at %" PRIu64 ", not %" PRIu64, offset, c->got);
	FUZZ_CHECK(offset + len <= ROOM, "beyond what was sent");
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK(c->m.owner[offset + i].there && c->m.owner[offset + i].byte == bytes[i],
			   "byte %" PRIu64 ": %d, the model has %d", offset + i, bytes[i], c->m.owner[offset + i].byte);
	c->got += len;
}

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	struct checked *c = ctx;

	FUZZ_CHECK(ev->gap.offset == c->got && ev->gap.len, "gap at %" PRIu64, ev->gap.offset);
	for (uint64_t i = 0; i < ev->gap.len; i++)
		FUZZ_CHECK(!c->m.owner[c->got + i].there, "byte %" PRIu64 " was sent", c->got + i);
	c->got += ev->gap.len;
}

static void model_add(struct model *m, enum tcpstat_overlap policy, uint64_t lo, uint64_t hi, const uint8_t *bytes)
{
	struct owner head = { 0 };

	for (uint64_t i = m->next; i < ROOM && !head.there; i++)
		head = m->owner[i];
	for (uint64_t i = lo > m->next ? lo : m->next; i < hi; i++) {
		struct owner *o = &m->owner[i];

		if (!o->there || new_wins(policy, lo, hi, o, &head))
			*o = (struct owner){ lo, hi, bytes[i - lo], true };
	}
	while (m->next < ROOM && m->owner[m->next].there)
		m->next++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct checked c;
	struct budget budget = { .limit = 1 << 30 };
	struct tcpstat_config config = {
		.stream = on_bytes, .event = on_event, .ctx = &c, .events = TCPSTAT_MASK(TCPSTAT_EV_GAP)
	};
	struct emitter e = { .config = &config, .conn = 1 };
	struct fuzz_bytes in = { data, size };
	struct reasm reasm[2];
	static uint8_t bytes[ROOM];

	memset(&c, 0, sizeof c);
	config.overlap = (enum tcpstat_overlap)(fuzz_u8(&in) % TCPSTAT_NOVERLAPS);
	reasm_init(reasm, &budget);
	struct tcp_view view = { .cksum = CKSUM_GOOD };
	struct segment s = { .view = &view,
			     .frame = 1,
			     .dir = TCPSTAT_C2S,
			     .flags = TH_SYN,
			     .seq = SEQ_ISN,
			     .end = SEQ_ISN + 1,
			     .wnd = 65535 };
	reasm_segment(reasm, &s, &e);
	while (in.n >= 5) {
		uint32_t lo = fuzz_u16(&in) % OFFSET_MAX, len = fuzz_u16(&in);
		uint8_t content = fuzz_u8(&in);

		len = len & 0x8000 ? len % 9000 : len % 64;
		for (uint32_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)((lo + i) / (1 + content % 16) + content / 64);
		view = (struct tcp_view){ .payload = bytes, .len = len, .caplen = len, .cksum = CKSUM_GOOD };
		s = (struct segment){ .view = &view,
				      .ts = s.ts + 1000,
				      .frame = s.frame + 1,
				      .dir = TCPSTAT_C2S,
				      .flags = TH_ACK,
				      .seq = SEQ_ISN + 1 + lo,
				      .end = SEQ_ISN + 1 + lo + len,
				      .ack = SEQ_ISN + 1,
				      .len = len,
				      .wnd = 65535 };
		model_add(&c.m, config.overlap, lo, lo + len, bytes);
		reasm_segment(reasm, &s, &e);
		FUZZ_CHECK(c.got == c.m.next, "delivered %" PRIu64 ", the model %" PRIu64, c.got, c.m.next);
	}
	reasm_finish(reasm, s.ts, &e);
	for (uint64_t i = c.got; i < ROOM; i++)
		FUZZ_CHECK(!c.m.owner[i].there, "byte %" PRIu64 " was never delivered", i);
	reasm_fini(reasm);
	FUZZ_CHECK(!budget.used, "%" PRIu64 " bytes not given back", budget.used);
	return 0;
}
