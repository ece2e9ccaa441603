/* The screen as a model: packets, keys and sizes in any order. Every picture consists of whole characters that act
 * on no terminal, and fits its size. Files are read twice and live captures once, as cli/screen.c does.
 *
 *     1 byte how, 1 byte the length of the script, the script, and a program of packets (program.h)
 *     script      below 0x80 that character; up to TK_LAST a key or the mouse (2 bytes: where); 0xc0 on: packets that
 *                 are read, 0xe0 on: another size */
#include "program.h"
#include "sink/tui/room.h"

enum { STEPS_MAX = 250, PROGRAM_MAX = 700, TK_FIRST = 0x80 };

/* A reading of the packets from the first one on. */
struct pass {
	struct tui *tui;
	struct program program;
	struct tcpstat *tcpstat;
	uint64_t serial;
	uint32_t conn; /* of a second reading */
	bool found;
};

struct session {
	struct tui *tui;
	const uint8_t *data;
	size_t size;
	bool live, ended;
	struct pass first, second;
	int width, height;
};

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	struct pass *p = ctx;

	tui_event(p->tui, ev);
}

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct pass *p = ctx;

	tui_bytes(p->tui, conn, dir, offset, bytes, len);
}

static void on_load_event(void *ctx, const struct tcpstat_event *ev)
{
	struct pass *p = ctx;

	if (ev->conn != p->conn)
		return;
	tui_load_event(p->tui, ev);
	p->found |= ev->type == TCPSTAT_EV_CONNECTION;
}

static void on_load_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes,
			  size_t len)
{
	struct pass *p = ctx;

	tui_load_bytes(p->tui, conn, dir, offset, bytes, len);
}

static void begin(struct session *s, struct pass *p, uint32_t conn)
{
	struct tcpstat_config config;

	tcpstat_free(p->tcpstat);
	program_init(&p->program, s->data, s->size, &config);
	p->tui = s->tui;
	p->conn = conn;
	p->found = false;
	config.live = s->live;
	config.only_conn = conn;
	config.progress_ns = 500000000;
	config.ctx = p;
	config.events = conn ? TUI_LOAD_EVENTS : s->live ? TUI_LIVE_EVENTS : TUI_EVENTS;
	config.event = conn ? on_load_event : on_event;
	config.stream = conn ? on_load_bytes : s->live ? on_bytes : NULL;
	p->tcpstat = tcpstat_new(&config);
	if (!p->tcpstat)
		abort();
}

static void tell_status(struct session *s)
{
	struct tui_status status = { .packets = s->first.program.frame_number,
				     .connections = tcpstat_counters(s->first.tcpstat)->connections,
				     .done_bytes = s->size - s->first.program.in.n,
				     .total_bytes = s->size,
				     .dropped = s->live ? 3 : TCPSTAT_NULL,
				     .span_ns = s->live ? TCPSTAT_NULL : s->first.program.now_ns,
				     .ended = s->ended,
				     .note = s->size % 3 ? NULL : "cut in the middle\x1b[31m" };

	tui_status(s->tui, &status);
}

/* False: there are no more packets. */
static bool step(struct pass *p, unsigned n)
{
	struct tcpstat_pkt pkt;

	while (n-- && !p->found) {
		if (!program_next(&p->program, &pkt))
			return false;
		tcpstat_packet(p->tcpstat, &pkt);
	}
	return !p->found;
}

/* As the program does between keys: the first reading, then what the screen wishes for. */
static void read_on(struct session *s, unsigned n)
{
	struct tui_wish wish = tui_wish(s->tui);

	tui_work(s->tui);
	if (!s->ended) {
		if (!step(&s->first, n)) {
			s->ended = true;
			tcpstat_finish(s->first.tcpstat);
		} else if (s->live) {
			tcpstat_each(s->first.tcpstat, false, on_event, &s->first);
		}
		tell_status(s);
		return;
	}
	if (s->live || !wish.conn)
		return;
	if (wish.serial != s->second.serial) {
		s->second.serial = wish.serial;
		begin(s, &s->second, wish.conn);
		tui_load_begin(s->tui);
	} else if (tui_load_done(s->tui)) {
		return;
	}
	if (step(&s->second, n)) {
		tui_load_progress(s->tui, 0.5);
		return;
	}
	if (!s->second.found)
		tcpstat_finish(s->second.tcpstat);
	tui_load_end(s->tui, s->second.found ? NULL : "the connection is not there any more");
}

static void check_cell(const struct canvas_cell *cell, bool utf8)
{
	size_t len = strnlen(cell->text, sizeof cell->text);

	FUZZ_CHECK(len < sizeof cell->text, "a cell without an end");
	if (!len)
		return;
	FUZZ_CHECK(fuzz_character((const uint8_t *)cell->text, len) == len, "byte %02x", (uint8_t)cell->text[0]);
	FUZZ_CHECK((uint8_t)cell->text[0] >= 32 && (uint8_t)cell->text[0] != 127, "control byte %02x", cell->text[0]);
	FUZZ_CHECK(utf8 || len == 1, "%zu bytes in a cell of ASCII", len);
}

static void draw(struct session *s, bool utf8)
{
	struct canvas c;

	if (!canvas_init(&c, s->width, s->height, utf8))
		abort();
	tui_draw(s->tui, &c);
	FUZZ_CHECK(c.width == s->width && c.height == s->height, "%d x %d became %d x %d", s->width, s->height,
		   c.width, c.height);
	for (int i = 0; i < c.width * c.height; i++)
		check_cell(&c.cell[i], utf8);
	canvas_fini(&c);
	FUZZ_CHECK(!tui_is_dirty(s->tui), "drawn, and still to be drawn");
}

/* False: the user leaves. */
static bool press(struct session *s, int code, int y, int x)
{
	/* A file that is there is not written to. */
	if (s->tui->prompt == PROMPT_WRITE && (code == '\n' || code == '\r'))
		snprintf(s->tui->typed, sizeof s->tui->typed, "/dev/null");
	return tui_key(s->tui, code, y, x);
}

static void play(struct session *s, struct fuzz_bytes script, bool utf8)
{
	static const struct { int width, height; } sizes[] = {
		{ 80, 24 }, { 132, 43 }, { 1, 1 }, { 20, 5 }, { 40, 10 }, { 300, 60 }, { 80, 1 }, { 1, 40 },
	};
	bool stays = true;

	while (stays && script.n) {
		uint8_t what = fuzz_u8(&script);
		int code = what < TK_FIRST ? what : TK_UP + what - TK_FIRST, y = 0, x = 0;

		if (what >= 0xe0) {
			s->width = sizes[what & 7].width;
			s->height = sizes[what & 7].height;
		} else if (what >= 0xc0) {
			read_on(s, 1u << (what & 7));
		} else {
			if (code >= TK_CLICK && code <= TK_WHEEL_DOWN) {
				y = fuzz_u8(&script);
				x = fuzz_u8(&script);
			}
			stays = press(s, code, y, x);
		}
		draw(s, utf8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_bytes in = { data, size };
	uint8_t how = fuzz_u8(&in);
	size_t script_len = fuzz_u8(&in);
	struct session s = { .live = how & 1, .width = 80, .height = 24 };
	char name[33] = "";
	bool utf8 = how & 2;

	if (script_len > in.n)
		script_len = in.n;
	if (script_len > STEPS_MAX)
		script_len = STEPS_MAX;
	struct fuzz_bytes script = { in.p, script_len };

	s.data = in.p + script_len;
	s.size = in.n - script_len < PROGRAM_MAX ? in.n - script_len : PROGRAM_MAX;
	memcpy(name, s.data, s.size < 32 ? s.size : 32);
	struct tui_options options = { .style = { .utf8 = utf8, .verbose = how >> 2 & 1 },
				       .source = name,
				       .filter = how & 8 ? name : NULL,
				       .live = s.live };

	s.tui = tui_new(&options);
	if (!s.tui)
		abort();
	begin(&s, &s.first, 0);
	tell_status(&s);
	play(&s, script, utf8);
	tcpstat_free(s.first.tcpstat);
	tcpstat_free(s.second.tcpstat);
	tui_free(s.tui);
	return 0;
}
