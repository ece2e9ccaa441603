#include "sink/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sink/community.h"
#include "sink/print.h"

enum {
	BUFFER = 128 * 1024,            /* bytes gathered before they are written */
	COLUMN_SIZE = 160,              /* of a column's name */
	TEXT_SIZE = 512                 /* of a field */
};

struct csv {
	FILE *out;
	struct printbuf *pb;
	char separator;
	bool first;                     /* no field of this line yet */
	_Atomic int error;              /* asked for by another thread */
};

static void fail(struct csv *c, int error)
{
	if (!c->error)
		c->error = error ? error : EIO;
}

static void put(struct csv *c, const char *text, size_t len)
{
	if (print_put(c->pb, text, len))
		fail(c, ENOMEM);
}

static void put_quoted(struct csv *c, const char *text, size_t len)
{
	put(c, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			put(c, "\"", 1);
		put(c, text + i, 1);
	}
	put(c, "\"", 1);
}

static void put_escaped(struct csv *c, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char *escape = text[i] == '\t' ? "\\t" : text[i] == '\n' ? "\\n" : text[i] == '\r' ? "\\r" :
			text[i] == '\\' ? "\\\\" : NULL;

		put(c, escape ? escape : text + i, escape ? 2 : 1);
	}
}

static void next_field(struct csv *c)
{
	if (!c->first)
		put(c, &c->separator, 1);
	c->first = false;
}

static void put_field(struct csv *c, const char *text, size_t len)
{
	next_field(c);
	if (strcspn(text, c->separator == '\t' ? "\t\\\r\n" : ",\"\r\n") == len)
		put(c, text, len);
	else if (c->separator == '\t')
		put_escaped(c, text, len);
	else
		put_quoted(c, text, len);
}

static void end_line(struct csv *c)
{
	put(c, "\n", 1);
	c->first = true;
	if (c->pb->bpos >= BUFFER)
		csv_flush(c);
}

/* --- names of the columns ---------------------------------------------------------------------------------------- */

static bool ends_with_unit(const char *name, size_t len, const char *unit)
{
	size_t n = strlen(unit);

	return len >= n && !memcmp(name + len - n, unit, n) && (len == n || name[len - n - 1] == '_');
}

/* The name of an object without its unit: those of its fields tell it. */
static size_t stem(const char *name)
{
	static const char *const units[] = { "us", "bytes", "bps" };
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (ends_with_unit(name, len, units[i]) && len > strlen(units[i]))
			return len - strlen(units[i]) - 1;
	return len;
}

static void put_name(struct csv *c, const char *path, const char *name, const char *unit)
{
	char column[COLUMN_SIZE];
	int n = snprintf(column, sizeof column, "%s%s", path, name);

	if (*unit && n > 0 && (size_t)n < sizeof column && !ends_with_unit(column, (size_t)n, unit))
		snprintf(column + n, sizeof column - (size_t)n, "_%s", unit);
	for (char *p = column; *p; p++)
		if (*p == '-')
			*p = '_';
	put_field(c, column, strlen(column));
}

static void put_names(struct csv *c, const struct record_table *table, const char *path)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct record_field *f = &table->fields[i];
		char inner[COLUMN_SIZE];

		snprintf(inner, sizeof inner, "%s%.*s_", path, (int)stem(f->name), f->name);
		if (f->kind == RECORD_OBJECT)
			put_names(c, f->table, inner);
		else if (f->kind == RECORD_MAP)
			for (size_t k = 0; k < f->names->n; k++)
				put_name(c, inner, record_map_key(f, k), f->unit);
		else
			put_name(c, path, f->name, f->unit);
	}
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static size_t bytes_text(const char *bytes, char text[TEXT_SIZE])
{
	return bytes ? record_utf8(bytes, text, TEXT_SIZE) : 0;
}

static size_t int_text(int64_t value, char *text)
{
	return value == TCPSTAT_NULL ? 0 : record_int_text(value, text);
}

/* With blanks between them. */
static size_t delays_text(const struct tcpstat_syn_ladder *ladder, char text[TEXT_SIZE])
{
	size_t len = 0;

	for (unsigned i = 0; i < ladder->n && len + 1 + RECORD_NUMBER_SIZE < TEXT_SIZE; i++) {
		if (i)
			text[len++] = ' ';
		len += record_int_text(record_us(ladder->delay_ns[i]), text + len);
	}
	text[len] = '\0';
	return len;
}

static size_t value_text(const struct record_field *f, const void *base, char text[TEXT_SIZE])
{
	const void *p = (const char *)base + f->offset;
	const struct tcpstat_conn *conn = base;
	int64_t v;

	switch (f->kind) {
	case RECORD_INT: case RECORD_US: case RECORD_NUMBER: case RECORD_VLAN:
		v = record_int(f, base);
		return f->storage == RECORD_U64 && f->kind == RECORD_INT ? record_uint_text((uint64_t)v, text)
									 : int_text(v, text);
	case RECORD_BOOL:
		v = record_int(f, base);
		return bytes_text(v == TCPSTAT_NULL ? NULL : v ? "true" : "false", text);
	case RECORD_RATIO: return record_ratio_text(*(const double *)p, text);
	case RECORD_TIME: return record_time_text(*(const int64_t *)p, text);
	case RECORD_STR: return bytes_text(*(const char *const *)p, text);
	case RECORD_CHARS: return bytes_text(p, text);
	case RECORD_NAME: return bytes_text(record_name(f, base), text);
	case RECORD_ADDR: return record_addr_text(p, text);
	case RECORD_COMMUNITY: return community_id(0, conn->addr, conn->port, text);
	case RECORD_DELAYS: return delays_text(p, text);
	default: return 0;              /* lists are not part of a connection */
	}
}

static void put_map(struct csv *c, const struct record_field *f, const void *values)
{
	char text[TEXT_SIZE];

	for (size_t i = 0; i < f->names->n; i++) {
		size_t len = f->storage == RECORD_F64 ? record_ratio_text(((const double *)values)[i], text)
						      : int_text(((const int64_t *)values)[i], text);

		next_field(c);
		put(c, text, len);
	}
}

/* Only words can hold what needs quoting. */
static bool is_word(const struct record_field *f)
{
	return f->kind == RECORD_STR || f->kind == RECORD_CHARS || f->kind == RECORD_NAME;
}

static void put_values(struct csv *c, const struct record_table *table, const void *base)
{
	char text[TEXT_SIZE];

	for (size_t i = 0; i < table->n; i++) {
		const struct record_field *f = &table->fields[i];
		const void *p = (const char *)base + f->offset;

		if (f->kind == RECORD_OBJECT) {
			put_values(c, f->table, p);
		} else if (f->kind == RECORD_MAP) {
			put_map(c, f, p);
		} else {
			size_t len = value_text(f, base, text);

			if (is_word(f)) {
				text[len] = 0;
				put_field(c, text, len);
			} else {
				next_field(c);
				put(c, text, len);
			}
		}
	}
}

/* --- the table --------------------------------------------------------------------------------------------------- */

struct csv *csv_new(FILE *out, char separator)
{
	const struct record *r = record_of(TCPSTAT_EV_CONNECTION);
	struct csv *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->pb = printbuf_new();
	if (!c->pb) {
		free(c);
		return NULL;
	}
	c->out = out;
	c->separator = separator;
	c->first = true;
	put_names(c, r->head, "");
	put_names(c, r->body, "");
	end_line(c);
	return c;
}

void csv_event(struct csv *c, const struct tcpstat_event *ev)
{
	const struct record *r = record_of(ev->type);

	if (c->error || ev->type != TCPSTAT_EV_CONNECTION)
		return;
	put_values(c, r->head, ev);
	put_values(c, r->body, ev->connection);
	end_line(c);
}

void csv_flush(struct csv *c)
{
	if (!c->error && c->pb->bpos &&
	    (fwrite(c->pb->buf, 1, (size_t)c->pb->bpos, c->out) != (size_t)c->pb->bpos || fflush(c->out)))
		fail(c, errno);
	printbuf_reset(c->pb);
}

int csv_error(const struct csv *c)
{
	return c->error;
}

int csv_close(struct csv *c)
{
	int error;

	if (!c)
		return 0;
	csv_flush(c);
	printbuf_free(c->pb);
	error = c->error;
	free(c);
	return error;
}
