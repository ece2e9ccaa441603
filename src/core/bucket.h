/* The buckets of a histogram of durations: below 32 ns one a nanosecond, above it 32 for each power of two.
 *
 * Octave 0 holds 0..31 ns; octave k holds [32 << (k - 1), 32 << k) in 32 steps. */
#ifndef TCPSTAT_BUCKET_H
#define TCPSTAT_BUCKET_H

#include "core/tcpstat.h"

enum { BUCKET_STEPS = 32 };
#define BUCKET_LONGEST_NS ((int64_t)1 << 62) /* so that no arithmetic on hostile times overflows */

static inline unsigned bucket_octave(uint64_t ns)
{
	return ns < BUCKET_STEPS ? 0 : 64u - (unsigned)__builtin_clzll(ns) - 5;
}

static inline unsigned bucket_step(uint64_t ns, unsigned octave)
{
	return (unsigned)(octave ? (ns >> (octave - 1)) - BUCKET_STEPS : ns);
}

/* The first duration of a bucket, and how many durations it spans. */
static inline uint64_t bucket_low(unsigned octave, unsigned step)
{
	return octave ? (uint64_t)(BUCKET_STEPS + step) << (octave - 1) : step;
}

static inline uint64_t bucket_width(unsigned octave)
{
	return octave ? (uint64_t)1 << (octave - 1) : 1;
}

/* A duration within a bucket of `n`, the one that stands behind `before` of them. */
static inline int64_t bucket_inside(unsigned octave, unsigned step, uint64_t before, uint64_t n)
{
	double part = ((double)before + 0.5) / (double)n;

	return (int64_t)(bucket_low(octave, step) + (uint64_t)(part * (double)bucket_width(octave)));
}

/* ceil(count * percent / 100) without overflow, at least 1 */
static inline uint64_t bucket_rank(uint64_t count, unsigned percent)
{
	uint64_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;

	return rank ? rank : 1;
}

#endif
