#include "core/limits.h"

enum { MS = 1000000, OPTIONS_MAX = 40 };

void limits_init(struct limits *l, struct share *share, enum tcpstat_dir dir, int64_t now_ns, bool syn)
{
	*l = (struct limits){ .share = share, .dir = dir, .since_ns = now_ns, .sent_ns = now_ns,
		.progress_ns = now_ns };
	l->owner = l->released = limits_first(syn);
	l->open = 1u << l->owner;
	l->marked = SHARE_PROGRESS;
	share_join(share, dir);
}

/* ---------------------------------------------------------------------------------------------------- accounts */

/* `set`: the marks that are about to be set here. */
static inline void account_before(struct limits *l, int64_t now_ns, uint8_t set)
{
	if (now_ns <= l->since_ns)
		return;
	uint8_t marks = (l->peer_data_ns ? SHARE_PROGRESS | SHARE_PEER_DATA : SHARE_PROGRESS) & ~set;

	share_pass(l->share, l->dir, now_ns, l->owner, marks);
	l->open |= (uint16_t)(1u << l->owner);
	l->marked |= marks;
	l->since_ns = now_ns;
}

static void account(struct limits *l, int64_t now_ns)
{
	account_before(l, now_ns, 0);
}

static void set_mark(struct limits *l, enum share_mark mark)
{
	if (l->marked & mark)
		share_set_mark(l->share, l->dir, mark);
	l->marked &= (uint8_t)~mark;
}

static void settle(struct limits *l)
{
	if (l->open)
		share_settle(l->share, l->dir);
	l->open = l->marked = 0;
}

static bool is_open(const struct limits *l, enum tcpstat_limit owner)
{
	return l->open >> owner & 1;
}

static void reassign(struct limits *l, enum tcpstat_limit from, enum tcpstat_limit to)
{
	if (from == to || !is_open(l, from))
		return;
	share_reassign(l->share, l->dir, from, to);
	l->open = (uint16_t)((l->open & ~(1u << from)) | 1u << to);
}

enum {
	WAITS = 1 << TCPSTAT_LIMIT_RECEIVER_WINDOW | 1 << TCPSTAT_LIMIT_CONGESTION_WINDOW |
		1 << TCPSTAT_LIMIT_SENDER_UNKNOWN
};

/* What waited for an ACK, or so it seemed. */
static void reassign_waits(struct limits *l, enum tcpstat_limit to)
{
	if (!(l->open & WAITS))
		return;
	reassign(l, TCPSTAT_LIMIT_RECEIVER_WINDOW, to);
	reassign(l, TCPSTAT_LIMIT_CONGESTION_WINDOW, to);
	reassign(l, TCPSTAT_LIMIT_SENDER_UNKNOWN, to);
}

static bool is_wait(enum tcpstat_limit owner)
{
	return 1 << owner & WAITS;
}

/* ---------------------------------------------------------------------------------------------------- at rest */

static void note_answer(struct limits *l)
{
	l->peer_data_ns = l->ack_ns = l->since_ns;
	set_mark(l, SHARE_PEER_DATA);
}

/* For what came at rest. */
static void account_rest(struct limits *l)
{
	account_before(l, l->rest_ns, SHARE_PEER_DATA);
	note_answer(l);
	l->rest_ns = 0;
}

/* Something else comes. */
static inline void wake(struct limits *l)
{
	l->rests = false;
	if (l->rest_ns)
		account_rest(l);
}

/* ---------------------------------------------------------------------------------------------------- owners */

static uint64_t room(const struct limits_env *e)
{
	uint64_t edge = e->una + e->wnd;

	return edge > e->nxt ? edge - e->nxt : 0;
}

static bool rwnd_is_full(const struct limits_env *e)
{
	return room(e) < e->mss;
}

static bool cwnd_is_full(const struct limits_env *e)
{
	return e->cwnd && e->in_flight >= e->cwnd;
}

/* Who owns the time from here on, if data waits? */
static inline enum tcpstat_limit owner_of_wait(const struct limits *l, const struct limits_env *e)
{
	uint64_t flight = e->nxt - e->una;

	if (rwnd_is_full(e) && (!cwnd_is_full(e) || e->cwnd_at_least))
		return TCPSTAT_LIMIT_RECEIVER_WINDOW;
	if (!flight)
		return TCPSTAT_LIMIT_APPLICATION_IDLE;
	if (e->ca >= TCPSTAT_CA_RECOVERY)
		return TCPSTAT_LIMIT_RECOVERY;
	if (cwnd_is_full(e))
		return TCPSTAT_LIMIT_CONGESTION_WINDOW;
	/* Stacks hold back what would use less than a third of the window, to send it in one piece; not the first
	 * piece after a pause, which takes all that fits. */
	bool cwnd_is_used = e->cwnd && 3ull * e->in_flight >= 2ull * e->cwnd;

	if (!l->lone && flight / 2 >= e->wnd / 3 &&
	    (!cwnd_is_used || flight / e->mss * e->cwnd > e->wnd / e->mss * e->in_flight))
		return TCPSTAT_LIMIT_RECEIVER_WINDOW;
	return cwnd_is_used ? TCPSTAT_LIMIT_CONGESTION_WINDOW : TCPSTAT_LIMIT_SENDER_UNKNOWN;
}

/* Too short to be sent while another one is unacknowledged (RFC 896); options may have taken some of the MSS. */
static bool is_short(const struct limits_env *e, uint32_t len)
{
	return len + OPTIONS_MAX < e->mss;
}

/* As much as fits, though the path may take less than the MSS; not what an application writes piece by piece. */
static bool is_bulk(const struct limits_env *e, uint32_t len)
{
	return 2 * (uint64_t)len >= e->mss;
}

static bool has_room(const struct limits_env *e)
{
	return room(e) >= e->mss && room(e) >= e->wnd / 3 && (!e->cwnd || 3ull * e->in_flight <= 2ull * e->cwnd);
}

/* ---------------------------------------------------------------------------------------------------- events */

/* There was room for long and nothing left: nothing waited. */
static void find_idle(struct limits *l, const struct limits_env *e)
{
	if (l->idle || !l->opened_ns || e->now_ns - l->opened_ns <= e->slack_ns)
		return;
	l->idle = true;
	reassign_waits(l, TCPSTAT_LIMIT_APPLICATION_IDLE);
}

void limits_ack(struct limits *l, const struct limits_env *e, uint64_t prior_una, bool progress, bool data)
{
	bool answers = data && e->una == e->nxt;

	wake(l);
	account_before(l, e->now_ns, (progress ? SHARE_PROGRESS : 0) | (answers ? SHARE_PEER_DATA : 0));
	l->flight = e->nxt > e->una;
	if (l->owner == TCPSTAT_LIMIT_HANDSHAKE && e->una > prior_una) {
		settle(l);
		l->owner = TCPSTAT_LIMIT_APPLICATION_IDLE;
		l->sent_ns = l->since_ns;
	}
	find_idle(l, e);
	if (progress) {
		l->progress_ns = l->since_ns;
		set_mark(l, SHARE_PROGRESS);
	}
	if (answers)
		note_answer(l);
	l->acked_small = !data && l->small_end > prior_una && l->small_end <= e->una;
	l->held = e->una > prior_una || e->nxt > e->una || l->owner == TCPSTAT_LIMIT_RECEIVER_WINDOW;
	l->ack_ns = l->since_ns;
	if (l->owner == TCPSTAT_LIMIT_HANDSHAKE)
		return;
	enum tcpstat_limit owner = owner_of_wait(l, e);

	if (l->done || l->idle) {
		if (owner != TCPSTAT_LIMIT_RECOVERY)
			owner = TCPSTAT_LIMIT_APPLICATION_IDLE;
	} else if (owner != TCPSTAT_LIMIT_RECEIVER_WINDOW && owner != TCPSTAT_LIMIT_RECOVERY &&
		   (l->owner == TCPSTAT_LIMIT_RECEIVER_WINDOW || l->owner == TCPSTAT_LIMIT_CONGESTION_WINDOW)) {
		/* Until data leaves, or does not. */
		owner = l->owner;
	}
	if (!l->opened_ns && has_room(e))
		l->opened_ns = l->since_ns;
	l->rests = answers && !progress && e->una == prior_una && owner == l->owner && (l->idle || !l->opened_ns);
	l->owner = owner;
}

/* Not an ACK let it go: the application wrote it now, or the sender paces what it wrote before. */
static void settle_unclocked(struct limits *l, const struct limits_env *e, uint32_t len)
{
	int64_t gap_ns = l->since_ns - l->sent_ns;
	bool paced = is_bulk(e, len) && e->nxt - e->una > 2ull * e->mss && gap_ns <= e->srtt_ns / (e->far ? 2 : 8) &&
		     !l->idle;

	l->released = TCPSTAT_LIMIT_APPLICATION_IDLE;
	if (paced && (e->far || 3ull * e->in_flight >= 2ull * e->cwnd)) {
		/* The pipe is full, whenever exactly the ACKs came. */
		l->released = l->owner;
		return;
	}
	if (paced)
		l->released = TCPSTAT_LIMIT_SENDER_UNKNOWN;
	reassign_waits(l, l->released);
	if (!paced && l->peer_data_ns)
		share_reassign_since(l->share, l->dir, SHARE_PEER_DATA, TCPSTAT_LIMIT_APPLICATION_IDLE,
			TCPSTAT_LIMIT_THINK_TIME);
}

static void settle_nagle(struct limits *l)
{
	reassign_waits(l, TCPSTAT_LIMIT_DELAYED_ACK);
	reassign(l, TCPSTAT_LIMIT_APPLICATION_IDLE, TCPSTAT_LIMIT_DELAYED_ACK);
	l->released = TCPSTAT_LIMIT_DELAYED_ACK;
}

/* An ACK let it go, though both windows had room before: the sender fills a buffer that the ACK emptied (but what is
 * short, or follows data of the peer, is what the application wrote just now). */
static bool fills_buffer(const struct limits *l, const struct limits_env *e, uint32_t len)
{
	return is_bulk(e, len) && (e->nxt - e->una > len || l->peer_data_ns != l->ack_ns) &&
	       l->since_ns - l->ack_ns <= e->slack_ns / 2;
}

static void settle_clocked(struct limits *l, const struct limits_env *e, uint32_t len)
{
	bool windows = is_open(l, TCPSTAT_LIMIT_RECEIVER_WINDOW) || is_open(l, TCPSTAT_LIMIT_RECOVERY) ||
		       (is_open(l, TCPSTAT_LIMIT_CONGESTION_WINDOW) && l->peer_data_ns != l->ack_ns);

	if (windows) {
		l->released = l->owner;
	} else if (fills_buffer(l, e, len)) {
		reassign(l, TCPSTAT_LIMIT_APPLICATION_IDLE, TCPSTAT_LIMIT_SENDER_UNKNOWN);
		l->released = TCPSTAT_LIMIT_SENDER_UNKNOWN;
	} else {
		settle_unclocked(l, e, len);
	}
}

void limits_sent(struct limits *l, const struct limits_env *e, uint32_t len, bool fin)
{
	wake(l);
	bool pause = e->now_ns - l->sent_ns > MS;
	bool burst = e->now_ns - l->sent_ns <= MS && is_wait(l->released);
	bool clocked = l->ack_ns >= l->sent_ns && e->now_ns - l->ack_ns <= e->slack_ns && l->held;
	bool persist = l->owner == TCPSTAT_LIMIT_RECEIVER_WINDOW && len && len < e->mss && e->nxt == e->una + e->wnd;
	bool nagle = clocked && l->acked_small && is_short(e, len) && !l->no_nagle;

	/* Where short segments leave as often as ACKs come, one always follows the other. */
	if (!is_bulk(e, len) && l->small_end == e->nxt - len && e->now_ns - l->sent_ns <= 2 * e->slack_ns)
		clocked = false;
	account(l, e->now_ns);
	l->flight = true;
	if (l->owner == TCPSTAT_LIMIT_HANDSHAKE)
		return;
	if (persist)
		l->released = TCPSTAT_LIMIT_RECEIVER_WINDOW; /* a timer pressed what fits into the rest of the window */
	else if (!len)
		reassign_waits(l, TCPSTAT_LIMIT_APPLICATION_IDLE);
	else if (nagle)
		settle_nagle(l);
	else if (clocked)
		settle_clocked(l, e, len);
	else if (burst)
		reassign_waits(l, l->released);
	else
		settle_unclocked(l, e, len);
	settle(l);
	l->no_nagle |= len && is_short(e, len) && l->small_end > e->una;
	if (len && is_short(e, len))
		l->small_end = e->nxt;
	l->done |= fin;
	l->sent_ns = l->progress_ns = l->since_ns;
	l->opened_ns = l->peer_data_ns = 0;
	l->idle = l->acked_small = l->probed = false;
	l->lone = pause && !e->far;
	l->owner = owner_of_wait(l, e);
	if (l->done && l->owner != TCPSTAT_LIMIT_RECOVERY)
		l->owner = TCPSTAT_LIMIT_APPLICATION_IDLE;
}

void limits_resent(struct limits *l, const struct limits_env *e, bool timer)
{
	wake(l);
	account(l, e->now_ns);
	if (l->owner == TCPSTAT_LIMIT_HANDSHAKE)
		return;
	if (timer && l->owner != TCPSTAT_LIMIT_RECEIVER_WINDOW) {
		share_reassign_since(l->share, l->dir, SHARE_PROGRESS, TCPSTAT_NLIMITS, TCPSTAT_LIMIT_TIMEOUT);
		settle(l);
		l->sent_ns = l->progress_ns = l->since_ns;
		l->opened_ns = 0;
	}
	if (e->ca >= TCPSTAT_CA_DISORDER && e->nxt > e->una)
		l->owner = TCPSTAT_LIMIT_RECOVERY;
}

void limits_probe(struct limits *l, int64_t now_ns)
{
	wake(l);
	account(l, now_ns);
	if (l->owner == TCPSTAT_LIMIT_HANDSHAKE)
		return;
	reassign(l, TCPSTAT_LIMIT_APPLICATION_IDLE, TCPSTAT_LIMIT_RECEIVER_WINDOW);
	settle(l);
	l->sent_ns = l->since_ns;
	l->probed = true;
	l->idle = false;
	l->opened_ns = 0;
	l->owner = TCPSTAT_LIMIT_RECEIVER_WINDOW;
}

void limits_reset(struct limits *l, int64_t now_ns)
{
	wake(l);
	account(l, now_ns);
	if (l->owner == TCPSTAT_LIMIT_HANDSHAKE)
		return;
	l->owner = TCPSTAT_LIMIT_APPLICATION_IDLE;
	l->idle = true;
	l->flight = false;
}

/* ---------------------------------------------------------------------------------------------------- result */

void limits_finish(struct limits *l, int64_t last_ns, int64_t rto_ns)
{
	wake(l);
	account(l, last_ns);
	/* Where there was room nothing waited; nor at a closed window that nobody probed. */
	reassign(l, TCPSTAT_LIMIT_SENDER_UNKNOWN, TCPSTAT_LIMIT_APPLICATION_IDLE);
	if (l->opened_ns)
		reassign_waits(l, TCPSTAT_LIMIT_APPLICATION_IDLE);
	else if (!l->flight && !l->probed && l->since_ns - l->sent_ns > 3 * rto_ns)
		reassign(l, TCPSTAT_LIMIT_RECEIVER_WINDOW, TCPSTAT_LIMIT_APPLICATION_IDLE);
	if (l->flight && l->owner != TCPSTAT_LIMIT_RECEIVER_WINDOW && l->owner != TCPSTAT_LIMIT_HANDSHAKE &&
	    l->since_ns - l->progress_ns > rto_ns)
		share_reassign_since(l->share, l->dir, SHARE_PROGRESS, TCPSTAT_NLIMITS, TCPSTAT_LIMIT_TIMEOUT);
	settle(l);
}
