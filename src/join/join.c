#include "join/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/compare.h"
#include "join/read.h"
#include "join/totals.h"
#include "sink/print.h"

/* A shard, and where it stands in the whole. */
struct lane {
	struct part part;
	uint64_t read, order;           /* of its current item; UINT64_MAX: after all others */
	uint32_t *conn;                 /* number in the whole, by number in the shard less 1 */
	size_t n_conns, room;
};

struct join {
	struct lane **lanes;            /* by number; they stay where they are */
	size_t n_lanes;
	struct lane **heap;             /* those that have an item, the first of the whole on top */
	size_t n_heap;
	FILE *out;
	part_tell *tell;
	void *ctx;
	struct json *json;
	struct tcpstat_join *survey;
	uint32_t n_conns;               /* of the whole, so far */
	int64_t now_ns, n_findings;     /* n_findings: those about the whole */
	bool failed;
};

static void complain(struct join *j, const char *text)
{
	j->tell(j->ctx, text);
	j->failed = true;
}

/* ----------------------------------------------------------------------------------------------------- order */

static bool is_before(const struct lane *a, const struct lane *b)
{
	if (a->read != b->read)
		return a->read < b->read;
	return a->order != b->order ? a->order < b->order : a->part.number < b->part.number;
}

/* The lane at `i` may have to come later. */
static void sink(struct join *j, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < j->n_heap; child++)
			if (is_before(j->heap[child], j->heap[least]))
				least = child;
		if (least == i)
			return;
		struct lane *l = j->heap[i];
		j->heap[i] = j->heap[least];
		j->heap[least] = l;
		i = least;
	}
}

/* The next item of a lane; false: it has no more. */
static bool advance(struct lane *l, enum json_list list)
{
	struct tcpstat_event ev;
	const char *wrong;

	while (part_next(&l->part, list) == PART_ITEM) {
		if (strcmp(l->part.type, record_position.type))
			return true;
		wrong = read_record(record_position.body, l->part.item, &ev, NULL);
		if (!wrong) {
			l->read = ev.position.read ? ev.position.read : UINT64_MAX;
			l->order = ev.position.order ? ev.position.order : UINT64_MAX;
			return true;
		}
		part_complain(&l->part, "position: %s is missing or wrong", wrong);
	}
	return false;
}

/* ----------------------------------------------------------------------------------------------------- numbers */

static bool open_conn(struct join *j, struct lane *l, uint32_t number)
{
	if (number != l->n_conns + 1) {
		part_complain(&l->part, "connection %lu does not begin after %zu others", (unsigned long)number,
			l->n_conns);
		return true;
	}
	if (l->n_conns == l->room) {
		size_t room = l->room ? 2 * l->room : 1024;
		uint32_t *conn = realloc(l->conn, room * sizeof *conn);

		if (!conn) {
			complain(j, "out of memory");
			return false;
		}
		l->conn = conn;
		l->room = room;
	}
	l->conn[l->n_conns++] = ++j->n_conns;
	return true;
}

/* Replaces the number of a connection in its shard by that in the whole; null stays. */
static void renumber(struct lane *l, const char *key)
{
	struct json_object *o;
	int64_t number;

	if (!json_object_object_get_ex(l->part.item, key, &o) || json_object_is_type(o, json_type_null))
		return;
	number = json_object_is_type(o, json_type_int) ? json_object_get_int64(o) : 0;
	if (number < 1 || (uint64_t)number > l->n_conns)
		part_complain(&l->part, "%s is no connection that has begun", key);
	else
		json_object_set_int64(o, l->conn[number - 1]);
}

/* ----------------------------------------------------------------------------------------------------- records */

static void take_census(struct join *j, struct lane *l)
{
	struct tcpstat_census census;
	const char *wrong = read_record(record_census.body, l->part.item, &census, NULL);

	if (wrong)
		part_complain(&l->part, "census: %s is missing or wrong", wrong);
	else
		tcpstat_join_census(j->survey, &census);
}

/* False: it cannot go on. */
static bool take_position(struct join *j, struct lane *l)
{
	struct tcpstat_event ev;

	if (read_record(record_position.body, l->part.item, &ev, NULL))
		return true;    /* told by advance */
	if (ev.ts_ns > j->now_ns)
		j->now_ns = ev.ts_ns;
	return !ev.position.opened || open_conn(j, l, ev.position.opened);
}

static bool take_item(struct join *j, struct lane *l, enum json_list list)
{
	size_t len;
	const char *text;

	if (!strcmp(l->part.type, record_position.type))
		return list == JSON_FINDINGS || take_position(j, l);
	if (!strcmp(l->part.type, record_census.type)) {
		take_census(j, l);
		return true;
	}
	renumber(l, "conn");
	renumber(l, "previous");
	text = tree_text(l->part.item, &len);
	if (!text) {
		complain(j, "out of memory");
		return false;
	}
	json_record_text(j->json, list, text, len);
	return true;
}

static void merge_list(struct join *j, enum json_list list)
{
	j->n_heap = 0;
	for (size_t i = 0; i < j->n_lanes; i++) {
		struct lane *l = j->lanes[i];

		l->read = l->order = 0;
		if (list == JSON_FINDINGS)
			part_findings(&l->part);
		if (advance(l, list))
			j->heap[j->n_heap++] = l;
	}
	for (size_t i = j->n_heap / 2; i-- > 0; )
		sink(j, i);
	while (j->n_heap && !j->failed && !json_error(j->json)) {
		struct lane *l = j->heap[0];

		if (!take_item(j, l, list))
			return;
		if (!advance(l, list))
			j->heap[0] = j->heap[--j->n_heap];
		sink(j, 0);
	}
}

/* ----------------------------------------------------------------------------------------------------- begin, end */

static int by_number(const void *a, const void *b)
{
	const struct lane *x = *(struct lane *const *)a, *y = *(struct lane *const *)b;

	return x->part.number != y->part.number ? x->part.number < y->part.number ? -1 : 1 :
		strcmp(x->part.name, y->part.name);
}

/* False: a file cannot be read, or the shards do not belong together. */
static bool open_lanes(struct join *j, const char *const *names)
{
	const struct part **parts = calloc(j->n_lanes + 1, sizeof *parts);
	char text[COMPARE_TEXT];

	if (!parts) {
		complain(j, "out of memory");
		j->n_lanes = 0;
		return false;
	}
	for (size_t i = 0; i < j->n_lanes; i++)
		if (!(j->lanes[i] = calloc(1, sizeof **j->lanes))) {
			complain(j, "out of memory");
			j->n_lanes = i;
		} else if (part_open(&j->lanes[i]->part, names[i], j->tell, j->ctx)) {
			j->failed = true;
		}
	if (!j->failed) {
		qsort(j->lanes, j->n_lanes, sizeof *j->lanes, by_number);
		for (size_t i = 0; i < j->n_lanes; i++)
			parts[i] = &j->lanes[i]->part;
		if (!compare_shards(parts, j->n_lanes, text))
			complain(j, text);
	}
	free(parts);
	return !j->failed;
}

static void on_finding(void *ctx, const struct tcpstat_event *ev)
{
	struct join *j = ctx;

	j->n_findings += ev->type == TCPSTAT_EV_FINDING;
	json_event(j->json, ev);
}

static bool begin(struct join *j)
{
	const struct part *first = &j->lanes[0]->part;
	struct json_options options = { .out = j->out, .document = first->document };
	struct tcpstat_config config = { .events = TCPSTAT_MASK(TCPSTAT_EV_FINDING), .event = on_finding, .ctx = j };
	struct json_object *events;
	const char *bad, *text;
	size_t len;

	if (!json_object_object_get_ex(first->shard, "events", &events) ||
	    !json_object_is_type(events, json_type_string) ||
	    record_parse_events(json_object_get_string(events), &options.events, &bad, &len)) {
		complain(j, "the shards do not say which events they hold");
		return false;
	}
	j->json = json_new(&options);
	j->survey = tcpstat_join_new(&config);
	text = tree_text(first->capture, &len);
	if (!j->json || !j->survey || (first->capture && !text)) {
		complain(j, "out of memory");
		return false;
	}
	if (text)
		json_line_text(j->json, text, len);
	return true;
}

/* What is said about the whole; of shards that are cut short, as far as they go. */
static void end(struct join *j)
{
	const struct part *first = NULL;
	struct totals *totals = totals_new();
	char text[COMPARE_TEXT];
	const char *capture = "null";
	size_t len = 4;

	if (!totals)
		complain(j, "out of memory");
	for (size_t i = 0; totals && i < j->n_lanes; i++) {
		struct part *p = &j->lanes[i]->part;
		const char *wrong;

		part_end(p);
		if (!p->summary || p->failed)
			continue;
		if (first && !compare_ends(first, p, text))
			complain(j, text);
		wrong = totals_add(totals, p->summary);
		if (wrong)
			part_complain(p, "summary: %s is missing or wrong", wrong);
		first = first ? first : p;
	}
	if (first && !j->failed) {
		tcpstat_join_finish(j->survey, totals_counters(totals), j->now_ns);
		if (first->capture)
			capture = tree_text(first->capture, &len);
		if (capture)
			json_end_text(j->json, capture, len, totals_summary(totals, j->n_findings));
		else
			complain(j, "out of memory");
	}
	totals_free(totals);
}

static enum join_result result(struct join *j)
{
	enum join_result r = j->failed ? JOIN_FAILED : JOIN_OK;
	int error;

	for (size_t i = 0; i < j->n_lanes; i++) {
		if (j->lanes[i]->part.failed)
			r = JOIN_FAILED;
		else if (j->lanes[i]->part.damaged && r == JOIN_OK)
			r = JOIN_DAMAGED;
	}
	error = json_close(j->json);
	j->json = NULL;
	if (!error && fflush(j->out))
		error = errno;
	errno = error;
	return error && !j->failed ? JOIN_NOT_WRITTEN : r;
}

enum join_result join_files(const char *const *names, size_t n, FILE *out, void (*tell)(void *ctx, const char *text),
	void *ctx)
{
	struct join j = { .n_lanes = n, .out = out, .tell = tell, .ctx = ctx, .now_ns = TCPSTAT_NULL };
	enum join_result r;

	j.lanes = calloc(n, sizeof *j.lanes);
	j.heap = calloc(n, sizeof *j.heap);
	if (!j.lanes || !j.heap) {
		complain(&j, "out of memory");
		j.n_lanes = 0;
	} else if (open_lanes(&j, names) && begin(&j)) {
		merge_list(&j, JSON_CONNECTIONS);
		if (j.lanes[0]->part.document && !j.failed)
			merge_list(&j, JSON_FINDINGS);
		if (!j.failed && !json_error(j.json))
			end(&j);
	}
	r = result(&j);
	int error = errno;
	for (size_t i = 0; i < j.n_lanes; i++) {
		part_close(&j.lanes[i]->part);
		free(j.lanes[i]->conn);
		free(j.lanes[i]);
	}
	tcpstat_join_free(j.survey);
	free(j.lanes);
	free(j.heap);
	errno = error;
	return r;
}
