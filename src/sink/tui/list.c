#include "sink/tui/list.h"
#include "sink/standing.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_STEP_NS INT64_C(1000000)

void list_fini(struct list *l)
{
	uint32_t i;

	for (i = 0; i < l->n; i++)
		free(l->row[i]);
	free(l->row);
	free(l->slot);
	free(l->shown);
	*l = (struct list){ .style = l->style };
}

/* --- rows by number ------------------------------------------------------------------------------------------- */

static uint32_t slot_of(const struct list *l, uint32_t number)
{
	uint32_t at = number * 2654435761u & (l->n_slots - 1);

	while (l->slot[at] && l->row[l->slot[at] - 1]->number != number)
		at = (at + 1) & (l->n_slots - 1);
	return at;
}

struct list_row *list_find(const struct list *l, uint32_t number)
{
	uint32_t at = l->n_slots ? slot_of(l, number) : 0;

	return l->n_slots && l->slot[at] ? l->row[l->slot[at] - 1] : NULL;
}

/* Everything anew: after a row has changed its number, or the table has grown. */
static void enter_all(struct list *l)
{
	uint32_t i;

	memset(l->slot, 0, l->n_slots * sizeof *l->slot);
	for (i = 0; i < l->n; i++)
		l->slot[slot_of(l, l->row[i]->number)] = i + 1;
}

static bool grow(struct list *l)
{
	uint32_t room = l->room ? 2 * l->room : 64;
	struct list_row **row = realloc(l->row, room * sizeof *row);
	uint32_t *slot;

	if (!row)
		return false;
	l->row = row;
	slot = realloc(l->slot, 4 * room * sizeof *slot);
	if (!slot)
		return false;
	l->slot = slot;
	l->n_slots = 4 * room;
	l->room = room;
	enter_all(l);
	return true;
}

static struct list_row *blank(struct list_row *row, uint32_t number)
{
	*row = (struct list_row){ .number = number, .severity = -1, .spark = { .step_ns = FIRST_STEP_NS },
		.conn = { .number = number } };
	return row;
}

/* A connection that has ended well, or NULL. Few are looked at: this is done for every connection without a row. */
static struct list_row *spare(struct list *l)
{
	enum { LOOKS = 64 };
	uint32_t i;

	for (i = 0; i < LOOKS; i++) {
		struct list_row *row = l->row[l->hand++ % l->n];

		if (row->known && !row->open && row->severity < 0 && row->number != l->selected &&
		    !standing_trouble(&row->conn))
			return row;
	}
	return NULL;
}

static struct list_row *add(struct list *l, uint32_t number)
{
	struct list_row *row;

	l->dirty = true;
	if (l->n == LIST_MAX_ROWS) {
		row = spare(l);
		l->unlisted++;
		if (row) {
			blank(row, number);
			enter_all(l);
		}
		return row;
	}
	row = l->n == l->room && !grow(l) ? NULL : malloc(sizeof *row);
	if (!row) {
		l->no_memory = true;
		return NULL;
	}
	blank(row, number);
	l->row[l->n] = row;
	l->slot[slot_of(l, number)] = l->n + 1;
	l->n++;
	return row;
}

/* --- events --------------------------------------------------------------------------------------------------- */

static void add_to_spark(struct list_spark *s, int64_t ts_ns, uint32_t bytes)
{
	int64_t place;
	int i;

	if (!s->start_ns)
		s->start_ns = ts_ns;
	if (ts_ns < s->start_ns)
		ts_ns = s->start_ns;
	while ((place = (ts_ns - s->start_ns) / s->step_ns) >= LIST_SPARKS && s->step_ns < INT64_MAX / 4) {
		for (i = 0; i < LIST_SPARKS; i++)
			s->bytes[i] = i < LIST_SPARKS / 2 ? s->bytes[2 * i] / 2 + s->bytes[2 * i + 1] / 2 : 0;
		s->step_ns *= 2;
	}
	if (place < LIST_SPARKS && s->bytes[place] <= UINT32_MAX - bytes)
		s->bytes[place] += bytes;
}

static void take_record(struct list *l, const struct tcpstat_conn *c, bool open)
{
	struct list_row *row = list_find(l, c->number);

	if (!row && (l->n < LIST_MAX_ROWS || standing_trouble(c)))
		row = add(l, c->number);
	else if (!row)
		l->unlisted++;
	if (!row)
		return;
	row->conn = *c;
	/* Borrowed for the call. */
	row->conn.half[0].payload_sha256 = row->conn.half[1].payload_sha256 = NULL;
	row->known = true;
	row->open = open;
	l->dirty = true;
}

void list_event(struct list *l, const struct tcpstat_event *ev)
{
	struct list_row *row;

	if (!ev->conn)
		return;
	if (ev->type == TCPSTAT_EV_CONNECTION) {
		take_record(l, ev->connection, false);
	} else if (ev->type == TCPSTAT_EV_SEGMENT) {
		row = list_find(l, ev->conn);
		if (!row && l->n < LIST_MAX_ROWS)
			row = add(l, ev->conn);
		if (row)
			add_to_spark(&row->spark, ev->ts_ns, ev->segment.len);
	} else if (ev->type == TCPSTAT_EV_FINDING) {
		row = list_find(l, ev->conn);
		if (!row)
			return;
		row->findings += row->findings < UINT16_MAX;
		if ((int8_t)ev->finding.severity > row->severity)
			row->severity = (int8_t)ev->finding.severity;
		l->dirty = true;
	}
}

void list_snapshot(struct list *l, const struct tcpstat_conn *c)
{
	take_record(l, c, true);
}

/* --- columns -------------------------------------------------------------------------------------------------- */

enum kind {
	KIND_NUMBER, KIND_CLIENT, KIND_SERVER, KIND_STATE, KIND_UP, KIND_DOWN, KIND_DURATION, KIND_RTT, KIND_RESENT,
	KIND_SPARK, KIND_LIMIT, KIND_TROUBLE, KIND_FINDING
};

static const struct column {
	const char *title, *field;
	enum kind kind;
	bool right;
	uint8_t drop;
	int most;
} columns[] = {
#define COL(title, field, kind, right, drop, most) { title, field, KIND_##kind, right, drop, most },
#include "sink/tui/columns.def"
#undef COL
};

enum { N_COLUMNS = sizeof columns / sizeof *columns, CELL = 300 };

static void spark_text(const struct list *l, const struct list_row *row, char *text)
{
	static const char *const bars[] = { " ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
		"\u2587", "\u2588" };
	static const char ascii[] = " .:-=+*#@";
	const struct list_spark *s = &row->spark;
	uint32_t most = 1;
	int i, last = 0;
	char *to = text;

	for (i = 0; i < LIST_SPARKS; i++) {
		most = s->bytes[i] > most ? s->bytes[i] : most;
		last = s->bytes[i] ? i + 1 : last;
	}
	for (i = 0; i < last; i++) {
		unsigned height = s->bytes[i] ? 1 + (unsigned)((uint64_t)s->bytes[i] * 7 / most) : 0;

		to += snprintf(to, 5, "%.*s", l->style.utf8 ? 4 : 1, l->style.utf8 ? bars[height] : &ascii[height]);
	}
	*to = '\0';
}

static void finding_text(const struct list_row *row, char *text)
{
	const char *name = row->severity < 0 ? "" : tcpstat_severity_name((enum tcpstat_severity)row->severity);

	if (row->findings > 1)
		snprintf(text, CELL, "%s x%u", name, row->findings);
	else
		snprintf(text, CELL, "%s", name);
}

static enum tint resent_cell(const struct tcpstat_conn *c, char *text)
{
	double resent = standing_retransmitted(c);
	int64_t syns = c->handshake.syn_retransmissions;
	char small[FORMAT_MAX];

	if (!(resent > 0) && syns > 0)
		snprintf(text, CELL, "%" PRId64 " SYN", syns);
	else
		snprintf(text, CELL, "%s", format_share(small, resent));
	return syns > 0 || resent >= 0.01 ? TINT_RED : resent > 0 ? TINT_YELLOW : TINT_NONE;
}

/* The words of a cell, and their tint. */
static enum tint cell(const struct list *l, const struct list_row *row, enum kind kind, char text[CELL])
{
	const struct tcpstat_conn *c = &row->conn;
	char small[FORMAT_MAX];
	int side = kind == KIND_SERVER || kind == KIND_DOWN;

	*text = '\0';
	switch (kind) {
	case KIND_NUMBER: snprintf(text, CELL, "%" PRIu32, row->number); break;
	case KIND_CLIENT: case KIND_SERVER: format_endpoint(text, CELL, &l->style, &c->addr[side],
		c->port[side]); break;
	case KIND_STATE:
		snprintf(text, CELL, "%s%s", standing_state(small, c), c->midstream ? " *" : "");
		return standing_tint(c);
	case KIND_UP: case KIND_DOWN: snprintf(text, CELL, "%s", format_bytes(small,
		c->half[side].payload_bytes)); break;
	case KIND_DURATION: snprintf(text, CELL, "%s", format_duration(small, &l->style, c->duration_ns)); break;
	case KIND_RTT: snprintf(text, CELL, "%s", format_duration(small, &l->style, standing_rtt(c))); break;
	case KIND_RESENT: return resent_cell(c, text);
	case KIND_SPARK: spark_text(l, row, text); return TINT_CYAN;
	case KIND_LIMIT: snprintf(text, CELL, "%s", standing_limit(small, c)); break;
	case KIND_TROUBLE:
		if (standing_trouble(c))
			snprintf(text, CELL, "%s", format_duration(small, &l->style, standing_trouble(c)));
		break;
	case KIND_FINDING:
		finding_text(row, text);
		return row->severity >= TCPSTAT_SEVERITY_PROBLEM ? TINT_RED : row->severity > 0 ? TINT_YELLOW :
			TINT_NONE;
	}
	return TINT_NONE;
}

/* Worst first, until the user says otherwise. */
void list_init(struct list *l, const struct style *style)
{
	*l = (struct list){ .style = *style, .dirty = true };
	while (columns[l->sort].kind != KIND_TROUBLE)
		l->sort++;
	l->reverse = true;
}

/* --- order and choice ----------------------------------------------------------------------------------------- */

struct key {
	double number;
	uint32_t place, conn;
};

static int ascending(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->number < y->number || x->number > y->number)
		return x->number < y->number ? -1 : 1;
	return x->conn < y->conn ? -1 : x->conn > y->conn;
}

static int descending(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->number < y->number || x->number > y->number)
		return x->number > y->number ? -1 : 1;
	return x->conn < y->conn ? -1 : x->conn > y->conn;
}

/* An address as a number that sorts as its first bytes do; the port breaks ties. */
static double endpoint_key(const struct tcpstat_addr *a, uint16_t port)
{
	double n = a->family;
	int i;

	for (i = 0; i < (a->family == 4 ? 4 : 5); i++)
		n = n * 256 + a->bytes[i];
	return n * 65536 + port;
}

static double sort_key(const struct list_row *row, const struct column *column, const struct field *field)
{
	const struct tcpstat_conn *c = &row->conn;
	double n;

	switch (column->kind) {
	case KIND_TROUBLE: return (double)(row->severity + 1) * 1e18 + (double)standing_trouble(c) / 16;
	case KIND_FINDING: return (row->severity + 1) * 65536.0 + row->findings;
	case KIND_CLIENT: return endpoint_key(&c->addr[0], c->port[0]);
	case KIND_SERVER: return endpoint_key(&c->addr[1], c->port[1]);
	case KIND_STATE: return c->handshake.outcome * 65536.0 + c->close.how * 256.0 + c->close.state[0];
	case KIND_RTT: return (double)standing_rtt(c);
	case KIND_RESENT: n = standing_retransmitted(c); return isnan(n) ? -1 : n;
	default: n = field_number(field, c); return isnan(n) ? -1 : n;
	}
}

static bool holds(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (; *text; text++)
		if (!strncasecmp(text, part, len))
			return true;
	return false;
}

static bool is_chosen(const struct list *l, const struct list_row *row)
{
	static const enum kind searched[] = { KIND_CLIENT, KIND_SERVER, KIND_STATE, KIND_LIMIT, KIND_FINDING };
	char text[CELL];
	size_t i;

	if (!row->known)
		return false;
	if (!*l->words)
		return true;
	if (l->has_filter)
		return filter_matches(&l->filter, &row->conn);
	for (i = 0; i < sizeof searched / sizeof *searched; i++) {
		cell(l, row, searched[i], text);
		if (holds(text, l->words))
			return true;
	}
	return false;
}

static bool reserve(struct list *l)
{
	uint32_t *shown;

	if (l->shown_room >= l->n)
		return true;
	shown = realloc(l->shown, l->room * sizeof *shown);
	if (!shown)
		return false;
	l->shown = shown;
	l->shown_room = l->room;
	return true;
}

/* The selection stays on its connection, or, if that is not shown any more, on its line. */
static void keep_selection(struct list *l)
{
	uint32_t i;

	for (i = 0; l->selected && i < l->n_shown; i++)
		if (l->row[l->shown[i]]->number == l->selected) {
			l->cursor = i;
			return;
		}
	if (l->cursor >= l->n_shown)
		l->cursor = l->n_shown ? l->n_shown - 1 : 0;
}

void list_update(struct list *l)
{
	const struct column *column = &columns[l->sort];
	struct field field = { .n = 0 };
	struct key *keys;
	uint32_t i, n = 0;

	if (!l->dirty)
		return;
	keys = malloc((l->n + 1) * sizeof *keys);
	if (!keys || !reserve(l)) {
		free(keys);
		l->no_memory = true;
		return;
	}
	l->dirty = false;
	if (column->field && !field_find(column->field, strlen(column->field), &field))
		column = &columns[0];
	for (i = 0; i < l->n; i++)
		if (is_chosen(l, l->row[i]))
			keys[n++] = (struct key){ sort_key(l->row[i], column, &field), i, l->row[i]->number };
	qsort(keys, n, sizeof *keys, l->reverse ? descending : ascending);
	for (i = 0; i < n; i++)
		l->shown[i] = keys[i].place;
	l->n_shown = n;
	free(keys);
	keep_selection(l);
}

void list_set_words(struct list *l, const char *words)
{
	snprintf(l->words, sizeof l->words, "%s", words);
	l->has_filter = *words && !filter_parse(&l->filter, words, l->error);
	/* A plain word is searched for, even if it is the name of a field too. */
	if (l->has_filter && l->filter.n == 1 && l->filter.node[0].op == FILTER_KNOWN)
		l->has_filter = false;
	if (l->has_filter || !strpbrk(words, "<>=~!()"))
		*l->error = '\0';
	l->dirty = true;
}

void list_sort_by(struct list *l, int step)
{
	unsigned before = l->sort;

	do
		l->sort = (l->sort + N_COLUMNS + (unsigned)step) % N_COLUMNS;
	while (l->sort != before && (l->hidden & 1u << l->sort));
	l->reverse = columns[l->sort].right && columns[l->sort].kind != KIND_NUMBER;
	l->dirty = true;
}

void list_reverse(struct list *l)
{
	l->reverse = !l->reverse;
	l->dirty = true;
}

void list_go(struct list *l, uint32_t place)
{
	list_update(l);
	l->cursor = !l->n_shown ? 0 : place < l->n_shown ? place : l->n_shown - 1;
	l->selected = l->n_shown ? l->row[l->shown[l->cursor]]->number : 0;
}

void list_move(struct list *l, int64_t lines)
{
	int64_t to = (int64_t)l->cursor + lines;

	list_go(l, to < 0 ? 0 : to > UINT32_MAX ? UINT32_MAX : (uint32_t)to);
}

void list_next_trouble(struct list *l, int step)
{
	int64_t i;

	list_update(l);
	for (i = (int64_t)l->cursor + step; i >= 0 && i < l->n_shown; i += step) {
		const struct list_row *row = l->row[l->shown[i]];

		if (row->severity > 0 || standing_trouble(&row->conn)) {
			list_go(l, (uint32_t)i);
			return;
		}
	}
}

struct list_row *list_selected(struct list *l)
{
	list_update(l);
	return l->n_shown ? l->row[l->shown[l->cursor]] : NULL;
}

/* --- the picture ---------------------------------------------------------------------------------------------- */

/* Widths of the columns for the rows that are visible; 0: left out. */
static void measure(const struct list *l, int rows, int total, int width[N_COLUMNS])
{
	char text[CELL];
	int i, columns_n, sum;
	uint32_t row;

	for (i = 0; i < N_COLUMNS; i++) {
		width[i] = (int)strlen(columns[i].title) + (i == (int)l->sort);
		for (row = l->top; row < l->n_shown && row < l->top + (uint32_t)rows; row++) {
			cell(l, l->row[l->shown[row]], columns[i].kind, text);
			columns_n = (int)format_columns(text);
			width[i] = columns_n > width[i] ? columns_n : width[i];
		}
		width[i] = width[i] > columns[i].most ? columns[i].most : width[i];
		if (columns[i].kind == KIND_SPARK && width[i] < LIST_SPARKS)
			width[i] = LIST_SPARKS;
	}
	for (;;) {
		int least = -1;

		for (i = sum = 0; i < N_COLUMNS; i++) {
			sum += width[i] ? width[i] + 2 : 0;
			if (width[i] && columns[i].drop && (least < 0 || columns[i].drop > columns[least].drop))
				least = i;
		}
		if (sum - 2 <= total || least < 0)
			return;
		width[least] = 0;
	}
}

static void draw_titles(const struct list *l, struct canvas *c, int y, const int width[N_COLUMNS])
{
	const char *up = l->style.utf8 ? "\u25b2" : "^", *down = l->style.utf8 ? "\u25bc" : "v";
	char title[64];
	int i, x = 0;

	canvas_print(c, y, 0, c->width, 0, "%*s", c->width, "");
	for (i = 0; i < N_COLUMNS; i++) {
		if (!width[i])
			continue;
		snprintf(title, sizeof title, "%s%s", columns[i].title, i != (int)l->sort ? "" : l->reverse ? down :
			up);
		if (columns[i].right)
			canvas_right(c, y, x, width[i], 0, title);
		else
			canvas_text(c, y, x, width[i], 0, title);
		x += width[i] + 2;
	}
	canvas_paint(c, y, 0, c->width, PAINT_REVERSE);
}

static void draw_row(const struct list *l, struct canvas *c, int y, uint32_t place, const int width[N_COLUMNS])
{
	const struct list_row *row = l->row[l->shown[place]];
	char text[CELL];
	int i, x = 0;

	for (i = 0; i < N_COLUMNS; i++) {
		enum tint tint;

		if (!width[i])
			continue;
		tint = cell(l, row, columns[i].kind, text);
		if (columns[i].right)
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
	int width[N_COLUMNS], lines = rows - 1, i;

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
	for (i = 0, l->hidden = 0; i < N_COLUMNS; i++)
		l->hidden |= width[i] ? 0 : 1u << i;
	draw_titles(l, c, y, width);
	for (i = 0; i < lines && l->top + (uint32_t)i < l->n_shown && y + 1 + i < c->height; i++)
		draw_row(l, c, y + 1 + i, l->top + (uint32_t)i, width);
}

int64_t list_at(const struct list *l, int y0, int y)
{
	int64_t place = (int64_t)l->top + y - y0 - 1;

	return y > y0 && place < l->n_shown ? place : -1;
}
