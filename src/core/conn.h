/* One connection: who is client, the incarnation, 64-bit offsets; the order in which trackers see a segment.
 *
 * One that exchanged little is this struct (CONN_MAX_BYTES) and its backlog; one of which a bare SYN was seen and no
 * more is an embryo. Segments wait for trackers from the second on, or from the first if that is no bare SYN; then the
 * SYN is shown to them too. */
#ifndef TCPSTAT_CONN_H
#define TCPSTAT_CONN_H

#include "core/backlog.h"
#include "core/dns.h"
#include "core/emit.h"
#include "core/endpoint.h"
#include "core/flow_table.h"
#include "core/history.h"
#include "core/segment.h"
#include "core/trackers.h"

/* How far a connection has come: what evicts it and which timeout ends it. The order is the order of eviction. */
enum conn_class {
	CONN_CLOSED,                    /* nothing more is to come but late segments */
	CONN_HALF_OPEN,                 /* nobody has proved to be there but who sent the SYN, or a few segments */
	CONN_CLOSING,                   /* a FIN was seen */
	CONN_OPEN,
	CONN_NCLASSES
};

struct survey;

/* On whose thread something is done, see errands.h. */
enum errands_by { BY_READER, BY_HELPER, ERRANDS_BY };

/* What connections share. */
struct conn_env {
	struct budget *budget;
	const struct tcpstat_config *config;
	struct pool chunks;             /* of backlogs */
	struct tracker_pools trackers[ERRANDS_BY]; /* each takes from its own: what comes and goes stays in its cache */
	struct pool streams;
	bool in_step;                   /* what trackers tell is wanted: no segment waits for them */
	bool apart;                     /* the reader puts streams together, and reports connections itself */
	struct errands *errands;
};

/* From the budget, sizeof and the name's text behind it. */
struct conn_dns {
	struct tcpstat_dns told;        /* its name is the text below */
	size_t size;                    /* bytes of it all */
	char name[];
};

/* Where somebody wants the payload, which is there for one call only: put together as the segments come, while the
 * other trackers may see them later. */
struct conn_stream {
	struct reasm reasm[2];
	struct watch gaps;              /* what the watch of the trackers has still to learn */
};

/* What one endpoint sent. */
struct conn_dir {
	uint64_t snd_max;               /* greatest end that is believed */
	uint64_t acked;                 /* greatest ACK of it by the peer that is believed; 0: none */
	uint64_t far;                   /* an end or an ACK too far ahead to be believed alone; 0: none */
	uint64_t bytes;                 /* of frames on the wire */
	uint32_t isn;                   /* raw number at SEQ_ISN */
	uint32_t packets, max_wnd;      /* max_wnd: bytes */
	bool known : 1, has_isn_other : 1; /* isn is set */
	bool syn_seen : 1;
	bool has_mss : 1, has_wscale : 1, sack_permitted : 1, has_ts : 1, tfo : 1, ecn : 1, mptcp : 1, accecn : 1;
	bool has_data : 1, has_fin : 1;
	uint8_t wscale;                 /* as in its SYN */
	uint8_t far_segments;
	uint16_t mss;
	uint32_t isn_other;             /* of a SYN-ACK that disagreed, should the client answer that one */
	uint32_t fin_print;             /* of its last FIN, see copy.h; 0: none, or cannot be told */
	uint32_t cksum_errors, cksum_offloaded;
};

/* The first SYN, for the trackers that are allocated later. */
struct conn_syn {
	uint32_t ts_val;
	uint16_t wnd, flags, ip_id;
	uint8_t ttl, ecn;
	bool has_ip_id, df, tfo, md5;
};

struct conn {
	struct flow_node node;          /* first: the table hands it out */
	/* what every segment touches */
	struct backlog backlog;         /* what the trackers have not seen yet */
	uint64_t errand;                /* number of the last one about it; 0: none */
	uint16_t due;                   /* slots of the backlog that make a batch, see errands.h */
	uint8_t client;                 /* the end of the key (0, 1) that is the client */
	bool midstream : 1;
	bool begun : 1;                 /* there is something for trackers */
	bool over_told : 1;             /* EV_PROGRESS said that the connection is over */
	int8_t fin_by, rst_by;          /* enum tcpstat_endpoint that sent the first; -1 nobody yet */
	uint8_t reset_side;             /* endpoint to which a RST was seen, at reset_ts; meaningless while that is 0 */
	uint8_t completeness;
	int64_t last_ts, third_ack_ts, reset_ts;
	uint64_t last_frame;
	uint32_t number;
	struct history history;
	struct conn_dir dir[2];
	struct endpoints endpoints;     /* its first half */
	/* what few do */
	struct trackers *trackers;      /* NULL: not yet, or no memory */
	bool no_trackers;               /* they had no memory */
	struct conn_stream *stream;     /* NULL: not yet, no memory, or not apart */
	struct conn_dns *dns;           /* the lookup of the server's name; NULL: none seen */
	int64_t progress_ts;            /* when EV_PROGRESS was said last; 0: not yet */
	int64_t first_ts, syn_ts, synack_ts;
	uint64_t first_frame;
	const char *tunnel;
	uint32_t incarnation, previous;
	uint32_t syn_retransmissions, synack_retransmissions;
	uint16_t vlan[2];
	struct conn_syn syn;
};

enum { CONN_MAX_BYTES = 640 };

/* `c` is zeroed but for node.key. `swapped` as flow_key_init said of this segment. */
void conn_init(struct conn *c, const struct tcp_view *, bool swapped, uint32_t number);
/* Frees what it keeps; nothing waits. */
void conn_fini(struct conn *, struct conn_env *);
/* Does this segment start another connection of the same addresses and ports? */
bool conn_is_new_incarnation(const struct conn *, const struct tcp_view *, bool swapped);
/* Asks the memory for what the next segment will touch: while that is on its way, other work can be done. In two steps;
 * the node is of a connection or of an embryo. */
void conn_fetch(const struct flow_node *);
void conn_fetch_backlog(const struct flow_node *);
/* The frame's bytes have been decoded into the view; of `pkt` only time and number count. */
void conn_segment(struct conn *, struct conn_env *, const struct tcp_view *, bool swapped,
	const struct tcpstat_pkt *);
/* Trackers see all that waits for them: to be called before a snapshot. */
void conn_settle(struct conn *, struct conn_env *);
/* Their watch learns of the gaps in the streams; part of settling, and nothing of the connection may be under way. */
void conn_learn_gaps(struct conn *, struct conn_env *);
/* Shows them what waited; for errands.c. */
void conn_show(struct conn *, struct conn_env *, enum errands_by, const struct backlog *);
/* The lookup of this connection's server, if `d` has it; once, for one that has just begun. */
void conn_look_up(struct conn *, struct conn_env *, struct dns *d);
enum conn_class conn_class(const struct conn *);
/* Another connection takes its addresses and ports at `ts`; this one leaves. */
void conn_reused(struct conn *, struct conn_env *, int64_t ts);
/* 2 MSL have passed, or (give_up) as much time as an endpoint waits for an answer. */
void conn_timeout(struct conn *, struct conn_env *, bool give_up, int64_t ts);
/* The connection as it stands, once it is settled. `now`: how far the capture reaches. */
void conn_snapshot(const struct conn *, int64_t now, struct tcpstat_conn *);
/* EV_FINDINGs of the connection as it stands to the callback of `config`; `out` is its snapshot, which gets its worst
 * severity. */
void conn_findings(const struct conn *, int64_t now, struct tcpstat_conn *out, const struct tcpstat_config *config);
/* The connection goes on: says so, if that is wanted and config->progress_ns have passed. */
void conn_progress(struct conn *, struct conn_env *, int64_t now);
/* An ICMP error quotes a segment of it; `ev` as analyzer.c filled it in. */
void conn_icmp(struct conn *, struct conn_env *, struct tcpstat_event *ev);
/* What it would give to the survey if it left now; false: it is half-open and may yet be answered. */
bool conn_census(const struct conn *, int64_t now, struct tcpstat_census *);
/* The connection leaves, and nothing waits: the findings and the connection event go out;
 * `survey` counts it, NULL: none. `now`: how far the capture reaches. */
void conn_finish(struct conn *, struct conn_env *, struct survey *, int64_t now);

#endif
