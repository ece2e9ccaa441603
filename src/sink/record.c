/* The tables of record.def, and how values are read through them. */
#include "sink/record.h"

#include <stdio.h>
#include <string.h>

/* --- enumerations by name ---------------------------------------------------------------------------------------- */

#define X(constant, name) name,
#define NAMES(list, rows) \
	static const char *const list##_list[] = { rows }; \
	static const struct record_names list##_names = { list##_list, sizeof list##_list / sizeof *list##_list };
NAMES(dir, X(0, "c2s") X(1, "s2c") X(2, NULL))
NAMES(endpoint, X(0, "client") X(1, "server"))
NAMES(state, TCPSTAT_STATES(X))
NAMES(outcome, TCPSTAT_OUTCOMES(X))
NAMES(close, TCPSTAT_CLOSES(X))
NAMES(vantage, TCPSTAT_VANTAGES(X))
NAMES(cause, TCPSTAT_CAUSES(X))
NAMES(lost, TCPSTAT_LOSSES(X))
NAMES(ca, TCPSTAT_CA_STATES(X))
NAMES(phase, TCPSTAT_PHASES(X))
NAMES(limit, TCPSTAT_LIMITS(X))
NAMES(source, TCPSTAT_RTT_SOURCES(X))
NAMES(window_what, TCPSTAT_WINDOW_WHATS(X))
NAMES(keepalive_what, TCPSTAT_KEEPALIVE_WHATS(X))
NAMES(where, TCPSTAT_DUPLICATE_WHERES(X))
NAMES(gap_why, TCPSTAT_GAP_WHYS(X))
NAMES(cc, TCPSTAT_CCS(X))
NAMES(dup_ack_then, TCPSTAT_DUP_ACK_THENS(X))
NAMES(ladder, TCPSTAT_LADDERS(X))
NAMES(severity, TCPSTAT_SEVERITIES(X))
NAMES(notice, RECORD_NOTICES(X))
NAMES(overlap, TCPSTAT_OVERLAPS(X))
#undef X

/* --- tables ------------------------------------------------------------------------------------------------------ */

#define STORAGE(m) _Generic(((const T *)0)->m, int64_t: RECORD_I64, uint64_t: RECORD_U64, uint32_t: RECORD_U32, \
	int32_t: RECORD_I32, uint16_t: RECORD_U16, uint8_t: RECORD_U8, int8_t: RECORD_I8, bool: RECORD_B, \
	double: RECORD_F64, int64_t *: RECORD_I64, const int64_t *: RECORD_I64, double *: RECORD_F64, \
	const double *: RECORD_F64, default: RECORD_OTHER)
#define ROW(label, knd, un, st, off, nm, tb, text) \
	{ .name = label, .key = ",\"" label "\":", .key_len = sizeof label + 3, .kind = RECORD_##knd, .storage = st, \
	  .offset = off, .unit = un, .names = nm, .table = tb, .help = text },
#define F(label, knd, un, m, text) ROW(label, knd, un, STORAGE(m), offsetof(T, m), NULL, NULL, text)
#define E(label, list, m, text) ROW(label, NAME, "", STORAGE(m), offsetof(T, m), &list##_names, NULL, text)
#define M(label, list, knd, un, m, text) ROW(label, MAP, un, STORAGE(m), offsetof(T, m), &list##_names, NULL, text)
#define O(label, tb, m, text) ROW(label, OBJECT, "", RECORD_OTHER, offsetof(T, m), NULL, &tb##_table, text)
/* Nested for the reader, of the same structure; W: of the structure as a whole. */
#define A(label, tb, ctype, m, text) \
	{ .name = label, .key = ",\"" label "\":", .key_len = sizeof label + 3, .kind = RECORD_ARRAY, \
	  .storage = RECORD_OTHER, .offset = offsetof(T, m), \
	  .unit = "", .table = &tb##_table, .stride = sizeof(ctype), .help = text },
#define R(label, tb, text) ROW(label, OBJECT, "", RECORD_OTHER, 0, NULL, &tb##_table, text)
#define W(label, knd, text) ROW(label, knd, "", RECORD_OTHER, 0, NULL, NULL, text)
#define BEGIN(tb, text) \
	static const char tb##_help[] = text; \
	static const struct record_field tb##_fields[] = {
#define END(tb) \
	}; \
	static const struct record_table tb##_table = { #tb, tb##_fields, \
		sizeof tb##_fields / sizeof *tb##_fields, tb##_help };
#include "sink/record.def"

#define EVENT(constant, label, tb) [TCPSTAT_##constant] = { label, &head_table, &tb##_table, tb##_help },
static const struct record records[TCPSTAT_NEVENTS] = {
	EVENT(EV_STATE, "state", state)
	EVENT(EV_RETRANSMISSION, "retransmission", retransmission)
	EVENT(EV_OUT_OF_ORDER, "out_of_order", out_of_order)
	EVENT(EV_DUPLICATE, "duplicate", duplicate)
	EVENT(EV_DUP_ACK, "dup_ack", dup_ack)
	EVENT(EV_RTT, "rtt", rtt)
	EVENT(EV_SENDER, "sender", sender)
	EVENT(EV_WINDOW, "window", window)
	EVENT(EV_KEEPALIVE, "keepalive", keepalive)
	EVENT(EV_GAP, "gap", gap)
	EVENT(EV_ICMP, "icmp", icmp)
	EVENT(EV_FINDING, "finding", finding)
	EVENT(EV_CONNECTION, "connection", connection)
};
const struct record record_capture = { "capture", NULL, &capture_table, capture_help };
const struct record record_notice = { "notice", NULL, &notice_table, notice_help };
const struct record record_shard = { "shard", NULL, &shard_table, shard_help };
const struct record record_position = { "position", NULL, &position_table, position_help };
const struct record record_census = { "census", NULL, &census_table, census_help };
const struct record record_summary = { "summary", NULL, &summary_table, summary_help };

const struct record *record_of(enum tcpstat_event_type type)
{
	return type < TCPSTAT_NEVENTS && records[type].type ? &records[type] : NULL;
}

const void *record_body(const struct tcpstat_event *ev)
{
	return ev->type == TCPSTAT_EV_CONNECTION ? (const void *)ev->connection : ev;
}

/* --- values ------------------------------------------------------------------------------------------------------ */

int64_t record_int(const struct record_field *f, const void *base)
{
	return record_int_of(f->kind, record_load(f->storage, (const char *)base + f->offset));
}

const char *record_name_of(const struct record_field *f, int64_t stored)
{
	return stored >= 0 && (uint64_t)stored < f->names->n ? f->names->names[stored] : NULL;
}

const char *record_name(const struct record_field *f, const void *base)
{
	return record_name_of(f, record_load(f->storage, (const char *)base + f->offset));
}

const char *record_map_key(const struct record_field *f, size_t i)
{
	return f->names->names[i] ? f->names->names[i] : "unknown";
}

static bool names_have_null(const struct record_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (!names->names[i])
			return true;
	return false;
}

bool record_nullable(const struct record_field *f)
{
	switch (f->kind) {
	case RECORD_NUMBER: case RECORD_VLAN: case RECORD_RATIO: case RECORD_TIME: case RECORD_STR: case RECORD_ADDR:
	case RECORD_CHARS: case RECORD_COMMUNITY:
		return true;
	case RECORD_INT: case RECORD_US: case RECORD_BOOL:
		return f->storage == RECORD_I64 || f->storage == RECORD_I8;
	case RECORD_NAME:
		return f->storage == RECORD_I8 || names_have_null(f->names);
	default:
		return false;
	}
}

/* --- --events ---------------------------------------------------------------------------------------------------- */

static uint32_t all_events(void)
{
	uint32_t mask = 0;

	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++)
		if (record_of(t))
			mask |= TCPSTAT_MASK(t);
	return mask;
}

static uint32_t event_by_name(const char *name, size_t len)
{
	if (len == 3 && !memcmp(name, "all", 3))
		return all_events();
	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++)
		if (record_of(t) && strlen(records[t].type) == len && !memcmp(records[t].type, name, len))
			return TCPSTAT_MASK(t);
	return 0;
}

int record_parse_events(const char *list, uint32_t *mask, const char **bad, size_t *bad_len)
{
	uint32_t sum = 0;

	for (const char *p = list; !(p == list && !strcmp(p, "none")); ) {
		size_t len = strcspn(p, ",");
		uint32_t m = event_by_name(p, len);

		if (!m) {
			*bad = p;
			*bad_len = len;
			return -1;
		}
		sum |= m;
		if (!p[len])
			break;
		p += len + 1;
	}
	*mask = sum;
	return 0;
}

void record_events_text(uint32_t mask, char text[RECORD_EVENTS_SIZE])
{
	size_t len = 0;

	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++)
		if (record_of(t) && mask & TCPSTAT_MASK(t) && len < RECORD_EVENTS_SIZE)
			len += (size_t)snprintf(text + len, RECORD_EVENTS_SIZE - len, "%s%s", len ? "," : "",
				records[t].type);
	if (!len)
		snprintf(text, RECORD_EVENTS_SIZE, "none");
}

void record_distribution_init(struct record_distribution *d, const struct tcpstat_histogram *h)
{
	*d = (struct record_distribution){ { TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL,
		TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL }, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, h };
	if (!h)
		return;
	tcpstat_histogram_get(h, &d->figures);
	if (!h->count)
		return;
	d->sum_ns = h->sum_ns < INT64_MAX ? (int64_t)h->sum_ns : INT64_MAX;
	d->min_ns = h->min_ns;
	d->max_ns = h->max_ns;
}
