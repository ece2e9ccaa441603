/* What metrics.c counts and exposition.c writes. */
#ifndef TCPSTAT_METRICS_ROOM_H
#define TCPSTAT_METRICS_ROOM_H

#include "sink/metrics.h"
#include "sink/record.h"

#include <stddef.h>

/* The causes, as the table needs them: CAUSE(direction, array, cause, its name). */
#define METRICS_CAUSES(dir, array) \
	CAUSE(dir, array, CAUSE_UNKNOWN, "unknown") CAUSE(dir, array, CAUSE_SYN, "syn") \
	CAUSE(dir, array, CAUSE_SYNACK, "synack") CAUSE(dir, array, CAUSE_FIN, "fin") \
	CAUSE(dir, array, CAUSE_RTO, "rto") CAUSE(dir, array, CAUSE_GO_BACK_N, "go_back_n") \
	CAUSE(dir, array, CAUSE_FAST, "fast") CAUSE(dir, array, CAUSE_RECOVERY, "recovery") \
	CAUSE(dir, array, CAUSE_TLP, "tlp") CAUSE(dir, array, CAUSE_LOST_RETRANSMISSION, "lost_retransmission")

/* How many series are summed over connections: the table, counted. */
#define FAMILY(name, type, help)
#define CAUSE(dir, array, cause, text) +1
#define C(labels, member, per) +1
#define CAUSES(dir, array) METRICS_CAUSES(dir, array)
#define V(labels, expression)
enum {
	METRICS_N_SUMS = 0
#include "sink/metric.def"
};
#undef FAMILY
#undef CAUSE
#undef C
#undef CAUSES
#undef V

enum { METRICS_BOUNDS = 16, METRICS_FINDINGS = 128 };

struct metrics_member {
	size_t offset;                  /* of an int64_t in struct tcpstat_conn */
};

extern const struct metrics_member metrics_members[METRICS_N_SUMS];
extern const int64_t metrics_bound_ns[METRICS_BOUNDS];

struct metrics_histogram {
	uint64_t count[METRICS_BOUNDS + 1]; /* not cumulated */
	uint64_t sum_ns;
};

/* What was counted of a connection that goes on. */
struct metrics_sample {
	uint32_t conn;
	unsigned group;
	bool has_handshake;
	int64_t value[METRICS_N_SUMS];
};

/* Groups: one for each value of the label, the last for the rest. */
struct metrics {
	struct metrics_options options;
	bool listed;                    /* the user named the ports */
	const char *version;
	int64_t start_s;                /* since the epoch */
	int64_t sums[METRICS_GROUPS + 1][METRICS_N_SUMS];
	int64_t shown[METRICS_GROUPS + 1][METRICS_N_SUMS]; /* what a scrape has seen: counters do not fall */
	uint64_t closed[METRICS_GROUPS + 1][TCPSTAT_CLOSE_TIMEOUT + 1];
	uint64_t outcomes[METRICS_GROUPS + 1][TCPSTAT_HS_INCOMPLETE + 1];
	struct metrics_histogram rtt[2], handshake, response;
	struct { char id[48]; enum tcpstat_severity severity; uint64_t count, ongoing; } findings[METRICS_FINDINGS];
	unsigned n_findings;
	struct metrics_sample **slots;  /* open addressing by number */
	size_t n_slots, n_samples, max_samples;
	uint64_t unsampled;
};

#endif
