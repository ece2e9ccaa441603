/* A replayed connection, and what the files of the replay do for each other: arrival.c (ACKs reach a sender),
 * departure.c (a sender's segments), again.c (those below SND.NXT), shots.c (timers that fired unseen),
 * replay_report.c (events and snapshot). */
#ifndef TCPSTAT_REPLAY_STATE_H
#define TCPSTAT_REPLAY_STATE_H

#include "core/dist.h"
#include "core/replay.h"
#include "core/side.h"
#include "core/vantage.h"

enum { MS = 1000000 };

struct replay {
	struct budget *budget;
	struct pool *sides;
	const struct vantage *vantage;  /* the connection's */
	const struct emitter *emitter;  /* while a segment is replayed: whom to tell */
	struct side *side[2];
	struct share share;
	struct dist rtt[2], ack_delay[2];
	const struct stack *stack[2];
	uint16_t mss[2];                /* as offered by each endpoint's SYN; 0 none */
	bool syn[2], synack[2], sack_permitted[2], timestamps[2];
	int64_t first_ns;               /* the connection's first segment */
	int64_t last_ns, reset_ns;      /* its last one; its RST, if that was the end, or 0 */
	bool finishing;                 /* no segment follows */
	uint64_t acked[2];              /* highest ACK number captured for this direction */
};

/* ---- arrival.c: ACKs on their way to their sender ---- */

/* A segment to this sender passed the capture. */
void arrival_seen(struct replay *, struct side *, const struct segment *);
/* Delivers what had reached the sender when it sent `s` at `sent_ns`. `again`: s repeats what was sent before. */
void arrival_flush(struct replay *, struct side *, const struct segment *s, int64_t sent_ns, bool again);
/* No segment follows: delivers everything. */
void arrival_finish(struct replay *, struct side *);
/* The oldest ACK under way; pending_n > 0. */
static inline struct ack *arrival_oldest(const struct side *d)
{
	return &d->pending[d->pending_first];
}
/* The i-th one, oldest first; i < pending_n. */
static inline struct ack *arrival_pending(const struct side *d, uint32_t i)
{
	return &d->pending[(d->pending_first + i) & (d->pending_room - 1)];
}

/* ---- departure.c: what a sender sends ---- */

enum replay_class departure_seen(struct replay *, struct side *, const struct segment *);
/* Another copy of [seq, end) passed here; newer: it left after the others. */
void departure_repeated(struct side *, const struct segment *, bool newer);

/* ---- again.c: what a sender sends below SND.NXT, as backward.c judged it ---- */

enum replay_class again_seen(struct replay *, struct side *, const struct segment *, int64_t sent_ns,
			     const struct backward *);

/* ---- shots.c: timeouts of which nothing passed the capture ---- */

/* The timer has fired, but so late that it must have fired before. Returns how many timeouts in a row came before. */
uint8_t shots_earlier(struct replay *, struct side *, int64_t sent_ns);
/* A segment goes on where SND.NXT is after a silence: is it what the timer repeats of things that never passed here? */
void shots_hidden(struct replay *, struct side *, const struct segment *, int64_t sent_ns, int64_t before_ns);

/* ---- replay_report.c ---- */

void replay_tell_sender(struct replay *, struct side *, int64_t now_ns, uint64_t frame);
void replay_tell_rtt(struct replay *, struct side *, const struct ack *, const struct ack_result *);

#endif
