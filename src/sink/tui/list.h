/* The list of connections: one row each, sorted, filtered, with a selection that stays on its connection.
 *
 * Rows are bounded (LIST_MAX_ROWS); when there are more connections, one without trouble gives way to one with
 * trouble, and those without a row are counted. */
#ifndef SINK_TUI_LIST_H
#define SINK_TUI_LIST_H

#include "sink/tui/canvas.h"
#include "sink/tui/filter.h"

enum { LIST_MAX_ROWS = 65536, LIST_LEAST_ROWS = 256, LIST_SPARKS = 16, LIST_WORDS = 128, LIST_COLUMNS = 15 };

/* Payload over time, in LIST_SPARKS steps that double as the connection lasts. */
struct list_spark {
	int64_t start_ns, step_ns;
	uint32_t bytes[LIST_SPARKS];
};

struct list_row {
	uint32_t number;
	bool known;                     /* conn says something: it is shown */
	bool open;                      /* it goes on */
	int8_t severity;                /* of its worst finding; -1 none */
	uint16_t findings;
	const char *worst;              /* id of that finding; NULL none */
	char *text;                     /* what words are searched in; NULL: to be made */
	char *name;                     /* of the server; conn points to it */
	struct list_spark spark;
	struct tcpstat_conn conn;
};

struct list {
	struct style style;
	struct list_row **row;
	uint32_t n, room, most;         /* most: LIST_MAX_ROWS unless set to less */
	uint32_t *slot, n_slots;        /* from number to place + 1: open addressing */
	uint32_t *shown, n_shown, shown_room; /* places, in the order of the list */
	uint32_t hand;                  /* where the search for a row that may give way goes on */
	uint64_t unlisted;              /* connections without a row */
	unsigned sort;                  /* column */
	int title_end[LIST_COLUMNS];    /* columns of the screen, as drawn last; -1: it had no room */
	bool reverse, dirty, no_memory;
	char words[LIST_WORDS];         /* what was asked for: words, or a filter expression */
	char needle[LIST_WORDS];        /* in force: words in lower case; "" all */
	bool has_filter;                /* or this */
	struct filter filter;
	char error[FILTER_ERROR];       /* why the words are no filter, although they look like one */
	uint32_t cursor, top;           /* in `shown` */
	uint32_t selected;              /* number of the connection; 0 none */
};

/* What one row takes, with its places in the tables, which grow by doubling. */
enum { LIST_ROW_BYTES = sizeof(struct list_row) + 16 + 2 * (sizeof(struct list_row *) + 5 * sizeof(uint32_t)) };

void list_init(struct list *, const struct style *);
void list_fini(struct list *);
/* LIST_EVENTS; `live` rows come by list_snapshot too. */
enum {
	LIST_EVENTS = TCPSTAT_MASK(TCPSTAT_EV_SEGMENT) | TCPSTAT_MASK(TCPSTAT_EV_FINDING) |
		TCPSTAT_MASK(TCPSTAT_EV_CONNECTION)
};
void list_event(struct list *, const struct tcpstat_event *);
/* A connection that goes on, as it is now. */
void list_snapshot(struct list *, const struct tcpstat_conn *);
/* NULL: it has no row. */
struct list_row *list_find(const struct list *, uint32_t number);
/* Only rows that match; an expression, or any part of what the row shows. "" all, and so an
 * expression with an `error`. */
void list_set_words(struct list *, const char *words);
void list_sort_by(struct list *, int step);     /* the next column, or with -1 the one before */
void list_click_title(struct list *, int x);    /* sorts by the column there, or the other way round */
void list_reverse(struct list *);
/* Brings `shown` up to date; before the cursor is used. */
void list_update(struct list *);
void list_move(struct list *, int64_t lines);   /* the selection */
void list_go(struct list *, uint32_t place);
void list_next_trouble(struct list *, int step);
/* The selected row; NULL: the list is empty. */
struct list_row *list_selected(struct list *);
/* `rows` lines from (y, 0) on, the first with the titles. */
void list_draw(struct list *, struct canvas *, int y, int rows);
/* The place in `shown` on line `y` of what was drawn last from `y0`; -1: none. */
int64_t list_at(const struct list *, int y0, int y);

#endif
