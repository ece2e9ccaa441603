/* A distribution of durations in bounded memory.
 *
 * Count, extremes, mean and standard deviation are exact. The first DIST_EXACT durations are kept as they are;
 * beyond that a histogram takes their place: below 32 ns one bucket per nanosecond, above it 32 buckets per power
 * of two, so a bucket is never wider than 1/32 of the durations in it. It reaches from the shortest to the longest
 * duration only (128 bytes per power of two). Two distributions add up exactly, bucket by bucket.
 *
 * A zeroed struct is empty and owns nothing; what dist_add allocates from the budget belongs to it until dist_fini. */
#ifndef TCPSTAT_DIST_H
#define TCPSTAT_DIST_H

#include "core/pool.h"
#include "core/tcpstat.h"

enum { DIST_EXACT = 16 };

struct dist_figures {
	int64_t min_ns, max_ns;
	double mean_ns, m2;             /* m2: sum of squared distances from the mean, ns^2 */
};

struct dist {
	uint64_t count;
	struct dist_figures figures;    /* from when the durations are no longer kept as they are */
	union {
		int64_t *sample_ns;     /* as they came; room for `room` */
		uint32_t *bucket;       /* of `octaves` powers of two, 32 each, from `first` on */
	};
	uint8_t room;
	uint8_t first, octaves;
	bool is_histogram;
	bool incomplete;                /* memory was refused: no quantiles any more */
};

/* Adds one duration; a negative one counts as 0, one beyond 2^62 as 2^62. Without memory the quantiles are given
 * up, nothing else. */
void dist_add(struct dist *, struct budget *, int64_t ns);
/* Adds all of `from`, which stays as it is. */
void dist_merge(struct dist *, struct budget *, const struct dist *from);
/* Quantiles are the durations of the nearest rank, ceil(p * count); in a histogram interpolated inside the bucket.
 * The standard deviation is that of the population. */
void dist_get(const struct dist *, struct tcpstat_dist *);
/* Adds all of it to a histogram of the whole; nothing if the quantiles were given up. */
void dist_pour(const struct dist *, struct tcpstat_histogram *);
void dist_fini(struct dist *, struct budget *);

#endif
