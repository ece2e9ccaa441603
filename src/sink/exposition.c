/* The text that Prometheus reads, text exposition format 0.0.4. */
#include "config.h"
#include "sink/metrics_room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS_PER_S 1000000000

#define CAUSE(dir, array, cause, text) +1
_Static_assert(METRICS_CAUSES(0, 0) == TCPSTAT_NCAUSES, "every cause has its series");
#undef CAUSE

struct page {
	FILE *out;
	struct metrics *m;
	const char *family;
	size_t next_sum;
};

static void family(struct page *p, const char *name, const char *type, const char *help)
{
	p->family = name;
	fprintf(p->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label(FILE *out, const char *text)
{
	char safe[256];

	record_utf8(text, safe, sizeof safe);
	for (const char *c = safe; *c; c++) {
		if (*c == '\\' || *c == '"')
			fputc('\\', out);
		if (*c == '\n')
			fputs("\\n", out);
		else
			fputc(*c, out);
	}
}

static void value(struct page *p, const char *labels, uint64_t n)
{
	fprintf(p->out, *labels ? "%s{%s} %" PRIu64 "\n" : "%s%s %" PRIu64 "\n", p->family, labels, n);
}

/* The label of --metrics-by; false: there is none. */
static bool put_group(const struct page *p, unsigned group)
{
	static const char *const names[] = { [METRICS_BY_PORT] = "port", [METRICS_BY_CLIENT] = "client",
		[METRICS_BY_SERVER] = "server" };
	const struct metrics_options *o = &p->m->options;

	if (o->by == METRICS_BY_NOTHING)
		return false;
	fprintf(p->out, "%s=\"", names[o->by]);
	if (group == METRICS_GROUPS)
		fputs("other", p->out);
	else if (o->by == METRICS_BY_PORT)
		fprintf(p->out, "%u", o->ports[group]);
	else
		put_label(p->out, o->networks[group].text);
	fputc('"', p->out);
	return true;
}

/* "name{label of the group,labels} " */
static void put_name(const struct page *p, unsigned group, const char *labels)
{
	bool grouped = p->m->options.by != METRICS_BY_NOTHING;

	fputs(p->family, p->out);
	if (grouped || *labels)
		fputc('{', p->out);
	put_group(p, group);
	fprintf(p->out, "%s%s", grouped && *labels ? "," : "", labels);
	fputs(grouped || *labels ? "} " : " ", p->out);
}

/* The groups that there are: [0, n) and the rest. */
static unsigned next_group(const struct page *p, unsigned group)
{
	return ++group < p->m->options.n || group > METRICS_GROUPS ? group : METRICS_GROUPS;
}

static unsigned first_group(const struct page *p)
{
	return p->m->options.n ? 0 : METRICS_GROUPS;
}

static void series(struct page *p, const char *labels, int64_t per)
{
	size_t i = p->next_sum++;

	for (unsigned g = first_group(p); g <= METRICS_GROUPS; g = next_group(p, g)) {
		int64_t *shown = &p->m->shown[g][i];

		if (p->m->sums[g][i] > *shown)
			*shown = p->m->sums[g][i];
		put_name(p, g, labels);
		if (per == 1)
			fprintf(p->out, "%" PRId64 "\n", *shown);
		else
			fprintf(p->out, "%" PRId64 ".%09" PRId64 "\n", *shown / per, *shown % per);
	}
}

/* ---------------------------------------------------------------------------------------------- not from the table */

static void put_closed(struct page *p)
{
	family(p, "tcpstat_connections_closed_total", "counter", "Connections that ended, by how.");
	for (unsigned g = first_group(p); g <= METRICS_GROUPS; g = next_group(p, g))
		for (unsigned how = 0; how <= TCPSTAT_CLOSE_TIMEOUT; how++) {
			char label[64];

			snprintf(label, sizeof label, "how=\"%s\"", tcpstat_close_name((enum tcpstat_close)how));
			put_name(p, g, label);
			fprintf(p->out, "%" PRIu64 "\n", p->m->closed[g][how]);
		}
	family(p, "tcpstat_handshakes_total", "counter", "Connections that ended, by how their handshake did.");
	for (unsigned g = first_group(p); g <= METRICS_GROUPS; g = next_group(p, g))
		for (unsigned i = 0; i <= TCPSTAT_HS_INCOMPLETE; i++) {
			const char *name = tcpstat_outcome_name((enum tcpstat_outcome)i);
			char label[64];

			snprintf(label, sizeof label, "outcome=\"%s\"", name ? name : "unseen");
			put_name(p, g, label);
			fprintf(p->out, "%" PRIu64 "\n", p->m->outcomes[g][i]);
		}
}

static void put_histogram(struct page *p, const char *labels, const struct metrics_histogram *h)
{
	const char *comma = *labels ? "," : "";
	uint64_t sum = 0;

	for (unsigned i = 0; i < METRICS_BOUNDS; i++) {
		sum += h->count[i];
		fprintf(p->out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", p->family, labels, comma,
			(double)metrics_bound_ns[i] / NS_PER_S, sum);
	}
	sum += h->count[METRICS_BOUNDS];
	fprintf(p->out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", p->family, labels, comma, sum);
	fprintf(p->out, *labels ? "%s_sum{%s} " : "%s_sum%s ", p->family, labels);
	fprintf(p->out, "%" PRIu64 ".%09" PRIu64 "\n", h->sum_ns / NS_PER_S, h->sum_ns % NS_PER_S);
	fprintf(p->out, *labels ? "%s_count{%s} %" PRIu64 "\n" : "%s_count%s %" PRIu64 "\n", p->family, labels, sum);
}

static void put_histograms(struct page *p)
{
	family(p, "tcpstat_rtt_seconds", "histogram", "Round-trip times of data, the whole path.");
	put_histogram(p, "dir=\"c2s\"", &p->m->rtt[0]);
	put_histogram(p, "dir=\"s2c\"", &p->m->rtt[1]);
	family(p, "tcpstat_handshake_seconds", "histogram", "Round-trip times of handshakes.");
	put_histogram(p, "", &p->m->handshake);
	family(p, "tcpstat_response_seconds", "histogram", "What servers took to answer.");
	put_histogram(p, "", &p->m->response);
}

static void put_states(struct page *p, const struct tcpstat_gauges *g)
{
	static const char *const who[] = { "client", "server" };

	family(p, "tcpstat_endpoints", "gauge", "Endpoints of the connections that are followed, by state.");
	for (unsigned i = 0; i < 2; i++)
		for (unsigned s = 0; s < TCPSTAT_NSTATES; s++)
			fprintf(p->out, "%s{endpoint=\"%s\",state=\"%s\"} %" PRIu64 "\n", p->family, who[i],
				tcpstat_state_name((enum tcpstat_state)s), g->states[i][s]);
}

static void put_interface(struct page *p, const struct capture_interface *i, const char *more, uint64_t n)
{
	fprintf(p->out, "%s{interface=\"", p->family);
	put_label(p->out, i->name ? i->name : "");
	fprintf(p->out, "\"%s} %" PRIu64 "\n", more, n);
}

static void put_interfaces(struct page *p, const struct capture_facts *f)
{
	size_t i;

	family(p, "tcpstat_interface_up", "gauge", "Whether the interface is up.");
	for (i = 0; i < f->n_interfaces; i++)
		put_interface(p, &f->interfaces[i], "", !f->interfaces[i].down);
	family(p, "tcpstat_interface_packets_total", "counter", "Packets read from the interface, after the filter.");
	for (i = 0; i < f->n_interfaces; i++)
		put_interface(p, &f->interfaces[i], "", f->interfaces[i].packets);
	family(p, "tcpstat_interface_dropped_packets_total", "counter",
		"Packets lost by the kernel, which captures, or by the interface and its driver.");
	for (i = 0; i < f->n_interfaces; i++) {
		if (f->interfaces[i].dropped != TCPSTAT_NULL)
			put_interface(p, &f->interfaces[i], ",by=\"kernel\"", (uint64_t)f->interfaces[i].dropped);
		if (f->interfaces[i].if_dropped != TCPSTAT_NULL)
			put_interface(p, &f->interfaces[i], ",by=\"interface\"", (uint64_t)f->interfaces[i].if_dropped);
	}
}

static void put_findings(struct page *p)
{
	family(p, "tcpstat_findings_total", "counter", "Findings, by what they are.");
	for (unsigned i = 0; i < p->m->n_findings; i++)
		fprintf(p->out, "%s{id=\"%s\",severity=\"%s\"} %" PRIu64 "\n", p->family, p->m->findings[i].id,
			tcpstat_severity_name(p->m->findings[i].severity), p->m->findings[i].count);
}

static uint64_t resident_bytes(void)
{
	unsigned long long pages = 0;
	char text[128] = "";
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fgets(text, sizeof text, f))
		pages = strtoull(text + strcspn(text, " "), NULL, 10);
	if (f)
		fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_process(struct page *p)
{
	struct rusage u = { 0 };
	int64_t us;

	getrusage(RUSAGE_SELF, &u);
	us = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000) + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
	family(p, "process_cpu_seconds_total", "counter", "Processor time of tcpstat.");
	fprintf(p->out, "%s %" PRId64 ".%06" PRId64 "\n", p->family, us / 1000000, us % 1000000);
	family(p, "process_resident_memory_bytes", "gauge", "Memory of tcpstat in all.");
	value(p, "", resident_bytes());
	family(p, "process_start_time_seconds", "gauge", "When tcpstat was started, since the epoch.");
	fprintf(p->out, "%s %" PRId64 "\n", p->family, p->m->start_s);
	family(p, "tcpstat_build_info", "gauge", "Its version; always 1.");
	fprintf(p->out, "%s{version=\"%s\"} 1\n", p->family, p->m->version);
}

static void put_counters(struct page *p, const struct tcpstat_counters *c)
{
	family(p, "tcpstat_decoded_total", "counter", "What the decoder counted: the counters of tcpstat-json(5).");
#define X(name, text) fprintf(p->out, "%s{what=\"" #name "\"} %" PRIu64 "\n", p->family, c->name);
	TCPSTAT_COUNTERS(X)
#undef X
}

#define COUNTER "counter"
#define GAUGE "gauge"
#define FAMILY(name, type, help) family(p, name, type, help);
#define CAUSE(dir, array, cause, text) series(p, "dir=\"" dir "\",cause=\"" text "\"", 1);
#define C(labels, member, per) series(p, labels, per);
#define CAUSES(dir, array) METRICS_CAUSES(dir, array)
#define V(labels, expression) value(p, labels, expression);
static void put_table(struct page *p, const struct metrics_now *x)
{
#include "sink/metric.def"
}

size_t metrics_text_most(const struct metrics_options *o, size_t n_interfaces)
{
	enum {
		LINE_BYTES = 128,               /* name, labels, number; without the label of the group */
		LABEL_BYTES = sizeof ((struct metrics_network *)0)->text + 16,
		FAMILY_BYTES = 256, FAMILIES = 64,
		INTERFACE_BYTES = 1024,
		LINES = METRICS_N_SUMS + TCPSTAT_CLOSE_TIMEOUT + 1 + TCPSTAT_HS_INCOMPLETE + 1,
		/* findings, counters, states, histograms, values */
		LINES_ONCE = METRICS_FINDINGS + sizeof(struct tcpstat_counters) / sizeof(uint64_t) +
			2 * TCPSTAT_NSTATES + 4 * (METRICS_BOUNDS + 3) + 64
	};
	size_t groups = o->by == METRICS_BY_NOTHING ? 1 : METRICS_GROUPS + 1;

	return groups * LINES * (LINE_BYTES + LABEL_BYTES) + LINES_ONCE * LINE_BYTES + FAMILIES * FAMILY_BYTES +
		n_interfaces * INTERFACE_BYTES;
}

char *metrics_text(struct metrics *m, struct metrics_now *now, size_t *len)
{
	char *text = NULL;
	struct page p = { .out = open_memstream(&text, len), .m = m };
	bool failed;

	if (!p.out)
		return NULL;
	now->unsampled = m->unsampled;
	put_table(&p, now);
	put_closed(&p);
	put_histograms(&p);
	put_states(&p, &now->gauges);
	put_interfaces(&p, now->facts);
	put_findings(&p);
	put_counters(&p, now->counters);
	put_process(&p);
	failed = ferror(p.out);
	if (fclose(p.out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}
