/* The findings of a capture, worst first, with what they say. Bounded; those that are left out are counted. */
#ifndef SINK_TUI_FINDINGS_H
#define SINK_TUI_FINDINGS_H

#include "sink/tui/list.h"

enum { FINDINGS_MAX = 2000, FINDINGS_FRAMES = 32 };

struct findings_item {
	uint32_t conn;
	enum tcpstat_severity severity;
	int64_t cost_ns;
	const char *id, *advice, *man, *rule; /* of the table of findings: they stay */
	char *title, *detail;
	uint64_t frame[FINDINGS_FRAMES];
	uint32_t n_frames, all_frames;
	bool ongoing;                   /* told while the capture goes on */
	size_t about_len;               /* of the title: whom it is about, if ongoing */
};

struct findings {
	struct style style;
	struct findings_item *item;
	size_t n, room;
	uint64_t unlisted;
	bool no_memory;
	size_t cursor, top;
	bool moved;                     /* the user has chosen one: the selection stays on it */
};

void findings_init(struct findings *, const struct style *);
void findings_fini(struct findings *);
void findings_event(struct findings *, const struct tcpstat_event *);
bool findings_has(const struct findings *, const char *id);
/* Adds what another list has about a connection and this one has not. */
void findings_add(struct findings *, const struct findings *, uint32_t conn);
/* The item as the event that brought it; its texts stay the item's. */
struct tcpstat_event findings_event_of(const struct findings_item *);
/* Does a finding about the connection rest on this packet? NULL: none does. */
const struct findings_item *findings_on(const struct findings *, uint32_t conn, uint64_t frame);
void findings_move(struct findings *, int64_t lines);
const struct findings_item *findings_selected(const struct findings *);
/* The nearest packet after (1) or before (-1) `frame` that a finding about the connection rests on; 0: none. */
uint64_t findings_seek(const struct findings *, uint32_t conn, uint64_t frame, int step);
/* `list`: whose connections they are about. */
void findings_draw(struct findings *, const struct list *, struct canvas *, int y, int rows);
int64_t findings_at(const struct findings *, int y0, int y);

#endif
