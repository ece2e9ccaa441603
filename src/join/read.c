#include "join/read.h"

#include <arpa/inet.h>
#include <string.h>

struct reading {
	struct tcpstat_histogram *histogram;    /* the next one */
};

static bool is_null(struct json_object *o)
{
	return json_object_is_type(o, json_type_null);
}

/* An integer as it stands there: json-c alone would cut what does not fit. */
static bool get_unsigned(struct json_object *o, uint64_t *value)
{
	if (!json_object_is_type(o, json_type_int))
		return false;
	*value = json_object_get_uint64(o);
	return json_object_get_int64(o) >= 0;
}

static bool get_signed(struct json_object *o, int64_t *value)
{
	if (!json_object_is_type(o, json_type_int))
		return false;
	*value = json_object_get_int64(o);
	return *value == INT64_MAX ? json_object_get_uint64(o) == INT64_MAX : *value != TCPSTAT_NULL;
}

static bool store(const struct record_field *f, void *base, int64_t value)
{
	void *p = (char *)base + f->offset;

	switch (f->storage) {
	case RECORD_I64: *(int64_t *)p = value; return true;
	case RECORD_U64: *(uint64_t *)p = (uint64_t)value; return value >= 0;
	case RECORD_U32: *(uint32_t *)p = (uint32_t)value; return value >= 0 && value <= UINT32_MAX;
	case RECORD_I32: *(int32_t *)p = (int32_t)value; return value >= 0 && value <= INT32_MAX;
	case RECORD_U16: *(uint16_t *)p = (uint16_t)value; return value >= 0 && value <= UINT16_MAX;
	case RECORD_U8: *(uint8_t *)p = (uint8_t)value; return value >= 0 && value <= UINT8_MAX;
	case RECORD_I8: *(int8_t *)p = (int8_t)value; return value >= -1 && value <= INT8_MAX;
	case RECORD_B: *(bool *)p = value != 0; return true;
	default: return false;
	}
}

static bool read_int(const struct record_field *f, struct json_object *o, void *base)
{
	int64_t value;
	uint64_t large;

	if (is_null(o))
		return record_nullable(f) && store(f, base, f->kind == RECORD_NUMBER ? 0 : TCPSTAT_NULL);
	if (f->storage == RECORD_U64 && get_unsigned(o, &large)) {
		*(uint64_t *)(void *)((char *)base + f->offset) = large;
		return true;
	}
	if (!get_signed(o, &value) || (f->kind == RECORD_US && __builtin_mul_overflow(value, 1000, &value)))
		return false;
	return store(f, base, value);
}

static bool read_bool(const struct record_field *f, struct json_object *o, void *base)
{
	if (is_null(o))
		return record_nullable(f) && store(f, base, f->storage == RECORD_I8 ? -1 : TCPSTAT_NULL);
	return json_object_is_type(o, json_type_boolean) && store(f, base, json_object_get_boolean(o));
}

static bool read_name(const struct record_field *f, struct json_object *o, void *base)
{
	const char *name = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;

	if (!name && !is_null(o))
		return false;
	for (size_t i = 0; i < f->names->n; i++) {
		const char *known = f->names->names[i];

		if (name == known || (name && known && !strcmp(name, known)))
			return store(f, base, (int64_t)i);
	}
	return !name && f->storage == RECORD_I8 && store(f, base, -1);
}

static bool read_addr(struct json_object *o, struct tcpstat_addr *addr)
{
	const char *text = json_object_get_string(o);

	*addr = (struct tcpstat_addr){ 0 };
	if (is_null(o))
		return true;
	if (!json_object_is_type(o, json_type_string))
		return false;
	addr->family = strchr(text, ':') ? 6 : 4;
	return inet_pton(addr->family == 6 ? AF_INET6 : AF_INET, text, addr->bytes) == 1;
}

static bool read_packets(struct json_object *o, struct tcpstat_frames *frames)
{
	frames->n = 0;
	if (!json_object_is_type(o, json_type_array) || json_object_array_length(o) > TCPSTAT_CENSUS_FRAMES)
		return false;
	while (frames->n < json_object_array_length(o)) {
		if (!get_unsigned(json_object_array_get_idx(o, frames->n), &frames->frame[frames->n]))
			return false;
		frames->n++;
	}
	return true;
}

/* Of its counts; the other figures of a histogram stand beside it. */
static bool read_buckets(struct json_object *o, struct tcpstat_histogram *h)
{
	if (!h || !json_object_is_type(o, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(o); i++) {
		struct json_object *pair = json_object_array_get_idx(o, i);
		uint64_t ns, n;

		if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2 ||
		    !get_unsigned(json_object_array_get_idx(pair, 0), &ns) || tcpstat_bucket_at(ns) < 0 ||
		    !get_unsigned(json_object_array_get_idx(pair, 1), &n))
			return false;
		h->bucket[tcpstat_bucket_at(ns)] = n;
	}
	return true;
}

static bool read_map(const struct record_field *f, struct json_object *o, int64_t *values)
{
	struct json_object *value;

	for (size_t i = 0; i < f->names->n; i++)
		if (!json_object_object_get_ex(o, record_map_key(f, i), &value) || !get_signed(value, &values[i]))
			return false;
	return true;
}

static const char *read_fields(struct reading *, const struct record_table *, struct json_object *, void *base);

/* A table that holds the buckets has the other figures, too. */
static bool read_histogram(struct reading *r, const struct record_field *f, struct json_object *o, void *base)
{
	struct record_distribution *d = base;

	if (f->offset != offsetof(struct record_distribution, histogram) || !read_buckets(o, r->histogram))
		return false;
	r->histogram->count = d->figures.count > 0 ? (uint64_t)d->figures.count : 0;
	r->histogram->sum_ns = d->sum_ns > 0 ? (uint64_t)d->sum_ns : 0;
	r->histogram->min_ns = r->histogram->count ? d->min_ns : 0;
	r->histogram->max_ns = r->histogram->count ? d->max_ns : 0;
	d->histogram = r->histogram++;
	return !d->histogram->count || (d->min_ns >= 0 && d->max_ns >= d->min_ns);
}

static bool read_value(struct reading *r, const struct record_field *f, struct json_object *o, void *base)
{
	void *p = (char *)base + f->offset;

	switch (f->kind) {
	case RECORD_INT: case RECORD_US: case RECORD_NUMBER: return read_int(f, o, base);
	case RECORD_BOOL: return read_bool(f, o, base);
	case RECORD_NAME: return read_name(f, o, base);
	case RECORD_ADDR: return read_addr(o, p);
	case RECORD_PACKETS: return read_packets(o, p);
	case RECORD_BUCKETS: return read_histogram(r, f, o, base);
	case RECORD_MAP: return f->storage == RECORD_I64 && read_map(f, o, p);
	case RECORD_OBJECT: return !read_fields(r, f->table, o, p);
	default: return true;
	}
}

static const char *read_fields(struct reading *r, const struct record_table *t, struct json_object *o, void *base)
{
	struct json_object *value;

	if (!json_object_is_type(o, json_type_object))
		return t->name;
	for (size_t i = 0; i < t->n; i++)
		if (!json_object_object_get_ex(o, t->fields[i].name, &value) ||
		    !read_value(r, &t->fields[i], value, base))
			return t->fields[i].name;
	return NULL;
}

const char *read_record(const struct record_table *t, struct json_object *o, void *base,
	struct tcpstat_histogram *histograms)
{
	return read_fields(&(struct reading){ histograms }, t, o, base);
}
