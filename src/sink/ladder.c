#include "sink/ladder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 512, MAX_ENDPOINT = 300 };

struct ladder {
	struct style style;
	struct rows rows;
};

struct ladder *ladder_new(const struct style *style, uint32_t conn, size_t max_rows)
{
	struct ladder *l = calloc(1, sizeof *l);

	if (l) {
		l->style = *style;
		rows_init(&l->rows, conn, max_rows);
	}
	return l;
}

void ladder_free(struct ladder *l)
{
	if (l)
		rows_fini(&l->rows);
	free(l);
}

bool ladder_done(const struct ladder *l)
{
	return l->rows.ended;
}

void ladder_event(struct ladder *l, const struct tcpstat_event *ev)
{
	rows_event(&l->rows, ev);
}

/* ------------------------------------------------------------------------------------------------------ the text */

struct layout {
	char name[2][MAX_ENDPOINT];
	size_t frame, time, side[2], arrow;
	int64_t start_ns;
};

static size_t max(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void measure(const struct ladder *l, struct layout *layout)
{
	enum { LEAST = 24, MOST = 80 };  /* MOST: where nothing limits the width, a few long lines may stick out */
	struct label_context context;
	char text[MAX_TEXT];
	size_t i, fixed;
	int side;

	layout->frame = layout->time = 4;
	layout->arrow = LEAST;
	layout->start_ns = l->rows.n ? l->rows.row[0].ts_ns : 0;
	label_context_init(&context);
	for (side = 0; side < 2; side++) {
		format_endpoint(layout->name[side], MAX_ENDPOINT, &l->style, &l->rows.addr[side], l->rows.port[side]);
		layout->side[side] = strlen(layout->name[side]);
	}
	for (i = 0; i < l->rows.n; i++) {
		const struct label *row = &l->rows.row[i];

		if (!rows_is_shown(row))
			continue;
		label_text(row, &l->style, &context, true, text, sizeof text);
		layout->arrow = max(layout->arrow, format_columns(text) + LABEL_ENDS);
		for (side = 0; side < 2; side++)
			layout->side[side] = max(layout->side[side], strlen(rows_state_name(row->state[side])));
		snprintf(text, sizeof text, "%" PRIu64, row->frame);
		layout->frame = max(layout->frame, strlen(text));
		layout->time = max(layout->time, strlen(format_seconds(text, row->ts_ns - layout->start_ns)));
	}
	fixed = layout->frame + 2 + layout->time + 2 + layout->side[0] + 2 + 2 + layout->side[1];
	if (l->style.width && layout->arrow + fixed > l->style.width)
		layout->arrow = l->style.width > fixed + LEAST ? l->style.width - fixed : LEAST;
	else if (!l->style.width && layout->arrow > MOST)
		layout->arrow = MOST;
}

/* As wide as the layout says, or as its words need. */
static void print_arrow(const struct ladder *l, const struct label *row, const char *text, size_t width)
{
	char arrow[2 * MAX_TEXT];
	enum tint tint = label_tint(row);

	fprintf(l->style.out, "%s%s%s", tint_on(&l->style, tint),
		label_arrow(row, &l->style, text, width, arrow, sizeof arrow), tint_off(&l->style, tint));
}

static void print_row(const struct ladder *l, const struct layout *layout, const struct label *row, const char *text,
		uint8_t shown[2])
{
	const char *state[2] = { "", "" };
	char time[FORMAT_MAX], frame[32] = "";
	FILE *out = l->style.out;
	int i;

	for (i = 0; i < 2; i++) {
		if (row->state[i] != ROWS_NO_STATE && row->state[i] != shown[i]) {
			state[i] = rows_state_name(row->state[i]);
			shown[i] = row->state[i];
		}
	}
	if (!row->timer)
		snprintf(frame, sizeof frame, "%" PRIu64, row->frame);
	fprintf(out, "%*s  %*s  %s%-*s%s  ", (int)layout->frame, frame, (int)layout->time,
		format_seconds(time, row->ts_ns - layout->start_ns),
		tint_on(&l->style, *state[0] ? TINT_BOLD : TINT_NONE),
		(int)layout->side[0], state[0], tint_off(&l->style, *state[0] ? TINT_BOLD : TINT_NONE));
	print_arrow(l, row, text, layout->arrow);
	if (*state[1])
		fprintf(out, "  %s%s%s", tint_on(&l->style, TINT_BOLD), state[1], tint_off(&l->style, TINT_BOLD));
	fputc('\n', out);
}

bool ladder_print(const struct ladder *l)
{
	struct label_context context, before;
	struct layout layout;
	char text[MAX_TEXT];
	uint8_t shown[2] = { ROWS_NO_STATE, ROWS_NO_STATE };
	size_t i;

	if (!l->rows.ended)
		return false;
	measure(l, &layout);
	fprintf(l->style.out, "%s%*s  %*s  %-*s  %*s  %s%s\n", tint_on(&l->style, TINT_BOLD), (int)layout.frame, "#",
		(int)layout.time, "time", (int)layout.side[0], layout.name[0], (int)layout.arrow, "", layout.name[1],
		tint_off(&l->style, TINT_BOLD));
	label_context_init(&context);
	for (i = 0; i < l->rows.n; i++) {
		const struct label *row = &l->rows.row[i];

		if (!rows_is_shown(row))
			continue;
		before = context;
		label_text(row, &l->style, &context, true, text, sizeof text);
		if (format_columns(text) + LABEL_ENDS > layout.arrow)
			label_text(row, &l->style, &before, false, text, sizeof text);
		print_row(l, &layout, row, text, shown);
	}
	if (l->rows.unseen)
		fprintf(l->style.out, "%" PRIu64 " more packets are not drawn\n", l->rows.unseen);
	if (l->rows.no_memory)
		fputs("The graph is incomplete: out of memory\n", l->style.out);
	return true;
}
