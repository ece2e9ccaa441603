#include "core/dupack.h"

#include <string.h>

static bool is_duplicate(const struct dupack *d, const struct segment *s)
{
	if (s->copy || s->len || (s->flags & (TH_SYN | TH_FIN | TH_RST | TH_ACK)) != TH_ACK)
		return false;
	if (s->ack != d->half[s->dir].ack || s->view->wnd != d->half[s->dir].wnd)
		return false;
	/* a keepalive or zero-window probe */
	if (s->seq + 1 == d->half[!s->dir].ack)
		return false;
	return d->half[!s->dir].end > s->ack;
}

static void emit_duplicate(const struct dupack *d, const struct segment *s, const struct emitter *e)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_DUP_ACK, .dir = s->dir, .ts_ns = s->ts, .frame = s->frame };

	if (!emit_wants(e, ev.type))
		return;
	ev.dup_ack.ack = s->view->ack;
	ev.dup_ack.run = d->half[s->dir].run;
	ev.dup_ack.n_sack = s->n_sack;
	ev.dup_ack.dsack = s->dsack;
	memcpy(ev.dup_ack.sack, s->view->opts.sack, sizeof ev.dup_ack.sack);
	emit_event(e, &ev);
}

void dupack_segment(struct dupack *d, const struct segment *s, const struct emitter *e)
{
	struct dupack_half *me = &d->half[s->dir];

	if (is_duplicate(d, s)) {
		me->dup_acks++;
		if (++me->run == 3)
			me->runs_3++;
		emit_duplicate(d, s, e);
	}
	if (s->flags & TH_ACK && !(s->flags & TH_RST) && !s->copy) {
		if (s->ack > me->ack) {
			me->ack = s->ack;
			me->then[me->followed] += me->run >= 3;
			me->followed = TCPSTAT_THEN_NOTHING;
			me->run = 0;
		}
		me->wnd = s->view->wnd;
		me->sack_blocks += s->n_sack;
		me->dsacks += s->dsack;
	}
	if (segment_occupies(s) && s->end > me->end) {
		struct dupack_half *peer = &d->half[!s->dir];

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
