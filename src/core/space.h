/* The sequence space of a connection: raw numbers become offsets (seq.h), where a direction begins, and what is
 * believed of how far it has come. */
#ifndef TCPSTAT_SPACE_H
#define TCPSTAT_SPACE_H

#include "core/conn.h"

/* How a segment's numbers fit what is known. */
enum fit {
	FIT_GOOD,
	FIT_FAR,                        /* far ahead: no state rests on it unless more of the kind comes */
	FIT_FOREIGN                     /* of another incarnation, or forged: it says nothing about this connection */
};

/* The offset of a raw number near what that side has sent. */
static inline uint64_t space_offset(const struct conn_dir *d, uint32_t raw)
{
	return seq_unwrap(raw, d->snd_max, d->isn + (uint32_t)(d->snd_max - SEQ_ISN));
}

static inline bool space_is_isn(const struct conn_dir *d, uint32_t raw)
{
	return d->known && raw == d->isn;
}

/* The SYN of a direction fixes where it begins, even if an ACK was seen before. */
void space_begin(struct conn *, enum tcpstat_dir, const struct tcp_view *);
/* Two SYN-ACKs with different numbers: what the client answers is the one that holds. */
void space_choose(struct conn_dir *server, const struct tcp_view *);
/* Fills in numbers, blocks and window of the segment. */
void space_unwrap(struct conn *, const struct tcp_view *, struct segment *);
/* Advances what is known of both directions. */
enum fit space_advance(struct conn *, const struct segment *);
/* Would the receiver obey this RST (RFC 9293 section 3.10.7.3, RFC 5961 section 3)? */
bool space_obeys(const struct conn *, const struct segment *);

#endif
