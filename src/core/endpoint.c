#include "core/endpoint.h"

#include <assert.h>

#define BIT(fact) (1u << (fact))

/* where an event comes from */
struct origin {
	const struct emitter *emitter;
	int64_t ts;
	uint64_t frame;
	enum tcpstat_dir dir;
};

static const char *const triggers[] = {
#define X(name, trigger) trigger,
	ENDPOINT_FACTS(X)
#undef X
};

static const char *const rollbacks[] = {
#define X(name, trigger) "rollback_" trigger,
	ENDPOINT_FACTS(X)
#undef X
};

/* RFC 9293 section 3.3.2. A fact that changes nothing in this state leaves it. */
static enum tcpstat_state step(enum tcpstat_state s, enum endpoint_fact fact, enum tcpstat_state base)
{
	bool unborn = s == TCPSTAT_EP_CLOSED || s == TCPSTAT_EP_LISTEN;
	bool opening = s == TCPSTAT_EP_SYN_SENT || s == TCPSTAT_EP_SYN_RECEIVED;

	switch (fact) {
	case EP_FACT_SND_SYN:
		return unborn ? TCPSTAT_EP_SYN_SENT : s;
	case EP_FACT_RCV_SYN:
	case EP_FACT_SND_SYNACK:
		return unborn || opening ? TCPSTAT_EP_SYN_RECEIVED : s;
	case EP_FACT_RCV_SYNACK:
		return opening ? TCPSTAT_EP_ESTABLISHED : s;
	case EP_FACT_RCV_ACK:
		return s == TCPSTAT_EP_SYN_RECEIVED ? TCPSTAT_EP_ESTABLISHED : s;
	case EP_FACT_SND_FIN:
		if (s == TCPSTAT_EP_ESTABLISHED || s == TCPSTAT_EP_SYN_RECEIVED)
			return TCPSTAT_EP_FIN_WAIT_1;
		return s == TCPSTAT_EP_CLOSE_WAIT ? TCPSTAT_EP_LAST_ACK : s;
	case EP_FACT_RCV_FIN:
		if (s == TCPSTAT_EP_ESTABLISHED || s == TCPSTAT_EP_SYN_RECEIVED)
			return TCPSTAT_EP_CLOSE_WAIT;
		if (s == TCPSTAT_EP_FIN_WAIT_1)
			return TCPSTAT_EP_CLOSING;
		return s == TCPSTAT_EP_FIN_WAIT_2 ? TCPSTAT_EP_TIME_WAIT : s;
	case EP_FACT_RCV_ACK_OF_FIN:
		if (s == TCPSTAT_EP_FIN_WAIT_1)
			return TCPSTAT_EP_FIN_WAIT_2;
		if (s == TCPSTAT_EP_CLOSING)
			return TCPSTAT_EP_TIME_WAIT;
		return s == TCPSTAT_EP_LAST_ACK ? TCPSTAT_EP_CLOSED : s;
	case EP_FACT_RCV_RST: /* section 3.10.7.4: a passive open goes back to LISTEN */
		return s == TCPSTAT_EP_LISTEN || (s == TCPSTAT_EP_SYN_RECEIVED && base == TCPSTAT_EP_LISTEN)
			? TCPSTAT_EP_LISTEN : TCPSTAT_EP_CLOSED;
	case EP_FACT_SND_RST:
	case EP_FACT_TIMEOUT:
		return TCPSTAT_EP_CLOSED;
	case EP_FACT_TIMEOUT_2MSL:
		return s == TCPSTAT_EP_TIME_WAIT ? TCPSTAT_EP_CLOSED : s;
	case EP_NFACTS:
		break;
	}
	return s;
}

static void announce(const struct endpoints *es, const struct endpoint *ep, enum tcpstat_state from,
	enum tcpstat_state to, const char *trigger, bool provisional, const struct origin *o)
{
	bool server = ep == &es->ep[TCPSTAT_SERVER];

	emit_change(o->emitter, server ? TCPSTAT_SERVER : TCPSTAT_CLIENT, from);
	if (!emit_wants(o->emitter, TCPSTAT_EV_STATE))
		return;
	struct tcpstat_event ev = { .type = TCPSTAT_EV_STATE, .dir = o->dir, .ts_ns = o->ts, .frame = o->frame };
	ev.state = (struct tcpstat_ev_state){ .endpoint = server, .from = (uint8_t)from,
		.to = (uint8_t)to, .provisional = provisional, .trigger = trigger };
	emit_event(o->emitter, &ev);
}

/* The fact is true from now on; `proven` may come later. One that changes nothing is not kept. */
static void learn_anew(struct endpoints *es, struct endpoint *ep, enum endpoint_fact fact, bool proven,
	const struct origin *o)
{
	enum tcpstat_state from = ep->state, to = step(from, fact, ep->base);
	if (from == to)
		return;
	assert(ep->n < EP_NFACTS);
	ep->fact[ep->n++] = (uint8_t)fact;
	ep->known |= (uint16_t)(1u << fact);
	if (!proven)
		ep->provisional |= (uint16_t)(1u << fact);
	ep->state = (uint8_t)to;
	announce(es, ep, from, to, triggers[fact], !proven, o);
}

static inline void learn(struct endpoints *es, struct endpoint *ep, enum endpoint_fact fact, bool proven,
	const struct origin *o)
{
	if (!endpoint_has(ep, fact))
		learn_anew(es, ep, fact, proven, o);
	else if (proven)
		ep->provisional &= (uint16_t)~(1u << fact);
}

/* These facts were none. Only what is provisional is taken back, and only if nothing certain came after the first of
 * them; `force`: whatever. What else came after it is played again. */
static bool deny(struct endpoints *es, struct endpoint *ep, unsigned facts, bool force, const struct origin *o)
{
	enum tcpstat_state before = ep->base;
	uint8_t i = 0, kept[EP_NFACTS], n_kept = 0;

	if (!(ep->known & facts))
		return false;
	for (; !(facts >> ep->fact[i] & 1); i++)
		before = step(before, ep->fact[i], ep->base);
	for (uint8_t k = i; k < ep->n; k++) {
		if (!force && !(ep->provisional >> ep->fact[k] & 1))
			return false;
		if (!(facts >> ep->fact[k] & 1))
			kept[n_kept++] = ep->fact[k];
	}
	const char *trigger = rollbacks[ep->fact[i]];
	uint16_t provisional = ep->provisional;
	for (uint8_t k = i; k < ep->n; k++) {
		ep->known &= (uint16_t)~(1u << ep->fact[k]);
		ep->provisional &= (uint16_t)~(1u << ep->fact[k]);
	}
	ep->n = i;
	enum tcpstat_state from = ep->state;
	ep->state = (uint8_t)before;
	announce(es, ep, from, before, trigger, false, o);
	for (uint8_t k = 0; k < n_kept; k++)
		learn(es, ep, kept[k], !(provisional >> kept[k] & 1), o);
	return true;
}

void endpoints_init(struct endpoints *es, enum tcpstat_state client, enum tcpstat_state server)
{
	*es = (struct endpoints){ .ep = { { .state = (uint8_t)client, .base = (uint8_t)client },
		{ .state = (uint8_t)server, .base = (uint8_t)server } } };
}

static bool is_synchronised(const struct endpoint *ep)
{
	return ep->state >= TCPSTAT_EP_SYN_RECEIVED;
}

static void sent_syn(struct endpoints *es, struct endpoint *x, const struct origin *o)
{
	if (endpoint_has(x, EP_FACT_SND_SYN)) { /* again: the answer has not arrived */
		deny(es, x, BIT(EP_FACT_RCV_SYNACK), false, o);
		return;
	}
	/* a SYN without ACK from one that seemed to be passive: it had not got the peer's, both open */
	bool crossed = deny(es, x, BIT(EP_FACT_RCV_SYN), false, o);
	learn(es, x, EP_FACT_SND_SYN, true, o);
	if (crossed)
		learn(es, x, EP_FACT_RCV_SYN, false, o);
}

static void sent_synack(struct endpoints *es, unsigned side, const struct origin *o)
{
	struct endpoint *x = &es->ep[side];

	if (es->synack_sent[side]) { /* again: the third ACK has not arrived */
		deny(es, x, BIT(EP_FACT_RCV_ACK) | BIT(EP_FACT_RCV_SYNACK), false, o);
	}
	es->synack_sent[side] = true;
	learn(es, x, endpoint_has(x, EP_FACT_RCV_SYN) ? EP_FACT_RCV_SYN : EP_FACT_SND_SYNACK, true, o);
}

/* A segment without SYN and RST: its sender is synchronised, whatever the capture missed. */
static void sent_plain(struct endpoints *es, unsigned side, const struct segment *s, const struct origin *o)
{
	struct endpoint *x = &es->ep[side];

	if (x->state == TCPSTAT_EP_SYN_SENT || endpoint_has(x, EP_FACT_RCV_SYNACK)) {
		learn(es, x, EP_FACT_RCV_SYNACK, true, o);
		return;
	}
	if (x->state == TCPSTAT_EP_LISTEN)
		learn(es, x, EP_FACT_RCV_SYN, true, o);
	else if (endpoint_has(x, EP_FACT_RCV_SYN))
		learn(es, x, EP_FACT_RCV_SYN, true, o);
	/* who got data with the SYN may answer before the third ACK; then only what came later proves anything */
	if (!es->syn_data_end || x->base != TCPSTAT_EP_LISTEN || (s->flags & TH_ACK && s->ack > es->syn_data_end))
		learn(es, x, EP_FACT_RCV_ACK, true, o);
}

/* Did it close before it received the peer's FIN, although its own FIN left later? A CLOSE makes FIN-WAIT-1 of
 * ESTABLISHED at once, while the FIN waits behind the data still queued (RFC 9293 section 3.10.4). What it sent after
 * the peer's FIN was then queued already: it was in the middle of sending, no more followed than was in flight, and
 * the FIN left with the last of it. What was in flight as it saw it follows from the ACK on the peer's FIN. */
static bool had_closed(const struct endpoints *es, unsigned side, const struct segment *s)
{
	uint64_t mark = es->top_at_fin[side], known = es->fin_ack[!side];

	return s->len && mark && known && s->seq + s->len > mark && mark > known &&
		s->seq + s->len - mark <= mark - known;
}

/* Had its FIN left before, past the capture, as the sequence numbers that followed tell? */
static bool left_unseen(const struct endpoints *es, unsigned side, const struct segment *s)
{
	return es->top_at_fin[side] >= s->end;
}

static void sent_fin(struct endpoints *es, unsigned side, const struct segment *s, const struct origin *o)
{
	struct endpoint *x = &es->ep[side], *y = &es->ep[!side];
	bool without_peers = es->fin_end[!side] && s->flags & TH_ACK && s->ack < es->fin_end[!side];

	if (endpoint_has(x, EP_FACT_SND_FIN)) { /* again: its ACK has not arrived, nor the peer's FIN */
		if (!s->copy) {
			deny(es, x, BIT(EP_FACT_RCV_ACK_OF_FIN) | (without_peers ? BIT(EP_FACT_RCV_FIN) : 0), false, o);
			/* nor may its own have: then the peer, who never said so, gets it after what it got since */
			if (y->n && y->fact[y->n - 1] != EP_FACT_RCV_FIN)
				deny(es, y, BIT(EP_FACT_RCV_FIN), false, o);
		}
	} else {
		bool proven = endpoint_is_proven(x, EP_FACT_RCV_FIN);
		/* one that was reset sends no FIN */
		bool was_reset = deny(es, x, BIT(EP_FACT_RCV_RST), false, o);
		bool crossed = (without_peers && deny(es, x, BIT(EP_FACT_RCV_FIN), false, o)) ||
			((had_closed(es, side, s) || left_unseen(es, side, s)) &&
			 deny(es, x, BIT(EP_FACT_RCV_FIN), true, o));
		learn(es, x, EP_FACT_SND_FIN, true, o);
		if (crossed)
			learn(es, x, EP_FACT_RCV_FIN, proven, o);
		if (was_reset)
			learn(es, x, EP_FACT_RCV_RST, false, o);
	}
	es->fin_end[side] = s->end;
	if (s->flags & TH_ACK && s->ack > es->fin_ack[side])
		es->fin_ack[side] = s->ack;
}

/* What an endpoint acknowledges it has received. */
static void sent_ack(struct endpoints *es, unsigned side, const struct segment *s, uint64_t top, const struct origin *o)
{
	struct endpoint *x = &es->ep[side];
	unsigned peer = !side;

	if (es->fin_end[peer] && s->ack >= es->fin_end[peer]) {
		if (es->fin_end[side] && es->fin_ack[peer] >= es->fin_end[side])
			learn(es, x, EP_FACT_RCV_ACK_OF_FIN, true, o);
		learn(es, x, EP_FACT_RCV_FIN, true, o);
		if (!es->top_at_fin[side])
			es->top_at_fin[side] = s->len ? s->seq : top;
	}
	if (s->ack > es->next[peer])
		es->next[peer] = s->ack;
}

static void receive(struct endpoints *es, unsigned from, const struct segment *s, const struct origin *o)
{
	struct endpoint *y = &es->ep[!from];
	uint64_t syn_end = es->syn_end[!from], fin_end = es->fin_end[!from];

	if (s->flags & TH_SYN) {
		if (!(s->flags & TH_ACK))
			learn(es, y, EP_FACT_RCV_SYN, false, o);
		else if (syn_end && s->ack >= syn_end)
			learn(es, y, EP_FACT_RCV_SYNACK, false, o);
	} else if (s->flags & TH_ACK && (!syn_end || s->ack >= syn_end)) { /* of a SYN that the capture missed, too */
		learn(es, y, EP_FACT_RCV_ACK, false, o);
	}
	if (!is_synchronised(y))
		return;
	if (s->flags & TH_ACK && fin_end && s->ack >= fin_end)
		learn(es, y, EP_FACT_RCV_ACK_OF_FIN, false, o);
	if (es->fin_end[from] && es->next[from] >= es->fin_end[from])
		learn(es, y, EP_FACT_RCV_FIN, false, o);
}

static void reset(struct endpoints *es, const struct segment *s, bool ok, const struct origin *o)
{
	unsigned side = s->dir;
	struct endpoint *x = &es->ep[side], *y = &es->ep[!side];
	bool has_fin = es->fin_end[!side] && s->flags & TH_ACK && s->ack >= es->fin_end[!side];

	if (has_fin)
		learn(es, x, EP_FACT_RCV_FIN, true, o);
	else
		deny(es, x, BIT(EP_FACT_RCV_FIN), false, o);
	if (!es->synack_sent[side] && !es->syn_end[side])
		deny(es, x, BIT(EP_FACT_RCV_SYN), false, o); /* refused: nobody listens there */
	/* one outside the window may be forged: whatever its sender sends after it belies it */
	es->rst_seq[side] = ok ? s->seq : 0;
	learn(es, x, EP_FACT_SND_RST, ok, o);
	if (ok)
		learn(es, y, EP_FACT_RCV_RST, false, o);
}

/* Both are established for sure and neither has sent a FIN: then a segment with none of the flags that make states
 * changes nothing but how far its sender and the peer have come. */
static bool is_settled(const struct endpoints *es, const struct segment *s)
{
	return !(s->flags & (TH_SYN | TH_FIN | TH_RST)) && es->ep[0].state == TCPSTAT_EP_ESTABLISHED &&
		es->ep[1].state == TCPSTAT_EP_ESTABLISHED && !(es->ep[0].provisional | es->ep[1].provisional) &&
		!(es->fin_end[0] | es->fin_end[1]);
}

static void advance(struct endpoints *es, unsigned side, const struct segment *s)
{
	if (!es->next[side] || (s->seq <= es->next[side] && s->end > es->next[side]))
		es->next[side] = s->end;
}

void endpoints_segment(struct endpoints *es, const struct segment *s, uint64_t top, bool rst_ok,
	const struct emitter *e)
{
	struct origin o = { e, s->ts, s->frame, s->dir };
	unsigned side = s->dir;
	struct endpoint *x = &es->ep[side];

	if (is_settled(es, s)) {
		if (s->flags & TH_ACK && s->ack > es->next[!side])
			es->next[!side] = s->ack;
		advance(es, side, s);
		return;
	}
	if (s->flags & TH_RST) {
		reset(es, s, rst_ok, &o);
		return;
	}
	/* one that resets a connection says nothing more in it: the RST was not its own */
	if (endpoint_has(x, EP_FACT_SND_RST) && s->end > es->rst_seq[side])
		deny(es, x, BIT(EP_FACT_SND_RST), true, &o);
	if (s->flags & TH_SYN) {
		es->syn_end[side] = s->seq + 1;
		if (s->flags & TH_ACK)
			sent_synack(es, side, &o);
		else
			sent_syn(es, x, &o);
		if (s->len && !(s->flags & TH_ACK))
			es->syn_data_end = s->end;
		else if (s->flags & TH_ACK && es->syn_end[!side] && s->ack == es->syn_end[!side])
			es->syn_data_end = 0; /* refused: it comes again after the handshake */
	} else {
		sent_plain(es, side, s, &o);
	}
	if (s->flags & TH_ACK)
		sent_ack(es, side, s, top, &o);
	if (s->flags & TH_FIN)
		sent_fin(es, side, s, &o);
	advance(es, side, s);
	receive(es, side, s, &o);
}

void endpoints_survived(struct endpoints *es, enum tcpstat_endpoint side, const struct segment *s,
	const struct emitter *e)
{
	struct origin o = { e, s->ts, s->frame, s->dir };

	deny(es, &es->ep[side], BIT(EP_FACT_RCV_RST), false, &o);
}

void endpoints_timeout(struct endpoints *es, bool give_up, int64_t ts, const struct emitter *e)
{
	struct origin o = { e, ts, 0, TCPSTAT_NODIR };

	for (unsigned i = 0; i < 2; i++) {
		struct endpoint *x = &es->ep[i];
		if (give_up && !es->syn_end[i])
			deny(es, x, BIT(EP_FACT_RCV_SYN), false, &o); /* it never answered */
		if (x->state != TCPSTAT_EP_LISTEN)
			learn(es, x, give_up ? EP_FACT_TIMEOUT : EP_FACT_TIMEOUT_2MSL, true, &o);
	}
}
