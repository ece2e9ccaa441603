#include "sink/follow.h"

#include <inttypes.h>
#include <string.h>

enum { ROW_BYTES = 16 };

static const char *const sgr_on[2] = { "\033[31m", "\033[34m" };
static const char sgr_off[] = "\033[0m";

void follow_init(struct follow *f, const struct streams_options *o)
{
	*f = (struct follow){ .out = o->out, .format = o->format, .color = o->color && o->format != STREAMS_RAW,
			      .utf8 = o->utf8, .only = o->follow_dir, .speaker = TCPSTAT_NODIR };
}

static void put(struct follow *f, const char *s, size_t n)
{
	fwrite(s, 1, n, f->out);
}

static void end_line(struct follow *f)
{
	if (f->line_open)
		put(f, "\n", 1);
	f->line_open = false;
}

/* ------------------------------------------------------------------------------------------------------ text */

/* Length of the character that starts with `c`; 0: none does. */
static uint8_t utf8_len(uint8_t c)
{
	return c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* May `c` be byte number `i` > 0 of the character that starts with `first` (Unicode 15, table 3-7)? */
static bool utf8_goes_on(uint8_t first, uint8_t i, uint8_t c)
{
	uint8_t lo = 0x80, hi = 0xbf;

	if (i == 1) {
		lo = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
		hi = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	}
	return c >= lo && c <= hi;
}

/* Characters that would act on the terminal or reorder its text: C1 controls, bidirectional marks, line separators. */
static bool utf8_acts(const uint8_t *c, uint8_t n)
{
	if (n == 2)
		return c[0] == 0xc2 && c[1] < 0xa0;
	if (n != 3)
		return n == 4 && c[0] == 0xf3 && c[1] == 0xa0; /* tags */
	return (c[0] == 0xe2 && c[1] == 0x80 && ((c[2] >= 0x8b && c[2] <= 0x8f) || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
	       (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa0 && c[2] <= 0xaf) ||
	       (c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf);
}

static void put_escaped(struct follow *f, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f->out, "\\x%02x", bytes[i]);
}

/* A byte that belongs to no character of several bytes. A line ends with LF or CR LF. */
static void put_byte(struct follow *f, struct follow_side *side, uint8_t c)
{
	bool cr = side->cr;

	side->cr = c == '\r';
	if (cr && c != '\n')
		put(f, ".", 1);
	if (side->cr)
		return;
	if (c >= 0x80)
		put_escaped(f, &c, 1);
	else
		put(f, c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f) ? (const char *)&c : ".", 1);
	f->line_open = c != '\n';
}

/* What was held back and will not be completed. */
static void drop_text(struct follow *f, struct follow_side *side)
{
	if (side->cr)
		put(f, ".", 1);
	if (side->n_held)
		put_escaped(f, side->held, side->n_held);
	f->line_open |= side->cr || side->n_held;
	side->cr = false;
	side->n_held = 0;
}

static void text_byte(struct follow *f, struct follow_side *side, uint8_t c)
{
	if (side->n_held && !utf8_goes_on(side->held[0], side->n_held, c))
		drop_text(f, side);
	if (!side->n_held && (!f->utf8 || utf8_len(c) < 2)) {
		put_byte(f, side, c);
		return;
	}
	if (side->cr)
		drop_text(f, side);
	side->held[side->n_held++] = c;
	if (side->n_held < utf8_len(side->held[0]))
		return;
	if (utf8_acts(side->held, side->n_held))
		put(f, ".", 1);
	else
		put(f, (const char *)side->held, side->n_held);
	side->n_held = 0;
	f->line_open = true;
}

/* Printable ASCII goes out in one piece. */
static void text_bytes(struct follow *f, struct follow_side *side, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = 0;
		while (i + n < len && data[i + n] >= 0x20 && data[i + n] < 0x7f)
			n++;
		if (!n) {
			text_byte(f, side, data[i++]);
			continue;
		}
		if (side->n_held || side->cr)
			drop_text(f, side);
		put(f, (const char *)data + i, n);
		f->line_open = true;
		i += n;
	}
}

/* ------------------------------------------------------------------------------------------------------ hex dump */

static void put_row(struct follow *f, struct follow_side *side)
{
	char row[2 * ROW_BYTES + 96];
	int n;

	if (!side->n_held)
		return;
	n = snprintf(row, sizeof row, "%08" PRIx64 " ", side->offset);
	for (int i = 0; i < ROW_BYTES; i++) {
		if (i < side->n_held)
			n += snprintf(row + n, sizeof row - (size_t)n, "%s%02x", i == 8 ? "  " : " ", side->held[i]);
		else
			n += snprintf(row + n, sizeof row - (size_t)n, "%s", i == 8 ? "    " : "   ");
	}
	n += snprintf(row + n, sizeof row - (size_t)n, "  |");
	for (int i = 0; i < side->n_held; i++)
		row[n++] = side->held[i] >= 0x20 && side->held[i] < 0x7f ? (char)side->held[i] : '.';
	row[n++] = '|';
	row[n++] = '\n';
	put(f, row, (size_t)n);
	side->offset += side->n_held;
	side->n_held = 0;
}

static void hex_bytes(struct follow *f, struct follow_side *side, uint64_t offset, const uint8_t *data, size_t len)
{
	if (!side->n_held)
		side->offset = offset;
	while (len) {
		size_t n = (size_t)(ROW_BYTES - side->n_held);
		if (n > len)
			n = len;
		memcpy(side->held + side->n_held, data, n);
		side->n_held = (uint8_t)(side->n_held + n);
		data += n;
		len -= n;
		if (side->n_held == ROW_BYTES)
			put_row(f, side);
	}
}

/* ------------------------------------------------------------------------------------------------------ interface */

/* The speaker ends: its unfinished row or character is written, its colour ends. */
static void hush(struct follow *f)
{
	if (f->speaker == TCPSTAT_NODIR)
		return;
	if (f->format == STREAMS_HEX)
		put_row(f, &f->side[f->speaker]);
	else
		drop_text(f, &f->side[f->speaker]);
	end_line(f);
	if (f->color)
		put(f, sgr_off, sizeof sgr_off - 1);
	f->speaker = TCPSTAT_NODIR;
}

static void speak(struct follow *f, enum tcpstat_dir dir)
{
	if (f->speaker == dir)
		return;
	hush(f);
	f->speaker = dir;
	if (f->color)
		put(f, sgr_on[dir], strlen(sgr_on[dir]));
	if (f->only == TCPSTAT_NODIR)
		fputs(dir == TCPSTAT_C2S ? "--- client -> server\n" : "--- server -> client\n", f->out);
}

static bool is_followed(const struct follow *f, enum tcpstat_dir dir)
{
	return dir != TCPSTAT_NODIR && (f->only == TCPSTAT_NODIR || f->only == dir);
}

void follow_bytes(struct follow *f, enum tcpstat_dir dir, uint64_t offset, const uint8_t *data, size_t len)
{
	if (!len || !is_followed(f, dir))
		return;
	if (f->format == STREAMS_RAW) {
		put(f, (const char *)data, len);
		return;
	}
	speak(f, dir);
	if (f->format == STREAMS_HEX)
		hex_bytes(f, &f->side[dir], offset, data, len);
	else
		text_bytes(f, &f->side[dir], data, len);
}

void follow_gap(struct follow *f, enum tcpstat_dir dir, const struct tcpstat_ev_gap *gap)
{
	if (f->format == STREAMS_RAW || !is_followed(f, dir))
		return;
	speak(f, dir);
	if (f->format == STREAMS_HEX)
		put_row(f, &f->side[dir]);
	else
		drop_text(f, &f->side[dir]);
	end_line(f);
	fprintf(f->out, "[gap: %" PRIu64 " %s missing: %s]\n", gap->len, gap->len == 1 ? "byte" : "bytes",
		tcpstat_gap_why_name(gap->why));
}

void follow_finish(struct follow *f)
{
	if (f->format != STREAMS_RAW)
		hush(f);
}
