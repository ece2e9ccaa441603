#include "sink/tui/field.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct { const char *name, *field; } shorts[] = {
#define S(name, field) { name, field },
#include "sink/tui/fields.def"
#undef S
};

struct search {
	const char *name;
	size_t len;
	bool halves;                    /* look into the directions without their names */
	char path[160];
	struct field *out;
};

/* Is `name` the path or, after a dot, the end of it? */
static bool matches(const struct search *s, size_t len)
{
	return len >= s->len && !strncasecmp(s->path + len - s->len, s->name, s->len) &&
		(len == s->len || s->path[len - s->len - 1] == '.');
}

static bool is_text(enum record_kind kind)
{
	return kind == RECORD_STR || kind == RECORD_CHARS || kind == RECORD_NAME || kind == RECORD_ADDR ||
		kind == RECORD_TIME;
}

static bool found(struct search *s, const struct record_field *f, size_t offset)
{
	*s->out = (struct field){ .record = f, .offset = { offset }, .n = 1, .text = is_text(f->kind), .scale = 1 };
	return true;
}

static size_t extend(struct search *s, size_t len, const char *name)
{
	int n = snprintf(s->path + len, sizeof s->path - len, "%s%s", len ? "." : "", name);

	return n > 0 && len + (size_t)n < sizeof s->path ? len + (size_t)n : len;
}

/* An array by enumeration: its items have names of their own. */
static bool look_into_map(struct search *s, const struct record_field *f, size_t offset, size_t len)
{
	/* cppcheck-suppress duplicateValueTernary; both happen to have 8 bytes */
	size_t i, step = f->storage == RECORD_F64 ? sizeof(double) : sizeof(int64_t);

	for (i = 0; i < f->names->n; i++) {
		size_t end = extend(s, len, record_map_key(f, i));

		if (matches(s, end))
			return found(s, f, offset + i * step);
	}
	return false;
}

static bool look_into(struct search *s, const struct record_table *t, size_t base, size_t len)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct record_field *f = &t->fields[i];
		size_t end, offset = base + f->offset;
		bool half = f->kind == RECORD_OBJECT && !len && (!strcmp(f->name, "c2s") || !strcmp(f->name, "s2c"));

		if (half && s->halves)
			continue;
		end = extend(s, len, f->name);
		if (f->kind == RECORD_OBJECT ? look_into(s, f->table, offset, end) :
		    f->kind == RECORD_MAP ? look_into_map(s, f, offset, end) :
		    f->kind < RECORD_OBJECT && matches(s, end) && found(s, f, offset))
			return true;
	}
	return false;
}

static const struct record_field *half_of(const struct record_table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (!strcmp(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

static bool look_up(const char *name, size_t len, struct field *out)
{
	const struct record_table *t = record_of(TCPSTAT_EV_CONNECTION)->body;
	const struct record_field *c2s = half_of(t, "c2s"), *s2c = half_of(t, "s2c");
	struct search s = { .name = name, .len = len, .halves = true, .out = out };

	if (!len)
		return false;
	if (look_into(&s, t, 0, 0))
		return true;
	if (look_into(&s, c2s->table, c2s->offset, 0)) {
		const char *unit = out->record->unit;

		out->offset[1] = out->offset[0] + (s2c->offset - c2s->offset);
		out->n = out->text ? 1 : 2;
		out->sum = strcmp(unit, "us") && strcmp(unit, "ratio") && strcmp(unit, "bps") &&
			(strcmp(unit, "bytes") || strstr(out->record->name, "bytes"));
		return true;
	}
	s.halves = false;
	return look_into(&s, t, 0, 0);
}

static bool find_short(const char *name, size_t len, struct field *out)
{
	size_t i;

	for (i = 0; i < sizeof shorts / sizeof *shorts; i++)
		if (strlen(shorts[i].name) == len && !strncasecmp(shorts[i].name, name, len))
			return look_up(shorts[i].field, strlen(shorts[i].field), out);
	return false;
}

/* "rtt_ms" is the short name rtt, or else rtt_us, in another unit. */
static bool look_up_scaled(const char *name, size_t len, struct field *out)
{
	static const struct { const char *suffix; double scale; } units[] = { { "_ms", 1e-3 }, { "_us", 1 }, { "_s",
		1e-6 } };
	char stem[128];
	size_t i, n;

	for (i = 0; i < sizeof units / sizeof *units; i++) {
		n = strlen(units[i].suffix);
		if (len <= n || len >= sizeof stem - 4 || strncasecmp(name + len - n, units[i].suffix, n))
			continue;
		snprintf(stem, sizeof stem, "%.*s_us", (int)(len - n), name);
		if (!(find_short(name, len - n, out) || look_up(stem, strlen(stem), out)) ||
		    strcmp(out->record->unit, "us"))
			continue;
		out->scale = units[i].scale;
		return true;
	}
	return false;
}

bool field_find(const char *name, size_t len, struct field *out)
{
	if ((len == 4 && !strncasecmp(name, "conn", 4)) || (len == 1 && *name == '#')) {
		*out = (struct field){ .offset = { offsetof(struct tcpstat_conn, number) }, .n = 1, .is_number = true,
			.scale = 1 };
		return true;
	}
	return find_short(name, len, out) || look_up(name, len, out) || look_up_scaled(name, len, out);
}

static bool is_like(const char *name, const char *part, size_t len)
{
	for (; *name; name++)
		if (!strncasecmp(name, part, len))
			return true;
	return false;
}

/* In a table and all below it: the first field whose place holds the part of a name. */
static bool look_for(const struct record_table *t, const char *part, size_t len, char *path, size_t at, size_t size)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct record_field *f = &t->fields[i];
		int n = snprintf(path + at, size - at, "%s%s", at ? "." : "", f->name);
		size_t end = n > 0 && at + (size_t)n < size ? at + (size_t)n : at;

		if (f->kind == RECORD_OBJECT ? look_for(f->table, part, len, path, end, size) :
		    f->kind < RECORD_OBJECT && is_like(path, part, len))
			return true;
	}
	return false;
}

bool field_suggest(const char *name, size_t len, char *out, size_t size)
{
	size_t i;

	/* The end of a name is mistyped more often than its beginning. */
	for (; len >= 4; len--) {
		for (i = 0; i < sizeof shorts / sizeof *shorts; i++)
			if (is_like(shorts[i].name, name, len)) {
				snprintf(out, size, "%s", shorts[i].name);
				return true;
			}
		if (look_for(record_of(TCPSTAT_EV_CONNECTION)->body, name, len, out, 0, size))
			return true;
	}
	return false;
}

/* --- values --------------------------------------------------------------------------------------------------- */

static double read_number(const struct field *f, size_t offset, const struct tcpstat_conn *c)
{
	const char *p = (const char *)c + offset;
	struct record_field at;
	double real;
	int64_t n;

	if (f->record->storage == RECORD_F64) {
		memcpy(&real, p, sizeof real);
		return real;
	}
	at = *f->record;
	at.offset = offset;
	if (at.kind == RECORD_MAP)
		at.kind = RECORD_INT;
	n = record_int(&at, c);
	return n == TCPSTAT_NULL ? NAN : (double)n;
}

double field_number(const struct field *f, const struct tcpstat_conn *c)
{
	double a, b;

	if (f->is_number)
		return c->number;
	if (f->text)
		return NAN;
	a = read_number(f, f->offset[0], c);
	b = f->n > 1 ? read_number(f, f->offset[1], c) : NAN;
	if (isnan(a) || isnan(b))
		return f->scale * (isnan(a) ? b : a);
	return f->scale * (f->sum ? a + b : a > b ? a : b);
}

const char *field_text(const struct field *f, const struct tcpstat_conn *c, char buf[FIELD_TEXT])
{
	const char *p = (const char *)c + f->offset[0], *text = NULL;
	struct record_field at;
	double n;

	*buf = '\0';
	if (!f->text) {
		n = field_number(f, c);
		if (!isnan(n))
			snprintf(buf, FIELD_TEXT, "%.15g", n);
		return buf;
	}
	at = *f->record;
	at.offset = f->offset[0];
	if (at.kind == RECORD_NAME)
		text = record_name(&at, c);
	else if (at.kind == RECORD_STR)
		text = *(const char *const *)p;
	else if (at.kind == RECORD_CHARS)
		text = p;
	else if (at.kind == RECORD_ADDR)
		record_addr_text((const struct tcpstat_addr *)p, buf);
	else
		record_time_text(*(const int64_t *)p, buf);
	if (text)
		snprintf(buf, FIELD_TEXT, "%s", text);
	return buf;
}
