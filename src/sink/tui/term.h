/* The terminal: keys in, canvas out. The only file that knows curses.
 *
 * There is one terminal. It is restored by term_close, and whatever ends the program: exit, a signal, a crash; it
 * is left and taken again when the program is stopped and continued. */
#ifndef SINK_TUI_TERM_H
#define SINK_TUI_TERM_H

#include "sink/tui/canvas.h"

/* False: `error` says why. Colours only if `style` has them. */
bool term_open(const struct style *style, char *error, size_t size);
void term_close(void);
/* The next key (keys.h) or 0; with a mouse key its place. Waits up to wait_ms. */
int term_key(int wait_ms, int *y, int *x);
void term_size(int *width, int *height);
void term_draw(const struct canvas *);
/* The next drawing paints every cell. */
void term_redraw(void);
/* The signal that asks the program to end; 0 none. */
int term_signal(void);

#endif
