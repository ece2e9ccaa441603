#include "sink/tui/evidence.h"

#include "core/segment.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct view {
	struct evidence *out;
	const struct story *story;
	const struct rows *rows;
	size_t place;
	const struct label *row;
	const struct style *style;
};

static void say(struct view *v, enum tint tint, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(struct view *v, enum tint tint, const char *format, ...)
{
	va_list args;

	if (v->out->n == EVIDENCE_LINES)
		return;
	v->out->line[v->out->n].tint = tint;
	va_start(args, format);
	vsnprintf(v->out->line[v->out->n++].text, EVIDENCE_SIZE, format, args);
	va_end(args);
}

static const char *const who[] = { "client", "server" };

/* --- the header ----------------------------------------------------------------------------------------------- */

static void flags_text(uint16_t flags, char text[64])
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE" };
	size_t len = 0;
	int i;

	*text = '\0';
	for (i = 0; i < 9; i++)
		if (flags & 1u << i)
			len += (size_t)snprintf(text + len, 64 - len, "%s%s", len ? " " : "", names[i]);
	if (!len)
		snprintf(text, 64, "none");
}

static void relative_text(char text[FORMAT_MAX], int64_t relative, uint32_t raw)
{
	if (relative == TCPSTAT_NULL)
		snprintf(text, FORMAT_MAX, "%" PRIu32, raw);
	else
		snprintf(text, FORMAT_MAX, "%" PRId64 " (raw %" PRIu32 ")", relative, raw);
}

static void say_title(struct view *v)
{
	const struct label *l = v->row;
	char when[FORMAT_MAX];

	say(v, TINT_BOLD, "#%" PRIu64 "  %s -> %s  %s", l->frame, who[l->dir & 1], who[!(l->dir & 1)],
		format_time(when, l->ts_ns));
}

static void say_header(struct view *v)
{
	const struct label *l = v->row;
	char flags[64], seq[FORMAT_MAX], ack[FORMAT_MAX] = "-", wnd[FORMAT_MAX];

	flags_text(l->flags, flags);
	relative_text(seq, l->seq_rel, l->seq);
	if (l->flags & TH_ACK)
		relative_text(ack, l->ack_rel, l->ack);
	if (l->wnd_bytes == TCPSTAT_NULL)
		snprintf(wnd, sizeof wnd, "%u, scale unknown", l->wnd);
	else
		snprintf(wnd, sizeof wnd, "%" PRId64 " bytes (%u on the wire)", l->wnd_bytes, l->wnd);
	say(v, TINT_NONE, "flags %s  seq %s  ack %s  payload %" PRIu32 "  window %s", flags, seq, ack, l->len, wnd);
}

static void say_options(struct view *v)
{
	const struct label *l = v->row;
	char text[EVIDENCE_SIZE] = "";
	size_t len = 0;
	unsigned i;

	if (l->has_mss)
		len += (size_t)snprintf(text + len, sizeof text - len, "  mss %u", l->mss);
	if (l->has_wscale)
		len += (size_t)snprintf(text + len, sizeof text - len, "  window scale %u", l->wscale);
	if (l->sack_permitted)
		len += (size_t)snprintf(text + len, sizeof text - len, "  SACK permitted");
	if (l->has_ts)
		len += (size_t)snprintf(text + len, sizeof text - len, "  timestamps %" PRIu32 " %" PRIu32, l->ts_val,
			l->ts_ecr);
	for (i = 0; i < l->n_sack; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "  %s +%" PRId32 ":+%" PRId32,
			i == 0 && l->dsack ? "DSACK" : "SACK", (int32_t)(l->sack[i][0] - l->ack),
			(int32_t)(l->sack[i][1] - l->ack));
	if (len)
		say(v, TINT_NONE, "options%s", text);
}

/* --- the verdict ---------------------------------------------------------------------------------------------- */

static const struct label *row_by_frame(const struct view *v, int64_t frame)
{
	size_t i = frame > 0 ? rows_find(v->rows, (uint64_t)frame) : v->rows->n;

	return i < v->rows->n && v->rows->row[i].frame == (uint64_t)frame ? &v->rows->row[i] : NULL;
}

/* The run of duplicate ACKs of the receiver before the row: its length, and the frames of the first and last. */
static uint32_t dup_acks_before(const struct view *v, uint64_t *first, uint64_t *last)
{
	size_t i;
	uint32_t n = 0;

	for (i = v->place; i-- > 0;) {
		const struct label *l = &v->rows->row[i];

		if (!l->segment || l->dir == v->row->dir || !(l->flags & TH_ACK))
			continue;
		if (!l->dup_ack)
			break;
		*last = n ? *last : l->frame;
		n = n ? n : l->dup_ack;
		*first = l->frame;
		if (l->dup_ack == 1)
			break;
	}
	return n;
}

static void say_timer(struct view *v, const char *what)
{
	const struct story_sample *s = story_sample_at(v->story, v->row->frame, v->row->dir & 1, true);
	char since[FORMAT_MAX], rto[FORMAT_MAX], srtt[FORMAT_MAX];

	if (v->row->since_ns == TCPSTAT_NULL) {
		say(v, TINT_RED, "cause: %s", what);
		return;
	}
	say(v, TINT_RED, "cause: %s: nothing acknowledged it for %s%s", what, format_duration(since, v->style,
		v->row->since_ns), v->row->backoff > 1 ? "; the timer had doubled" : "");
	if (s && s->rtt.rto_ns != TCPSTAT_NULL)
		say(v, TINT_NONE, "evidence: retransmission timeout %s then, smoothed RTT %s%s",
			format_duration(rto, v->style, s->rtt.rto_ns), format_duration(srtt, v->style,
				s->rtt.srtt_ns),
			v->row->backoff > 1 ? " (before backing off)" : "");
}

static void say_cause(struct view *v)
{
	const struct label *l = v->row;
	uint64_t first = 0, last = 0;
	uint32_t dup_acks = dup_acks_before(v, &first, &last);

	switch ((enum tcpstat_cause)l->cause) {
	case TCPSTAT_CAUSE_FAST:
		say(v, TINT_RED, "cause: fast retransmit: the receiver reported a hole");
		if (dup_acks == 1)
			say(v, TINT_NONE, "evidence: a duplicate ACK, packet %" PRIu64, first);
		else if (dup_acks)
			say(v, TINT_NONE, "evidence: %" PRIu32 " duplicate ACKs, packets %" PRIu64 " to %" PRIu64,
				dup_acks,
				first, last);
		break;
	case TCPSTAT_CAUSE_RECOVERY:
		say(v, TINT_RED, "cause: sent again during a recovery that was under way");
		if (dup_acks)
			say(v, TINT_NONE, "evidence: duplicate ACK no. %" PRIu32 " had just come, packet %" PRIu64,
				dup_acks, last);
		break;
	case TCPSTAT_CAUSE_GO_BACK_N: say(v, TINT_RED,
		"cause: sent again after a timeout of an earlier segment"); break;
	case TCPSTAT_CAUSE_TLP:
		say_timer(v, "tail loss probe (RFC 8985): the sender asks whether the last segment arrived");
		break;
	case TCPSTAT_CAUSE_LOST_RETRANSMISSION: say(v, TINT_RED, "cause: the retransmission was lost as well"); break;
	case TCPSTAT_CAUSE_RTO: say_timer(v, "retransmission timeout"); break;
	case TCPSTAT_CAUSE_SYN: say_timer(v, "the SYN was not answered"); break;
	case TCPSTAT_CAUSE_SYNACK: say_timer(v, "the SYN,ACK was not answered"); break;
	case TCPSTAT_CAUSE_FIN: say_timer(v, "the FIN was not acknowledged"); break;
	default: say(v, TINT_RED, "cause: not known"); break;
	}
}

static void say_original(struct view *v)
{
	const struct label *l = v->row, *original = row_by_frame(v, l->original_frame);
	char before[FORMAT_MAX], where[64] = "";

	if (l->lost == TCPSTAT_LOST_BEFORE_CAPTURE)
		snprintf(where, sizeof where, "lost before the capture point");
	else if (l->lost == TCPSTAT_LOST_AFTER_CAPTURE)
		snprintf(where, sizeof where, "lost after the capture point");
	if (original)
		say(v, TINT_NONE, "first copy: packet %" PRId64 ", %s before%s%s", l->original_frame,
			format_duration(before, v->style, l->ts_ns - original->ts_ns), *where ? "; " : "", where);
	else if (l->original_frame > 0)
		say(v, TINT_NONE, "first copy: packet %" PRId64 "%s%s", l->original_frame, *where ? "; " : "", where);
	else
		say(v, TINT_NONE, "first copy: not in the capture%s%s", *where ? "; " : "", where);
	if (l->spurious == 1)
		say(v, TINT_YELLOW, "needless: the first copy had arrived");
}

static void say_verdict(struct view *v)
{
	const struct label *l = v->row;
	char late[FORMAT_MAX];

	switch ((enum label_verdict)l->verdict) {
	case LABEL_NEW: break;
	case LABEL_RETRANSMISSION:
		say_cause(v);
		say_original(v);
		break;
	case LABEL_OUT_OF_ORDER:
		say(v, TINT_YELLOW, "out of order: later data had overtaken it%s%s",
			l->since_ns == TCPSTAT_NULL ? "" : ", by ",
			l->since_ns == TCPSTAT_NULL ? "" : format_duration(late, v->style, l->since_ns));
		break;
	case LABEL_DUPLICATE:
		say(v, TINT_YELLOW, "duplicate of packet %" PRId64 ": %s", l->original_frame,
			l->where == TCPSTAT_DUPLICATE_CAPTURE ? "captured twice" : "the network delivered it twice");
		break;
	}
	if (l->dup_ack)
		say(v, TINT_YELLOW, "duplicate ACK no. %" PRIu32 ": the %s has still not got byte %" PRId64,
			l->dup_ack,
			who[l->dir & 1], l->ack_rel == TCPSTAT_NULL ? (int64_t)l->ack : l->ack_rel);
}

static void say_window(struct view *v)
{
	static const char *const texts[] = {
		[TCPSTAT_WINDOW_ZERO] = "zero window: its buffer is full, the peer must stop",
		[TCPSTAT_WINDOW_UPDATE] = "window update: the peer may go on",
		[TCPSTAT_WINDOW_FULL] = "window full: no more fits into the window that the peer offers",
		[TCPSTAT_WINDOW_SHRINK] = "window shrunk: it takes back what it had offered",
		[TCPSTAT_WINDOW_PROBE] = "window probe: is the window still closed?",
		[TCPSTAT_WINDOW_PROBE_ACK] = "answer to a window probe",
	};

	if (v->row->window && v->row->window <= sizeof texts / sizeof *texts)
		say(v, TINT_MAGENTA, "%s", texts[v->row->window - 1]);
	if (v->row->keepalive_what - 1 == TCPSTAT_KEEPALIVE_PROBE)
		say(v, TINT_MAGENTA, "keepalive no. %" PRIu32 ": is the peer still there?", v->row->keepalive);
	else if (v->row->keepalive_what)
		say(v, TINT_MAGENTA, "answer to a keepalive");
}

/* --- the sender then ------------------------------------------------------------------------------------------ */

static void say_sender(struct view *v)
{
	unsigned dir = v->row->dir & 1;
	const struct story_sample *s = story_sample_at(v->story, v->row->frame, dir, false),
		*rtt = story_sample_at(v->story, v->row->frame, dir, true);
	char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX];

	if (s)
		say(v, TINT_DIM,
			"%s as sender: in flight %s  receiver's window %s  congestion window %s (inferred)", who[dir],
			format_bytes(a, s->sender.flight), format_bytes(b, s->sender.rwnd), format_bytes(c,
				s->sender.cwnd));
	if (rtt)
		say(v, TINT_DIM, "%s as sender: smoothed RTT %s  RTO %s  last sample %s", who[dir],
			format_duration(a, v->style, rtt->rtt.srtt_ns), format_duration(b, v->style, rtt->rtt.rto_ns),
			format_duration(c, v->style, rtt->rtt.sample_ns));
}

/* What the receiver still lacks, between what it has acknowledged and what it reports. */
static void say_holes(struct view *v)
{
	const struct label *l = v->row;
	char text[EVIDENCE_SIZE] = "";
	int32_t from = 0, begin[4], end[4];
	size_t len = 0;
	int n = 0, i, k;

	for (i = 0; i < l->n_sack; i++) {
		int32_t first = (int32_t)(l->sack[i][0] - l->ack), last = (int32_t)(l->sack[i][1] - l->ack);

		if ((i == 0 && l->dsack) || first < 0 || last <= first)
			continue;
		for (k = n++; k > 0 && begin[k - 1] > first; k--) {
			begin[k] = begin[k - 1];
			end[k] = end[k - 1];
		}
		begin[k] = first;
		end[k] = last;
	}
	for (i = 0; i < n; i++) {
		int64_t base = l->ack_rel == TCPSTAT_NULL ? (int64_t)l->ack : l->ack_rel;

		if (begin[i] > from)
			len += (size_t)snprintf(text + len, sizeof text - len,
				"  %" PRId64 ":%" PRId64 " (%" PRId32 ")",
				base + from, base + begin[i], begin[i] - from);
		from = end[i] > from ? end[i] : from;
	}
	if (len)
		say(v, TINT_YELLOW, "missing%s", text);
}

static void say_finding(struct view *v, const struct findings_item *item)
{
	if (item && item->title)
		say(v, item->severity >= TCPSTAT_SEVERITY_PROBLEM ? TINT_RED : item->severity ? TINT_YELLOW : TINT_NONE,
			"%s: %s (%s)", tcpstat_severity_name(item->severity), item->title, item->id);
}

void evidence_of(struct evidence *out, const struct flow *f)
{
	const struct story *story = f->story;
	const struct style *style = &f->style;
	struct view v = { .out = out, .story = story, .rows = &story->rows, .place = f->cursor, .style = style };
	struct label_context context;
	char text[EVIDENCE_SIZE];

	out->n = 0;
	if (f->cursor >= story->rows.n)
		return;
	v.row = &story->rows.row[f->cursor];
	if (v.row->note) {
		label_context_init(&context);
		label_text(v.row, style, &context, true, text, sizeof text);
		say(&v, TINT_BOLD, "%s", text);
		return;
	}
	say_title(&v);
	say_verdict(&v);
	say_holes(&v);
	say_window(&v);
	say_header(&v);
	say_options(&v);
	say_sender(&v);
	say_finding(&v, findings_on(f->findings, story->conn, v.row->frame));
}
