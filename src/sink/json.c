/* The stream and the document. A document is {"schema", "connections", "findings", "capture", "summary"}, of a shard
 * {"schema", "shard", "connections", ...}: in this order it can be written while the input is read; findings wait in a
 * temporary file until the connections are through. */
#include "sink/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sink/facts.h"
#include "sink/print.h"

enum { BUFFER = 128 * 1024 };           /* bytes gathered before they are written */

struct json {
	struct json_options options;
	struct printbuf *pb;
	struct print_plan *plans[TCPSTAT_NEVENTS]; /* NULL: not needed yet */
	FILE *findings;                 /* document: those so far; NULL none */
	_Atomic int error;              /* errno of the first failure; asked for by another thread */
	int64_t n_connections, n_findings;
	bool begun[2];                  /* document: the list has an item */
	struct tcpstat_event position;  /* shard: of what comes next */
	bool positioned[2];             /* the list has it */
	int64_t states[2][TCPSTAT_NSTATES];
};

uint32_t json_events(const struct json_options *o)
{
	uint32_t summary = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) | TCPSTAT_MASK(TCPSTAT_EV_FINDING);

	if (o->shard)
		summary |= TCPSTAT_MASK(TCPSTAT_EV_POSITION) | TCPSTAT_MASK(TCPSTAT_EV_CENSUS);
	return o->document ? summary : o->events | summary;
}

static void fail(struct json *j, int error)
{
	if (!j->error)
		j->error = error ? error : EIO;
}

static void write_out(struct json *j)
{
	if (!j->error && j->pb->bpos &&
	    fwrite(j->pb->buf, 1, (size_t)j->pb->bpos, j->options.out) != (size_t)j->pb->bpos)
		fail(j, errno);
	printbuf_reset(j->pb);
}

static void put(struct json *j, const char *text, size_t len)
{
	if (print_put(j->pb, text, len))
		fail(j, ENOMEM);
	if (j->pb->bpos >= BUFFER)
		write_out(j);
}

static void put_str(struct json *j, const char *text)
{
	put(j, text, strlen(text));
}

/* A part of a record must not stay behind. */
static void put_record(struct json *j, enum tcpstat_event_type type, const struct record *r, const void *head,
		       const void *body)
{
	int start = j->pb->bpos;

	if (!j->plans[type])
		j->plans[type] = print_plan_new(r);
	if (!j->plans[type] || print_record(j->pb, j->plans[type], head, body)) {
		j->pb->bpos = start;
		fail(j, ENOMEM);
	}
}

/* Takes `o`; NULL is no memory. */
static void put_tree(struct json *j, struct json_object *o)
{
	size_t len;
	const char *text = tree_text(o, &len);

	if (text)
		put(j, text, len);
	else
		fail(j, ENOMEM);
	json_object_put(o);
}

struct json *json_new(const struct json_options *options)
{
	struct json *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->options = *options;
	j->options.events = options->document ? json_events(options) : options->events;
	j->pb = printbuf_new();
	if (!j->pb) {
		free(j);
		return NULL;
	}
	j->positioned[0] = j->positioned[1] = true;
	if (!options->document)
		return j;
	put_str(j, "{\"schema\":\"" RECORD_SCHEMA "\",\n");
	if (options->shard) {
		put_str(j, "\"shard\":");
		put_tree(j, tree_record(&record_shard, NULL, options->shard, false));
		put_str(j, ",\n");
	}
	put_str(j, "\"connections\":[");
	return j;
}

void json_capture(struct json *j, const struct capture_facts *facts)
{
	struct record_capture capture;

	if (j->error || j->options.document)
		return;
	if (facts_init(&capture, facts, j->options.filter, j->options.version, false)) {
		fail(j, ENOMEM);
		return;
	}
	put_tree(j, tree_record(&record_capture, NULL, &capture, true));
	put_str(j, "\n");
	if (j->options.shard) {
		put_tree(j, tree_record(&record_shard, NULL, j->options.shard, false));
		put_str(j, "\n");
	}
	facts_fini(&capture);
}

static void count(struct json *j, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_FINDING)
		j->n_findings++;
	if (ev->type != TCPSTAT_EV_CONNECTION)
		return;
	j->n_connections++;
	for (int e = 0; e < 2; e++)
		if ((unsigned)ev->connection->close.state[e] < TCPSTAT_NSTATES)
			j->states[e][ev->connection->close.state[e]]++;
}

/* Findings come between the connections, but are a list of their own. */
static void keep_finding(struct json *j, const char *text, size_t len)
{
	if (!j->findings && !(j->findings = tmpfile()))
		fail(j, errno);
	else if (fputs(j->begun[JSON_FINDINGS] ? ",\n" : "\n", j->findings) == EOF ||
		 fwrite(text, 1, len, j->findings) != len)
		fail(j, errno);
	j->begun[JSON_FINDINGS] = true;
}

/* What stands before and after a record of the stream, or of the connections of a document. */
static void begin_record(struct json *j)
{
	if (j->options.document)
		put_str(j, j->begun[JSON_CONNECTIONS] ? ",\n" : "\n");
	j->begun[JSON_CONNECTIONS] = true;
}

static void end_record(struct json *j)
{
	if (!j->options.document)
		put_str(j, "\n");
}

void json_record_text(struct json *j, enum json_list list, const char *text, size_t len)
{
	if (j->error)
		return;
	if (j->options.document && list == JSON_FINDINGS) {
		keep_finding(j, text, len);
		return;
	}
	begin_record(j);
	put(j, text, len);
	end_record(j);
}

/* Takes `o`; NULL is no memory. */
static void put_record_tree(struct json *j, enum json_list list, struct json_object *o)
{
	size_t len;
	const char *text = tree_text(o, &len);

	if (text)
		json_record_text(j, list, text, len);
	else
		fail(j, ENOMEM);
	json_object_put(o);
}

/* In a stream there is one list, whatever is asked for. */
static void put_position(struct json *j, enum json_list list)
{
	list = j->options.document ? list : JSON_CONNECTIONS;
	if (j->positioned[list])
		return;
	j->positioned[list] = true;
	put_record_tree(j, list, tree_record(&record_position, NULL, &j->position, false));
}

static void note_position(struct json *j, const struct tcpstat_event *ev)
{
	j->position = *ev;
	j->positioned[0] = j->positioned[1] = false;
	/* without a record that follows, too */
	if (ev->position.opened || !ev->position.order)
		put_position(j, JSON_CONNECTIONS);
}

static void put_event(struct json *j, const struct record *r, const struct tcpstat_event *ev, const void *head,
		      const void *body)
{
	enum json_list list = ev->type == TCPSTAT_EV_FINDING ? JSON_FINDINGS : JSON_CONNECTIONS;

	put_position(j, list);
	if (j->options.document && list == JSON_FINDINGS) {
		put_record_tree(j, list, tree_record(r, head, body, false));
		return;
	}
	begin_record(j);
	put_record(j, ev->type, r, head, body);
	end_record(j);
}

void json_event(struct json *j, const struct tcpstat_event *ev)
{
	const struct record *r = record_of(ev->type);

	if (j->error)
		return;
	if (j->options.shard && ev->type == TCPSTAT_EV_POSITION)
		note_position(j, ev);
	else if (j->options.shard && ev->type == TCPSTAT_EV_CENSUS)
		put_event(j, &record_census, ev, NULL, ev->census);
	if (!r)
		return;
	count(j, ev);
	if (j->options.events & TCPSTAT_MASK(ev->type))
		put_event(j, r, ev, ev, record_body(ev));
}

void json_flush(struct json *j)
{
	if (j->error || !j->pb->bpos)
		return;
	write_out(j);
	if (!j->error && fflush(j->options.out))
		fail(j, errno);
}

static void put_findings(struct json *j)
{
	char part[8192];
	size_t n;

	if (!j->findings)
		return;
	if (fflush(j->findings) || fseek(j->findings, 0, SEEK_SET)) {
		fail(j, errno);
		return;
	}
	while ((n = fread(part, 1, sizeof part, j->findings)) > 0)
		put(j, part, n);
	if (ferror(j->findings))
		fail(j, errno);
}

static int64_t span(int64_t first, int64_t last)
{
	int64_t ns;

	if (first == TCPSTAT_NULL || last == TCPSTAT_NULL || __builtin_sub_overflow(last, first, &ns))
		return TCPSTAT_NULL;
	return ns;
}

void json_line_text(struct json *j, const char *text, size_t len)
{
	if (j->error || j->options.document)
		return;
	put(j, text, len);
	put_str(j, "\n");
}

void json_end_text(struct json *j, const char *capture, size_t capture_len, const struct record_summary *s)
{
	if (j->error)
		return;
	if (j->options.document) {
		put_str(j, "],\n\"findings\":[");
		put_findings(j);
		put_str(j, "],\n\"capture\":");
		put(j, capture, capture_len);
		put_str(j, ",\n\"summary\":");
	}
	put_tree(j, tree_record(&record_summary, NULL, s, false));
	put_str(j, j->options.document ? "}\n" : "\n");
}

void json_notice(struct json *j, const struct record_notice *n)
{
	if (j->error || j->options.document)
		return;
	put_tree(j, tree_record(&record_notice, NULL, n, false));
	put_str(j, "\n");
}

void json_summary(struct json *j, const struct capture_facts *facts, const struct tcpstat_counters *counters,
	const struct tcpstat_totals *totals, int64_t records_dropped)
{
	struct record_summary s = { .counters = *counters, .records_dropped = records_dropped,
		.connections = j->n_connections, .findings = j->n_findings };
	struct json_object *capture;
	const char *text;
	size_t len;

	if (j->error)
		return;
	if (facts_init(&s.capture, facts, j->options.filter, j->options.version, true)) {
		fail(j, ENOMEM);
		return;
	}
	s.duration_ns = span(s.capture.first_ts_ns, s.capture.last_ts_ns);
	memcpy(s.states, j->states, sizeof s.states);
	record_distribution_init(&s.connect, totals ? &totals->connect : NULL);
	record_distribution_init(&s.response, totals ? &totals->response : NULL);
	record_distribution_init(&s.rtt, totals ? &totals->rtt : NULL);
	capture = tree_record(&record_capture, NULL, &s.capture, false);
	text = tree_text(capture, &len);
	if (text)
		json_end_text(j, text, len, &s);
	else
		fail(j, ENOMEM);
	json_object_put(capture);
	facts_fini(&s.capture);
}

int json_error(const struct json *j)
{
	return j->error;
}

int json_close(struct json *j)
{
	int error;

	if (!j)
		return 0;
	json_flush(j);
	if (j->findings)
		fclose(j->findings);
	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++)
		print_plan_free(j->plans[t]);
	printbuf_free(j->pb);
	error = j->error;
	free(j);
	return error;
}
