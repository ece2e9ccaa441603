/* The columns of the list of connections (columns.def), and what stands in them. */
#ifndef SINK_TUI_COLUMN_H
#define SINK_TUI_COLUMN_H

#include "sink/tui/list.h"

enum { LIST_CELL = 300 };

enum list_kind {
	KIND_NUMBER, KIND_CLIENT, KIND_SERVER, KIND_STATE, KIND_CLIENT_STATE, KIND_SERVER_STATE, KIND_UP, KIND_DOWN,
	KIND_DURATION, KIND_RTT, KIND_RESENT, KIND_SPARK, KIND_LIMIT, KIND_TROUBLE, KIND_FINDING
};

struct list_column {
	const char *title, *field;      /* field: what sorts it; NULL: something of its own */
	enum list_kind kind;
	bool right;
	uint8_t drop;
	int least, most;
};

extern const struct list_column list_columns[LIST_COLUMNS];

/* The words of a cell, and their tint. `width`: of the column, where that matters. */
enum tint list_cell(const struct list *, const struct list_row *, enum list_kind, int width, char text[LIST_CELL]);

#endif
