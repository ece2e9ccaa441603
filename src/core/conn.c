#include "core/conn.h"

#include <string.h>

#include "core/errands.h"
#include "core/space.h"

_Static_assert(sizeof(struct conn) <= CONN_MAX_BYTES, "idle connections stay small");

static unsigned sender_end(bool swapped)
{
	return swapped;
}

static enum tcpstat_dir direction(const struct conn *c, bool swapped)
{
	return sender_end(swapped) == c->client ? TCPSTAT_C2S : TCPSTAT_S2C;
}

/* Who is client, when no SYN tells: the receiver of a SYN-ACK, else the side with the higher port, else who spoke
 * first. */
static bool sender_is_client(const struct tcp_view *v)
{
	if (v->flags & TH_SYN)
		return !(v->flags & TH_ACK);
	return v->src_port >= v->dst_port;
}

void conn_init(struct conn *c, const struct tcp_view *v, bool swapped, uint32_t number)
{
	bool from_client = sender_is_client(v);
	unsigned sender = sender_end(swapped);

	c->number = number;
	c->due = BATCH_SLOTS;
	c->client = (uint8_t)(from_client ? sender : !sender);
	c->midstream = !(v->flags & TH_SYN) || v->flags & TH_ACK;
	c->history.flipped = !from_client;
	c->fin_by = c->rst_by = -1;
	c->syn_ts = c->synack_ts = c->third_ack_ts = TCPSTAT_NULL;
	memcpy(c->vlan, v->vlan, sizeof c->vlan);
	c->tunnel = v->tunnel;
	if (!c->midstream)
		endpoints_init(&c->endpoints, TCPSTAT_EP_CLOSED, TCPSTAT_EP_LISTEN);
	else if (v->flags & TH_SYN)
		endpoints_init(&c->endpoints, TCPSTAT_EP_SYN_SENT, TCPSTAT_EP_LISTEN);
	else
		endpoints_init(&c->endpoints, TCPSTAT_EP_ESTABLISHED, TCPSTAT_EP_ESTABLISHED);
}

void conn_fini(struct conn *c, struct conn_env *env)
{
	if (c->dns)
		budget_resize(env->budget, c->dns, c->dns->size, 0);
	trackers_free(c->trackers);
	if (c->stream) {
		reasm_fini(c->stream->reasm);
		watch_fini(&c->stream->gaps, env->budget);
		pool_put(&env->streams, c->stream);
	}
	c->dns = NULL;
	c->trackers = NULL;
	c->stream = NULL;
}

/* ------------------------------------------------------------------------------------------------- what is noted */

static void note_flags(struct conn *c, const struct segment *s)
{
	uint16_t f = s->flags;

	history_note(&c->history, s);
	if (f & TH_SYN)
		c->completeness |= f & TH_ACK ? 2 : 1;
	else if (f & TH_ACK)
		c->completeness |= s->len ? 8 : 4;
	if (f & (TH_FIN | TH_RST))
		c->completeness |= (uint8_t)((f & TH_FIN ? 16 : 0) | (f & TH_RST ? 32 : 0));
}

static void note_packet(struct conn *c, const struct segment *s)
{
	struct conn_dir *d = &c->dir[s->dir];
	const struct tcp_view *v = s->view;

	if (!c->last_frame) {
		c->first_frame = s->frame;
		c->first_ts = s->ts;
	}
	c->last_frame = s->frame;
	if (s->ts > c->last_ts)
		c->last_ts = s->ts;
	d->packets++;
	d->bytes += v->wire_bytes;
	if (v->cksum != CKSUM_GOOD) {
		d->cksum_errors += v->cksum == CKSUM_BAD;
		d->cksum_offloaded += v->cksum == CKSUM_OFFLOADED;
	}
	if (s->wnd > d->max_wnd)
		d->max_wnd = s->wnd < UINT32_MAX ? (uint32_t)s->wnd : UINT32_MAX;
	if (s->len && !(s->flags & TH_RST))
		d->has_data = true;
	note_flags(c, s);
}

static void note_syn_options(struct conn_dir *d, const struct tcp_view *v)
{
	const struct tcp_opts *o = &v->opts;
	uint16_t ecn = v->flags & (TH_ECE | TH_CWR);

	d->has_mss = o->has_mss;
	d->mss = o->mss;
	d->has_wscale = o->has_wscale;
	d->wscale = o->has_wscale ? o->wscale > 14 ? 14 : o->wscale : 0;
	d->sack_permitted = o->sack_permitted;
	d->has_ts = o->has_ts;
	d->tfo = o->tfo;
	d->mptcp = o->mptcp;
	d->accecn = o->accecn || (v->flags & TH_AE && ecn == (TH_ECE | TH_CWR));
	d->ecn = v->flags & TH_ACK ? ecn == TH_ECE : ecn == (TH_ECE | TH_CWR);
}

/* The very packet seen twice, shortly after: a host gives a repeated SYN another IP ID, and waits (RFC 6298: 1 s). */
static bool is_copy_of_syn(const struct conn *c, const struct tcp_view *v, int64_t ts)
{
	return c->syn_ts != TCPSTAT_NULL && ts - c->syn_ts < 200000000 && v->has_ip_id && v->ip_id &&
		v->ip_id == c->syn.ip_id && v->opts.ts_val == c->syn.ts_val;
}

static void note_syn(struct conn *c, const struct segment *s, bool again)
{
	const struct tcp_view *v = s->view;

	if (s->flags & TH_ACK) {
		c->synack_retransmissions += again;
		if (!again)
			c->synack_ts = s->ts;
	} else if (again) {
		c->syn_retransmissions += !is_copy_of_syn(c, v, s->ts);
	} else if (s->dir == TCPSTAT_C2S) {
		c->syn_ts = s->ts;
		c->syn = (struct conn_syn){ .ts_val = v->opts.ts_val, .wnd = v->wnd, .flags = v->flags,
			.ip_id = v->ip_id,
			.ttl = v->ttl, .ecn = v->ecn, .has_ip_id = v->has_ip_id, .df = v->df, .tfo = v->opts.tfo,
			.md5 = v->opts.md5 };
	}
	if (!again)
		note_syn_options(&c->dir[s->dir], v);
}

/* ------------------------------------------------------------------------------------------------- trackers
 *
 * What they know decides nothing here, so they may see a segment later than its connection does: most wait in the
 * backlog until there is a batch of them, or somebody asks. */

static void emit_segment(struct conn *c, const struct segment *s, const struct emitter *e)
{
	const struct tcp_view *v = s->view;
	const struct tcp_opts *o = &v->opts;

	if (!emit_wants(e, TCPSTAT_EV_SEGMENT))
		return;
	struct tcpstat_event ev = { .type = TCPSTAT_EV_SEGMENT, .dir = s->dir, .ts_ns = s->ts, .frame = s->frame };
	ev.segment = (struct tcpstat_ev_segment){ .flags = v->flags, .seq = v->seq, .ack = v->ack,
		.seq_rel = (int64_t)(s->seq - SEQ_ISN), .len = v->len,
		.wnd_bytes = s->wnd_exact ? (int64_t)s->wnd : TCPSTAT_NULL,
		.ack_rel = v->flags & TH_ACK ? (int64_t)(s->ack - SEQ_ISN) : TCPSTAT_NULL, .wnd = v->wnd,
		.state = { c->endpoints.ep[0].state, c->endpoints.ep[1].state }, .has_mss = o->has_mss,
		.has_wscale = o->has_wscale, .sack_permitted = o->sack_permitted, .has_ts = o->has_ts, .mss = o->mss,
		.wscale = o->wscale, .ts_val = o->ts_val, .ts_ecr = o->ts_ecr, .n_sack = o->n_sack,
		.payload = v->payload,
		.caplen = v->caplen };
	memcpy(ev.segment.sack, o->sack, sizeof ev.segment.sack);
	emit_event(e, &ev);
}

static struct emitter emitter_of(const struct conn *c, struct conn_env *env)
{
	return (struct emitter){ .config = env->config, .conn = c->number, .watch = trackers_watch(c->trackers),
		.budget = c->trackers ? &c->trackers->budget : NULL };
}

static bool open_trackers(struct conn *c, struct conn_env *env, enum errands_by by)
{
	if (!c->trackers && !c->no_trackers)
		c->trackers = trackers_new(&env->trackers[by], env->config->watched,
			c->stream ? c->stream->reasm : NULL);
	/* tracked without, for good: half of the truth would be wrong */
	c->no_trackers = !c->trackers;
	return c->trackers;
}

struct passing {
	struct trackers *trackers;
	struct emitter emitter;
};

static void pass(void *ctx, struct segment *s, const struct scene *scene)
{
	struct passing *p = ctx;

	trackers_segment(p->trackers, s, scene, &p->emitter);
}

void conn_show(struct conn *c, struct conn_env *env, enum errands_by by, const struct backlog *b)
{
	struct passing p;

	if (!c->begun || !open_trackers(c, env, by))
		return;
	p = (struct passing){ c->trackers, emitter_of(c, env) };
	backlog_show(b, pass, &p);
}

void conn_settle(struct conn *c, struct conn_env *env)
{
	errands_wait_for(env->errands, c);
	if (c->backlog.slots || !(c->trackers || c->no_trackers || !c->begun)) {
		errands_settle(env->errands, c);
		errands_wait_for(env->errands, c);
	}
	conn_learn_gaps(c, env);
}

void conn_learn_gaps(struct conn *c, struct conn_env *env)
{
	struct watch *w = trackers_watch(c->trackers);

	if (!c->stream || !c->stream->gaps.n_marks)
		return;
	if (w)
		watch_join(w, &c->trackers->budget, &c->stream->gaps);
	watch_fini(&c->stream->gaps, env->budget);
}

static void put_together(struct conn *c, struct conn_env *env, const struct segment *s, const struct scene *scene)
{
	struct emitter e = { .config = env->config, .conn = c->number, .budget = env->budget };

	if (!c->stream || (scene->kind != SCENE_SEGMENT && scene->kind != SCENE_FAR))
		return;
	e.watch = &c->stream->gaps;
	reasm_segment(c->stream->reasm, s, &e);
}

/* What needs its payload, or to be told in step, cannot wait; nor can what came with a wrong checksum: of that bytes
 * are put aside. */
static void track(struct conn *c, struct conn_env *env, struct segment *s, const struct scene *scene)
{
	bool in_step = env->in_step || (s->view->cksum == CKSUM_BAD && s->len && !env->apart);

	if (env->apart)
		put_together(c, env, s, scene);
	if (!in_step && backlog_put(&c->backlog, &env->chunks, s, scene)) {
		if (c->backlog.slots >= c->due)
			errands_offer(env->errands, c);
		return;
	}
	conn_settle(c, env);
	if (c->trackers) {
		struct emitter e = emitter_of(c, env);
		trackers_segment(c->trackers, s, scene, &e);
	}
}

/* Payload bytes of a full segment of each direction; 0 unknown. */
static void note_mss(const struct conn *c, struct scene *scene)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		const struct conn_dir *d = &c->dir[dir], *peer = &c->dir[!dir];
		uint16_t mss = peer->has_mss ? peer->mss : peer->syn_seen ? 536 : 0;

		if (d->has_mss && mss && d->mss < mss)
			mss = d->mss;
		scene->mss[dir] = mss > 64 && d->has_ts && peer->has_ts ? mss - 12 : mss;
	}
}

/* The SYN that was seen before there was anybody to show it to. */
static void show_syn(struct conn *c, struct conn_env *env)
{
	if (c->midstream || c->syn_ts == TCPSTAT_NULL) /* none, or none that begins anything: with RST */
		return;
	const struct conn_dir *d = &c->dir[TCPSTAT_C2S];
	const struct flow_key *k = &c->node.key;
	struct tcp_view v = { .seq = d->isn, .flags = c->syn.flags, .wnd = c->syn.wnd, .ttl = c->syn.ttl,
		.ecn = c->syn.ecn, .has_ip_id = c->syn.has_ip_id, .df = c->syn.df, .ip_id = c->syn.ip_id,
		.vlan = { c->vlan[0], c->vlan[1] },
		.tunnel = c->tunnel, .wire_bytes = (uint32_t)d->bytes, .src_port = flow_key_port(k, c->client),
		.dst_port = flow_key_port(k, !c->client) };

	v.opts = (struct tcp_opts){ .has_mss = d->has_mss, .mss = d->mss, .has_wscale = d->has_wscale,
		.wscale = d->wscale,
		.sack_permitted = d->sack_permitted, .has_ts = d->has_ts, .ts_val = c->syn.ts_val, .tfo = c->syn.tfo,
		.mptcp = d->mptcp, .accecn = d->accecn, .md5 = c->syn.md5 };
	v.src.family = v.dst.family = (uint8_t)k->family;
	memcpy(v.src.bytes, k->addr[c->client], 16);
	memcpy(v.dst.bytes, k->addr[!c->client], 16);
	struct segment s = { .view = &v, .ts = c->first_ts, .frame = c->first_frame, .dir = TCPSTAT_C2S,
		.flags = v.flags,
		.seq = SEQ_ISN, .end = SEQ_ISN + 1 + !!(v.flags & TH_FIN), .wnd = v.wnd, .wnd_exact = true };
	struct scene scene = { .kind = SCENE_SEGMENT, .state = { c->endpoints.ep[0].state, c->endpoints.ep[1].state } };

	note_mss(c, &scene);
	track(c, env, &s, &scene);
}

/* From now on there is something for trackers. */
static void start(struct conn *c, struct conn_env *env)
{
	c->begun = true;
	if (!env->apart)
		return;
	c->stream = pool_get(&env->streams);
	c->no_trackers = !c->stream;
	if (c->stream)
		reasm_init(c->stream->reasm, env->budget);
}

/* From the second packet on, or from a first one that is no bare SYN, there is more than a name to keep. */
static bool begin(struct conn *c, struct conn_env *env, const struct segment *s)
{
	bool is_bare_syn = s->flags & TH_SYN && !(s->flags & TH_ACK) && !s->len;
	bool is_first = s->frame == c->first_frame;

	if (c->begun || (is_first && is_bare_syn))
		return c->begun;
	start(c, env);
	if (!is_first)
		show_syn(c, env);
	return true;
}

void conn_icmp(struct conn *c, struct conn_env *env, struct tcpstat_event *ev)
{
	if (env->config->watched && !c->begun) {
		start(c, env);
		show_syn(c, env);
	}
	conn_settle(c, env);
	struct emitter e = emitter_of(c, env);
	emit_event(&e, ev);
}

/* After a RST an endpoint may still be heard for a round trip. What it says later, the RST did not stop. */
static void check_survival(struct conn *c, const struct segment *s, const struct emitter *e)
{
	if (!c->reset_ts || c->reset_side != s->dir)
		return;
	bool timed = c->third_ack_ts != TCPSTAT_NULL && c->syn_ts != TCPSTAT_NULL;
	int64_t rtt = timed ? c->third_ack_ts - c->syn_ts : 500000000;

	if (s->ts - c->reset_ts > 2 * rtt + 50000000) {
		endpoints_survived(&c->endpoints, (enum tcpstat_endpoint)s->dir, s, e);
		c->reset_ts = 0;
	}
}

static void follow_states(struct conn *c, const struct segment *s, uint64_t top, bool plausible,
	const struct emitter *e)
{
	const struct conn_dir *d = &c->dir[s->dir];
	bool obeyed = s->flags & TH_RST && space_obeys(c, s);

	/* Whoever gets a damaged one drops it. Where all sums of a sender are wrong, its network card fills them in. */
	if (s->flags & (TH_RST | TH_FIN) && s->view->cksum == CKSUM_BAD &&
	    d->packets > d->cksum_errors + d->cksum_offloaded)
		return;

	if (s->flags & TH_RST) {
		if (obeyed && c->rst_by < 0)
			c->rst_by = (int8_t)s->dir;
		if (obeyed) {
			c->reset_ts = s->ts;
			c->reset_side = !s->dir;
		}
	} else {
		if (!plausible)
			return;
		check_survival(c, s, e);
		if (s->flags & TH_FIN && c->fin_by < 0)
			c->fin_by = (int8_t)s->dir;
		if (s->flags & TH_FIN)
			c->dir[s->dir].has_fin = true;
	}
	endpoints_segment(&c->endpoints, s, top, obeyed, e);
}

/* The same FIN seen again? A host that repeats it gives it another IP ID. Remembers it. */
static bool is_copy_of_fin(struct conn_dir *d, const struct segment *s)
{
	uint32_t print = copy_print(s);
	bool copy = print && print == d->fin_print;

	d->fin_print = print;
	return copy;
}

void conn_segment(struct conn *c, struct conn_env *env, const struct tcp_view *v, bool swapped,
	const struct tcpstat_pkt *pkt)
{
	struct scene scene;
	struct emitter e = { .config = env->config, .conn = c->number, .changes = &scene.changes };
	struct segment s; /* its blocks are read only as far as n_sack says: no need to clear them */
	segment_init(&s, v, pkt->ts_ns, pkt->frame, direction(c, swapped));
	struct conn_dir *d = &c->dir[s.dir];
	enum fit fit = FIT_FOREIGN;
	bool is_syn = v->flags & TH_SYN && !(v->flags & TH_RST);
	bool again = is_syn && d->syn_seen && space_is_isn(d, v->seq);
	/* an endpoint that has lost its memory knocks inside the window of the connection that the peer still has */
	bool stray = is_syn && d->syn_seen && !again && (!(v->flags & TH_ACK) || c->dir[s.dir].acked > SEQ_ISN);

	scene.changes.n = 0;
	if (is_syn && !stray)
		space_begin(c, s.dir, v);
	if (!is_syn && v->flags & TH_ACK && !(v->flags & TH_RST))
		space_choose(&c->dir[!s.dir], v);
	space_unwrap(c, v, &s);
	uint64_t top = d->snd_max;
	if (!stray)
		fit = space_advance(c, &s);
	if (is_syn && !stray)
		note_syn(c, &s, again);
	if (fit == FIT_GOOD && !is_syn && !(v->flags & TH_RST) && s.dir == TCPSTAT_C2S &&
		c->third_ack_ts == TCPSTAT_NULL && c->synack_ts != TCPSTAT_NULL)
		c->third_ack_ts = s.ts;
	note_packet(c, &s);
	bool begun = begin(c, env, &s);
	if (v->flags & TH_FIN && fit == FIT_GOOD)
		s.copy = is_copy_of_fin(d, &s);
	follow_states(c, &s, top, fit == FIT_GOOD, &e);
	scene.kind = stray ? SCENE_STRAY : fit == FIT_FAR ? SCENE_FAR : SCENE_SEGMENT;
	scene.state[0] = c->endpoints.ep[0].state;
	scene.state[1] = c->endpoints.ep[1].state;
	scene.history = c->history.n;
	scene.mss[0] = scene.mss[1] = 0;
	if (is_syn)
		note_mss(c, &scene);
	if (begun && (stray || fit != FIT_FOREIGN))
		track(c, env, &s, &scene);
	emit_segment(c, &s, &e);
}

void conn_fetch(const struct flow_node *node)
{
	fetch_block(node, offsetof(struct conn, endpoints.syn_end));
}

void conn_fetch_backlog(const struct flow_node *node)
{
	if (!node->is_embryo)
		backlog_fetch(&((const struct conn *)node)->backlog);
}

/* ------------------------------------------------------------------------------------------------- incarnations */

static bool has_ended(const struct endpoint *ep)
{
	const unsigned ends = 1u << TCPSTAT_EP_CLOSED | 1u << TCPSTAT_EP_TIME_WAIT | 1u << TCPSTAT_EP_LISTEN;

	return ep->n && ends >> ep->state & 1;
}

bool conn_is_new_incarnation(const struct conn *c, const struct tcp_view *v, bool swapped)
{
	enum tcpstat_dir dir = direction(c, swapped);
	const struct conn_dir *d = &c->dir[dir], *peer = &c->dir[!dir];

	if ((v->flags & (TH_SYN | TH_ACK | TH_RST)) != TH_SYN || (d->known && v->seq == d->isn))
		return false;
	if (has_ended(&c->endpoints.ep[0]) || has_ended(&c->endpoints.ep[1]))
		return true;
	if (!d->syn_seen) /* both open at once? Only who was silent so far may still open. */
		return d->packets || !peer->syn_seen;
	if (!peer->packets)
		return true; /* given up and tried again with the same port */
	uint64_t seq = space_offset(d, v->seq), wnd = peer->max_wnd > 65535 ? peer->max_wnd : 65535;
	return seq < d->snd_max || seq > d->snd_max + wnd;
}

enum { PROOF_PACKETS = 4 };             /* of one side alone */

enum conn_class conn_class(const struct conn *c)
{
	const struct endpoint *client = &c->endpoints.ep[TCPSTAT_CLIENT], *server = &c->endpoints.ep[TCPSTAT_SERVER];

	if ((has_ended(client) && has_ended(server)))
		return CONN_CLOSED;
	if (has_ended(client) || has_ended(server) || c->dir[0].has_fin || c->dir[1].has_fin)
		return CONN_CLOSING;
	if (client->state <= TCPSTAT_EP_SYN_RECEIVED || server->state <= TCPSTAT_EP_SYN_RECEIVED)
		return CONN_HALF_OPEN;
	/* a stray segment, or one of a flood of ACKs, proves no connection either */
	if ((!c->dir[0].packets || !c->dir[1].packets) && c->dir[0].packets + c->dir[1].packets < PROOF_PACKETS)
		return CONN_HALF_OPEN;
	return CONN_OPEN;
}

void conn_look_up(struct conn *c, struct conn_env *env, struct dns *d)
{
	const struct flow_key *k = &c->node.key;
	struct tcpstat_addr client = { .family = (uint8_t)k->family }, server = client;
	char text[DNS_TEXT_MAX];

	if (!c->dir[TCPSTAT_C2S].syn_seen)
		return;
	memcpy(client.bytes, k->addr[c->client], 16);
	memcpy(server.bytes, k->addr[!c->client], 16);
	const struct dns_lookup *l = dns_find(d, &client, &server, c->first_ts);
	if (!l)
		return;
	size_t len = dns_name_text(l, text);
	struct conn_dns *dns = budget_resize(env->budget, NULL, 0, sizeof *dns + len + 1);
	if (!dns)
		return;
	memcpy(dns->name, text, len + 1);
	dns->size = sizeof *dns + len + 1;
	dns->told = (struct tcpstat_dns){ .name = dns->name, .query_frame = l->query_frame,
		.answer_frame = l->answer_frame, .queries = l->queries ? (int64_t)l->queries : TCPSTAT_NULL,
		.took_ns = l->queries ? l->answer_ts - l->query_ts : TCPSTAT_NULL,
		.before_ns = c->first_ts - l->answer_ts };
	c->dns = dns;
}

void conn_reused(struct conn *c, struct conn_env *env, int64_t ts)
{
	conn_settle(c, env);
	if (c->trackers)
		timers_reused(&c->trackers->timers, ts);
}

void conn_timeout(struct conn *c, struct conn_env *env, bool give_up, int64_t ts)
{
	struct scene scene = { .kind = SCENE_TIMER, .changes.n = 0 };
	struct emitter e = { .config = env->config, .conn = c->number, .changes = &scene.changes };
	struct tcp_view none = { .cksum = CKSUM_UNKNOWN };
	struct segment s = { .view = &none, .ts = ts };

	endpoints_timeout(&c->endpoints, give_up, ts, &e);
	if (c->begun)
		track(c, env, &s, &scene);
}
