#include "core/errands.h"

void errands_init(struct errands *all, const struct tcpstat_helper *helper)
{
	if (helper)
		all->ring = budget_resize(all->env->budget, NULL, 0, ERRANDS * sizeof *all->ring);
	all->helper = all->ring ? helper : NULL;
}

void errands_fini(struct errands *all)
{
	if (all->ring)
		budget_resize(all->env->budget, all->ring, ERRANDS * sizeof *all->ring, 0);
	all->ring = NULL;
	all->helper = NULL;
}

static void run(struct errand *e, enum errands_by by)
{
	struct errands *all = e->all;

	conn_show(e->conn, all->env, by, &e->backlog);
	if (e->leaves) {
		conn_finish(e->conn, all->env, all->survey, e->now_ns);
		conn_fini(e->conn, all->env);
	}
}

static void help(void *arg, void *next)
{
	const struct errand *soon = next;

	if (soon) {
		fetch_block(soon->conn, sizeof *soon->conn);
		backlog_fetch_first(&soon->backlog);
	}
	run(arg, BY_HELPER);
}

static void give_back(struct errands *all, struct errand *e)
{
	backlog_drop(&e->backlog, &all->env->chunks);
	if (e->leaves)
		pool_put(all->conns, e->conn);
}

/* Takes back what errands that are done have left. */
static void reclaim(struct errands *all)
{
	uint64_t done = all->helper->done(all->helper->ctx);

	for (; all->reclaimed < done; all->reclaimed++)
		give_back(all, &all->ring[all->reclaimed % ERRANDS]);
}

static bool is_busy(const struct errands *all, const struct conn *c)
{
	/* what was reclaimed is done: mostly that answers it without a look at what the other thread wrote last */
	return c->errand > all->reclaimed && c->errand > all->helper->done(all->helper->ctx);
}

/* Is the helper so far behind that the reader should do some of its work? */
static bool has_enough(struct errands *all)
{
	if (all->given - all->reclaimed >= ERRANDS_ENOUGH)
		reclaim(all);
	return all->given - all->reclaimed >= ERRANDS_ENOUGH;
}

static bool is_idle(const struct errands *all)
{
	return all->helper->done(all->helper->ctx) == all->given;
}

static void wait_for(struct errands *all, uint64_t n)
{
	all->helper->wait(all->helper->ctx, n);
	reclaim(all);
}

void errands_wait(struct errands *all)
{
	if (all->helper)
		wait_for(all, all->given);
}

void errands_wait_for(struct errands *all, const struct conn *c)
{
	if (all->helper && is_busy(all, c))
		wait_for(all, c->errand);
}

static void give(struct errands *all, struct errand e)
{
	struct errand *slot = &all->ring[all->given % ERRANDS];

	if (all->given - all->reclaimed == ERRANDS)
		wait_for(all, all->given - ERRANDS / 2);
	*slot = e;
	e.conn->errand = ++all->given;
	all->helper->give(all->helper->ctx, help, slot);
}

static void do_now(struct errands *all, struct errand e)
{
	run(&e, BY_READER);
	give_back(all, &e);
}

size_t errands_chunks(const struct errands *all)
{
	return all->helper ? ERRANDS * (size_t)(BATCH_SLOTS / BACKLOG_CHUNK_SLOTS) : 0;
}

static struct errand errand_of(struct errands *all, struct conn *c)
{
	struct errand e = { .all = all, .conn = c, .backlog = c->backlog };

	c->backlog = (struct backlog){ 0 };
	return e;
}

void errands_settle(struct errands *all, struct conn *c)
{
	c->due = BATCH_SLOTS;
	if (all->helper)
		give(all, errand_of(all, c));
	else
		do_now(all, errand_of(all, c));
}

/* The segments of a connection pass in order: while the helper has some of them, more can only wait. Where they have
 * waited, the helper is behind, and the reader does them. */
void errands_offer(struct errands *all, struct conn *c)
{
	if (!all->helper || is_idle(all)) {
		errands_settle(all, c);
	} else if (is_busy(all, c)) {
		if (c->backlog.slots < WAIT_SLOTS)
			c->due = (uint16_t)(c->backlog.slots + BATCH_SLOTS);
		else
			errands_settle(all, c);
	} else if (c->backlog.slots >= WAITED_SLOTS || has_enough(all)) {
		c->due = BATCH_SLOTS;
		do_now(all, errand_of(all, c));
	} else {
		errands_settle(all, c);
	}
}

void errands_leave(struct errands *all, struct conn *c, int64_t now_ns)
{
	struct errand e = errand_of(all, c);

	e.now_ns = now_ns;
	e.leaves = true;
	if (!all->helper || all->env->apart) {
		errands_wait_for(all, c);
		do_now(all, e);
		return;
	}
	if (!is_busy(all, c) && has_enough(all)) { /* but for the report: those keep their order */
		conn_show(c, all->env, BY_READER, &e.backlog);
		backlog_drop(&e.backlog, &all->env->chunks);
	}
	give(all, e);
}
