/* What stands around a view: the views above it, below it how things are and what keys there are. */
#include "sink/tui/room.h"

#include <inttypes.h>
#include <string.h>

static const char *const view_names[N_VIEWS] = {
	"Connections", "Flow", "Graphs", "Stream", "Findings", "Details", "Help"
};

const char *tui_view_name(enum tui_view view)
{
	return view_names[view];
}

/* --- above ---------------------------------------------------------------------------------------------------- */

/* Without room for all names that of the view that is shown. */
void tui_draw_tabs(struct tui *t, struct canvas *c)
{
	char name[256], text[320], conn[32] = "";
	int x = 0, all = 0, i;

	for (i = 0; i < VIEW_HELP; i++)
		all += 4 + (int)strlen(view_names[i]);
	for (i = 0; i < VIEW_HELP; i++) {
		bool here = t->view == (enum tui_view)i;

		x += canvas_print(c, 0, x, c->width - x, here ? PAINT_REVERSE | PAINT_STRONG : TINT_NONE,
			all <= c->width || here ? " %d %s " : " %d%.0s ", i + 1, view_names[i]);
		t->tab_end[i] = x;
	}
	format_safe(name, sizeof name, &t->options.style, t->options.source ? t->options.source : "");
	if (t->story.conn && t->view != VIEW_LIST && t->view != VIEW_FINDINGS && t->view != VIEW_HELP)
		snprintf(conn, sizeof conn, "connection %" PRIu32, t->story.conn);
	snprintf(text, sizeof text, "%s%s%s", name, *conn ? "  " : "", conn);
	if ((int)format_columns(text) < c->width - x - 1)
		canvas_right(c, 0, x + 1, c->width - x - 1, TINT_BOLD, text);
	else if ((int)strlen(conn) < c->width - x)
		canvas_right(c, 0, x, c->width - x, TINT_BOLD, conn);
}

/* --- how things are ------------------------------------------------------------------------------------------- */

static void progress_text(const struct tui *t, char *text, size_t size)
{
	char n[FORMAT_MAX], k[FORMAT_MAX], span[FORMAT_MAX];
	const struct tui_status *s = &t->status;
	size_t len = (size_t)snprintf(text, size, "%s packet%s, %s connection%s", format_count(n, (int64_t)s->packets),
		format_s((int64_t)s->packets), format_count(k, (int64_t)s->connections),
		format_s((int64_t)s->connections));

	if (!s->ended && s->total_bytes && len < size)
		len += (size_t)snprintf(text + len, size - len, ", reading, %.0f %%", 100.0 * (double)s->done_bytes /
			(double)s->total_bytes);
	if (s->span_ns != TCPSTAT_NULL && len < size)
		len += (size_t)snprintf(text + len, size - len, ", %s", format_duration(span, &t->options.style,
			s->span_ns));
	if (s->dropped != TCPSTAT_NULL && t->options.live && len < size)
		len += (size_t)snprintf(text + len, size - len, ", %s dropped by the capture", format_count(n,
			s->dropped));
	if (t->list.unlisted && len < size)
		snprintf(text + len, size - len, ", %s not listed", format_count(n, (int64_t)t->list.unlisted));
}

static void list_text(const struct tui *t, char *text, size_t size)
{
	char words[2 * LIST_WORDS], n[FORMAT_MAX];

	progress_text(t, text, size);
	if (*t->list.words) {
		size_t len = strlen(text);

		format_safe(words, sizeof words, &t->options.style, t->list.words);
		if (*t->list.error)
			snprintf(text + len, size - len, "  /%s: %s", words, t->list.error);
		else
			snprintf(text + len, size - len, "  /%s: %s shown", words, format_count(n, t->list.n_shown));
	} else if (t->paused) {
		size_t len = strlen(text);

		snprintf(text + len, size - len, "  held");
	}
}

static void flow_text(const struct tui *t, char *text, size_t size)
{
	const struct rows *r = &t->story.rows;
	char n[FORMAT_MAX];
	size_t len = 0;

	*text = '\0';
	if (!tui_load_done(t) && !t->options.live) {
		snprintf(text, size, t->loading ? "reading, %.0f %%" : "waiting for the end of the input",
			100 * t->load_share);
		return;
	}
	if (t->seek.on) {
		snprintf(text, size, "searching");
		return;
	}
	if (r->skipped || r->unseen)
		len = (size_t)snprintf(text, size, "packets from %s on%s  ", format_count(n, (int64_t)r->skipped + 1),
			t->options.live ? "" : "; ] [ turn pages");
	if (r->n && len < size)
		snprintf(text + len, size - len, "%zu of %zu%s", t->flow.cursor + 1, r->n,
			r->unseen ? ", and more" : "");
}

static void add_text(char *text, size_t size, const char *more)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s%s", len ? "  " : "", more);
}

static void status_text(const struct tui *t, char *text, size_t size)
{
	*text = '\0';
	if (*t->message)
		snprintf(text, size, "%s", t->message);
	else if (*t->load_error && t->view != VIEW_LIST && t->view != VIEW_FINDINGS)
		snprintf(text, size, "%s", t->load_error);
	else if (t->view == VIEW_LIST)
		list_text(t, text, size);
	else if (t->view == VIEW_FLOW || t->view == VIEW_GRAPH)
		flow_text(t, text, size);
	else if (t->view == VIEW_STREAM && t->story.n_chunks)
		stream_status(&t->stream, t->rows + 1, text, size);
	else if (t->view == VIEW_FINDINGS && t->findings.n)
		snprintf(text, size, "%zu of %zu%s", t->findings.cursor + 1, t->findings.n, t->findings.unlisted ?
			", the gravest" : "");
	else if (t->view == VIEW_DETAIL && t->detail.n)
		snprintf(text, size, "line %zu of %zu", t->detail.top + 1, t->detail.n);
	/* What went wrong with the input stays in sight where all of it is shown. */
	if (*t->note && !*t->message && (!*text || t->view == VIEW_LIST))
		add_text(text, size, t->note);
	if (tui_is_incomplete(t) && !*t->message)
		add_text(text, size, "incomplete: out of memory");
}

/* --- keys ----------------------------------------------------------------------------------------------------- */

/* Those that help most first; the last two are always there. */
static const struct hint { enum action action; const char *word; } hints[N_VIEWS][9] = {
	[VIEW_LIST] = { { ACTION_ENTER, "flow graph" }, { ACTION_SEARCH, "filter" }, { ACTION_NEXT, "trouble" },
		{ ACTION_SORT_NEXT, "sort" }, { ACTION_VIEW_FINDINGS, "findings" }, { ACTION_REVERSE, "reverse" } },
	[VIEW_FLOW] = { { ACTION_NEXT, "event" }, { ACTION_RETRANSMISSION, "retransmission" }, { ACTION_TAB, "graphs" },
		{ ACTION_STATE, "state" }, { ACTION_FINDING, "finding" }, { ACTION_FOLD, "fold" },
		{ ACTION_SEARCH, "search" }, { ACTION_TIME, "time" } },
	[VIEW_GRAPH] = { { ACTION_KIND, "kind" }, { ACTION_ZOOM_IN, "zoom" }, { ACTION_PACKET_NEXT, "packet" },
		{ ACTION_DIRECTION, "direction" }, { ACTION_NEXT, "event" }, { ACTION_PAN_RIGHT, "pan" },
		{ ACTION_ENTER, "flow graph" } },
	[VIEW_STREAM] = { { ACTION_HEX, "hex" }, { ACTION_SEARCH, "search" }, { ACTION_DIRECTION, "direction" },
		{ ACTION_NEXT, "gap, match" } },
	[VIEW_FINDINGS] = { { ACTION_ENTER, "evidence" } },
	[VIEW_DETAIL] = { { ACTION_SEARCH, "search" } },
};

static int hint_width(const struct hint *h, enum tui_view view)
{
	return key_first_len(key_names(view, h->action)) + 1 + (int)strlen(h->word);
}

static int draw_hint(const struct hint *h, enum tui_view view, struct canvas *c, int y, int x)
{
	const char *name = key_names(view, h->action);

	x += canvas_print(c, y, x, c->width - x, TINT_BOLD, "%.*s", key_first_len(name), name) + 1;
	return x + canvas_text(c, y, x, c->width - x, TINT_DIM, h->word) + 2;
}

static void draw_hints(const struct tui *t, struct canvas *c, int y, int from)
{
	const struct hint last[2] = { { ACTION_HELP, "help" },
		{ ACTION_BACK, t->view == VIEW_LIST ? "quit" : "back" } };
	int width = hint_width(&last[0], t->view) + 2 + hint_width(&last[1], t->view), n = 0, x, i;

	if (from + width > c->width) {
		if (from + hint_width(&last[0], t->view) <= c->width)
			draw_hint(&last[0], t->view, c, y, c->width - hint_width(&last[0], t->view));
		return;
	}
	while (hints[t->view][n].word && from + width + 2 + hint_width(&hints[t->view][n], t->view) <= c->width)
		width += 2 + hint_width(&hints[t->view][n++], t->view);
	for (i = 0, x = c->width - width; i < n; i++)
		x = draw_hint(&hints[t->view][i], t->view, c, y, x);
	x = draw_hint(&last[0], t->view, c, y, x);
	draw_hint(&last[1], t->view, c, y, x);
}

/* The end of what is typed stays in sight. */
static void draw_prompt(const struct tui *t, struct canvas *c, int y)
{
	int title = canvas_print(c, y, 0, c->width, TINT_BOLD, "%s", t->prompt_title);
	int room = c->width - title - 1, used;
	size_t len = strlen(t->typed);
	const char *shown = (int)len > room ? t->typed + (room > 0 ? len - (size_t)room : len) : t->typed;

	used = title + canvas_text(c, y, title, room, 0, shown);
	canvas_put(c, y, used, PAINT_REVERSE, ' ');
	used += 3;
	if (t->prompt == PROMPT_FILTER && *t->list.error)
		canvas_text(c, y, used, c->width - used, TINT_YELLOW, t->list.error);
	else if (t->prompt == PROMPT_FILTER && *t->typed)
		canvas_print(c, y, used, c->width - used, TINT_DIM,
			"%" PRIu32 " shown   Enter keeps it, Esc gives it up", t->list.n_shown);
	else if (t->prompt == PROMPT_FILTER)
		canvas_text(c, y, used, c->width - used, TINT_DIM, "words, or like  retx>0 and rtt_ms>50");
}

void tui_draw_foot(const struct tui *t, struct canvas *c, int y)
{
	char text[512];
	int used;

	if (t->prompt) {
		draw_prompt(t, c, y);
		return;
	}
	status_text(t, text, sizeof text);
	used = canvas_text(c, y, 0, c->width, *t->message ? TINT_YELLOW : TINT_BOLD, text);
	draw_hints(t, c, y, used ? used + 2 : 0);
}
