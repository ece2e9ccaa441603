#include "sink/tui/stream.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_BYTES = 16, TAB = 8, UNIT_TEXT = 5 };

void stream_init(struct stream *s, const struct style *style, const struct story *story)
{
	*s = (struct stream){ .utf8 = style->utf8, .only = TCPSTAT_NODIR, .story = story, .found = SIZE_MAX,
		.gap = SIZE_MAX, .dirty = true };
}

void stream_fini(struct stream *s)
{
	free(s->line);
	*s = (struct stream){ .story = s->story };
}

void stream_restart(struct stream *s)
{
	s->n = s->top = 0;
	s->found = s->gap = SIZE_MAX;
	s->dirty = true;
}

/* --- characters ----------------------------------------------------------------------------------------------- */

/* Length of the UTF-8 character at `p`; 0: there is none. */
static size_t utf8_len(const uint8_t *p, size_t len)
{
	size_t n = p[0] < 0xc2 || p[0] > 0xf4 ? 0 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2, i;

	if (n > len || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* What is shown of the bytes at `p` from column `x` on: how many of them, and as how many columns. */
static size_t unit(const struct stream *s, const uint8_t *p, size_t len, int x, char text[UNIT_TEXT], int *columns)
{
	size_t n = s->utf8 && p[0] >= 0x80 ? utf8_len(p, len) : 0;

	*columns = 1;
	text[0] = p[0] >= 0x20 && p[0] < 0x7f ? (char)p[0] : '.';
	text[1] = '\0';
	if (n) {
		memcpy(text, p, n);
		text[n] = '\0';
		return n;
	}
	if (p[0] == '\t') {
		*columns = TAB - x % TAB;
		text[0] = ' ';
	} else if (p[0] == '\r' && len > 1 && p[1] == '\n') {
		*columns = 0;
	} else if (p[0] >= 0x80) {
		snprintf(text, UNIT_TEXT, "\\x%02x", p[0]);
		*columns = 4;
	}
	return 1;
}

/* --- lines ---------------------------------------------------------------------------------------------------- */

static bool add(struct stream *s, enum stream_kind kind, size_t chunk, size_t at, size_t len)
{
	size_t room = s->room ? 2 * s->room : 1024;
	struct stream_line *line;

	if (s->n == STREAM_LINES) {
		s->cut = true;
		return false;
	}
	if (s->n == s->room) {
		line = realloc(s->line, room * sizeof *line);
		if (!line) {
			s->cut = true;
			return false;
		}
		s->line = line;
		s->room = room;
	}
	s->line[s->n++] = (struct stream_line){ (uint32_t)chunk, (uint32_t)at, (uint32_t)len, (uint8_t)kind };
	return true;
}

/* The bytes of a line of text, with those that end it. */
static size_t line_bytes(const struct stream *s, const uint8_t *p, size_t len)
{
	size_t i = 0, n;
	int x = 0, columns;
	char text[UNIT_TEXT];

	while (i < len) {
		if (p[i] >= 0x20 && p[i] < 0x7f) {
			n = columns = 1;
		} else if (p[i] == '\n') {
			return i + 1;
		} else {
			n = unit(s, p + i, len - i, x, text, &columns);
		}
		if (x + columns > s->width && i)
			break;
		x += columns;
		i += n;
	}
	return i;
}

static bool split(struct stream *s, size_t chunk)
{
	const struct story_chunk *c = &s->story->chunk[chunk];
	size_t i, n;

	for (i = 0; i < c->len; i += n) {
		n = s->hex ? ROW_BYTES : line_bytes(s, s->story->bytes + c->at + i, c->len - i);
		n = n < c->len - i ? n : c->len - i;
		if (!add(s, STREAM_TEXT, chunk, c->at + i, n))
			return false;
	}
	return true;
}

static bool is_shown(const struct stream *s, const struct story_chunk *c)
{
	return s->only == TCPSTAT_NODIR || c->dir == (s->only == TCPSTAT_S2C);
}

/* The line with that byte of the story, or the last before it. */
static size_t line_at(const struct stream *s, size_t at)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->line[mid].at <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : 0;
}

void stream_update(struct stream *s, int width)
{
	const struct story *story = s->story;
	size_t place = s->top < s->n ? s->line[s->top].at : 0, i;
	uint8_t speaker = 2;

	width = width < 8 ? 8 : width;
	if (!s->dirty && s->version == story->version && (s->hex || s->width == width))
		return;
	s->version = story->version;
	s->width = width;
	s->dirty = s->cut = false;
	s->n = 0;
	s->gap = SIZE_MAX;
	for (i = 0; i < story->n_chunks; i++) {
		const struct story_chunk *c = &story->chunk[i];

		if (!is_shown(s, c))
			continue;
		if (c->dir != speaker && s->only == TCPSTAT_NODIR && !add(s, STREAM_SPEAKER, i, c->at, 0))
			break;
		speaker = c->dir;
		if (c->gap ? !add(s, STREAM_GAP, i, c->at, 0) : !split(s, i))
			break;
	}
	if (story->bytes_unseen || s->cut) {
		if (s->n == STREAM_LINES)
			s->n--;
		add(s, STREAM_MORE, story->n_chunks, story->n_bytes, 0);
	}
	/* Of lines that begin with the same byte the first. */
	s->top = s->top && s->n ? line_at(s, place) : 0;
	while (s->top && s->line[s->top - 1].at == place)
		s->top--;
}

void stream_turn(struct stream *s)
{
	s->only = s->only == TCPSTAT_NODIR ? TCPSTAT_C2S : s->only == TCPSTAT_C2S ? TCPSTAT_S2C : TCPSTAT_NODIR;
	s->dirty = true;
}

void stream_toggle_hex(struct stream *s)
{
	s->hex = !s->hex;
	s->dirty = true;
}

/* --- movement ------------------------------------------------------------------------------------------------- */

void stream_go(struct stream *s, size_t line, int rows)
{
	size_t most = rows > 0 && s->n > (size_t)rows ? s->n - (size_t)rows : 0;

	s->top = line < most ? line : most;
}

void stream_move(struct stream *s, int64_t lines, int rows)
{
	int64_t to = (int64_t)s->top + lines;

	stream_go(s, to < 0 ? 0 : (size_t)to, rows);
}

static void show_line(struct stream *s, size_t line, int rows)
{
	if (line < s->top || line >= s->top + (size_t)(rows > 0 ? rows : 1))
		stream_go(s, line > (size_t)rows / 3 ? line - (size_t)rows / 3 : 0, rows);
}

/* --- search --------------------------------------------------------------------------------------------------- */

/* In a dump "16 03 01" are bytes, and those are `exact`. */
static size_t needle(const struct stream *s, uint8_t out[STREAM_NEEDLE], bool *exact)
{
	size_t n = 0, i, len = strlen(s->words);

	*exact = false;
	for (i = 0; s->hex && i < len; i += 2 + (s->words[i + 2] == ' ')) {
		if (!isxdigit((unsigned char)s->words[i]) || !isxdigit((unsigned char)s->words[i + 1]))
			break;
		char pair[3] = { s->words[i], s->words[i + 1] };

		out[n++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	if (n && i >= len) {
		*exact = true;
		return n;
	}
	memcpy(out, s->words, len);
	return len;
}

static bool same(const uint8_t *bytes, const uint8_t *wanted, size_t len, bool exact)
{
	size_t i;

	if (exact)
		return !memcmp(bytes, wanted, len);
	for (i = 0; i < len; i++)
		if (bytes[i] != wanted[i] && (!isalpha(wanted[i]) || (bytes[i] ^ wanted[i]) != 0x20))
			return false;
	return true;
}

/* From byte `at` on, in chunks that are shown; SIZE_MAX: nowhere. */
static size_t find(const struct stream *s, size_t at, int step)
{
	const struct story *story = s->story;
	uint8_t wanted[STREAM_NEEDLE];
	bool exact;
	size_t len = needle(s, wanted, &exact), i, k;

	for (k = 0; len && k < story->n_chunks; k++) {
		const struct story_chunk *c = &story->chunk[step > 0 ? k : story->n_chunks - 1 - k];
		const uint8_t *p = story->bytes + c->at;
		size_t first, end;

		if (c->gap || !is_shown(s, c) || c->len < len)
			continue;
		end = (size_t)c->len - len + 1;
		if (step > 0) {
			first = at > c->at ? at - c->at : 0;
			for (i = first; i < end; i++)
				if ((p[i] | 0x20) == (wanted[0] | 0x20) && same(p + i, wanted, len, exact))
					return c->at + i;
		} else {
			if (at < c->at)
				continue;
			for (i = at - c->at < end ? at - c->at + 1 : end; i-- > 0;)
				if ((p[i] | 0x20) == (wanted[0] | 0x20) && same(p + i, wanted, len, exact))
					return c->at + i;
		}
	}
	return SIZE_MAX;
}

static bool go_to_match(struct stream *s, size_t at, int rows)
{
	uint8_t wanted[STREAM_NEEDLE];
	bool exact;

	if (at == SIZE_MAX)
		return false;
	s->found = at;
	s->found_len = needle(s, wanted, &exact);
	show_line(s, line_at(s, at), rows);
	return true;
}

bool stream_search(struct stream *s, const char *words, int rows)
{
	size_t from = s->top < s->n ? s->line[s->top].at : 0;

	snprintf(s->words, sizeof s->words, "%s", words);
	s->found = SIZE_MAX;
	return !*words || go_to_match(s, find(s, from, 1), rows) || go_to_match(s, find(s, 0, 1), rows);
}

bool stream_seek(struct stream *s, int step, int rows)
{
	int64_t i;

	if (*s->words) {
		if (s->found == SIZE_MAX)
			return go_to_match(s, find(s, s->top < s->n ? s->line[s->top].at : 0, step), rows);
		return (step > 0 || s->found) && go_to_match(s, find(s, s->found + (size_t)step, step), rows);
	}
	i = s->gap != SIZE_MAX ? (int64_t)s->gap + step : step > 0 ? (int64_t)s->top : (int64_t)s->top - 1;
	for (; i >= 0 && i < (int64_t)s->n; i += step)
		if (s->line[i].kind == STREAM_GAP) {
			s->gap = (size_t)i;
			show_line(s, s->gap, rows);
			return true;
		}
	return false;
}

/* --- the picture ---------------------------------------------------------------------------------------------- */

static uint8_t mark(const struct stream *s, size_t at)
{
	return s->found != SIZE_MAX && at >= s->found && at < s->found + s->found_len ? PAINT_REVERSE : 0;
}

static void draw_text(const struct stream *s, const struct stream_line *l, uint8_t paint, struct canvas *c, int y)
{
	const uint8_t *p = s->story->bytes + l->at;
	char text[UNIT_TEXT];
	int x = 0, columns;
	size_t i, n;

	for (i = 0; i < l->len && p[i] != '\n' && x < c->width; i += n, x += columns) {
		n = unit(s, p + i, l->len - i, x, text, &columns);
		if (columns)
			canvas_text(c, y, x, c->width - x, paint | mark(s, l->at + i), text);
	}
	/* A line end that was searched for. */
	if (i < l->len && mark(s, l->at + i))
		canvas_put(c, y, x, PAINT_REVERSE, ' ');
}

static void draw_dump(const struct stream *s, const struct stream_line *l, uint8_t paint, struct canvas *c, int y)
{
	const struct story_chunk *chunk = &s->story->chunk[l->chunk];
	const uint8_t *p = s->story->bytes + l->at;
	int x = canvas_print(c, y, 0, c->width, TINT_DIM, "%08" PRIx64 "  ", chunk->offset + (l->at - chunk->at));
	int text = x + 3 * ROW_BYTES + 3;
	uint32_t i;

	canvas_put(c, y, text - 1, paint, '|');
	for (i = 0; i < l->len; i++) {
		uint8_t one = paint | mark(s, l->at + i);

		canvas_print(c, y, x, c->width - x, one, "%02x", p[i]);
		x += 3 + (i == 7);
		canvas_put(c, y, text + (int)i, one, p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '.');
	}
	canvas_put(c, y, text + (int)i, paint, '|');
}

static void draw_line(const struct stream *s, const struct stream_line *l, struct canvas *c, int y)
{
	const struct story_chunk *chunk = &s->story->chunk[l->chunk];
	uint8_t paint;

	if (l->kind == STREAM_MORE) {
		if (s->cut)
			canvas_print(c, y, 0, c->width, TINT_YELLOW,
				"more lines than are shown: --follow %" PRIu32 " writes all of them", s->story->conn);
		else
			canvas_print(c, y, 0, c->width, TINT_YELLOW, "%" PRIu64
				" more bytes are not shown: --follow %" PRIu32 " writes all of them",
				s->story->bytes_unseen, s->story->conn);
		return;
	}
	paint = chunk->dir ? PAINT_BLUE : TINT_RED;
	switch ((enum stream_kind)l->kind) {
	case STREAM_SPEAKER:
		canvas_text(c, y, 0, c->width, paint | PAINT_STRONG, chunk->dir ? "--- server -> client" :
			"--- client -> server");
		break;
	case STREAM_GAP:
		canvas_print(c, y, 0, c->width, TINT_YELLOW | PAINT_STRONG, "[gap: %" PRIu64 " byte%s missing: %s]",
			chunk->len, format_s((int64_t)chunk->len), tcpstat_gap_why_name(chunk->why));
		break;
	default: s->hex ? draw_dump(s, l, paint, c, y) : draw_text(s, l, paint, c, y);
	}
}

void stream_draw(struct stream *s, struct canvas *c, int y, int rows)
{
	int i;

	stream_update(s, c->width);
	for (i = 0; i < rows && s->top + (size_t)i < s->n; i++) {
		draw_line(s, &s->line[s->top + (size_t)i], c, y + i);
		if (s->top + (size_t)i == s->gap)
			canvas_paint(c, y + i, 0, c->width, PAINT_REVERSE);
	}
}

void stream_status(const struct stream *s, int rows, char *text, size_t size)
{
	static const char *const names[] = { "client to server", "server to client" };
	char bytes[FORMAT_MAX];
	size_t end = s->top + (size_t)(rows > 0 ? rows : 1);

	snprintf(text, size, "%s, %s%s%s, line %zu of %zu", format_bytes(bytes, (int64_t)s->story->n_bytes),
		s->only == TCPSTAT_NODIR ? "both directions" : names[s->only == TCPSTAT_S2C], s->hex ? ", hex" : "",
		s->story->bytes_unseen || s->cut ? ", not all" : "", end < s->n ? end : s->n, s->n);
}
