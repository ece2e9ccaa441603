#include "config.h"
#include "cli/view.h"
#include "sink/csv.h"
#include "sink/detail.h"
#include "sink/expert.h"
#include "sink/json.h"
#include "sink/ladder.h"
#include "sink/ticker.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct view {
	const struct options *options;
	FILE *out;
	struct style style;
	struct ticker ticker;
	bool ticks;                     /* live: a line for each connection */
	struct report *report;          /* of these the one that the mode asks for */
	struct detail *detail;
	struct ladder *ladder;
	struct expert *expert;
	struct json *json;
	struct csv *csv;
	struct streams *streams;        /* --follow, --extract, --hash; NULL none */
	struct record_shard shard;
	char shard_events[RECORD_EVENTS_SIZE];
	uint32_t events, n_conns;
	_Atomic bool seen;                      /* the connection that was asked for */
};

static unsigned width_of(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long n = columns ? strtol(columns, NULL, 10) : 0;

	if (n > 0 && n < 10000)
		return (unsigned)n;
	return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

struct style view_style(const struct options *o, FILE *out, int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool plain = (no_color && *no_color) || !term || !strcmp(term, "dumb") || !isatty(fd);

	return (struct style){
		.out = out,
		.utf8 = !o->ascii && !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.color = o->color == COLOR_ALWAYS || (o->color == COLOR_AUTO && !plain),
		.resolve = o->names,
		.width = width_of(fd),
		.verbose = o->verbose,
		.explain = o->explain || o->mode == MODE_CONN,
	};
}

static bool open_streams(struct view *v, const struct tcpstat_helper *helper, char *error, size_t size)
{
	const struct options *o = v->options;
	struct streams_options options = {
		.hash = o->hash, .follow_dir = o->follow_dir, .out = v->out, .extract_dir = o->extract,
		.extract_bytes = o->memory.extract_bytes, .helper = helper,
		.utf8 = v->style.utf8, .color = v->style.color && !o->raw,
		.format = o->hex ? STREAMS_HEX : o->raw ? STREAMS_RAW : STREAMS_ASCII,
		.follow_conn = o->mode == MODE_FOLLOW ? o->conn : 0,
	};

	if (!o->hash && !o->extract && o->mode != MODE_FOLLOW)
		return true;
	v->streams = streams_new(&options, error, size);
	if (!v->streams)
		return false;
	v->events |= streams_events(v->streams) | TCPSTAT_MASK(TCPSTAT_EV_CONNECTION);
	return true;
}

/* A file's size as it is stored, which the shards of one capture have in common. */
static int64_t stored_bytes(const struct options *o)
{
	int64_t sum = 0;
	struct stat st;

	for (size_t i = 0; i < o->n_files; i++) {
		if (!strcmp(o->files[i], "-") || stat(o->files[i], &st) || !S_ISREG(st.st_mode))
			return TCPSTAT_NULL;
		sum += st.st_size;
	}
	return sum;
}

static const struct record_shard *describe_shard(struct view *v)
{
	const struct options *o = v->options;

	if (!o->shards)
		return NULL;
	record_events_text(o->mode == MODE_JSON ? RECORD_EVENTS_DEFAULT : o->events, v->shard_events);
	v->shard = (struct record_shard){ .number = o->shard, .of = o->shards, .hash = RECORD_SHARD_HASH,
		.input_bytes = stored_bytes(o), .overlap = (uint8_t)o->overlap, .key_vlan = o->key_vlan,
		.payload_hash = o->hash, .memory_bytes = o->memory_bytes ? (int64_t)o->memory_bytes : TCPSTAT_NULL,
		.max_packets = o->max_packets ? (int64_t)o->max_packets : TCPSTAT_NULL,
		.max_ns = o->max_ns ? o->max_ns : TCPSTAT_NULL, .events = v->shard_events };
	return &v->shard;
}

static bool open_sink(struct view *v, const struct capture_facts *facts)
{
	const struct options *o = v->options;
	struct json_options json = { .out = v->out, .document = o->mode == MODE_JSON, .filter = o->filter,
		.version = PACKAGE_VERSION, .events = o->events, .shard = describe_shard(v) };

	switch (o->mode) {
	case MODE_REPORT:
		v->report = report_new(&v->style, o->top);
		v->events |= REPORT_EVENTS;
		ticker_init(&v->ticker, &v->style);
		v->ticks = (o->n_interfaces || o->tail) && o->verbose >= 0;
		v->events |= v->ticks ? TICKER_EVENTS : 0;
		return v->report;
	case MODE_CONN:
		v->detail = detail_new(&v->style, o->conn);
		v->events |= DETAIL_EVENTS;
		return v->detail;
	case MODE_FLOW:
		v->ladder = ladder_new(&v->style, o->conn, o->memory.ladder_rows);
		v->events |= LADDER_EVENTS;
		return v->ladder;
	case MODE_DIFF:
		v->expert = expert_new(&v->style, o->frame);
		v->events |= EXPERT_EVENTS;
		return v->expert;
	case MODE_JSON: case MODE_JSONL:
		v->json = json_new(&json);
		v->events |= json_events(&json);
		if (v->json)
			json_capture(v->json, facts);
		return v->json;
	case MODE_CSV: case MODE_TSV:
		v->csv = csv_new(v->out, o->mode == MODE_CSV ? ',' : '\t');
		v->events |= TCPSTAT_MASK(TCPSTAT_EV_CONNECTION);
		return v->csv;
	default:
		v->events |= TCPSTAT_MASK(TCPSTAT_EV_CONNECTION);
		return true;
	}
}

struct view *view_new(const struct options *o, FILE *out, int fd, const struct capture_facts *facts,
		const struct tcpstat_helper *helper, char *error, size_t size)
{
	struct view *v = calloc(1, sizeof *v);

	if (!v) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	v->options = o;
	v->out = out;
	v->style = view_style(o, out, fd);
	v->events = o->fail_on >= 0 ? TCPSTAT_MASK(TCPSTAT_EV_FINDING) : 0;
	snprintf(error, size, "out of memory");
	if (open_streams(v, helper, error, size) && open_sink(v, facts))
		return v;
	view_free(v);
	return NULL;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	report_free(v->report);
	detail_free(v->detail);
	ladder_free(v->ladder);
	expert_free(v->expert);
	json_close(v->json);
	csv_close(v->csv);
	if (v->streams)
		streams_free(v->streams);
	free(v);
}

uint32_t view_events(const struct view *v)
{
	return v->events;
}

bool view_wants_bytes(const struct view *v, uint32_t *only_conn)
{
	*only_conn = v->options->hash || v->options->extract ? 0 : v->options->conn;
	return v->streams;
}

static void show(struct view *v, const struct tcpstat_event *ev)
{
	if (v->report && ev->type != TCPSTAT_EV_PROGRESS)
		report_event(v->report, ev);
	if (v->ticks)
		ticker_event(&v->ticker, ev);
	if (v->detail)
		detail_event(v->detail, ev);
	if (v->ladder)
		ladder_event(v->ladder, ev);
	if (v->expert)
		expert_event(v->expert, ev);
	if (v->json)
		json_event(v->json, ev);
	if (v->csv)
		csv_event(v->csv, ev);
}

void view_event(struct view *v, const struct tcpstat_event *ev)
{
	struct tcpstat_event sealed;
	struct tcpstat_conn conn;

	if (ev->type == TCPSTAT_EV_CONNECTION) {
		v->n_conns++;
		v->seen |= ev->conn == v->options->conn;
	}
	if (v->streams)
		streams_event(v->streams, ev);
	if (v->streams && ev->type == TCPSTAT_EV_CONNECTION) {
		conn = *ev->connection;
		streams_seal(v->streams, &conn);
		sealed = *ev;
		sealed.connection = &conn;
		ev = &sealed;
	}
	show(v, ev);
}

void view_bytes(struct view *v, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	streams_bytes(v->streams, conn, dir, offset, bytes, len);
}

void view_flush(struct view *v)
{
	if (v->json)
		json_flush(v->json);
	if (v->csv)
		csv_flush(v->csv);
	if (v->options->mode == MODE_FOLLOW || v->ticks)
		fflush(v->out);
}

static void print_notice(const struct style *style, const struct record_notice *n)
{
	static const struct style plain;
	char name[256], count[FORMAT_MAX];

	if (n->interface)
		fprintf(stderr, "tcpstat: %s: ", format_safe(name, sizeof name, &plain, n->interface));
	else
		fputs("tcpstat: ", stderr);
	switch ((enum record_notice_what)n->what) {
	case RECORD_NOTICE_RECORDS_DROPPED:
		fprintf(stderr, "%s lines dropped: their reader is too slow\n", format_count(count, n->count));
		break;
	case RECORD_NOTICE_PACKETS_DROPPED:
		fprintf(stderr, "%s packets dropped by the capturing system\n", format_count(count, n->count));
		break;
	case RECORD_NOTICE_CONNECTIONS_EVICTED:
		fprintf(stderr, "%s connections ended early to stay within --memory\n", format_count(count, n->count));
		break;
	case RECORD_NOTICE_INTERFACE_DOWN: fputs("went down; waiting for it\n", stderr); break;
	case RECORD_NOTICE_INTERFACE_UP: fputs("is up again\n", stderr); break;
	case RECORD_NOTICE_INTERFACE_GONE: fputs("was removed; waiting for one of this name\n", stderr); break;
	case RECORD_NOTICE_INTERFACE_OTHER:
		fputs("is an interface of another kind now: start tcpstat anew to capture from it\n", stderr);
		break;
	case RECORD_NOTICE_CLOCK_STEP:
		fprintf(stderr, "the clock was set %s %s; times go on as before\n",
			format_duration(count, style, n->step_ns < 0 ? -n->step_ns : n->step_ns),
			n->step_ns < 0 ? "back" : "ahead");
	}
}

void view_notice(struct view *v, const struct record_notice *n)
{
	/* in the lines of the ticker there is a place for these */
	bool shown = v->ticks && (n->what == RECORD_NOTICE_PACKETS_DROPPED ||
		n->what == RECORD_NOTICE_CONNECTIONS_EVICTED);

	if (v->json)
		json_notice(v->json, n);
	else if (!shown && v->options->verbose >= 0)
		print_notice(&v->style, n);
	view_flush(v);
}

void view_line(struct view *v, const struct tcpstat_gauges *gauges, const struct tcpstat_counters *counters,
		int64_t dropped, int64_t now_ns, int64_t span_ns)
{
	if (!v->ticks)
		return;
	ticker_line(&v->ticker, gauges, counters, dropped, now_ns, span_ns);
	fflush(v->out);
}

bool view_done(const struct view *v)
{
	if (v->report && !v->streams) /* of all of it */
		return false;
	if (v->streams && streams_status(v->streams) != STREAMS_OK)
		return true;
	if ((v->json && json_error(v->json)) || (v->csv && csv_error(v->csv)))
		return true;
	/* The connection that was asked for is over; other streams may still be wanted. */
	return v->seen && !v->options->extract && !v->options->write && v->options->fail_on < 0 &&
		(v->options->mode == MODE_FLOW || v->options->mode == MODE_FOLLOW);
}

static void print_report(struct report *report, const struct options *o, struct capture *capture,
		const struct tcpstat_counters *counters, int64_t first_ts_ns, int64_t last_ts_ns)
{
	const struct capture_facts *facts = capture_facts(capture);
	struct report_facts r = {
		.names = o->n_files ? o->files : o->interfaces, .n_names = o->n_files ? o->n_files : o->n_interfaces,
		.filter = o->filter, .first_ts_ns = first_ts_ns, .last_ts_ns = last_ts_ns,
		.packets = facts->packets, .filtered = facts->filtered, .unfit = facts->unfit,
		.truncated = facts->truncated,
		.dropped = TCPSTAT_NULL,
	};
	size_t i;

	for (i = 0; i < facts->n_interfaces; i++)
		if (facts->interfaces[i].dropped > 0)
			r.dropped = (r.dropped > 0 ? r.dropped : 0) + facts->interfaces[i].dropped;
	report_print(report, &r, counters);
}

static void on_open(void *ctx, const struct tcpstat_event *ev)
{
	report_event(ctx, ev);
}

void view_now(struct view *v, struct capture *capture, struct tcpstat *tcpstat, int64_t first_ts_ns,
		int64_t last_ts_ns)
{
	struct report *copy = v->report ? report_copy(v->report) : NULL;
	struct style style = v->style;
	struct ticker once;
	struct tcpstat_gauges gauges;

	if (copy) {
		tcpstat_each(tcpstat, true, on_open, copy);
		print_report(copy, v->options, capture, tcpstat_counters(tcpstat), first_ts_ns, last_ts_ns);
		fputc('\n', v->out);
		report_free(copy);
		fflush(v->out);
		return;
	}
	style.out = stderr;
	ticker_init(&once, &style);
	tcpstat_gauges(tcpstat, &gauges);
	ticker_line(&once, &gauges, tcpstat_counters(tcpstat), TCPSTAT_NULL, capture_now_ns(capture),
		first_ts_ns == TCPSTAT_NULL ? 0 : last_ts_ns - first_ts_ns);
}

static bool print_end(struct view *v, struct capture *capture, const struct tcpstat *tcpstat,
		int64_t first_ts_ns, int64_t last_ts_ns, int64_t records_dropped)
{
	if (v->ticks)
		fputc('\n', v->out);
	if (v->report)
		print_report(v->report, v->options, capture, tcpstat_counters(tcpstat), first_ts_ns, last_ts_ns);
	if (v->detail)
		return detail_print(v->detail);
	if (v->ladder)
		return ladder_print(v->ladder);
	if (v->expert)
		return expert_print(v->expert);
	if (v->json)
		json_summary(v->json, capture_facts(capture), tcpstat_counters(tcpstat), tcpstat_totals(tcpstat),
			records_dropped);
	return v->options->mode != MODE_FOLLOW || v->seen;
}

bool view_finish(struct view *v, struct capture *capture, const struct tcpstat *tcpstat, int64_t first_ts_ns,
		int64_t last_ts_ns, int64_t records_dropped, char *error, size_t size)
{
	enum streams_status status = v->streams ? streams_finish(v->streams) : STREAMS_OK;
	bool found = print_end(v, capture, tcpstat, first_ts_ns, last_ts_ns, records_dropped);
	int failed = json_close(v->json), csv_failed = csv_close(v->csv);

	v->json = NULL;
	v->csv = NULL;
	failed = failed ? failed : csv_failed;
	*error = '\0';
	if (status == STREAMS_FAILED) {
		snprintf(error, size, "%s", streams_error(v->streams));
		return false;
	}
	if (status == STREAMS_CLOSED)
		return true;
	if (!failed && (fflush(v->out) || ferror(v->out)))
		failed = errno ? errno : EIO;
	if (failed == EPIPE)
		return true;
	if (failed) {
		snprintf(error, size, "standard output: %s", strerror(failed));
		return false;
	}
	if (found)
		return true;
	if (v->expert) {
		snprintf(error, size, "packet %" PRIu64 " is no TCP segment of a connection", v->options->frame);
		return false;
	}
	if (v->n_conns)
		snprintf(error, size, "there is no connection %" PRIu32 ", only 1 to %" PRIu32, v->options->conn,
			v->n_conns);
	else
		snprintf(error, size, "there is no connection %" PRIu32 ", nor any other", v->options->conn);
	return false;
}
