#include "join/totals.h"

#include <stdlib.h>
#include <string.h>

#include "join/read.h"

enum { HISTOGRAMS = 3 };

struct totals {
	bool begun;
	struct record_summary sum, one;
	struct tcpstat_histogram histogram[HISTOGRAMS], of_one[HISTOGRAMS]; /* in the order of the table */
};

struct totals *totals_new(void)
{
	return calloc(1, sizeof(struct totals));
}

void totals_free(struct totals *t)
{
	free(t);
}

/* Of foreign numbers: nothing overflows. */
static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void add_figures(struct record_summary *sum, const struct record_summary *one)
{
	sum->connections = add(sum->connections, one->connections);
	sum->findings = add(sum->findings, one->findings);
	sum->counters.connections += one->counters.connections;
	sum->counters.evicted += one->counters.evicted;
	sum->counters.no_memory += one->counters.no_memory;
	for (unsigned e = 0; e < 2; e++)
		for (unsigned s = 0; s < TCPSTAT_NSTATES; s++)
			sum->states[e][s] = add(sum->states[e][s], one->states[e][s]);
}

const char *totals_add(struct totals *t, struct json_object *summary)
{
	const char *wrong;

	memset(t->of_one, 0, sizeof t->of_one);
	t->one = (struct record_summary){ 0 };
	wrong = read_record(record_summary.body, summary, &t->one, t->of_one);
	if (wrong)
		return wrong;
	if (t->begun)
		add_figures(&t->sum, &t->one);
	else
		t->sum = t->one;
	t->begun = true;
	for (unsigned i = 0; i < HISTOGRAMS; i++)
		tcpstat_histogram_merge(&t->histogram[i], &t->of_one[i]);
	return NULL;
}

const struct tcpstat_counters *totals_counters(const struct totals *t)
{
	return &t->sum.counters;
}

/* As long as the capture is, to the nanosecond: the summary of a shard has microseconds. */
static int64_t duration_ns(const struct record_capture *c)
{
	int64_t ns;

	if (c->first_ts_ns == TCPSTAT_NULL || c->last_ts_ns == TCPSTAT_NULL ||
	    __builtin_sub_overflow(c->last_ts_ns, c->first_ts_ns, &ns))
		return TCPSTAT_NULL;
	return ns;
}

const struct record_summary *totals_summary(struct totals *t, int64_t n_findings)
{
	t->sum.findings = add(t->sum.findings, n_findings);
	t->sum.duration_ns = duration_ns(&t->sum.capture);
	record_distribution_init(&t->sum.connect, &t->histogram[0]);
	record_distribution_init(&t->sum.response, &t->histogram[1]);
	record_distribution_init(&t->sum.rtt, &t->histogram[2]);
	return &t->sum;
}
