#include "sink/tui/pager.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void pager_init(struct pager *p)
{
	memset(p, 0, sizeof *p);
	p->match = SIZE_MAX;
}

void pager_fini(struct pager *p)
{
	free(p->text);
	free(p->line);
	pager_init(p);
}

/* Where the line that begins at `at` is to be broken: a blank; or where it ends. */
static size_t line_end(const char *text, size_t at, size_t len, int room)
{
	size_t blank = 0, i;
	int x = 0;

	for (i = at; i < len && text[i] != '\n'; i++) {
		if (text[i] == ' ' && x && text[i - 1] != ' ')
			blank = i;
		x += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (x > room && blank && room > 20)
			return blank;
	}
	return i;
}

/* Where what does not fit goes on: below the words, or, of a table, below its second column. */
static size_t indent_of(const char *text, int width)
{
	size_t first = strspn(text, " "), i;

	for (i = first; text[i] && text[i] != '\n' && (int)i < width / 3; i++)
		if (text[i] == ' ' && text[i + 1] == ' ')
			return i + strspn(text + i, " ") < (size_t)width / 2 ? i + strspn(text + i, " ") : first;
	return first;
}

bool pager_take(struct pager *p, char *text, size_t len, int width)
{
	size_t top = p->top, room = 0, at, end, indent = 0;
	bool same = p->text;

	pager_fini(p);
	p->text = text;
	for (at = 0; at < len; at = end + 1) {
		bool more = at && text[at - 1] == '\0';

		if (p->n == room) {
			struct pager_line *line = realloc(p->line, (room = room ? 2 * room : 256) * sizeof *line);

			if (!line) {
				pager_fini(p);
				return false;
			}
			p->line = line;
		}
		if (!more)
			indent = indent_of(text + at, width);
		end = line_end(text, at, len, more ? width - (int)indent : width);
		p->line[p->n++] = (struct pager_line){ .at = at, .paint = TINT_NONE,
			.indent = (uint8_t)(more ? indent < 60 ? indent : 60 : 0) };
		/* A line that goes on ends with NUL at once, others below: they are told apart by that. */
		if (end < len && text[end] == ' ')
			text[end] = '\0';
	}
	for (at = 0; at < len; at++)
		if (text[at] == '\n')
			text[at] = '\0';
	p->top = same && top < p->n ? top : 0;
	return true;
}

void pager_go(struct pager *p, size_t top, int rows)
{
	size_t most = rows > 0 && p->n > (size_t)rows ? p->n - (size_t)rows : 0;

	p->top = top < most ? top : most;
}

void pager_move(struct pager *p, int64_t lines, int rows)
{
	int64_t to = (int64_t)p->top + lines;

	pager_go(p, to < 0 ? 0 : (size_t)to, rows);
}

static bool holds(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (; *text; text++)
		if (!strncasecmp(text, part, len))
			return true;
	return false;
}

bool pager_seek(struct pager *p, const char *words, int step, int rows)
{
	int64_t i = p->match != SIZE_MAX ? (int64_t)p->match + step : step > 0 ? (int64_t)p->top :
		(int64_t)p->top - 1;

	for (; *words && i >= 0 && i < (int64_t)p->n; i += step)
		if (holds(p->text + p->line[i].at, words)) {
			p->match = (size_t)i;
			if (p->match < p->top || p->match >= p->top + (size_t)rows)
				pager_go(p, p->match > (size_t)rows / 3 ? p->match - (size_t)rows / 3 : 0, rows);
			return true;
		}
	return false;
}

void pager_draw(const struct pager *p, struct canvas *c, int y, int rows)
{
	int i;

	for (i = 0; i < rows && p->top + (size_t)i < p->n; i++) {
		size_t line = p->top + (size_t)i;
		const char *text = p->text + p->line[line].at;
		int x = p->line[line].indent;

		for (; *text && x < c->width; text++) {
			if (*text == '\t') {
				x += 8 - x % 8;
				continue;
			}
			/* The whole of a character of several bytes at once. */
			int n = 1;
			char one[5] = { *text };

			while (n < 4 && ((unsigned char)text[n] & 0xc0) == 0x80 && (unsigned char)*text >= 0xc0) {
				one[n] = text[n];
				n++;
			}
			x += canvas_text(c, y + i, x, c->width - x, p->line[line].paint, one);
			text += n - 1;
		}
		if (line == p->match)
			canvas_paint(c, y + i, 0, x ? x : 1, PAINT_REVERSE);
	}
}
