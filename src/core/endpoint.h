/* The states of RFC 9293 that both endpoints of a connection pass through, as an observer of their segments knows them.
 *
 * Each endpoint is a short list of facts in the order in which they became true: it sent a SYN, it received the peer's
 * FIN. Its state is what RFC 9293 section 3.3.2 makes of them. What an endpoint sends is a fact. What it receives was
 * only seen on its way, so such a fact is provisional until something the endpoint sends could not have been sent
 * without; what it sends may also show that it had not got it: then the fact is taken back, with a state event that
 * says so, and what came after it is played again. Knows no time. */
#ifndef TCPSTAT_ENDPOINT_H
#define TCPSTAT_ENDPOINT_H

#include "core/emit.h"
#include "core/segment.h"

/* name, trigger in records */
#define ENDPOINT_FACTS(X) \
	X(SND_SYN, "snd_syn") X(RCV_SYN, "rcv_syn") X(SND_SYNACK, "snd_synack") X(RCV_SYNACK, "rcv_synack") \
	X(RCV_ACK, "rcv_ack") X(SND_FIN, "snd_fin") X(RCV_FIN, "rcv_fin") X(RCV_ACK_OF_FIN, "rcv_ack_of_fin") \
	X(SND_RST, "snd_rst") X(RCV_RST, "rcv_rst") X(TIMEOUT_2MSL, "timeout_2msl") X(TIMEOUT, "timeout")

enum endpoint_fact {
#define X(name, trigger) EP_FACT_##name,
	ENDPOINT_FACTS(X)
#undef X
	EP_NFACTS
};

struct endpoint {
	uint8_t state;                  /* enum tcpstat_state */
	uint8_t base;                   /* state before the first fact */
	uint8_t n;
	uint8_t fact[EP_NFACTS];        /* in order, each at most once */
	uint16_t provisional;           /* set of facts */
	uint16_t known;                 /* set of facts */
};

struct endpoints {
	struct endpoint ep[2];          /* by enum tcpstat_endpoint */
	/* about what each endpoint sent, in its own sequence space; 0: none yet */
	uint64_t next[2];               /* everything before was seen, or acknowledged by the peer */
	uint64_t fin_end[2];            /* up to here a plain segment touches it */
	uint64_t syn_end[2];
	/* of the data in the first SYN (RFC 7413), while its receiver may answer it early; 0 none */
	uint64_t syn_data_end;
	uint64_t fin_ack[2];            /* greatest ACK that its FIN carried */
	uint64_t rst_seq[2];
	uint64_t top_at_fin[2];         /* what it had sent when it first acknowledged the peer's FIN */
	bool synack_sent[2];
};

/* Before the first segment. `client` is in CLOSED, the server in LISTEN; mid-stream both begin as conn.c found them. */
void endpoints_init(struct endpoints *, enum tcpstat_state client, enum tcpstat_state server);
/* A segment whose sequence numbers are plausible, or a RST. `top`: how far its sender had come before it. `rst_ok`:
 * this RST is one that its receiver obeys (RFC 5961). */
void endpoints_segment(struct endpoints *, const struct segment *, uint64_t top, bool rst_ok, const struct emitter *);
/* The endpoint goes on although a RST to it was seen: it did not get it. */
void endpoints_survived(struct endpoints *, enum tcpstat_endpoint, const struct segment *, const struct emitter *);
/* A timer ends what is in TIME-WAIT (2 MSL), or, with `give_up`, both endpoints. */
void endpoints_timeout(struct endpoints *, bool give_up, int64_t ts, const struct emitter *);

static inline bool endpoint_has(const struct endpoint *ep, enum endpoint_fact fact)
{
	return ep->known >> fact & 1;
}

static inline bool endpoint_is_proven(const struct endpoint *ep, enum endpoint_fact fact)
{
	return (ep->known & ~ep->provisional) >> fact & 1;
}

/* Does the state rest on a fact that is not proven? */
static inline bool endpoint_is_provisional(const struct endpoint *ep)
{
	return ep->n && ep->provisional >> ep->fact[ep->n - 1] & 1;
}

#endif
