#include "core/dupack.h"

#include <string.h>

/* Of an ACK that acknowledges as much as the last one. */
static bool is_duplicate(const struct dupack_half *me, const struct dupack_half *peer, const struct segment *s)
{
	if (s->len || s->flags & (TH_SYN | TH_FIN) || s->view->wnd != me->wnd)
		return false;
	return peer->end > s->ack && s->seq + 1 != peer->ack; /* a keepalive or zero-window probe */
}

static __attribute__((cold)) void emit_duplicate(uint32_t run, const struct segment *s, const struct emitter *e)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_DUP_ACK, .dir = s->dir, .ts_ns = s->ts, .frame = s->frame };

	if (!emit_wants(e, ev.type))
		return;
	ev.dup_ack.ack = s->view->ack;
	ev.dup_ack.run = run;
	ev.dup_ack.n_sack = s->n_sack;
	ev.dup_ack.dsack = s->dsack;
	memcpy(ev.dup_ack.sack, s->view->opts.sack, sizeof ev.dup_ack.sack);
	emit_event(e, &ev);
}

static void follow_ack(struct dupack_half *me, const struct dupack_half *peer, const struct segment *s,
	const struct emitter *e)
{
	if (s->ack > me->ack) {
		me->ack = s->ack;
		me->then[me->followed] += me->run >= 3;
		me->followed = TCPSTAT_THEN_NOTHING;
		me->run = 0;
	} else if (s->ack == me->ack && is_duplicate(me, peer, s)) {
		me->dup_acks++;
		if (++me->run == 3)
			me->runs_3++;
		emit_duplicate(me->run, s, e);
	}
	me->wnd = s->view->wnd;
	if (s->n_sack) {
		me->sack_blocks += s->n_sack;
		me->dsacks += s->dsack;
	}
}

void dupack_segment(struct dupack *d, const struct segment *s, const struct emitter *e)
{
	bool back = s->dir != TCPSTAT_C2S;
	struct dupack_half *me = back ? &d->half[1] : &d->half[0], *peer = back ? &d->half[0] : &d->half[1];

	if (s->flags & TH_ACK && !(s->flags & TH_RST) && !s->copy)
		follow_ack(me, peer, s, e);
	if (s->end > me->end && segment_occupies(s)) {
		if (peer->run && s->len && peer->followed == TCPSTAT_THEN_NOTHING)
			peer->followed = TCPSTAT_THEN_LIMITED_TRANSMIT;
		me->end = s->end;
	}
}

void dupack_resent(struct dupack *d, const struct segment *s, enum tcpstat_cause cause)
{
	struct dupack_half *peer = &d->half[!s->dir];
	bool is_first = peer->followed == TCPSTAT_THEN_NOTHING || peer->followed == TCPSTAT_THEN_LIMITED_TRANSMIT;

	if (!peer->run || !is_first || s->seq > peer->ack || s->end <= peer->ack)
		return;
	if (cause == TCPSTAT_CAUSE_FAST || cause == TCPSTAT_CAUSE_RECOVERY ||
	    cause == TCPSTAT_CAUSE_LOST_RETRANSMISSION)
		peer->followed = TCPSTAT_THEN_FAST_RETRANSMIT;
	else if (cause != TCPSTAT_CAUSE_UNKNOWN)
		peer->followed = TCPSTAT_THEN_TIMEOUT;
}

void dupack_snapshot(const struct dupack *d, struct tcpstat_conn *conn)
{
	for (int i = 0; i < 2; i++) {
		conn->half[i].dup_acks = d->half[i].dup_acks;
		conn->half[i].dup_ack_runs_3 = d->half[i].runs_3;
		for (int k = 0; k < TCPSTAT_NDUP_ACK_THENS; k++)
			conn->half[i].dup_ack_then[k] = d->half[i].then[k];
		conn->half[i].dup_ack_then[d->half[i].followed] += d->half[i].run >= 3;
		conn->half[i].sack_blocks = d->half[i].sack_blocks;
		conn->half[i].dsacks = d->half[i].dsacks;
	}
}
