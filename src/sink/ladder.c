#include "sink/ladder.h"
#include "sink/label.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 512, MAX_ENDPOINT = 300, NO_STATE = 0xff, ENDS = 7 }; /* ENDS: "-- " and " -->" around the words */

struct ladder {
	struct style style;
	uint32_t conn;
	struct label *rows;
	size_t n, max;
	uint64_t unseen;                /* events beyond the last row that could be kept */
	bool no_memory, done;
	struct tcpstat_addr addr[2];
	uint16_t port[2];
};

struct ladder *ladder_new(const struct style *style, uint32_t conn)
{
	struct ladder *l = calloc(1, sizeof *l);

	if (l) {
		l->style = *style;
		l->conn = conn;
	}
	return l;
}

void ladder_free(struct ladder *l)
{
	if (l)
		free(l->rows);
	free(l);
}

bool ladder_done(const struct ladder *l)
{
	return l->done;
}

static struct label *append(struct ladder *l, uint64_t frame, int64_t ts_ns)
{
	size_t max = l->max ? 2 * l->max : 256;
	struct label *rows;

	if (l->n == LADDER_MAX_ROWS)
		return NULL;
	if (l->n == l->max) {
		rows = realloc(l->rows, max * sizeof *rows);
		if (!rows) {
			l->no_memory = true;
			return NULL;
		}
		l->rows = rows;
		l->max = max;
	}
	l->rows[l->n] = (struct label){ .frame = frame, .ts_ns = ts_ns, .spurious = -1, .since_ns = TCPSTAT_NULL,
		.original_frame = TCPSTAT_NULL };
	return &l->rows[l->n++];
}

/* The row of a packet: an older one, the newest, or a new one. Frames never fall from row to row. */
static struct label *row_of(struct ladder *l, const struct tcpstat_event *ev)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->rows[mid].frame < ev->frame)
			low = mid + 1;
		else
			high = mid;
	}
	while (low < l->n && l->rows[low].frame == ev->frame && l->rows[low].note)
		low++;
	if (low < l->n)
		return l->rows[low].frame == ev->frame ? &l->rows[low] : NULL;
	return append(l, ev->frame, ev->ts_ns);
}

static void take_segment(struct label *row, const struct tcpstat_event *ev)
{
	const struct tcpstat_ev_segment *s = &ev->segment;

	row->segment = true;
	row->ts_ns = ev->ts_ns;
	row->dir = ev->dir == TCPSTAT_S2C;
	row->flags = s->flags;
	row->seq = s->seq;
	row->ack = s->ack;
	row->seq_rel = s->seq_rel;
	row->ack_rel = s->ack_rel;
	row->len = s->len;
	row->wnd = s->wnd;
	row->wnd_bytes = s->wnd_bytes;
	memcpy(row->state, s->state, sizeof row->state);
	row->has_mss = s->has_mss;
	row->mss = s->mss;
	row->has_wscale = s->has_wscale;
	row->wscale = s->wscale;
	row->sack_permitted = s->sack_permitted;
	row->has_ts = s->has_ts;
	row->ts_val = s->ts_val;
	row->ts_ecr = s->ts_ecr;
	row->n_sack = s->n_sack < 4 ? s->n_sack : 4;
	memcpy(row->sack, s->sack, sizeof row->sack);
}

/* At most one of the verdicts holds for a packet; the latest does. */
static void take_verdict(struct label *row, const struct tcpstat_event *ev)
{
	row->cause = row->lost = row->where = 0;
	row->backoff = 0;
	row->spurious = -1;
	row->since_ns = row->original_frame = TCPSTAT_NULL;
	if (ev->type == TCPSTAT_EV_RETRANSMISSION) {
		const struct tcpstat_ev_retransmission *e = &ev->retransmission;

		row->verdict = LABEL_RETRANSMISSION;
		row->cause = (uint8_t)e->cause;
		row->backoff = e->backoff > 0 && e->backoff < 1000 ? (uint32_t)e->backoff : 0;
		row->spurious = e->spurious;
		row->lost = (uint8_t)e->lost;
		row->since_ns = e->after_ns;
		row->original_frame = e->original_frame;
	} else if (ev->type == TCPSTAT_EV_OUT_OF_ORDER) {
		row->verdict = LABEL_OUT_OF_ORDER;
		row->since_ns = ev->out_of_order.late_ns;
	} else {
		row->verdict = LABEL_DUPLICATE;
		row->original_frame = ev->duplicate.original_frame;
		row->where = (uint8_t)ev->duplicate.where;
	}
}

/* What comes of no packet of the connection has a line of its own. */
static void add_note(struct ladder *l, const struct tcpstat_event *ev)
{
	uint64_t last = l->n ? l->rows[l->n - 1].frame : 0;
	struct label *row = append(l, ev->frame > last ? ev->frame : last, ev->ts_ns);

	if (!row)
		return;
	row->note = true;
	row->state[0] = row->state[1] = NO_STATE;
	if (ev->type == TCPSTAT_EV_ICMP) {
		row->icmp[0] = ev->icmp.kind;
		row->icmp[1] = ev->icmp.code;
		return;
	}
	row->timer = true;
	row->state[ev->state.endpoint & 1] = ev->state.to;
	snprintf(row->trigger, sizeof row->trigger, "%s", ev->state.trigger ? ev->state.trigger : "timer");
}

static void take(struct label *row, const struct tcpstat_event *ev)
{
	switch (ev->type) {
	case TCPSTAT_EV_SEGMENT: take_segment(row, ev); break;
	case TCPSTAT_EV_RETRANSMISSION:
	case TCPSTAT_EV_OUT_OF_ORDER:
	case TCPSTAT_EV_DUPLICATE: take_verdict(row, ev); break;
	case TCPSTAT_EV_DUP_ACK:
		row->dup_ack = ev->dup_ack.run;
		row->dsack = ev->dup_ack.dsack;
		break;
	case TCPSTAT_EV_WINDOW: row->window = (uint8_t)(ev->window.what + 1); break;
	case TCPSTAT_EV_KEEPALIVE:
		row->keepalive_what = (uint8_t)(ev->keepalive.what + 1);
		row->keepalive = ev->keepalive.count;
		break;
	default: break;
	}
}

void ladder_event(struct ladder *l, const struct tcpstat_event *ev)
{
	struct label *row;

	if (ev->conn != l->conn || l->done)
		return;
	if (ev->type == TCPSTAT_EV_CONNECTION) {
		memcpy(l->addr, ev->connection->addr, sizeof l->addr);
		memcpy(l->port, ev->connection->port, sizeof l->port);
		l->done = true;
	} else if (ev->type == TCPSTAT_EV_STATE || ev->type == TCPSTAT_EV_ICMP) {
		/* States that packets bring stand in their segments. */
		if (ev->type == TCPSTAT_EV_ICMP || !ev->frame)
			add_note(l, ev);
	} else if (ev->frame) {
		row = row_of(l, ev);
		if (row)
			take(row, ev);
		else if (l->n == LADDER_MAX_ROWS && ev->type == TCPSTAT_EV_SEGMENT)
			l->unseen++;
	}
}

/* ------------------------------------------------------------------------------------------------------ the text */

struct layout {
	char name[2][MAX_ENDPOINT];
	size_t frame, time, side[2], arrow;
	int64_t start_ns;
};

static size_t max(size_t a, size_t b)
{
	return a > b ? a : b;
}

static const char *state_name(uint8_t state)
{
	const char *name = state < TCPSTAT_NSTATES ? tcpstat_state_name((enum tcpstat_state)state) : NULL;

	return name ? name : "";
}

static void measure(const struct ladder *l, struct layout *layout)
{
	enum { LEAST = 24, MOST = 80 };  /* MOST: where nothing limits the width, a few long lines may stick out */
	struct label_context context;
	char text[MAX_TEXT];
	size_t i, fixed;
	int side;

	layout->frame = layout->time = 4;
	layout->arrow = LEAST;
	layout->start_ns = l->n ? l->rows[0].ts_ns : 0;
	label_context_init(&context);
	for (side = 0; side < 2; side++) {
		format_endpoint(layout->name[side], MAX_ENDPOINT, &l->style, &l->addr[side], l->port[side]);
		layout->side[side] = strlen(layout->name[side]);
	}
	for (i = 0; i < l->n; i++) {
		const struct label *row = &l->rows[i];

		if (!row->segment && !row->note)
			continue;
		label_text(row, &l->style, &context, true, text, sizeof text);
		layout->arrow = max(layout->arrow, format_columns(text) + ENDS);
		for (side = 0; side < 2; side++)
			layout->side[side] = max(layout->side[side], strlen(state_name(row->state[side])));
		snprintf(text, sizeof text, "%" PRIu64, row->frame);
		layout->frame = max(layout->frame, strlen(text));
		layout->time = max(layout->time, strlen(format_seconds(text, row->ts_ns - layout->start_ns)));
	}
	fixed = layout->frame + 2 + layout->time + 2 + layout->side[0] + 2 + 2 + layout->side[1];
	if (l->style.width && layout->arrow + fixed > l->style.width)
		layout->arrow = l->style.width > fixed + LEAST ? l->style.width - fixed : LEAST;
	else if (!l->style.width && layout->arrow > MOST)
		layout->arrow = MOST;
}

static void repeat(FILE *out, const char *text, size_t n)
{
	while (n--)
		fputs(text, out);
}

/* As wide as the layout says, or as its words need. */
static void print_arrow(const struct ladder *l, const struct label *row, const char *text, size_t width)
{
	const char *dash = l->style.utf8 ? "\u2500" : "-", *right = l->style.utf8 ? "\u25b6" : ">",
		*left = l->style.utf8 ? "\u25c0" : "<";
	size_t used = format_columns(text) + 4, rest = width > used + 2 ? width - used : 2;
	enum tint tint = label_tint(row);
	FILE *out = l->style.out;

	fputs(tint_on(&l->style, tint), out);
	if (row->note)
		fprintf(out, "   %s%*s", text, (int)(rest + 1), "");
	else if (row->dir == TCPSTAT_C2S)
		fprintf(out, "%s%s %s ", dash, dash, text), repeat(out, dash, rest - 1), fputs(right, out);
	else
		fprintf(out, "%s%s %s ", left, dash, text), repeat(out, dash, rest);
	fputs(tint_off(&l->style, tint), out);
}

static void print_row(const struct ladder *l, const struct layout *layout, const struct label *row, const char *text,
		uint8_t shown[2])
{
	const char *state[2] = { "", "" };
	char time[FORMAT_MAX], frame[32] = "";
	FILE *out = l->style.out;
	int i;

	for (i = 0; i < 2; i++) {
		if (row->state[i] != NO_STATE && row->state[i] != shown[i]) {
			state[i] = state_name(row->state[i]);
			shown[i] = row->state[i];
		}
	}
	if (!row->timer)
		snprintf(frame, sizeof frame, "%" PRIu64, row->frame);
	fprintf(out, "%*s  %*s  %s%-*s%s  ", (int)layout->frame, frame, (int)layout->time,
		format_seconds(time, row->ts_ns - layout->start_ns),
		tint_on(&l->style, *state[0] ? TINT_BOLD : TINT_NONE),
		(int)layout->side[0], state[0], tint_off(&l->style, *state[0] ? TINT_BOLD : TINT_NONE));
	print_arrow(l, row, text, layout->arrow);
	if (*state[1])
		fprintf(out, "  %s%s%s", tint_on(&l->style, TINT_BOLD), state[1], tint_off(&l->style, TINT_BOLD));
	fputc('\n', out);
}

bool ladder_print(const struct ladder *l)
{
	struct label_context context, before;
	struct layout layout;
	char text[MAX_TEXT];
	uint8_t shown[2] = { NO_STATE, NO_STATE };
	size_t i;

	if (!l->done)
		return false;
	measure(l, &layout);
	fprintf(l->style.out, "%s%*s  %*s  %-*s  %*s  %s%s\n", tint_on(&l->style, TINT_BOLD), (int)layout.frame, "#",
		(int)layout.time, "time", (int)layout.side[0], layout.name[0], (int)layout.arrow, "", layout.name[1],
		tint_off(&l->style, TINT_BOLD));
	label_context_init(&context);
	for (i = 0; i < l->n; i++) {
		const struct label *row = &l->rows[i];

		if (!row->segment && !row->note)
			continue;
		before = context;
		label_text(row, &l->style, &context, true, text, sizeof text);
		if (format_columns(text) + ENDS > layout.arrow)
			label_text(row, &l->style, &before, false, text, sizeof text);
		print_row(l, &layout, row, text, shown);
	}
	if (l->unseen)
		fprintf(l->style.out, "%" PRIu64 " more packets are not drawn\n", l->unseen);
	if (l->no_memory)
		fputs("The graph is incomplete: out of memory\n", l->style.out);
	return true;
}
