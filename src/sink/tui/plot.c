#include "sink/tui/plot.h"
#include "sink/tui/graph.h"

#include "core/segment.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { AXIS = 12, LEGEND = 1, PIXELS_MAX = 4096, BEFORE_WORDS = 44 };

/* What is drawn, and the scales: times and values to dots. */
struct area {
	struct graph graph;
	int64_t from_ns, to_ns;         /* shown */
	double low, high;               /* values shown */
	bool any, log;                  /* log: logarithms of values */
};

void plot_init(struct plot *p)
{
	*p = (struct plot){ .kind = PLOT_SEQUENCE, .zoom = 1, .center = 0.5 };
}

void plot_restart(struct plot *p)
{
	p->zoom = 1;
	p->center = 0.5;
}

static void span(const struct flow *f, int64_t *first, int64_t *last)
{
	const struct rows *r = &f->story->rows;

	*first = r->n ? r->row[0].ts_ns : 0;
	*last = r->n ? r->row[r->n - 1].ts_ns : 0;
	if (*last <= *first)
		*last = *first + 1000;
}

static void clamp(struct plot *p)
{
	double half = 0.5 / p->zoom;

	p->center = p->center < half ? half : p->center > 1 - half ? 1 - half : p->center;
}

static double cursor_share(const struct flow *f)
{
	const struct label *l = flow_row(f);
	int64_t first, last;

	span(f, &first, &last);
	return l ? (double)(l->ts_ns - first) / (double)(last - first) : 0.5;
}

void plot_zoom(struct plot *p, const struct flow *f, double factor)
{
	if (factor <= 0) {
		p->zoom = 1;
	} else if (p->zoom * factor <= 1e6) {
		p->zoom = p->zoom * factor < 1 ? 1 : p->zoom * factor;
		p->center = cursor_share(f);
	}
	clamp(p);
}

void plot_pan(struct plot *p, double share)
{
	p->center += share / p->zoom;
	clamp(p);
}

void plot_show_cursor(struct plot *p, const struct flow *f)
{
	double at = cursor_share(f), half = 0.5 / p->zoom;

	if (at < p->center - half || at > p->center + half)
		p->center = at;
	clamp(p);
}

/* --- scales --------------------------------------------------------------------------------------------------- */

static int64_t x_of(const struct area *a, int64_t ts_ns)
{
	double width = 2.0 * a->graph.columns - 1;
	double x = ((double)(ts_ns - a->from_ns)) / (double)(a->to_ns - a->from_ns) * width;

	return x < -2 ? -2 : x > 3 * width ? (int64_t)(3 * width) : (int64_t)(x + 0.5);
}

static int64_t y_of(const struct area *a, double value)
{
	double height = 4.0 * a->graph.rows - 1, y;

	if (a->log)
		value = log10(value > 1 ? value : 1);
	y = a->high > a->low ? (value - a->low) / (a->high - a->low) * height : 0;
	return y < -2 ? -2 : y > 3 * height ? (int64_t)(3 * height) : (int64_t)(y + 0.5);
}

static bool is_in(const struct area *a, int64_t ts_ns)
{
	return ts_ns >= a->from_ns && ts_ns <= a->to_ns;
}

static void stretch(struct area *a, double value)
{
	if (!a->any || value < a->low)
		a->low = value;
	if (!a->any || value > a->high)
		a->high = value;
	a->any = true;
}

/* A little air above, and none below 0. */
static void settle(struct area *a, bool from_zero)
{
	if (!a->any)
		a->low = a->high = 0;
	if (from_zero)
		a->low = 0;
	if (a->high <= a->low)
		a->high = a->low + 1;
	a->high += (a->high - a->low) * 0.05;
}

/* Where the greatest value is far above the least, both are to be read. */
static void settle_log(struct area *a)
{
	enum { FAR = 4 };

	a->log = a->any && a->low > 0 && a->high > FAR * a->low;
	if (!a->log) {
		settle(a, true);
		return;
	}
	a->low = log10(a->low) - 0.1;
	a->high = log10(a->high) + 0.1;
}

/* --- the kinds ------------------------------------------------------------------------------------------- */

static enum tint segment_tint(const struct label *l)
{
	return l->verdict == LABEL_RETRANSMISSION ? TINT_RED : l->verdict != LABEL_NEW ? TINT_YELLOW : TINT_NONE;
}

static int64_t ack_of(const struct label *l)
{
	return (l->flags & TH_ACK) && l->ack_rel != TCPSTAT_NULL ? l->ack_rel : -1;
}

/* Segments as dots at their first byte: after Stevens. */
static void draw_stevens(const struct plot *p, const struct flow *f, struct area *a)
{
	const struct rows *r = &f->story->rows;
	size_t i;
	int pass;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < r->n; i++) {
			const struct label *l = &r->row[i];

			if (!l->segment || !is_in(a, l->ts_ns) || l->dir != p->dir || l->seq_rel == TCPSTAT_NULL ||
			    !l->len)
				continue;
			if (!pass)
				stretch(a, (double)l->seq_rel);
			else
				graph_dot(&a->graph, x_of(a, l->ts_ns), y_of(a, (double)l->seq_rel), segment_tint(l));
		}
		if (!pass)
			settle(a, false);
	}
}

/* Segments as bars from their first to their last byte, acknowledgments and the end of the window as steps: after
 * tcptrace. */
static void draw_sequence(const struct plot *p, const struct flow *f, struct area *a)
{
	const struct rows *r = &f->story->rows;
	int64_t ack = -1, ack_x = 0, window = -1;
	size_t i;
	unsigned k;

	for (i = 0; i < r->n; i++) {
		const struct label *l = &r->row[i];

		if (l->segment && is_in(a, l->ts_ns) && l->dir == p->dir && l->seq_rel != TCPSTAT_NULL && l->len) {
			stretch(a, (double)l->seq_rel);
			stretch(a, (double)(l->seq_rel + l->len));
		} else if (l->segment && is_in(a, l->ts_ns) && l->dir != p->dir && ack_of(l) >= 0) {
			stretch(a, (double)ack_of(l));
		}
	}
	settle(a, false);
	for (i = 0; i < r->n; i++) {
		const struct label *l = &r->row[i];
		int64_t x = x_of(a, l->ts_ns), y;

		if (!l->segment || l->ts_ns > a->to_ns)
			continue;
		if (l->dir != p->dir && ack_of(l) >= 0) {
			y = y_of(a, (double)ack_of(l));
			if (ack >= 0 && x >= 0) {
				graph_line(&a->graph, ack_x, y_of(a, (double)ack), x, y_of(a, (double)ack),
					TINT_GREEN);
				graph_line(&a->graph, x, y_of(a, (double)ack), x, y, TINT_GREEN);
			}
			if (window >= 0 && x >= 0)
				graph_line(&a->graph, ack_x, y_of(a, (double)window), x, y_of(a, (double)window),
					TINT_DIM);
			ack = ack_of(l);
			ack_x = x;
			window = l->wnd_bytes != TCPSTAT_NULL ? ack + l->wnd_bytes : -1;
			for (k = 0; k < l->n_sack && x >= 0; k++)
				graph_line(&a->graph, x, y_of(a, (double)(ack + (int32_t)(l->sack[k][0] - l->ack))),
					x,
					y_of(a, (double)(ack + (int32_t)(l->sack[k][1] - l->ack))), TINT_MAGENTA);
		} else if (l->dir == p->dir && l->len && l->seq_rel != TCPSTAT_NULL && x >= 0) {
			graph_line(&a->graph, x, y_of(a, (double)l->seq_rel), x, y_of(a, (double)(l->seq_rel +
				l->len)), segment_tint(l));
		}
	}
}

static void join(struct area *a, int64_t before[2], int64_t ts_ns, int64_t value, enum tint tint)
{
	int64_t x, y;

	if (value == TCPSTAT_NULL)
		return;
	x = x_of(a, ts_ns);
	y = y_of(a, (double)value);
	if (before[0] >= -1) {
		graph_line(&a->graph, before[0], before[1], x, before[1], tint);
		graph_line(&a->graph, x, before[1], x, y, tint);
	} else {
		graph_dot(&a->graph, x, y, tint);
	}
	before[0] = x;
	before[1] = y;
}

static void draw_rtt(const struct plot *p, const struct flow *f, struct area *a)
{
	const struct story *s = f->story;
	int64_t srtt[2] = { -2, 0 }, rto[2] = { -2, 0 };
	size_t i;
	int pass;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < s->n_samples; i++) {
			const struct story_sample *m = &s->sample[i];

			if (!m->is_rtt || m->dir != p->dir || !is_in(a, m->ts_ns))
				continue;
			if (!pass) {
				stretch(a, (double)m->rtt.sample_ns);
				if (m->rtt.rto_ns != TCPSTAT_NULL)
					stretch(a, (double)m->rtt.rto_ns);
				continue;
			}
			join(a, rto, m->ts_ns, m->rtt.rto_ns, TINT_YELLOW);
			join(a, srtt, m->ts_ns, m->rtt.srtt_ns, TINT_GREEN);
			graph_dot(&a->graph, x_of(a, m->ts_ns), y_of(a, (double)m->rtt.sample_ns), TINT_CYAN);
		}
		if (!pass)
			settle_log(a);
	}
}

static void draw_window(const struct plot *p, const struct flow *f, struct area *a)
{
	const struct story *s = f->story;
	int64_t flight[2] = { -2, 0 }, rwnd[2] = { -2, 0 }, cwnd[2] = { -2, 0 };
	double offered = 0;
	size_t i;
	int pass;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < s->n_samples; i++) {
			const struct story_sample *m = &s->sample[i];

			if (m->is_rtt || m->dir != p->dir || !is_in(a, m->ts_ns))
				continue;
			if (!pass) {
				if (m->sender.flight != TCPSTAT_NULL)
					stretch(a, (double)m->sender.flight);
				if (m->sender.cwnd != TCPSTAT_NULL)
					stretch(a, (double)m->sender.cwnd);
				if (m->sender.rwnd != TCPSTAT_NULL && (double)m->sender.rwnd > offered)
					offered = (double)m->sender.rwnd;
				continue;
			}
			join(a, rwnd, m->ts_ns, m->sender.rwnd, TINT_YELLOW);
			join(a, cwnd, m->ts_ns, m->sender.cwnd, TINT_MAGENTA);
			join(a, flight, m->ts_ns, m->sender.flight, TINT_CYAN);
		}
		/* The window that the receiver offers may be far above: it is cut then. */
		if (!pass && offered > 0 && (!a->any || offered < 3 * a->high))
			stretch(a, offered);
		if (!pass)
			settle(a, true);
	}
}

/* Payload in each column of dots; retransmitted payload on its own. */
static void draw_throughput(const struct plot *p, const struct flow *f, struct area *a)
{
	static const enum tint tints[2] = { TINT_CYAN, TINT_RED };
	const struct rows *r = &f->story->rows;
	double bytes[2][PIXELS_MAX / 2] = { { 0 } };
	int columns = a->graph.columns < PIXELS_MAX / 2 ? a->graph.columns : PIXELS_MAX / 2, k, x;
	double seconds = (double)(a->to_ns - a->from_ns) / 1e9 / columns;
	size_t i;

	for (i = 0; i < r->n; i++) {
		const struct label *l = &r->row[i];
		int64_t at = x_of(a, l->ts_ns) / 2;

		if (!l->segment || l->dir != p->dir || !is_in(a, l->ts_ns) || at < 0 || at >= columns)
			continue;
		bytes[0][at] += l->len;
		bytes[1][at] += l->verdict == LABEL_RETRANSMISSION ? l->len : 0;
	}
	for (x = 0; x < columns; x++)
		if (bytes[0][x] > 0)
			stretch(a, bytes[0][x] * 8 / seconds);
	settle(a, true);
	for (k = 0; k < 2; k++)
		for (x = 0; x < columns; x++)
			if (bytes[k][x] > 0) {
				int64_t y = y_of(a, bytes[k][x] * 8 / seconds);

				graph_line(&a->graph, 2 * x, 0, 2 * x, y, tints[k]);
				graph_line(&a->graph, 2 * x + 1, 0, 2 * x + 1, y, tints[k]);
			}
}

/* --- around it ------------------------------------------------------------------------------------------------ */

static const struct {
	const char *title;
	struct { const char *text; enum tint tint; } legend[5];
} kinds[PLOT_KINDS] = {
	[PLOT_SEQUENCE] = { "time-sequence", { { "segment", TINT_NONE }, { "retransmitted", TINT_RED },
		{ "acknowledged", TINT_GREEN }, { "SACK", TINT_MAGENTA }, { "window", TINT_DIM } } },
	[PLOT_STEVENS] = { "sequence numbers", { { "segment", TINT_NONE }, { "retransmitted", TINT_RED },
		{ "out of order", TINT_YELLOW } } },
	[PLOT_RTT] = { "round-trip time", { { "sample", TINT_CYAN }, { "smoothed", TINT_GREEN }, { "RTO",
		TINT_YELLOW } } },
	[PLOT_WINDOW] = { "windows", { { "in flight", TINT_CYAN }, { "congestion window (inferred)", TINT_MAGENTA },
		{ "receiver's window", TINT_YELLOW } } },
	[PLOT_THROUGHPUT] = { "throughput", { { "payload", TINT_CYAN }, { "retransmitted", TINT_RED } } },
};

static char *value_text(char buf[FORMAT_MAX], const struct plot *p, const struct style *style, double value)
{
	int64_t n = (int64_t)(value + 0.5);

	switch (p->kind) {
	case PLOT_RTT: return format_duration(buf, style, n);
	case PLOT_WINDOW: return format_bytes(buf, n);
	case PLOT_THROUGHPUT: return format_rate(buf, n);
	default: return format_count(buf, n);
	}
}

/* 1, 2 or 5 times a power of ten: the least that divides the range into no more than `n` parts. */
static double step_of(double range, int n)
{
	double step = pow(10, floor(log10(range / (n > 0 ? n : 1))));
	int i;

	for (i = 0; step * n < range && i < 4; i++)
		step *= i % 3 == 1 ? 2.5 : 2;
	return step;
}

static void tick(const struct plot *p, const struct flow *f, const struct area *a, double value, struct canvas *c,
	int y, int rows, int *last)
{
	int row = rows - 1 - (int)(y_of(a, value) / 4);
	char text[FORMAT_MAX];

	if (row < 0 || row >= rows || (*last >= 0 && *last - row < 2))
		return;
	*last = row;
	canvas_put(c, y + row, AXIS, TINT_DIM, c->utf8 ? 0x2524 : '+');
	canvas_right(c, y + row, 0, AXIS - 1, TINT_DIM, value_text(text, p, &f->style, value));
}

static void draw_values(const struct plot *p, const struct flow *f, const struct area *a, struct canvas *c, int y,
	int rows)
{
	int last = -1, i;
	double step, value;

	for (i = 0; i < rows; i++)
		canvas_put(c, y + i, AXIS, TINT_DIM, c->utf8 ? 0x2502 : '|');
	if (a->log) {
		value = pow(10, floor(a->low));
		for (i = 0; log10(value) < a->high && i < 60; i++) {
			if (log10(value) >= a->low)
				tick(p, f, a, value, c, y, rows, &last);
			value *= i % 3 == 1 ? 2.5 : 2;
		}
		return;
	}
	step = step_of(a->high - a->low, rows / 3 + 1);
	/* What is counted has no halves. */
	step = step < 1 ? 1 : step;
	for (value = ceil(a->low / step) * step, i = 0; value < a->high && i <= rows; value += step, i++)
		tick(p, f, a, value, c, y, rows, &last);
}

/* Seconds since the first packet, with as many decimals as tell one tick from the next. */
static void draw_times(const struct flow *f, const struct area *a, struct canvas *c, int y)
{
	double start = (double)(a->from_ns - f->story->rows.row[0].ts_ns) / 1e9;
	double range = (double)(a->to_ns - a->from_ns) / 1e9;
	double step = step_of(range, a->graph.columns / 14 + 1), at;
	int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9), i, end = 0;

	canvas_put(c, y, AXIS, TINT_DIM, c->utf8 ? 0x2514 : '+');
	for (i = 0; i < a->graph.columns; i++)
		canvas_put(c, y, AXIS + 1 + i, TINT_DIM, c->utf8 ? 0x2500 : '-');
	for (at = ceil(start / step) * step, i = 0; at <= start + range && i <= a->graph.columns; at += step, i++) {
		int x = AXIS + 1 + (int)((at - start) / range * (a->graph.columns - 1));

		canvas_put(c, y, x, TINT_DIM, c->utf8 ? 0x252c : '+');
		if (x >= end && c->width - x > decimals + 5)
			end = x + 1 + canvas_print(c, y + 1, x, c->width - x, TINT_DIM, "%.*f s", decimals, at + 0.0);
	}
}

static void draw_cursor(const struct flow *f, const struct area *a, struct canvas *c, int y, int rows)
{
	const struct label *l = flow_row(f);
	int64_t x = l ? x_of(a, l->ts_ns) / 2 : -1;
	int i;

	if (x < 0 || x >= a->graph.columns)
		return;
	for (i = 0; i < rows; i++) {
		int at = AXIS + 1 + (int)x;

		if (!*c->cell[(y + i) * c->width + at].text)
			canvas_put(c, y + i, at, TINT_BOLD, c->utf8 ? 0x2502 : '|');
		else
			canvas_paint(c, y + i, at, 1, PAINT_REVERSE);
	}
}

static void draw_title(const struct plot *p, struct canvas *c, int y)
{
	char title[64];
	int x, i;

	snprintf(title, sizeof title, "%s, %s", kinds[p->kind].title, p->dir ? "server to client" :
		"client to server");
	x = canvas_text(c, y, 0, c->width, TINT_BOLD, title) + 3;
	for (i = 0; i < 5 && kinds[p->kind].legend[i].text; i++) {
		enum tint tint = kinds[p->kind].legend[i].tint;

		if (x + 2 + (int)strlen(kinds[p->kind].legend[i].text) > c->width)
			break;
		canvas_put(c, y, x, (uint8_t)tint, c->utf8 ? 0x25a0 : '*');
		x += 2 + canvas_text(c, y, x + 2, c->width - x - 2, (uint8_t)tint, kinds[p->kind].legend[i].text) + 2;
	}
}

static void draw_packet(const struct flow *f, struct canvas *c, int y)
{
	const struct label *l = flow_row(f);
	struct label_context context;
	char text[512], time[FORMAT_MAX];

	if (!l)
		return;
	label_context_init(&context);
	label_text(l, &f->style, &context, true, text, sizeof text);
	if ((int)format_columns(text) + BEFORE_WORDS > c->width) {
		label_context_init(&context);
		label_text(l, &f->style, &context, false, text, sizeof text);
	}
	canvas_print(c, y, 0, c->width, (uint8_t)label_tint(l), "#%" PRIu64 "  %s s  %s  %s", l->frame,
		format_seconds(time, l->ts_ns - f->story->rows.row[0].ts_ns),
		l->note ? "" : l->dir ? "server to client" : "client to server", text);
}

/* The direction that carried more, until the user chooses. */
static uint8_t direction(const struct plot *p, const struct flow *f)
{
	const struct rows *r = &f->story->rows;
	uint64_t bytes[2] = { 0 };
	size_t i;

	for (i = 0; !p->has_dir && i < r->n; i++)
		bytes[r->row[i].dir & 1] += r->row[i].len;
	return p->has_dir ? p->dir : bytes[1] > bytes[0];
}

void plot_draw(struct plot *p, const struct flow *f, struct canvas *c, int y, int rows)
{
	struct area a = { .any = false };
	int64_t first, last;
	int height = rows - 2 * LEGEND - 2;

	if (f->story->rows.n && (height < 2 || c->width < AXIS + 10))
		canvas_text(c, y, 0, c->width, TINT_NONE, "no room for a graph");
	if (!f->story->rows.n || height < 2 || c->width < AXIS + 10)
		return;
	p->dir = direction(p, f);
	if (!graph_init(&a.graph, c->width - AXIS - 1, height))
		return;
	span(f, &first, &last);
	a.from_ns = first + (int64_t)((double)(last - first) * (p->center - 0.5 / p->zoom));
	a.to_ns = first + (int64_t)((double)(last - first) * (p->center + 0.5 / p->zoom));
	if (a.to_ns <= a.from_ns)
		a.to_ns = a.from_ns + 1;
	switch (p->kind) {
	case PLOT_STEVENS: draw_stevens(p, f, &a); break;
	case PLOT_RTT: draw_rtt(p, f, &a); break;
	case PLOT_WINDOW: draw_window(p, f, &a); break;
	case PLOT_THROUGHPUT: draw_throughput(p, f, &a); break;
	default: draw_sequence(p, f, &a);
	}
	draw_title(p, c, y);
	graph_draw(&a.graph, c, y + 1, AXIS + 1);
	draw_times(f, &a, c, y + 1 + height);
	if (a.any)
		draw_values(p, f, &a, c, y + 1, height);
	else
		canvas_print(c, y + 1 + height / 2, AXIS + 3, c->width - AXIS - 3, TINT_NONE,
			"nothing to draw here: %s",
			p->kind == PLOT_RTT ? "no round trip was measured" : "no data in this direction");
	draw_cursor(f, &a, c, y + 1, height);
	draw_packet(f, c, y + rows - 1);
	graph_fini(&a.graph);
}
