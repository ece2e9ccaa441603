#include "sink/tui/tui.h"
#include "sink/tui/room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const view_names[N_VIEWS] = {
	"Connections", "Flow", "Graphs", "Stream", "Findings", "Details", "Help"
};

struct tui *tui_new(const struct tui_options *options)
{
	struct tui *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->options = *options;
	t->dirty = true;
	list_init(&t->list, &options->style);
	findings_init(&t->findings, &options->style);
	flow_init(&t->flow, &options->style, &t->story);
	plot_init(&t->plot);
	pager_init(&t->stream);
	pager_init(&t->detail);
	pager_init(&t->help);
	t->stream_dir = TCPSTAT_NODIR;
	t->rows = 24;
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
	flow_fini(&t->flow);
	story_fini(&t->story);
	pager_fini(&t->stream);
	pager_fini(&t->detail);
	pager_fini(&t->help);
	free(t->ring);
	free(t);
}

/* --- what comes in -------------------------------------------------------------------------------------------- */

static void note_state(struct tui *t, const struct tcpstat_event *ev)
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

static void snapshot(struct tui *t, const struct tcpstat_conn *c)
{
	list_snapshot(&t->list, c);
	if (t->story.conn == c->number && !t->story.rows.ended) {
		t->story.record = *c;
		t->story.has_record = true;
		memcpy(t->story.rows.addr, c->addr, sizeof c->addr);
		memcpy(t->story.rows.port, c->port, sizeof c->port);
	}
	t->dirty = true;
}

void tui_event(struct tui *t, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_PROGRESS) {
		if (!t->paused)
			snapshot(t, ev->connection);
		return;
	}
	list_event(&t->list, ev);
	findings_event(&t->findings, ev);
	if (t->options.live) {
		if (ev->type != TCPSTAT_EV_CONNECTION && ev->type != TCPSTAT_EV_FINDING && ev->conn)
			keep(t, ev);
		note_state(t, ev);
		story_event(&t->story, ev);
	}
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
	note_state(t, ev);
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

void tui_load_end(struct tui *t, const char *error)
{
	t->loading = false;
	t->story.version++;
	snprintf(t->load_error, sizeof t->load_error, "%s", error ? error : "");
	flow_update(&t->flow);
	if (t->wanted_frame)
		flow_go_frame(&t->flow, t->wanted_frame);
	t->wanted_frame = 0;
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

/* --- the chosen connection ------------------------------------------------------------------------------------ */

static void story_from_ring(struct tui *t)
{
	uint64_t i = t->ring_next > TUI_RING ? t->ring_next - TUI_RING : 0;
	const struct list_row *row = list_find(&t->list, t->story.conn);

	for (; i < t->ring_next; i++) {
		const struct tcpstat_event *ev = &t->ring[i % TUI_RING];

		if (ev->conn == t->story.conn) {
			note_state(t, ev);
			story_event(&t->story, ev);
		}
	}
	if (row && row->known) {
		struct tcpstat_event end = { .type = TCPSTAT_EV_CONNECTION, .conn = row->number,
			.connection = &row->conn };

		if (row->open)
			snapshot(t, &row->conn);
		else
			story_event(&t->story, &end);
	}
	t->flow.follow = row && row->open;
}

void tui_choose(struct tui *t, uint32_t conn, uint64_t skip)
{
	if (!conn || (conn == t->story.conn && skip == t->story.rows.skip))
		return;
	story_fini(&t->story);
	story_init(&t->story, conn, skip, t->options.live);
	t->n_states = 0;
	t->stream_version = t->detail_version = UINT64_MAX;
	flow_restart(&t->flow);
	plot_init(&t->plot);
	if (t->options.live) {
		story_from_ring(t);
		flow_update(&t->flow);
		return;
	}
	t->wish = (struct tui_wish){ .conn = conn, .skip = skip, .serial = t->wish.serial + 1 };
}

/* To a packet of the connection, once it has been read. */
void tui_go_frame(struct tui *t, uint32_t conn, uint64_t frame)
{
	tui_choose(t, conn, 0);
	if (tui_load_done(t) || t->options.live)
		flow_go_frame(&t->flow, frame);
	else
		t->wanted_frame = frame;
}

/* --- text views ----------------------------------------------------------------------------------------------- */

static void fill(struct pager *p, FILE *out, char **text, size_t *len)
{
	if (!out)
		return;
	fclose(out);
	if (*text)
		pager_take(p, *text, *len);
}

/* Lines take the colour of who speaks; follow.c says who. */
static void paint_stream(struct pager *p)
{
	uint8_t paint = TINT_NONE;
	size_t i;

	for (i = 0; i < p->n; i++) {
		const char *line = p->text + p->line[i];

		if (!strcmp(line, "--- client -> server"))
			paint = TINT_RED;
		else if (!strcmp(line, "--- server -> client"))
			paint = PAINT_BLUE;
		p->paint[i] = !strncmp(line, "[gap: ", 6) ? TINT_YELLOW | PAINT_STRONG :
			!strncmp(line, "--- ", 4) ? paint | PAINT_STRONG : paint;
	}
}

static void render_stream(struct tui *t)
{
	const struct story *s = &t->story;
	struct streams_options options = { .follow_dir = t->stream_dir, .utf8 = t->options.style.utf8,
		.format = t->hex ? STREAMS_HEX : STREAMS_ASCII };
	struct follow follow;
	char *text = NULL;
	size_t len = 0, i;

	options.out = open_memstream(&text, &len);
	if (!options.out)
		return;
	follow_init(&follow, &options);
	for (i = 0; i < s->n_chunks; i++) {
		const struct story_chunk *c = &s->chunk[i];
		struct tcpstat_ev_gap gap = { .offset = c->offset, .len = c->len,
			.why = (enum tcpstat_gap_why)c->why };

		if (c->gap)
			follow_gap(&follow, (enum tcpstat_dir)c->dir, &gap);
		else
			follow_bytes(&follow, (enum tcpstat_dir)c->dir, c->offset, s->bytes + c->at, (size_t)c->len);
	}
	follow_finish(&follow);
	if (s->bytes_unseen)
		fprintf(options.out,
			"%" PRIu64 " more bytes are not shown: --follow %" PRIu32 " writes all of them\n",
			s->bytes_unseen, s->conn);
	if (!s->n_chunks)
		fputs(t->options.live ? "nothing since it was chosen; what came before is not kept\n" :
			tui_load_done(t) ? "no payload\n" : "reading\n", options.out);
	fill(&t->stream, options.out, &text, &len);
	paint_stream(&t->stream);
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
		detail_event(detail, &end);
		detail_print(detail);
	} else {
		fputs("reading\n", style.out);
	}
	detail_free(detail);
	fill(&t->detail, style.out, &text, &len);
	/* Titles stand at the margin. */
	for (i = 0; i < t->detail.n; i++)
		if (t->detail.text[t->detail.line[i]] != ' ')
			t->detail.paint[i] = TINT_BOLD;
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
				fprintf(out, "\n%s\n", view_names[order[k]]);
			any = true;
			fprintf(out, "  %-12s %s\n", key_rows[i].names, key_rows[i].help);
		}
	}
	fputs("\nFilters are made of the fields of tcpstat-json(5): c2s.retransmissions.total>0, client_state=CLOSED,\n"
	      "with = != < <= > >= ~ (contains), and, or, not and ( ); units k M G us ms s % may follow a number.\n"
	      "The mouse selects, opens with a double click, and scrolls.\n", out);
	fill(&t->help, out, &text, &len);
	for (i = 0; i < t->help.n; i++)
		if (t->help.text[t->help.line[i]] != ' ')
			t->help.paint[i] = TINT_BOLD;
}

struct pager *tui_pager(struct tui *t)
{
	if (t->view == VIEW_STREAM)
		return &t->stream;
	return t->view == VIEW_DETAIL ? &t->detail : t->view == VIEW_HELP ? &t->help : NULL;
}

void tui_render(struct tui *t)
{
	if (t->view == VIEW_STREAM && t->stream_version != t->story.version) {
		render_stream(t);
		t->stream_version = t->story.version;
	} else if (t->view == VIEW_DETAIL && (t->detail_version != t->story.version ||
		t->detail_columns != t->columns)) {
		render_detail(t);
		t->detail_version = t->story.version;
		t->detail_columns = t->columns;
	} else if (t->view == VIEW_HELP && !t->help.text) {
		render_help(t);
	}
}

/* --- the picture ---------------------------------------------------------------------------------------------- */

static void draw_bar(const struct tui *t, struct canvas *c)
{
	char name[256], text[320], conn[32] = "";
	int x = 0, i;

	for (i = 0; i < VIEW_HELP; i++) {
		bool here = t->view == (enum tui_view)i;

		x += canvas_print(c, 0, x, c->width - x, here ? PAINT_REVERSE | PAINT_STRONG : TINT_NONE, " %d %s ",
			i + 1,
			view_names[i]);
	}
	format_safe(name, sizeof name, &t->options.style, t->options.source ? t->options.source : "");
	if (t->story.conn && t->view != VIEW_LIST && t->view != VIEW_FINDINGS)
		snprintf(conn, sizeof conn, "  connection %" PRIu32, t->story.conn);
	snprintf(text, sizeof text, "%s%s", name, conn);
	if ((int)format_columns(text) < c->width - x - 1)
		canvas_right(c, 0, x + 1, c->width - x - 1, TINT_BOLD, text);
	else if ((int)strlen(conn) < c->width - x)
		canvas_right(c, 0, x, c->width - x, TINT_BOLD, conn);
}

static void progress_text(const struct tui *t, char *text, size_t size)
{
	char n[FORMAT_MAX], k[FORMAT_MAX], span[FORMAT_MAX];
	const struct tui_status *s = &t->status;
	size_t len = (size_t)snprintf(text, size, "%s packet%s, %s connection%s", format_count(n, (int64_t)s->packets),
		format_s((int64_t)s->packets), format_count(k, (int64_t)s->connections),
		format_s((int64_t)s->connections));

	if (!s->ended && s->total_bytes && len < size)
		len += (size_t)snprintf(text + len, size - len, ", %.0f %%", 100.0 * (double)s->done_bytes /
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
	size_t len = 0;

	*text = '\0';
	if (!tui_load_done(t) && !t->options.live) {
		snprintf(text, size, t->loading ? "reading, %.0f %%" : "waiting for the end of the input",
			100 * t->load_share);
		return;
	}
	if (r->skipped || r->unseen)
		len = (size_t)snprintf(text, size,
			"packets %" PRIu64 " to %" PRIu64 " of %" PRIu64 ", ] and [ turn pages  ",
			r->skipped + 1, r->skipped + r->n, r->skipped + r->n + r->unseen);
	if (r->n && len < size)
		snprintf(text + len, size - len, "%zu of %zu%s", t->flow.cursor + 1, r->n, r->no_memory ?
			"  incomplete: out of memory" : "");
}

static void draw_foot(const struct tui *t, struct canvas *c, int y)
{
	static const char *const hints[N_VIEWS] = {
		"Enter flow graph  / filter  < > sort  n trouble  ? help  q quit",
		"n event  r retransmission  s state  Space fold  Tab graphs  ? help  q back",
		"v kind  d direction  + - zoom  Left Right packet  n event  ? help  q back",
		"x text/hex  d direction  / search  n gap  ? help  q back",
		"Enter evidence  ? help  q back",
		"/ search  ? help  q back",
		"q back",
	};
	char text[512];
	int used, room;

	if (t->prompt) {
		used = canvas_print(c, y, 0, c->width, TINT_BOLD, "%s%s", t->prompt_title, t->typed);
		canvas_put(c, y, used, PAINT_REVERSE, ' ');
		if (t->prompt == PROMPT_FILTER && *t->list.error)
			canvas_text(c, y, used + 3, c->width - used - 3, TINT_YELLOW, t->list.error);
		return;
	}
	*text = '\0';
	if (*t->message)
		snprintf(text, sizeof text, "%s", t->message);
	else if (*t->load_error && t->view != VIEW_LIST)
		snprintf(text, sizeof text, "%s", t->load_error);
	else if (t->view == VIEW_LIST)
		list_text(t, text, sizeof text);
	else if (t->view == VIEW_FLOW || t->view == VIEW_GRAPH)
		flow_text(t, text, sizeof text);
	/* What went wrong with the input stays in sight where all of it is shown. */
	if (*t->note && !*t->message && (!*text || t->view == VIEW_LIST)) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof text - len, "%s%s", len ? "  " : "", t->note);
	}
	used = canvas_text(c, y, 0, c->width, *t->message ? TINT_YELLOW : TINT_BOLD, text);
	room = c->width - used - 2;
	if (room >= (int)strlen(hints[t->view]))
		canvas_right(c, y, used + 2, room, TINT_DIM, hints[t->view]);
	else if (room >= 6)
		canvas_right(c, y, used + 2, room, TINT_DIM, "? help");
}

static void draw_empty(const struct tui *t, struct canvas *c)
{
	const char *why = "choose a connection first: 1, then Enter";

	if (t->story.conn)
		why = *t->load_error ? t->load_error : tui_load_done(t) || t->options.live ? "no packets" : "reading";
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
	draw_bar(t, c);
	tui_render(t);
	switch (t->view) {
	case VIEW_LIST: list_draw(&t->list, c, 1, rows); break;
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
	case VIEW_FINDINGS: findings_draw(&t->findings, c, 1, rows); break;
	default:
		if (!t->story.conn && t->view != VIEW_HELP)
			draw_empty(t, c);
		else
			pager_draw(tui_pager(t), c, 1, rows);
	}
	draw_foot(t, c, c->height - 1);
}
