#include "sink/tui/findings.h"

#include "sink/found.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void findings_init(struct findings *f, const struct style *style)
{
	*f = (struct findings){ .style = *style };
}

static void item_fini(struct findings_item *item)
{
	free(item->title);
	free(item->detail);
}

void findings_fini(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		item_fini(&f->item[i]);
	free(f->item);
	*f = (struct findings){ .style = f->style };
}

static char *copy(struct findings *f, const char *text)
{
	char *to = text ? strdup(text) : NULL;

	f->no_memory |= text && !to;
	return to;
}

static bool worse(const struct findings_item *a, const struct findings_item *b)
{
	return a->severity != b->severity ? a->severity > b->severity : a->cost_ns > b->cost_ns;
}

static bool reserve(struct findings *f)
{
	size_t room = f->room ? 2 * f->room : 32;
	struct findings_item *item;

	if (f->n < f->room)
		return true;
	item = realloc(f->item, room * sizeof *item);
	if (!item) {
		f->no_memory = true;
		return false;
	}
	f->item = item;
	f->room = room;
	return true;
}

/* What was told while the capture went on gives way to the last word about it. */
static void give_way(struct findings *f, const struct tcpstat_event *ev)
{
	size_t i;

	for (i = f->n; i-- > 0;) {
		struct findings_item *item = &f->item[i];

		if (!item->ongoing || !item->title || !found_is_last_word(ev, item->id, item->title, item->about_len))
			continue;
		item_fini(item);
		f->n--;
		memmove(item, item + 1, (f->n - i) * sizeof *item);
		f->cursor -= i < f->cursor;
	}
}

void findings_event(struct findings *f, const struct tcpstat_event *ev)
{
	const struct tcpstat_ev_finding *e = &ev->finding;

	if (ev->type != TCPSTAT_EV_FINDING || !reserve(f))
		return;
	struct findings_item item = { .conn = ev->conn, .severity = e->severity, .cost_ns = e->cost_ns,
		.all_frames = e->n_frames, .id = e->id, .advice = e->advice, .man = e->man, .rule = e->rule,
		.ongoing = e->ongoing, .about_len = e->about ? strlen(e->about) : 0 };

	give_way(f, ev);
	size_t at = f->n;
	while (at > 0 && worse(&item, &f->item[at - 1]))
		at--;
	f->unlisted += f->n == FINDINGS_MAX;
	if (at == FINDINGS_MAX)
		return;
	if (f->n == FINDINGS_MAX)
		item_fini(&f->item[--f->n]);
	item.title = copy(f, e->title);
	item.detail = copy(f, e->detail);
	item.n_frames = e->n_frames < FINDINGS_FRAMES ? e->n_frames : FINDINGS_FRAMES;
	if (item.n_frames)
		memcpy(item.frame, e->frames, item.n_frames * sizeof *item.frame);
	else if (ev->frame)
		item.frame[item.n_frames++] = ev->frame;
	memmove(&f->item[at + 1], &f->item[at], (f->n - at) * sizeof item);
	f->item[at] = item;
	if (f->n++ && at <= f->cursor && f->moved)
		f->cursor++;
	if (f->cursor >= f->n)
		f->cursor = f->n - 1;
}

void findings_move(struct findings *f, int64_t lines)
{
	int64_t to = (int64_t)f->cursor + lines;

	f->moved = true;
	f->cursor = !f->n || to < 0 ? 0 : to >= (int64_t)f->n ? f->n - 1 : (size_t)to;
}

const struct findings_item *findings_selected(const struct findings *f)
{
	return f->cursor < f->n ? &f->item[f->cursor] : NULL;
}

uint64_t findings_seek(const struct findings *f, uint32_t conn, uint64_t frame, int step)
{
	uint64_t best = 0;
	size_t i;
	uint32_t k;

	for (i = 0; i < f->n; i++) {
		if (f->item[i].conn != conn)
			continue;
		for (k = 0; k < f->item[i].n_frames; k++) {
			uint64_t at = f->item[i].frame[k];

			if (step > 0 ? at > frame && (!best || at < best) : at < frame && at > best)
				best = at;
		}
	}
	return best;
}

struct tcpstat_event findings_event_of(const struct findings_item *item)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_FINDING, .conn = item->conn };

	ev.finding = (struct tcpstat_ev_finding){ .id = item->id, .severity = item->severity, .title = item->title,
		.detail = item->detail, .advice = item->advice, .man = item->man, .rule = item->rule,
		.cost_ns = item->cost_ns,
		.frames = item->frame, .n_frames = item->n_frames };
	return ev;
}

bool findings_has(const struct findings *f, const char *id)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (!strcmp(f->item[i].id, id))
			return true;
	return false;
}

void findings_add(struct findings *f, const struct findings *from, uint32_t conn)
{
	size_t i;

	for (i = 0; i < from->n; i++) {
		struct tcpstat_event ev = findings_event_of(&from->item[i]);

		if (ev.conn == conn && !findings_has(f, ev.finding.id))
			findings_event(f, &ev);
	}
}

const struct findings_item *findings_on(const struct findings *f, uint32_t conn, uint64_t frame)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < f->n; i++)
		for (k = 0; k < f->item[i].n_frames; k++)
			if (f->item[i].conn == conn && f->item[i].frame[k] == frame)
				return &f->item[i];
	return NULL;
}

static void draw_selected(const struct findings *f, const struct list *l, struct canvas *c, int y, int end)
{
	const struct findings_item *item = findings_selected(f);
	const struct list_row *row;
	char text[FINDINGS_FRAMES * 21 + 32], cost[FORMAT_MAX], client[300], server[300];
	size_t len = 0;
	uint32_t i;
	int x;

	for (x = 0; x < c->width; x++)
		canvas_put(c, y, x, TINT_DIM, f->style.utf8 ? 0x2500 : '-');
	y++;
	if (!item)
		return;
	if (item->title && y < end)
		y = canvas_words(c, y, end, TINT_BOLD, "", item->title);
	row = item->conn ? list_find(l, item->conn) : NULL;
	if (row && row->known && y < end) {
		format_endpoint(client, sizeof client, &f->style, &row->conn.addr[0], row->conn.port[0]);
		format_endpoint(server, sizeof server, &f->style, &row->conn.addr[1], row->conn.port[1]);
		canvas_print(c, y++, 0, c->width, 0, "conn      %" PRIu32 "  %s %s %s", item->conn, client,
			f->style.utf8 ? "\u2192" : "->", server);
	}
	if (item->detail && y < end)
		y = canvas_words(c, y, end, 0, "figures   ", item->detail);
	if (item->rule && y < end)
		y = canvas_words(c, y, end, 0, "because   ", item->rule);
	if (item->advice && y < end)
		y = canvas_words(c, y, end, TINT_GREEN, "advice    ", item->advice);
	*text = '\0';
	for (i = 0; i < item->n_frames; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%" PRIu64, i ? ", " : "", item->frame[i]);
	if (item->all_frames > item->n_frames)
		snprintf(text + len, sizeof text - len, " and %" PRIu32 " more", item->all_frames - item->n_frames);
	if (item->n_frames && y < end)
		y = canvas_words(c, y, end, 0, "packets   ", text);
	if (item->cost_ns != TCPSTAT_NULL && y < end)
		y = canvas_words(c, y, end, 0, "cost      ", format_duration(cost, &f->style, item->cost_ns));
	snprintf(text, sizeof text, "tcpstat-troubleshooting(7), %.64s", item->man ? item->man : "");
	if (item->man && y < end)
		canvas_words(c, y, end, TINT_DIM, "read      ", text);
}

static void draw_item(const struct findings *f, const struct findings_item *item, struct canvas *c, int y)
{
	const char *severity = tcpstat_severity_name(item->severity);
	char conn[32] = "all", cost[FORMAT_MAX] = "";
	uint8_t tint = item->severity >= TCPSTAT_SEVERITY_PROBLEM ? TINT_RED : item->severity ? TINT_YELLOW :
		TINT_NONE;

	if (item->conn)
		snprintf(conn, sizeof conn, "%" PRIu32, item->conn);
	if (item->cost_ns != TCPSTAT_NULL)
		format_duration(cost, &f->style, item->cost_ns);
	canvas_text(c, y, 0, 8, tint, severity ? severity : "");
	canvas_right(c, y, 9, 7, 0, conn);
	canvas_right(c, y, 17, 9, 0, cost);
	canvas_print(c, y, 28, c->width - 28, 0, "%s", item->title ? item->title : item->id ? item->id : "");
}

void findings_draw(struct findings *f, const struct list *l, struct canvas *c, int y, int rows)
{
	int below = rows >= 12 ? rows / 2 < 14 ? rows / 2 : 14 : 0, lines = rows - 1 - below, i, x;

	if (lines < 1)
		return;
	canvas_print(c, y, 0, c->width, 0, "%-8s %7s %9s  %-*s", "severity", "conn", "cost", c->width, "what");
	canvas_paint(c, y, 0, c->width, PAINT_REVERSE);
	if (!f->n)
		canvas_text(c, y + 2, 2, c->width - 2, 0, "Nothing wrong found.");
	if (f->cursor < f->top)
		f->top = f->cursor;
	if (f->cursor >= f->top + (size_t)lines)
		f->top = f->cursor - (size_t)lines + 1;
	for (i = 0; i < lines && f->top + (size_t)i < f->n; i++) {
		int at = y + 1 + i;

		draw_item(f, &f->item[f->top + (size_t)i], c, at);
		if (f->top + (size_t)i != f->cursor)
			continue;
		for (x = 0; x < c->width; x++)
			if (!*c->cell[at * c->width + x].text)
				canvas_put(c, at, x, 0, ' ');
		canvas_paint(c, at, 0, c->width, PAINT_REVERSE);
	}
	if (below)
		draw_selected(f, l, c, y + 1 + lines, y + rows);
}

int64_t findings_at(const struct findings *f, int y0, int y)
{
	int64_t place = (int64_t)f->top + y - y0 - 1;

	return y > y0 && place < (int64_t)f->n ? place : -1;
}
