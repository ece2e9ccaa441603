/* Histograms of the whole capture: all counts, so that those of its parts add up to that of the whole exactly. */
#include <string.h>

#include "core/bucket.h"
#include "core/histogram.h"

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static unsigned index_of(uint64_t ns)
{
	unsigned octave = bucket_octave(ns);

	return octave * BUCKET_STEPS + bucket_step(ns, octave);
}

uint64_t tcpstat_bucket_ns(unsigned i)
{
	return bucket_low(i / BUCKET_STEPS, i % BUCKET_STEPS);
}

int tcpstat_bucket_at(uint64_t ns)
{
	unsigned i = ns <= (uint64_t)BUCKET_LONGEST_NS ? index_of(ns) : TCPSTAT_BUCKETS;

	return i < TCPSTAT_BUCKETS && tcpstat_bucket_ns(i) == ns ? (int)i : -1;
}

static void stretch(struct tcpstat_histogram *h, int64_t min_ns, int64_t max_ns)
{
	if (!h->count || min_ns < h->min_ns)
		h->min_ns = min_ns;
	if (!h->count || max_ns > h->max_ns)
		h->max_ns = max_ns;
}

void histogram_add(struct tcpstat_histogram *h, int64_t ns)
{
	ns = ns < 0 ? 0 : ns > BUCKET_LONGEST_NS ? BUCKET_LONGEST_NS : ns;
	stretch(h, ns, ns);
	h->bucket[index_of((uint64_t)ns)]++;
	h->sum_ns = sum(h->sum_ns, (uint64_t)ns);
	h->count++;
}

void histogram_add_bucket(struct tcpstat_histogram *h, unsigned octave, unsigned step, uint64_t n)
{
	uint64_t *bucket = &h->bucket[octave * BUCKET_STEPS + step];

	*bucket = sum(*bucket, n);
}

void histogram_add_figures(struct tcpstat_histogram *h, uint64_t count, uint64_t sum_ns, int64_t min_ns, int64_t max_ns)
{
	if (!count)
		return;
	stretch(h, min_ns, max_ns);
	h->sum_ns = sum(h->sum_ns, sum_ns);
	h->count = sum(h->count, count);
}

void tcpstat_histogram_merge(struct tcpstat_histogram *h, const struct tcpstat_histogram *from)
{
	histogram_add_figures(h, from->count, from->sum_ns, from->min_ns, from->max_ns);
	for (unsigned i = 0; i < TCPSTAT_BUCKETS; i++)
		h->bucket[i] = sum(h->bucket[i], from->bucket[i]);
}

static int64_t quantile(const struct tcpstat_histogram *h, unsigned percent)
{
	uint64_t rank = bucket_rank(h->count, percent), below = 0;

	for (unsigned i = 0; i < TCPSTAT_BUCKETS; i++) {
		if (h->bucket[i] >= rank - below) {
			int64_t ns = bucket_inside(i / BUCKET_STEPS, i % BUCKET_STEPS, rank - below - 1, h->bucket[i]);

			return ns < h->min_ns ? h->min_ns : ns > h->max_ns ? h->max_ns : ns;
		}
		below += h->bucket[i];
	}
	return h->max_ns;
}

void tcpstat_histogram_get(const struct tcpstat_histogram *h, struct tcpstat_dist *out)
{
	out->count = h->count < INT64_MAX ? (int64_t)h->count : INT64_MAX;
	out->min_ns = out->mean_ns = out->max_ns = out->stddev_ns = TCPSTAT_NULL;
	out->p50_ns = out->p90_ns = out->p99_ns = TCPSTAT_NULL;
	if (!h->count)
		return;
	out->min_ns = h->min_ns;
	out->max_ns = h->max_ns;
	out->mean_ns = (int64_t)(h->sum_ns / h->count);
	out->p50_ns = quantile(h, 50);
	out->p90_ns = quantile(h, 90);
	out->p99_ns = quantile(h, 99);
}
