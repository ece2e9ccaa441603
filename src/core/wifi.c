/* IEEE 802.11 data frames that are not encrypted, and the headers that capture tools put before them. */
#include "core/walk.h"

enum {
	CONTROL = 2, TYPE_MASK = 0x0c, TYPE_DATA = 0x08, VERSION_MASK = 0x03, SUBTYPE_QOS = 0x80,
	SUBTYPE_NO_DATA = 0x40, TO_DS = 0x01, FROM_DS = 0x02, PROTECTED = 0x40, ORDER = 0x80, HEADER = 24, ADDRESS = 6,
	QOS = 2, HT_CONTROL = 4, SEQUENCE_AT = 22, FRAGMENT_MASK = 0x0f, QOS_AMSDU = 0x80, SUBFRAME_HEADER = 14,
	SUBFRAME_LEN_AT = 12
};

/* Of an aggregate, the first subframe is followed: a frame has one segment. */
static void aggregate(struct walk *w)
{
	if (!link_need(w, SUBFRAME_HEADER))
		return;
	uint32_t len = be16(w->s.p + SUBFRAME_LEN_AT);
	span_skip(&w->s, SUBFRAME_HEADER);
	if (len < w->s.wire)
		span_set_len(&w->s, len);
	ether_llc(w);
}

void wifi_frame(struct walk *w, bool padded)
{
	if (!walk_enter(w) || !link_need(w, CONTROL))
		return;
	const uint8_t *p = w->s.p;
	uint8_t kind = p[0], flags = p[1];
	if (kind & VERSION_MASK || (kind & TYPE_MASK) != TYPE_DATA || kind & SUBTYPE_NO_DATA || flags & PROTECTED) {
		WALK_COUNT(w, not_ip);
		return;
	}
	uint32_t len = HEADER, qos_at;
	if ((flags & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS))
		len += ADDRESS;
	qos_at = len;
	if (kind & SUBTYPE_QOS)
		len += QOS + (flags & ORDER ? HT_CONTROL : 0);
	if (padded)
		len = (len + 3) / 4 * 4;
	if (!link_need(w, len))
		return;
	if (p[SEQUENCE_AT] & FRAGMENT_MASK) {
		WALK_COUNT(w, not_ip);
		return;
	}
	span_skip(&w->s, len);
	if (kind & SUBTYPE_QOS && p[qos_at] & QOS_AMSDU)
		aggregate(w);
	else
		ether_llc(w);
}

/* The flags of a radiotap header follow the words that say which fields are there, and an aligned 64-bit TSFT. */
static uint8_t radiotap_flags(const uint8_t *p, uint32_t len)
{
	enum { WORDS_AT = 4, HAS_TSFT = 1, HAS_FLAGS = 2, TSFT = 8 };
	const uint32_t has_more_words = UINT32_C(1) << 31;
	uint32_t at = WORDS_AT, present;

	if (len < WORDS_AT + 4)
		return 0;
	uint32_t first = le32(p + at);
	do {
		if (at + 4 > len)
			return 0;
		present = le32(p + at);
		at += 4;
	} while (present & has_more_words);
	if (first & HAS_TSFT)
		at = (at + TSFT - 1) / TSFT * TSFT + TSFT;
	return first & HAS_FLAGS && at < len ? p[at] : 0;
}

void wifi_radiotap(struct walk *w)
{
	enum { RADIOTAP_MIN = 8, FLAG_PADDED = 0x20, FLAG_BAD_FCS = 0x40 };

	if (!link_need(w, RADIOTAP_MIN))
		return;
	uint32_t len = le16(w->s.p + 2);
	if (len < RADIOTAP_MIN) {
		WALK_COUNT(w, link_truncated);
		return;
	}
	if (!link_need(w, len))
		return;
	uint8_t flags = radiotap_flags(w->s.p, len);
	span_skip(&w->s, len);
	if (flags & FLAG_BAD_FCS)       /* the radio heard noise: any byte may be wrong */
		WALK_COUNT(w, not_ip);
	else
		wifi_frame(w, flags & FLAG_PADDED);
}

/* AVS begins with a magic number and its length; Prism with a message code and its length, in the machine's order. */
void wifi_prism(struct walk *w)
{
	enum { AVS_MAGIC_24 = 0x802110, PRISM_MIN = 8, PRISM = 144 };

	if (!link_need(w, PRISM_MIN))
		return;
	const uint8_t *p = w->s.p;
	uint32_t len = PRISM;
	if (be24(p) == AVS_MAGIC_24)
		len = be32(p + 4);
	if (!link_need(w, len))
		return;
	span_skip(&w->s, len);
	wifi_frame(w, false);
}
