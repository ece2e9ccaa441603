/* The screen as a model: takes events and keys, draws itself into a canvas. Knows no terminal and reads no file.
 *
 *     struct tui *t = tui_new(&options);
 *     tui_event(t, ev);                       each event of TUI_EVENTS of the whole capture
 *     while (tui_key(t, code, y, x)) ...      each key
 *     tui_draw(t, &canvas);
 *     tui_free(t);
 *
 * Of a capture in files only a line a connection is kept. What tui_wish() asks for (one connection) the caller reads
 * again and hands over between tui_load_begin and tui_load_end. Live, the last events of all connections are kept in
 * a ring instead. No call takes long: a search among many packets is gone on with by tui_work, between keys. */
#ifndef SINK_TUI_TUI_H
#define SINK_TUI_TUI_H

#include "sink/tui/canvas.h"
#include "sink/tui/keys.h"
#include "sink/tui/list.h"
#include "sink/tui/story.h"

enum {
	TUI_EVENTS = LIST_EVENTS,
	TUI_LIVE_EVENTS = LIST_EVENTS | STORY_EVENTS | TCPSTAT_MASK(TCPSTAT_EV_PROGRESS),
	TUI_LOAD_EVENTS = STORY_EVENTS | TCPSTAT_MASK(TCPSTAT_EV_FINDING)
};

struct tui_options {
	struct style style;
	const char *source;             /* files or interfaces, for the title; borrowed */
	const char *filter;             /* NULL none; borrowed */
	uint32_t list_rows;             /* connections in the list, at most; 0: LIST_MAX_ROWS */
	bool live;                      /* the input cannot be read a second time, or grows */
};

/* What is known about the reading. */
struct tui_status {
	uint64_t packets, connections;
	uint64_t done_bytes, total_bytes; /* total 0: unknown */
	int64_t dropped;                /* NULL: not known */
	int64_t span_ns;                /* first to last packet; NULL none */
	bool ended;
	const char *note;               /* what went wrong; NULL nothing. Borrowed until the next call */
};

/* What is to be read again: connection `conn`; anew whenever `serial` changes. */
struct tui_wish {
	uint32_t conn;                  /* 0: nothing */
	uint64_t serial;
};

struct tui;

/* NULL: out of memory. */
struct tui *tui_new(const struct tui_options *);
void tui_free(struct tui *);
void tui_event(struct tui *, const struct tcpstat_event *);
void tui_bytes(struct tui *, uint32_t conn, enum tcpstat_dir, uint64_t offset, const uint8_t *, size_t len);
void tui_status(struct tui *, const struct tui_status *);

struct tui_wish tui_wish(const struct tui *);
void tui_load_begin(struct tui *);
void tui_load_event(struct tui *, const struct tcpstat_event *);
void tui_load_bytes(struct tui *, uint32_t conn, enum tcpstat_dir, uint64_t offset, const uint8_t *, size_t len);
/* `share` of the reading that is done, 0 to 1. */
void tui_load_progress(struct tui *, double share);
/* Nothing more is to be read, or `error` says why not. */
void tui_load_end(struct tui *, const char *error);
/* Has all that is wished for been read, as far as it will be? */
bool tui_load_done(const struct tui *);

/* A key; with TK_CLICK and the like the place of the mouse. False: the user leaves. */
bool tui_key(struct tui *, int code, int y, int x);
void tui_draw(struct tui *, struct canvas *);
/* Goes on with what a key began and could not end at once. True: there is more to do. */
bool tui_work(struct tui *);
/* Does the screen differ from what was drawn last? */
bool tui_is_dirty(const struct tui *);
/* Is something missing for want of memory? */
bool tui_is_incomplete(const struct tui *);

#endif
