#include "sink/tui/tui.h"
#include "sink/tui/room.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct tui *tui_new(const struct tui_options *options)
{
	struct tui *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->options = *options;
	t->dirty = true;
	list_init(&t->list, &options->style);
	if (options->list_rows)
		t->list.most = options->list_rows;
	findings_init(&t->findings, &options->style);
	findings_init(&t->chosen, &options->style);
	flow_init(&t->flow, &options->style, &t->story, &t->chosen);
	plot_init(&t->plot);
	stream_init(&t->stream, &options->style, &t->story);
	pager_init(&t->detail);
	pager_init(&t->help);
	t->detail_version = UINT64_MAX;
	t->rows = 21;
	t->columns = 80;
	if (options->live) {
		t->ring = calloc(TUI_RING, sizeof *t->ring);
		if (!t->ring) {
			tui_free(t);
			return NULL;
		}
	}
	return t;
}

void tui_free(struct tui *t)
{
	if (!t)
		return;
	list_fini(&t->list);
	findings_fini(&t->findings);
	findings_fini(&t->chosen);
	flow_fini(&t->flow);
	story_fini(&t->story);
	stream_fini(&t->stream);
	pager_fini(&t->detail);
	pager_fini(&t->help);
	free(t->ring);
	free(t);
}

/* --- what comes in -------------------------------------------------------------------------------------------- */

void tui_note_state(struct tui *t, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_STATE && ev->conn == t->story.conn && t->n_states < TUI_STATES)
		t->state[t->n_states++] = *ev;
}

static void keep(struct tui *t, const struct tcpstat_event *ev)
{
	struct tcpstat_event *to = &t->ring[t->ring_next++ % TUI_RING];

	*to = *ev;
	if (to->type == TCPSTAT_EV_SEGMENT)
		to->segment.payload = NULL;
}

void tui_snapshot(struct tui *t, const struct tcpstat_conn *c)
{
	list_snapshot(&t->list, c);
	if (t->story.conn == c->number && !t->story.rows.ended) {
		story_record(&t->story, c);
		memcpy(t->story.rows.addr, c->addr, sizeof c->addr);
		memcpy(t->story.rows.port, c->port, sizeof c->port);
	}
	t->dirty = true;
}

void tui_event(struct tui *t, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_PROGRESS) {
		if (!t->paused)
			tui_snapshot(t, ev->connection);
		return;
	}
	list_event(&t->list, ev);
	findings_event(&t->findings, ev);
	if (t->options.live) {
		if (ev->type != TCPSTAT_EV_CONNECTION && ev->type != TCPSTAT_EV_FINDING && ev->conn)
			keep(t, ev);
		tui_note_state(t, ev);
		story_event(&t->story, ev);
	}
	if (ev->type == TCPSTAT_EV_FINDING && ev->conn && ev->conn == t->story.conn)
		findings_event(&t->chosen, ev);
}

void tui_bytes(struct tui *t, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	story_bytes(&t->story, conn, dir, offset, bytes, len);
}

void tui_status(struct tui *t, const struct tui_status *s)
{
	t->status = *s;
	snprintf(t->note, sizeof t->note, "%s", s->note ? s->note : "");
	t->dirty = true;
}

struct tui_wish tui_wish(const struct tui *t)
{
	return t->wish;
}

void tui_load_begin(struct tui *t)
{
	t->loading = true;
	t->load_share = 0;
	t->load_error[0] = '\0';
	t->loaded = t->wish.serial;
	t->dirty = true;
}

void tui_load_event(struct tui *t, const struct tcpstat_event *ev)
{
	tui_note_state(t, ev);
	if (ev->type == TCPSTAT_EV_FINDING && ev->conn == t->story.conn && !findings_has(&t->chosen, ev->finding.id))
		findings_event(&t->chosen, ev);
	story_event(&t->story, ev);
}

void tui_load_bytes(struct tui *t, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes,
	size_t len)
{
	story_bytes(&t->story, conn, dir, offset, bytes, len);
}

void tui_load_progress(struct tui *t, double share)
{
	t->load_share = share;
	t->dirty = true;
}

bool tui_load_done(const struct tui *t)
{
	return !t->loading && t->loaded == t->wish.serial;
}

bool tui_is_dirty(const struct tui *t)
{
	return t->dirty;
}

bool tui_is_incomplete(const struct tui *t)
{
	return t->list.no_memory || t->findings.no_memory || t->story.no_memory || t->story.rows.no_memory;
}

void tui_tell(struct tui *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->message, sizeof t->message, format, args);
	va_end(args);
}

/* --- text views ----------------------------------------------------------------------------------------------- */

static void fill(struct pager *p, FILE *out, char **text, size_t *len, int width)
{
	if (!out)
		return;
	fclose(out);
	if (*text)
		pager_take(p, *text, *len, width);
}

static void render_detail(struct tui *t)
{
	struct style style = t->options.style;
	struct tcpstat_event end = { .type = TCPSTAT_EV_CONNECTION, .conn = t->story.conn,
		.connection = &t->story.record };
	struct detail *detail;
	char *text = NULL;
	size_t len = 0, i;

	style.out = open_memstream(&text, &len);
	if (!style.out)
		return;
	style.color = false;
	style.width = (unsigned)t->columns;
	detail = detail_new(&style, t->story.conn);
	if (detail && t->story.has_record) {
		for (i = 0; i < t->n_states; i++)
			detail_event(detail, &t->state[i]);
		for (i = 0; i < t->chosen.n; i++) {
			struct tcpstat_event finding = findings_event_of(&t->chosen.item[i]);

			detail_event(detail, &finding);
		}
		detail_event(detail, &end);
		detail_print(detail);
	} else {
		fputs("reading\n", style.out);
	}
	detail_free(detail);
	fill(&t->detail, style.out, &text, &len, t->columns);
	/* Titles stand at the margin. */
	for (i = 0; i < t->detail.n; i++)
		if (t->detail.text[t->detail.line[i].at] != ' ' && !t->detail.line[i].indent)
			t->detail.line[i].paint = TINT_BOLD;
}

static void render_help(struct tui *t)
{
	static const enum tui_view order[] = { VIEW_LIST, VIEW_FLOW, VIEW_GRAPH, VIEW_STREAM, VIEW_FINDINGS };
	char *text = NULL;
	size_t len = 0, i, k;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	fputs("Everywhere\n", out);
	for (i = 0; i < n_key_rows; i++)
		if (key_rows[i].views == V_ALL)
			fprintf(out, "  %-12s %s\n", key_rows[i].names, key_rows[i].help);
	for (k = 0; k < sizeof order / sizeof *order; k++) {
		bool any = false;

		for (i = 0; i < n_key_rows; i++) {
			if (key_rows[i].views == V_ALL || !(key_rows[i].views & 1u << order[k]))
				continue;
			if (!any)
				fprintf(out, "\n%s\n", tui_view_name(order[k]));
			any = true;
			fprintf(out, "  %-12s %s\n", key_rows[i].names, key_rows[i].help);
		}
	}
	fputs("\nFilters are made of the fields of tcpstat-json(5): c2s.retransmissions.total>0, client_state=CLOSED,\n"
	      "with = != < <= > >= ~ (contains), and, or, not and ( ); units k M G us ms s % may follow a number.\n"
	      "The mouse selects, opens with a double click, scrolls, sorts by a title, shows a view by its name.\n",
	      out);
	fill(&t->help, out, &text, &len, t->columns);
	for (i = 0; i < t->help.n; i++)
		if (t->help.text[t->help.line[i].at] != ' ' && !t->help.line[i].indent)
			t->help.line[i].paint = TINT_BOLD;
}

struct pager *tui_pager(struct tui *t)
{
	return t->view == VIEW_DETAIL ? &t->detail : t->view == VIEW_HELP ? &t->help : NULL;
}

void tui_render(struct tui *t)
{
	if (t->view == VIEW_STREAM) {
		stream_update(&t->stream, t->columns);
	} else if (t->view == VIEW_DETAIL && (t->detail_version != t->story.version ||
		t->detail_columns != t->columns)) {
		render_detail(t);
		t->detail_version = t->story.version;
		t->detail_columns = t->columns;
	} else if (t->view == VIEW_HELP && (!t->help.text || t->help_columns != t->columns)) {
		render_help(t);
		t->help_columns = t->columns;
	}
}

/* --- the picture ---------------------------------------------------------------------------------------------- */

static void draw_no_connections(const struct tui *t, struct canvas *c)
{
	const char *why = "no TCP connections in the input";

	if (*t->list.needle || t->list.has_filter)
		why = "no connection matches: Esc gives up the filter";
	else if (!t->status.ended)
		why = t->options.live ? "waiting for packets" : "reading";
	canvas_text(c, 3, 2, c->width - 2, TINT_NONE, why);
}

static void draw_empty(const struct tui *t, struct canvas *c)
{
	const char *why = "choose a connection first: 1, then Enter";

	if (t->story.conn && *t->load_error)
		why = t->load_error;
	else if (t->story.conn && !t->options.live && !tui_load_done(t))
		why = t->loading ? "reading" : "waiting for the end of the input";
	else if (t->story.conn && t->view == VIEW_STREAM)
		why = t->options.live ? "nothing since it was chosen; what came before is not kept" : "no payload";
	else if (t->story.conn)
		why = "no packets";
	canvas_text(c, 2, 2, c->width - 2, TINT_NONE, why);
}

void tui_draw(struct tui *t, struct canvas *c)
{
	int rows = c->height - 2;

	t->rows = rows - 1;
	t->columns = c->width;
	t->dirty = false;
	if (!c->cell)
		return;
	memset(c->cell, 0, sizeof *c->cell * (size_t)c->width * (size_t)c->height);
	tui_draw_tabs(t, c);
	tui_render(t);
	switch (t->view) {
	case VIEW_LIST:
		list_draw(&t->list, c, 1, rows);
		if (!t->list.n_shown)
			draw_no_connections(t, c);
		break;
	case VIEW_FLOW:
		flow_draw(&t->flow, c, 1, rows);
		if (!t->story.rows.n)
			draw_empty(t, c);
		break;
	case VIEW_GRAPH:
		plot_draw(&t->plot, &t->flow, c, 1, rows);
		if (!t->story.rows.n)
			draw_empty(t, c);
		break;
	case VIEW_FINDINGS: findings_draw(&t->findings, &t->list, c, 1, rows); break;
	case VIEW_STREAM:
		stream_draw(&t->stream, c, 1, rows);
		if (!t->stream.n)
			draw_empty(t, c);
		break;
	default:
		if (!t->story.conn && t->view != VIEW_HELP)
			draw_empty(t, c);
		else
			pager_draw(tui_pager(t), c, 1, rows);
	}
	tui_draw_foot(t, c, c->height - 1);
}
