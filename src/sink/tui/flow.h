/* The flow graph of a connection as lines: rows, and runs of plain data and ACKs folded into one. Knows which row is
 * selected; the graphs share that row. */
#ifndef SINK_TUI_FLOW_H
#define SINK_TUI_FLOW_H

#include "sink/tui/findings.h"
#include "sink/tui/story.h"

enum { FLOW_WORDS = 128 };

struct flow_line {
	uint32_t row, n;                /* n > 1: a folded run */
};

/* What the keys jump to. */
enum flow_goal { FLOW_EVENT, FLOW_RETRANSMISSION, FLOW_STATE, FLOW_MATCH };

struct flow {
	struct style style;
	const struct story *story;
	const struct findings *findings; /* about the connection */
	struct flow_line *line;
	size_t n_lines, line_room;
	uint8_t *open;                  /* by row: the run that begins here is unfolded */
	size_t open_room;
	uint64_t version;               /* of the story that `line` is made of */
	bool all_open, delta, no_detail, dirty;
	size_t cursor;                  /* row */
	size_t top;                     /* line */
	bool follow;                    /* live: the cursor stays on the newest row */
	char words[FLOW_WORDS];         /* searched for; "" nothing */
};

void flow_init(struct flow *, const struct style *, const struct story *, const struct findings *);
void flow_fini(struct flow *);
/* Another connection, or another page of it: the cursor goes to the first row. */
void flow_restart(struct flow *);
/* Brings the lines up to date. */
void flow_update(struct flow *);
/* The selected row; NULL: there is none. */
const struct label *flow_row(const struct flow *);
size_t flow_line_of(const struct flow *, size_t row);
void flow_move(struct flow *, int64_t lines);
void flow_move_row(struct flow *, int64_t rows); /* the next packet, folded or not */
void flow_go_row(struct flow *, size_t row);
/* Where a packet is, or the next one after it. */
void flow_go_frame(struct flow *, uint64_t frame);
/* The next (1) or last (-1) row of a kind, from row `*at` on, which moves on: a search in many rows takes several
 * calls. Found: the cursor is there. */
enum flow_found { FLOW_NONE, FLOW_FOUND, FLOW_MORE };
enum flow_found flow_seek(struct flow *, enum flow_goal, int step, int64_t *at);
void flow_toggle(struct flow *);        /* the run under the cursor */
void flow_toggle_all(struct flow *);
bool flow_is_event(const struct label *);
/* The graph in the given lines, with its titles and, below, the evidence of the selected row. */
void flow_draw(struct flow *, struct canvas *, int y, int rows);
int64_t flow_at(const struct flow *, int y0, int y);    /* the line on a line of the screen; -1 none */

#endif
