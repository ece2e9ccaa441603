/* The findings of a capture, worst first, with what they say. Bounded; those that are left out are counted. */
#ifndef SINK_TUI_FINDINGS_H
#define SINK_TUI_FINDINGS_H

#include "sink/tui/canvas.h"

enum { FINDINGS_MAX = 2000, FINDINGS_FRAMES = 32 };

struct findings_item {
	uint32_t conn;
	enum tcpstat_severity severity;
	int64_t cost_ns;
	char *id, *title, *detail, *advice, *man;
	uint64_t frame[FINDINGS_FRAMES];
	uint32_t n_frames, all_frames;
};

struct findings {
	struct style style;
	struct findings_item *item;
	size_t n, room;
	uint64_t unlisted;
	bool no_memory;
	size_t cursor, top;
};

void findings_init(struct findings *, const struct style *);
void findings_fini(struct findings *);
void findings_event(struct findings *, const struct tcpstat_event *);
void findings_move(struct findings *, int64_t lines);
const struct findings_item *findings_selected(const struct findings *);
/* The nearest packet after (1) or before (-1) `frame` that a finding about the connection rests on; 0: none. */
uint64_t findings_seek(const struct findings *, uint32_t conn, uint64_t frame, int step);
void findings_draw(struct findings *, struct canvas *, int y, int rows);
int64_t findings_at(const struct findings *, int y0, int y);

#endif
