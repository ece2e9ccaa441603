/* How trackers hand out events: only what the caller asked for is built. */
#ifndef TCPSTAT_EMIT_H
#define TCPSTAT_EMIT_H

#include "core/tcpstat.h"

struct emitter {
	const struct tcpstat_config *config;
	uint32_t conn;                  /* number of the connection that speaks */
};

static inline bool emit_wants(const struct emitter *e, enum tcpstat_event_type type)
{
	return e->config->events & TCPSTAT_MASK(type);
}

/* Fills in the connection's number and passes the event on, if it is wanted. */
static inline void emit_event(const struct emitter *e, struct tcpstat_event *ev)
{
	if (!emit_wants(e, ev->type))
		return;
	ev->conn = e->conn;
	e->config->event(e->config->ctx, ev);
}

#endif
