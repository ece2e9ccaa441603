/* Records as json-c objects. Keys are those of the tables: constant, and each is there once. */
#include "sink/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sink/community.h"

/* Takes `value` whatever comes of it; NULL is null. */
static int add(struct json_object *o, const char *key, struct json_object *value)
{
	if (!json_object_object_add_ex(o, key, value, TREE_ADD))
		return 0;
	json_object_put(value);
	return -1;
}

struct json_object *tree_string(const char *bytes)
{
	size_t size = 4 * strlen(bytes) + 1;    /* \xNN for each */
	char *text = malloc(size);
	struct json_object *o = text ? json_object_new_string_len(text, (int)record_utf8(bytes, text, size)) : NULL;

	free(text);
	return o;
}

/* NULL stands for null in json-c, and for "no memory": so values come through `*out`, and -1 is no memory. */
static int take(struct json_object **out, struct json_object *o)
{
	*out = o;
	return o ? 0 : -1;
}

static int take_text(struct json_object **out, const char *text, size_t len)
{
	return len ? take(out, json_object_new_string_len(text, (int)len)) : 0;
}

static int take_string(struct json_object **out, const char *bytes)
{
	return bytes ? take(out, tree_string(bytes)) : 0;
}

static int take_int(struct json_object **out, const struct record_field *f, int64_t value)
{
	if (f->storage == RECORD_U64 && f->kind == RECORD_INT)
		return take(out, json_object_new_uint64((uint64_t)value));
	return value == TCPSTAT_NULL ? 0 : take(out, json_object_new_int64(value));
}

static int take_ratio(struct json_object **out, double value)
{
	char text[RECORD_NUMBER_SIZE];

	return record_ratio_text(value, text) ? take(out, json_object_new_double_s(value, text)) : 0;
}

static int take_bool(struct json_object **out, int64_t value)
{
	return value == TCPSTAT_NULL ? 0 : take(out, json_object_new_boolean(value != 0));
}

static int take_time(struct json_object **out, int64_t ns)
{
	char text[RECORD_TIME_SIZE];

	return take_text(out, text, record_time_text(ns, text));
}

static int take_addr(struct json_object **out, const struct tcpstat_addr *addr)
{
	char text[RECORD_ADDR_SIZE];

	return take_text(out, text, record_addr_text(addr, text));
}

static int take_community(struct json_object **out, const struct tcpstat_conn *conn)
{
	char text[COMMUNITY_SIZE];

	return take_text(out, text, community_id(0, conn->addr, conn->port, text));
}

/* Takes `item`; NULL is no memory. */
static int append(struct json_object *array, struct json_object *item)
{
	if (item && !json_object_array_add(array, item))
		return 0;
	json_object_put(item);
	return -1;
}

static struct json_object *pair(uint64_t a, uint64_t b)
{
	struct json_object *o = json_object_new_array_ext(2);

	if (o && (append(o, json_object_new_uint64(a)) || append(o, json_object_new_uint64(b)))) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

static int take_sack(struct json_object **out, const struct tcpstat_ev_dup_ack *ev)
{
	if (take(out, json_object_new_array_ext(4)))
		return -1;
	for (size_t i = 0; i < ev->n_sack && i < 4; i++)
		if (append(*out, pair(ev->sack[i][0], ev->sack[i][1])))
			return -1;
	return 0;
}

static int take_frames(struct json_object **out, const struct tcpstat_ev_finding *ev)
{
	if (take(out, json_object_new_array()))
		return -1;
	for (uint32_t i = 0; i < ev->n_frames; i++)
		if (append(*out, json_object_new_uint64(ev->frames[i])))
			return -1;
	return 0;
}

static int take_packets(struct json_object **out, const struct tcpstat_frames *frames)
{
	if (take(out, json_object_new_array()))
		return -1;
	for (uint32_t i = 0; i < frames->n && i < TCPSTAT_CENSUS_FRAMES; i++)
		if (append(*out, json_object_new_uint64(frames->frame[i])))
			return -1;
	return 0;
}

static int take_buckets(struct json_object **out, const struct tcpstat_histogram *h)
{
	if (take(out, json_object_new_array()))
		return -1;
	for (unsigned i = 0; h && i < TCPSTAT_BUCKETS; i++)
		if (h->bucket[i] && append(*out, pair(tcpstat_bucket_ns(i), h->bucket[i])))
			return -1;
	return 0;
}

static int take_delays(struct json_object **out, const struct tcpstat_syn_ladder *ladder)
{
	if (take(out, json_object_new_array()))
		return -1;
	for (unsigned i = 0; i < ladder->n; i++)
		if (append(*out, json_object_new_int64(record_us(ladder->delay_ns[i]))))
			return -1;
	return 0;
}

static int take_map(struct json_object **out, const struct record_field *f, const void *values)
{
	if (take(out, json_object_new_object()))
		return -1;
	for (size_t i = 0; i < f->names->n; i++) {
		struct json_object *o = NULL;

		if ((f->storage == RECORD_F64 ? take_ratio(&o, ((const double *)values)[i])
					      : take_int(&o, f, ((const int64_t *)values)[i])) ||
		    add(*out, record_map_key(f, i), o))
			return -1;
	}
	return 0;
}

static int add_fields(struct json_object *o, const struct record_table *table, const void *base);

static int take_object(struct json_object **out, const struct record_table *table, const void *base)
{
	return take(out, json_object_new_object()) || add_fields(*out, table, base) ? -1 : 0;
}

static int take_array(struct json_object **out, const struct record_field *f, const struct record_array *array)
{
	if (take(out, json_object_new_array()))
		return -1;
	for (size_t i = 0; i < array->n; i++) {
		struct json_object *item = json_object_new_object();

		if (append(*out, item) || add_fields(item, f->table, (const char *)array->items + i * f->stride))
			return -1;
	}
	return 0;
}

static int take_value(struct json_object **out, const struct record_field *f, const void *base)
{
	const void *p = (const char *)base + f->offset;

	switch (f->kind) {
	case RECORD_INT: case RECORD_US: case RECORD_NUMBER: case RECORD_VLAN:
		return take_int(out, f, record_int(f, base));
	case RECORD_BOOL: return take_bool(out, record_int(f, base));
	case RECORD_RATIO: return take_ratio(out, *(const double *)p);
	case RECORD_TIME: return take_time(out, *(const int64_t *)p);
	case RECORD_STR: return take_string(out, *(const char *const *)p);
	case RECORD_CHARS: return take_string(out, *(const char *)p ? p : NULL);
	case RECORD_NAME: return take_string(out, record_name(f, base));
	case RECORD_ADDR: return take_addr(out, p);
	case RECORD_OBJECT: return take_object(out, f->table, p);
	case RECORD_MAP: return take_map(out, f, p);
	case RECORD_ARRAY: return take_array(out, f, p);
	case RECORD_SACK: return take_sack(out, p);
	case RECORD_FRAMES: return take_frames(out, p);
	case RECORD_PACKETS: return take_packets(out, p);
	case RECORD_BUCKETS: return take_buckets(out, *(struct tcpstat_histogram *const *)p);
	case RECORD_DELAYS: return take_delays(out, p);
	case RECORD_COMMUNITY: return take_community(out, p);
	}
	return -1;
}

static int add_fields(struct json_object *o, const struct record_table *table, const void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		struct json_object *value = NULL;

		if (take_value(&value, &table->fields[i], base)) {
			json_object_put(value);
			return -1;
		}
		if (add(o, table->fields[i].name, value))
			return -1;
	}
	return 0;
}

/* A text that is not empty. */
static int add_text(struct json_object *o, const char *key, const char *text)
{
	struct json_object *value = NULL;

	return take_text(&value, text, strlen(text)) ? -1 : add(o, key, value);
}

struct json_object *tree_record(const struct record *r, const void *head, const void *body, bool schema)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	if (add_text(o, "type", r->type) || (schema && add_text(o, "schema", RECORD_SCHEMA)) ||
	    (r->head && add_fields(o, r->head, head)) || add_fields(o, r->body, body)) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

const char *tree_text(struct json_object *o, size_t *len)
{
	errno = 0;
	const char *text = o ? json_object_to_json_string_length(o, TREE_TEXT, len) : NULL;

	return errno == ENOMEM ? NULL : text;
}
