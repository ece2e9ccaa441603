/* The list of connections: what stands in its columns, and the picture. */
#include "sink/rows.h"
#include "sink/standing.h"
#include "sink/tui/column.h"

#include <inttypes.h>
#include <string.h>

const struct list_column list_columns[LIST_COLUMNS] = {
#define COL(title, field, kind, right, drop, least, most) { title, field, KIND_##kind, right, drop, least, most },
#include "sink/tui/columns.def"
#undef COL
};

/* --- cells ---------------------------------------------------------------------------------------------------- */

/* In so many columns; `text` ends after the last that is not blank. */
static void spark_text(const struct list *l, const struct list_row *row, int width, char *text)
{
	static const char *const bars[] = { " ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
		"\u2587", "\u2588" };
	static const char ascii[] = " .:-=+*#@";
	uint64_t most = 1, bytes[LIST_SPARKS] = { 0 };
	int i, last = 0, n = width < LIST_SPARKS ? width : LIST_SPARKS;
	char *to = text;

	for (i = 0; i < LIST_SPARKS; i++)
		bytes[i * n / LIST_SPARKS] += row->spark.bytes[i];
	for (i = 0; i < n; i++) {
		most = bytes[i] > most ? bytes[i] : most;
		last = bytes[i] ? i + 1 : last;
	}
	for (i = 0; i < last; i++) {
		unsigned height = bytes[i] ? 1 + (unsigned)(bytes[i] * 7 / most) : 0;

		to += snprintf(to, 5, "%.*s", l->style.utf8 ? 4 : 1, l->style.utf8 ? bars[height] : &ascii[height]);
	}
	*to = '\0';
}

static void finding_text(const struct list_row *row, char *text)
{
	if (row->findings > 1)
		snprintf(text, LIST_CELL, "%s +%u", row->worst, row->findings - 1u);
	else
		snprintf(text, LIST_CELL, "%s", row->worst ? row->worst : "");
}

static enum tint resent_cell(const struct tcpstat_conn *c, char *text)
{
	double resent = standing_retransmitted(c);
	int64_t syns = c->handshake.syn_retransmissions;
	char small[FORMAT_MAX];

	if (!(resent > 0) && syns > 0)
		snprintf(text, LIST_CELL, "%" PRId64 " SYN", syns);
	else
		snprintf(text, LIST_CELL, "%s", format_share(small, resent));
	return syns > 0 || resent >= 0.01 ? TINT_RED : resent > 0 ? TINT_YELLOW : TINT_NONE;
}

enum tint list_cell(const struct list *l, const struct list_row *row, enum list_kind kind, int width,
	char text[LIST_CELL])
{
	const struct tcpstat_conn *c = &row->conn;
	char small[FORMAT_MAX];
	int side = kind == KIND_SERVER || kind == KIND_DOWN;

	*text = '\0';
	switch (kind) {
	case KIND_NUMBER: snprintf(text, LIST_CELL, "%" PRIu32, row->number); break;
	case KIND_CLIENT: case KIND_SERVER: format_endpoint(text, LIST_CELL, &l->style, &c->addr[side],
		c->port[side]); break;
	case KIND_STATE:
		snprintf(text, LIST_CELL, "%s%s", standing_state(small, c), c->midstream ? " *" : "");
		return standing_tint(c);
	case KIND_CLIENT_STATE: case KIND_SERVER_STATE:
		snprintf(text, LIST_CELL, "%s", rows_state_name((uint8_t)c->close.state[kind == KIND_SERVER_STATE]));
		break;
	case KIND_UP: case KIND_DOWN: snprintf(text, LIST_CELL, "%s", format_bytes(small,
		c->half[side].payload_bytes)); break;
	case KIND_DURATION: snprintf(text, LIST_CELL, "%s", format_duration(small, &l->style, c->duration_ns)); break;
	case KIND_RTT: snprintf(text, LIST_CELL, "%s", format_duration(small, &l->style, standing_rtt(c))); break;
	case KIND_RESENT: return resent_cell(c, text);
	case KIND_SPARK: spark_text(l, row, width, text); return TINT_CYAN;
	case KIND_LIMIT: snprintf(text, LIST_CELL, "%s", standing_limit(small, c)); break;
	case KIND_TROUBLE:
		if (standing_trouble(c))
			snprintf(text, LIST_CELL, "%s", format_duration(small, &l->style, standing_trouble(c)));
		break;
	case KIND_FINDING:
		finding_text(row, text);
		return row->severity >= TCPSTAT_SEVERITY_PROBLEM ? TINT_RED : row->severity > 0 ? TINT_YELLOW :
			TINT_NONE;
	}
	return TINT_NONE;
}

/* --- the picture ---------------------------------------------------------------------------------------------- */

/* A text that is too long for its column: of addresses the port stays. */
static void cut(const struct list *l, enum list_kind kind, int width, char text[LIST_CELL])
{
	const char *mark = l->style.utf8 ? "\u2026" : "~";
	int len = (int)format_columns(text), tail = kind == KIND_CLIENT || kind == KIND_SERVER ? width / 2 : 0;
	char end[LIST_CELL];

	if (len <= width || width < 2 || kind == KIND_SPARK)
		return;
	snprintf(end, sizeof end, "%s", text + len - tail);
	snprintf(text + width - 1 - tail, (size_t)(LIST_CELL - (width - 1 - tail)), "%s%s", mark, end);
}

static int least_width(int i, int width)
{
	return width < list_columns[i].least ? width : list_columns[i].least;
}

/* The columns that have room: all widths; 0: left out. */
static void choose_columns(const struct list *l, int total, int width[LIST_COLUMNS])
{
	int i, sum, least;

	for (;;) {
		for (i = sum = 0, least = -1; i < LIST_COLUMNS; i++) {
			sum += width[i] ? least_width(i, width[i]) + 2 : 0;
			if (width[i] && list_columns[i].drop && i != (int)l->sort &&
			    (least < 0 || list_columns[i].drop > list_columns[least].drop))
				least = i;
		}
		if (sum - 2 <= total || least < 0)
			return;
		width[least] = 0;
	}
}

/* Widths of the columns for the rows that are visible. */
static void measure(const struct list *l, int rows, int total, int width[LIST_COLUMNS])
{
	char text[LIST_CELL];
	int i, columns_n, sum;
	uint32_t row;

	for (i = 0; i < LIST_COLUMNS; i++) {
		width[i] = (int)strlen(list_columns[i].title) + (i == (int)l->sort);
		for (row = l->top; row < l->n_shown && row < l->top + (uint32_t)rows; row++) {
			list_cell(l, l->row[l->shown[row]], list_columns[i].kind, LIST_SPARKS, text);
			columns_n = (int)format_columns(text);
			width[i] = columns_n > width[i] ? columns_n : width[i];
		}
		width[i] = width[i] > list_columns[i].most ? list_columns[i].most : width[i];
		if (list_columns[i].kind == KIND_SPARK)
			width[i] = LIST_SPARKS;
	}
	choose_columns(l, total, width);
	/* What can be cut gives, the widest first. */
	for (;;) {
		int widest = -1;

		for (i = sum = 0; i < LIST_COLUMNS; i++) {
			sum += width[i] ? width[i] + 2 : 0;
			if (width[i] > least_width(i, width[i]) && (widest < 0 || list_columns[i].kind == KIND_SPARK ||
				(width[i] > width[widest] && list_columns[widest].kind != KIND_SPARK)))
				widest = i;
		}
		if (sum - 2 <= total || widest < 0)
			return;
		width[widest]--;
	}
}

static void draw_titles(struct list *l, struct canvas *c, int y, const int width[LIST_COLUMNS])
{
	const char *up = l->style.utf8 ? "\u25b2" : "^", *down = l->style.utf8 ? "\u25bc" : "v";
	char title[64];
	int i, x = 0;

	canvas_print(c, y, 0, c->width, 0, "%*s", c->width, "");
	for (i = 0; i < LIST_COLUMNS; i++) {
		l->title_end[i] = -1;
		if (!width[i])
			continue;
		l->title_end[i] = x + width[i] + 1;
		snprintf(title, sizeof title, "%s%s", list_columns[i].title,
			i != (int)l->sort ? "" : l->reverse ? down : up);
		if (list_columns[i].right)
			canvas_right(c, y, x, width[i], 0, title);
		else
			canvas_text(c, y, x, width[i], 0, title);
		x += width[i] + 2;
	}
	canvas_paint(c, y, 0, c->width, PAINT_REVERSE);
}

static void draw_row(const struct list *l, struct canvas *c, int y, uint32_t place, const int width[LIST_COLUMNS])
{
	const struct list_row *row = l->row[l->shown[place]];
	char text[LIST_CELL];
	int i, x = 0;

	for (i = 0; i < LIST_COLUMNS; i++) {
		enum tint tint;

		if (!width[i])
			continue;
		tint = list_cell(l, row, list_columns[i].kind, width[i], text);
		cut(l, list_columns[i].kind, width[i], text);
		if (list_columns[i].right)
			canvas_right(c, y, x, width[i], (uint8_t)tint, text);
		else
			canvas_text(c, y, x, width[i], (uint8_t)tint, text);
		x += width[i] + 2;
	}
	if (place == l->cursor) {
		for (i = 0; i < c->width; i++)
			if (!*c->cell[y * c->width + i].text)
				canvas_put(c, y, i, 0, ' ');
		canvas_paint(c, y, 0, c->width, PAINT_REVERSE | PAINT_STRONG);
	}
}

void list_draw(struct list *l, struct canvas *c, int y, int rows)
{
	int width[LIST_COLUMNS], lines = rows - 1, i;

	list_update(l);
	if (lines < 1)
		return;
	if (l->cursor < l->top)
		l->top = l->cursor;
	if (l->cursor >= l->top + (uint32_t)lines)
		l->top = l->cursor - (uint32_t)lines + 1;
	if (l->top && l->top + (uint32_t)lines > l->n_shown)
		l->top = l->n_shown > (uint32_t)lines ? l->n_shown - (uint32_t)lines : 0;
	measure(l, lines, c->width, width);
	draw_titles(l, c, y, width);
	for (i = 0; i < lines && l->top + (uint32_t)i < l->n_shown && y + 1 + i < c->height; i++)
		draw_row(l, c, y + 1 + i, l->top + (uint32_t)i, width);
}
