#include "sink/expert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

/* name, as Wireshark words it, and when it says so */
#define VERDICTS(X) \
	X(KEEPALIVE, "TCP Keep-Alive", "0 or 1 byte, one below the next number") \
	X(KEEPALIVE_ACK, "TCP Keep-Alive ACK", "an ACK that repeats number and window, after a keepalive") \
	X(ZERO_PROBE, "TCP ZeroWindowProbe", "1 byte of new data against a window of 0") \
	X(ZERO_PROBE_ACK, "TCP ZeroWindowProbeAck", "an ACK with a window of 0 again, after a probe") \
	X(ZERO, "TCP ZeroWindow", "the window field is 0") \
	X(FULL, "TCP Window Full", "the data ends where the last window ends") \
	X(UPDATE, "TCP Window Update", "no data, the same ACK, another window") \
	X(LOST, "TCP Previous segment not captured", "begins above the next number") \
	X(ACKED_LOST, "TCP ACKed unseen segment", "acknowledges more than was seen") \
	X(DUP_ACK, "TCP Dup ACK", "no data, the same ACK and the same window") \
	X(SPURIOUS, "TCP Spurious Retransmission", "ends at or below what was acknowledged") \
	X(FAST, "TCP Fast Retransmission", "below the next number, two duplicate ACKs or more, less than 20 ms " \
		"after the last") \
	X(OUT_OF_ORDER, "TCP Out-Of-Order", "below the next number, and sooner than the handshake's round trip " \
		"(or 3 ms) after the newest") \
	X(RETRANSMISSION, "TCP Retransmission", "below the next number")

enum verdict {
#define X(id, name, rule) V_##id,
	VERDICTS(X)
#undef X
	V_N
};

static const char *const names[] = {
#define X(id, name, rule) name,
	VERDICTS(X)
#undef X
};

static const char *const rules[] = {
#define X(id, name, rule) rule,
	VERDICTS(X)
#undef X
};

/* What Wireshark remembers of one direction: raw sequence numbers, 0 none, as there. */
struct half {
	uint32_t next;                  /* number after the highest seen */
	uint32_t ackable;               /* the same of what followed without a hole, or was told to be missing */
	uint32_t ack;                   /* of its last segment */
	uint32_t dup_acks;              /* UNSEEN_ACKED: the other side acknowledged what was not seen */
	int64_t next_ts, ack_ts;        /* when next moved; of its last segment */
	int64_t wnd_bytes;
	uint32_t verdicts;              /* of its last segment */
	uint16_t wnd;
	bool seen;
};

/* Wireshark keeps -1 here, and compares as unsigned: until an ACK moves, it is as good as many duplicates. */
enum { UNSEEN_ACKED = -1 };

struct conn {
	struct half half[2];
	int64_t syn_ts, rtt_ns;         /* rtt_ns: of the handshake; 0 unknown */
	uint64_t cut_frame;             /* the first that held less than its headers say; 0 none */
};

struct expert {
	struct style style;
	uint64_t frame;
	struct conn **conns;            /* by number */
	size_t n_conns;
	bool found, no_memory;
	/* about the packet */
	uint32_t conn, verdicts;
	enum tcpstat_dir dir;
	struct tcpstat_ev_segment segment;
	int64_t since_newest_ns, since_ack_ns, rtt_ns;
	uint32_t dup_acks;
	uint64_t cut_frame;
	/* what tcpstat says of it: the last word counts */
	struct tcpstat_event ours;      /* of retransmission, out of order, duplicate; type EV_SEGMENT: none of them */
	uint32_t windows;               /* a bit for each enum tcpstat_window_what */
	int keepalive;                  /* enum tcpstat_keepalive_what; -1 none */
	uint32_t dup_ack;
};

struct expert *expert_new(const struct style *style, uint64_t frame)
{
	struct expert *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->style = *style;
	e->frame = frame;
	e->ours.type = TCPSTAT_EV_SEGMENT;
	e->keepalive = -1;
	return e;
}

void expert_free(struct expert *e)
{
	size_t i;

	if (!e)
		return;
	for (i = 0; i < e->n_conns; i++)
		free(e->conns[i]);
	free(e->conns);
	free(e);
}

/* ------------------------------------------------------------------------------------------------------- Wireshark */

static struct conn *conn_of(struct expert *e, uint32_t number)
{
	if (number >= e->n_conns) {
		size_t n = e->n_conns ? e->n_conns : 64;

		while (n <= number)
			n *= 2;
		struct conn **conns = realloc(e->conns, n * sizeof *conns);
		if (!conns)
			return NULL;
		memset(conns + e->n_conns, 0, (n - e->n_conns) * sizeof *conns);
		e->conns = conns;
		e->n_conns = n;
	}
	if (!e->conns[number])
		e->conns[number] = calloc(1, sizeof **e->conns);
	return e->conns[number];
}

/* Serial arithmetic, as Wireshark does it. */
static bool above(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static bool is(uint32_t found, enum verdict v)
{
	return found & 1u << v;
}

static uint32_t judge_plain(const struct half *fwd, const struct half *rev, const struct tcpstat_ev_segment *s)
{
	bool quiet = !(s->flags & (SYN | FIN | RST));
	bool repeats = quiet && !s->len && s->seq == fwd->next && s->ack == fwd->ack;
	uint32_t found = 0;

	if (s->len == 1 && s->seq == fwd->next && rev->seen && !rev->wnd)
		return 1u << V_ZERO_PROBE;
	if (quiet && !s->wnd)
		found |= 1u << V_ZERO;
	if (fwd->next && above(s->seq, fwd->next) && !(s->flags & RST))
		found |= 1u << V_LOST;
	if (quiet && s->len <= 1 && s->seq == fwd->next - 1)
		found |= 1u << V_KEEPALIVE;
	if (repeats && s->wnd && s->wnd != fwd->wnd)
		found |= 1u << V_UPDATE;
	if (quiet && s->len && rev->seen && rev->wnd_bytes != TCPSTAT_NULL &&
			s->seq + s->len == rev->ack + (uint32_t)rev->wnd_bytes)
		found |= 1u << V_FULL;
	if (!repeats || s->wnd != fwd->wnd)
		return found;
	if (!s->wnd)
		return is(rev->verdicts, V_ZERO_PROBE) ? found | 1u << V_ZERO_PROBE_ACK : found;
	return found | (is(rev->verdicts, V_KEEPALIVE) ? 1u << V_KEEPALIVE_ACK : 1u << V_DUP_ACK);
}

/* Does it acknowledge what was not seen? Told once of a hole; where nothing above was seen, once until the other side's
 * ACK moves. */
static uint32_t judge_ack(struct half *rev, const struct tcpstat_ev_segment *s)
{
	if (!(s->flags & ACK) || !rev->ackable || !above(s->ack, rev->ackable))
		return 0;
	if (above(rev->next, rev->ackable)) {
		rev->ackable = rev->next;
		return 1u << V_ACKED_LOST;
	}
	bool told = rev->dup_acks;

	rev->dup_acks = (uint32_t)UNSEEN_ACKED;
	return told ? 0 : 1u << V_ACKED_LOST;
}

static uint32_t judge_again(const struct conn *c, const struct half *fwd, const struct half *rev,
	const struct tcpstat_ev_segment *s, int64_t ts, uint32_t found)
{
	int64_t soon = c->rtt_ns ? c->rtt_ns : 3 * NS_PER_MS;
	uint32_t end = s->seq + s->len;
	bool below = fwd->next && above(fwd->next, s->seq) && !(s->len > 1 && s->seq == fwd->next - 1);

	if (!(s->len || s->flags & (SYN | FIN)) || is(found, V_KEEPALIVE))
		return 0;
	if (s->len && rev->ack && !above(end, rev->ack))
		return 1u << V_SPURIOUS;
	if (!below)
		return 0;
	if (rev->dup_acks >= 2 && rev->ack == s->seq && ts - rev->ack_ts < 20 * NS_PER_MS)
		return 1u << V_FAST;
	if (ts - fwd->next_ts < soon && end + !!(s->flags & (SYN | FIN)) != fwd->next)
		return 1u << V_OUT_OF_ORDER;
	return 1u << V_RETRANSMISSION;
}

static void remember(struct conn *c, const struct tcpstat_event *ev, uint32_t found)
{
	const struct tcpstat_ev_segment *s = &ev->segment;
	struct half *fwd = &c->half[ev->dir];
	uint32_t end = s->seq + s->len + !!(s->flags & (SYN | FIN));
	bool probe = is(found, V_ZERO_PROBE);

	if ((s->flags & (SYN | ACK)) == SYN)
		c->syn_ts = ev->ts_ns;
	if (c->syn_ts && !c->rtt_ns && (s->flags & (SYN | ACK)) == ACK && ev->dir == TCPSTAT_C2S)
		c->rtt_ns = ev->ts_ns - c->syn_ts;
	if (!probe && (!fwd->next || above(end, fwd->next))) {
		fwd->next = end;
		fwd->next_ts = ev->ts_ns;
	}
	if (!probe && (!fwd->ackable || s->seq == fwd->ackable))
		fwd->ackable = fwd->next;
	fwd->ack = s->ack;
	fwd->ack_ts = ev->ts_ns;
	fwd->wnd = s->wnd;
	fwd->wnd_bytes = s->wnd_bytes;
	fwd->verdicts = found;
	fwd->seen = true;
}

static void segment(struct expert *e, const struct tcpstat_event *ev)
{
	struct conn *c = conn_of(e, ev->conn);

	if (!c) {
		e->no_memory = true;
		return;
	}
	struct half *fwd = &c->half[ev->dir], *rev = &c->half[!ev->dir];
	uint32_t found = judge_plain(fwd, rev, &ev->segment);

	if (is(found, V_DUP_ACK))
		fwd->dup_acks = fwd->dup_acks == (uint32_t)UNSEEN_ACKED ? 1 : fwd->dup_acks + 1;
	if (ev->segment.ack != fwd->ack)
		fwd->dup_acks = 0;
	if (!c->cut_frame && ev->segment.caplen < ev->segment.len)
		c->cut_frame = ev->frame;
	found |= judge_ack(rev, &ev->segment);
	found |= judge_again(c, fwd, rev, &ev->segment, ev->ts_ns, found);
	if (ev->frame == e->frame) {
		e->found = true;
		e->conn = ev->conn;
		e->dir = ev->dir;
		e->segment = ev->segment;
		e->verdicts = found;
		e->since_newest_ns = fwd->seen ? ev->ts_ns - fwd->next_ts : TCPSTAT_NULL;
		e->since_ack_ns = rev->seen ? ev->ts_ns - rev->ack_ts : TCPSTAT_NULL;
		e->rtt_ns = c->rtt_ns;
		e->dup_acks = rev->dup_acks;
		e->cut_frame = c->cut_frame;
	}
	remember(c, ev, found);
}

void expert_event(struct expert *e, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_SEGMENT && !e->found)
		segment(e, ev);
	if (ev->type == TCPSTAT_EV_CONNECTION && ev->conn < e->n_conns) {
		free(e->conns[ev->conn]);
		e->conns[ev->conn] = NULL;
	}
	if (ev->frame != e->frame)
		return;
	switch (ev->type) {
	case TCPSTAT_EV_RETRANSMISSION: case TCPSTAT_EV_OUT_OF_ORDER: case TCPSTAT_EV_DUPLICATE: e->ours = *ev; break;
	case TCPSTAT_EV_WINDOW: e->windows |= 1u << ev->window.what; break;
	case TCPSTAT_EV_KEEPALIVE: e->keepalive = (int)ev->keepalive.what; break;
	case TCPSTAT_EV_DUP_ACK: e->dup_ack = ev->dup_ack.run; break;
	default: break;
	}
}

/* -------------------------------------------------------------------------------------------------------- the words */

static const char *cause_words(enum tcpstat_cause cause)
{
	static const char *const words[TCPSTAT_NCAUSES] = { "cause unknown", "timer of the SYN", "timer of the SYN-ACK",
		"timer of the FIN", "timeout", "after a timeout", "fast", "in recovery", "tail loss probe",
		"a retransmission that was lost" };

	return words[cause];
}

static void print_wireshark(const struct expert *e)
{
	char ns[FORMAT_MAX];
	FILE *out = e->style.out;
	bool any = false;
	int v;

	for (v = 0; v < V_N; v++) {
		if (!(e->verdicts & 1u << v))
			continue;
		fprintf(out, "%-11s%s: %s\n", any ? "" : "Wireshark", names[v], rules[v]);
		any = true;
		if (v == V_OUT_OF_ORDER && e->rtt_ns)
			fprintf(out, "%-11s(%s after the newest; the handshake took %s)\n", "",
				format_duration(ns, &e->style, e->since_newest_ns),
				format_duration((char[FORMAT_MAX]){ 0 }, &e->style, e->rtt_ns));
	}
	if (!any)
		fprintf(out, "%-11snothing\n", "Wireshark");
	if (e->cut_frame)
		fprintf(out, "%-11s(perhaps: packet %" PRIu64 " holds less than its headers say; unless the snapshot "
			"length cut it,\n%-11sWireshark counts what it holds, and may say otherwise)\n", "",
			e->cut_frame, "");
}

static void print_ours(const struct expert *e)
{
	static const char *const windows[] = { [TCPSTAT_WINDOW_ZERO] = "window closed",
		[TCPSTAT_WINDOW_UPDATE] = "window update", [TCPSTAT_WINDOW_FULL] = "window full",
		[TCPSTAT_WINDOW_SHRINK] = "window shrunk", [TCPSTAT_WINDOW_PROBE] = "probe of a closed window",
		[TCPSTAT_WINDOW_PROBE_ACK] = "answer to a window probe", [TCPSTAT_WINDOW_SILLY] = "silly window" };
	FILE *out = e->style.out;
	char ns[FORMAT_MAX];
	bool any = true;

	fprintf(out, "%-11s", "tcpstat");
	if (e->ours.type == TCPSTAT_EV_RETRANSMISSION) {
		const struct tcpstat_ev_retransmission *r = &e->ours.retransmission;

		fprintf(out, "retransmission (%s)", cause_words(r->cause));
		if (r->backoff > 0)
			fprintf(out, ", timeout %" PRId64 " in a row", r->backoff);
		if (r->spurious == 1)
			fputs(", not needed", out);
		else if (r->lost)
			fprintf(out, ", lost %s the capture point", r->lost == TCPSTAT_LOST_BEFORE_CAPTURE ?
				"before" : "after");
		if (r->original_frame != TCPSTAT_NULL)
			fprintf(out, ", first sent as packet %" PRId64, r->original_frame);
		if (r->after_ns != TCPSTAT_NULL)
			fprintf(out, ", %s before", format_duration(ns, &e->style, r->after_ns));
	} else if (e->ours.type == TCPSTAT_EV_OUT_OF_ORDER) {
		fprintf(out, "sent in order, overtaken on the way by %s",
			format_duration(ns, &e->style, e->ours.out_of_order.late_ns));
	} else if (e->ours.type == TCPSTAT_EV_DUPLICATE) {
		fprintf(out, "the same packet as %" PRId64 ", doubled by the network or the capture",
			e->ours.duplicate.original_frame);
	} else if (e->keepalive >= 0) {
		fputs(e->keepalive == TCPSTAT_KEEPALIVE_PROBE ? "keepalive" : "answer to a keepalive", out);
	} else if (e->dup_ack) {
		fprintf(out, "duplicate ACK, number %" PRIu32 " of its run", e->dup_ack);
	} else if (!e->windows) {
		fputs(e->segment.len ||
			e->segment.flags & (SYN | FIN) ? "new" : e->segment.flags & RST ? "RST" : "ACK", out);
	} else {
		any = false;
	}
	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
		if (e->windows >> i & 1) {
			fprintf(out, "%s%s", any ? ", " : "", windows[i]);
			any = true;
		}
	fputc('\n', out);
}

static bool says(const struct expert *e, enum verdict v)
{
	return e->verdicts & 1u << v;
}

static bool has_seen(const struct expert *e, enum tcpstat_window_what what)
{
	return e->windows >> what & 1;
}

/* Wireshark calls it a repetition; so does tcpstat, or it calls it otherwise. */
static const char *why_again(const struct expert *e)
{
	const struct tcpstat_ev_retransmission *r = &e->ours.retransmission;
	bool timer = r->cause == TCPSTAT_CAUSE_RTO || r->cause == TCPSTAT_CAUSE_TLP ||
		r->cause == TCPSTAT_CAUSE_GO_BACK_N;

	if (e->ours.type == TCPSTAT_EV_DUPLICATE)
		return "it has the IP ID (or the timestamps and SACK blocks) of the other packet: its sender "
			"sent it once";
	if (e->ours.type == TCPSTAT_EV_OUT_OF_ORDER)
		return says(e, V_OUT_OF_ORDER) ? NULL :
			"its IP ID or timestamp is older than that of segments seen before it, or no ACK can "
			"have asked for it yet";
	if (e->ours.type != TCPSTAT_EV_RETRANSMISSION)
		return "it is no repetition for its sender: see the flow graph";
	if (says(e, V_OUT_OF_ORDER))
		return "how soon it comes after the newest says nothing where the path is fast or the capture "
			"near the receiver: "
			"its IP ID, its timestamp, or the ACKs that its sender had received say that it was sent again";
	if (says(e, V_SPURIOUS))
		return r->spurious == 1 ? NULL :
			"the ACK had passed the capture, but had not reached the sender when it sent this, or was lost";
	if (says(e, V_FAST))
		return timer ? "the ACKs that had reached the sender did not ask for it: its timer had run out" : NULL;
	if (timer || r->cause == TCPSTAT_CAUSE_SYN || r->cause == TCPSTAT_CAUSE_SYNACK)
		return "Wireshark does not ask why a segment is sent again: here the time since it was sent is "
			"that of the timer";
	return "Wireshark calls it fast only within 20 ms of the second duplicate ACK or a later one, as "
		"captured; tcpstat counts "
		"from when the sender received what asked for it, SACK included";
}

/* They differ about windows, or about probes and keepalives. */
static const char *why_window(const struct expert *e)
{
	bool keepalive = e->keepalive == TCPSTAT_KEEPALIVE_PROBE, answer = e->keepalive == TCPSTAT_KEEPALIVE_ACK;

	if (says(e, V_KEEPALIVE) != keepalive)
		return "a keepalive lies one below what its receiver has acknowledged, and follows a silence; "
			"Wireshark compares with the highest number sent";
	if (says(e, V_ZERO_PROBE) != (has_seen(e, TCPSTAT_WINDOW_PROBE)))
		return "it is a probe if the last window that its sender had received was 0";
	if (says(e, V_KEEPALIVE_ACK) != answer)
		return "it answers a keepalive if it is the next without data; Wireshark asks whether number, ACK and "
			"window are those of the last";
	if (says(e, V_ZERO_PROBE_ACK) != (has_seen(e, TCPSTAT_WINDOW_PROBE_ACK)))
		return "it answers a probe if it is the next without data; Wireshark asks whether number, ACK and "
			"window are those of the last";
	if (says(e, V_ZERO) && !has_seen(e, TCPSTAT_WINDOW_ZERO))
		return "tcpstat tells the first of an episode, and how long it lasted; to a peer that has finished a "
			"window says nothing";
	if (says(e, V_FULL) != (has_seen(e, TCPSTAT_WINDOW_FULL)))
		return "tcpstat says so of new data and windows of known scale, and passes over the windows of ACKs "
			"that were overtaken";
	if (says(e, V_UPDATE) != (has_seen(e, TCPSTAT_WINDOW_UPDATE)))
		return "an update opens the window further, and is no ACK that was overtaken";
	if (has_seen(e, TCPSTAT_WINDOW_SHRINK))
		return "its right edge moved left (RFC 9293 section 3.8.6), which Wireshark does not look for";
	if (has_seen(e, TCPSTAT_WINDOW_SILLY))
		return "it opens by less than a segment (RFC 9293 section 3.8.6.2.2), which Wireshark does not look "
			"for";
	return NULL;
}

static const char *why(const struct expert *e)
{
	bool again = says(e, V_RETRANSMISSION) || says(e, V_FAST) || says(e, V_OUT_OF_ORDER) || says(e, V_SPURIOUS);

	const char *reason = again ? why_again(e) : NULL;

	if (reason)
		return reason;
	if (!again && e->ours.type == TCPSTAT_EV_RETRANSMISSION)
		return "nothing above it had passed the capture, so that Wireshark takes it for new; it fills a "
			"hole, or repeats what "
			"only its sender had sent before";
	if (!again && e->ours.type == TCPSTAT_EV_DUPLICATE)
		return "Wireshark does not look for copies that carry no data";
	if (says(e, V_KEEPALIVE) && has_seen(e, TCPSTAT_WINDOW_PROBE))
		return "the last window that its sender had received was 0: it probes";
	if (says(e, V_KEEPALIVE_ACK) && has_seen(e, TCPSTAT_WINDOW_PROBE_ACK))
		return "it answers a probe of a closed window";
	if (says(e, V_DUP_ACK) && !e->dup_ack)
		return "RFC 5681 section 2: nothing was outstanding, or it answers a probe, or it is a copy";
	if (!says(e, V_DUP_ACK) && e->dup_ack)
		return "it repeats the greatest ACK while data is outstanding (RFC 5681 section 2), whatever its "
			"number";
	if (says(e, V_LOST))
		return "a hole began here; whether it is loss, reordering, or the capture's shows later: see the "
			"findings";
	if (says(e, V_ACKED_LOST))
		return "the ACK proves that the bytes arrived: the capture missed them (capture-loss)";
	return why_window(e);
}

bool expert_print(const struct expert *e)
{
	static const char *const arrows[] = { "client to server", "server to client" };
	const char *reason;
	FILE *out = e->style.out;

	if (!e->found)
		return false;
	fprintf(out, "Packet %" PRIu64 " of connection %" PRIu32 ", %s", e->frame, e->conn, arrows[e->dir]);
	if (e->segment.seq_rel != TCPSTAT_NULL && e->segment.len)
		fprintf(out, ", %" PRId64 ":%" PRId64 " (%" PRIu32 ")", e->segment.seq_rel,
			e->segment.seq_rel + e->segment.len,
			e->segment.len);
	fputc('\n', out);
	print_wireshark(e);
	print_ours(e);
	reason = why(e);
	if (reason)
		fprintf(out, "%-11s%s\n", "because", reason);
	else
		fprintf(out, "%-11s%s\n", "", e->cut_frame ? "Both mean the same, if Wireshark says that." :
			"Both mean the same.");
	return true;
}
