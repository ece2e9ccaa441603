/* Records printed from their table. Bytes that need escaping are left to json-c. */
#include "sink/print.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sink/community.h"

enum {
	BLOCK = 32,                     /* bytes that texts are copied by: what lies behind them is overwritten */
	DELAYS = sizeof ((struct tcpstat_syn_ladder *)0)->delay_ns / sizeof(int64_t)
};

/* A value, and the text before it: brackets, keys, and what ends the object before. */
struct step {
	size_t lead, lead_len;          /* in `text` */
	enum record_kind kind;
	enum record_storage storage;
	enum { BY_KIND, AS_INT, AS_US, AS_NAME } way; /* numbers of 64 bits, as most are; names that need no escaping */
	size_t offset;                  /* of the value in the structure of its record */
	const struct record_field *field;
};

/* The table of a record and those nested in it, as one row of values. */
struct print_plan {
	struct printbuf *text;
	struct step *steps;
	size_t n_head, n, size;         /* the first n_head are of the head */
	size_t end, end_len;            /* the text behind them */
	size_t room;                    /* bytes that a record takes but for what has no bound */
};

/* ------------------------------------------------------------------------------------------------------ the plan */

static int add_text(struct print_plan *plan, const char *text, size_t len)
{
	return printbuf_memappend(plan->text, text, (int)len) < 0 ? -1 : 0;
}

/* The most that a value takes; what has no bound asks for room by itself. */
static size_t value_room(enum record_kind kind)
{
	switch (kind) {
	case RECORD_TIME: return RECORD_TIME_SIZE + 2;
	case RECORD_ADDR: return RECORD_ADDR_SIZE + 2;
	case RECORD_COMMUNITY: return COMMUNITY_SIZE + 2;
	case RECORD_SACK: return 4 * 2 * RECORD_NUMBER_SIZE;
	case RECORD_PACKETS: return (TCPSTAT_CENSUS_FRAMES + 1) * RECORD_NUMBER_SIZE;
	case RECORD_DELAYS: return (DELAYS + 1) * RECORD_NUMBER_SIZE;
	default: return RECORD_NUMBER_SIZE;
	}
}

/* Printable ASCII up to here can stand in JSON as it is. */
static size_t plain_len(const char *text)
{
	/* a bit a character: from the space on, but for the quotation mark; up to the tilde, but for the backslash */
	static const uint64_t plain[4] = { 0xfffffffb00000000, 0x7fffffffefffffff };
	size_t len = 0;

	for (uint8_t c = (uint8_t)*text; plain[c / 64] >> c % 64 & 1; c = (uint8_t)text[len])
		len++;
	return len;
}

static int way_of(const struct record_field *f, enum record_kind kind)
{
	if (kind == RECORD_INT || kind == RECORD_US)
		return f->storage != RECORD_I64 ? BY_KIND : kind == RECORD_INT ? AS_INT : AS_US;
	if (kind != RECORD_NAME)
		return BY_KIND;
	for (size_t i = 0; i < f->names->n; i++) {
		const char *name = f->names->names[i];

		if (name && (name[plain_len(name)] || strlen(name) + 2 > RECORD_NUMBER_SIZE))
			return BY_KIND;
	}
	return AS_NAME;
}

/* The text since the last value is the lead of this one. */
static int add_value(struct print_plan *plan, const struct record_field *f, enum record_kind kind, size_t offset)
{
	if (plan->n == plan->size) {
		size_t size = plan->size ? plan->size * 2 : 64;
		struct step *steps = realloc(plan->steps, size * sizeof *steps);

		if (!steps)
			return -1;
		plan->steps = steps;
		plan->size = size;
	}
	size_t len = (size_t)plan->text->bpos - plan->end;
	plan->steps[plan->n++] = (struct step){ .lead = plan->end, .lead_len = len, .kind = kind,
		.storage = f->storage, .offset = offset, .field = f,
		.way = way_of(f, kind) };
	plan->room += len + value_room(kind);
	plan->end += len;
	return 0;
}

static int add_map(struct print_plan *plan, const struct record_field *f, size_t offset)
{
	bool ratio = f->storage == RECORD_F64;
	size_t item = sizeof(int64_t);

	_Static_assert(sizeof(double) == sizeof(int64_t), "items of both kinds are as far apart");
	assert(ratio || f->storage == RECORD_I64);
	for (size_t i = 0; i < f->names->n; i++) {
		const char *key = record_map_key(f, i);

		if (add_text(plan, i ? ",\"" : "{\"", 2) || add_text(plan, key, strlen(key)) ||
		    add_text(plan, "\":", 2) ||
		    add_value(plan, f, ratio ? RECORD_RATIO : RECORD_INT, offset + i * item))
			return -1;
	}
	return add_text(plan, "}", 1);
}

static int add_fields(struct print_plan *plan, const struct record_table *table, size_t base);

/* The first key goes without the comma that `key` begins with. */
static int add_object(struct print_plan *plan, const struct record_table *table, size_t base)
{
	int start = plan->text->bpos;

	if (add_fields(plan, table, base))
		return -1;
	plan->text->buf[start] = '{';
	return add_text(plan, "}", 1);
}

static int add_fields(struct print_plan *plan, const struct record_table *table, size_t base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct record_field *f = &table->fields[i];
		size_t offset = base + f->offset;
		int failed = add_text(plan, f->key, f->key_len);

		assert(f->kind != RECORD_ARRAY); /* only in what is seldom, so a tree */
		if (!failed && f->kind == RECORD_OBJECT)
			failed = add_object(plan, f->table, offset);
		else if (!failed && f->kind == RECORD_MAP)
			failed = add_map(plan, f, offset);
		else if (!failed)
			failed = add_value(plan, f, f->kind, offset);
		if (failed)
			return -1;
	}
	return 0;
}

static int fill_in(struct print_plan *plan, const struct record *r)
{
	static const char blank[BLOCK];

	if (add_text(plan, "{\"type\":\"", 9) || add_text(plan, r->type, strlen(r->type)) || add_text(plan, "\"", 1))
		return -1;
	if (r->head && add_fields(plan, r->head, 0))
		return -1;
	plan->n_head = plan->n;
	if (add_fields(plan, r->body, 0) || add_text(plan, "}", 1))
		return -1;
	plan->end_len = (size_t)plan->text->bpos - plan->end;
	plan->room += plan->end_len + BLOCK;
	return add_text(plan, blank, sizeof blank);
}

struct print_plan *print_plan_new(const struct record *r)
{
	struct print_plan *plan = calloc(1, sizeof *plan);

	if (!plan)
		return NULL;
	plan->text = printbuf_new();
	if (plan->text && !fill_in(plan, r))
		return plan;
	print_plan_free(plan);
	return NULL;
}

void print_plan_free(struct print_plan *plan)
{
	if (!plan)
		return;
	if (plan->text)
		printbuf_free(plan->text);
	free(plan->steps);
	free(plan);
}

/* ------------------------------------------------------------------------------------------------------ values */

/* Where a record is written. There is always room for the rest of it but for what has no bound. */
struct pen {
	struct printbuf *pb;
	size_t room;
};

/* Room for so many bytes more at `to`, which may move. NULL: no memory. */
static char *make_room(const struct pen *pen, char *to, size_t len)
{
	struct printbuf *pb = pen->pb;
	int at = (int)(to - pb->buf);

	len += pen->room;
	if ((size_t)(pb->size - at) > len)
		return to;
	pb->bpos = at;
	if (len > INT_MAX || printbuf_memset(pb, at, 0, (int)len) < 0)
		return NULL;
	return pb->buf + at;
}

/* The letters, no 0 behind them. */
static inline char *put_text(char *to, const char *text, size_t len)
{
	return (char *)memcpy(to, text, len) + len;
}

static char *put_null(char *to)
{
	return put_text(to, "null", 4);
}

/* Many are 0. */
static inline char *put_uint(char *to, uint64_t value)
{
	if (value >= 10)
		return to + record_uint_text(value, to);
	*to = (char)('0' + value);
	return to + 1;
}

static inline char *put_int(char *to, int64_t value)
{
	if (value >= 0)
		return put_uint(to, (uint64_t)value);
	return value == TCPSTAT_NULL ? put_null(to) : to + record_int_text(value, to);
}

/* The text that stands at `to` + 1 already; none is null. */
static char *quote(char *to, size_t len)
{
	if (!len)
		return put_null(to);
	to[0] = to[len + 1] = '"';
	return to + len + 2;
}

static char *put_ratio(char *to, double value)
{
	size_t len = record_ratio_text(value, to);

	return len ? to + len : put_null(to);
}

static char *put_bool(char *to, int64_t value)
{
	if (value == TCPSTAT_NULL)
		return put_null(to);
	memcpy(to, value ? "true" : "false", value ? 4 : 5);
	return to + (value ? 4 : 5);
}

static char *put_tree_string(const struct pen *pen, char *to, const char *text)
{
	struct json_object *o = tree_string(text);
	size_t len = 0;
	const char *json = tree_text(o, &len);

	to = json ? make_room(pen, to, len) : NULL;
	if (to) {
		memcpy(to, json, len);
		to += len;
	}
	json_object_put(o);
	return to;
}

/* Printable ASCII as it is; the rest through json-c. */
static char *put_string(const struct pen *pen, char *to, const char *text)
{
	size_t len;

	if (!text)
		return put_null(to);
	len = plain_len(text);
	if (text[len])
		return put_tree_string(pen, to, text);
	to = make_room(pen, to, len + 2);
	if (!to)
		return NULL;
	*to++ = '"';
	memcpy(to, text, len);
	to[len] = '"';
	return to + len + 1;
}

static char *put_name(char *to, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len)
		put_text(to + 1, name, len);
	return quote(to, len);
}

static char *put_pair(char *to, uint64_t a, uint64_t b)
{
	*to++ = '[';
	to = put_uint(to, a);
	*to++ = ',';
	to = put_uint(to, b);
	*to++ = ']';
	return to;
}

static char *put_sack(char *to, const struct tcpstat_ev_dup_ack *ev)
{
	*to++ = '[';
	for (unsigned i = 0; i < ev->n_sack && i < 4; i++) {
		if (i)
			*to++ = ',';
		to = put_pair(to, ev->sack[i][0], ev->sack[i][1]);
	}
	*to++ = ']';
	return to;
}

static char *put_numbers(char *to, const uint64_t *numbers, size_t n)
{
	*to++ = '[';
	for (size_t i = 0; i < n; i++) {
		if (i)
			*to++ = ',';
		to = put_uint(to, numbers[i]);
	}
	*to++ = ']';
	return to;
}

static char *put_frames(const struct pen *pen, char *to, const struct tcpstat_ev_finding *ev)
{
	to = make_room(pen, to, ev->n_frames * (size_t)RECORD_NUMBER_SIZE);
	return to ? put_numbers(to, ev->frames, ev->n_frames) : NULL;
}

static char *put_packets(char *to, const struct tcpstat_frames *frames)
{
	return put_numbers(to, frames->frame, frames->n < TCPSTAT_CENSUS_FRAMES ? frames->n : TCPSTAT_CENSUS_FRAMES);
}

static char *put_buckets(const struct pen *pen, char *to, const struct tcpstat_histogram *h)
{
	bool first = true;

	to = make_room(pen, to, TCPSTAT_BUCKETS * (size_t)(2 * RECORD_NUMBER_SIZE));
	if (!to)
		return NULL;
	*to++ = '[';
	for (unsigned i = 0; h && i < TCPSTAT_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		if (!first)
			*to++ = ',';
		to = put_pair(to, tcpstat_bucket_ns(i), h->bucket[i]);
		first = false;
	}
	*to++ = ']';
	return to;
}

static char *put_delays(char *to, const struct tcpstat_syn_ladder *ladder)
{
	*to++ = '[';
	for (unsigned i = 0; i < ladder->n; i++) {
		if (i)
			*to++ = ',';
		to = put_int(to, record_us(ladder->delay_ns[i]));
	}
	*to++ = ']';
	return to;
}

static char *put_value(const struct pen *pen, char *to, const struct step *s, const void *p)
{
	int64_t value;

	switch (s->kind) {
	case RECORD_INT:
		value = record_load(s->storage, p);
		return s->storage == RECORD_U64 ? put_uint(to, (uint64_t)value) : put_int(to, value);
	case RECORD_US: case RECORD_NUMBER: case RECORD_VLAN:
		return put_int(to, record_int_of(s->kind, record_load(s->storage, p)));
	case RECORD_BOOL: return put_bool(to, record_load(s->storage, p));
	case RECORD_RATIO: return put_ratio(to, *(const double *)p);
	case RECORD_TIME: return quote(to, record_time_text(*(const int64_t *)p, to + 1));
	case RECORD_STR: return put_string(pen, to, *(const char *const *)p);
	case RECORD_CHARS: return put_string(pen, to, *(const char *)p ? p : NULL);
	case RECORD_NAME: return put_string(pen, to, record_name_of(s->field, record_load(s->storage, p)));
	case RECORD_ADDR: return quote(to, record_addr_text(p, to + 1));
	case RECORD_SACK: return put_sack(to, p);
	case RECORD_FRAMES: return put_frames(pen, to, p);
	case RECORD_PACKETS: return put_packets(to, p);
	case RECORD_BUCKETS: return put_buckets(pen, to, *(struct tcpstat_histogram *const *)p);
	case RECORD_DELAYS: return put_delays(to, p);
	case RECORD_COMMUNITY: {
		const struct tcpstat_conn *conn = p;
		return quote(to, community_id(0, conn->addr, conn->port, to + 1));
	}
	case RECORD_OBJECT: case RECORD_MAP: case RECORD_ARRAY: /* a plan has none of these */
		break;
	}
	return NULL;
}

/* What lies behind a text is overwritten by what follows; few need more than one block. */
static inline char *put_lead(char *to, const char *text, size_t len)
{
	memcpy(to, text, BLOCK);
	for (size_t i = BLOCK; i < len; i += BLOCK)
		memcpy(to + i, text + i, BLOCK);
	return to + len;
}

/* NULL: no memory. */
static char *put_steps(const struct pen *pen, char *to, const char *text, const struct step *s, size_t n,
		       const void *base)
{
	for (const struct step *end = s + n; s < end; s++) {
		const void *p = (const char *)base + s->offset;

		to = put_lead(to, text + s->lead, s->lead_len);
		if (s->way == AS_INT)
			to = put_int(to, *(const int64_t *)p);
		else if (s->way == AS_US)
			to = put_int(to, record_int_of(RECORD_US, *(const int64_t *)p));
		else if (s->way == AS_NAME)
			to = put_name(to, record_name_of(s->field, record_load(s->storage, p)));
		else if (!(to = put_value(pen, to, s, p)))
			return NULL;
	}
	return to;
}

int print_record(struct printbuf *pb, const struct print_plan *plan, const void *head, const void *body)
{
	const struct pen pen = { pb, plan->room };
	const char *text = plan->text->buf;
	char *to = make_room(&pen, pb->buf + pb->bpos, 0);

	if (to)
		to = put_steps(&pen, to, text, plan->steps, plan->n_head, head);
	if (to)
		to = put_steps(&pen, to, text, plan->steps + plan->n_head, plan->n - plan->n_head, body);
	if (!to)
		return -1;
	pb->bpos = (int)(put_lead(to, text + plan->end, plan->end_len) - pb->buf);
	return 0;
}
