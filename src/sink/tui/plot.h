/* The graphs of a connection: time-sequence as tcptrace draws it and as Stevens does, round-trip times (on a scale of
 * logarithms, since the RTO is far above them), windows, throughput. They share the selected row of
 * the flow graph as their cursor. */
#ifndef SINK_TUI_PLOT_H
#define SINK_TUI_PLOT_H

#include "sink/tui/flow.h"

enum plot_kind { PLOT_SEQUENCE, PLOT_STEVENS, PLOT_RTT, PLOT_WINDOW, PLOT_THROUGHPUT, PLOT_KINDS };

struct plot {
	enum plot_kind kind;
	uint8_t dir;                    /* enum tcpstat_dir of the data */
	bool has_dir;                   /* the user chose it */
	double zoom, center;            /* shown: 1 / zoom of the time, around center (0 to 1) */
};

void plot_init(struct plot *);
void plot_restart(struct plot *);       /* other packets: all of the time; the kind stays */
void plot_zoom(struct plot *, const struct flow *, double factor);
void plot_pan(struct plot *, double share);
/* The cursor comes into sight. */
void plot_show_cursor(struct plot *, const struct flow *);
void plot_draw(struct plot *, const struct flow *, struct canvas *, int y, int rows);

#endif
