/* Who is in the table: connections enter, are found, and leave, by time, for others, or at the end. And the state of
 * the analyzer, which analyzer.c and roster.c share. */
#ifndef TCPSTAT_ROSTER_H
#define TCPSTAT_ROSTER_H

#include "core/conn.h"
#include "core/decode.h"
#include "core/dns.h"
#include "core/embryo.h"
#include "core/errands.h"
#include "core/flow_table.h"
#include "core/foresight.h"
#include "core/survey.h"

enum { CLOSED_ENDS = 2048 };            /* segments with FIN or RST for which connections that are over are kept */

struct tcpstat {
	struct tcpstat_config config;
	struct tcpstat_counters counters;
	struct budget budget;
	struct decoder *decoder;
	struct conn_env env;
	struct errands errands;
	struct pool conns, embryos;
	bool has_embryos;               /* nobody has to be told of the states of a bare SYN */
	struct flow_table flows;
	struct foresight foresight;
	size_t max_half_open;           /* before a flood of them goes first */
	struct survey survey;
	struct dns dns;
	uint64_t end_frame[CLOSED_ENDS]; /* packets of the last segments with FIN or RST, a ring; 0: none yet */
	unsigned next_end;
	uint64_t read;                  /* packet that is being read */
	uint64_t states[2][TCPSTAT_NSTATES]; /* of the endpoints of all connections */
	int64_t now_ns;
	int64_t looked_ns;              /* live: when look() did */
	bool has_time;
};

void roster_init(struct tcpstat *);
/* Frees what is still there; nobody is told. */
void roster_fini(struct tcpstat *);
/* The connection of that key, whole; NULL: there is none, or no memory for it. */
struct conn *roster_find(struct tcpstat *, const struct flow_key *);
/* A new one, by its first segment; NULL: no memory. */
struct conn *roster_add_conn(struct tcpstat *, const struct flow_key *, const struct tcp_view *, bool swapped);
struct embryo *roster_add_embryo(struct tcpstat *, const struct flow_key *, const struct tcp_view *, bool swapped,
	const struct tcpstat_pkt *);
/* To look at: an embryo as the connection that it would become, in `room`. */
struct conn *roster_seen_whole(struct tcpstat *, struct flow_node *, struct conn *room);
/* It leaves: reported and freed. */
void roster_leave(struct tcpstat *, struct flow_node *);
/* Before a packet: whose time is over leaves; where memory is short, somebody does. */
void roster_expire(struct tcpstat *);
void roster_evict(struct tcpstat *);
static inline void roster_make_room(struct tcpstat *t)
{
	if (budget_is_short(&t->budget))
		roster_evict(t);
}
/* A segment passes; one with FIN or RST shortens the stay of those that are over. */
void roster_note_end(struct tcpstat *, const struct tcp_view *, uint64_t frame);
/* The end of the capture: all leave, in the order of their numbers. */
void roster_drain(struct tcpstat *);
/* A shard says where in the whole stands what comes next. */
void roster_tell_position(const struct tcpstat *, uint64_t order, uint32_t opened);
static inline void roster_position(const struct tcpstat *t, uint64_t order, uint32_t opened)
{
	if (t->config.shards)
		roster_tell_position(t, order, opened);
}

#endif
