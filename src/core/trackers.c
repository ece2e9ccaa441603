#include "core/trackers.h"

#include <string.h>

void tracker_pools_init(struct tracker_pools *p, struct budget *budget, bool shared)
{
	p->budget = budget;
	pool_init(&p->trackers, sizeof(struct trackers), budget);
	pool_init(&p->sides, replay_side_bytes(), budget);
	if (!shared)
		return;
	pool_share(&p->trackers);
	pool_share(&p->sides);
}

void tracker_pools_fini(struct tracker_pools *p)
{
	pool_fini(&p->trackers);
	pool_fini(&p->sides);
}

struct trackers *trackers_new(struct tracker_pools *pools, bool watched, struct reasm *apart)
{
	struct trackers *t = pool_take(&pools->trackers);

	if (!t)
		return NULL;
	memset(t, 0, offsetof(struct trackers, room));
	t->pools = pools;
	budget_room(&t->budget, pools->budget, t->room, sizeof t->room);
	t->watched = watched;
	reasm_init(t->own, &t->budget);
	t->reasm = apart ? apart : t->own;
	vantage_init(&t->vantage);
	t->replay = replay_new(&t->budget, &pools->sides, &t->vantage);
	return t;
}

void trackers_free(struct trackers *t)
{
	if (!t)
		return;
	reasm_fini(t->own);
	window_fini(&t->window, &t->budget);
	latency_fini(&t->latency, &t->budget);
	timers_fini(&t->timers, &t->budget);
	watch_fini(&t->watch, &t->budget);
	replay_free(t->replay);
	pool_put(&t->pools->trackers, t);
}

static void note_resent(struct trackers *t, enum tcpstat_dir dir, uint8_t history)
{
	if (t->resent[dir])
		return;
	t->resent[dir] = true;
	t->resent_at[dir] = history;
	t->server_first = dir == TCPSTAT_S2C && !t->resent[TCPSTAT_C2S];
}

static __attribute__((cold)) void tell_response(const struct segment *s, int64_t turn_ns, const struct emitter *e)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_RESPONSE, .dir = s->dir, .ts_ns = s->ts, .frame = s->frame,
		.response_ns = turn_ns };

	emit_event(e, &ev);
}

/* Round trip between capture and endpoint, for those to whom 0 is one. */
static int64_t half_of(const struct vantage *v, enum tcpstat_endpoint endpoint)
{
	int64_t ns = vantage_half_ns(v, endpoint);

	return ns ? ns : TCPSTAT_NULL;
}

static void follow(struct trackers *t, const struct segment *s, const struct scene *scene, const struct emitter *e)
{
	struct budget *budget = &t->budget;
	struct timers_scene traces = { .late_ns = vantage_segment(&t->vantage, s), .state = scene->state };
	struct watch_scene watched = { .mss = t->mss, .state = scene->state, .rto_ns = TCPSTAT_NULL,
		.half_ns = { half_of(&t->vantage, TCPSTAT_CLIENT), half_of(&t->vantage, TCPSTAT_SERVER) } };

	if (stack_sign_wants(&t->sign[s->dir], s->view))
		stack_sign_note(&t->sign[s->dir], s->view);
	traces.class = window_segment(&t->window, budget, s, watched.half_ns, e);
	timers_segment(&t->timers, budget, s, &traces);
	dupack_segment(&t->dupack, s, e);
	if (t->replay && replay_segment(t->replay, s, traces.late_ns, e) == REPLAY_RETRANSMISSION && s->len) {
		note_resent(t, s->dir, scene->history);
		dupack_resent(&t->dupack, s, replay_last_cause(t->replay, s->dir));
	}
	int64_t turn_ns = latency_segment(&t->latency, budget, s, watched.half_ns);
	if (turn_ns != TCPSTAT_NULL && s->dir == TCPSTAT_S2C && emit_wants(e, TCPSTAT_EV_RESPONSE))
		tell_response(s, turn_ns, e);
	if (!e->watch)
		return;
	if (t->replay && s->len)
		watched.rto_ns = replay_rto_ns(t->replay, s->dir);
	watch_segment(e->watch, budget, s, &watched);
	if (turn_ns != TCPSTAT_NULL)
		watch_turn(e->watch, budget, s->dir, s->frame, turn_ns);
}

static void note_changes(struct trackers *t, const struct state_changes *changes, int64_t ts, uint64_t frame)
{
	for (unsigned i = 0; i < changes->n; i++)
		watch_state(&t->watch, &t->budget, (enum tcpstat_endpoint)(changes->of[i] >> 4),
			(enum tcpstat_state)(changes->of[i] & 15), ts, frame);
}

void trackers_segment(struct trackers *t, struct segment *s, const struct scene *scene, const struct emitter *e)
{
	if (scene->kind == SCENE_STRAY) {
		if (e->watch)
			watch_add(e->watch, &t->budget, WATCH_STRAY_SYN, s->dir, s->frame, 0);
		return;
	}
	if (s->flags & TH_SYN) {
		t->mss[0] = scene->mss[0];
		t->mss[1] = scene->mss[1];
	}
	if (t->watched && scene->changes.n)
		note_changes(t, &scene->changes, s->ts, s->frame);
	if (scene->kind == SCENE_TIMER)
		return;
	s->copy = scene->kind == SCENE_SEGMENT && copy_seen(&t->copy, s);
	if (t->reasm == t->own)
		reasm_segment(t->own, s, e);
	if (scene->kind == SCENE_SEGMENT)
		follow(t, s, scene, e);
}

void trackers_finish(struct trackers *t, int64_t last_ts, const struct emitter *e)
{
	reasm_finish(t->reasm, last_ts, e);
	if (t->replay)
		replay_finish(t->replay, e);
}

void trackers_snapshot(const struct trackers *t, struct tcpstat_conn *out)
{
	reasm_snapshot(t->reasm, out);
	window_snapshot(&t->window, out);
	dupack_snapshot(&t->dupack, out);
	latency_snapshot(&t->latency, out);
	if (t->replay)
		replay_snapshot(t->replay, out);
	timers_snapshot(&t->timers, out);
	for (int i = 0; i < 2; i++)
		stack_why(&t->sign[i], out->half[i].stack_why);
}

void trackers_pour(const struct trackers *t, struct tcpstat_totals *totals)
{
	latency_pour(&t->latency, &totals->response);
	if (t->replay)
		replay_pour(t->replay, &totals->rtt);
}
