/* Records printed from their table. Bytes that need escaping are left to json-c. */
#include "sink/print.h"

#include <string.h>

#include "sink/community.h"

static int put_null(struct printbuf *pb)
{
	return print_put(pb, "null", 4);
}

static int put_quoted(struct printbuf *pb, const char *text, size_t len)
{
	return print_put(pb, "\"", 1) || print_put(pb, text, len) || print_put(pb, "\"", 1) ? -1 : 0;
}

static int put_int(struct printbuf *pb, const struct record_field *f, int64_t value)
{
	char text[RECORD_NUMBER_SIZE];

	if (f->storage == RECORD_U64 && f->kind == RECORD_INT)
		return print_put(pb, text, record_uint_text((uint64_t)value, text));
	if (value == TCPSTAT_NULL)
		return put_null(pb);
	if (pb->size - pb->bpos <= RECORD_NUMBER_SIZE)
		return print_put(pb, text, record_int_text(value, text));
	pb->bpos += (int)record_int_text(value, pb->buf + pb->bpos);
	return 0;
}

static int put_ratio(struct printbuf *pb, double value)
{
	char text[RECORD_NUMBER_SIZE];
	size_t len = record_ratio_text(value, text);

	return len ? print_put(pb, text, len) : put_null(pb);
}

static int put_bool(struct printbuf *pb, int64_t value)
{
	if (value == TCPSTAT_NULL)
		return put_null(pb);
	return value ? print_put(pb, "true", 4) : print_put(pb, "false", 5);
}

/* Printable ASCII as it is; the rest through json-c. */
static int put_string(struct printbuf *pb, const char *text)
{
	size_t len = 0;
	struct json_object *o;
	const char *json;
	int r;

	if (!text)
		return put_null(pb);
	while (text[len] >= ' ' && text[len] <= '~' && text[len] != '"' && text[len] != '\\')
		len++;
	if (!text[len])
		return put_quoted(pb, text, len);
	o = tree_string(text);
	json = tree_text(o, &len);
	r = json ? print_put(pb, json, len) : -1;
	json_object_put(o);
	return r;
}

static int put_text(struct printbuf *pb, const char *text, size_t len)
{
	return len ? put_quoted(pb, text, len) : put_null(pb);
}

static int put_time(struct printbuf *pb, int64_t ns)
{
	char text[RECORD_TIME_SIZE];

	return put_text(pb, text, record_time_text(ns, text));
}

static int put_addr(struct printbuf *pb, const struct tcpstat_addr *addr)
{
	char text[RECORD_ADDR_SIZE];

	return put_text(pb, text, record_addr_text(addr, text));
}

static int put_community(struct printbuf *pb, const struct tcpstat_conn *conn)
{
	char text[COMMUNITY_SIZE];

	return put_text(pb, text, community_id(0, conn->addr, conn->port, text));
}

static int put_sack(struct printbuf *pb, const struct tcpstat_ev_dup_ack *ev)
{
	char text[RECORD_NUMBER_SIZE];

	if (print_put(pb, "[", 1))
		return -1;
	for (unsigned i = 0; i < ev->n_sack && i < 4; i++)
		if ((i && print_put(pb, ",", 1)) || print_put(pb, "[", 1) ||
		    print_put(pb, text, record_uint_text(ev->sack[i][0], text)) || print_put(pb, ",", 1) ||
		    print_put(pb, text, record_uint_text(ev->sack[i][1], text)) || print_put(pb, "]", 1))
			return -1;
	return print_put(pb, "]", 1);
}

static int put_frames(struct printbuf *pb, const struct tcpstat_ev_finding *ev)
{
	char text[RECORD_NUMBER_SIZE];

	if (print_put(pb, "[", 1))
		return -1;
	for (uint32_t i = 0; i < ev->n_frames; i++)
		if ((i && print_put(pb, ",", 1)) || print_put(pb, text, record_uint_text(ev->frames[i], text)))
			return -1;
	return print_put(pb, "]", 1);
}

static int put_packets(struct printbuf *pb, const struct tcpstat_frames *frames)
{
	char text[RECORD_NUMBER_SIZE];

	if (print_put(pb, "[", 1))
		return -1;
	for (uint32_t i = 0; i < frames->n && i < TCPSTAT_CENSUS_FRAMES; i++)
		if ((i && print_put(pb, ",", 1)) ||
		    print_put(pb, text, record_uint_text(frames->frame[i], text)))
			return -1;
	return print_put(pb, "]", 1);
}

static int put_buckets(struct printbuf *pb, const struct tcpstat_histogram *h)
{
	char text[RECORD_NUMBER_SIZE];
	const char *sep = "[";

	if (print_put(pb, "[", 1))
		return -1;
	for (unsigned i = 0; h && i < TCPSTAT_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		if (print_put(pb, sep, strlen(sep)) ||
		    print_put(pb, text, record_uint_text(tcpstat_bucket_ns(i), text)) || print_put(pb, ",", 1) ||
		    print_put(pb, text, record_uint_text(h->bucket[i], text)) || print_put(pb, "]", 1))
			return -1;
		sep = ",[";
	}
	return print_put(pb, "]", 1);
}

static int put_delays(struct printbuf *pb, const struct tcpstat_syn_ladder *ladder)
{
	char text[RECORD_NUMBER_SIZE];

	if (print_put(pb, "[", 1))
		return -1;
	for (unsigned i = 0; i < ladder->n; i++)
		if ((i && print_put(pb, ",", 1)) ||
		    print_put(pb, text, record_int_text(record_us(ladder->delay_ns[i]), text)))
			return -1;
	return print_put(pb, "]", 1);
}

static int put_map(struct printbuf *pb, const struct record_field *f, const void *values)
{
	for (size_t i = 0; i < f->names->n; i++) {
		const char *key = record_map_key(f, i);

		if (print_put(pb, i ? "," : "{", 1) || put_quoted(pb, key, strlen(key)) || print_put(pb, ":", 1))
			return -1;
		if (f->storage == RECORD_F64 ? put_ratio(pb, ((const double *)values)[i])
					     : put_int(pb, f, ((const int64_t *)values)[i]))
			return -1;
	}
	return print_put(pb, "}", 1);
}

static int put_fields(struct printbuf *pb, const struct record_table *table, const void *base);

/* The first key goes without the comma that `key` begins with. */
static int put_object(struct printbuf *pb, const struct record_table *table, const void *base)
{
	int start = pb->bpos;

	if (put_fields(pb, table, base))
		return -1;
	pb->buf[start] = '{';
	return print_put(pb, "}", 1);
}

static int put_array(struct printbuf *pb, const struct record_field *f, const struct record_array *array)
{
	if (print_put(pb, "[", 1))
		return -1;
	for (size_t i = 0; i < array->n; i++) {
		const void *item = (const char *)array->items + i * f->stride;

		if ((i && print_put(pb, ",", 1)) || put_object(pb, f->table, item))
			return -1;
	}
	return print_put(pb, "]", 1);
}

static int put_value(struct printbuf *pb, const struct record_field *f, const void *base)
{
	const void *p = (const char *)base + f->offset;

	switch (f->kind) {
	case RECORD_INT: case RECORD_US: case RECORD_NUMBER: case RECORD_VLAN:
		return put_int(pb, f, record_int(f, base));
	case RECORD_BOOL: return put_bool(pb, record_int(f, base));
	case RECORD_RATIO: return put_ratio(pb, *(const double *)p);
	case RECORD_TIME: return put_time(pb, *(const int64_t *)p);
	case RECORD_STR: return put_string(pb, *(const char *const *)p);
	case RECORD_CHARS: return put_string(pb, *(const char *)p ? p : NULL);
	case RECORD_NAME: return put_string(pb, record_name(f, base));
	case RECORD_ADDR: return put_addr(pb, p);
	case RECORD_OBJECT: return put_object(pb, f->table, p);
	case RECORD_MAP: return put_map(pb, f, p);
	case RECORD_ARRAY: return put_array(pb, f, p);
	case RECORD_SACK: return put_sack(pb, p);
	case RECORD_FRAMES: return put_frames(pb, p);
	case RECORD_PACKETS: return put_packets(pb, p);
	case RECORD_BUCKETS: return put_buckets(pb, *(struct tcpstat_histogram *const *)p);
	case RECORD_DELAYS: return put_delays(pb, p);
	case RECORD_COMMUNITY: return put_community(pb, p);
	}
	return -1;
}

static int put_fields(struct printbuf *pb, const struct record_table *table, const void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct record_field *f = &table->fields[i];

		if (print_put(pb, f->key, f->key_len) || put_value(pb, f, base))
			return -1;
	}
	return 0;
}

int print_record(struct printbuf *pb, const struct record *r, const void *head, const void *body)
{
	if (print_put(pb, "{\"type\":", 8) || put_quoted(pb, r->type, strlen(r->type)))
		return -1;
	if ((r->head && put_fields(pb, r->head, head)) || put_fields(pb, r->body, body))
		return -1;
	return print_put(pb, "}", 1);
}
