#include "sink/tui/flow.h"

#include "core/segment.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LEAST_RUN = 6, MAX_TEXT = 512 };

void flow_init(struct flow *f, const struct style *style, const struct story *story, const struct findings *findings)
{
	*f = (struct flow){ .style = *style, .story = story, .findings = findings, .dirty = true };
}

void flow_fini(struct flow *f)
{
	free(f->line);
	free(f->open);
	*f = (struct flow){ .style = f->style };
}

void flow_restart(struct flow *f)
{
	f->cursor = f->top = 0;
	if (f->open)
		memset(f->open, 0, f->open_room);
	f->dirty = true;
}

bool flow_is_event(const struct label *l)
{
	return l->note || (l->flags & TH_RST) || l->verdict != LABEL_NEW || l->dup_ack == 1 || l->window ||
		l->keepalive_what;
}

/* --- lines ---------------------------------------------------------------------------------------------------- */

static bool is_plain(const struct rows *r, size_t i, const uint8_t state[2])
{
	const struct label *l = &r->row[i];

	return l->segment && !l->note && l->verdict == LABEL_NEW && !l->dup_ack && !l->window && !l->keepalive_what &&
		!l->n_sack && !(l->flags & (TH_SYN | TH_FIN | TH_RST)) && l->state[0] == state[0] &&
			l->state[1] == state[1];
}

static bool reserve(struct flow *f, size_t n)
{
	struct flow_line *line;
	uint8_t *open;

	if (n <= f->line_room)
		return true;
	n = n + n / 2 + 64;
	line = realloc(f->line, n * sizeof *line);
	if (!line)
		return false;
	f->line = line;
	open = realloc(f->open, n);
	if (!open)
		return false;
	memset(open + f->open_room, 0, n - f->open_room);
	f->open = open;
	f->open_room = f->line_room = n;
	return true;
}

void flow_update(struct flow *f)
{
	const struct rows *r = &f->story->rows;
	uint8_t state[2] = { ROWS_NO_STATE, ROWS_NO_STATE };
	size_t i, j;

	if (!f->dirty && f->version == f->story->version)
		return;
	f->n_lines = 0;
	if (!reserve(f, r->n))
		return;
	assert(!r->n || f->open);
	f->version = f->story->version;
	f->dirty = false;
	for (i = 0; i < r->n; i = j) {
		const struct label *l = &r->row[i];

		for (j = i; !f->all_open && !f->open[i] && j < r->n && is_plain(r, j, state); j++)
			;
		if (j - i >= LEAST_RUN) {
			f->line[f->n_lines++] = (struct flow_line){ (uint32_t)i, (uint32_t)(j - i) };
			continue;
		}
		j = i + 1;
		/* The rest of an unfolded run stays unfolded. */
		if (f->open[i] && j < r->n && is_plain(r, j, state))
			f->open[j] = 1;
		if (rows_is_shown(l))
			f->line[f->n_lines++] = (struct flow_line){ (uint32_t)i, 1 };
		if (l->segment)
			memcpy(state, l->state, sizeof state);
	}
	if (f->follow && r->n)
		f->cursor = r->n - 1;
	if (f->cursor >= r->n)
		f->cursor = r->n ? r->n - 1 : 0;
}

const struct label *flow_row(const struct flow *f)
{
	return f->cursor < f->story->rows.n ? &f->story->rows.row[f->cursor] : NULL;
}

size_t flow_line_of(const struct flow *f, size_t row)
{
	size_t low = 0, high = f->n_lines;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->line[mid].row <= row)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : 0;
}

void flow_go_row(struct flow *f, size_t row)
{
	size_t n = f->story->rows.n;

	f->cursor = row < n ? row : n ? n - 1 : 0;
	f->follow = f->story->last && n && f->cursor == n - 1;
}

void flow_move(struct flow *f, int64_t lines)
{
	int64_t to;

	flow_update(f);
	if (!f->n_lines)
		return;
	to = (int64_t)flow_line_of(f, f->cursor) + lines;
	to = to < 0 ? 0 : to >= (int64_t)f->n_lines ? (int64_t)f->n_lines - 1 : to;
	flow_go_row(f, f->line[to].row);
}

void flow_move_row(struct flow *f, int64_t rows)
{
	const struct rows *r = &f->story->rows;
	int64_t to = (int64_t)f->cursor + rows;

	while (to >= 0 && to < (int64_t)r->n && !rows_is_shown(&r->row[to]))
		to += rows < 0 ? -1 : 1;
	if (to < 0)
		to = 0;
	flow_go_row(f, (size_t)to);
}

void flow_go_frame(struct flow *f, uint64_t frame)
{
	size_t i = rows_find(&f->story->rows, frame);

	while (i < f->story->rows.n && !rows_is_shown(&f->story->rows.row[i]))
		i++;
	flow_go_row(f, i);
}

static bool says(const struct flow *f, size_t row)
{
	struct label_context context;
	char text[MAX_TEXT], frame[32];
	const char *at;
	size_t len = strlen(f->words);

	label_context_init(&context);
	label_text(&f->story->rows.row[row], &f->style, &context, true, text, sizeof text);
	snprintf(frame, sizeof frame, "#%llu", (unsigned long long)f->story->rows.row[row].frame);
	if (!len || !strcmp(frame, f->words))
		return len;
	for (at = text; *at; at++)
		if (!strncasecmp(at, f->words, len))
			return true;
	return false;
}

/* From the segment before, whatever stands between them. */
static bool changes_state(const struct rows *r, size_t i)
{
	const struct label *l = &r->row[i];

	if (l->note)
		return l->timer;
	while (i-- > 0)
		if (r->row[i].segment)
			return memcmp(l->state, r->row[i].state, sizeof l->state);
	return true;
}

static bool is_goal(const struct flow *f, size_t i, enum flow_goal goal)
{
	const struct rows *r = &f->story->rows;
	const struct label *l = &r->row[i];

	if (!rows_is_shown(l))
		return false;
	switch (goal) {
	case FLOW_EVENT: return flow_is_event(l);
	case FLOW_RETRANSMISSION: return l->verdict == LABEL_RETRANSMISSION;
	case FLOW_STATE: return changes_state(r, i);
	case FLOW_MATCH: return says(f, i);
	}
	return false;
}

enum flow_found flow_seek(struct flow *f, enum flow_goal goal, int step, int64_t *at)
{
	enum { ROWS = 10000 };          /* a few milliseconds, also with the words of each */
	int i;

	for (i = 0; i < ROWS; i++, *at += step) {
		if (*at < 0 || *at >= (int64_t)f->story->rows.n)
			return FLOW_NONE;
		if (is_goal(f, (size_t)*at, goal)) {
			flow_go_row(f, (size_t)*at);
			return FLOW_FOUND;
		}
	}
	return FLOW_MORE;
}

void flow_toggle(struct flow *f)
{
	const struct rows *r = &f->story->rows;
	size_t i;

	flow_update(f);
	if (!f->n_lines)
		return;
	i = f->cursor;
	if (f->line[flow_line_of(f, i)].n > 1) {
		f->open[f->line[flow_line_of(f, i)].row] = 1;
	} else {
		/* Back to where the run began. */
		for (; i < r->n && f->open[i]; i++)
			f->open[i] = 0;
		for (i = f->cursor; i-- > 0 && f->open[i]; f->cursor = i)
			f->open[i] = 0;
	}
	f->dirty = true;
	flow_update(f);
}

void flow_toggle_all(struct flow *f)
{
	f->all_open = !f->all_open;
	if (!f->all_open && f->open)
		memset(f->open, 0, f->open_room);
	f->dirty = true;
	flow_update(f);
}
