/* What the exporter counts, and its text for Prometheus (text exposition format 0.0.4).
 *
 *     struct metrics *m = metrics_new(&options);
 *     metrics_event(m, ev);                           each event of METRICS_EVENTS
 *     text = metrics_text(m, &now, &len);             at each scrape
 *
 * Figures of a connection are counted as it goes on (EV_PROGRESS) and when it ends, always as the difference to what
 * was counted before: so sums over ended connections are those of their records. A counter never falls: where the
 * analyzer takes a verdict back, it waits until the sum has come as far again.
 *
 * Bounded: 64 values of the label of connections, `other` for the rest; a table of connections that go on, of at most
 * 65,536. Those beyond it count when they end. */
#ifndef TCPSTAT_METRICS_H
#define TCPSTAT_METRICS_H

#include "capture/capture.h"

enum {
	METRICS_EVENTS = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) | TCPSTAT_MASK(TCPSTAT_EV_PROGRESS) |
		TCPSTAT_MASK(TCPSTAT_EV_RTT) | TCPSTAT_MASK(TCPSTAT_EV_RESPONSE) | TCPSTAT_MASK(TCPSTAT_EV_FINDING),
	METRICS_GROUPS = 64
};

/* What --metrics-by asks for: a label on what is summed over connections. */
enum metrics_by { METRICS_BY_NOTHING, METRICS_BY_PORT, METRICS_BY_CLIENT, METRICS_BY_SERVER };

struct metrics_network {
	struct tcpstat_addr addr;
	unsigned prefix;                /* bits */
	char text[64];                  /* as given */
};

struct metrics_options {
	enum metrics_by by;
	uint16_t ports[METRICS_GROUPS]; /* METRICS_BY_PORT: only these; none: the first that have connections */
	struct metrics_network networks[METRICS_GROUPS]; /* of clients or servers; the first that matches counts */
	unsigned n;
	uint64_t memory_bytes;          /* for the table; 0: it may have its full size */
};

/* How things stand when a scrape comes. */
struct metrics_now {
	const struct tcpstat_counters *counters;
	const struct capture_facts *facts;
	struct tcpstat_gauges gauges;
	uint64_t records_dropped;
	uint64_t unsampled;             /* filled in by metrics_text */
};

struct metrics;

/* "port", "port:80,443", "client:CIDR,..." or "server:CIDR,..."; false: it is none of these. */
bool metrics_parse_by(const char *text, struct metrics_options *);
/* NULL: out of memory. */
struct metrics *metrics_new(const struct metrics_options *, const char *version);
void metrics_free(struct metrics *);
void metrics_event(struct metrics *, const struct tcpstat_event *);
/* The most that the text takes, with as many interfaces. */
size_t metrics_text_most(const struct metrics_options *, size_t n_interfaces);
/* The text, to be freed; NULL: out of memory. */
char *metrics_text(struct metrics *, struct metrics_now *, size_t *len);

#endif
