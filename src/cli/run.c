#include "config.h"
#include "cli/run.h"
#include "cli/helper.h"
#include "cli/say.h"
#include "cli/screen.h"
#include "cli/sandbox.h"
#include "cli/service.h"
#include "cli/view.h"
#include "join/join.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define LATE_NS (2 * NS_PER_S)          /* a packet of a live capture is delivered within this time */

/* What ^C stops; set before the handler is. */
static struct capture *volatile interrupted;

struct progress {
	bool wanted, shown;
	int64_t begun_ns, next_ns;
};

struct run {
	const struct options *options;
	struct capture *capture;
	struct capture_files *files;    /* -w */
	struct service service;
	bool serves;                    /* service_wanted */
	struct helper *helper;          /* NULL: one thread does everything */
	struct helper *writer;          /* --extract: writes files; NULL: the thread that reads does */
	struct tcpstat *tcpstat;
	struct view *view;
	struct progress progress;
	struct memory_watch memory;
	enum exit_code code;            /* the worst so far */
	int severity;                   /* worst finding; -1 none */
	uint64_t packets;
	int64_t first_ts_ns, last_ts_ns, start_ts_ns; /* start: of the first packet read */
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* ----------------------------------------------------------------------------------------------------- progress */

static void progress_init(struct progress *p, const struct options *o)
{
	/* What streams to the same terminal is progress enough. */
	bool streams = service_wanted(o) || o->mode == MODE_FOLLOW || o->mode == MODE_JSONL || o->mode == MODE_CSV ||
		o->mode == MODE_TSV;

	p->wanted = isatty(STDERR_FILENO) && o->verbose >= 0 && !(streams && isatty(STDOUT_FILENO));
	p->begun_ns = clock_ns(CLOCK_MONOTONIC);
	p->next_ns = p->begun_ns + NS_PER_S;
}

static void progress_show(struct progress *p, const struct capture *capture, uint64_t packets)
{
	int64_t now = clock_ns(CLOCK_MONOTONIC);
	struct capture_progress done;
	char n[FORMAT_MAX];

	if (!p->wanted || now < p->next_ns)
		return;
	done = capture_progress(capture);
	fprintf(stderr, "\r%s packets", format_count(n, (int64_t)packets));
	if (done.total_bytes)
		fprintf(stderr, ", %3.0f %%", 100.0 * (double)done.done_bytes / (double)done.total_bytes);
	fputs("  ", stderr);
	p->shown = true;
	p->next_ns = now + NS_PER_S / 4;
}

/* Errors and results must not stand behind it. */
static void progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

/* ------------------------------------------------------------------------------------------------------- errors */

/* A later error does not hide an earlier one: failure counts more than damage. */
static void fail(struct run *r, enum exit_code code, const char *text)
{
	progress_clear(&r->progress);
	say(text);
	if (r->code == EXIT_OK || r->code == EXIT_DAMAGED)
		r->code = code;
}

static void capture_failed(struct run *r, const struct capture_error *error)
{
	enum exit_code code = EXIT_RUNTIME;
	static const struct style plain;
	char word[1024];

	if (error->code == CAPTURE_EDAMAGED)
		code = EXIT_DAMAGED;
	else if (error->code == CAPTURE_EUSAGE)
		code = EXIT_USAGE;
	fail(r, code, error->text);
	if (code == EXIT_USAGE && r->options->filter_word)
		fprintf(stderr, "('%s' is no file: the filter begins with it)\n",
			format_safe(word, sizeof word, &plain, r->options->filter_word));
}

/* ------------------------------------------------------------------------------------------------------ callbacks */

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	struct run *r = ctx;

	if (ev->type == TCPSTAT_EV_FINDING && (int)ev->finding.severity > r->severity)
		r->severity = (int)ev->finding.severity;
	if (view_events(r->view) & TCPSTAT_MASK(ev->type))
		view_event(r->view, ev);
	service_event(&r->service, ev);
}

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct run *r = ctx;

	view_bytes(r->view, conn, dir, offset, bytes, len);
}

static void on_signal(int signal)
{
	(void)signal;
	capture_stop(interrupted);
}

/* The first ^C ends the input, the second the program. A closed pipe is an error of write, not the end. */
static void handle_signals(struct capture *capture)
{
	struct sigaction stop = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND },
		ignore = { .sa_handler = SIG_IGN };

	interrupted = capture;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

/* --------------------------------------------------------------------------------------------------------- set-up */

static bool open_capture(struct run *r)
{
	const struct options *o = r->options;
	struct capture_options options = {
		.filter = o->filter, .follow = o->tail, .snaplen = o->snaplen, .not_promiscuous = o->not_promiscuous,
		.buffer_bytes = o->buffer_bytes,
		/* A packet at a time costs; only who watches notices the quarter of a second. */
		.immediate = isatty(STDOUT_FILENO) && o->verbose >= 0,
	};
	struct capture_error error;
	char text[512];

	if (!service_init(&r->service, o, text, sizeof text)) {
		fail(r, EXIT_RUNTIME, text);
		return false;
	}
	options.wake_fd = service_fd(&r->service);
	r->capture = o->n_interfaces ? capture_open_live(o->interfaces, o->n_interfaces, &options, &error) :
		capture_open_files(o->files, o->n_files, &options, &error);
	if (!r->capture) {
		capture_failed(r, &error);
		return false;
	}
	if (o->write) {
		r->files = capture_files_open(o->write, &o->rotation, r->capture, &error);
		if (!r->files) {
			capture_failed(r, &error);
			return false;
		}
	}
	return true;
}

/* All that takes privileges is open. False: they could not be given up. */
static bool enter_sandbox(struct run *r)
{
	const struct options *o = r->options;
	const struct capture_rotation *row = &o->rotation;
	bool rotates = row->file_bytes || row->file_packets || row->file_ns;
	struct sandbox sandbox = { .user = o->user, .keeps_user = rotates || o->extract,
		.makes_files = rotates || o->extract || o->mode == MODE_JSON, .resolves = o->names,
		.capture = r->capture };
	char error[256];

	if (!o->n_interfaces || sandbox_enter(&sandbox, error, sizeof error))
		return true;
	fail(r, EXIT_RUNTIME, error);
	return false;
}

/* Whoever waits for each line of a stream is not served by a second thread, which lets work gather. */
static bool is_worth_help(const struct options *o)
{
	struct stat status;

	for (size_t i = 0; i < o->n_files; i++)
		if (stat(o->files[i], &status) || !S_ISREG(status.st_mode))
			return false;
	return o->n_files && !o->tail;
}

static bool open_analysis(struct run *r)
{
	const struct options *o = r->options;
	int threads = o->extract ? 3 : 2; /* one reads, one analyses, one writes */
	struct tcpstat_config config;
	bool aside = o->write && !strcmp(o->write, "-");
	FILE *out = aside ? stderr : stdout;
	char error[512];
	int failed;

	if (!service_open(&r->service, r->capture, &out)) {
		fail(r, EXIT_RUNTIME, "out of memory");
		return false;
	}
	if (o->extract && is_worth_help(o))
		r->writer = helper_new(threads);
	r->view = view_new(o, out, aside ? STDERR_FILENO : STDOUT_FILENO, capture_facts(r->capture),
		helper_get(r->writer), error, sizeof error);
	if (!r->view) {
		fail(r, EXIT_RUNTIME, error);
		return false;
	}
	tcpstat_config_init(&config);
	config.events = view_events(r->view) | service_events(&r->service);
	config.event = on_event;
	config.ctx = r;
	config.overlap = o->overlap;
	config.key_by_vlan = o->key_vlan;
	config.memory_bytes = o->memory.analysis_bytes;
	config.live = o->n_interfaces > 0;
	if (is_worth_help(o))
		r->helper = helper_new(threads);
	config.helper = helper_get(r->helper);
	config.shard = o->shard;
	config.shards = o->shards;
	config.totals = o->mode == MODE_JSON || o->mode == MODE_JSONL;
	if (view_wants_bytes(r->view, &config.only_conn))
		config.stream = on_bytes;
	if (getrandom(&config.hash_seed, sizeof config.hash_seed, 0) != sizeof config.hash_seed)
		config.hash_seed = (uint64_t)clock_ns(CLOCK_REALTIME);
	r->tcpstat = tcpstat_new(&config);
	if (r->tcpstat && !enter_sandbox(r)) /* before there is a thread, and before the first packet */
		return false;
	failed = r->tcpstat ? service_begin(&r->service, r->tcpstat, r->view) : ENOMEM;
	memory_watch_init(&r->memory, &o->memory);
	if (failed)
		fail(r, EXIT_RUNTIME, failed == ENOMEM ? "out of memory" : strerror(failed));
	return !failed;
}

/* For who sits before it: until the first packets nothing else would come. */
static void say_listening(const struct options *o)
{
	bool reports = o->mode == MODE_REPORT;
	char id[32] = "";

	if (!o->n_interfaces || o->verbose < 0 || !isatty(STDERR_FILENO))
		return;
	fputs("tcpstat: listening on ", stderr);
	for (size_t i = 0; i < o->n_interfaces; i++)
		fprintf(stderr, "%s%s", i ? ", " : "", o->interfaces[i]);
	if (reports)
		snprintf(id, sizeof id, "%ld", (long)getpid());
	fprintf(stderr, "; ^C ends it%s%s%s\n", reports ? " with the report, kill -USR1 " : "", id,
		reports ? " prints it in between" : "");
}

/* ------------------------------------------------------------------------------------------------------- the loop */

/* False: the packet lies beyond what --autostop allows. */
static bool in_time(struct run *r, const struct tcpstat_pkt *pkt)
{
	if (r->start_ts_ns == TCPSTAT_NULL)
		r->start_ts_ns = pkt->ts_ns;
	return !r->options->max_ns || pkt->ts_ns - r->start_ts_ns <= r->options->max_ns;
}

static bool write_packet(struct run *r, const struct tcpstat_pkt *pkt)
{
	struct capture_error error;
	int rc = r->files ? capture_files_put(r->files, pkt, &error) : CAPTURE_PACKET;

	if (rc < 0)
		capture_failed(r, &error);
	return rc == CAPTURE_PACKET;
}

static bool take_packet(struct run *r, const struct tcpstat_pkt *pkt)
{
	if (!in_time(r, pkt) || !write_packet(r, pkt))
		return false;
	r->packets++;
	if (r->first_ts_ns == TCPSTAT_NULL || pkt->ts_ns < r->first_ts_ns)
		r->first_ts_ns = pkt->ts_ns;
	if (pkt->ts_ns > r->last_ts_ns) /* at first TCPSTAT_NULL, the least there is */
		r->last_ts_ns = pkt->ts_ns;
	/* A packet that found no memory is counted by the analyzer, and the report says so. */
	tcpstat_packet(r->tcpstat, pkt);
	memory_watch_packet(&r->memory, r->tcpstat);
	if (r->serves)
		view_flush(r->view);
	return r->packets != r->options->max_packets;
}

/* Nothing came: time passes all the same. Packets may still be on their way from the kernel, so not all of it. */
static bool idle(struct run *r, int64_t begun_ns)
{
	struct capture_error error;

	service_idle(&r->service);
	if (r->options->n_interfaces)
		tcpstat_tick(r->tcpstat, capture_now_ns(r->capture) - LATE_NS);
	view_flush(r->view);
	if (r->files && capture_files_flush(r->files, &error) < 0) {
		capture_failed(r, &error);
		return false;
	}
	return !r->options->max_ns || clock_ns(CLOCK_MONOTONIC) - begun_ns <= r->options->max_ns;
}

static void read_packets(struct run *r)
{
	enum { PROGRESS_EVERY = 4096 };
	int64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
	struct capture_error error;
	struct tcpstat_pkt pkt;
	bool more = true;

	while (more && !view_done(r->view) && !service_done(&r->service)) {
		int got = capture_next(r->capture, &pkt, &error);

		if (got == CAPTURE_END)
			return;
		if (got == CAPTURE_PACKET)
			more = take_packet(r, &pkt);
		else if (got == CAPTURE_IDLE)
			more = idle(r, begun_ns);
		else if (got == CAPTURE_NOTICE)
			service_notice(&r->service);
		else
			capture_failed(r, &error);
		if (r->serves)
			service_work(&r->service, r->first_ts_ns, r->last_ts_ns);
		more &= got != CAPTURE_ENOMEM && got != CAPTURE_EUSAGE;
		if (got == CAPTURE_IDLE || r->packets % PROGRESS_EVERY == 0)
			progress_show(&r->progress, r->capture, r->packets);
	}
}

/* ------------------------------------------------------------------------------------------------------------ run */

static void finish(struct run *r)
{
	struct capture_error error;
	struct tcpstat_gauges gauges;
	char text[512];
	int64_t dropped;

	progress_clear(&r->progress);
	/* Before the last records: they wait for the reader. */
	dropped = service_last_words(&r->service);
	tcpstat_finish(r->tcpstat);
	/* A wrong filter is found at a packet: there is nothing to report. */
	if (r->code != EXIT_USAGE &&
	    !view_finish(r->view, r->capture, r->tcpstat, r->first_ts_ns, r->last_ts_ns,
			dropped, text, sizeof text))
		fail(r, EXIT_RUNTIME, text);
	if (!service_close(&r->service, text, sizeof text))
		fail(r, EXIT_RUNTIME, text);
	if (r->files && capture_files_close(r->files, &error) < 0)
		capture_failed(r, &error);
	r->files = NULL;
	tcpstat_gauges(r->tcpstat, &gauges);
	if (gauges.memory_refused)
		fail(r, EXIT_RUNTIME, "out of memory: something of the connections is missing");
	if (r->code == EXIT_OK && r->options->fail_on >= 0 && r->severity >= r->options->fail_on)
		r->code = EXIT_FINDING;
}

static void print_device(void *ctx, const struct capture_device *device)
{
	static const struct style plain;
	char name[256], description[256] = "";
	(void)ctx;

	if (device->description)
		format_safe(description, sizeof description, &plain, device->description);
	printf("%-16s %s%s%s%s\n", format_safe(name, sizeof name, &plain, device->name), device->up ? "up" : "down",
		device->running ? ", running" : "", device->loopback ? ", loopback" : "",
		device->wireless ? ", wireless" : "");
	if (*description)
		printf("%-16s %s\n", "", description);
}

static enum exit_code list_interfaces(struct run *r)
{
	struct capture_error error;

	if (capture_devices(print_device, NULL, &error) < 0)
		capture_failed(r, &error);
	if (r->code == EXIT_OK && fflush(stdout) && errno != EPIPE)
		fail(r, EXIT_RUNTIME, strerror(errno));
	return r->code;
}

static void tell(void *ctx, const char *text)
{
	(void)ctx;
	say(text);
}

static enum exit_code merge(const struct options *o)
{
	signal(SIGPIPE, SIG_IGN);
	switch (join_files(o->files, o->n_files, stdout, tell, NULL)) {
	case JOIN_OK: break;
	case JOIN_FAILED: return EXIT_RUNTIME;
	case JOIN_DAMAGED: return EXIT_DAMAGED;
	case JOIN_NOT_WRITTEN:
		if (errno == EPIPE)
			return EXIT_OK;
		fprintf(stderr, "tcpstat: standard output: %s\n", strerror(errno));
		return EXIT_RUNTIME;
	}
	return EXIT_OK;
}

enum exit_code run(const struct options *options)
{
	struct run r = { .options = options, .serves = service_wanted(options), .severity = -1,
		.first_ts_ns = TCPSTAT_NULL, .last_ts_ns = TCPSTAT_NULL, .start_ts_ns = TCPSTAT_NULL };
	struct capture_error error;
	char text[512];

	if (options->mode == MODE_INTERFACES)
		return list_interfaces(&r);
	if (options->mode == MODE_MERGE)
		return merge(options);
	if (options->mode == MODE_TUI)
		return screen_run(options);
	if (open_capture(&r)) {
		handle_signals(r.capture);
		progress_init(&r.progress, options);
		if (open_analysis(&r)) {
			say_listening(options);
			read_packets(&r);
			finish(&r);
		}
	}
	if (r.files)
		capture_files_close(r.files, &error);
	if (r.tcpstat)
		tcpstat_free(r.tcpstat);
	helper_free(r.helper);
	view_free(r.view);
	helper_free(r.writer);
	service_close(&r.service, text, sizeof text);
	memory_watch_fini(&r.memory);
	if (r.capture) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		capture_free(r.capture);
	}
	return r.code;
}
