#include "core/dist.h"

#include <math.h>
#include <string.h>

#include "core/bucket.h"
#include "core/histogram.h"

static size_t histogram_bytes(unsigned octaves)
{
	return octaves * BUCKET_STEPS * sizeof(uint32_t);
}

static size_t owned_bytes(const struct dist *d)
{
	return d->is_histogram ? histogram_bytes(d->octaves) : d->room * sizeof *d->sample_ns;
}

static bool is_exact(const struct dist *d)
{
	return !d->is_histogram && !d->incomplete;
}

static struct dist_figures figures_of(const struct dist *d)
{
	struct dist_figures f = { 0 };
	double sum_ns = 0;

	if (!is_exact(d) || !d->count)
		return d->figures;
	f.min_ns = f.max_ns = d->sample_ns[0];
	for (unsigned i = 0; i < d->count; i++) {
		int64_t ns = d->sample_ns[i];

		sum_ns += (double)ns;
		f.min_ns = ns < f.min_ns ? ns : f.min_ns;
		f.max_ns = ns > f.max_ns ? ns : f.max_ns;
	}
	f.mean_ns = sum_ns / (double)(int64_t)d->count;
	for (unsigned i = 0; i < d->count; i++) {
		double off = (double)d->sample_ns[i] - f.mean_ns;

		f.m2 += off * off;
	}
	return f;
}

static void give_up(struct dist *d, struct budget *b)
{
	d->figures = figures_of(d);
	if (owned_bytes(d))
		budget_resize(b, d->sample_ns, owned_bytes(d), 0);
	d->sample_ns = NULL;
	d->room = d->first = d->octaves = 0;
	d->is_histogram = false;
	d->incomplete = true;
}

/* Makes the histogram reach from octave `lo` to octave `hi` at least: its buckets. NULL: out of memory. */
static uint32_t *histogram_cover(struct dist *d, struct budget *b, unsigned lo, unsigned hi)
{
	if (d->octaves) {
		unsigned end = d->first + d->octaves - 1u;
		lo = lo < d->first ? lo : d->first;
		hi = hi > end ? hi : end;
	}
	unsigned octaves = hi - lo + 1;
	if (octaves == d->octaves)
		return d->bucket;
	uint32_t *bucket = budget_resize(b, d->bucket, histogram_bytes(d->octaves), histogram_bytes(octaves));
	if (!bucket)
		return NULL;
	if (d->octaves && lo < d->first) {
		size_t shift = (size_t)(d->first - lo) * BUCKET_STEPS;
		memmove(bucket + shift, bucket, histogram_bytes(d->octaves));
		memset(bucket, 0, shift * sizeof *bucket);
	}
	d->bucket = bucket;
	d->first = lo;
	d->octaves = octaves;
	return bucket;
}

static bool bucket_add(struct dist *d, struct budget *b, unsigned octave, unsigned step, uint32_t n)
{
	uint32_t *bucket = histogram_cover(d, b, octave, octave);
	if (!bucket)
		return false;
	bucket += (octave - d->first) * BUCKET_STEPS + step;
	*bucket = n > UINT32_MAX - *bucket ? UINT32_MAX : *bucket + n;
	return true;
}

static bool to_histogram(struct dist *d, struct budget *b, unsigned n)
{
	int64_t sample_ns[DIST_EXACT];
	size_t bytes = owned_bytes(d);

	d->figures = figures_of(d);
	if (n)
		memcpy(sample_ns, d->sample_ns, n * sizeof *sample_ns);
	budget_resize(b, d->sample_ns, bytes, 0);
	d->bucket = NULL;
	d->room = 0;
	d->is_histogram = true;
	for (unsigned i = 0; i < n; i++) {
		unsigned octave = bucket_octave(sample_ns[i]);
		if (!bucket_add(d, b, octave, bucket_step(sample_ns[i], octave), 1))
			return false;
	}
	return true;
}

/* Keeps one duration, the one after `n` others, exactly or in its bucket. */
static bool keep(struct dist *d, struct budget *b, uint64_t n, int64_t ns)
{
	if (!d->is_histogram && n < DIST_EXACT) {
		if (n == d->room) {
			unsigned room = d->room ? d->room * 2u : 4;
			int64_t *sample_ns = budget_resize(b, d->sample_ns, owned_bytes(d), room * sizeof *sample_ns);
			if (!sample_ns)
				return false;
			d->sample_ns = sample_ns;
			d->room = room;
		}
		d->sample_ns[n] = ns;
		return true;
	}
	if (!d->is_histogram && !to_histogram(d, b, n))
		return false;
	unsigned octave = bucket_octave(ns);
	return bucket_add(d, b, octave, bucket_step(ns, octave), 1);
}

/* One more, of which there are `count` now (Welford 1962). */
static void figures_add(struct dist_figures *f, uint64_t count, int64_t ns)
{
	double off = (double)ns - f->mean_ns;

	if (count == 1 || ns < f->min_ns)
		f->min_ns = ns;
	if (count == 1 || ns > f->max_ns)
		f->max_ns = ns;
	f->mean_ns += off / (double)(int64_t)count;
	f->m2 += off * ((double)ns - f->mean_ns);
}

void dist_add(struct dist *d, struct budget *b, int64_t ns)
{
	if ((uint64_t)ns > BUCKET_LONGEST_NS)
		ns = ns < 0 ? 0 : BUCKET_LONGEST_NS;
	if (d->count < d->room) {
		d->sample_ns[d->count++] = ns;
		return;
	}
	if (!d->incomplete && !keep(d, b, d->count, ns))
		give_up(d, b);
	d->count++;
	if (!is_exact(d))
		figures_add(&d->figures, d->count, ns);
}

static bool merge_kept(struct dist *d, struct budget *b, const struct dist *from)
{
	if (from->incomplete)
		return false;
	if (!from->is_histogram) {
		for (uint64_t i = 0; i < from->count; i++)
			if (!keep(d, b, d->count + i, from->sample_ns[i]))
				return false;
		return true;
	}
	if (!d->is_histogram && !to_histogram(d, b, d->count))
		return false;
	if (!histogram_cover(d, b, from->first, from->first + from->octaves - 1u))
		return false;
	for (unsigned i = 0; i < from->octaves * (unsigned)BUCKET_STEPS; i++)
		if (from->bucket[i])
			bucket_add(d, b, from->first + i / BUCKET_STEPS, i % BUCKET_STEPS, from->bucket[i]);
	return true;
}

/* `n` and `m` durations together (Chan, Golub and LeVeque 1979). */
static void figures_merge(struct dist_figures *f, double n, const struct dist_figures *from, double m)
{
	double off = from->mean_ns - f->mean_ns;

	if (n == 0 || from->min_ns < f->min_ns)
		f->min_ns = from->min_ns;
	if (n == 0 || from->max_ns > f->max_ns)
		f->max_ns = from->max_ns;
	f->mean_ns += off * m / (n + m);
	f->m2 += from->m2 + off * off * n * m / (n + m);
}

void dist_merge(struct dist *d, struct budget *b, const struct dist *from)
{
	struct dist_figures more = figures_of(from);

	if (!from->count)
		return;
	if (!d->incomplete && !merge_kept(d, b, from))
		give_up(d, b);
	if (!is_exact(d))
		figures_merge(&d->figures, (double)d->count, &more, (double)from->count);
	d->count += from->count;
}

static int64_t histogram_quantile(const struct dist *d, uint64_t rank)
{
	uint64_t below = 0;

	for (unsigned i = 0; i < d->octaves * (unsigned)BUCKET_STEPS; i++) {
		if (below + d->bucket[i] < rank) {
			below += d->bucket[i];
			continue;
		}
		unsigned octave = d->first + i / BUCKET_STEPS;
		int64_t ns = bucket_inside(octave, i % BUCKET_STEPS, rank - below - 1, d->bucket[i]);
		return ns < d->figures.min_ns ? d->figures.min_ns : ns > d->figures.max_ns ? d->figures.max_ns : ns;
	}
	return d->figures.max_ns;
}

static void sort(const struct dist *d, int64_t sorted[DIST_EXACT])
{
	for (unsigned n = 0; n < d->count; n++) {
		int64_t sample_ns = d->sample_ns[n];
		unsigned at = n;

		for (; at && sorted[at - 1] > sample_ns; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = sample_ns;
	}
}

static void get_quantiles(const struct dist *d, struct tcpstat_dist *out)
{
	static const unsigned percent[] = { 50, 90, 99 };
	int64_t sorted[DIST_EXACT], ns[3];

	if (!d->is_histogram)
		sort(d, sorted);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t rank = bucket_rank(d->count, percent[i]);
		ns[i] = d->is_histogram ? histogram_quantile(d, rank) : sorted[rank - 1];
	}
	out->p50_ns = ns[0];
	out->p90_ns = ns[1];
	out->p99_ns = ns[2];
}

void dist_get(const struct dist *d, struct tcpstat_dist *out)
{
	struct dist_figures f;

	out->count = d->count;
	out->min_ns = out->mean_ns = out->max_ns = out->stddev_ns = TCPSTAT_NULL;
	out->p50_ns = out->p90_ns = out->p99_ns = TCPSTAT_NULL;
	if (!d->count)
		return;
	if (d->count == 1 && is_exact(d)) {
		out->min_ns = out->mean_ns = out->max_ns = out->p50_ns = out->p90_ns = out->p99_ns = d->sample_ns[0];
		out->stddev_ns = 0;
		return;
	}
	f = figures_of(d);
	out->min_ns = f.min_ns;
	out->max_ns = f.max_ns;
	out->mean_ns = (int64_t)(f.mean_ns + 0.5);
	out->stddev_ns = (int64_t)(sqrt(f.m2 / (double)d->count) + 0.5);
	if (!d->incomplete)
		get_quantiles(d, out);
}

void dist_pour(const struct dist *d, struct tcpstat_histogram *h)
{
	double sum_ns = d->figures.mean_ns * (double)d->count + 0.5; /* of a histogram */

	if (d->incomplete || !d->count)
		return;
	if (!d->is_histogram) {
		for (uint64_t i = 0; i < d->count; i++)
			histogram_add(h, d->sample_ns[i]);
		return;
	}
	for (unsigned i = 0; i < d->octaves * (unsigned)BUCKET_STEPS; i++)
		if (d->bucket[i])
			histogram_add_bucket(h, d->first + i / BUCKET_STEPS, i % BUCKET_STEPS, d->bucket[i]);
	histogram_add_figures(h, d->count, sum_ns < 1.8e19 ? (uint64_t)sum_ns : UINT64_MAX,
		d->figures.min_ns, d->figures.max_ns);
}

void dist_fini(struct dist *d, struct budget *b)
{
	if (owned_bytes(d))
		budget_resize(b, d->sample_ns, owned_bytes(d), 0);
	*d = (struct dist){ 0 };
}
