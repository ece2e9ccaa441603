/* The library's interface: decodes a packet, finds its connection, hands over; decides when connections leave. */
#include <string.h>

#include "core/conn.h"
#include "core/decode.h"
#include "core/dns.h"
#include "core/embryo.h"
#include "core/errands.h"
#include "core/flow_table.h"
#include "core/survey.h"
#include "core/watch.h"

static const int64_t second_ns = 1000000000;

/* What trackers tell while a connection goes on. A gap may be told later, if not the bytes around it. */
static const uint32_t IN_STEP = TCPSTAT_MASK(TCPSTAT_EV_RETRANSMISSION) | TCPSTAT_MASK(TCPSTAT_EV_OUT_OF_ORDER) |
	TCPSTAT_MASK(TCPSTAT_EV_DUPLICATE) | TCPSTAT_MASK(TCPSTAT_EV_DUP_ACK) | TCPSTAT_MASK(TCPSTAT_EV_RTT) |
	TCPSTAT_MASK(TCPSTAT_EV_SENDER) | TCPSTAT_MASK(TCPSTAT_EV_WINDOW) | TCPSTAT_MASK(TCPSTAT_EV_KEEPALIVE) |
	TCPSTAT_MASK(TCPSTAT_EV_RESPONSE);

enum {
	CLOSED_ENDS = 2048,             /* segments with FIN or RST for which those that are over are kept */
	EVICT_AT_ONCE = 8,              /* connections that make room for one packet */
	HALF_OPEN_SHARE = 16,           /* one in so many may be half-open before the flood of them goes first */
	FLOW_BYTES = 64                 /* that a connection may take in the table */
};

/* How long a connection without packets is kept when live, by class; of a file they stay to the end. RFC 9293 section
 * 3.10.8: user timeout 5 min; RFC 5382 section 5: established 2 h 4 min, others 4 min; Linux gives up a SYN
 * after 127 s. */
static const int64_t idle_s[CONN_NCLASSES] = { [CONN_HALF_OPEN] = 130, [CONN_CLOSING] = 300, [CONN_OPEN] = 7440 };

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
	t->max_half_open = t->config.memory_bytes / 2 / (sizeof(struct conn) + FLOW_BYTES) / HALF_OPEN_SHARE;
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
	tracker_pools_init(&t->env.trackers, &t->budget, t->errands.helper);
	pool_init(&t->env.streams, sizeof(struct conn_stream), &t->budget);
	pool_init(&t->conns, sizeof(struct conn), &t->budget);
	pool_init(&t->embryos, sizeof(struct embryo), &t->budget);
	t->has_embryos = !t->env.in_step &&
		!(t->config.events & (TCPSTAT_MASK(TCPSTAT_EV_STATE) | TCPSTAT_MASK(TCPSTAT_EV_SEGMENT)));
	flow_table_init(&t->flows, &t->budget, t->config.hash_seed);
	t->decoder = decoder_new(&t->budget, &t->counters);
	if (!t->decoder || (t->config.totals && !t->survey.totals)) {
		tcpstat_free(t);
		return NULL;
	}
	return t;
}

static struct conn *conn_of(struct flow_node *node)
{
	return (struct conn *)node; /* its first member */
}

static struct embryo *embryo_of(struct flow_node *node)
{
	return (struct embryo *)node; /* the same */
}

static uint32_t number_of(struct flow_node *node)
{
	return node->is_embryo ? embryo_of(node)->number : conn_of(node)->number;
}

static uint64_t first_frame_of(struct flow_node *node)
{
	return node->is_embryo ? embryo_of(node)->frame : conn_of(node)->first_frame;
}

static int64_t last_ts_of(struct flow_node *node)
{
	return node->is_embryo ? embryo_of(node)->ts : conn_of(node)->last_ts;
}

/* What connections add to the counts of states: taken out before a state may change, and put back after. */
static void count_states(struct tcpstat *t, const struct conn *c, uint64_t weight)
{
	for (unsigned i = 0; i < 2; i++)
		t->states[i][c->endpoints.ep[i].state] += weight;
}

static void tell_position(const struct tcpstat *t, uint64_t order, uint32_t opened)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_POSITION, .dir = TCPSTAT_NODIR, .ts_ns = t->now_ns,
		.position = { .read = t->read, .order = order, .opened = opened } };

	emit_event(&(struct emitter){ .config = &t->config }, &ev);
}

/* A shard says where in the whole stands what comes next. */
static inline void position(const struct tcpstat *t, uint64_t order, uint32_t opened)
{
	if (t->config.shards)
		tell_position(t, order, opened);
}

/* The states of both ends of an embryo, and of the connection that it becomes. */
static void count_embryo(struct tcpstat *t, uint64_t weight)
{
	t->states[TCPSTAT_CLIENT][TCPSTAT_EP_SYN_SENT] += weight;
	t->states[TCPSTAT_SERVER][TCPSTAT_EP_SYN_RECEIVED] += weight;
}

/* `c` is zeroed. */
static void become(struct tcpstat *t, const struct embryo *e, struct conn *c)
{
	struct tcpstat_pkt pkt;
	struct tcp_view v;

	embryo_syn(e, &v, &pkt);
	c->node.key = e->node.key;
	conn_init(c, &v, e->swapped, e->number);
	c->incarnation = e->incarnation;
	c->previous = e->previous;
	conn_segment(c, &t->env, &v, e->swapped, &pkt);
}

/* To look at: an embryo as the connection that it would become, in `room`. */
static struct conn *seen_whole(struct tcpstat *t, struct flow_node *node, struct conn *room)
{
	if (!node->is_embryo)
		return conn_of(node);
	*room = (struct conn){ 0 };
	become(t, embryo_of(node), room);
	return room;
}

/* An embryo out of the table, as a connection out of the table; NULL: no memory. */
static struct conn *hatch(struct tcpstat *t, struct flow_node *node)
{
	struct embryo e = *embryo_of(node);
	struct conn *c;

	pool_put(&t->embryos, node);
	c = pool_get(&t->conns);
	if (!c) { /* some are on their way out */
		errands_wait(&t->errands);
		c = pool_get(&t->conns);
	}
	if (c)
		become(t, &e, c);
	else
		count_embryo(t, UINT64_MAX);
	return c;
}

/* The connection is out of the table: report it and free it. */
static void report(struct tcpstat *t, struct flow_node *node)
{
	struct conn *c = node->is_embryo ? hatch(t, node) : conn_of(node);

	if (!c) {
		t->counters.no_memory++;
		return;
	}
	count_states(t, c, UINT64_MAX); /* less one */
	errands_leave(&t->errands, c, t->now_ns);
}

static void leave(struct tcpstat *t, struct flow_node *node)
{
	flow_table_remove(&t->flows, node);
	report(t, node);
}

/* Who goes when memory is short. A flood of half-open connections pays for itself: it takes those of the flood that
 * have waited longest, and nobody else. But where there is no flood, newcomers must not pay for those who have long
 * been silent: beyond their share half-open ones go first, within it whoever was quiet for longest. */
static struct flow_node *victim(const struct tcpstat *t)
{
	struct flow_node *half_open = flow_table_oldest(&t->flows, CONN_HALF_OPEN), *quiet = NULL;

	if (flow_table_oldest(&t->flows, CONN_CLOSED))
		return flow_table_oldest(&t->flows, CONN_CLOSED);
	if (half_open && t->flows.class_count[CONN_HALF_OPEN] > t->max_half_open)
		return half_open;
	for (unsigned class = CONN_CLOSING; class < CONN_NCLASSES; class++) {
		struct flow_node *oldest = flow_table_oldest(&t->flows, class);

		if (oldest && (!quiet || last_ts_of(oldest) < last_ts_of(quiet)))
			quiet = oldest;
	}
	return quiet ? quiet : half_open;
}

static bool evict(struct tcpstat *t)
{
	struct flow_node *node = victim(t);

	if (!node)
		return false;
	t->counters.evicted += node->class != CONN_CLOSED;
	leave(t, node);
	errands_wait(&t->errands);
	return true;
}

static void make_room(struct tcpstat *t)
{
	for (int i = 0; i < EVICT_AT_ONCE && t->budget.used > t->budget.limit / 16 * 15; i++)
		if (t->budget.used - budget_spare(&t->budget) <= t->budget.limit / 16 * 15 || !evict(t))
			return;
}

static void time_out(struct tcpstat *t, struct conn *c, bool give_up, int64_t ts)
{
	count_states(t, c, UINT64_MAX);
	conn_timeout(c, &t->env, give_up, ts);
	count_states(t, c, 1);
}

/* Connections that are over stay for their late segments: for 2 MSL, but not for ever so many of them. What counts is
 * not how many there are but how many more have ended since, by what any packet shows: so it is the same for a
 * connection in its shard and in the whole. */
static bool is_past(const struct tcpstat *t, const struct conn *c)
{
	return c->last_frame < t->end_frame[t->next_end];
}

static void note_end(struct tcpstat *t, const struct tcp_view *v, uint64_t frame)
{
	if (!(v->flags & (TH_FIN | TH_RST)))
		return;
	t->end_frame[t->next_end] = frame;
	t->next_end = (t->next_end + 1) % CLOSED_ENDS;
}

static void expire(struct tcpstat *t)
{
	int64_t closed_ns = 2 * t->config.msl_ns;
	struct flow_node *node;

	while ((node = flow_table_oldest(&t->flows, CONN_CLOSED))) {
		struct conn *c = conn_of(node);
		bool timed_out = t->now_ns - c->last_ts >= closed_ns;
		if (!timed_out && !is_past(t, c))
			break;
		position(t, c->last_frame, 0);
		if (timed_out)
			time_out(t, c, false, c->last_ts + closed_ns);
		leave(t, node);
	}
	for (unsigned class = CONN_CLOSED + 1; t->config.live && class < CONN_NCLASSES; class++)
		while ((node = flow_table_oldest(&t->flows, class))) {
			int64_t end_ns = last_ts_of(node) + idle_s[class] * second_ns;
			if (t->now_ns < end_ns)
				break;
			flow_table_remove(&t->flows, node);
			struct conn *c = node->is_embryo ? hatch(t, node) : conn_of(node);
			if (!c)
				continue;
			time_out(t, c, true, end_ns);
			report(t, &c->node);
		}
}

/* Live: does something hold by now that only the whole shows? It takes a walk over all connections, so the more of
 * them there are the rarer. */
static void look(struct tcpstat *t)
{
	const int64_t conn_ns = 10000;
	int64_t pause_ns = (int64_t)t->flows.count * conn_ns;
	struct tcpstat_census census;
	struct survey now;
	struct conn room;

	if (!t->config.live || !t->config.watched || t->config.shards)
		return;
	if (t->now_ns - t->looked_ns < (pause_ns > second_ns ? pause_ns : second_ns))
		return;
	t->looked_ns = t->now_ns;
	if (!survey_begin_look(&now, &t->survey))
		return;
	for (unsigned class = 0; class < CONN_NCLASSES; class++) {
		const struct flow_node *head = &t->flows.list[class];

		for (struct flow_node *node = head->next; node != head; node = node->next)
			if (conn_census(seen_whole(t, node, &room), t->now_ns, &census))
				survey_add(&now, &census);
	}
	survey_end_look(&now, &t->survey, &t->counters, &(struct emitter){ .config = &t->config }, t->now_ns);
}

/* Time never goes back for whoever comes after. */
static int64_t clamp_time(struct tcpstat *t, int64_t ts)
{
	if (t->has_time && ts < t->now_ns) {
		t->counters.time_backwards++;
		return t->now_ns;
	}
	t->has_time = true;
	return t->now_ns = ts;
}

static uint32_t tunnel_number(const char *name)
{
	uint32_t h = 0;

	while (name && *name)
		h = h * 31 + (uint8_t)*name++;
	return h;
}

/* Half of the memory may hold connections as such: a flood of them leaves the rest to those that live. */
static bool is_crowded(const struct tcpstat *t)
{
	return t->conns.in_use * sizeof(struct conn) + t->embryos.in_use * sizeof(struct embryo) +
		t->flows.count * FLOW_BYTES >= t->config.memory_bytes / 2;
}

/* A new owner of addresses and ports, from its pool; NULL: no memory. */
static struct flow_node *add_node(struct tcpstat *t, const struct flow_key *key, struct pool *pool)
{
	struct flow_node *node;

	if (is_crowded(t))
		evict(t);
	while (!(node = pool_get(pool)))
		if (!evict(t))
			return NULL;
	node->key = *key;
	while (flow_table_add(&t->flows, node, CONN_HALF_OPEN))
		if (!evict(t)) {
			pool_put(pool, node);
			return NULL;
		}
	return node;
}

static struct conn *add_conn(struct tcpstat *t, const struct flow_key *key, const struct tcp_view *v, bool swapped)
{
	struct conn *c = (struct conn *)add_node(t, key, &t->conns);

	if (!c)
		return NULL;
	conn_init(c, v, swapped, (uint32_t)++t->counters.connections);
	position(t, t->read, c->number);
	count_states(t, c, 1);
	return c;
}

static struct embryo *add_embryo(struct tcpstat *t, const struct flow_key *key, const struct tcp_view *v,
	bool swapped, const struct tcpstat_pkt *pkt)
{
	struct embryo *e = (struct embryo *)add_node(t, key, &t->embryos);

	if (!e)
		return NULL;
	e->node.is_embryo = true;
	e->number = (uint32_t)++t->counters.connections;
	embryo_init(e, v, swapped, pkt);
	position(t, t->read, e->number);
	count_embryo(t, 1);
	return e;
}

/* The connection of that key, whole; NULL: there is none, or no memory for it. */
static struct conn *find_conn(struct tcpstat *t, const struct flow_key *key)
{
	struct flow_node *node = flow_table_find(&t->flows, key);

	if (!node)
		return NULL;
	if (!node->is_embryo) {
		conn_fetch(conn_of(node));
		return conn_of(node);
	}
	struct embryo e = *embryo_of(node);
	flow_table_remove(&t->flows, node);
	pool_put(&t->embryos, node);
	struct conn *c = (struct conn *)add_node(t, key, &t->conns);
	if (c)
		become(t, &e, c);
	else
		count_embryo(t, UINT64_MAX);
	return c;
}

static bool is_mine(const struct tcpstat *t, const struct flow_key *key)
{
	return !t->config.shards || shard_of(key, t->config.shards) == t->config.shard;
}

static int handle_tcp(struct tcpstat *t, const struct tcp_view *v, const struct tcpstat_pkt *pkt)
{
	struct flow_key key;
	bool swapped = flow_key_init(&key, &v->src, v->src_port, &v->dst, v->dst_port);

	note_end(t, v, pkt->frame);
	if (t->dns.table && (v->flags & (TH_SYN | TH_ACK)) == TH_SYN)
		dns_use(&t->dns, &v->src, &v->dst, pkt->ts_ns);
	if (!is_mine(t, &key))
		return 0;
	position(t, t->read, 0);
	if (t->config.key_by_vlan) {
		memcpy(key.vlan, v->vlan, sizeof key.vlan);
		key.tunnel = tunnel_number(v->tunnel);
	}
	make_room(t);
	struct conn *c = find_conn(t, &key);
	uint32_t previous = 0, incarnation = 0;
	if (c && conn_is_new_incarnation(c, v, swapped)) {
		previous = c->number;
		incarnation = c->incarnation + 1;
		conn_reused(c, &t->env, pkt->ts_ns);
		leave(t, &c->node);
		c = NULL;
	}
	if (!c && t->has_embryos && embryo_can_keep(v)) {
		struct embryo *e = add_embryo(t, &key, v, swapped, pkt);
		if (!e)
			return TCPSTAT_ENOMEM;
		e->previous = previous;
		e->incarnation = incarnation;
		return 0;
	}
	if (!c) {
		c = add_conn(t, &key, v, swapped);
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
	position(t, t->read, 0);
	struct conn *c = find_conn(t, &key);
	if (c)
		ev.dir = swapped == c->client ? TCPSTAT_C2S : TCPSTAT_S2C;
	ev.icmp = (struct tcpstat_ev_icmp){ .kind = v->kind, .code = v->code, .family = v->family, .src = v->src,
		.dst = v->dst, .src_port = v->src_port, .dst_port = v->dst_port };
	if (c)
		conn_icmp(c, &t->env, &ev);
	else
		emit_event(&e, &ev);
}

int tcpstat_packet(struct tcpstat *t, const struct tcpstat_pkt *packet)
{
	struct tcpstat_pkt pkt = *packet;
	struct decoded d;
	int rc = 0;

	t->read = pkt.frame;
	t->counters.packets++;
	t->counters.captured_bytes += pkt.caplen;
	t->counters.bytes += pkt.wirelen > pkt.caplen ? pkt.wirelen : pkt.caplen;
	pkt.ts_ns = clamp_time(t, pkt.ts_ns);
	expire(t);
	look(t);
	decode_frame(t->decoder, &pkt, &d);
	if (d.verdict == DECODE_TCP)
		rc = handle_tcp(t, &d.tcp, &pkt);
	else if (d.verdict == DECODE_ICMP)
		handle_icmp(t, &d.icmp, &pkt);
	else if (d.verdict == DECODE_DNS)
		dns_message(&t->dns, &d.dns, pkt.ts_ns, pkt.frame);
	t->counters.no_memory += rc != 0;
	return rc;
}

void tcpstat_tick(struct tcpstat *t, int64_t now_ns)
{
	if (t->has_time && now_ns <= t->now_ns)
		return;
	t->now_ns = now_ns;
	t->has_time = true;
	expire(t);
	look(t);
}

/* ------------------------------------------------------------------------------------------------- the end */

static struct flow_node *merge(struct flow_node *a, struct flow_node *b)
{
	struct flow_node head, *tail = &head;

	while (a && b) {
		struct flow_node **first = number_of(a) < number_of(b) ? &a : &b;
		tail = tail->next = *first;
		*first = (*first)->next;
	}
	tail->next = a ? a : b;
	return head.next;
}

/* Takes everything out of the table: a list by number, through `next`. */
static struct flow_node *drain(struct tcpstat *t)
{
	struct flow_node *run[32] = { 0 }, *node; /* run[i]: 2^i nodes, sorted, or none */

	for (unsigned class = 0; class < CONN_NCLASSES; class++)
		while ((node = flow_table_oldest(&t->flows, class))) {
			flow_table_remove(&t->flows, node);
			node->next = NULL;
			unsigned i = 0;
			for (; i < 31 && run[i]; run[i++] = NULL)
				node = merge(run[i], node);
			run[i] = merge(run[i], node);
		}
	node = NULL;
	for (unsigned i = 0; i < 32; i++)
		node = merge(run[i], node);
	return node;
}

void tcpstat_finish(struct tcpstat *t)
{
	decoder_finish(t->decoder);
	t->read = 0;
	for (struct flow_node *node = drain(t), *next; node; node = next) {
		next = node->next;
		position(t, first_frame_of(node), 0);
		report(t, node);
	}
	position(t, 0, 0);
	errands_wait(&t->errands);
	if (t->config.watched && !t->config.shards)
		survey_finish(&t->survey, &t->counters, &(struct emitter){ .config = &t->config }, t->now_ns);
}

void tcpstat_free(struct tcpstat *t)
{
	struct flow_node *node;

	if (!t)
		return;
	errands_wait(&t->errands);
	errands_fini(&t->errands);
	for (unsigned class = 0; class < CONN_NCLASSES; class++)
		while ((node = flow_table_oldest(&t->flows, class))) {
			flow_table_remove(&t->flows, node);
			if (!node->is_embryo)
				conn_fini(conn_of(node), &t->env);
		}
	survey_fini(&t->survey);
	dns_fini(&t->dns);
	decoder_free(t->decoder);
	flow_table_fini(&t->flows);
	pool_fini(&t->conns);
	pool_fini(&t->embryos);
	pool_fini(&t->env.chunks);
	pool_fini(&t->env.streams);
	tracker_pools_fini(&t->env.trackers);
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
			struct conn room, *c = seen_whole(t, node, &room);
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
