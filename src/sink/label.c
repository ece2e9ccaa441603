#include "sink/label.h"
#include "core/segment.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct words {
	char *text;
	size_t size, len;
	bool bracket;                   /* inside ( ): commas between words */
	bool full;                      /* there is room for everything */
};

static void say(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *w, const char *format, ...)
{
	const char *between = !w->len ? "" : !w->bracket ? " " : w->text[w->len - 1] == '(' ? "" : ", ";
	va_list args;
	int n;

	n = snprintf(w->text + w->len, w->size - w->len, "%s", between);
	w->len += (size_t)n < w->size - w->len ? (size_t)n : 0;
	va_start(args, format);
	n = vsnprintf(w->text + w->len, w->size - w->len, format, args);
	va_end(args);
	w->len = n < 0 ? w->len : w->len + (size_t)n < w->size ? w->len + (size_t)n : w->size - 1;
}

static void open_bracket(struct words *w)
{
	say(w, "(");
	w->bracket = true;
}

/* Nothing was put into it: take it back. */
static void close_bracket(struct words *w)
{
	w->bracket = false;
	if (w->text[w->len - 1] == '(') {
		w->len -= w->len > 1 ? 2 : 1;
		w->text[w->len] = '\0';
	} else if (w->len + 1 < w->size) {
		w->text[w->len++] = ')';
		w->text[w->len] = '\0';
	}
}

static void say_flags(const struct label *l, struct words *w)
{
	static const struct { uint16_t bit; const char *name; } flags[] = {
		{ TH_SYN, "SYN" }, { TH_FIN, "FIN" }, { TH_RST, "RST" }, { TH_PSH, "PSH" }, { TH_URG, "URG" },
		{ TH_AE, "AE" }, { TH_CWR, "CWR" }, { TH_ECE, "ECE" }, { TH_ACK, "ACK" },
	};
	char text[64] = "";
	bool plain_data = l->len && !(l->flags & (TH_SYN | TH_FIN | TH_RST));
	size_t i, len = 0;

	for (i = 0; i < sizeof flags / sizeof *flags; i++) {
		/* Data without ACK is what would be strange. */
		if (!(l->flags & flags[i].bit) || (flags[i].bit == TH_ACK && plain_data))
			continue;
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? "," : "", flags[i].name);
	}
	if (len)
		say(w, "%s", text);
	else if (!l->flags)
		say(w, "no flags");
}

static int64_t relative(uint32_t raw, uint32_t from_raw, int64_t from_rel)
{
	return from_rel + (int32_t)(raw - from_raw);
}

/* A segment whose sequence number is the point, even without data. */
static bool probes(const struct label *l)
{
	return l->keepalive_what - 1 == TCPSTAT_KEEPALIVE_PROBE || l->window - 1 == TCPSTAT_WINDOW_PROBE;
}

static void say_numbers(const struct label *l, struct words *w, struct label_context *context)
{
	int64_t seq = l->seq_rel == TCPSTAT_NULL ? (int64_t)l->seq : l->seq_rel;
	int64_t ack = l->ack_rel == TCPSTAT_NULL ? (int64_t)l->ack : l->ack_rel;
	unsigned i;

	if (l->len && w->full)
		say(w, "%" PRId64 ":%" PRId64 " (%" PRIu32 ")", seq, seq + l->len, l->len);
	else if (l->len)
		say(w, "%" PRId64 ":%" PRId64, seq, seq + l->len);
	else if ((l->flags & (TH_SYN | TH_FIN | TH_RST)) || probes(l))
		say(w, "seq %" PRId64, seq);
	if ((l->flags & TH_ACK) && !((l->flags & TH_RST) && !l->ack) && (!l->len || ack != context->ack_rel[l->dir]))
		say(w, "ack %" PRId64, ack);
	if (l->flags & TH_ACK)
		context->ack_rel[l->dir] = ack;
	for (i = 0; i < l->n_sack; i++)
		say(w, "%s %" PRId64 ":%" PRId64, i == 0 && l->dsack ? "dsack" : "sack",
			relative(l->sack[i][0], l->ack, ack), relative(l->sack[i][1], l->ack, ack));
}

static void say_options(const struct label *l, const struct style *style, struct words *w)
{
	bool syn = l->flags & TH_SYN;

	if (l->has_mss)
		say(w, "mss %u", l->mss);
	if (l->has_wscale)
		say(w, "ws %u", l->wscale);
	if (l->sack_permitted)
		say(w, "sackOK");
	if (l->has_ts && (style->verbose > 0 || syn))
		style->verbose > 0 ? say(w, "ts %" PRIu32 "/%" PRIu32, l->ts_val, l->ts_ecr) : say(w, "ts");
	if (style->verbose > 0) {
		if (l->wnd_bytes == TCPSTAT_NULL)
			say(w, "win %u (scale unknown)", l->wnd);
		else
			say(w, "win %" PRId64, l->wnd_bytes);
	}
}

static void say_retransmission(const struct label *l, const struct style *style, struct words *w, uint32_t dup_acks)
{
	char time[FORMAT_MAX];

	if (l->cause == TCPSTAT_CAUSE_TLP)
		say(w, "tail loss probe");
	else
		say(w, "retransmission");
	open_bracket(w);
	switch ((enum tcpstat_cause)l->cause) {
	case TCPSTAT_CAUSE_FAST:
		say(w, "fast");
		if (dup_acks)
			say(w, "%" PRIu32 " dup ACK%s", dup_acks, format_s(dup_acks));
		break;
	case TCPSTAT_CAUSE_RECOVERY: say(w, "in recovery"); break;
	case TCPSTAT_CAUSE_GO_BACK_N: say(w, "after timeout"); break;
	case TCPSTAT_CAUSE_LOST_RETRANSMISSION: say(w, "lost again"); break;
	case TCPSTAT_CAUSE_RTO: case TCPSTAT_CAUSE_SYN: case TCPSTAT_CAUSE_SYNACK: case TCPSTAT_CAUSE_FIN:
		say(w, l->backoff > 1 ? "timeout no. %" PRIu32 : "timeout", l->backoff);
		break;
	default: break;
	}
	if (l->since_ns != TCPSTAT_NULL)
		say(w, "after %s", format_duration(time, style, l->since_ns));
	if (l->original_frame != TCPSTAT_NULL && l->original_frame > 0 && w->full)
		say(w, "of #%" PRId64, l->original_frame);
	if (w->full && (l->lost == TCPSTAT_LOST_BEFORE_CAPTURE || l->lost == TCPSTAT_LOST_AFTER_CAPTURE))
		say(w, "lost %s capture", l->lost == TCPSTAT_LOST_BEFORE_CAPTURE ? "before" : "after");
	if (l->spurious == 1)
		say(w, "needless");
	close_bracket(w);
}

static void say_verdict(const struct label *l, const struct style *style, struct words *w, uint32_t dup_acks)
{
	char time[FORMAT_MAX];

	switch ((enum label_verdict)l->verdict) {
	case LABEL_NEW: break;
	case LABEL_RETRANSMISSION: say_retransmission(l, style, w, dup_acks); break;
	case LABEL_OUT_OF_ORDER:
		say(w, "out of order");
		if (l->since_ns != TCPSTAT_NULL)
			say(w, "(%s late)", format_duration(time, style, l->since_ns));
		break;
	case LABEL_DUPLICATE:
		say(w, "duplicate");
		open_bracket(w);
		if (l->original_frame != TCPSTAT_NULL && l->original_frame > 0)
			say(w, "of #%" PRId64, l->original_frame);
		if (l->where == TCPSTAT_DUPLICATE_CAPTURE)
			say(w, "captured twice");
		close_bracket(w);
		break;
	}
}

static void say_window(const struct label *l, struct words *w)
{
	static const char *const names[] = {
		[TCPSTAT_WINDOW_ZERO] = "zero window", [TCPSTAT_WINDOW_UPDATE] = "window update",
		[TCPSTAT_WINDOW_FULL] = "window full", [TCPSTAT_WINDOW_SHRINK] = "window shrunk",
		[TCPSTAT_WINDOW_PROBE] = "window probe", [TCPSTAT_WINDOW_PROBE_ACK] = "answer to window probe",
		[TCPSTAT_WINDOW_SILLY] = "silly window",
	};
	char n[FORMAT_MAX];

	if (!l->window)
		return;
	say(w, "%s", names[l->window - 1]);
	if ((l->window - 1 == TCPSTAT_WINDOW_UPDATE || l->window - 1 == TCPSTAT_WINDOW_SHRINK ||
	     l->window - 1 == TCPSTAT_WINDOW_SILLY) &&
	    l->wnd_bytes != TCPSTAT_NULL && l->wnd_bytes >= 0)
		say(w, "%s", format_count(n, l->wnd_bytes));
}

static void say_icmp(const struct label *l, struct words *w)
{
	say(w, "ICMP type %u code %u", l->icmp[0], l->icmp[1]);
}

static void say_timer(const struct label *l, struct words *w)
{
	char text[FORMAT_MAX];

	say(w, "%s", format_trigger(text, l->trigger));
}

void label_context_init(struct label_context *c)
{
	*c = (struct label_context){ .ack_rel = { TCPSTAT_NULL, TCPSTAT_NULL } };
}

void label_text(const struct label *l, const struct style *style, struct label_context *context, bool full, char *text,
		size_t size)
{
	struct words w = { .text = text, .size = size, .full = full };
	unsigned dir = l->dir & 1;

	*text = '\0';
	if (l->note) {
		l->timer ? say_timer(l, &w) : say_icmp(l, &w);
		return;
	}
	if (l->flags & TH_ACK)
		context->dup_acks[dir] = l->dup_ack ? l->dup_ack : l->len ? context->dup_acks[dir] : 0;
	say_flags(l, &w);
	say_numbers(l, &w, context);
	if (full || l->verdict == LABEL_NEW)
		say_options(l, style, &w);
	say_verdict(l, style, &w, context->dup_acks[!dir]);
	if (l->dup_ack)
		say(&w, "dup ACK #%" PRIu32, l->dup_ack);
	say_window(l, &w);
	if (l->keepalive_what - 1 == TCPSTAT_KEEPALIVE_PROBE)
		say(&w, "keepalive no. %" PRIu32, l->keepalive);
	else if (l->keepalive_what)
		say(&w, "answer to keepalive");
}

void label_pass(const struct label *l, struct label_context *context)
{
	unsigned dir = l->dir & 1;

	if (l->note || !(l->flags & TH_ACK))
		return;
	context->dup_acks[dir] = l->dup_ack ? l->dup_ack : l->len ? context->dup_acks[dir] : 0;
	context->ack_rel[dir] = l->ack_rel == TCPSTAT_NULL ? (int64_t)l->ack : l->ack_rel;
}

/* Appends `n` times; what does not fit is left out whole. */
static size_t repeat(char *buf, size_t size, size_t len, const char *text, size_t n)
{
	size_t step = strlen(text);

	for (; n && len + step < size; n--) {
		memcpy(buf + len, text, step);
		len += step;
	}
	buf[len] = '\0';
	return len;
}

char *label_arrow(const struct label *l, const struct style *style, const char *text, size_t width,
	char *buf, size_t size)
{
	const char *dash = style->utf8 ? "\u2500" : "-", *right = style->utf8 ? "\u25b6" : ">",
		*left = style->utf8 ? "\u25c0" : "<";
	size_t used = format_columns(text) + 4, rest = width > used + 2 ? width - used : 2, len;

	if (l->note) {
		len = repeat(buf, size, 0, " ", 3);
		len = repeat(buf, size, len, text, 1);
		repeat(buf, size, len, " ", rest + 1);
		return buf;
	}
	len = l->dir == TCPSTAT_C2S ? repeat(buf, size, 0, dash, 2)
		: repeat(buf, size, repeat(buf, size, 0, left, 1), dash, 1);
	len = repeat(buf, size, len, " ", 1);
	len = repeat(buf, size, len, text, 1);
	len = repeat(buf, size, len, " ", 1);
	len = repeat(buf, size, len, dash, l->dir == TCPSTAT_C2S ? rest - 1 : rest);
	if (l->dir == TCPSTAT_C2S)
		repeat(buf, size, len, right, 1);
	return buf;
}

enum tint label_tint(const struct label *l)
{
	if (l->note)
		return l->timer ? TINT_DIM : TINT_RED;
	if ((l->flags & TH_RST) || l->verdict == LABEL_RETRANSMISSION)
		return TINT_RED;
	if (l->verdict != LABEL_NEW || l->dup_ack)
		return TINT_YELLOW;
	if (l->window || l->keepalive_what)
		return TINT_MAGENTA;
	return l->flags & (TH_SYN | TH_FIN) ? TINT_CYAN : TINT_NONE;
}
