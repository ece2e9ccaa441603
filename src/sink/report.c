#include "sink/found.h"
#include "sink/report.h"
#include "sink/standing.h"
#include "sink/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ENDPOINT = 300 };

/* What a line of the table is made of. */
struct row {
	int64_t trouble;                /* what it lost, as standing.h says */
	struct tcpstat_conn conn;
};

/* Sums over all connections, those without a line in the table too. */
struct totals {
	uint64_t connections, midstream, refused, no_answer, reset, timed_out, open;
	uint64_t retransmitting, retransmissions, by_cause[TCPSTAT_NCAUSES], spurious;
	uint64_t out_of_order, duplicates, zero_windows, timeouts;
	int64_t gap_bytes[TCPSTAT_NGAP_WHYS];
	int64_t stall_ns, zero_ns;
	uint64_t states[2][TCPSTAT_NSTATES];
};

struct report {
	struct style style;
	uint64_t top;
	struct row **heap;              /* the least trouble on top, so that it can be replaced */
	size_t n_rows, max_rows;
	struct totals totals;
	struct found *found;
	bool no_memory;
};

/* ------------------------------------------------------------------------------------------------ the worst ones */

/* Does connection `a`, in so much trouble, stand before `b` in the table? */
static bool stands_before(const struct tcpstat_conn *a, int64_t trouble, const struct row *b)
{
	if (a->worst != b->conn.worst)
		return a->worst > b->conn.worst;
	return trouble != b->trouble ? trouble > b->trouble : a->number < b->conn.number;
}

static bool before(const struct row *a, const struct row *b)
{
	return stands_before(&a->conn, a->trouble, b);
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
	int64_t trouble = standing_trouble(c);
	bool full = r->n_rows == r->top;
	struct row *row;

	if (full && (!r->n_rows || !stands_before(c, trouble, r->heap[0])))
		return;
	row = full ? r->heap[0] : malloc(sizeof *row);
	if (!row || (!full && !grow(r))) {
		free(row);
		r->no_memory = true;
		return;
	}
	row->trouble = trouble;
	row->conn = *c;
	if (full) {
		sift_down(r->heap, r->n_rows, 0);
		return;
	}
	r->heap[r->n_rows] = row;
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

		t->states[i][c->close.state[i]]++;

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
		for (int why = 0; why < TCPSTAT_NGAP_WHYS; why++)
			t->gap_bytes[why] += h->gaps.bytes_of[why];
	}
	t->retransmitting += resent;
}

void report_event(struct report *r, const struct tcpstat_event *ev)
{
	if (ev->type == TCPSTAT_EV_CONNECTION || ev->type == TCPSTAT_EV_PROGRESS) {
		count(&r->totals, ev->connection);
		keep(r, ev->connection);
	} else if (ev->type == TCPSTAT_EV_FINDING) {
		r->no_memory |= !found_event(r->found, ev);
	}
}

struct report *report_new(const struct style *style, uint64_t top)
{
	struct report *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->style = *style;
	r->top = top;
	r->found = found_new(style);
	if (!r->found) {
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
	free(r->heap);
	found_free(r->found);
	free(r);
}

static bool copy_rows(struct report *to, const struct report *from)
{
	to->heap = calloc(from->n_rows + 1, sizeof *to->heap);
	if (!to->heap)
		return false;
	to->max_rows = from->n_rows + 1;
	for (; to->n_rows < from->n_rows; to->n_rows++) {
		to->heap[to->n_rows] = malloc(sizeof **to->heap);
		if (!to->heap[to->n_rows])
			return false;
		*to->heap[to->n_rows] = *from->heap[to->n_rows];
	}
	return true;
}

struct report *report_copy(const struct report *from)
{
	struct report *r = report_new(&from->style, from->top);

	if (!r || !copy_rows(r, from)) {
		report_free(r);
		return NULL;
	}
	r->totals = from->totals;
	found_free(r->found);
	r->found = found_copy(from->found);
	if (!r->found) {
		report_free(r);
		return NULL;
	}
	r->no_memory |= from->no_memory;
	return r;
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

static bool has_findings(const struct report *r)
{
	return found_count(r->found, TCPSTAT_SEVERITY_WARNING) + found_count(r->found, TCPSTAT_SEVERITY_PROBLEM) > 0;
}

static void print_row(const struct report *r, struct table *t, const struct tcpstat_conn *c)
{
	char text[MAX_ENDPOINT], small[FORMAT_MAX];
	double resent = standing_retransmitted(c);
	int64_t syns = c->handshake.syn_retransmissions;
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
	if (has_findings(r))
		table_cell(t, found_ids(r->found, c->number, text, sizeof text),
			c->worst == TCPSTAT_SEVERITY_PROBLEM ? TINT_RED : TINT_YELLOW);
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
	if (has_findings(r))
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

/* As netstat counts them, of each side. */
static void print_states(const struct report *r)
{
	static const char *const who[] = { "client", "server" };
	struct list line = { .len = 0 };
	char n[FORMAT_MAX];
	int i, state;

	for (i = 0; i < 2; i++) {
		const char *label = who[i];

		for (state = 0; state < TCPSTAT_NSTATES; state++) {
			if (!r->totals.states[i][state])
				continue;
			list_add(&line, "%s%s%s %s", label, *label ? " " : "", format_count(n,
				(int64_t)r->totals.states[i][state]), tcpstat_state_name((enum tcpstat_state)state));
			label = "";
		}
	}
	if (line.len)
		print_fact(&r->style, "States at end", line.text);
}

static void print_facts(const struct report *r, const struct tcpstat_counters *c)
{
	const struct totals *t = &r->totals;
	const char *const whys[] = {
		[TCPSTAT_GAP_LOST] = "that never arrived",
		[TCPSTAT_GAP_CAPTURE_LOSS] = "that arrived, but were not captured",
		[TCPSTAT_GAP_TRUNCATED] = !c->ip_short ? "cut off by the snapshot length" :
			!c->snapped ? "missing from packets that are shorter than their IP length" :
			"cut off by the snapshot length, or missing from packets that are shorter than their IP length",
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
	for (i = 0; i < TCPSTAT_NGAP_WHYS; i++)
		if (t->gap_bytes[i])
			list_add(&line, "%s %s", format_bytes(n, t->gap_bytes[i]), whys[i]);
	if (line.len)
		print_fact(&r->style, "Missing", line.text);
	print_states(r);
}

static void print_findings(const struct report *r)
{
	if (!r->totals.connections && !found_count(r->found, TCPSTAT_SEVERITY_WARNING) &&
	    !found_count(r->found, TCPSTAT_SEVERITY_PROBLEM))
		return;
	fputc('\n', r->style.out);
	found_print(r->found, r->top ? r->top : 25);
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
	NOTE(ip_short, "packet", "shorter than the length in its IP header: the missing bytes are gaps");
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
	print_facts(r, counters);
	print_findings(r);
	if (r->style.verbose >= 0)
		print_notes(r, facts, counters);
	if (r->style.verbose > 0)
		print_counters(&r->style, counters);
}
