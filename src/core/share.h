/* Whose was the time of a connection? Every instant has one owner (enum tcpstat_limit), in each direction and for the
 * connection as a whole; the owners sum to the duration.
 *
 * Each direction says who owns its time as that passes, and may think better of it until it settles (limits.h). Of the
 * two owners of an instant the connection takes the one that comes first in this order, for where one direction waits
 * for the other, its own account says so: handshake, timeout, recovery, receiver_window, delayed_ack,
 * congestion_window, sender_unknown, think_time, application_idle.
 *
 * Time that both directions have accounted for is kept by kind: one sum for all instants that have the same owners and
 * about which both may still think better in the same way. Time that one has accounted for ahead of the other waits in
 * runs. Both are bounded: should more kinds or runs be open at once than there is room for, the least of the kinds, or
 * the oldest run, is settled as it stands. Runs take memory of the budget only where one direction gets far ahead. */
#ifndef TCPSTAT_SHARE_H
#define TCPSTAT_SHARE_H

#include "core/pool.h"
#include "core/tcpstat.h"

enum {
	SHARE_KINDS = 8, SHARE_RUNS_FIRST = 4, SHARE_RUNS_ENOUGH = 8, SHARE_RUNS_MAX = 256,
	SHARE_RUNS_COPY = SHARE_RUNS_MAX + 4
};

/* From when on is time told apart, should a direction think better of it? */
enum share_mark { SHARE_PROGRESS = 32, SHARE_PEER_DATA = 64 };

struct share_run {
	int64_t ns;
	uint8_t tag;
};

struct share_kind {
	int64_t ns;
	uint16_t tags;                  /* one for each direction, that of s2c shifted; one at least is open */
};

struct share {
	int64_t ns[TCPSTAT_NLIMITS];    /* of the connection: settled by both directions */
	int64_t half_ns[2][TCPSTAT_NLIMITS]; /* of each direction, settled */
	int64_t since_ns[2];            /* accounted for until then */
	struct share_kind kind[SHARE_KINDS];
	struct share_run few[SHARE_RUNS_FIRST]; /* of the direction that is ahead */
	struct share_run *runs;         /* the few while they suffice, else as many as `room` */
	struct budget *budget;          /* NULL: there is no more room */
	uint16_t first, n_runs, room;   /* runs */
	uint8_t tag[2];                 /* of the time that passed last; of a direction that has said nothing: of all */
	uint8_t n_kinds, ahead;
	bool speaks[2];                 /* else it is taken along */
};

/* The connection begins; `owner`: whose is the time of a direction that says nothing? */
void share_init(struct share *, struct budget *, int64_t now_ns, enum tcpstat_limit owner);
void share_fini(struct share *);
/* One that may be finished while the other goes on; `runs` have to outlive it. */
void share_copy(struct share *, const struct share *of, struct share_run runs[SHARE_RUNS_COPY]);
/* This direction speaks for itself from here on. */
void share_join(struct share *, enum tcpstat_dir);
/* Its time until now_ns is the owner's; `marks`: those that were set. Time that has passed already is not counted. */
void share_pass(struct share *, enum tcpstat_dir, int64_t now_ns, enum tcpstat_limit owner, uint8_t marks);
/* From now on, no more since the last time. */
void share_set_mark(struct share *, enum tcpstat_dir, enum share_mark);
/* What is open and belonged to `from` belongs to `to`. */
void share_reassign(struct share *, enum tcpstat_dir, enum tcpstat_limit from, enum tcpstat_limit to);
/* The same, only since that mark; `from` TCPSTAT_NLIMITS: whoever it belonged to. */
void share_reassign_since(struct share *, enum tcpstat_dir, enum share_mark, enum tcpstat_limit from,
	enum tcpstat_limit to);
/* What is open stays as it is. */
void share_settle(struct share *, enum tcpstat_dir);
/* Nothing follows: both directions have settled, or never spoke. */
void share_finish(struct share *, int64_t last_ns);
/* Ratios of the time of a direction, which sum to 1; NAN if that is no time. */
void share_of_half(const struct share *, enum tcpstat_dir, double ratio[TCPSTAT_NLIMITS]);
/* Of the connection; they sum to duration_ns. What passed before share_init counts as idle. */
void share_of_both(const struct share *, int64_t duration_ns, int64_t budget_ns[TCPSTAT_NLIMITS]);

#endif
