/* What the parts of the screen's model share: tui.c (what comes in, the picture), tui_key.c (keys). */
#ifndef SINK_TUI_ROOM_H
#define SINK_TUI_ROOM_H

#include "sink/detail.h"
#include "sink/tui/findings.h"
#include "sink/tui/flow.h"
#include "sink/tui/pager.h"
#include "sink/tui/plot.h"
#include "sink/tui/stream.h"
#include "sink/tui/tui.h"

enum { TUI_RING = 32768, TUI_STATES = 256, TUI_TYPED = 256 };

enum prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_SEARCH, PROMPT_GOTO, PROMPT_WRITE };

struct tui {
	struct tui_options options;
	struct tui_status status;
	char note[256];
	enum tui_view view, before_help, came_from; /* the last two: where back goes to */
	bool dirty, paused;
	int rows, columns;              /* lines of a view, as drawn last */
	int tab_end[VIEW_HELP];         /* columns where the names of the views end */
	struct list list;
	struct findings findings, chosen; /* of the capture, and all of the chosen connection */
	struct story story;
	struct flow flow;
	struct plot plot;
	struct stream stream;
	struct pager detail, help;
	uint64_t detail_version, version_before; /* of the story that it shows; of stories before this one */
	int detail_columns, help_columns;
	struct {                        /* a jump that is under way */
		bool on, pages, turned; /* pages: it may turn them; turned: it has */
		enum flow_goal goal;
		int step;
		int64_t at;             /* row to look at next */
		uint64_t origin, first; /* frames: where it began, the first of the page before */
	} seek;
	struct tcpstat_event state[TUI_STATES]; /* changes of state of the chosen connection */
	size_t n_states;
	struct tcpstat_event *ring;     /* live: the last events of all connections */
	uint64_t ring_next;
	struct tui_wish wish;
	uint64_t loaded;                /* serial of the wish that is being, or has been, granted */
	bool loading;
	double load_share;
	char load_error[512];
	uint64_t wanted_frame;          /* where the cursor goes once the packets are there; 0: nowhere */
	enum prompt prompt;
	const char *prompt_title;
	char typed[TUI_TYPED], words_before[LIST_WORDS];
	size_t cursor_before;           /* of the flow graph, when a search began */
	char message[512];              /* until the next key */
};

/* tui_frame.c */
const char *tui_view_name(enum tui_view);
void tui_draw_tabs(struct tui *, struct canvas *);
void tui_draw_foot(const struct tui *, struct canvas *, int y);
/* tui.c */
void tui_snapshot(struct tui *, const struct tcpstat_conn *);
void tui_note_state(struct tui *, const struct tcpstat_event *);
void tui_tell(struct tui *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* tui_story.c. Reads connection `conn`, unless that is what is there. */
void tui_choose(struct tui *, uint32_t conn);
/* To a packet of the connection, once it has been read. */
void tui_go_frame(struct tui *, uint32_t conn, uint64_t frame);
/* To the packets after (1) or before (-1) those of a long connection. False: there are none. */
bool tui_turn_page(struct tui *, int step);
/* To the next row of a kind from row `at` on; on other pages too, and saying so if there is none, if `pages`. */
void tui_seek(struct tui *, enum flow_goal, int step, int64_t at, bool pages);
/* The text of the view is brought up to date. */
void tui_render(struct tui *);
struct pager *tui_pager(struct tui *);  /* NULL: the view is no text */

#endif
