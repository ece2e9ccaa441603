/*
 * path.c - one direction of the emulated link: rules, loss, queue, delay.
 *
 * Half of the delay, then the queue with its rate, then the other half. M stands before the queue, or before the far
 * end (`mpos after`).
 */
#define _POSIX_C_SOURCE 200809L
#include "emulator.h"

#include <stdlib.h>
#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static uint64_t random_state = 1;

void random_seed(uint64_t seed)
{
	random_state = seed * 0x9e3779b97f4a7c15 + 1;
}

/* splitmix64 */
double random_unit(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static bool chance(double p)
{
	return p > 0 && random_unit() < p;
}

static uint64_t ms(const char *s)
{
	return (uint64_t)(strtod(s, NULL) * 1e6);
}

static uint64_t seconds(const char *s)
{
	return (uint64_t)(strtod(s, NULL) * 1e9);
}

/* ---- configuration */

static bool windows(struct window *w, unsigned *n, char *value)
{
	char *save = NULL;

	for (char *s = strtok_r(value, "+", &save); s; s = strtok_r(NULL, "+", &save)) {
		char *colon = strchr(s, ':');

		if (!colon || *n == MAX_WINDOWS)
			return false;
		w[*n].from_ns = seconds(s);
		w[(*n)++].to_ns = seconds(colon + 1);
	}
	return true;
}

/* "seconds:delay in ms:Mbit/s", joined by + */
static bool steps(struct path *p, char *value)
{
	char *save = NULL;

	for (char *s = strtok_r(value, "+", &save); s; s = strtok_r(NULL, "+", &save)) {
		char *delay = strchr(s, ':'), *rate = delay ? strchr(delay + 1, ':') : NULL;

		if (!rate || p->steps == MAX_WINDOWS)
			return false;
		p->step[p->steps++] = (struct step){seconds(s), ms(delay + 1), strtod(rate + 1, NULL) * 1e6};
	}
	return true;
}

static bool rule_match(struct rule *r, const char *v)
{
	static const char *const names[] = {"any", "data", "new", "rtx", "ack", "ack3", "syn", "synack", "fin", "rst"};

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strcmp(v, names[i])) {
			r->match = (enum match)i;
			return true;
		}
	}
	return false;
}

static bool rule_action(struct rule *r, char *v)
{
	char *colon = strchr(v, ':');

	if (colon)
		*colon = '\0';
	if (!strcmp(v, "drop"))
		r->act = ACT_DROP;
	else if (!strcmp(v, "hold") && colon)
		r->act = ACT_HOLD;
	else if (!strcmp(v, "dup") && colon)
		r->act = ACT_DUP;
	else if (!strcmp(v, "ce"))
		r->act = ACT_CE;
	else
		return false;
	r->hold_ns = colon ? ms(colon + 1) : 0;
	return true;
}

/* "match=new,n=20-22,again=1,t0=0.5,t1=1.5,p=0.3,act=drop" */
static bool rule(struct path *p, char *value)
{
	struct rule *r = &p->rule[p->rules];
	char *save = NULL;

	if (p->rules == MAX_RULES)
		return false;
	*r = (struct rule){.first = 1, .last = 1u << 30, .t1_ns = UINT64_MAX, .p = 1};
	for (char *s = strtok_r(value, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		char *v = strchr(s, '='), *dash;
		bool ok = v != NULL;

		if (!ok)
			return false;
		*v++ = '\0';
		if (!strcmp(s, "match")) {
			ok = rule_match(r, v);
		} else if (!strcmp(s, "act")) {
			ok = rule_action(r, v);
		} else if (!strcmp(s, "n")) {
			dash = strchr(v, '-');
			r->first = (unsigned)strtoul(v, NULL, 10);
			r->last = dash ? (unsigned)strtoul(dash + 1, NULL, 10) : r->first;
		} else if (!strcmp(s, "again")) {
			r->again = (unsigned)strtoul(v, NULL, 10);
		} else if (!strcmp(s, "t0")) {
			r->t0_ns = seconds(v);
		} else if (!strcmp(s, "t1")) {
			r->t1_ns = seconds(v);
		} else if (!strcmp(s, "p")) {
			r->p = strtod(v, NULL);
		} else {
			ok = false;
		}
		if (!ok)
			return false;
	}
	p->rules++;
	return true;
}

/* "probability:ms" */
static bool pair(char *value, double *p, uint64_t *ns)
{
	char *colon = strchr(value, ':');

	*p = strtod(value, NULL);
	*ns = colon ? ms(colon + 1) : 0;
	return true;
}

static bool gilbert(struct path *p, char *value)
{
	char *good = strchr(value, ':'), *loss = good ? strchr(good + 1, ':') : NULL;

	if (!loss)
		return false;
	p->ge_bad = strtod(value, NULL);
	p->ge_good = strtod(good + 1, NULL);
	p->ge_loss = strtod(loss + 1, NULL);
	return true;
}

bool path_configure(struct path *p, const char *key, char *value)
{
	if (!strcmp(key, "delay"))
		p->delay_ns = ms(value);
	else if (!strcmp(key, "jitter"))
		p->jitter_ns = ms(value);
	else if (!strcmp(key, "rate"))
		p->rate_bps = strtod(value, NULL) * 1e6;
	else if (!strcmp(key, "qlen"))
		p->queue_limit = (unsigned)strtoul(value, NULL, 10);
	else if (!strcmp(key, "ceq"))
		p->ce_threshold = (unsigned)strtoul(value, NULL, 10);
	else if (!strcmp(key, "loss"))
		p->loss = strtod(value, NULL);
	else if (!strcmp(key, "preloss"))
		p->preloss = strtod(value, NULL);
	else if (!strcmp(key, "ge"))
		return gilbert(p, value);
	else if (!strcmp(key, "reorder"))
		return pair(value, &p->reorder_p, &p->reorder_ns);
	else if (!strcmp(key, "dup"))
		return pair(value, &p->dup_p, &p->dup_ns);
	else if (!strcmp(key, "mpos"))
		p->m_after = !strcmp(value, "after");
	else if (!strcmp(key, "blackout"))
		return windows(p->blackout, &p->blackouts, value);
	else if (!strcmp(key, "stall"))
		return windows(p->stall, &p->stalls, value);
	else if (!strcmp(key, "step"))
		return steps(p, value);
	else if (!strcmp(key, "rule"))
		return rule(p, value);
	else
		return false;
	return true;
}

/* ---- packets */

static bool matches(enum match m, const struct tcp_view *v, bool fresh, bool first_ack)
{
	bool pure = !v->payload && !(v->flags & (SYN | FIN | RST)) && v->flags & ACK;

	switch (m) {
	case MATCH_ANY:
		return true;
	case MATCH_DATA:
		return v->payload;
	case MATCH_NEW:
		return v->payload && fresh;
	case MATCH_RTX:
		return v->payload && !fresh;
	case MATCH_ACK:
		return pure;
	case MATCH_ACK3:
		return pure && first_ack;
	case MATCH_SYN:
		return (v->flags & (SYN | ACK)) == SYN;
	case MATCH_SYNACK:
		return (v->flags & (SYN | ACK)) == (SYN | ACK);
	case MATCH_FIN:
		return v->flags & FIN;
	case MATCH_RST:
		return v->flags & RST;
	}
	return false;
}

static bool rule_hits(struct rule *r, const struct tcp_view *v, bool fresh, bool first_ack, uint64_t rel_ns)
{
	bool hit;

	for (unsigned i = 0; i < r->hits; i++) {
		if (r->hit[i].seq == v->seq && r->hit[i].left && v->payload && !fresh) {
			r->hit[i].left--;
			return true;
		}
	}
	if (rel_ns < r->t0_ns || rel_ns >= r->t1_ns || !matches(r->match, v, fresh, first_ack))
		return false;
	r->seen++;
	hit = r->seen >= r->first && r->seen <= r->last && (r->p >= 1 || chance(r->p));
	if (hit && r->again && r->hits < sizeof r->hit / sizeof *r->hit) {
		r->hit[r->hits].seq = v->seq;
		r->hit[r->hits++].left = r->again;
	}
	return hit;
}

static bool inside(const struct window *w, unsigned n, uint64_t t, uint64_t *until)
{
	for (unsigned i = 0; i < n; i++) {
		if (t >= w[i].from_ns && t < w[i].to_ns) {
			*until = w[i].to_ns;
			return true;
		}
	}
	return false;
}

static bool channel_drops(struct path *p)
{
	if (p->ge_bad > 0) {
		p->bad = p->bad ? !chance(p->ge_good) : chance(p->ge_bad);
		if (p->bad && chance(p->ge_loss))
			return true;
	}
	return chance(p->loss);
}

static void step_to(struct path *p, uint64_t rel_ns)
{
	for (unsigned i = 0; i < p->steps; i++) {
		if (rel_ns >= p->step[i].at_ns) {
			p->delay_ns = p->step[i].delay_ns;
			p->rate_bps = p->step[i].rate_bps;
		}
	}
}

/* Joins the queue at `t`: when the packet leaves it, 0 if there is no room. `depth`: packets before it. */
static uint64_t enqueue(struct path *p, uint64_t t, uint64_t start_ns, uint32_t len, unsigned *depth)
{
	uint64_t begin, until, leave;

	while (p->queued && p->departs[p->head] <= t) {
		p->head = (p->head + 1) % p->queue_limit;
		p->queued--;
	}
	*depth = p->queued;
	if (p->queued == p->queue_limit)
		return 0;
	begin = t > p->busy_until_ns ? t : p->busy_until_ns;
	if (inside(p->stall, p->stalls, begin - start_ns, &until))
		begin = start_ns + until;
	leave = begin + (p->rate_bps > 0 ? (uint64_t)(len * 8e9 / p->rate_bps) : 0);
	p->busy_until_ns = leave;
	p->departs[(p->head + p->queued++) % p->queue_limit] = leave;
	if (p->queued > p->longest)
		p->longest = p->queued;
	return leave;
}

static void drop(struct path *path, struct packet *p, enum fate why)
{
	p->fate = why;
	p->copies = 0;
	path->n_drop[why]++;
}

void path_pass(struct path *path, struct packet *p, const struct tcp_view *v, bool fresh, bool first_ack,
	uint64_t rel_ns, struct passage *out)
{
	uint64_t start_ns = p->sent_ns - rel_ns, half, at, leave, extra = 0, dup_ns = path->dup_ns, until;
	bool dropped = false, dup = chance(path->dup_p);
	unsigned depth;

	step_to(path, rel_ns);
	half = path->delay_ns / 2;
	at = p->sent_ns + half;
	out->m_ns = at;
	path->n_in++;
	p->copies = 1;
	p->fate = FATE_IN_FLIGHT;
	for (unsigned i = 0; i < path->rules; i++) {
		struct rule *r = &path->rule[i];

		if (!rule_hits(r, v, fresh, first_ack, rel_ns))
			continue;
		if (r->act == ACT_DROP)
			dropped = true;
		else if (r->act == ACT_HOLD)
			extra += r->hold_ns;
		else if (r->act == ACT_CE)
			p->ce = v->ect;
		else
			dup = true, dup_ns = r->hold_ns;
	}
	if (chance(path->preloss)) {
		drop(path, p, FATE_DROP_RANDOM);
		return;
	}
	p->past_m = !path->m_after;
	if (inside(path->blackout, path->blackouts, at - start_ns, &until)) {
		drop(path, p, FATE_DROP_BLACKOUT);
		return;
	}
	if (dropped || channel_drops(path)) {
		drop(path, p, dropped ? FATE_DROP_RULE : FATE_DROP_RANDOM);
		return;
	}
	leave = enqueue(path, at, start_ns, p->len, &depth);
	if (!leave) {
		drop(path, p, FATE_DROP_QUEUE);
		return;
	}
	if (path->ce_threshold && depth >= path->ce_threshold)
		p->ce = v->ect;
	path->n_ce += p->ce;
	if (chance(path->reorder_p))
		extra += path->reorder_ns;
	path->n_hold += extra != 0;
	at = leave + half + (uint64_t)((double)path->jitter_ns * random_unit());
	if (!extra) {
		if (at <= path->last_ns)
			at = path->last_ns + 1;
		path->last_ns = at;
	}
	out->arrive_ns[0] = at + extra;
	if (path->m_after) {
		p->past_m = true;
		out->m_ns = at + extra - half;
	}
	if (dup) {
		p->copies = 2;
		path->n_dup++;
		out->arrive_ns[1] = at + extra + dup_ns + 1;
	}
}
