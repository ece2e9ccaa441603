/* How trackers hand out events: only what the caller asked for is built, or what findings rest on. */
#ifndef TCPSTAT_EMIT_H
#define TCPSTAT_EMIT_H

#include "core/scene.h"
#include "core/tcpstat.h"
#include "core/watch.h"

struct emitter {
	const struct tcpstat_config *config;
	uint32_t conn;                  /* number of the connection that speaks */
	struct watch *watch;            /* of that connection; NULL: nobody listens */
	struct budget *budget;          /* of the watch */
	struct state_changes *changes;  /* where changes of state are noted; NULL: nowhere */
};

static inline bool emit_wants(const struct emitter *e, enum tcpstat_event_type type)
{
	return (e->config->events | e->config->watched) & TCPSTAT_MASK(type);
}

/* An endpoint left a state: for whoever sees the segment later. */
static inline void emit_change(const struct emitter *e, enum tcpstat_endpoint endpoint, enum tcpstat_state from)
{
	if (e->changes && e->changes->n < STATE_CHANGES_MAX)
		e->changes->of[e->changes->n++] = (uint8_t)(endpoint << 4 | from);
}

/* Fills in the connection's number and passes the event on, if it is wanted. */
static inline void emit_event(const struct emitter *e, struct tcpstat_event *ev)
{
	ev->conn = e->conn;
	if (e->watch && e->config->watched & TCPSTAT_MASK(ev->type))
		watch_event(e->watch, e->budget, ev);
	if (e->config->events & TCPSTAT_MASK(ev->type))
		e->config->event(e->config->ctx, ev);
}

#endif
