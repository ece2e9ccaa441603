#include "config.h"
#include "cli/service.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

enum { QUEUE_BYTES = 4 << 20, PERIOD_NS = 50000000, GOODBYE_MS = 10000 };

/* Set by SIGUSR1, and by SIGINFO (^T) where there is one. */
static volatile sig_atomic_t asked;

static void on_ask(int signal)
{
	(void)signal;
	asked = 1;
}

static int64_t steady_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

bool service_wanted(const struct options *o)
{
	return o->n_interfaces || o->tail;
}

static bool is_of_lines(const struct options *o)
{
	switch (o->mode) {
	case MODE_REPORT: return !(o->write && !strcmp(o->write, "-"));
	case MODE_JSONL: case MODE_CSV: case MODE_TSV: return true;
	default: return false;
	}
}

uint64_t service_output_bytes(const struct options *o)
{
	return service_wanted(o) && is_of_lines(o) ? QUEUE_BYTES + QUEUE_LINE_MAX : 0;
}

bool service_init(struct service *s, const struct options *o, char *error, size_t size)
{
	struct metrics_options by;
	char why[256];

	*s = (struct service){ .options = o, .quiet = o->verbose < 0 };
	if (!o->metrics)
		return true;
	by = o->metrics_by;
	by.memory_bytes = o->memory.metrics_bytes;
	s->metrics = metrics_new(&by, PACKAGE_VERSION);
	if (!s->metrics) {
		snprintf(error, size, "out of memory");
		return false;
	}
	s->http = http_open(o->metrics, why, sizeof why);
	if (!s->http)
		snprintf(error, size, "--metrics %s: %s", o->metrics, why);
	return s->http;
}

int service_fd(const struct service *s)
{
	return s->http && http_fd(s->http) > 0 ? http_fd(s->http) : 0;
}

uint32_t service_events(const struct service *s)
{
	return s->metrics ? METRICS_EVENTS : 0;
}

void service_event(struct service *s, const struct tcpstat_event *ev)
{
	if (s->metrics)
		metrics_event(s->metrics, ev);
}

bool service_open(struct service *s, struct capture *capture, FILE **out)
{
	const struct options *o = s->options;

	s->capture = capture;
	if (!service_wanted(o) || !is_of_lines(o))
		return true;
	s->queue = queue_new(STDOUT_FILENO, QUEUE_BYTES);
	if (!s->queue)
		return false;
	*out = queue_stream(s->queue);
	return true;
}

static char *on_metrics(void *ctx, size_t *len)
{
	struct service *s = ctx;
	struct metrics_now now = { .counters = tcpstat_counters(s->tcpstat), .facts = capture_facts(s->capture),
		.records_dropped = s->queue ? queue_dropped(s->queue) : 0 };

	tcpstat_gauges(s->tcpstat, &now.gauges);
	return metrics_text(s->metrics, &now, len);
}

static bool on_healthy(void *ctx)
{
	const struct service *s = ctx;
	const struct capture_facts *facts = capture_facts(s->capture);

	for (size_t i = 0; i < facts->n_interfaces; i++)
		if (!facts->interfaces[i].down)
			return true;
	return false;
}

int service_begin(struct service *s, struct tcpstat *tcpstat, struct view *view)
{
	struct sigaction ask = { .sa_handler = on_ask };

	s->tcpstat = tcpstat;
	s->view = view;
	if (service_wanted(s->options)) {
		sigaction(SIGUSR1, &ask, NULL);
#ifdef SIGINFO
		sigaction(SIGINFO, &ask, NULL);
#endif
	}
	if (s->http)
		http_begin(s->http, &(struct http_source){ on_metrics, on_healthy, s });
	s->line_ns = s->next_second_ns = steady_ns();
	return s->queue ? queue_start(s->queue) : 0;
}

/* ---------------------------------------------------------------------------------------------- what is told */

static int64_t packets_dropped(struct service *s)
{
	const struct capture_facts *facts = capture_facts(s->capture);
	int64_t sum = TCPSTAT_NULL;

	for (size_t i = 0; i < facts->n_interfaces; i++) {
		const int64_t drops[] = { facts->interfaces[i].dropped, facts->interfaces[i].if_dropped };

		for (size_t j = 0; j < 2; j++)
			if (drops[j] > 0)
				sum = (sum > 0 ? sum : 0) + drops[j];
			else if (drops[j] == 0 && sum == TCPSTAT_NULL)
				sum = 0;
	}
	return sum;
}

static void tell(struct service *s, struct record_notice *n)
{
	n->ts_ns = capture_now_ns(s->capture);
	if (s->queue)
		queue_manner(s->queue, QUEUE_URGENT);
	view_notice(s->view, n);
	if (s->queue)
		queue_manner(s->queue, QUEUE_DROP);
}

static struct record_notice notice_of(enum record_notice_what what)
{
	return (struct record_notice){ .what = (uint8_t)what, .count = TCPSTAT_NULL, .total = TCPSTAT_NULL,
		.step_ns = TCPSTAT_NULL };
}

static void tell_records(struct service *s)
{
	struct record_notice n = notice_of(RECORD_NOTICE_RECORDS_DROPPED);
	uint64_t dropped = s->queue ? queue_dropped(s->queue) : 0;

	if (dropped == s->told_records || !queue_has_room(s->queue))
		return;
	n.count = (int64_t)(dropped - s->told_records);
	n.total = (int64_t)dropped;
	s->told_records = dropped;
	tell(s, &n);
}

static void tell_packets(struct service *s)
{
	struct record_notice n = notice_of(RECORD_NOTICE_PACKETS_DROPPED);
	int64_t dropped = packets_dropped(s);

	if (dropped <= s->told_packets)
		return;
	n.count = dropped - s->told_packets;
	n.total = dropped;
	s->told_packets = dropped;
	tell(s, &n);
}

static void tell_evicted(struct service *s)
{
	struct record_notice n = notice_of(RECORD_NOTICE_CONNECTIONS_EVICTED);
	uint64_t evicted = tcpstat_counters(s->tcpstat)->evicted;

	if (evicted == s->told_evicted)
		return;
	n.count = (int64_t)(evicted - s->told_evicted);
	n.total = (int64_t)evicted;
	s->told_evicted = evicted;
	tell(s, &n);
}

void service_notice(struct service *s)
{
	static const enum record_notice_what whats[] = {
		[CAPTURE_INTERFACE_DOWN] = RECORD_NOTICE_INTERFACE_DOWN,
		[CAPTURE_INTERFACE_UP] = RECORD_NOTICE_INTERFACE_UP,
		[CAPTURE_INTERFACE_GONE] = RECORD_NOTICE_INTERFACE_GONE,
		[CAPTURE_INTERFACE_OTHER] = RECORD_NOTICE_INTERFACE_OTHER,
		[CAPTURE_CLOCK_STEP] = RECORD_NOTICE_CLOCK_STEP,
	};
	const struct capture_notice c = capture_notice(s->capture);
	struct record_notice n = notice_of(whats[c.what]);

	if (c.what == CAPTURE_CLOCK_STEP)
		n.step_ns = c.step_ns;
	else
		n.interface = capture_facts(s->capture)->interfaces[c.interface].name;
	tell(s, &n);
}

/* ---------------------------------------------------------------------------------------------- the work */

static void line(struct service *s, int64_t now)
{
	struct tcpstat_gauges gauges;

	tcpstat_gauges(s->tcpstat, &gauges);
	view_line(s->view, &gauges, tcpstat_counters(s->tcpstat), packets_dropped(s), capture_now_ns(s->capture),
		now - s->line_ns);
	s->line_ns = now;
}

void service_work(struct service *s, int64_t first_ts_ns, int64_t last_ts_ns)
{
	int64_t now = steady_ns();

	if (asked) {
		asked = 0;
		if (s->queue)
			queue_manner(s->queue, QUEUE_URGENT);
		view_now(s->view, s->capture, s->tcpstat, first_ts_ns, last_ts_ns);
		if (s->queue)
			queue_manner(s->queue, QUEUE_DROP);
	}
	if (now < s->next_ns)
		return;
	s->next_ns = now + PERIOD_NS;
	service_idle(s);
	tell_records(s);
	if (now < s->next_second_ns)
		return;
	s->next_second_ns = now + NS_PER_S;
	tell_packets(s);
	tell_evicted(s);
	if (s->options->interval_s && now - s->line_ns >= (int64_t)s->options->interval_s * NS_PER_S)
		line(s, now);
}

void service_idle(struct service *s)
{
	if (s->http)
		http_work(s->http);
}

bool service_done(struct service *s)
{
	return s->queue && queue_error(s->queue);
}

int64_t service_last_words(struct service *s)
{
	if (s->queue)
		queue_manner(s->queue, QUEUE_WAIT);
	if (service_wanted(s->options)) {
		tell_packets(s);
		tell_evicted(s);
	}
	if (!s->queue)
		return TCPSTAT_NULL;
	queue_manner(s->queue, QUEUE_WAIT); /* telling has set another */
	if (queue_dropped(s->queue) != s->told_records) {
		struct record_notice n = notice_of(RECORD_NOTICE_RECORDS_DROPPED);

		n.ts_ns = capture_now_ns(s->capture);
		n.total = (int64_t)queue_dropped(s->queue);
		n.count = n.total - (int64_t)s->told_records;
		s->told_records = (uint64_t)n.total;
		view_notice(s->view, &n);
	}
	return (int64_t)queue_dropped(s->queue);
}

bool service_close(struct service *s, char *error, size_t size)
{
	int failed = 0;
	uint64_t left = queue_close(s->queue, GOODBYE_MS, &failed);

	s->queue = NULL;
	http_close(s->http);
	metrics_free(s->metrics);
	s->http = NULL;
	s->metrics = NULL;
	if (left)
		snprintf(error, size, "standard output: its reader took nothing for %d s: %" PRIu64 " lines were left",
			GOODBYE_MS / 1000, left);
	else if (failed && failed != EPIPE)
		snprintf(error, size, "standard output: %s", strerror(failed));
	return !left && (!failed || failed == EPIPE);
}
