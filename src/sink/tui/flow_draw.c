#include "sink/tui/evidence.h"
#include "sink/tui/flow.h"

#include "core/segment.h"

#include <inttypes.h>
#include <string.h>

/* From these widths on there is room for the time, the states, bytes in flight, and all that limits them. */
enum { TIMED = 40, STATED = 64, WIDE = 100, WIDEST = 150 };
enum { MAX_TEXT = 512, GUTTER = 13, FIGURE = 9, LEAST_ARROW = 24 };

/* What passing over the rows tells: who has sent and acknowledged how much, and what was said last. */
struct walk {
	struct label_context context;
	uint8_t shown[2];               /* states */
	int64_t sent[2], acked[2], rwnd[2];
};

struct layout {
	int frame, time, side[2], arrow, gutter, bar;
	int x_time, x_left, x_arrow, x_right, x_gutter;
	int64_t start_ns;
};

static void walk_init(struct walk *w)
{
	*w = (struct walk){ .shown = { ROWS_NO_STATE, ROWS_NO_STATE }, .rwnd = { TCPSTAT_NULL, TCPSTAT_NULL } };
	label_context_init(&w->context);
}

static void walk_on(struct walk *w, const struct label *l)
{
	unsigned dir = l->dir & 1;

	label_pass(l, &w->context);
	if (!l->segment)
		return;
	if (l->seq_rel != TCPSTAT_NULL && l->seq_rel + l->len > w->sent[dir])
		w->sent[dir] = l->seq_rel + l->len;
	if ((l->flags & TH_ACK) && l->ack_rel != TCPSTAT_NULL && l->ack_rel > w->acked[!dir])
		w->acked[!dir] = l->ack_rel;
	if (l->wnd_bytes != TCPSTAT_NULL)
		w->rwnd[!dir] = l->wnd_bytes;
}

static void see_states(struct walk *w, const struct label *l, const char *state[2])
{
	int i;

	for (i = 0; i < 2; i++) {
		state[i] = "";
		if (l->state[i] != ROWS_NO_STATE && l->state[i] != w->shown[i]) {
			state[i] = rows_state_name(l->state[i]);
			w->shown[i] = l->state[i];
		}
	}
}

static int digits(uint64_t n)
{
	int len = 1;

	while (n >= 10) {
		n /= 10;
		len++;
	}
	return len;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

static void measure(const struct flow *f, const struct canvas *c, struct layout *y)
{
	const struct rows *r = &f->story->rows;
	const struct label *first = &r->row[0], *last = &r->row[r->n - 1];
	char text[FORMAT_MAX];
	size_t i;
	int side, state = 0;

	y->start_ns = first->ts_ns;
	y->frame = most(4, digits(last->frame));
	y->time = c->width < TIMED ? 0 : most(8, (int)strlen(format_seconds(text, last->ts_ns - first->ts_ns)));
	/* Room for the longest state that occurs; each is in the first rows or the last, or costs little. */
	for (i = 0; i < r->n && c->width >= STATED; i++)
		for (side = 0; side < 2; side++)
			if (!i || r->row[i].state[side] != r->row[i - 1].state[side])
				state = most(state, (int)strlen(rows_state_name(r->row[i].state[side])));
	y->side[0] = y->side[1] = c->width < STATED ? 0 : most(state, 6);
	y->bar = c->width >= WIDEST ? 12 : 5;
	y->gutter = c->width >= WIDEST ? 3 * FIGURE + 1 + y->bar : c->width >= WIDE ? GUTTER : 0;
	y->x_time = y->frame + 2;
	y->x_left = y->x_time + y->time + (y->time ? 2 : 0);
	y->x_arrow = y->x_left + y->side[0] + (y->side[0] ? 2 : 0);
	y->x_gutter = c->width - y->gutter;
	y->x_right = y->x_gutter - y->side[1] - (y->gutter ? 1 : 0);
	y->arrow = most(LEAST_ARROW, y->x_right - 2 - y->x_arrow);
}

/* Bytes in flight against both windows. The bar is as long as the window that limits, or, where there is room, as the
 * greater one, with a mark at the other; when it is full its colour is that of what limits: the receiver's window or
 * the congestion window. */
static void draw_gutter(const struct flow *f, const struct walk *w, const struct label *l, const struct layout *y,
	struct canvas *c, int at)
{
	unsigned dir = (w->sent[1] - w->acked[1] > w->sent[0] - w->acked[0]) ? 1 : 0;
	const struct story_sample *s = story_sample_at(f->story, l->frame, dir, false);
	int64_t flight = w->sent[dir] > w->acked[dir] ? w->sent[dir] - w->acked[dir] : 0, rwnd = w->rwnd[dir];
	int64_t cwnd = s && s->sender.cwnd > 0 ? s->sender.cwnd : TCPSTAT_NULL, limit, whole;
	int x = y->x_gutter, full, mark = -1, i;
	bool by_cwnd = cwnd != TCPSTAT_NULL && (rwnd == TCPSTAT_NULL || cwnd < rwnd);
	char text[FORMAT_MAX];

	if (l->note)
		return;
	limit = whole = by_cwnd ? cwnd : rwnd;
	canvas_right(c, at, x, 7, flight ? TINT_CYAN : TINT_DIM, format_bytes(text, flight));
	x += 8;
	if (y->gutter > GUTTER) {
		canvas_right(c, at, x, FIGURE - 1, TINT_MAGENTA, format_bytes(text, cwnd));
		canvas_right(c, at, x + FIGURE, FIGURE - 1, TINT_YELLOW, format_bytes(text, rwnd));
		x += 2 * FIGURE;
		whole = by_cwnd && rwnd != TCPSTAT_NULL ? rwnd : !by_cwnd && cwnd != TCPSTAT_NULL ? cwnd : limit;
		whole = flight > whole ? flight : whole;
		mark = limit > 0 && whole > limit ? (int)((double)limit * y->bar / (double)whole) : -1;
	}
	if (limit == TCPSTAT_NULL || limit < 0)
		return;
	full = flight >= whole ? (flight ? y->bar : 0) :
		(int)(((double)flight * y->bar + (double)whole - 1) / (double)whole);
	for (i = 0; i < y->bar; i++) {
		uint8_t tint = i >= full ? TINT_DIM : flight < limit ? TINT_CYAN : by_cwnd ? TINT_MAGENTA : TINT_YELLOW;

		if (i == mark)
			canvas_put(c, at, x + i, by_cwnd ? TINT_MAGENTA : TINT_YELLOW, c->utf8 ? 0x2502 : '|');
		else
			canvas_put(c, at, x + i, tint, c->utf8 ? i < full ? 0x2588 : 0x2591 : i < full ? '#' : '.');
	}
}

static void fold_text(const struct flow *f, const struct flow_line *line, char *text, size_t size)
{
	const struct rows *r = &f->story->rows;
	uint64_t data[2] = { 0 }, bytes[2] = { 0 }, acks[2] = { 0 };
	char n[FORMAT_MAX];
	const char *mark = f->style.utf8 ? "\u22ef" : "...";
	size_t i, len;
	int dir;

	for (i = line->row; i < line->row + line->n; i++) {
		dir = r->row[i].dir & 1;
		data[dir] += r->row[i].len > 0;
		bytes[dir] += r->row[i].len;
		acks[dir] += !r->row[i].len;
	}
	len = (size_t)snprintf(text, size, "%s %" PRIu32 " packets:", mark, line->n);
	for (dir = 0; dir < 2; dir++) {
		const char *arrow = f->style.utf8 ? dir ? "\u2190" : "\u2192" : dir ? "<-" : "->";

		if (data[dir] && len < size)
			len += (size_t)snprintf(text + len, size - len, " %s %s", arrow, format_bytes(n,
				(int64_t)bytes[dir]));
		if (acks[dir] && len < size)
			len += (size_t)snprintf(text + len, size - len, " %s %" PRIu64 " ACK%s", arrow, acks[dir],
				format_s((int64_t)acks[dir]));
	}
	if (len < size)
		snprintf(text + len, size - len, " %s", mark);
}

static void draw_time(const struct flow *f, const struct layout *y, size_t row, struct canvas *c, int at)
{
	const struct rows *r = &f->story->rows;
	char text[FORMAT_MAX];
	int64_t from = f->delta ? row ? r->row[row - 1].ts_ns : r->row[row].ts_ns : y->start_ns;

	if (y->time)
		canvas_right(c, at, y->x_time, y->time, 0, format_seconds(text, r->row[row].ts_ns - from));
}

static void draw_arrow(const struct flow *f, const struct layout *y, const struct walk *w, const struct label *l,
	bool has_right, struct canvas *c, int at)
{
	int width = y->arrow, room = has_right ? y->x_right - 1 - y->x_arrow : y->x_gutter - 1 - y->x_arrow;
	struct label_context context = w->context;
	char text[MAX_TEXT], arrow[2 * MAX_TEXT];

	width = width > room ? room : width;
	label_text(l, &f->style, &context, true, text, sizeof text);
	if ((int)format_columns(text) + LABEL_ENDS > width) {
		context = w->context;
		label_text(l, &f->style, &context, false, text, sizeof text);
	}
	if ((int)format_columns(text) + LABEL_ENDS > width)
		width = most(width, room);
	label_arrow(l, &f->style, text, (size_t)width, arrow, sizeof arrow);
	canvas_text(c, at, y->x_arrow, most(room, 0), (uint8_t)label_tint(l), arrow);
	if ((int)format_columns(arrow) <= room || room < 4)
		return;
	/* What had to be cut says so, and still shows its direction. */
	canvas_put(c, at, y->x_arrow + room - 1 - (l->dir == TCPSTAT_C2S), (uint8_t)label_tint(l),
		f->style.utf8 ? 0x2026 : '~');
	if (!l->note && l->dir == TCPSTAT_C2S)
		canvas_put(c, at, y->x_arrow + room - 1, (uint8_t)label_tint(l), f->style.utf8 ? 0x25b6 : '>');
}

/* A mark at packets that a finding rests on; also where they are folded. */
static void draw_finding(const struct flow *f, const struct flow_line *line, int x, struct canvas *c, int at)
{
	const struct rows *r = &f->story->rows;
	const struct findings_item *item = NULL, *one;
	size_t i, k;

	for (i = 0; i < f->findings->n; i++)
		for (k = 0; k < f->findings->item[i].n_frames; k++) {
			uint64_t frame = f->findings->item[i].frame[k];

			one = &f->findings->item[i];
			if (frame >= r->row[line->row].frame && frame <= r->row[line->row + line->n - 1].frame &&
			    (!item || one->severity > item->severity))
				item = one;
		}
	if (item && !r->row[line->row].note)
		canvas_put(c, at, x, (item->severity >= TCPSTAT_SEVERITY_PROBLEM ? TINT_RED : item->severity ?
			TINT_YELLOW : TINT_NONE) | PAINT_STRONG, '!');
}

static void draw_line(const struct flow *f, const struct layout *y, struct walk *w, const struct flow_line *line,
	struct canvas *c, int at)
{
	const struct label *l = &f->story->rows.row[line->row];
	const char *state[2];
	char text[MAX_TEXT];

	see_states(w, l, state);
	if (!l->timer)
		canvas_print(c, at, 0, y->frame, 0, "%*" PRIu64, y->frame, l->frame);
	draw_finding(f, line, y->frame, c, at);
	draw_time(f, y, line->row, c, at);
	if (line->n > 1) {
		fold_text(f, line, text, sizeof text);
		canvas_text(c, at, y->x_arrow, y->x_gutter - y->x_arrow, TINT_DIM, text);
		return;
	}
	canvas_text(c, at, y->x_left, y->side[0], TINT_BOLD, state[0]);
	draw_arrow(f, y, w, l, *state[1], c, at);
	canvas_text(c, at, y->x_right, y->side[1], TINT_BOLD, state[1]);
}

/* Of an address that is too long the port stays in sight. */
static void draw_endpoint(const struct flow *f, int side, struct canvas *c, int at, int x, int room)
{
	char name[300];
	int len;

	format_endpoint(name, sizeof name, &f->style, &f->story->rows.addr[side], f->story->rows.port[side]);
	len = (int)strlen(name);
	if (len <= room) {
		canvas_text(c, at, side ? x + room - len : x, room, 0, name);
	} else if (room > 12) {
		canvas_text(c, at, x, room - 11, 0, name);
		canvas_put(c, at, x + room - 11, 0, f->style.utf8 ? 0x2026 : '~');
		canvas_text(c, at, x + room - 10, 10, 0, name + len - 10);
	}
}

static void draw_titles(const struct flow *f, const struct layout *y, struct canvas *c, int at)
{
	const struct rows *r = &f->story->rows;
	int room;

	canvas_print(c, at, 0, c->width, 0, "%*s", c->width, "");
	canvas_right(c, at, 0, y->frame, 0, "#");
	if (y->time)
		canvas_right(c, at, y->x_time, y->time, 0, f->delta ? "delta" : "time");
	if (f->story->has_record || r->ended) {
		room = (y->x_gutter - y->x_left) / 2;
		draw_endpoint(f, 0, c, at, y->x_left, room - 1);
		draw_endpoint(f, 1, c, at, y->x_left + room, y->x_gutter - 1 - y->x_left - room);
	}
	if (y->gutter > GUTTER)
		canvas_print(c, at, y->x_gutter, y->gutter, 0, "%7s %8s %8s  %s", "flight", "cwnd", "rwnd",
			"of window");
	else if (y->gutter)
		canvas_text(c, at, y->x_gutter, y->gutter, 0, "flight/window");
	canvas_paint(c, at, 0, c->width, PAINT_REVERSE);
}

static void draw_evidence(const struct flow *f, struct canvas *c, int at, int lines)
{
	struct evidence e;
	int i, y;

	for (i = 0; i < c->width; i++)
		canvas_put(c, at, i, TINT_DIM, f->style.utf8 ? 0x2500 : '-');
	evidence_of(&e, f);
	for (i = 0, y = at + 1; i < (int)e.n && y < at + lines; i++)
		y = canvas_words(c, y, at + lines, (uint8_t)e.line[i].tint, "", e.line[i].text);
}

void flow_draw(struct flow *f, struct canvas *c, int y, int rows)
{
	const struct rows *r = &f->story->rows;
	int below = f->no_detail || rows < 14 ? 0 : rows >= 30 ? 10 : 8, lines = rows - 1 - below, i;
	struct layout layout;
	struct walk walk;
	size_t cursor, row = 0;

	flow_update(f);
	if (!r->n || !f->n_lines || lines < 1)
		return;
	measure(f, c, &layout);
	draw_titles(f, &layout, c, y);
	cursor = flow_line_of(f, f->cursor);
	if (cursor < f->top)
		f->top = cursor;
	if (cursor >= f->top + (size_t)lines)
		f->top = cursor - (size_t)lines + 1;
	walk_init(&walk);
	for (i = 0; i < lines && f->top + (size_t)i < f->n_lines; i++) {
		const struct flow_line *line = &f->line[f->top + (size_t)i];
		const char *ignored[2];
		int at = y + 1 + i, x;

		for (; row < line->row; row++) {
			if (rows_is_shown(&r->row[row]))
				see_states(&walk, &r->row[row], ignored);
			walk_on(&walk, &r->row[row]);
		}
		draw_line(f, &layout, &walk, line, c, at);
		for (; row < line->row + line->n; row++)
			walk_on(&walk, &r->row[row]);
		if (layout.gutter)
			draw_gutter(f, &walk, &r->row[row - 1], &layout, c, at);
		if (f->top + (size_t)i != cursor)
			continue;
		for (x = 0; x < c->width; x++)
			if (!*c->cell[at * c->width + x].text)
				canvas_put(c, at, x, 0, ' ');
		canvas_paint(c, at, 0, c->width, PAINT_REVERSE);
	}
	if (below)
		draw_evidence(f, c, y + 1 + lines, below);
}

int64_t flow_at(const struct flow *f, int y0, int y)
{
	int64_t line = (int64_t)f->top + y - y0 - 1;

	return y > y0 && line < (int64_t)f->n_lines ? line : -1;
}
