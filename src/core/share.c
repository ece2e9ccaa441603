#include "core/share.h"

#include <math.h>
#include <string.h>

/* A tag: the owner, whether it is open, and the marks that are set before it. */
enum { OWNER = 15, OPEN = 16, SHARE_RUNS_KEPT = 32, MILLION = 1000000 };

_Static_assert((int)TCPSTAT_NLIMITS < (int)OWNER, "an owner fits into a tag");

void share_init(struct share *s, struct budget *budget, int64_t now_ns, enum tcpstat_limit owner)
{
	*s = (struct share){ .budget = budget, .since_ns = { now_ns, now_ns }, .room = SHARE_RUNS_FIRST };
	s->runs = s->few;
	s->tag[0] = s->tag[1] = (uint8_t)(owner | OPEN | SHARE_PROGRESS);
}

static struct share_run *runs_of(struct share *s)
{
	return s->runs + s->first;
}

void share_fini(struct share *s)
{
	if (s->room > SHARE_RUNS_FIRST)
		budget_resize(s->budget, s->runs, s->room * sizeof *s->runs, 0);
	s->runs = s->few;
	s->room = SHARE_RUNS_FIRST;
	s->first = s->n_runs = 0;
}

void share_copy(struct share *s, const struct share *of, struct share_run runs[SHARE_RUNS_COPY])
{
	*s = *of;
	if (of->n_runs) /* else it may not even have begun */
		memcpy(runs, of->runs + of->first, of->n_runs * sizeof *runs);
	s->runs = runs;
	s->room = SHARE_RUNS_COPY;
	s->first = 0;
	s->budget = NULL;
}

void share_join(struct share *s, enum tcpstat_dir dir)
{
	s->speaks[dir] = true;
}

/* Which of two owners has the instant? */
static enum tcpstat_limit first_of(uint8_t a, uint8_t b)
{
	static const uint8_t rank[TCPSTAT_NLIMITS] = { [TCPSTAT_LIMIT_HANDSHAKE] = 0, [TCPSTAT_LIMIT_TIMEOUT] = 1,
		[TCPSTAT_LIMIT_RECOVERY] = 2, [TCPSTAT_LIMIT_RECEIVER_WINDOW] = 3, [TCPSTAT_LIMIT_DELAYED_ACK] = 4,
		[TCPSTAT_LIMIT_CONGESTION_WINDOW] = 5, [TCPSTAT_LIMIT_SENDER_UNKNOWN] = 6,
		[TCPSTAT_LIMIT_THINK_TIME] = 7, [TCPSTAT_LIMIT_APPLICATION_IDLE] = 8 };

	a &= OWNER;
	b &= OWNER;
	return rank[a] < rank[b] ? a : b;
}

/* ---------------------------------------------------------------------------------------------------- kinds */

enum { SHIFT = 8 };                     /* of the tag of s2c in a kind */

static uint16_t tags_of(enum tcpstat_dir dir, uint8_t mine, uint8_t other)
{
	return (uint16_t)(dir ? other | mine << SHIFT : mine | other << SHIFT);
}

/* False: it is settled already. */
static bool settle_kind(struct share *s, struct share_kind *k, enum tcpstat_dir dir)
{
	unsigned shift = dir * SHIFT, tag = k->tags >> shift;

	if (!(tag & OPEN))
		return false;
	k->tags &= (uint16_t)~((0xffu & ~OWNER) << shift);
	s->half_ns[dir][tag & OWNER] += k->ns;
	return true;
}

/* The last one takes its place. */
static void drop_kind(struct share *s, struct share_kind *k)
{
	*k = s->kind[--s->n_kinds];
}

/* Settled by both: it is the connection's. */
static inline void close_kind(struct share *s, struct share_kind *k)
{
	s->ns[first_of(k->tags & OWNER, k->tags >> SHIFT & OWNER)] += k->ns;
	drop_kind(s, k);
}

/* Has this kind, told apart from another so far, become the same? Then the other one has its time. */
static void join_kind(struct share *s, struct share_kind *k)
{
	for (struct share_kind *other = s->kind + s->n_kinds; other-- > s->kind;)
		if (other->tags == k->tags && other != k) {
			other->ns += k->ns;
			drop_kind(s, k);
			return;
		}
}

static void make_room(struct share *s)
{
	struct share_kind *least = s->kind;

	for (unsigned i = 1; i < s->n_kinds; i++)
		if (s->kind[i].ns < least->ns)
			least = &s->kind[i];
	settle_kind(s, least, TCPSTAT_C2S);
	settle_kind(s, least, TCPSTAT_S2C);
	close_kind(s, least);
}

/* Time that `dir` has as `mine` and the other direction as `other`. */
static inline void add(struct share *s, int64_t ns, enum tcpstat_dir dir, uint8_t mine, uint8_t other)
{
	uint16_t tags = tags_of(dir, mine, other);
	struct share_kind *k = s->kind, *end = k + s->n_kinds;

	if (!((mine | other) & OPEN)) {
		s->ns[first_of(mine, other)] += ns;
		return;
	}
	for (; k < end; k++)
		if (k->tags == tags) {
			k->ns += ns;
			return;
		}
	if (s->n_kinds == SHARE_KINDS)
		make_room(s);
	s->kind[s->n_kinds++] = (struct share_kind){ ns, tags };
}

/* ---------------------------------------------------------------------------------------------------- runs */

static void drop_run(struct share *s)
{
	s->n_runs--;
	s->first++;
	if (s->n_runs)
		return;
	s->first = 0;
	if (s->room > SHARE_RUNS_KEPT && s->budget)
		share_fini(s);
}

/* Neighbours that are the same by now. */
static void join_runs(struct share *s)
{
	struct share_run *r = runs_of(s);
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_runs; i++)
		if (n && r[n - 1].tag == r[i].tag)
			r[n - 1].ns += r[i].ns;
		else
			r[n++] = r[i];
	s->n_runs = (uint16_t)n;
}

static bool grow_runs(struct share *s)
{
	unsigned room = 2u * s->room;
	struct share_run *runs;

	if (!s->budget || room > SHARE_RUNS_MAX)
		return false;
	runs = budget_resize(s->budget, NULL, 0, room * sizeof *runs);
	if (!runs)
		return false;
	memcpy(runs, runs_of(s), s->n_runs * sizeof *runs);
	if (s->room > SHARE_RUNS_FIRST)
		budget_resize(s->budget, s->runs, s->room * sizeof *runs, 0);
	s->runs = runs;
	s->room = (uint16_t)room;
	s->first = 0;
	return true;
}

/* Room for one more behind the last one. */
static void make_room_for_run(struct share *s)
{
	join_runs(s);
	if (s->n_runs == s->room && !grow_runs(s)) {
		enum tcpstat_dir behind = !s->ahead;
		struct share_run oldest = *runs_of(s);

		drop_run(s);
		s->since_ns[behind] += oldest.ns;
		add(s, oldest.ns, behind, s->tag[behind], oldest.tag);
	}
	memmove(s->runs, runs_of(s), s->n_runs * sizeof *s->runs);
	s->first = 0;
}

static void push_run(struct share *s, int64_t ns, uint8_t tag)
{
	if (s->n_runs && runs_of(s)[s->n_runs - 1].tag == tag) {
		runs_of(s)[s->n_runs - 1].ns += ns;
		return;
	}
	if (s->first + s->n_runs == s->room)
		make_room_for_run(s);
	runs_of(s)[s->n_runs++] = (struct share_run){ ns, tag };
}

/* ---------------------------------------------------------------------------------------------------- what is told */

void share_pass(struct share *s, enum tcpstat_dir dir, int64_t now_ns, enum tcpstat_limit owner, uint8_t marks)
{
	uint8_t tag = (uint8_t)(owner | OPEN | marks);
	int64_t ns = now_ns - s->since_ns[dir];

	s->tag[dir] = tag;
	if (now_ns <= s->since_ns[dir])
		return;
	s->since_ns[dir] = now_ns;
	if (!s->speaks[!dir]) {
		s->since_ns[!dir] = now_ns;
		add(s, ns, dir, tag, s->tag[!dir]);
		return;
	}
	while (s->n_runs && s->ahead != dir) {
		struct share_run *oldest = runs_of(s);
		int64_t part = ns < oldest->ns ? ns : oldest->ns;

		add(s, part, dir, tag, oldest->tag);
		oldest->ns -= part;
		if (!oldest->ns)
			drop_run(s);
		ns -= part;
		if (!ns)
			return;
	}
	s->ahead = dir;
	push_run(s, ns, tag);
}

/* Of what is open: tags that are `value` under `mask` become `to` under `change`. */
static inline void retag(struct share *s, enum tcpstat_dir dir, uint8_t mask, uint8_t value, uint8_t change, uint8_t to)
{
	struct share_run *r = runs_of(s), *end = s->ahead == dir ? r + s->n_runs : r;
	unsigned shift = dir * SHIFT;

	mask |= OPEN;
	value |= OPEN;
	for (; r < end; r++)
		if ((r->tag & mask) == value)
			r->tag = (uint8_t)((r->tag & ~change) | to);
	for (struct share_kind *k = s->kind + s->n_kinds; k-- > s->kind;)
		if ((k->tags >> shift & mask) == value) {
			k->tags = (uint16_t)((k->tags & ~((unsigned)change << shift)) | (unsigned)to << shift);
			join_kind(s, k);
		}
}

void share_set_mark(struct share *s, enum tcpstat_dir dir, enum share_mark mark)
{
	retag(s, dir, (uint8_t)mark, (uint8_t)mark, (uint8_t)mark, 0);
}

void share_reassign(struct share *s, enum tcpstat_dir dir, enum tcpstat_limit from, enum tcpstat_limit to)
{
	retag(s, dir, OWNER, (uint8_t)from, OWNER, (uint8_t)to);
}

void share_reassign_since(struct share *s, enum tcpstat_dir dir, enum share_mark mark, enum tcpstat_limit from,
	enum tcpstat_limit to)
{
	uint8_t mask = (uint8_t)mark, value = (uint8_t)mark;

	if (from < TCPSTAT_NLIMITS) {
		mask |= OWNER;
		value |= (uint8_t)from;
	}
	retag(s, dir, mask, value, OWNER, (uint8_t)to);
}

void share_settle(struct share *s, enum tcpstat_dir dir)
{
	struct share_run *r = runs_of(s), *end = s->ahead == dir ? r + s->n_runs : r;

	for (; r < end; r++)
		if (r->tag & OPEN) {
			r->tag &= OWNER;
			s->half_ns[dir][r->tag] += r->ns;
		}
	for (struct share_kind *k = s->kind + s->n_kinds; k-- > s->kind;) {
		if (!settle_kind(s, k, dir))
			continue;
		if (k->tags & (OPEN | OPEN << SHIFT))
			join_kind(s, k);
		else
			close_kind(s, k);
	}
}

/* ---------------------------------------------------------------------------------------------------- result */

void share_finish(struct share *s, int64_t last_ns)
{
	for (enum tcpstat_dir dir = TCPSTAT_C2S; dir <= TCPSTAT_S2C; dir++) {
		if (!s->speaks[dir])
			share_pass(s, dir, last_ns, s->tag[dir] & OWNER, 0);
		share_settle(s, dir);
	}
}

void share_of_half(const struct share *s, enum tcpstat_dir dir, double ratio[TCPSTAT_NLIMITS])
{
	const int64_t *ns = s->half_ns[dir];
	int64_t rest = MILLION;
	double sum = 0;
	int most = 0;

	for (int i = 0; i < TCPSTAT_NLIMITS; i++) {
		if (!ns[i])
			continue;
		sum += (double)ns[i];
		if (ns[i] > ns[most])
			most = i;
	}
	/* In millionths, as they are printed, the greatest takes the rest: so do the printed ones sum to 1. */
	for (int i = 0; i < TCPSTAT_NLIMITS; i++) {
		ratio[i] = sum > 0 ? 0 : NAN;
		if (!ns[i] || i == most || !(sum > 0))
			continue;
		int64_t part = (int64_t)((double)ns[i] / sum * MILLION + 0.5);

		rest -= part;
		ratio[i] = (double)part / MILLION;
	}
	if (sum > 0)
		ratio[most] = (double)rest / MILLION;
}

void share_of_both(const struct share *s, int64_t duration_ns, int64_t budget_ns[TCPSTAT_NLIMITS])
{
	int64_t rest = duration_ns;

	for (int i = 0; i < TCPSTAT_NLIMITS; i++) {
		budget_ns[i] = s->ns[i];
		rest -= s->ns[i];
	}
	/* The last ACKs reach their senders when the capture has ended: so much is too much. */
	while (rest < 0) {
		int most = TCPSTAT_LIMIT_APPLICATION_IDLE;

		for (int i = 0; i < TCPSTAT_NLIMITS; i++)
			if (budget_ns[i] > budget_ns[most])
				most = i;
		if (budget_ns[most] <= 0)
			break;
		int64_t less = -rest < budget_ns[most] ? -rest : budget_ns[most];
		budget_ns[most] -= less;
		rest += less;
	}
	budget_ns[TCPSTAT_LIMIT_APPLICATION_IDLE] += rest;
}
