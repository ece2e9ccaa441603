#include "core/vantage.h"

void vantage_init(struct vantage *v)
{
	*v = (struct vantage){ 0 };
	v->half[0].min_ns = v->half[1].min_ns = TCPSTAT_NULL;
}

static void update(struct vantage *v)
{
	for (int i = 0; i < 2; i++) {
		int64_t mine = v->half[i].min_ns, other = v->half[!i].min_ns;
		bool known = mine != TCPSTAT_NULL;

		v->half[i].near = known && other != TCPSTAT_NULL && mine <= other / 9;
		v->half_ns[i] = known && !v->half[i].near ? mine : 0;
	}
}

static int64_t answered(struct vantage *v, struct half *h, int64_t took_ns)
{
	if (took_ns < 0)
		return -1;
	if (h->min_ns == TCPSTAT_NULL || took_ns < h->min_ns) {
		if (h->min_ns == TCPSTAT_NULL || took_ns < h->min_ns - h->min_ns / 4)
			h->close = 0;
		h->min_ns = took_ns;
		update(v);
	}
	if (took_ns <= h->min_ns + h->min_ns / 4 && h->close < UINT16_MAX)
		h->close++;
	return took_ns - h->min_ns;
}

static int64_t half_answer(struct vantage *v, struct half *h, const struct segment *s)
{
	for (unsigned i = h->first; i < h->first + h->n; i++) {
		if (h->asked[i % VANTAGE_RING].end != s->ack)
			continue;
		h->n = (uint8_t)(h->first + h->n - i - 1);
		h->first = (uint8_t)((i + 1) % VANTAGE_RING);
		return answered(v, h, s->ts - h->asked[i % VANTAGE_RING].seen_ns);
	}
	return -1;
}

static void half_ask(struct half *h, const struct segment *s)
{
	if (s->end <= h->max_end) {
		/* Repeated: an answer may belong to either copy (Karn). */
		h->n = 0;
		return;
	}
	h->max_end = s->end;
	if (h->n == VANTAGE_RING) {
		h->first = (h->first + 1) % VANTAGE_RING;
		h->n--;
	}
	unsigned i = (h->first + h->n++) % VANTAGE_RING;

	h->asked[i].end = s->end;
	h->asked[i].seen_ns = s->ts;
}

int64_t vantage_segment(struct vantage *v, const struct segment *s)
{
	if (s->flags & TH_RST)
		return -1;
	if (segment_occupies(s))
		half_ask(&v->half[!s->dir], s);
	return s->flags & TH_ACK ? half_answer(v, &v->half[s->dir], s) : -1;
}

enum tcpstat_vantage vantage_of(const struct vantage *v)
{
	if (v->half[0].min_ns == TCPSTAT_NULL || v->half[1].min_ns == TCPSTAT_NULL)
		return TCPSTAT_VANTAGE_UNKNOWN;
	return vantage_is_near(v, TCPSTAT_CLIENT)   ? TCPSTAT_VANTAGE_CLIENT
	       : vantage_is_near(v, TCPSTAT_SERVER) ? TCPSTAT_VANTAGE_SERVER
						    : TCPSTAT_VANTAGE_MIDDLE;
}
