/* The library's interface: decodes a packet, finds its connection, hands over. */
#include <string.h>

#include "core/roster.h"
#include "core/watch.h"

static const int64_t second_ns = 1000000000;

/* What trackers tell while a connection goes on. A gap may be told later, if not the bytes around it. */
static const uint32_t IN_STEP = TCPSTAT_MASK(TCPSTAT_EV_RETRANSMISSION) | TCPSTAT_MASK(TCPSTAT_EV_OUT_OF_ORDER) |
	TCPSTAT_MASK(TCPSTAT_EV_DUPLICATE) | TCPSTAT_MASK(TCPSTAT_EV_DUP_ACK) | TCPSTAT_MASK(TCPSTAT_EV_RTT) |
	TCPSTAT_MASK(TCPSTAT_EV_SENDER) | TCPSTAT_MASK(TCPSTAT_EV_WINDOW) | TCPSTAT_MASK(TCPSTAT_EV_KEEPALIVE) |
	TCPSTAT_MASK(TCPSTAT_EV_RESPONSE);

static void ignore_event(void *ctx, const struct tcpstat_event *ev)
{
	(void)ctx, (void)ev;
}

void tcpstat_config_init(struct tcpstat_config *config)
{
	*config = (struct tcpstat_config){ .events = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION), .event = ignore_event,
		.overlap = TCPSTAT_OVERLAP_LINUX };
}

static void fill_in(struct tcpstat_config *c)
{
	if (!c->event) {
		c->event = ignore_event;
		c->events = 0;
	}
	c->watched = 0;
	if (c->events & (TCPSTAT_MASK(TCPSTAT_EV_FINDING) | TCPSTAT_MASK(TCPSTAT_EV_CONNECTION)))
		c->watched = WATCH_EVENTS;
	if (c->progress_ns <= 0)
		c->progress_ns = 10 * second_ns;
	if (c->msl_ns <= 0)
		c->msl_ns = 30 * second_ns;
	if (!c->memory_bytes)
		c->memory_bytes = 1 << 30;
	if (!c->reasm_conn_bytes)
		c->reasm_conn_bytes = 16 << 20;
}

/* Payload of a file is wanted, and nothing that trackers tell meanwhile. Live every packet counts at once. */
static bool is_apart(const struct tcpstat_config *c)
{
	return c->stream && !c->live && !(c->events & IN_STEP);
}

/* Whoever is called from another thread must not be called from this one too. */
static bool may_be_helped(const struct tcpstat_config *c)
{
	uint32_t of_the_end = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) | TCPSTAT_MASK(TCPSTAT_EV_FINDING);

	return is_apart(c) || (!c->stream && !c->live && !c->shards && !(c->events & ~of_the_end));
}

struct tcpstat *tcpstat_new(const struct tcpstat_config *config)
{
	struct budget budget = { .limit = UINT64_MAX };
	struct tcpstat *t = budget_resize(&budget, NULL, 0, sizeof *t);

	if (!t)
		return NULL;
	t->config = *config;
	fill_in(&t->config);
	budget.limit = t->config.memory_bytes;
	t->budget = budget;
	t->survey = (struct survey){ .budget = &t->budget, .seed = t->config.hash_seed };
	if (t->config.totals)
		t->survey.totals = budget_resize(&t->budget, NULL, 0, sizeof *t->survey.totals);
	t->dns.budget = &t->budget;
	t->env = (struct conn_env){ .budget = &t->budget, .config = &t->config,
		.in_step = (t->config.stream && t->config.live) || t->config.events & IN_STEP,
		.apart = is_apart(&t->config), .errands = &t->errands };
	t->errands = (struct errands){ .env = &t->env, .survey = t->config.watched ? &t->survey : NULL,
		.conns = &t->conns };
	if (may_be_helped(&t->config))
		errands_init(&t->errands, t->config.helper);
	pool_init(&t->env.chunks, BACKLOG_CHUNK_BYTES, &t->budget);
	t->env.chunks.kept += errands_chunks(&t->errands);
	for (unsigned by = 0; by < ERRANDS_BY; by++)
		tracker_pools_init(&t->env.trackers[by], &t->budget, t->errands.helper);
	pool_init(&t->env.streams, sizeof(struct conn_stream), &t->budget);
	roster_init(t);
	t->decoder = decoder_new(&t->budget, &t->counters);
	if (!t->decoder || (t->config.totals && !t->survey.totals)) {
		tcpstat_free(t);
		return NULL;
	}
	return t;
}

/* Does something hold by now that only the whole shows? It takes a walk over all connections, so the more of them there
 * are the rarer. */
static void look_at_all(struct tcpstat *t)
{
	const int64_t conn_ns = 10000;
	int64_t pause_ns = (int64_t)t->flows.count * conn_ns;
	struct tcpstat_census census;
	struct survey now;
	struct conn room;

	if (t->now_ns - t->looked_ns < (pause_ns > second_ns ? pause_ns : second_ns))
		return;
	t->looked_ns = t->now_ns;
	if (!survey_begin_look(&now, &t->survey))
		return;
	for (unsigned class = 0; class < CONN_NCLASSES; class++) {
		const struct flow_node *head = &t->flows.list[class];

		for (struct flow_node *node = head->next; node != head; node = node->next)
			if (conn_census(roster_seen_whole(t, node, &room), t->now_ns, &census))
				survey_add(&now, &census);
	}
	survey_end_look(&now, &t->survey, &t->counters, &(struct emitter){ .config = &t->config }, t->now_ns);
}

static void look(struct tcpstat *t)
{
	if (t->config.live && t->config.watched && !t->config.shards)
		look_at_all(t);
}

/* Time never goes back for whoever comes after; false: this one did. */
static bool advance_time(struct tcpstat *t, int64_t ts)
{
	if (t->has_time && ts < t->now_ns) {
		t->counters.time_backwards++;
		return false;
	}
	t->has_time = true;
	t->now_ns = ts;
	return true;
}

static uint32_t tunnel_number(const char *name)
{
	uint32_t h = 0;

	while (name && *name)
		h = h * 31 + (uint8_t)*name++;
	return h;
}

static bool is_mine(const struct tcpstat *t, const struct flow_key *key)
{
	return !t->config.shards || shard_of(key, t->config.shards) == t->config.shard;
}

static int handle_tcp(struct tcpstat *t, const struct tcp_view *v, const struct tcpstat_pkt *pkt)
{
	struct flow_key key;
	bool swapped = flow_key_init(&key, &v->src, v->src_port, &v->dst, v->dst_port);

	roster_note_end(t, v, pkt->frame);
	if (t->dns.table && (v->flags & (TH_SYN | TH_ACK)) == TH_SYN)
		dns_use(&t->dns, &v->src, &v->dst, pkt->ts_ns);
	if (!is_mine(t, &key))
		return 0;
	roster_position(t, t->read, 0);
	if (t->config.key_by_vlan)
		flow_key_set_path(&key, v->vlan, tunnel_number(v->tunnel));
	roster_make_room(t);
	struct conn *c = roster_find(t, &key);
	uint32_t previous = 0, incarnation = 0;
	if (c && conn_is_new_incarnation(c, v, swapped)) {
		previous = c->number;
		incarnation = c->incarnation + 1;
		conn_reused(c, &t->env, pkt->ts_ns);
		roster_leave(t, &c->node);
		c = NULL;
	}
	if (!c && t->has_embryos && embryo_can_keep(v)) {
		struct embryo *e = roster_add_embryo(t, &key, v, swapped, pkt);
		if (!e)
			return TCPSTAT_ENOMEM;
		e->previous = previous;
		e->incarnation = incarnation;
		return 0;
	}
	if (!c) {
		c = roster_add_conn(t, &key, v, swapped);
		if (!c)
			return TCPSTAT_ENOMEM;
		c->previous = previous;
		c->incarnation = incarnation;
	}
	const uint8_t before[2] = { c->endpoints.ep[0].state, c->endpoints.ep[1].state };
	bool had_begun = c->begun;
	conn_segment(c, &t->env, v, swapped, pkt);
	if (!had_begun && c->begun && t->dns.table)
		conn_look_up(c, &t->env, &t->dns);
	for (unsigned i = 0; i < 2; i++)
		if (c->endpoints.ep[i].state != before[i]) {
			t->states[i][before[i]]--;
			t->states[i][c->endpoints.ep[i].state]++;
		}
	if (t->config.events & TCPSTAT_MASK(TCPSTAT_EV_PROGRESS))
		conn_progress(c, &t->env, t->now_ns);
	flow_table_touch(&t->flows, &c->node, conn_class(c));
	return 0;
}

static void handle_icmp(struct tcpstat *t, const struct icmp_view *v, const struct tcpstat_pkt *pkt)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_ICMP, .dir = TCPSTAT_NODIR, .ts_ns = pkt->ts_ns,
		.frame = pkt->frame };
	struct emitter e = { .config = &t->config };
	struct flow_key key;
	bool swapped = flow_key_init(&key, &v->src, v->src_port, &v->dst, v->dst_port);

	if (!is_mine(t, &key))
		return;
	roster_position(t, t->read, 0);
	struct conn *c = roster_find(t, &key);
	if (c)
		ev.dir = swapped == c->client ? TCPSTAT_C2S : TCPSTAT_S2C;
	ev.icmp = (struct tcpstat_ev_icmp){ .kind = v->kind, .code = v->code, .family = v->family, .src = v->src,
		.dst = v->dst, .src_port = v->src_port, .dst_port = v->dst_port };
	if (c)
		conn_icmp(c, &t->env, &ev);
	else
		emit_event(&e, &ev);
}

int tcpstat_packet(struct tcpstat *t, const struct tcpstat_pkt *pkt)
{
	struct tcpstat_pkt clamped;
	struct decoded d;
	int rc = 0;

	t->read = pkt->frame;
	t->counters.packets++;
	t->counters.captured_bytes += pkt->caplen;
	t->counters.bytes += pkt->wirelen > pkt->caplen ? pkt->wirelen : pkt->caplen;
	if (!advance_time(t, pkt->ts_ns)) {
		clamped = *pkt;
		clamped.ts_ns = t->now_ns;
		pkt = &clamped;
	}
	foresight_advance(&t->foresight, &t->flows, pkt);
	roster_expire(t);
	look(t);
	decode_frame(t->decoder, pkt, &d);
	if (d.verdict == DECODE_TCP)
		rc = handle_tcp(t, &d.tcp, pkt);
	else if (d.verdict == DECODE_ICMP)
		handle_icmp(t, &d.icmp, pkt);
	else if (d.verdict == DECODE_DNS)
		dns_message(&t->dns, &d.dns, pkt->ts_ns, pkt->frame);
	t->counters.no_memory += rc != 0;
	return rc;
}

void tcpstat_tick(struct tcpstat *t, int64_t now_ns)
{
	if (t->has_time && now_ns <= t->now_ns)
		return;
	t->now_ns = now_ns;
	t->has_time = true;
	roster_expire(t);
	look(t);
}

/* ------------------------------------------------------------------------------------------------- the end */

void tcpstat_finish(struct tcpstat *t)
{
	decoder_finish(t->decoder);
	t->read = 0;
	roster_drain(t);
	errands_wait(&t->errands);
	if (t->config.watched && !t->config.shards)
		survey_finish(&t->survey, &t->counters, &(struct emitter){ .config = &t->config }, t->now_ns);
}

void tcpstat_free(struct tcpstat *t)
{
	if (!t)
		return;
	errands_wait(&t->errands);
	errands_fini(&t->errands);
	roster_fini(t);
	survey_fini(&t->survey);
	dns_fini(&t->dns);
	decoder_free(t->decoder);
	pool_fini(&t->env.chunks);
	pool_fini(&t->env.streams);
	for (unsigned by = 0; by < ERRANDS_BY; by++)
		tracker_pools_fini(&t->env.trackers[by]);
	struct budget budget = t->budget;
	budget_resize(&budget, t, sizeof *t, 0);
}

const struct tcpstat_counters *tcpstat_counters(const struct tcpstat *t)
{
	return &t->counters;
}

const struct tcpstat_totals *tcpstat_totals(const struct tcpstat *t)
{
	return t->survey.totals;
}

void tcpstat_limit_memory(struct tcpstat *t, uint64_t bytes)
{
	t->budget.limit = bytes;
}

void tcpstat_gauges(const struct tcpstat *t, struct tcpstat_gauges *out)
{
	*out = (struct tcpstat_gauges){ .connections = t->flows.count,
		.open = t->flows.class_count[CONN_OPEN], .half_open = t->flows.class_count[CONN_HALF_OPEN],
		.closing = t->flows.class_count[CONN_CLOSING], .closed = t->flows.class_count[CONN_CLOSED],
		.memory_bytes = t->budget.used, .memory_limit_bytes = t->budget.limit,
		.memory_refused = t->budget.refused,
		.now_ns = t->has_time ? t->now_ns : TCPSTAT_NULL };
	memcpy(out->states, t->states, sizeof out->states);
}

void tcpstat_each(struct tcpstat *t, bool findings, void (*each)(void *ctx, const struct tcpstat_event *), void *ctx)
{
	const struct tcpstat_config config = { .events = TCPSTAT_MASK(TCPSTAT_EV_FINDING), .event = each, .ctx = ctx };

	for (unsigned class = 0; class < CONN_NCLASSES; class++) {
		const struct flow_node *head = &t->flows.list[class];

		for (struct flow_node *node = head->next; node != head; node = node->next) {
			struct conn room, *c = roster_seen_whole(t, node, &room);
			struct tcpstat_conn out;
			struct tcpstat_event ev = { .type = TCPSTAT_EV_PROGRESS, .dir = TCPSTAT_NODIR,
				.ts_ns = c->last_ts, .frame = c->last_frame, .conn = c->number, .connection = &out };
			conn_settle(c, &t->env);
			conn_snapshot(c, t->now_ns, &out);
			if (findings && t->config.watched)
				conn_findings(c, t->now_ns, &out, &config);
			each(ctx, &ev);
		}
	}
}
