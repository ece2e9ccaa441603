#include "sink/tui/canvas.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool canvas_init(struct canvas *c, int width, int height, bool utf8)
{
	width = width < 1 ? 1 : width;
	height = height < 1 ? 1 : height;
	*c = (struct canvas){ .width = width, .height = height, .utf8 = utf8 };
	c->cell = calloc((size_t)width * (size_t)height, sizeof *c->cell);
	if (!c->cell)
		c->width = c->height = 0;
	return c->cell;
}

void canvas_fini(struct canvas *c)
{
	free(c->cell);
	*c = (struct canvas){ .utf8 = c->utf8 };
}

/* Characters that every terminal shows in one column, and that do nothing else. */
static bool is_plain(uint32_t c)
{
	static const struct { uint32_t first, last; } plain[] = {
		{ 0x20, 0x7e }, { 0xa1, 0xac }, { 0xae, 0x2ff }, { 0x370, 0x377 }, { 0x37a, 0x37f }, { 0x384, 0x38a },
		{ 0x38e, 0x3a1 }, { 0x3a3, 0x482 }, { 0x48a, 0x52f }, { 0x2010, 0x2027 }, { 0x2030, 0x205e },
		{ 0x20a0, 0x20bf }, { 0x2190, 0x2193 }, { 0x22ef, 0x22ef }, { 0x2500, 0x25fc }, { 0x2800, 0x28ff },
	};
	size_t i;

	for (i = 0; i < sizeof plain / sizeof *plain; i++)
		if (c >= plain[i].first && c <= plain[i].last)
			return true;
	return false;
}

/* The next character; what is no UTF-8 counts byte by byte. */
static uint32_t take(const char **text)
{
	const unsigned char *s = (const unsigned char *)*text;
	size_t n = s[0] < 0xc2 || s[0] > 0xf4 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2, i;
	uint32_t c = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*text += 1;
			return 0xfffd;
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	*text += n;
	return n == 1 && s[0] >= 0x80 ? 0xfffd : c;
}

static void encode(char text[5], uint32_t c)
{
	size_t n = 0;

	if (c < 0x80) {
		text[n++] = (char)c;
	} else if (c < 0x800) {
		text[n++] = (char)(0xc0 | c >> 6);
		text[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		text[n++] = (char)(0xe0 | c >> 12);
		text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		text[n++] = (char)(0x80 | (c & 0x3f));
	}
	text[n] = '\0';
}

void canvas_put(struct canvas *c, int y, int x, uint8_t paint, uint32_t codepoint)
{
	struct canvas_cell *cell;

	if (y < 0 || y >= c->height || x < 0 || x >= c->width)
		return;
	if (!is_plain(codepoint) || (!c->utf8 && codepoint > 0x7e))
		codepoint = c->utf8 ? 0xb7 : '?';
	cell = &c->cell[y * c->width + x];
	encode(cell->text, codepoint);
	cell->paint = paint;
}

int canvas_text(struct canvas *c, int y, int x, int width, uint8_t paint, const char *text)
{
	int used;

	for (used = 0; *text && used < width; used++)
		canvas_put(c, y, x + used, paint, take(&text));
	return used;
}

int canvas_print(struct canvas *c, int y, int x, int width, uint8_t paint, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return canvas_text(c, y, x, width, paint, text);
}

void canvas_right(struct canvas *c, int y, int x, int width, uint8_t paint, const char *text)
{
	int columns = (int)format_columns(text);

	canvas_text(c, y, columns < width ? x + width - columns : x, width, paint, text);
}

void canvas_paint(struct canvas *c, int y, int x, int width, uint8_t paint)
{
	for (; width > 0; width--, x++)
		if (y >= 0 && y < c->height && x >= 0 && x < c->width)
			c->cell[y * c->width + x].paint |= paint;
}

int canvas_words(struct canvas *c, int y, int end, uint8_t paint, const char *head, const char *text)
{
	int x = canvas_print(c, y, 0, c->width, TINT_BOLD, "%s", head), indent = x;

	while (*text && y < end) {
		int len = (int)strcspn(text, " ");

		if (x > indent && x + len > c->width) {
			y++;
			x = indent;
			if (y == end)
				break;
		}
		x += canvas_print(c, y, x, c->width - x, paint, "%.*s", len, text) + 1;
		text += len + (text[len] == ' ');
	}
	return y < end ? y + 1 : end;
}

int canvas_write(const struct canvas *c, FILE *out)
{
	int y, x, end;

	for (y = 0; y < c->height; y++) {
		const struct canvas_cell *row = &c->cell[y * c->width];

		for (end = c->width; end > 0 && (!*row[end - 1].text || !strcmp(row[end - 1].text, " ")); end--)
			;
		for (x = 0; x < end; x++)
			fputs(*row[x].text ? row[x].text : " ", out);
		fputc('\n', out);
	}
	return ferror(out) ? -1 : 0;
}
