/* The stream and the document. A document is {"schema", "connections", "findings", "capture", "summary"}: in this order
 * it can be written while the input is read; findings wait in a temporary file until the connections are through. */
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
	FILE *findings;                 /* document: those so far; NULL none */
	_Atomic int error;              /* errno of the first failure; asked for by another thread */
	int64_t n_connections, n_findings;
	int64_t states[2][TCPSTAT_NSTATES];
};

uint32_t json_events(const struct json_options *o)
{
	uint32_t summary = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) | TCPSTAT_MASK(TCPSTAT_EV_FINDING);

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
	if (printbuf_memappend(j->pb, text, (int)len) < 0)
		fail(j, ENOMEM);
	if (j->pb->bpos >= BUFFER)
		write_out(j);
}

static void put_str(struct json *j, const char *text)
{
	put(j, text, strlen(text));
}

/* A part of a record must not stay behind. */
static void put_record(struct json *j, const struct record *r, const void *head, const void *body)
{
	int start = j->pb->bpos;

	if (print_record(j->pb, r, head, body)) {
		j->pb->bpos = start;
		fail(j, ENOMEM);
	}
}

static const char *tree_json(struct json_object *o, size_t *len)
{
	return o ? json_object_to_json_string_length(o, TREE_TEXT, len) : NULL;
}

/* Takes `o`; NULL is no memory. */
static void put_tree(struct json *j, struct json_object *o)
{
	size_t len;
	const char *text = tree_json(o, &len);

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
	j->pb = printbuf_new();
	if (!j->pb) {
		free(j);
		return NULL;
	}
	if (options->document)
		put_str(j, "{\"schema\":\"" RECORD_SCHEMA "\",\n\"connections\":[");
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
static void keep_finding(struct json *j, const struct tcpstat_event *ev)
{
	struct json_object *o = tree_record(record_of(ev->type), ev, ev, false);
	size_t len;
	const char *text = tree_json(o, &len);

	if (!text)
		fail(j, ENOMEM);
	else if (!j->findings && !(j->findings = tmpfile()))
		fail(j, errno);
	else if (fputs(j->n_findings > 1 ? ",\n" : "\n", j->findings) == EOF ||
		 fwrite(text, 1, len, j->findings) != len)
		fail(j, errno);
	json_object_put(o);
}

static void document_event(struct json *j, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_CONNECTION) {
		put_str(j, j->n_connections > 1 ? ",\n" : "\n");
		put_record(j, record_of(ev->type), ev, ev->connection);
	} else if (ev->type == TCPSTAT_EV_FINDING) {
		keep_finding(j, ev);
	}
}

void json_event(struct json *j, const struct tcpstat_event *ev)
{
	const struct record *r = record_of(ev->type);

	if (j->error || !r)
		return;
	count(j, ev);
	if (j->options.document) {
		document_event(j, ev);
		return;
	}
	if (!(j->options.events & TCPSTAT_MASK(ev->type)))
		return;
	if (ev->type == TCPSTAT_EV_FINDING)
		put_tree(j, tree_record(r, ev, ev, false));
	else
		put_record(j, r, ev, record_body(ev));
	put_str(j, "\n");
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

static void put_end(struct json *j, const struct record_summary *s)
{
	if (j->options.document) {
		put_str(j, "],\n\"findings\":[");
		put_findings(j);
		put_str(j, "],\n\"capture\":");
		put_tree(j, tree_record(&record_capture, NULL, &s->capture, false));
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
	int64_t records_dropped)
{
	struct record_summary s = { .counters = *counters, .records_dropped = records_dropped,
		.connections = j->n_connections, .findings = j->n_findings };

	if (j->error)
		return;
	if (facts_init(&s.capture, facts, j->options.filter, j->options.version, true)) {
		fail(j, ENOMEM);
		return;
	}
	s.duration_ns = span(s.capture.first_ts_ns, s.capture.last_ts_ns);
	memcpy(s.states, j->states, sizeof s.states);
	put_end(j, &s);
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
	printbuf_free(j->pb);
	error = j->error;
	free(j);
	return error;
}
