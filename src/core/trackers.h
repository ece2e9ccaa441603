/* The trackers of one connection, and the order in which they see a segment. */
#ifndef TCPSTAT_TRACKERS_H
#define TCPSTAT_TRACKERS_H

#include <stddef.h>

#include "core/copy.h"
#include "core/dupack.h"
#include "core/emit.h"
#include "core/latency.h"
#include "core/reasm.h"
#include "core/replay.h"
#include "core/scene.h"
#include "core/stack.h"
#include "core/timers.h"
#include "core/vantage.h"
#include "core/watch.h"
#include "core/window.h"

/* Where trackers of all connections come from. */
struct tracker_pools {
	struct budget *budget;
	struct pool trackers, sides;
};

/* shared: two threads take from them. */
void tracker_pools_init(struct tracker_pools *, struct budget *, bool shared);
void tracker_pools_fini(struct tracker_pools *);

/* Bytes of arrays that a connection of some dozen segments needs: it takes one block for all. Where an address
 * sanitizer watches, each is a block of its own. */
#if defined __SANITIZE_ADDRESS__
enum { TRACKERS_ROOM = 8 };
#else
enum { TRACKERS_ROOM = 4864 };
#endif

struct trackers {
	struct tracker_pools *pools;
	struct budget budget;           /* of the arrays: the room below, and beyond it that of all */
	struct reasm *reasm;            /* both directions: its own, or those of who puts the streams together */
	struct reasm own[2];
	struct copy copy;
	struct vantage vantage;
	struct window window;
	struct dupack dupack;
	struct latency latency;
	struct timers timers;
	struct stack_sign sign[2];
	uint16_t mss[2];                /* what each endpoint may send, payload bytes; 0 unknown */
	uint8_t resent_at[2];           /* letters that the history had when a direction first sent something again */
	bool resent[2], server_first;   /* it did; the server did before the client */
	bool watched;
	struct watch watch;             /* of what findings rest on, if it is wanted */
	struct replay *replay;          /* NULL: over the budget */
	_Alignas(void *) uint8_t room[TRACKERS_ROOM]; /* as pools align their blocks */
};

/* `apart`: both directions of a reassembly that somebody else does, to be read when all is settled; NULL: none.
 * NULL: no memory, or over the budget. */
struct trackers *trackers_new(struct tracker_pools *, bool watched, struct reasm *apart);
void trackers_free(struct trackers *);
/* `s` in the order of the capture; its `copy` is found out here. */
void trackers_segment(struct trackers *, struct segment *s, const struct scene *, const struct emitter *);
/* The connection is over: what waits is settled. */
void trackers_finish(struct trackers *, int64_t last_ts, const struct emitter *);
/* Fills in what trackers know. */
void trackers_snapshot(const struct trackers *, struct tcpstat_conn *);
/* Adds their durations to those of all connections. */
void trackers_pour(const struct trackers *, struct tcpstat_totals *);
/* The watch, if there is one; NULL for NULL. */
static inline struct watch *trackers_watch(struct trackers *t)
{
	return t && t->watched ? &t->watch : NULL;
}

#endif
