#include "config.h"
#include "cli/sandbox.h"
#include "cli/say.h"
#include "cli/screen.h"
#include "cli/view.h"
#include "sink/tui/term.h"
#include "sink/tui/tui.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

enum {
	STEP_MS = 15,                   /* of reading between two looks at the keys */
	DRAW_MS = 200,                  /* between two pictures while nothing but the figures changes */
	WAIT_MS = 20,                   /* for a packet, live */
	IDLE_MS = 250,                  /* for a key, when there is nothing to read */
	EACH_MS = 500,                  /* between two looks at all connections that are open */
	EACH_MOST = 5000,               /* connections; of more only those with packets are brought up to date */
	LATE_MS = 2000                  /* a packet of a live capture is delivered within this time */
};

/* One reading of the input. */
struct pass {
	struct capture *capture;
	struct tcpstat *tcpstat;
	uint64_t packets, serial;
	int64_t start_ts_ns, first_ts_ns, last_ts_ns;
	bool found;                     /* of a second reading: the connection has ended */
};

struct screen {
	const struct options *options;
	struct tui *tui;
	struct canvas canvas;
	struct style style;
	char source[512], note[512], error[512];
	struct pass first, second;
	struct capture_files *files;
	struct memory_watch memory;
	bool live, ended, reading;      /* the first reading has ended; the second goes on */
	int64_t begun_ns, drawn_ns, each_ns;
	enum exit_code code;
	int severity;
};

static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* A failure counts more than damage; the first text of each is told at the end. */
static void fail(struct screen *s, const struct capture_error *error)
{
	enum exit_code code = error->code == CAPTURE_EDAMAGED ? EXIT_DAMAGED : error->code == CAPTURE_EUSAGE ?
		EXIT_USAGE :
		EXIT_RUNTIME;

	if (s->code == EXIT_OK || (s->code == EXIT_DAMAGED && code != EXIT_DAMAGED)) {
		s->code = code;
		snprintf(s->error, sizeof s->error, "%s", error->text);
	}
	snprintf(s->note, sizeof s->note, "%s", error->text);
}

static void check_memory(struct screen *s, struct pass *p)
{
	static const struct capture_error error = { .code = CAPTURE_ENOMEM,
		.text = "out of memory: something of the connections is missing" };
	struct tcpstat_gauges gauges;

	tcpstat_gauges(p->tcpstat, &gauges);
	if (gauges.memory_refused || tui_is_incomplete(s->tui))
		fail(s, &error);
}

/* ------------------------------------------------------------------------------------------------------ callbacks */

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	struct screen *s = ctx;

	if (ev->type == TCPSTAT_EV_FINDING && (int)ev->finding.severity > s->severity)
		s->severity = (int)ev->finding.severity;
	tui_event(s->tui, ev);
}

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes,
	size_t len)
{
	struct screen *s = ctx;

	tui_bytes(s->tui, conn, dir, offset, bytes, len);
}

static void on_load_event(void *ctx, const struct tcpstat_event *ev)
{
	struct screen *s = ctx;

	if (ev->conn != tui_wish(s->tui).conn)
		return;
	tui_load_event(s->tui, ev);
	s->second.found |= ev->type == TCPSTAT_EV_CONNECTION;
}

static void on_load_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes,
	size_t len)
{
	struct screen *s = ctx;

	tui_load_bytes(s->tui, conn, dir, offset, bytes, len);
}

/* ---------------------------------------------------------------------------------------------------------- passes
 * */

static bool open_capture(struct screen *s, struct pass *p)
{
	const struct options *o = s->options;
	struct capture_options options = {
		.filter = o->filter, .follow = o->tail, .snaplen = o->snaplen, .not_promiscuous = o->not_promiscuous,
		.buffer_bytes = o->buffer_bytes, .immediate = true, .wait_ms = WAIT_MS,
	};
	struct capture_error error;

	p->start_ts_ns = p->first_ts_ns = p->last_ts_ns = TCPSTAT_NULL;
	p->packets = 0;
	p->found = false;
	p->capture = o->n_interfaces ? capture_open_live(o->interfaces, o->n_interfaces, &options, &error) :
		capture_open_files(o->files, o->n_files, &options, &error);
	if (!p->capture)
		fail(s, &error);
	return p->capture;
}

static bool open_analysis(struct screen *s, struct pass *p, uint32_t events, uint32_t conn)
{
	const struct options *o = s->options;
	struct tcpstat_config config;

	tcpstat_config_init(&config);
	config.events = events;
	config.event = p == &s->second ? on_load_event : on_event;
	config.ctx = s;
	config.overlap = o->overlap;
	config.key_by_vlan = o->key_vlan;
	config.memory_bytes = o->memory.analysis_bytes;
	config.live = o->n_interfaces > 0;
	config.progress_ns = EACH_MS * NS_PER_MS;
	config.only_conn = conn;
	if (s->live || conn)
		config.stream = p == &s->second ? on_load_bytes : on_bytes;
	if (getrandom(&config.hash_seed, sizeof config.hash_seed, 0) != sizeof config.hash_seed)
		config.hash_seed = (uint64_t)now_ns(CLOCK_REALTIME);
	p->tcpstat = tcpstat_new(&config);
	return p->tcpstat;
}

static void close_pass(struct pass *p)
{
	if (p->tcpstat)
		tcpstat_free(p->tcpstat);
	if (p->capture)
		capture_free(p->capture);
	p->tcpstat = NULL;
	p->capture = NULL;
}

/* Both readings end where --count and --autostop say. */
static bool in_limits(const struct screen *s, struct pass *p, const struct tcpstat_pkt *pkt)
{
	const struct options *o = s->options;

	if (p->start_ts_ns == TCPSTAT_NULL)
		p->start_ts_ns = pkt->ts_ns;
	return !(o->max_packets && p->packets >= o->max_packets) &&
		!(o->max_ns && pkt->ts_ns - p->start_ts_ns > o->max_ns);
}

static bool take_packet(struct screen *s, struct pass *p, const struct tcpstat_pkt *pkt)
{
	struct capture_error error;

	if (!in_limits(s, p, pkt))
		return false;
	if (p == &s->first && s->files) {
		int rc = capture_files_put(s->files, pkt, &error);

		if (rc < 0)
			fail(s, &error);
		if (rc != CAPTURE_PACKET)
			return false;
	}
	p->packets++;
	if (p->first_ts_ns == TCPSTAT_NULL || pkt->ts_ns < p->first_ts_ns)
		p->first_ts_ns = pkt->ts_ns;
	if (p->last_ts_ns == TCPSTAT_NULL || pkt->ts_ns > p->last_ts_ns)
		p->last_ts_ns = pkt->ts_ns;
	tcpstat_packet(p->tcpstat, pkt);
	if (p == &s->first)
		memory_watch_packet(&s->memory, p->tcpstat);
	return true;
}

/* Reads on for a while. False: the reading has ended. */
static bool step(struct screen *s, struct pass *p)
{
	enum { LOOK_EVERY = 64 };
	int64_t until_ns = now_ns(CLOCK_MONOTONIC) + STEP_MS * NS_PER_MS;
	struct capture_error error;
	struct tcpstat_pkt pkt;
	unsigned n = 0;

	while (!p->found) {
		int got = capture_next(p->capture, &pkt, &error);

		if (got == CAPTURE_END)
			return false;
		if (got == CAPTURE_PACKET && !take_packet(s, p, &pkt))
			return false;
		if (got == CAPTURE_IDLE) {
			if (s->options->n_interfaces)
				tcpstat_tick(p->tcpstat, capture_now_ns(p->capture) - LATE_MS * NS_PER_MS);
			return !(s->options->max_ns && s->options->n_interfaces &&
				now_ns(CLOCK_MONOTONIC) - s->begun_ns > s->options->max_ns);
		}
		if (got < 0) {
			fail(s, &error);
			if (got == CAPTURE_ENOMEM || got == CAPTURE_EUSAGE)
				return false;
		}
		if (++n % LOOK_EVERY == 0 && now_ns(CLOCK_MONOTONIC) >= until_ns)
			return true;
	}
	return false;
}

static void tell_status(struct screen *s)
{
	const struct capture_facts *facts = s->first.capture ? capture_facts(s->first.capture) : NULL;
	struct tui_status status = { .dropped = TCPSTAT_NULL, .span_ns = TCPSTAT_NULL, .ended = s->ended,
		.packets = s->first.packets, .note = s->note };
	struct capture_progress done;
	char down[64];
	size_t i;

	if (!facts)
		return;
	for (i = 0; i < facts->n_interfaces; i++) {
		if (facts->interfaces[i].dropped >= 0)
			status.dropped = (status.dropped > 0 ? status.dropped : 0) + facts->interfaces[i].dropped;
		if (facts->interfaces[i].down && !*s->note) {
			snprintf(down, sizeof down, "%s is down", facts->interfaces[i].name);
			status.note = down;
		}
	}
	if (s->first.first_ts_ns != TCPSTAT_NULL)
		status.span_ns = s->first.last_ts_ns - s->first.first_ts_ns;
	done = capture_progress(s->first.capture);
	status.done_bytes = done.done_bytes;
	status.total_bytes = done.total_bytes;
	status.connections = tcpstat_counters(s->first.tcpstat)->connections;
	tui_status(s->tui, &status);
}

/* --------------------------------------------------------------------------------------------------- second
 * reading */

static void begin_second(struct screen *s)
{
	struct tui_wish wish = tui_wish(s->tui);

	close_pass(&s->second);
	s->reading = false;
	s->second.serial = wish.serial;
	tui_load_begin(s->tui);
	if (!open_capture(s, &s->second)) {
		tui_load_end(s->tui, s->note);
		return;
	}
	s->reading = open_analysis(s, &s->second, TUI_LOAD_EVENTS, wish.conn);
	if (!s->reading)
		tui_load_end(s->tui, "out of memory");
}

static void go_on_with_second(struct screen *s)
{
	struct capture_progress done;

	if (step(s, &s->second)) {
		done = capture_progress(s->second.capture);
		tui_load_progress(s->tui, done.total_bytes ? (double)done.done_bytes / (double)done.total_bytes : 0);
		return;
	}
	if (!s->second.found)
		tcpstat_finish(s->second.tcpstat);
	tui_load_end(s->tui, s->second.found ? NULL : "the connection is not there any more: has the file changed?");
	s->reading = false;
	check_memory(s, &s->second);
	tell_status(s);
	close_pass(&s->second);
}

/* ---------------------------------------------------------------------------------------------------------- screen
 * */

static void each(void *ctx, const struct tcpstat_event *ev)
{
	struct screen *s = ctx;

	tui_event(s->tui, ev);
}

static void draw(struct screen *s)
{
	struct capture_error error = { .code = CAPTURE_ENOMEM, .text = "out of memory: the screen cannot be drawn" };
	int width, height;

	term_size(&width, &height);
	if ((width != s->canvas.width || height != s->canvas.height) &&
	    (canvas_fini(&s->canvas), !canvas_init(&s->canvas, width, height, s->style.utf8))) {
		fail(s, &error);
		return;
	}
	tui_draw(s->tui, &s->canvas);
	term_draw(&s->canvas);
	s->drawn_ns = now_ns(CLOCK_MONOTONIC);
}

/* All keys that have come. False: the user leaves. */
static bool look_for_keys(struct screen *s, int wait_ms)
{
	int code, y, x;
	bool any = false;

	while ((code = term_key(any ? 0 : wait_ms, &y, &x))) {
		any = true;
		if (code == TK_RESIZE || code == TK_CTRL_L)
			term_redraw();
		else if (!tui_key(s->tui, code, y, x))
			return false;
	}
	if (any)
		draw(s);
	return !term_signal();
}

static void end_first(struct screen *s)
{
	s->ended = true;
	tcpstat_finish(s->first.tcpstat);
	check_memory(s, &s->first);
	tell_status(s);
	draw(s);
}

static void refresh(struct screen *s)
{
	int64_t now = now_ns(CLOCK_MONOTONIC);
	struct tcpstat_gauges gauges;
	struct capture_error error;

	if (!s->ended && now - s->each_ns >= EACH_MS * NS_PER_MS) {
		tcpstat_gauges(s->first.tcpstat, &gauges);
		if (gauges.connections <= EACH_MOST)
			tcpstat_each(s->first.tcpstat, false, each, s);
		if (s->files && capture_files_flush(s->files, &error) < 0)
			fail(s, &error);
		s->each_ns = now;
	}
	if (now - s->drawn_ns < DRAW_MS * NS_PER_MS)
		return;
	if (!s->ended)
		tell_status(s);
	if (tui_is_dirty(s->tui))
		draw(s);
}

static void loop(struct screen *s)
{
	bool busy = false;

	draw(s);
	while (look_for_keys(s, s->ended && !s->reading && !busy ? IDLE_MS : 0)) {
		busy = tui_work(s->tui);
		if (!s->ended) {
			if (!step(s, &s->first))
				end_first(s);
		} else if (s->reading) {
			go_on_with_second(s);
			if (!s->reading)
				draw(s);
		}
		if (s->ended && !s->live && tui_wish(s->tui).serial != s->second.serial) {
			begin_second(s);
			draw(s);
		}
		refresh(s);
	}
}

/* ------------------------------------------------------------------------------------------------------------- run
 * */

static void name_source(struct screen *s)
{
	const struct options *o = s->options;
	const char **names = o->n_files ? o->files : o->interfaces, *base;
	size_t n = o->n_files ? o->n_files : o->n_interfaces, len = 0, i;

	for (i = 0; i < n && len < sizeof s->source; i++) {
		base = o->n_files && strrchr(names[i], '/') ? strrchr(names[i], '/') + 1 : names[i];
		len += (size_t)snprintf(s->source + len, sizeof s->source - len, "%s%s", i ? ", " : "",
			o->n_files && !strcmp(base, "-") ? "standard input" : base);
		s->live |= o->n_files && !strcmp(names[i], "-");
	}
	s->live |= o->n_interfaces > 0 || o->tail;
}

static bool open_all(struct screen *s)
{
	const struct options *o = s->options;
	struct tui_options options = { .style = s->style, .source = s->source, .filter = o->filter, .live = s->live,
		.list_rows = o->memory.list_rows };
	struct sandbox sandbox = { .user = o->user, .keeps_user = true, .makes_files = true, .stops = true };
	struct capture_error error = { .code = CAPTURE_ENOMEM, .text = "out of memory" };

	if (!open_capture(s, &s->first))
		return false;
	sandbox.capture = s->first.capture;
	if (o->write && !(s->files = capture_files_open(o->write, &o->rotation, s->first.capture, &error))) {
		fail(s, &error);
		return false;
	}
	memory_watch_init(&s->memory, &o->memory);
	s->tui = tui_new(&options);
	if (s->tui && open_analysis(s, &s->first, s->live ? TUI_LIVE_EVENTS : TUI_EVENTS, 0)) {
		error.code = CAPTURE_EOPEN;
		/* All that takes privileges is open then; views are still to be written where the user may. */
		if (term_open(&s->style, error.text, sizeof error.text) &&
		    (!o->n_interfaces || sandbox_enter(&sandbox, error.text, sizeof error.text)))
			return true;
		term_close();
	}
	fail(s, &error);
	return false;
}

enum exit_code screen_run(const struct options *o)
{
	struct screen s = { .options = o, .style = view_style(o, stdout, STDOUT_FILENO), .severity = -1,
		.begun_ns = now_ns(CLOCK_MONOTONIC) };
	struct capture_error error;
	int signal = 0;

	/* A name would hold up the keys for as long as it takes to look it up. */
	s.style.resolve = false;
	name_source(&s);
	if (open_all(&s)) {
		loop(&s);
		check_memory(&s, &s.first);
		signal = term_signal();
		term_close();
	}
	if (s.files && capture_files_close(s.files, &error) < 0)
		fail(&s, &error);
	close_pass(&s.second);
	close_pass(&s.first);
	memory_watch_fini(&s.memory);
	tui_free(s.tui);
	canvas_fini(&s.canvas);
	if (*s.error)
		say(s.error);
	/* As the signal would have ended it. */
	if (signal && signal != SIGINT)
		raise(signal);
	if (s.code == EXIT_OK && o->fail_on >= 0 && s.severity >= o->fail_on)
		s.code = EXIT_FINDING;
	return s.code;
}
