#include "core/roster.h"

/* How long a connection without packets is kept when live, by class; of a file they stay to the end. RFC 9293 section
 * 3.10.8: user timeout 5 min; RFC 5382 section 5: established 2 h 4 min, others 4 min; Linux gives up a SYN
 * after 127 s. */
static const int64_t idle_s[CONN_NCLASSES] = { [CONN_HALF_OPEN] = 130, [CONN_CLOSING] = 300, [CONN_OPEN] = 7440 };

static const int64_t second_ns = 1000000000;

enum {
	EVICT_AT_ONCE = 8,              /* connections that make room for one packet */
	HALF_OPEN_SHARE = 16,           /* one in so many may be half-open before the flood of them goes first */
	FLOW_BYTES = 64                 /* that a connection may take in the table */
};

void roster_init(struct tcpstat *t)
{
	t->max_half_open = t->config.memory_bytes / 2 / (sizeof(struct conn) + FLOW_BYTES) / HALF_OPEN_SHARE;
	t->has_embryos = !t->env.in_step &&
		!(t->config.events & (TCPSTAT_MASK(TCPSTAT_EV_STATE) | TCPSTAT_MASK(TCPSTAT_EV_SEGMENT)));
	pool_init(&t->conns, sizeof(struct conn), &t->budget);
	pool_init(&t->embryos, sizeof(struct embryo), &t->budget);
	flow_table_init(&t->flows, &t->budget, t->config.hash_seed);
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

void roster_tell_position(const struct tcpstat *t, uint64_t order, uint32_t opened)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_POSITION, .dir = TCPSTAT_NODIR, .ts_ns = t->now_ns,
		.position = { .read = t->read, .order = order, .opened = opened } };

	emit_event(&(struct emitter){ .config = &t->config }, &ev);
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

struct conn *roster_seen_whole(struct tcpstat *t, struct flow_node *node, struct conn *room)
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

void roster_leave(struct tcpstat *t, struct flow_node *node)
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
	roster_leave(t, node);
	errands_wait(&t->errands);
	return true;
}

void roster_evict(struct tcpstat *t)
{
	for (int i = 0; i < EVICT_AT_ONCE && budget_is_short(&t->budget); i++)
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

void roster_note_end(struct tcpstat *t, const struct tcp_view *v, uint64_t frame)
{
	if (!(v->flags & (TH_FIN | TH_RST)))
		return;
	t->end_frame[t->next_end] = frame;
	t->next_end = (t->next_end + 1) % CLOSED_ENDS;
}

void roster_expire(struct tcpstat *t)
{
	int64_t closed_ns = 2 * t->config.msl_ns;
	struct flow_node *node;

	while ((node = flow_table_oldest(&t->flows, CONN_CLOSED))) {
		struct conn *c = conn_of(node);
		bool timed_out = t->now_ns - c->last_ts >= closed_ns;
		if (!timed_out && !is_past(t, c))
			break;
		roster_position(t, c->last_frame, 0);
		if (timed_out)
			time_out(t, c, false, c->last_ts + closed_ns);
		roster_leave(t, node);
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

struct conn *roster_add_conn(struct tcpstat *t, const struct flow_key *key, const struct tcp_view *v, bool swapped)
{
	struct conn *c = (struct conn *)add_node(t, key, &t->conns);

	if (!c)
		return NULL;
	conn_init(c, v, swapped, (uint32_t)++t->counters.connections);
	roster_position(t, t->read, c->number);
	count_states(t, c, 1);
	return c;
}

struct embryo *roster_add_embryo(struct tcpstat *t, const struct flow_key *key, const struct tcp_view *v,
	bool swapped, const struct tcpstat_pkt *pkt)
{
	struct embryo *e = (struct embryo *)add_node(t, key, &t->embryos);

	if (!e)
		return NULL;
	e->node.is_embryo = true;
	e->number = (uint32_t)++t->counters.connections;
	embryo_init(e, v, swapped, pkt);
	roster_position(t, t->read, e->number);
	count_embryo(t, 1);
	return e;
}

struct conn *roster_find(struct tcpstat *t, const struct flow_key *key)
{
	struct flow_node *node = flow_table_find_guessed(&t->flows, key, foresight_now(&t->foresight, &t->flows));

	if (!node)
		return NULL;
	if (!node->is_embryo)
		return conn_of(node);
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

/* Takes the oldest out of a class, and who comes after as long as numbers rise: a list through `next`. NULL: nobody. */
static struct flow_node *take_row(struct tcpstat *t, unsigned class)
{
	struct flow_node *first = flow_table_oldest(&t->flows, class), *last = NULL;

	for (struct flow_node *node = first; node && (!last || number_of(node) > number_of(last));
	     node = flow_table_oldest(&t->flows, class)) {
		flow_table_remove(&t->flows, node);
		if (last)
			last->next = node;
		last = node;
	}
	if (last)
		last->next = NULL;
	return first;
}

/* Takes everything out of the table: a list by number, through `next`. */
static struct flow_node *drain(struct tcpstat *t)
{
	struct flow_node *sorted[32] = { 0 }, *row; /* sorted[i]: of 2^i rows, or none */

	for (unsigned class = 0; class < CONN_NCLASSES; class++)
		while ((row = take_row(t, class))) {
			unsigned i = 0;
			for (; i < 31 && sorted[i]; sorted[i++] = NULL)
				row = merge(sorted[i], row);
			sorted[i] = merge(sorted[i], row);
		}
	row = NULL;
	for (unsigned i = 0; i < 32; i++)
		row = merge(sorted[i], row);
	return row;
}

void roster_drain(struct tcpstat *t)
{
	for (struct flow_node *node = drain(t), *next; node; node = next) {
		next = node->next;
		roster_position(t, first_frame_of(node), 0);
		report(t, node);
	}
	roster_position(t, 0, 0);
}

void roster_fini(struct tcpstat *t)
{
	struct flow_node *node;

	for (unsigned class = 0; class < CONN_NCLASSES; class++)
		while ((node = flow_table_oldest(&t->flows, class))) {
			flow_table_remove(&t->flows, node);
			if (!node->is_embryo)
				conn_fini(conn_of(node), &t->env);
		}
	flow_table_fini(&t->flows);
	pool_fini(&t->conns);
	pool_fini(&t->embryos);
}
