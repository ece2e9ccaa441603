#include "core/vantage.h"

#include <string.h>

void vantage_init(struct vantage *v)
{
	*v = (struct vantage){ 0 };
	v->half[0].min_ns = v->half[1].min_ns = TCPSTAT_NULL;
}

static int64_t half_answer(struct half *h, uint64_t ack, int64_t now_ns)
{
	for (uint32_t i = 0; i < h->n; i++) {
		if (h->asked[i].end != ack)
			continue;
		int64_t took = now_ns - h->asked[i].seen_ns;
		h->n = (uint16_t)(h->n - i - 1);
		if (h->n)
			memmove(h->asked, h->asked + i + 1, h->n * sizeof *h->asked);
		if (took < 0)
			return -1;
		if (h->min_ns == TCPSTAT_NULL || took < h->min_ns) {
			if (h->min_ns == TCPSTAT_NULL || took < h->min_ns - h->min_ns / 4)
				h->close = 0;
			h->min_ns = took;
		}
		if (took <= h->min_ns + h->min_ns / 4 && h->close < UINT16_MAX)
			h->close++;
		return took - h->min_ns;
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
	if (h->n == VANTAGE_RING)
		memmove(h->asked, h->asked + 1, --h->n * sizeof *h->asked);
	h->asked[h->n].end = s->end;
	h->asked[h->n++].seen_ns = s->ts;
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

int64_t vantage_segment(struct vantage *v, const struct segment *s)
{
	int64_t late_ns = -1;

	if (s->flags & TH_RST)
		return late_ns;
	if (s->flags & TH_ACK) {
		int64_t before_ns = v->half[s->dir].min_ns;

		late_ns = half_answer(&v->half[s->dir], s->ack, s->ts);
		if (v->half[s->dir].min_ns != before_ns)
			update(v);
	}
	if (segment_occupies(s))
		half_ask(&v->half[!s->dir], s);
	return late_ns;
}

enum tcpstat_vantage vantage_of(const struct vantage *v)
{
	if (v->half[0].min_ns == TCPSTAT_NULL || v->half[1].min_ns == TCPSTAT_NULL)
		return TCPSTAT_VANTAGE_UNKNOWN;
	return vantage_is_near(v, TCPSTAT_CLIENT)   ? TCPSTAT_VANTAGE_CLIENT
	       : vantage_is_near(v, TCPSTAT_SERVER) ? TCPSTAT_VANTAGE_SERVER
						    : TCPSTAT_VANTAGE_MIDDLE;
}
