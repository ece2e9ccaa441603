#include "sink/table.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 2 };                       /* columns between two cells */

struct table_cell {
	char *text;
	enum tint tint;
};

void table_init(struct table *t, const struct style *style)
{
	*t = (struct table){ .style = style };
}

void table_fini(struct table *t)
{
	size_t i;

	for (i = 0; i < t->n_cells; i++)
		free(t->cells[i].text);
	free(t->cells);
}

void table_column(struct table *t, const char *title, bool right, uint8_t drop)
{
	if (t->n_columns < TABLE_MAX_COLUMNS)
		t->column[t->n_columns++] = (struct table_column){ .title = title, .right = right, .drop = drop };
}

void table_cell(struct table *t, const char *text, enum tint tint)
{
	size_t max = t->max_cells ? 2 * t->max_cells : 64;
	struct table_cell *cells = t->cells;

	if (t->no_memory)
		return;
	if (t->n_cells == t->max_cells) {
		cells = realloc(t->cells, max * sizeof *cells);
		if (cells) {
			t->cells = cells;
			t->max_cells = max;
		}
	}
	if (!cells || !(cells[t->n_cells].text = strdup(text))) {
		t->no_memory = true;
		return;
	}
	cells[t->n_cells++].tint = tint;
}

static size_t total_width(const struct table *t, const size_t *width)
{
	size_t sum = 0;
	unsigned i;

	for (i = 0; i < t->n_columns; i++)
		sum += t->column[i].hidden ? 0 : width[i] + (sum ? GAP : 0);
	return sum;
}

/* The column to drop next, or, of those already dropped, to take back first. */
static struct table_column *least_telling(struct table *t, const bool *dropped)
{
	struct table_column *least = NULL;
	unsigned i;

	for (i = 0; i < t->n_columns; i++) {
		struct table_column *c = &t->column[i];

		if (dropped ? dropped[i] && (!least || c->drop < least->drop)
			: !c->hidden && c->drop && (!least || c->drop > least->drop))
			least = c;
	}
	return least;
}

/* Hides columns until the rest fits or all that remain must stay; then takes back what fits after all. */
static void fit(struct table *t, const size_t *width)
{
	bool dropped[TABLE_MAX_COLUMNS] = { false };
	struct table_column *c;

	while (t->style->width && total_width(t, width) > t->style->width) {
		if (!(c = least_telling(t, NULL)))
			return;
		c->hidden = dropped[c - t->column] = true;
	}
	while ((c = least_telling(t, dropped))) {
		dropped[c - t->column] = c->hidden = false;
		c->hidden = total_width(t, width) > t->style->width;
	}
}

/* No blanks are left at the end of a line: they are owed until something follows. */
static void print_cell(const struct table *t, unsigned i, const char *text, enum tint tint, size_t width, size_t *owed)
{
	size_t pad = width - format_columns(text);

	if (*text) {
		fprintf(t->style->out, "%*s%s%s%s", (int)(*owed + (t->column[i].right ? pad : 0)), "",
			tint_on(t->style, tint), text, tint_off(t->style, tint));
		*owed = t->column[i].right ? 0 : pad;
	} else {
		*owed += width;
	}
	*owed += GAP;
}

void table_print(struct table *t)
{
	size_t width[TABLE_MAX_COLUMNS] = { 0 }, rows = t->n_columns ? t->n_cells / t->n_columns : 0, row, owed;
	unsigned i;

	for (i = 0; i < t->n_columns; i++) {
		width[i] = format_columns(t->column[i].title);
		for (row = 0; row < rows; row++) {
			size_t columns = format_columns(t->cells[row * t->n_columns + i].text);

			width[i] = columns > width[i] ? columns : width[i];
		}
	}
	fit(t, width);
	for (i = 0, owed = 0; i < t->n_columns; i++)
		if (!t->column[i].hidden)
			print_cell(t, i, t->column[i].title, TINT_BOLD, width[i], &owed);
	fputc('\n', t->style->out);
	for (row = 0; row < rows; row++) {
		for (i = 0, owed = 0; i < t->n_columns; i++) {
			const struct table_cell *cell = &t->cells[row * t->n_columns + i];

			if (!t->column[i].hidden)
				print_cell(t, i, cell->text, cell->tint, width[i], &owed);
		}
		fputc('\n', t->style->out);
	}
}
