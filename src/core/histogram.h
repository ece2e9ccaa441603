/* How the distributions of connections become those of the whole capture. The type is public: tcpstat.h. */
#ifndef TCPSTAT_HISTOGRAM_H
#define TCPSTAT_HISTOGRAM_H

#include "core/tcpstat.h"

/* One duration; beyond the limits of dist_add it is cut as there. */
void histogram_add(struct tcpstat_histogram *, int64_t ns);
/* In two steps: `n` durations of a bucket (bucket.h), and what is known of all that were added so. */
void histogram_add_bucket(struct tcpstat_histogram *, unsigned octave, unsigned step, uint64_t n);
void histogram_add_figures(struct tcpstat_histogram *, uint64_t count, uint64_t sum_ns, int64_t min_ns,
	int64_t max_ns);

#endif
