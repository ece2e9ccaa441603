#include "sink/tui/list.h"
#include "sink/standing.h"
#include "sink/tui/column.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_STEP_NS INT64_C(1000000)

/* What the row owns. */
static void let_go(struct list_row *row)
{
	free(row->text);
	free(row->name);
}

void list_fini(struct list *l)
{
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		let_go(l->row[i]);
		free(l->row[i]);
	}
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

static void blank(struct list_row *row, uint32_t number)
{
	memset(row, 0, sizeof *row);
	row->number = row->conn.number = number;
	row->severity = -1;
	row->spark.step_ns = FIRST_STEP_NS;
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
	if (l->n >= l->most) {
		row = spare(l);
		l->unlisted++;
		if (row) {
			let_go(row);
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

static const char *text_of(const struct list *l, struct list_row *row);

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

/* What a record borrows is copied, or let go. */
static void copy_record(struct list_row *row, const struct tcpstat_conn *c)
{
	const char *name = c->latency.dns.name;

	row->conn = *c;
	row->conn.half[0].payload_sha256 = row->conn.half[1].payload_sha256 = NULL;
	if (!name || !row->name || strcmp(row->name, name)) {
		free(row->name);
		row->name = name ? strdup(name) : NULL;
	}
	row->conn.latency.dns.name = row->name;
	free(row->text);
	row->text = NULL;
}

static void take_record(struct list *l, const struct tcpstat_conn *c, bool open)
{
	struct list_row *row = list_find(l, c->number);

	if (!row && (l->n < l->most || standing_trouble(c)))
		row = add(l, c->number);
	else if (!row)
		l->unlisted++;
	if (!row)
		return;
	copy_record(row, c);
	row->known = true;
	row->open = open;
	/* Now, for one, rather than all at the first key of a search. */
	if (!open)
		text_of(l, row);
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
		if (!row && l->n < l->most)
			row = add(l, ev->conn);
		if (row)
			add_to_spark(&row->spark, ev->ts_ns, ev->segment.len);
	} else if (ev->type == TCPSTAT_EV_FINDING) {
		row = list_find(l, ev->conn);
		if (!row)
			return;
		row->findings += row->findings < UINT16_MAX;
		if ((int8_t)ev->finding.severity > row->severity) {
			row->severity = (int8_t)ev->finding.severity;
			row->worst = ev->finding.id;
		}
		l->dirty = true;
	}
}

void list_snapshot(struct list *l, const struct tcpstat_conn *c)
{
	take_record(l, c, true);
}

/* --- order by column ------------------------------------------------------------------------------------------- */

/* Worst first, until the user says otherwise. */
void list_init(struct list *l, const struct style *style)
{
	*l = (struct list){ .style = *style, .dirty = true, .most = LIST_MAX_ROWS };
	while (list_columns[l->sort].kind != KIND_FINDING)
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

static double sort_key(const struct list_row *row, const struct list_column *column, const struct field *field)
{
	const struct tcpstat_conn *c = &row->conn;
	double n;
	int limit;

	switch (column->kind) {
	case KIND_TROUBLE: return (double)standing_trouble(c);
	case KIND_FINDING: return (double)(row->severity + 1) * 1e18 + (double)standing_trouble(c) / 16;
	case KIND_LIMIT:
		limit = standing_limit_most(c, &n);
		return limit < 0 ? -1 : limit * 2 + n;
	case KIND_CLIENT_STATE: case KIND_SERVER_STATE: return c->close.state[column->kind == KIND_SERVER_STATE];
	case KIND_CLIENT: return endpoint_key(&c->addr[0], c->port[0]);
	case KIND_SERVER: return endpoint_key(&c->addr[1], c->port[1]);
	case KIND_STATE: return c->handshake.outcome * 65536.0 + c->close.how * 256.0 + c->close.state[0];
	case KIND_RTT: return (double)standing_rtt(c);
	case KIND_RESENT: n = standing_retransmitted(c); return isnan(n) ? -1 : n;
	default: n = field_number(field, c); return isnan(n) ? -1 : n;
	}
}

/* What a row shows, in lower case, for words to be searched in. */
static const char *text_of(const struct list *l, struct list_row *row)
{
	static const enum list_kind searched[] = { KIND_CLIENT, KIND_SERVER, KIND_STATE, KIND_LIMIT };
	char all[2048], text[LIST_CELL];
	size_t len = 0, i;

	if (row->text)
		return row->text;
	for (i = 0; i < sizeof searched / sizeof *searched; i++) {
		list_cell(l, row, searched[i], 0, text);
		len += (size_t)snprintf(all + len, sizeof all - len, "%s\n", text);
	}
	for (i = 0; i < len; i++)
		all[i] = (char)tolower((unsigned char)all[i]);
	row->text = strdup(all);
	return row->text ? row->text : "";
}

static bool is_chosen(const struct list *l, struct list_row *row)
{
	if (!row->known)
		return false;
	if (l->has_filter)
		return filter_matches(&l->filter, &row->conn);
	return !*l->needle || strstr(text_of(l, row), l->needle) || (row->worst && strstr(row->worst, l->needle));
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
	const struct list_column *column = &list_columns[l->sort];
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
		column = &list_columns[0];
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
	struct filter filter;
	bool parses = *words && !filter_parse(&filter, words, l->error);
	size_t i;

	snprintf(l->words, sizeof l->words, "%s", words);
	*l->needle = '\0';
	l->dirty = true;
	if (!parses && *words && strpbrk(words, "<>=~!()")) {
		l->has_filter = false;
		return;
	}
	*l->error = '\0';
	/* A plain word is searched for, even if it is the name of a field too. */
	l->has_filter = parses && !(filter.n == 1 && filter.node[0].op == FILTER_KNOWN);
	if (l->has_filter)
		l->filter = filter;
	else
		for (i = 0; i <= strlen(l->words); i++)
			l->needle[i] = (char)tolower((unsigned char)l->words[i]);
}

static void sort_by(struct list *l, unsigned column)
{
	l->sort = column;
	l->reverse = (list_columns[column].right && list_columns[column].kind != KIND_NUMBER) ||
		list_columns[column].kind == KIND_FINDING || list_columns[column].kind == KIND_SPARK;
	l->dirty = true;
}

void list_sort_by(struct list *l, int step)
{
	sort_by(l, (l->sort + LIST_COLUMNS + (unsigned)step) % LIST_COLUMNS);
}

void list_click_title(struct list *l, int x)
{
	unsigned i;

	for (i = 0; i < LIST_COLUMNS && x >= l->title_end[i]; i++)
		;
	if (i == l->sort)
		list_reverse(l);
	else if (i < LIST_COLUMNS)
		sort_by(l, i);
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

int64_t list_at(const struct list *l, int y0, int y)
{
	int64_t place = (int64_t)l->top + y - y0 - 1;

	return y > y0 && place < l->n_shown ? place : -1;
}
