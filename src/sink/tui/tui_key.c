#include "sink/tui/room.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { EXPORT_LINES = 20000, EXPORT_COLUMNS = 160 };

/* --- views ---------------------------------------------------------------------------------------------------- */

static void show(struct tui *t, enum tui_view view)
{
	const struct list_row *row = list_selected(&t->list);

	if (view != VIEW_LIST && view != VIEW_FINDINGS && view != VIEW_HELP && !t->story.conn) {
		if (!row)
			return;
		tui_choose(t, row->number);
	}
	if (view == VIEW_GRAPH)
		plot_show_cursor(&t->plot, &t->flow);
	t->view = view;
}

/* From the list, the views are those of the selected connection. */
static void show_selected(struct tui *t, enum tui_view view)
{
	const struct list_row *row = t->view == VIEW_LIST ? list_selected(&t->list) : NULL;

	if (t->view == VIEW_LIST || view == VIEW_LIST)
		t->came_from = VIEW_LIST;
	if (row && view != VIEW_LIST && view != VIEW_FINDINGS)
		tui_choose(t, row->number);
	show(t, view);
}

static void next_view(struct tui *t, int step)
{
	show_selected(t, (enum tui_view)(((int)t->view + VIEW_HELP + step) % VIEW_HELP));
}

static void enter(struct tui *t)
{
	const struct findings_item *item;

	switch (t->view) {
	case VIEW_LIST:
		if (list_selected(&t->list))
			show_selected(t, VIEW_FLOW);
		break;
	case VIEW_FLOW: flow_toggle(&t->flow); break;
	case VIEW_GRAPH: t->view = VIEW_FLOW; break;
	case VIEW_FINDINGS:
		item = findings_selected(&t->findings);
		if (!item || !item->conn) {
			tui_tell(t, item ? "this finding is about the whole capture" : "there is none");
			break;
		}
		tui_go_frame(t, item->conn, item->n_frames ? item->frame[0] : 0);
		t->view = VIEW_FLOW;
		t->came_from = VIEW_FINDINGS;
		break;
	default: break;
	}
}

static bool back(struct tui *t)
{
	if (t->view == VIEW_HELP) {
		t->view = t->before_help;
	} else if (t->view != VIEW_LIST) {
		t->view = t->view == VIEW_FINDINGS ? VIEW_LIST : t->came_from;
		t->came_from = VIEW_LIST;
	} else if (*t->list.words || *t->list.needle || t->list.has_filter) {
		list_set_words(&t->list, "");
	} else {
		return false;
	}
	return true;
}

/* --- movement ------------------------------------------------------------------------------------------------- */

static void move(struct tui *t, int64_t lines)
{
	switch (t->view) {
	case VIEW_LIST: list_move(&t->list, lines); break;
	case VIEW_FLOW: flow_move(&t->flow, lines); break;
	case VIEW_GRAPH:
		flow_move(&t->flow, lines);
		plot_show_cursor(&t->plot, &t->flow);
		break;
	case VIEW_FINDINGS: findings_move(&t->findings, lines); break;
	case VIEW_STREAM: stream_move(&t->stream, lines, t->rows + 1); break;
	default: pager_move(tui_pager(t), lines, t->rows + 1);
	}
}

/* Lines of a page: the evidence takes some of the flow graph. */
static int64_t page(const struct tui *t)
{
	int64_t lines = t->rows - 1 - (t->view == VIEW_FLOW && !t->flow.no_detail ? 8 : 0);

	return lines > 1 ? lines : 1;
}

static void seek(struct tui *t, enum flow_goal goal, int step)
{
	tui_seek(t, goal, step, (int64_t)t->flow.cursor + step, true);
}

static void next(struct tui *t, int step)
{
	struct pager *p = tui_pager(t);
	const char *which = step > 0 ? "further" : "earlier";

	if (t->view == VIEW_LIST)
		list_next_trouble(&t->list, step);
	else if (t->view == VIEW_STREAM && !stream_seek(&t->stream, step, t->rows + 1))
		tui_tell(t, "no %s %s", which, *t->stream.words ? "match" : "gap");
	else if (p && !pager_seek(p, t->flow.words, step, t->rows + 1))
		tui_tell(t, "no %s match", which);
	else if (t->view == VIEW_FLOW || t->view == VIEW_GRAPH)
		seek(t, *t->flow.words ? FLOW_MATCH : FLOW_EVENT, step);
}

static void seek_finding(struct tui *t, int step)
{
	const struct label *l = flow_row(&t->flow);
	uint64_t frame = l ? findings_seek(&t->chosen, t->story.conn, l->frame, step) : 0;

	if (frame)
		tui_go_frame(t, t->story.conn, frame);
	else
		tui_tell(t, "no %s packet that a finding rests on", step > 0 ? "further" : "earlier");
}

static void turn_page(struct tui *t, int step)
{
	if (!tui_turn_page(t, step))
		tui_tell(t, "there are no %s packets", step > 0 ? "more" : "earlier");
}

static void turn_around(struct tui *t)
{
	if (t->view == VIEW_GRAPH) {
		t->plot.dir = !t->plot.dir;
		t->plot.has_dir = true;
		return;
	}
	stream_turn(&t->stream);
}

static void go_to_end(struct tui *t, bool end)
{
	const struct rows *r = &t->story.rows;
	struct pager *p = tui_pager(t);

	if (p)
		pager_go(p, end ? p->n : 0, t->rows + 1);
	else if (t->view == VIEW_STREAM)
		stream_go(&t->stream, end ? t->stream.n : 0, t->rows + 1);
	else if (t->view != VIEW_FLOW && t->view != VIEW_GRAPH)
		move(t, end ? INT32_MAX : -(int64_t)INT32_MAX);
	else if (t->options.live)
		flow_go_row(&t->flow, end ? r->n : 0);
	else
		tui_go_frame(t, t->story.conn, end ? UINT64_MAX : 1);
}

/* --- text export ---------------------------------------------------------------------------------------------- */

static void suggest_name(struct tui *t)
{
	static const char *const names[N_VIEWS] = { "connections", "flow", "graph", "stream", "findings", "details",
		"help" };

	if (t->story.conn && t->view != VIEW_LIST && t->view != VIEW_FINDINGS && t->view != VIEW_HELP)
		snprintf(t->typed, sizeof t->typed, "tcpstat-%s-%" PRIu32 ".txt", names[t->view], t->story.conn);
	else
		snprintf(t->typed, sizeof t->typed, "tcpstat-%s.txt", names[t->view]);
}

/* Lines of the whole view. */
static size_t lines_of(struct tui *t)
{
	struct pager *p = tui_pager(t);

	switch (t->view) {
	case VIEW_LIST: return t->list.n_shown + 1;
	case VIEW_FLOW: return t->flow.n_lines + 12;
	case VIEW_FINDINGS: return t->findings.n + 14;
	case VIEW_GRAPH: return (size_t)t->rows + 1;
	case VIEW_STREAM: return t->stream.n;
	default: return p ? p->n : 1;
	}
}

/* Anew and empty. Tells if there is no memory. */
static bool blank_canvas(struct tui *t, struct canvas *c, int columns, size_t rows)
{
	canvas_fini(c);
	if (canvas_init(c, columns, (int)rows, t->options.style.utf8))
		return true;
	tui_tell(t, "out of memory");
	return false;
}

/* The view as text, all of its lines, as wide as the screen or wider. */
static void write_view(struct tui *t, const char *name)
{
	size_t *const top[] = { &t->flow.top, &t->findings.top, &t->stream.top, &t->detail.top, &t->help.top };
	int columns = t->columns, rows = t->rows, width = columns > EXPORT_COLUMNS ? columns : EXPORT_COLUMNS;
	size_t lines = 1, kept[sizeof top / sizeof *top], i;
	uint32_t list_top = t->list.top;
	char safe[2 * TUI_TYPED];
	struct canvas c = { .cell = NULL };
	bool drawn = true;
	FILE *out;
	int failed, n;

	for (i = 0; i < sizeof top / sizeof *top; i++)
		kept[i] = *top[i];
	/* First a picture for the number of lines that there are at that width. */
	for (n = 0; n < 2 && drawn; n++) {
		drawn = blank_canvas(t, &c, width, lines + 2);
		for (i = 0; i < sizeof top / sizeof *top; i++)
			*top[i] = 0;
		t->list.top = 0;
		tui_draw(t, &c);
		t->rows = rows;
		lines = lines_of(t) < EXPORT_LINES ? lines_of(t) : EXPORT_LINES;
	}
	for (i = 0; i < sizeof top / sizeof *top; i++)
		*top[i] = kept[i];
	t->list.top = list_top;
	t->columns = columns;
	if (!drawn)
		return;
	format_safe(safe, sizeof safe, &t->options.style, name);
	/* Nothing is overwritten by accident. */
	out = fopen(name, "wx");
	failed = !out || canvas_write(&c, out) || fflush(out);
	if (failed)
		tui_tell(t, "%s: %s", safe, strerror(errno));
	else
		tui_tell(t, "%zu lines written to %s", lines + 2, safe);
	if (out && fclose(out) && !failed)
		tui_tell(t, "%s: %s", safe, strerror(errno));
	canvas_fini(&c);
}

/* --- prompts -------------------------------------------------------------------------------------------------- */

/* What is searched for in the view. */
static char *words_of(struct tui *t)
{
	return t->view == VIEW_STREAM ? t->stream.words : t->flow.words;
}

/* For what is typed, from where the search began. */
static bool search(struct tui *t)
{
	struct pager *p = tui_pager(t);
	char *words = t->flow.words;

	t->seek.on = false;
	if (t->view == VIEW_STREAM) {
		stream_go(&t->stream, t->cursor_before, t->rows + 1);
		return stream_search(&t->stream, t->typed, t->rows + 1);
	}
	snprintf(words, FLOW_WORDS, "%.*s", FLOW_WORDS - 1, t->typed);
	if (p) {
		p->match = SIZE_MAX;
		pager_go(p, t->cursor_before, t->rows + 1);
		return !*words || pager_seek(p, words, 1, t->rows + 1);
	}
	flow_go_row(&t->flow, t->cursor_before);
	if (*words)
		tui_seek(t, FLOW_MATCH, 1, (int64_t)t->cursor_before, false);
	return true;
}

static void ask(struct tui *t, enum prompt prompt)
{
	static const char *const titles[] = {
		[PROMPT_FILTER] = "filter: ", [PROMPT_SEARCH] = "search: ", [PROMPT_GOTO] = "packet: ",
		[PROMPT_WRITE] = "write to: ",
	};

	t->prompt = prompt;
	t->prompt_title = titles[prompt];
	*t->typed = '\0';
	if (prompt == PROMPT_FILTER) {
		snprintf(t->words_before, sizeof t->words_before, "%s", t->list.words);
		snprintf(t->typed, sizeof t->typed, "%s", t->list.words);
	} else if (prompt == PROMPT_SEARCH) {
		snprintf(t->words_before, sizeof t->words_before, "%s", words_of(t));
		t->cursor_before = t->view == VIEW_FLOW ? t->flow.cursor : t->view == VIEW_STREAM ? t->stream.top :
			tui_pager(t)->top;
		search(t);
	} else if (prompt == PROMPT_WRITE) {
		suggest_name(t);
	}
}

/* What is typed takes effect at once where that can be taken back. */
static void typed(struct tui *t)
{
	if (t->prompt == PROMPT_FILTER) {
		list_set_words(&t->list, t->typed);
		list_update(&t->list);
	} else if (t->prompt == PROMPT_SEARCH) {
		search(t);
	}
}

static void answer(struct tui *t)
{
	enum prompt prompt = t->prompt;
	uint64_t frame;
	char *end;

	t->prompt = PROMPT_NONE;
	if (prompt == PROMPT_WRITE && *t->typed) {
		write_view(t, t->typed);
	} else if (prompt == PROMPT_GOTO && *t->typed) {
		frame = strtoull(t->typed, &end, 10);
		if (*end)
			tui_tell(t, "not a number: %s", t->typed);
		else
			tui_go_frame(t, t->story.conn, frame);
	} else if (prompt == PROMPT_FILTER && *t->list.error) {
		tui_tell(t, "%s", t->list.error);
	} else if (prompt == PROMPT_SEARCH && *t->typed) {
		if (t->view == VIEW_FLOW)
			tui_seek(t, FLOW_MATCH, 1, (int64_t)t->cursor_before, true);
		else if (!search(t))
			tui_tell(t, "not found");
	}
}

static void give_up(struct tui *t)
{
	if (t->prompt == PROMPT_FILTER)
		list_set_words(&t->list, t->words_before);
	if (t->prompt == PROMPT_SEARCH) {
		*t->typed = '\0';
		search(t);
		snprintf(words_of(t), FLOW_WORDS, "%s", t->words_before);
	}
	t->prompt = PROMPT_NONE;
}

static void prompt_key(struct tui *t, int code)
{
	size_t len = strlen(t->typed);

	if (code == TK_ESC) {
		give_up(t);
	} else if (code == '\n' || code == '\r') {
		answer(t);
	} else if (code == TK_BACKSPACE || code == 8) {
		if (!len) {
			give_up(t);
			return;
		}
		do
			t->typed[--len] = '\0';
		while (len && ((unsigned char)t->typed[len - 1] & 0xc0) == 0xc0);
		typed(t);
	} else if (code == 21) {                /* Ctrl-U */
		*t->typed = '\0';
		typed(t);
	} else if (code >= 0x20 && code < 0x100 && code != TK_BACKSPACE &&
		   len + 1 < (t->prompt == PROMPT_WRITE ? TUI_TYPED : LIST_WORDS)) {
		t->typed[len] = (char)code;
		t->typed[len + 1] = '\0';
		typed(t);
	}
}

/* --- the mouse ------------------------------------------------------------------------------------------------ */

static void click(struct tui *t, int code, int y, int x)
{
	int64_t place;
	int i;

	if (y == 0) {
		for (i = 0; i < VIEW_HELP && x >= t->tab_end[i]; i++)
			;
		if (i < VIEW_HELP)
			show_selected(t, (enum tui_view)i);
		return;
	}
	if (t->view == VIEW_LIST && y == 1) {
		list_click_title(&t->list, x);
		return;
	}
	if (t->view == VIEW_LIST && (place = list_at(&t->list, 1, y)) >= 0)
		list_go(&t->list, (uint32_t)place);
	else if (t->view == VIEW_FINDINGS && (place = findings_at(&t->findings, 1, y)) >= 0)
		findings_move(&t->findings, place - (int64_t)t->findings.cursor);
	else if (t->view == VIEW_FLOW && (place = flow_at(&t->flow, 1, y)) >= 0)
		flow_go_row(&t->flow, t->flow.line[place].row);
	else
		return;
	if (code == TK_DOUBLE)
		enter(t);
}

/* --- actions -------------------------------------------------------------------------------------------------- */

static void act_on_graph(struct tui *t, enum action action)
{
	switch (action) {
	case ACTION_PACKET_NEXT: case ACTION_PACKET_PREVIOUS:
		flow_move_row(&t->flow, action == ACTION_PACKET_NEXT ? 1 : -1);
		plot_show_cursor(&t->plot, &t->flow);
		break;
	case ACTION_KIND: t->plot.kind = (t->plot.kind + 1) % PLOT_KINDS; break;
	case ACTION_ZOOM_IN: plot_zoom(&t->plot, &t->flow, 2); break;
	case ACTION_ZOOM_OUT: plot_zoom(&t->plot, &t->flow, 0.5); break;
	case ACTION_ZOOM_ALL: plot_zoom(&t->plot, &t->flow, 0); break;
	case ACTION_PAN_LEFT: plot_pan(&t->plot, -0.25); break;
	case ACTION_PAN_RIGHT: plot_pan(&t->plot, 0.25); break;
	default: break;
	}
}

static void act(struct tui *t, enum action action)
{
	switch (action) {
	case ACTION_HELP:
		if (t->view != VIEW_HELP)
			t->before_help = t->view;
		t->view = VIEW_HELP;
		break;
	case ACTION_ENTER: enter(t); break;
	case ACTION_TAB: next_view(t, 1); break;
	case ACTION_BACKTAB: next_view(t, -1); break;
	case ACTION_VIEW_LIST: case ACTION_VIEW_FLOW: case ACTION_VIEW_GRAPH: case ACTION_VIEW_STREAM:
	case ACTION_VIEW_FINDINGS: case ACTION_VIEW_DETAIL:
		show_selected(t, (enum tui_view)(action - ACTION_VIEW_LIST));
		break;
	case ACTION_UP: move(t, -1); break;
	case ACTION_DOWN: move(t, 1); break;
	case ACTION_PAGE_UP: move(t, -page(t)); break;
	case ACTION_PAGE_DOWN: move(t, page(t)); break;
	case ACTION_TOP: go_to_end(t, false); break;
	case ACTION_BOTTOM: go_to_end(t, true); break;
	case ACTION_SEARCH: ask(t, t->view == VIEW_LIST ? PROMPT_FILTER : PROMPT_SEARCH); break;
	case ACTION_NEXT: next(t, 1); break;
	case ACTION_PREVIOUS: next(t, -1); break;
	case ACTION_SORT_NEXT: list_sort_by(&t->list, 1); break;
	case ACTION_SORT_PREVIOUS: list_sort_by(&t->list, -1); break;
	case ACTION_REVERSE: list_reverse(&t->list); break;
	case ACTION_PAUSE: t->paused = !t->paused; break;
	case ACTION_RETRANSMISSION: seek(t, FLOW_RETRANSMISSION, 1); break;
	case ACTION_RETRANSMISSION_BACK: seek(t, FLOW_RETRANSMISSION, -1); break;
	case ACTION_STATE: seek(t, FLOW_STATE, 1); break;
	case ACTION_STATE_BACK: seek(t, FLOW_STATE, -1); break;
	case ACTION_FINDING: seek_finding(t, 1); break;
	case ACTION_FINDING_BACK: seek_finding(t, -1); break;
	case ACTION_GOTO: ask(t, PROMPT_GOTO); break;
	case ACTION_TIME: t->flow.delta = !t->flow.delta; break;
	case ACTION_FOLD: flow_toggle(&t->flow); break;
	case ACTION_FOLD_ALL: flow_toggle_all(&t->flow); break;
	case ACTION_EVIDENCE: t->flow.no_detail = !t->flow.no_detail; break;
	case ACTION_PAGE_NEXT: turn_page(t, 1); break;
	case ACTION_PAGE_PREVIOUS: turn_page(t, -1); break;
	case ACTION_DIRECTION: turn_around(t); break;
	case ACTION_HEX: stream_toggle_hex(&t->stream); break;
	case ACTION_WRITE: ask(t, PROMPT_WRITE); break;
	default: act_on_graph(t, action);
	}
}

bool tui_key(struct tui *t, int code, int y, int x)
{
	enum action action;

	t->dirty = true;
	*t->message = '\0';
	if (!t->prompt)
		t->seek.on = false;
	/* What is searched in is what will be shown. */
	tui_render(t);
	if (t->prompt) {
		prompt_key(t, code);
		return true;
	}
	if (code == TK_CLICK || code == TK_DOUBLE) {
		click(t, code, y, x);
		return true;
	}
	if (code == TK_WHEEL_UP || code == TK_WHEEL_DOWN) {
		move(t, code == TK_WHEEL_UP ? -3 : 3);
		return true;
	}
	action = key_action(t->view, code);
	/* Esc gives up a search before it leaves the view. */
	if (code == TK_ESC && (V_FLOW | V_GRAPH | V_STREAM | V_DETAIL) & 1u << t->view && *words_of(t)) {
		*words_of(t) = '\0';
		t->stream.found = t->detail.match = SIZE_MAX;
		return true;
	}
	if (action == ACTION_BACK)
		return back(t);
	act(t, action);
	return true;
}
