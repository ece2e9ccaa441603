/* A table whose columns align, fitted to a width by leaving out the columns that matter least. */
#ifndef SINK_TABLE_H
#define SINK_TABLE_H

#include "sink/format.h"

enum { TABLE_MAX_COLUMNS = 16 };

struct table_column {
	const char *title;
	bool right;                     /* align right: figures */
	uint8_t drop;                   /* left out first where the width does not suffice: the greatest; 0: never */
	bool hidden;
};

struct table {
	const struct style *style;
	struct table_column column[TABLE_MAX_COLUMNS];
	unsigned n_columns;
	struct table_cell *cells;       /* rows * n_columns */
	size_t n_cells, max_cells;
	bool no_memory;                 /* cells were lost */
};

void table_init(struct table *, const struct style *);
void table_fini(struct table *);
void table_column(struct table *, const char *title, bool right, uint8_t drop);
/* Cells come row by row, from left to right; the text is copied. */
void table_cell(struct table *, const char *text, enum tint);
void table_print(struct table *);

#endif
