#include "core/replay.h"

/* Counts what starts below SND.MAX; the inference is built on this. */
struct replay {
	struct budget *budget;
	uint64_t snd_max[2];
};

struct replay *replay_new(struct budget *budget)
{
	struct replay *r = budget_resize(budget, NULL, 0, sizeof *r);

	if (r)
		r->budget = budget;
	return r;
}

void replay_free(struct replay *r)
{
	if (r)
		budget_resize(r->budget, r, sizeof *r, 0);
}

enum replay_class replay_segment(struct replay *r, const struct segment *s, const struct emitter *e)
{
	(void)e;
	if (!segment_occupies(s))
		return REPLAY_NEW;
	enum replay_class class = s->seq < r->snd_max[s->dir] ? REPLAY_RETRANSMISSION : REPLAY_NEW;
	if (s->end > r->snd_max[s->dir])
		r->snd_max[s->dir] = s->end;
	return class;
}

void replay_finish(struct replay *r, const struct emitter *e)
{
	(void)r, (void)e;
}

void replay_snapshot(const struct replay *r, struct tcpstat_conn *conn)
{
	(void)r, (void)conn;
}
