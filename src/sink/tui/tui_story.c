/* Which connection is looked at, and which page of it; jumps, which may have to turn pages. */
#include "sink/tui/room.h"

#include <inttypes.h>
#include <string.h>

/* --- the chosen connection ------------------------------------------------------------------------------------ */

static void story_from_ring(struct tui *t)
{
	uint64_t i = t->ring_next > TUI_RING ? t->ring_next - TUI_RING : 0;
	const struct list_row *row = list_find(&t->list, t->story.conn);

	for (; i < t->ring_next; i++) {
		const struct tcpstat_event *ev = &t->ring[i % TUI_RING];

		if (ev->conn == t->story.conn) {
			tui_note_state(t, ev);
			story_event(&t->story, ev);
		}
	}
	if (row && row->known) {
		struct tcpstat_event end = { .type = TCPSTAT_EV_CONNECTION, .conn = row->number,
			.connection = &row->conn };

		if (row->open)
			tui_snapshot(t, &row->conn);
		else
			story_event(&t->story, &end);
	}
	t->flow.follow = row && row->open;
}

static void begin_story(struct tui *t, uint32_t conn)
{
	t->version_before += t->story.version + 1;
	story_fini(&t->story);
	story_init(&t->story, conn, t->options.live);
	t->story.version = t->version_before;
	t->n_states = 0;
	t->wanted_frame = 0;
	flow_restart(&t->flow);
	plot_restart(&t->plot);
}

void tui_choose(struct tui *t, uint32_t conn)
{
	if (!conn || conn == t->story.conn)
		return;
	t->seek.on = false;
	t->plot.has_dir = false;
	findings_fini(&t->chosen);
	findings_add(&t->chosen, &t->findings, conn);
	begin_story(t, conn);
	stream_restart(&t->stream);
	if (t->options.live) {
		story_from_ring(t);
		flow_update(&t->flow);
		return;
	}
	t->wish = (struct tui_wish){ .conn = conn, .serial = t->wish.serial + 1 };
}

/* Another page: from packet `skip` of the connection on, or that with packet `until`. */
static void turn_to(struct tui *t, uint64_t skip, uint64_t until)
{
	uint32_t conn = t->story.conn;

	begin_story(t, conn);
	t->story.rows.skip = skip;
	t->story.rows.until = t->wanted_frame = until;
	t->wish = (struct tui_wish){ .conn = conn, .serial = t->wish.serial + 1 };
}

static uint64_t packets_of_page(const struct rows *r)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < r->n; i++)
		n += !r->row[i].note;
	return n;
}

bool tui_turn_page(struct tui *t, int step)
{
	const struct rows *r = &t->story.rows;

	if (t->options.live || !tui_load_done(t) || (step > 0 ? !r->unseen : !r->skipped || !r->n))
		return false;
	if (step > 0)
		turn_to(t, r->skipped + packets_of_page(r), 0);
	else
		turn_to(t, 0, r->row[0].frame - 1);
	return true;
}

void tui_go_frame(struct tui *t, uint32_t conn, uint64_t frame)
{
	const struct rows *r = &t->story.rows;

	tui_choose(t, conn);
	if (!t->options.live && !tui_load_done(t)) {
		/* What has been passed over is read again. */
		if (r->skip || r->skipped || r->unseen)
			turn_to(t, 0, frame);
		t->story.rows.until = t->wanted_frame = frame;
		return;
	}
	if (!t->options.live && r->n && ((frame < r->row[0].frame && r->skipped) ||
		(frame > r->row[r->n - 1].frame && r->unseen))) {
		turn_to(t, 0, frame);
		return;
	}
	flow_go_frame(&t->flow, frame);
	plot_show_cursor(&t->plot, &t->flow);
}

/* --- jumps ---------------------------------------------------------------------------------------------------- */

void tui_seek(struct tui *t, enum flow_goal goal, int step, int64_t at, bool pages)
{
	const struct label *l = flow_row(&t->flow);

	flow_update(&t->flow);
	t->seek.on = true;
	t->seek.goal = goal;
	t->seek.step = step;
	t->seek.at = at;
	t->seek.pages = pages;
	t->seek.origin = l ? l->frame : 0;
	t->seek.turned = false;
	tui_work(t);
}

static void found_nothing(struct tui *t)
{
	static const char *const names[] = { [FLOW_EVENT] = "event", [FLOW_RETRANSMISSION] = "retransmission",
		[FLOW_STATE] = "change of a state", [FLOW_MATCH] = "match" };

	t->seek.on = false;
	if (!t->seek.pages)
		return;
	tui_tell(t, "no %s %s", t->seek.step > 0 ? "further" : "earlier", names[t->seek.goal]);
	if (t->seek.turned)
		tui_go_frame(t, t->story.conn, t->seek.origin);
}

bool tui_work(struct tui *t)
{
	const struct rows *r = &t->story.rows;
	uint64_t first = r->n ? r->row[0].frame : 0;

	if (!t->seek.on || (!t->options.live && !tui_load_done(t)))
		return false;
	t->dirty = true;
	switch (flow_seek(&t->flow, t->seek.goal, t->seek.step, &t->seek.at)) {
	case FLOW_MORE: return true;
	case FLOW_FOUND:
		t->seek.on = false;
		plot_show_cursor(&t->plot, &t->flow);
		return false;
	case FLOW_NONE: break;
	}
	if (t->seek.pages && tui_turn_page(t, t->seek.step)) {
		t->seek.turned = true;
		t->seek.first = first;
		return false;
	}
	found_nothing(t);
	return false;
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
	if (t->seek.on && t->seek.turned)
		t->seek.at = t->seek.step > 0 ? 0 : (int64_t)rows_find(&t->story.rows, t->seek.first) - 1;
	plot_show_cursor(&t->plot, &t->flow);
	t->dirty = true;
}
