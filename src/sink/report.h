/* The report: what happened in a capture, one line a connection, worst first.
 *
 *     struct report *r = report_new(&style, top);
 *     report_event(r, ev);                    each event of report_events
 *     report_print(r, &facts, counters);      once, at the end
 *     report_free(r);
 *
 * Memory: the `top` worst connections and a bounded number of findings, however long the capture. The order is that of
 * what went wrong: the severity of its worst finding, then time lost in timeouts, unanswered and refused handshakes,
 * resets, retransmissions, closed windows; equals by their number. */
#ifndef SINK_REPORT_H
#define SINK_REPORT_H

#include "sink/format.h"

struct report;

/* What the report says of the input. Strings are borrowed and may hold any byte. */
struct report_facts {
	const char *const *names;       /* of the files or interfaces */
	size_t n_names;
	const char *filter;             /* NULL none */
	int64_t first_ts_ns, last_ts_ns; /* of the packets that were analysed; NULL: none */
	uint64_t packets;               /* before the filter */
	uint64_t filtered;              /* refused by the filter */
	uint64_t unfit;                 /* of these: of a link type that the filter cannot look into */
	int64_t dropped;                /* by the capturing system; NULL: it did not say */
	bool truncated;                 /* the input ended in the middle of something */
};

enum {
	REPORT_EVENTS = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) | TCPSTAT_MASK(TCPSTAT_EV_FINDING)
};

/* `top` 0: no table. NULL: out of memory. */
struct report *report_new(const struct style *, uint64_t top);
void report_free(struct report *);
/* Another one that knows the same, to be printed while this one goes on. NULL: out of memory. */
struct report *report_copy(const struct report *);
/* A connection that goes on (EV_PROGRESS) counts as one that is still open: in a copy only. */
void report_event(struct report *, const struct tcpstat_event *);
void report_print(struct report *, const struct report_facts *, const struct tcpstat_counters *);

#endif
