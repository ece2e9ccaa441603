#include "sink/tui/pager.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void pager_init(struct pager *p)
{
	*p = (struct pager){ .match = SIZE_MAX };
}

void pager_fini(struct pager *p)
{
	free(p->text);
	free(p->line);
	free(p->paint);
	pager_init(p);
}

bool pager_take(struct pager *p, char *text, size_t len)
{
	size_t n = 0, i, top = p->top;
	bool same = p->text;

	for (i = 0; i < len; i++)
		n += text[i] == '\n';
	n += len && text[len - 1] != '\n';
	pager_fini(p);
	p->text = text;
	p->line = calloc(n + 1, sizeof *p->line);
	p->paint = calloc(n + 1, 1);
	if (!p->line || !p->paint) {
		pager_fini(p);
		return false;
	}
	for (i = 0; i < len; i++) {
		if (!i || !text[i - 1])
			p->line[p->n++] = i;
		/* No text has a NUL of its own. */
		if (text[i] == '\n' || !text[i])
			text[i] = '\0';
	}
	p->n = p->n < n ? p->n : n;
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
		if (holds(p->text + p->line[i], words)) {
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
		const char *text = p->text + p->line[line];
		int x = 0;

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
			x += canvas_text(c, y + i, x, c->width - x, p->paint[line], one);
			text += n - 1;
		}
		if (line == p->match)
			canvas_paint(c, y + i, 0, x ? x : 1, PAINT_REVERSE);
	}
}
