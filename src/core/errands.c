#include "core/errands.h"

static void run(void *arg)
{
	struct errand *e = arg;
	struct errands *all = e->all;

	conn_show(e->conn, all->env, &e->backlog);
	if (e->leaves) {
		conn_finish(e->conn, all->env, all->survey, e->now_ns);
		conn_fini(e->conn, all->env);
	}
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
	return c->errand > all->helper->done(all->helper->ctx);
}

/* When the helper has enough to do, who is not on the way to it is served by the reader. */
static bool is_served_here(struct errands *all, const struct conn *c)
{
	if (!all->helper)
		return true;
	if (all->given - all->reclaimed >= ERRANDS_ENOUGH)
		reclaim(all);
	return all->given - all->reclaimed >= ERRANDS_ENOUGH && !is_busy(all, c);
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
	all->helper->give(all->helper->ctx, run, slot);
}

static void do_now(struct errands *all, struct errand e)
{
	run(&e);
	give_back(all, &e);
}

static struct errand errand_of(struct errands *all, struct conn *c)
{
	struct errand e = { .all = all, .conn = c, .backlog = c->backlog };

	c->backlog = (struct backlog){ 0 };
	return e;
}

void errands_settle(struct errands *all, struct conn *c)
{
	if (is_served_here(all, c))
		do_now(all, errand_of(all, c));
	else
		give(all, errand_of(all, c));
}

void errands_leave(struct errands *all, struct conn *c, int64_t now_ns)
{
	struct errand e = errand_of(all, c);

	e.now_ns = now_ns;
	e.leaves = true;
	if (all->helper)
		give(all, e); /* reports keep their order */
	else
		do_now(all, e);
}
