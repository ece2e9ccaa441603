/* What the parts of the screen's model share: tui.c (what comes in, the picture), tui_key.c (keys). */
#ifndef SINK_TUI_ROOM_H
#define SINK_TUI_ROOM_H

#include "sink/detail.h"
#include "sink/follow.h"
#include "sink/tui/findings.h"
#include "sink/tui/flow.h"
#include "sink/tui/pager.h"
#include "sink/tui/plot.h"
#include "sink/tui/tui.h"

enum { TUI_RING = 32768, TUI_STATES = 256, TUI_TYPED = 256 };

enum prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_SEARCH, PROMPT_GOTO, PROMPT_WRITE };

struct tui {
	struct tui_options options;
	struct tui_status status;
	char note[256];
	enum tui_view view, before_help;
	bool dirty, paused;
	int rows, columns;              /* lines of a view, as drawn last */
	struct list list;
	struct findings findings;
	struct story story;
	struct flow flow;
	struct plot plot;
	struct pager stream, detail, help;
	uint64_t stream_version, detail_version; /* of the story that they show */
	int detail_columns;
	enum tcpstat_dir stream_dir;
	bool hex;
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
	char message[512];              /* until the next key */
};

/* Reads connection `conn` from its packet `skip` on, unless that is what is there. */
void tui_choose(struct tui *, uint32_t conn, uint64_t skip);
void tui_go_frame(struct tui *, uint32_t conn, uint64_t frame);
/* The text of the view is brought up to date. */
void tui_render(struct tui *);
struct pager *tui_pager(struct tui *);  /* NULL: the view is no text */

#endif
