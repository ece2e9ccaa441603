#include "sink/report.h"
#include "sink/standing.h"
#include "sink/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FINDINGS = 1000, MAX_ENDPOINT = 300 };

/* What a line of the table is made of. */
struct row {
	int64_t trouble;
	struct tcpstat_conn conn;
};

/* What is said of a finding; the texts are the report's own. */
struct finding {
	uint32_t conn;
	enum tcpstat_severity severity;
	int64_t cost_ns;
	char *title, *detail, *advice, *man;
};

/* Sums over all connections, those without a line in the table too. */
struct totals {
	uint64_t connections, midstream, refused, no_answer, reset, timed_out, open;
	uint64_t retransmitting, retransmissions, by_cause[TCPSTAT_NCAUSES], spurious;
	uint64_t out_of_order, duplicates, zero_windows, timeouts;
	uint64_t gaps[TCPSTAT_GAP_CAP + 1], gap_bytes[TCPSTAT_GAP_CAP + 1];
	int64_t stall_ns, zero_ns;
};

struct report {
	struct style style;
	uint64_t top;
	struct row **heap;              /* the least trouble on top, so that it can be replaced */
	size_t n_rows, max_rows;
	struct totals totals;
	struct finding *findings;
	size_t n_findings;
	uint64_t findings_seen[TCPSTAT_SEVERITY_PROBLEM + 1];
	bool no_memory;
};

/* ------------------------------------------------------------------------------------------------ the worst ones */

/* Does `a` stand before `b` in the table? */
static bool before(const struct row *a, const struct row *b)
{
	return a->trouble != b->trouble ? a->trouble > b->trouble : a->conn.number < b->conn.number;
}

static void swap(struct row **a, struct row **b)
{
	struct row *t = *a;

	*a = *b;
	*b = t;
}

static void sift_up(struct row **heap, size_t i)
{
	for (; i > 0 && before(heap[(i - 1) / 2], heap[i]); i = (i - 1) / 2)
		swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_down(struct row **heap, size_t n, size_t i)
{
	for (;;) {
		size_t last = i, child = 2 * i + 1;

		if (child < n && before(heap[last], heap[child]))
			last = child;
		if (child + 1 < n && before(heap[last], heap[child + 1]))
			last = child + 1;
		if (last == i)
			return;
		swap(&heap[i], &heap[last]);
		i = last;
	}
}

static bool grow(struct report *r)
{
	size_t max = r->max_rows ? 2 * r->max_rows : 32;
	struct row **heap;

	if (r->n_rows < r->max_rows)
		return true;
	heap = realloc(r->heap, max * sizeof *heap);
	if (!heap)
		return false;
	r->heap = heap;
	r->max_rows = max;
	return true;
}

static void keep(struct report *r, const struct tcpstat_conn *c)
{
	struct row row = { .trouble = standing_trouble(c), .conn = *c }, *copy;

	if (r->n_rows == r->top) {
		if (!r->n_rows || !before(&row, r->heap[0]))
			return;
		*r->heap[0] = row;
		sift_down(r->heap, r->n_rows, 0);
		return;
	}
	copy = malloc(sizeof *copy);
	if (!copy || !grow(r)) {
		free(copy);
		r->no_memory = true;
		return;
	}
	*copy = row;
	r->heap[r->n_rows] = copy;
	sift_up(r->heap, r->n_rows++);
}

/* ------------------------------------------------------------------------------------------------------- events */

static void add(uint64_t *sum, int64_t n)
{
	*sum += n > 0 ? (uint64_t)n : 0;
}

static void add_ns(int64_t *sum, int64_t ns)
{
	if (ns > 0 && __builtin_add_overflow(*sum, ns, sum))
		*sum = INT64_MAX;
}

static void count(struct totals *t, const struct tcpstat_conn *c)
{
	bool resent = false;
	int i, cause;

	t->connections++;
	t->midstream += c->midstream;
	t->refused += c->handshake.outcome == TCPSTAT_HS_REFUSED;
	t->no_answer += c->handshake.outcome == TCPSTAT_HS_TIMEOUT;
	if (c->handshake.outcome != TCPSTAT_HS_REFUSED && c->handshake.outcome != TCPSTAT_HS_TIMEOUT) {
		t->reset += c->close.how == TCPSTAT_CLOSE_RST;
		t->timed_out += c->close.how == TCPSTAT_CLOSE_TIMEOUT;
	}
	t->open += c->close.how == TCPSTAT_CLOSE_OPEN;
	for (i = 0; i < 2; i++) {
		const struct tcpstat_half *h = &c->half[i];

		add(&t->retransmissions, h->retransmissions.total);
		resent |= h->retransmissions.total > 0;
		for (cause = 0; cause < TCPSTAT_NCAUSES; cause++)
			add(&t->by_cause[cause], h->retransmissions.by_cause[cause]);
		add(&t->spurious, h->retransmissions.spurious);
		add(&t->out_of_order, h->out_of_order);
		add(&t->duplicates, h->duplicates);
		add(&t->zero_windows, h->rwnd.zero_count);
		add(&t->timeouts, h->timeouts.count);
		add_ns(&t->stall_ns, h->timeouts.stall_ns);
		add_ns(&t->zero_ns, h->rwnd.zero_ns);
	}
	t->retransmitting += resent;
}

static char *copy_text(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	*failed |= text && !copy;
	return copy;
}

static void finding_fini(struct finding *f)
{
	free(f->title);
	free(f->detail);
	free(f->advice);
	free(f->man);
}

/* Worse findings first; of equals the earlier. */
static bool worse(const struct finding *a, const struct finding *b)
{
	return a->severity != b->severity ? a->severity > b->severity : a->cost_ns > b->cost_ns;
}

static void keep_finding(struct report *r, const struct tcpstat_event *ev)
{
	const struct tcpstat_ev_finding *e = &ev->finding;
	struct finding f = { .conn = ev->conn, .severity = e->severity, .cost_ns = e->cost_ns };
	size_t at = r->n_findings;

	r->findings_seen[e->severity]++;
	while (at > 0 && worse(&f, &r->findings[at - 1]))
		at--;
	if (at == MAX_FINDINGS)
		return;
	f.title = copy_text(e->title, &r->no_memory);
	f.detail = copy_text(e->detail, &r->no_memory);
	f.advice = copy_text(e->advice, &r->no_memory);
	f.man = copy_text(e->man, &r->no_memory);
	if (r->n_findings == MAX_FINDINGS)
		finding_fini(&r->findings[--r->n_findings]);
	memmove(&r->findings[at + 1], &r->findings[at], (r->n_findings - at) * sizeof f);
	r->findings[at] = f;
	r->n_findings++;
}

void report_event(struct report *r, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_CONNECTION) {
		count(&r->totals, ev->connection);
		keep(r, ev->connection);
	} else if (ev->type == TCPSTAT_EV_FINDING) {
		keep_finding(r, ev);
	} else if (ev->type == TCPSTAT_EV_GAP) {
		r->totals.gaps[ev->gap.why]++;
		r->totals.gap_bytes[ev->gap.why] += ev->gap.len;
	}
}

struct report *report_new(const struct style *style, uint64_t top)
{
	struct report *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->style = *style;
	r->top = top;
	r->findings = calloc(MAX_FINDINGS, sizeof *r->findings);
	if (!r->findings) {
		free(r);
		return NULL;
	}
	return r;
}

void report_free(struct report *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < r->n_rows; i++)
		free(r->heap[i]);
	for (i = 0; i < r->n_findings; i++)
		finding_fini(&r->findings[i]);
	free(r->heap);
	free(r->findings);
	free(r);
}

/* ------------------------------------------------------------------------------------------------------ the text */

static void print_head(const struct report *r, const struct report_facts *facts,
	const struct tcpstat_counters *counters)
{
	char name[4096], n[FORMAT_MAX], tcp[FORMAT_MAX], conns[FORMAT_MAX], span[FORMAT_MAX], when[FORMAT_MAX];
	uint64_t packets = counters->packets;
	FILE *out = r->style.out;
	size_t i;

	fputs(tint_on(&r->style, TINT_BOLD), out);
	for (i = 0; i < facts->n_names; i++)
		fprintf(out, "%s%s", i ? ", " : "", !strcmp(facts->names[i], "-") ? "standard input" :
			format_safe(name, sizeof name, &r->style, facts->names[i]));
	fprintf(out, "%s: %s packet%s", tint_off(&r->style, TINT_BOLD), format_count(n, (int64_t)packets),
		format_s((int64_t)packets));
	if (facts->filtered)
		fprintf(out, " (of %s)", format_count(n, (int64_t)facts->packets));
	if (facts->filter)
		fprintf(out, " that match%s the filter", packets == 1 ? "es" : "");
	if (counters->tcp != packets)
		fprintf(out, ", %s of TCP", format_count(tcp, (int64_t)counters->tcp));
	fprintf(out, ", %s connection%s", format_count(conns, (int64_t)r->totals.connections),
		format_s((int64_t)r->totals.connections));
	if (facts->first_ts_ns != TCPSTAT_NULL)
		fprintf(out, ", %s from %s", format_duration(span, &r->style, facts->last_ts_ns - facts->first_ts_ns),
			format_time(when, facts->first_ts_ns));
	fputc('\n', out);
}

static const char *findings_of(const struct report *r, uint32_t conn, char *text, size_t size, enum tint *tint)
{
	size_t i, n = 0, first = SIZE_MAX;
	char more[32] = "", title[MAX_ENDPOINT / 2];

	for (i = 0; i < r->n_findings; i++) {
		if (r->findings[i].conn == conn) {
			first = first == SIZE_MAX ? i : first;
			n++;
		}
	}
	*text = '\0';
	*tint = TINT_NONE;
	if (!n)
		return text;
	*tint = r->findings[first].severity == TCPSTAT_SEVERITY_PROBLEM ? TINT_RED : TINT_YELLOW;
	if (n > 1)
		snprintf(more, sizeof more, ", %zu more", n - 1);
	format_safe(title, sizeof title, &r->style, r->findings[first].title ? r->findings[first].title : "");
	snprintf(text, size, "%s%s", title, more);
	return text;
}

static void print_row(const struct report *r, struct table *t, const struct tcpstat_conn *c)
{
	char text[MAX_ENDPOINT], small[FORMAT_MAX];
	double resent = standing_retransmitted(c);
	int64_t syns = c->handshake.syn_retransmissions;
	enum tint tint;
	int i;

	snprintf(small, sizeof small, "%" PRIu32, c->number);
	table_cell(t, small, TINT_BOLD);
	for (i = 0; i < 2; i++)
		table_cell(t, format_endpoint(text, sizeof text, &r->style, &c->addr[i], c->port[i]), TINT_NONE);
	snprintf(text, sizeof text, "%s%s", standing_state(small, c), c->midstream ? " *" : "");
	table_cell(t, text, standing_tint(c));
	for (i = 0; i < 2; i++)
		table_cell(t, format_bytes(small, c->half[i].payload_bytes), TINT_NONE);
	table_cell(t, format_duration(small, &r->style, c->duration_ns), TINT_NONE);
	table_cell(t, format_duration(small, &r->style, standing_rtt(c)), TINT_NONE);
	if (!(resent > 0) && syns > 0)
		snprintf(small, sizeof small, "%" PRId64 " SYN", syns);
	else
		format_share(small, resent);
	table_cell(t, small, syns > 0 ? TINT_RED : resent >= 0.01 ? TINT_RED : resent > 0 ? TINT_YELLOW : TINT_NONE);
	table_cell(t, standing_limit(small, c), TINT_NONE);
	if (r->n_findings) {
		findings_of(r, c->number, text, sizeof text, &tint);
		table_cell(t, text, tint);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	return before(*x, *y) ? -1 : 1;
}

static void print_table(struct report *r)
{
	struct table t;
	bool limits = false, midstream = false;
	char small[FORMAT_MAX], all[FORMAT_MAX];
	size_t i;

	if (!r->n_rows)
		return;
	qsort(r->heap, r->n_rows, sizeof *r->heap, by_place);
	for (i = 0; i < r->n_rows; i++) {
		limits |= *standing_limit(small, &r->heap[i]->conn) != '\0';
		midstream |= r->heap[i]->conn.midstream;
	}
	table_init(&t, &r->style);
	table_column(&t, "#", true, 0);
	table_column(&t, "client", false, 0);
	table_column(&t, "server", false, 0);
	table_column(&t, "state", false, 0);
	table_column(&t, "up", true, 0);
	table_column(&t, "down", true, 0);
	table_column(&t, "lasted", true, 5);
	table_column(&t, "RTT", true, 3);
	table_column(&t, "resent", true, 2);
	table_column(&t, "limited by", false, 4);
	t.column[t.n_columns - 1].hidden = !limits;
	if (r->n_findings)
		table_column(&t, "finding", false, 1);
	for (i = 0; i < r->n_rows; i++)
		print_row(r, &t, &r->heap[i]->conn);
	fputc('\n', r->style.out);
	table_print(&t);
	r->no_memory |= t.no_memory;
	table_fini(&t);
	if (midstream)
		fprintf(r->style.out, "* began before the capture did\n");
	if (r->totals.connections > r->n_rows)
		fprintf(r->style.out, "%s of %s connections; --top all shows every one\n", format_count(small,
			(int64_t)r->n_rows),
			format_count(all, (int64_t)r->totals.connections));
}

/* "  Title     text" with lines that belong together under one title. */
static void print_fact(const struct style *style, const char *title, const char *text)
{
	fprintf(style->out, "%s%-14s%s%s\n", tint_on(style, TINT_BOLD), title, tint_off(style, TINT_BOLD), text);
}

struct list {
	char text[1024];
	size_t len;
};

static void list_add(struct list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void list_add(struct list *list, const char *format, ...)
{
	va_list args;
	int n;

	if (list->len)
		list->len += (size_t)snprintf(list->text + list->len, sizeof list->text - list->len, ", ");
	if (list->len >= sizeof list->text)
		return;
	va_start(args, format);
	n = vsnprintf(list->text + list->len, sizeof list->text - list->len, format, args);
	va_end(args);
	list->len += n > 0 ? (size_t)n : 0;
	if (list->len >= sizeof list->text)
		list->len = sizeof list->text - 1;
}

static const char *cause_words(enum tcpstat_cause cause)
{
	static const char *const words[TCPSTAT_NCAUSES] = {
		[TCPSTAT_CAUSE_UNKNOWN] = "cause unknown", [TCPSTAT_CAUSE_SYN] = "SYN",
		[TCPSTAT_CAUSE_SYNACK] = "SYN,ACK",
		[TCPSTAT_CAUSE_FIN] = "FIN", [TCPSTAT_CAUSE_RTO] = "timeout",
		[TCPSTAT_CAUSE_GO_BACK_N] = "after a timeout",
		[TCPSTAT_CAUSE_FAST] = "fast", [TCPSTAT_CAUSE_RECOVERY] = "in recovery",
		[TCPSTAT_CAUSE_TLP] = "tail loss probe",
		[TCPSTAT_CAUSE_LOST_RETRANSMISSION] = "lost again",
	};

	return words[cause];
}

static void print_losses(const struct report *r)
{
	const struct totals *t = &r->totals;
	struct list causes = { .len = 0 }, line = { .len = 0 };
	char n[FORMAT_MAX], on[FORMAT_MAX];
	int i;

	for (i = 0; i < TCPSTAT_NCAUSES; i++)
		if (t->by_cause[i])
			list_add(&causes, "%s %s", format_count(n, (int64_t)t->by_cause[i]),
				cause_words((enum tcpstat_cause)i));
	if (t->spurious)
		list_add(&causes, "%s of them needless", format_count(n, (int64_t)t->spurious));
	if (t->retransmissions)
		list_add(&line, "%s segment%s on %s connection%s%s%s%s", format_count(n, (int64_t)t->retransmissions),
			format_s((int64_t)t->retransmissions), format_count(on, (int64_t)t->retransmitting),
			format_s((int64_t)t->retransmitting),
			causes.len ? " (" : "", causes.text, causes.len ? ")" : "");
	if (t->timeouts && t->stall_ns)
		list_add(&line, "%s stalled by timeouts", format_duration(n, &r->style, t->stall_ns));
	print_fact(&r->style, "Retransmitted", line.len ? line.text : "nothing");
	line.len = 0;
	if (t->out_of_order)
		list_add(&line, "%s segment%s out of order", format_count(n, (int64_t)t->out_of_order),
			format_s((int64_t)t->out_of_order));
	if (t->duplicates)
		list_add(&line, "%s delivered twice", format_count(n, (int64_t)t->duplicates));
	if (line.len)
		print_fact(&r->style, "Delivery", line.text);
}

static void print_facts(const struct report *r)
{
	const struct totals *t = &r->totals;
	static const char *const whys[] = {
		[TCPSTAT_GAP_LOST] = "that never arrived",
		[TCPSTAT_GAP_CAPTURE_LOSS] = "that arrived, but were not captured",
		[TCPSTAT_GAP_TRUNCATED] = "cut off by the snapshot length",
		[TCPSTAT_GAP_CAP] = "given up to stay within the memory",
	};
	struct list line = { .len = 0 };
	char n[FORMAT_MAX];
	int i;

	if (!t->connections)
		return;
	fputc('\n', r->style.out);
	print_losses(r);
	if (t->refused)
		list_add(&line, "%s refused", format_count(n, (int64_t)t->refused));
	if (t->no_answer)
		list_add(&line, "%s without an answer", format_count(n, (int64_t)t->no_answer));
	if (t->reset)
		list_add(&line, "%s reset", format_count(n, (int64_t)t->reset));
	if (t->timed_out)
		list_add(&line, "%s timed out", format_count(n, (int64_t)t->timed_out));
	if (t->open)
		list_add(&line, "%s still open", format_count(n, (int64_t)t->open));
	if (t->midstream)
		list_add(&line, "%s begun before the capture", format_count(n, (int64_t)t->midstream));
	if (line.len)
		print_fact(&r->style, "Connections", line.text);
	line.len = 0;
	if (t->zero_windows) {
		list_add(&line, "%s time%s closed by the receiver", format_count(n, (int64_t)t->zero_windows),
			format_s((int64_t)t->zero_windows));
		if (t->zero_ns)
			list_add(&line, "%s in all", format_duration(n, &r->style, t->zero_ns));
		print_fact(&r->style, "Windows", line.text);
	}
	line.len = 0;
	for (i = 0; i <= TCPSTAT_GAP_CAP; i++)
		if (t->gaps[i])
			list_add(&line, "%s %s", format_bytes(n, (int64_t)t->gap_bytes[i]), whys[i]);
	if (line.len)
		print_fact(&r->style, "Missing", line.text);
}

static void print_finding(const struct report *r, const struct finding *f)
{
	static const char *const labels[] = { "info", "warning", "problem" };
	enum tint tint = f->severity == TCPSTAT_SEVERITY_PROBLEM ? TINT_RED :
		f->severity == TCPSTAT_SEVERITY_WARNING ? TINT_YELLOW : TINT_NONE;
	char text[2048], number[32] = "";
	FILE *out = r->style.out;

	if (f->conn)
		snprintf(number, sizeof number, "#%" PRIu32 " ", f->conn);
	fprintf(out, "%s%s%s: %s%s", tint_on(&r->style, tint), labels[f->severity], tint_off(&r->style, tint), number,
		format_safe(text, sizeof text, &r->style, f->title ? f->title : ""));
	if (f->detail)
		fprintf(out, ": %s", format_safe(text, sizeof text, &r->style, f->detail));
	fputc('\n', out);
	if (f->advice)
		fprintf(out, "    %s", format_safe(text, sizeof text, &r->style, f->advice));
	if (f->man)
		fprintf(out, "%s(%s)", f->advice ? " " : "    ", format_safe(text, sizeof text, &r->style, f->man));
	if (f->advice || f->man)
		fputc('\n', out);
}

static void print_findings(const struct report *r)
{
	uint64_t seen = r->findings_seen[0] + r->findings_seen[1] + r->findings_seen[2];
	char n[FORMAT_MAX];
	size_t i;

	if (!seen)
		return;
	fputc('\n', r->style.out);
	for (i = 0; i < r->n_findings; i++)
		print_finding(r, &r->findings[i]);
	if (seen > r->n_findings)
		fprintf(r->style.out, "%s lesser findings are not listed\n", format_count(n,
			(int64_t)(seen - r->n_findings)));
}

/* "3 packets rest": `noun` takes its plural from n. */
static void note(const struct style *style, bool *any, uint64_t n, const char *noun, const char *rest)
{
	char digits[FORMAT_MAX];

	if (!n)
		return;
	fprintf(style->out, "%s%s %s%s%s%s\n", *any ? "" : "\n", format_count(digits, (int64_t)n), noun,
		format_s((int64_t)n), *rest ? " " : "", rest);
	*any = true;
}

/* What a reader must know to judge the figures: what was not decoded, cut, or left out. */
static void print_notes(const struct report *r, const struct report_facts *facts, const struct tcpstat_counters *c)
{
	const struct style *style = &r->style;
	bool any = false;

	if (facts->truncated) {
		fputs("\nThe input is cut short or damaged: what came after is missing\n", style->out);
		any = true;
	}
	if (facts->dropped > 0)
		note(style, &any, (uint64_t)facts->dropped, "packet",
			"dropped by the capturing system: losses may be its own");
	note(style, &any, facts->unfit, "packet", "of a link type that the filter cannot look into, left out");
#define NOTE(field, noun, rest) note(style, &any, c->field, noun, rest)
	NOTE(link_unsupported, "frame", "of a link type that is not supported");
	NOTE(link_truncated, "frame", "ending inside the link header");
	NOTE(ip_malformed, "damaged IP header", "");
	NOTE(ip_cksum_bad, "IPv4 header checksum", "wrong");
	NOTE(tcp_malformed, "damaged TCP header", "");
	NOTE(tcp_options_malformed, "damaged TCP option area", "");
	NOTE(tcp_cksum_bad, "TCP checksum", "wrong: damaged on the way, or edited");
	NOTE(tcp_cksum_offloaded, "TCP checksum", "left to the network card (captured on the sending host)");
	NOTE(snapped, "packet", "cut by the snapshot length: the lengths count, the missing bytes are gaps");
	NOTE(zero_ip_length, "packet", "without an IP length (offload): taken from the frame");
	NOTE(too_deep, "packet", "with more encapsulation than is followed");
	NOTE(fragments_dropped, "IP fragment", "never made whole");
	NOTE(tunnelled, "packet", "inside a tunnel");
	NOTE(time_backwards, "packet", "older than the one before");
	NOTE(evicted, "connection", "ended early to stay within the memory (--memory)");
	NOTE(no_memory, "packet", "lost for want of memory");
#undef NOTE
	if (r->no_memory)
		fprintf(style->out, "The report is incomplete: out of memory\n");
}

static void print_counters(const struct style *style, const struct tcpstat_counters *c)
{
	char n[FORMAT_MAX];

	fputc('\n', style->out);
#define X(name, text) fprintf(style->out, "%15s %s\n", format_count(n, (int64_t)c->name), text);
	TCPSTAT_COUNTERS(X)
#undef X
}

void report_print(struct report *r, const struct report_facts *facts, const struct tcpstat_counters *counters)
{
	print_head(r, facts, counters);
	print_table(r);
	print_facts(r);
	print_findings(r);
	if (r->style.verbose >= 0)
		print_notes(r, facts, counters);
	if (r->style.verbose > 0)
		print_counters(&r->style, counters);
}
