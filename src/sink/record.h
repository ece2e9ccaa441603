/* The one table of records: what each record carries, where it stands in the structures of tcpstat.h, in which unit and
 * what it means. JSON, JSON Schema, the tables of tcpstat-json(5) and the header of the CSV table are all made of it.
 *
 * Tables are constant; values are read through them from borrowed structures and nothing is kept. */
#ifndef TCPSTAT_RECORD_H
#define TCPSTAT_RECORD_H

#include "core/tcpstat.h"

#define RECORD_SCHEMA "tcpstat/1"

/* How a value is written. */
enum record_kind {
	RECORD_INT,                     /* an integer; null where TCPSTAT_NULL, or a signed byte is negative */
	RECORD_US,                      /* nanoseconds, written as microseconds, rounded to the nearest */
	RECORD_NUMBER,                  /* a numbered thing from 1 (frame, connection); 0 is null */
	RECORD_VLAN,                    /* 16 bits; 0xffff is null */
	RECORD_BOOL,                    /* true and false; from an integer 1 and 0 */
	RECORD_RATIO,                   /* double, six decimals; null where not finite */
	RECORD_TIME,                    /* nanoseconds since the epoch, written as RFC 3339 UTC */
	RECORD_STR,                     /* const char *; NULL is null */
	RECORD_CHARS,                   /* char array, NUL-terminated; "" is null */
	RECORD_NAME,                    /* enumerator, written as its name; unnamed ones are null */
	RECORD_ADDR,                    /* struct tcpstat_addr; family 0 is null */
	RECORD_OBJECT,                  /* nested table */
	RECORD_MAP,                     /* array indexed by an enumeration: an object with a key for each name */
	RECORD_ARRAY,                   /* struct record_array: array of objects of the nested table */
	RECORD_SACK,                    /* struct tcpstat_ev_dup_ack: its blocks as [[left, right], ...] */
	RECORD_FRAMES,                  /* struct tcpstat_ev_finding: its frames as [n, ...] */
	RECORD_PACKETS,                 /* struct tcpstat_frames: [n, ...] */
	RECORD_BUCKETS,                 /* const struct tcpstat_histogram *: [[first, count], ...], none if NULL */
	RECORD_DELAYS,                  /* struct tcpstat_syn_ladder: its delays as [n, ...], microseconds */
	RECORD_COMMUNITY                /* struct tcpstat_conn: its Community ID */
};

/* What the C member is, derived from its type. */
enum record_storage {
	RECORD_I64, RECORD_U64, RECORD_U32, RECORD_I32, RECORD_U16, RECORD_U8, RECORD_I8, RECORD_B, RECORD_F64,
	RECORD_OTHER
};

struct record_names {
	const char *const *names;       /* NULL: no name */
	size_t n;
};

struct record_table;

struct record_field {
	const char *name, *key;         /* key: ,"name": as JSON carries it */
	size_t key_len;
	enum record_kind kind;
	enum record_storage storage;
	size_t offset;                  /* of the member in the structure of the table */
	const char *unit;               /* us ns bytes bps ratio; "" none */
	const struct record_names *names;       /* RECORD_NAME, RECORD_MAP */
	const struct record_table *table;       /* RECORD_OBJECT, RECORD_ARRAY */
	size_t stride;                  /* RECORD_ARRAY: size of an item */
	const char *help;
};

struct record_table {
	const char *name;
	const struct record_field *fields;
	size_t n;
	const char *help;
};

/* A record is {"type": type, the fields of head, those of body}. */
struct record {
	const char *type;
	const struct record_table *head, *body; /* head is of struct tcpstat_event, or NULL */
	const char *help;
};

struct record_array {
	const void *items;
	size_t n;
};

/* Strings are borrowed and may hold any byte. */
struct record_file {
	const char *name, *format, *byte_order, *compression;
	int64_t packets, bytes, captured_bytes, snapped, untimed, bad_times;
	int64_t first_ts_ns, last_ts_ns;
	int64_t truncated;
};

struct record_interface {
	const char *name, *description, *link_type; /* link_type: NULL, it has no name */
	int64_t link_type_number, snaplen, file;
	int64_t packets, received, dropped, if_dropped;
};

struct record_capture {
	const char *version;            /* of the program */
	const char *filter;             /* NULL none */
	bool live;
	struct record_array files, interfaces;
	int64_t packets, bytes, captured_bytes, filtered, unfit;
	int64_t first_ts_ns, last_ts_ns;
	int64_t truncated;              /* 1: a file ends inside a packet or is damaged */
	struct { int64_t kernel, interface; } drops;
};

/* Durations of the whole capture: figures for people, and what they are made of. */
struct record_distribution {
	struct tcpstat_dist figures;
	int64_t sum_ns, min_ns, max_ns;
	const struct tcpstat_histogram *histogram; /* NULL: not kept */
};

/* The last record: the capture as it was in the end, and what was counted. */
struct record_summary {
	struct record_capture capture;
	int64_t duration_ns;
	int64_t records_dropped;
	int64_t connections, findings;
	struct tcpstat_counters counters;
	int64_t states[2][TCPSTAT_NSTATES]; /* endpoints by the state in which they were last */
	struct record_distribution connect, response, rtt;
};

/* Of a shard: which one it is, and what all shards of one capture have in common. */
struct record_shard {
	int64_t number, of;             /* number: from 1 */
	const char *hash;               /* RECORD_SHARD_HASH */
	int64_t input_bytes;            /* of the files as they are stored; TCPSTAT_NULL: not all are regular files */
	uint8_t overlap;                /* enum tcpstat_overlap */
	bool key_vlan, payload_hash;
	int64_t memory_bytes, max_packets, max_ns; /* TCPSTAT_NULL: the default, no limit */
	const char *events;             /* as --events takes them */
};

#define RECORD_SHARD_HASH "community-id fnv1a-64"

#define RECORD_NOTICES(X) \
	X(NOTICE_RECORDS_DROPPED, "records_dropped") X(NOTICE_PACKETS_DROPPED, "packets_dropped") \
	X(NOTICE_CONNECTIONS_EVICTED, "connections_evicted") X(NOTICE_INTERFACE_DOWN, "interface_down") \
	X(NOTICE_INTERFACE_UP, "interface_up") X(NOTICE_INTERFACE_GONE, "interface_gone") \
	X(NOTICE_INTERFACE_OTHER, "interface_other") X(NOTICE_CLOCK_STEP, "clock_step")

#define X(constant, name) RECORD_##constant,
enum record_notice_what { RECORD_NOTICES(X) };
#undef X

/* What happened to the capture itself. */
struct record_notice {
	int64_t ts_ns;
	uint8_t what;                   /* enum record_notice_what */
	const char *interface;          /* NULL: all, or none */
	int64_t count, total, step_ns;  /* TCPSTAT_NULL where there is none */
};

/* The record of an event type; NULL for a type that is no record (segment). */
const struct record *record_of(enum tcpstat_event_type);
extern const struct record record_capture, record_notice, record_summary;
/* Only in shards: shard once, the others where their events come. */
extern const struct record record_shard, record_position, record_census;

/* Where the fields of the body of `ev` begin. */
const void *record_body(const struct tcpstat_event *ev);

/* --events LIST: `none`, `all`, or names with commas between them -> mask of TCPSTAT_MASK()s. -1 if a name is unknown:
 * `*bad` and `*bad_len` tell which (borrowed from `list`). */
int record_parse_events(const char *list, uint32_t *mask, const char **bad, size_t *bad_len);
/* The same backwards: names with commas between them, or `none`. */
enum { RECORD_EVENTS_SIZE = 256 };
void record_events_text(uint32_t mask, char text[RECORD_EVENTS_SIZE]);
#define RECORD_EVENTS_DEFAULT (TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) | TCPSTAT_MASK(TCPSTAT_EV_FINDING))

/* NULL: not kept. Borrowed. */
void record_distribution_init(struct record_distribution *, const struct tcpstat_histogram *);

/* The value of a field, `base` being the structure of its table. */
int64_t record_int(const struct record_field *, const void *base);      /* TCPSTAT_NULL: null; uint64_t by its bits */
const char *record_name(const struct record_field *, const void *base); /* RECORD_NAME; NULL: null */
const char *record_map_key(const struct record_field *, size_t i);      /* RECORD_MAP: never NULL */
bool record_nullable(const struct record_field *);

/* What these are made of, for whoever has found the member. */
static inline int64_t record_load(enum record_storage storage, const void *member)
{
	switch (storage) {
	case RECORD_I64: return *(const int64_t *)member;
	case RECORD_U64: return (int64_t)*(const uint64_t *)member;
	case RECORD_U32: return *(const uint32_t *)member;
	case RECORD_I32: return *(const int32_t *)member;
	case RECORD_U16: return *(const uint16_t *)member;
	case RECORD_U8: return *(const uint8_t *)member;
	case RECORD_I8: return *(const int8_t *)member < 0 ? TCPSTAT_NULL : *(const int8_t *)member;
	case RECORD_B: return *(const bool *)member;
	default: return TCPSTAT_NULL;
	}
}

/* To the nearest. */
static inline int64_t record_us(int64_t ns)
{
	return ns >= 0 ? (int64_t)(((uint64_t)ns + 500) / 1000) : -(int64_t)((-(uint64_t)ns + 500) / 1000);
}

/* What a field of that kind tells of what is stored. */
static inline int64_t record_int_of(enum record_kind kind, int64_t stored)
{
	switch (kind) {
	case RECORD_US: return stored == TCPSTAT_NULL ? stored : record_us(stored);
	case RECORD_NUMBER: return stored == 0 ? TCPSTAT_NULL : stored;
	case RECORD_VLAN: return stored == 0xffff ? TCPSTAT_NULL : stored;
	default: return stored;
	}
}

const char *record_name_of(const struct record_field *, int64_t stored);

/* Texts; each returns the length written, without the NUL that follows. Numbers need RECORD_NUMBER_SIZE. */
enum { RECORD_TIME_SIZE = 32, RECORD_ADDR_SIZE = 48, RECORD_NUMBER_SIZE = 32 };
size_t record_time_text(int64_t ns, char text[RECORD_TIME_SIZE]);       /* 0: before 1970 or unknown */
size_t record_addr_text(const struct tcpstat_addr *, char text[RECORD_ADDR_SIZE]); /* RFC 5952; 0: unknown */
size_t record_int_text(int64_t value, char *text);
size_t record_uint_text(uint64_t value, char *text);
size_t record_ratio_text(double value, char *text);  /* 0: not finite */

/* Any bytes as valid UTF-8 that is safe on a terminal: what is no UTF-8, DEL and the C1 controls become \xNN; the
 * controls below 32 stay (JSON escapes them). Cut at `size`, which includes the NUL. */
size_t record_utf8(const char *bytes, char *text, size_t size);
/* Length of the UTF-8 character at `p`, 0 if it is none: overlong forms, surrogates and what lies beyond U+10FFFF are
 * none (RFC 3629). A NUL at the end stops every check. */
size_t record_utf8_len(const unsigned char *p);

#endif
