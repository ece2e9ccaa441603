/* Text to scroll and search in: what a connection carried, everything about it, the help. */
#ifndef SINK_TUI_PAGER_H
#define SINK_TUI_PAGER_H

#include "sink/tui/canvas.h"

struct pager {
	char *text;                     /* lines end with NUL */
	struct pager_line {
		size_t at;              /* in text */
		uint8_t paint;
		uint8_t indent;         /* blanks before it: what did not fit into the line before */
	} *line;
	size_t n, top, match;           /* match: line found last; SIZE_MAX none */
};

void pager_init(struct pager *);
void pager_fini(struct pager *);
/* Takes `text` (heap, `len` bytes and a NUL), and breaks lines between words at the width; the place in it stays
 * where it was. False: out of memory. */
bool pager_take(struct pager *, char *text, size_t len, int width);
void pager_go(struct pager *, size_t top, int rows);
void pager_move(struct pager *, int64_t lines, int rows);
/* The next (1) or last (-1) line with the words in it. False: none. */
bool pager_seek(struct pager *, const char *words, int step, int rows);
void pager_draw(const struct pager *, struct canvas *, int y, int rows);

#endif
