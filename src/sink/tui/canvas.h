/* A screen as cells, drawn without a terminal: what is shown can be tested, written to a file, or put on a terminal.
 *
 * Text is UTF-8 of any origin: controls and what is not one column wide become a substitute, so that nothing of it
 * acts on a terminal. What lies outside of the canvas is cut. The cells belong to the canvas. */
#ifndef SINK_TUI_CANVAS_H
#define SINK_TUI_CANVAS_H

#include "sink/format.h"

enum { PAINT_TINT = 0x0f, PAINT_BLUE = 0x0f, PAINT_REVERSE = 0x10, PAINT_UNDERLINE = 0x20, PAINT_STRONG = 0x40 };

struct canvas_cell {
	char text[5];                   /* one character; "" blank */
	uint8_t paint;                  /* enum tint | PAINT_* */
};

struct canvas {
	int width, height;
	bool utf8;
	struct canvas_cell *cell;       /* height * width */
};

/* All blank. False: out of memory, the canvas has no cells. */
bool canvas_init(struct canvas *, int width, int height, bool utf8);
void canvas_fini(struct canvas *);
/* Draws within `width` columns; returns the columns used. */
int canvas_text(struct canvas *, int y, int x, int width, uint8_t paint, const char *text);
int canvas_print(struct canvas *, int y, int x, int width, uint8_t paint, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/* Right-aligned in [x, x + width). */
void canvas_right(struct canvas *, int y, int x, int width, uint8_t paint, const char *text);
/* A head and words behind it, wrapped at the width below the first of them, on lines before `end`. Returns the line
 * after. */
int canvas_words(struct canvas *, int y, int end, uint8_t paint, const char *head, const char *text);
/* One character of the canvas's own. */
void canvas_put(struct canvas *, int y, int x, uint8_t paint, uint32_t codepoint);
/* Adds attributes to cells that are there. */
void canvas_paint(struct canvas *, int y, int x, int width, uint8_t paint);
/* All lines without their trailing blanks, as text. Returns 0, or -1: see errno. */
int canvas_write(const struct canvas *, FILE *);

#endif
