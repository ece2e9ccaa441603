/* A drawing of dots, eight to a cell: in braille, or in ASCII where there is nothing better. Points outside are
 * cut. */
#ifndef SINK_TUI_GRAPH_H
#define SINK_TUI_GRAPH_H

#include "sink/tui/canvas.h"

struct graph {
	int columns, rows;              /* in cells: 2 * columns by 4 * rows dots, (0, 0) below on the left */
	uint8_t *dots, *tint;           /* by cell, from above on the left */
};

bool graph_init(struct graph *, int columns, int rows);
void graph_fini(struct graph *);
/* A cell has one colour: red hides yellow, yellow the others, and those what is dim. */
void graph_dot(struct graph *, int64_t x, int64_t y, enum tint);
void graph_line(struct graph *, int64_t x0, int64_t y0, int64_t x1, int64_t y1, enum tint);
void graph_draw(const struct graph *, struct canvas *, int y, int x);

#endif
