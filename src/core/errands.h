/* What is done beside the reading of packets: segments that waited are shown to trackers, connections that left are
 * reported. With a helper (tcpstat.h) on its thread, in the order given; without one at once.
 *
 * Who owns what, with a helper: the reader has the table, the connections in it and their backlogs; the helper has
 * trackers, the survey, and connections that have left. The reader touches trackers only after errands_wait. Where
 * streams are put together apart (conn.h) the reader has all but trackers, and reports connections itself. */
#ifndef TCPSTAT_ERRANDS_H
#define TCPSTAT_ERRANDS_H

#include "core/conn.h"

struct survey;

enum {
	ERRANDS = TCPSTAT_ERRANDS,      /* under way at most */
	ERRANDS_ENOUGH = ERRANDS / 2,   /* for the helper to be busy while the reader does some itself */
	BATCH_SLOTS = 4 * BACKLOG_CHUNK_SLOTS, /* that are worth to be shown together */
	WAITED_SLOTS = 4 * BATCH_SLOTS, /* of a connection show that the helper is behind */
	WAIT_SLOTS = 8 * BATCH_SLOTS    /* of a connection at most, while earlier ones are shown */
};

struct errand {
	struct errands *all;
	struct conn *conn;              /* NULL: nothing to give back */
	struct backlog backlog;
	int64_t now_ns;                 /* how far the capture reached */
	bool leaves;
};

struct errands {
	struct conn_env *env;
	struct survey *survey;          /* NULL: nobody counts */
	struct pool *conns;             /* where connections that were reported go back to */
	const struct tcpstat_helper *helper; /* NULL: none */
	uint64_t given, reclaimed;      /* errands; reclaimed: their memory is back */
	struct errand *ring;            /* of ERRANDS; NULL without a helper */
};

/* Takes the helper on, if there is memory for its errands. */
void errands_init(struct errands *, const struct tcpstat_helper *);
void errands_fini(struct errands *);

/* There is a batch of segments, which may be shown to the connection's trackers, by whom and when it is best: says in
 * c->due when to ask again. */
void errands_offer(struct errands *, struct conn *);
/* Shows the connection's backlog to its trackers, sooner or later. */
void errands_settle(struct errands *, struct conn *);
/* The connection is out of the table: reports it and gives it back, sooner or later. */
void errands_leave(struct errands *, struct conn *, int64_t now_ns);
/* Chunks of backlogs that may be under way at once: so many come and go with the helper's pace. */
size_t errands_chunks(const struct errands *);
/* All that was given is done. */
void errands_wait(struct errands *);
/* For one connection. */
void errands_wait_for(struct errands *, const struct conn *);

#endif
