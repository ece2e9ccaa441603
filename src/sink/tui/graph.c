#include "sink/tui/graph.h"

#include <stdlib.h>
#include <string.h>

bool graph_init(struct graph *g, int columns, int rows)
{
	*g = (struct graph){ .columns = columns < 1 ? 1 : columns, .rows = rows < 1 ? 1 : rows };
	g->dots = calloc((size_t)g->columns * (size_t)g->rows, 1);
	g->tint = calloc((size_t)g->columns * (size_t)g->rows, 1);
	if (g->dots && g->tint)
		return true;
	graph_fini(g);
	return false;
}

void graph_fini(struct graph *g)
{
	free(g->dots);
	free(g->tint);
	*g = (struct graph){ .columns = 0 };
}

/* What must not be hidden by what is plain. */
static int rank(enum tint tint)
{
	return tint == TINT_RED ? 3 : tint == TINT_YELLOW ? 2 : tint != TINT_DIM;
}

void graph_dot(struct graph *g, int64_t x, int64_t y, enum tint tint)
{
	/* Bits of a braille character: columns of three from above, then the fourth row. */
	static const uint8_t bits[4][2] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } };
	int64_t up = 4 * (int64_t)g->rows - 1 - y;
	size_t at;

	if (x < 0 || y < 0 || x >= 2 * (int64_t)g->columns || up < 0)
		return;
	at = (size_t)(up / 4) * (size_t)g->columns + (size_t)(x / 2);
	g->dots[at] |= bits[up % 4][x % 2];
	if (rank(tint) >= rank((enum tint)g->tint[at]))
		g->tint[at] = (uint8_t)tint;
}

void graph_line(struct graph *g, int64_t x0, int64_t y0, int64_t x1, int64_t y1, enum tint tint)
{
	int64_t width = 2 * (int64_t)g->columns, height = 4 * (int64_t)g->rows, steps, i;
	int64_t dx, dy;

	/* Only what is near the drawing costs time. */
	x0 = x0 < -1 ? -1 : x0 > width ? width : x0;
	x1 = x1 < -1 ? -1 : x1 > width ? width : x1;
	y0 = y0 < -1 ? -1 : y0 > height ? height : y0;
	y1 = y1 < -1 ? -1 : y1 > height ? height : y1;
	dx = x1 > x0 ? x1 - x0 : x0 - x1;
	dy = y1 > y0 ? y1 - y0 : y0 - y1;
	steps = dx > dy ? dx : dy;
	for (i = 0; i <= steps; i++)
		graph_dot(g, x0 + (steps ? (x1 - x0) * i / steps : 0), y0 + (steps ? (y1 - y0) * i / steps : 0),
			tint);
}

/* One of the few characters of ASCII that lie where the dots do. */
static char ascii(uint8_t dots)
{
	bool top = dots & 0x09, upper = dots & 0x12, lower = dots & 0x24, bottom = dots & 0xc0;
	int n = __builtin_popcount(dots);

	if (n > 4)
		return '#';
	if ((top || upper) && (lower || bottom))
		return n > 2 ? '|' : ':';
	return top ? '\'' : upper ? '-' : lower ? '-' : '.';
}

void graph_draw(const struct graph *g, struct canvas *c, int y, int x)
{
	int row, column;

	for (row = 0; row < g->rows; row++)
		for (column = 0; column < g->columns; column++) {
			size_t at = (size_t)row * (size_t)g->columns + (size_t)column;

			if (g->dots[at])
				canvas_put(c, y + row, x + column, g->tint[at], c->utf8 ? 0x2800u + g->dots[at] :
					(uint32_t)ascii(g->dots[at]));
		}
}
