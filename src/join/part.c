#include "join/part.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "join/parse.h"

static const size_t BUFFER_BYTES = 256 << 10;

/* ----------------------------------------------------------------------------------------------------- complaints */

static void say(struct part *p, const char *format, va_list args)
{
	char text[512], what[400];

	vsnprintf(what, sizeof what, format, args);
	if (p->line)
		snprintf(text, sizeof text, "%s: line %llu: %s", p->name, (unsigned long long)p->line, what);
	else
		snprintf(text, sizeof text, "%s: %s", p->name, what);
	p->tell(p->ctx, text);
}

void part_complain(struct part *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(p, format, args);
	va_end(args);
	p->damaged = true;
}

static int fail(struct part *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(struct part *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(p, format, args);
	va_end(args);
	p->failed = p->over = true;
	return PART_FAILED;
}

/* Damage after which nothing more can be made out. */
static int give_up(struct part *p, const char *what)
{
	p->line = p->at;
	part_complain(p, "%s; what follows is left out", what);
	p->over = true;
	return PART_END;
}

/* ----------------------------------------------------------------------------------------------------- bytes */

/* False: the input ends before, or cannot be read on, which is told. */
static bool need(struct part *p, size_t n)
{
	int rc;

	while ((rc = source_need(&p->source, n)) == SOURCE_IDLE)
		if (source_interrupted(&p->source)) {
			rc = p->source.error.code;
			break;
		}
	if (rc == CAPTURE_EDAMAGED && !p->over)
		give_up(p, p->source.error.text);
	else if (rc < 0 && !p->over)
		fail(p, "%s", p->source.error.text);
	return rc == SOURCE_OK;
}

static void skip(struct part *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p->at += p->source.cur[i] == '\n';
	source_skip(&p->source, n);
}

/* Passes over white space. The character that follows; -1: the end. */
static int peek(struct part *p)
{
	while (!p->over && need(p, 1)) {
		if (!strchr(" \t\r\n", *p->source.cur) || !*p->source.cur)
			return *p->source.cur;
		skip(p, 1);
	}
	return -1;
}

static bool take(struct part *p, char c)
{
	if (peek(p) != (uint8_t)c)
		return false;
	skip(p, 1);
	return true;
}

/* ----------------------------------------------------------------------------------------------------- JSON */

static int no_memory(struct part *p)
{
	return fail(p, "out of memory");
}

/* A value of a document, from here on as far as it goes. NULL: told. (A value that is null is of no use here.) */
static struct json_object *get_value(struct part *p)
{
	struct json_object *o;
	struct parse_end end;

	p->line = p->at;
	for (size_t n = 1; !p->over; n = n < PART_RECORD_MAX / 2 ? 2 * n : PART_RECORD_MAX) {
		bool goes_on = need(p, n);

		if (p->over)
			return NULL;
		n = source_left(&p->source) < PART_RECORD_MAX ? source_left(&p->source) : PART_RECORD_MAX;
		switch (parse_json((const char *)p->source.cur, n, &o, &end)) {
		case PARSE_OK:
			skip(p, end.used);
			if (!o)
				give_up(p, "null where a value must be");
			return o;
		case PARSE_CUT:
			if (goes_on && n < PART_RECORD_MAX)
				break;
			give_up(p, goes_on ? "a record without end" : "the document ends too early");
			return NULL;
		case PARSE_WRONG:
			skip(p, end.used);
			give_up(p, end.wrong);
			return NULL;
		case PARSE_NO_MEMORY:
			no_memory(p);
			return NULL;
		}
	}
	return NULL;
}

/* The line that begins here. False: there is none. Without its end `*len` is what is left of the input. */
static bool get_line(struct part *p, size_t *len)
{
	size_t looked = 0;

	while (need(p, looked + 1)) {
		size_t left = source_left(&p->source);
		const uint8_t *end = memchr(p->source.cur + looked, '\n', left - looked);

		if (end) {
			*len = (size_t)(end - p->source.cur);
			return true;
		}
		looked = left;
		if (looked >= PART_RECORD_MAX) {
			give_up(p, "a line without end");
			return false;
		}
	}
	*len = source_left(&p->source);
	return !p->over && *len > 0;
}

static struct json_object *parse_line(struct part *p, size_t len)
{
	struct json_object *o;
	struct parse_end end;

	while (len && strchr(" \t\r", p->source.cur[len - 1]) && p->source.cur[len - 1])
		len--;
	enum parse_result r = parse_json((const char *)p->source.cur, len, &o, &end);
	if (r == PARSE_NO_MEMORY) {
		no_memory(p);
	} else if (r != PARSE_OK || !o || end.used < len) {
		part_complain(p, "no JSON record (%s)", r == PARSE_WRONG ? end.wrong :
			r == PARSE_CUT ? "it ends too early" : o ? "more on the line" : "null");
		json_object_put(o);
		o = NULL;
	}
	return o;
}

/* A record has a type. */
static const char *type_of(struct json_object *o)
{
	struct json_object *type;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, "type", &type) ||
	    !json_object_is_type(type, json_type_string))
		return NULL;
	return json_object_get_string(type);
}

static bool is_known(const char *type, enum json_list list, bool document)
{
	if (!strcmp(type, record_position.type))
		return true;
	if (document)
		return list == JSON_FINDINGS ? !strcmp(type, "finding") :
			!strcmp(type, "connection") || !strcmp(type, record_census.type);
	if (!strcmp(type, record_census.type))
		return true;
	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++)
		if (record_of(t) && !strcmp(record_of(t)->type, type))
			return true;
	return false;
}

/* Takes `o`; false: it is told what is wrong. */
static bool take_item(struct part *p, enum json_list list, struct json_object *o)
{
	const char *type = type_of(o);

	if (!type || !is_known(type, list, p->document)) {
		if (type)
			part_complain(p, "a record of type %.40s does not belong here", type);
		else
			part_complain(p, "a record without a type");
		json_object_put(o);
		return false;
	}
	json_object_put(p->item);
	p->item = o;
	p->type = type;
	return true;
}

/* ----------------------------------------------------------------------------------------------------- a stream */

/* The next record of any type, in `*o`; lines that are none are told and passed over. False: the end. */
static bool next_line(struct part *p, struct json_object **o)
{
	size_t len;

	while (!p->over && get_line(p, &len)) {
		bool ends = len < source_left(&p->source);

		p->line = p->at;
		*o = len ? parse_line(p, len) : NULL;
		if (!len)
			part_complain(p, "is empty");
		if (*o && !ends)        /* cut off just there; it may be whole */
			part_complain(p, "does not end");
		source_skip(&p->source, len + ends);
		p->at++;
		if (*o)
			return true;
	}
	return false;
}

static int next_of_stream(struct part *p)
{
	struct json_object *o;

	while (!p->summary && next_line(p, &o)) {
		const char *type = type_of(o);

		if (type && !strcmp(type, record_summary.type))
			p->summary = o;
		else if (take_item(p, JSON_CONNECTIONS, o))
			return PART_ITEM;
	}
	return PART_END;
}

static void end_of_stream(struct part *p)
{
	if (p->failed)
		return;
	p->line = p->summary ? p->at : 0;
	if (!p->summary)
		part_complain(p, "ends without a summary: it is not complete");
	else if (peek(p) >= 0)
		part_complain(p, "there is more after the summary");
}

static int open_stream(struct part *p)
{
	struct json_object *o;
	const char *type = NULL;

	if (next_line(p, &p->capture))
		type = type_of(p->capture);
	if (!type || strcmp(type, record_capture.type))
		return p->failed ? PART_FAILED : fail(p, "is no JSON of tcpstat");
	if (!next_line(p, &o))
		return p->failed ? PART_FAILED : fail(p, "ends after its first line");
	type = type_of(o);
	if (!type || strcmp(type, record_shard.type)) {
		json_object_put(o);
		p->line = 0;
		return fail(p, "is no shard of a capture: tcpstat wrote it without --shard");
	}
	p->shard = o;
	return 0;
}

/* ----------------------------------------------------------------------------------------------------- a document */

/* "key": of a document, between its values. False: told, or `key` is not what comes. */
static bool take_key(struct part *p, char *key, size_t size)
{
	struct json_object *o;
	bool good;

	if (peek(p) != '"') {
		if (!p->over)
			give_up(p, "no key where one must be");
		return false;
	}
	o = get_value(p);
	good = json_object_is_type(o, json_type_string);
	if (good)
		snprintf(key, size, "%s", json_object_get_string(o));
	json_object_put(o);
	if (good && !take(p, ':')) {
		give_up(p, "no colon after a key");
		good = false;
	}
	return good;
}

/* The values before the lists, or after them; true: a list of this name begins. */
static bool read_members(struct part *p, const char *list, const char *const *names, struct json_object **values[],
	size_t n)
{
	char key[32];

	while (!p->over && take_key(p, key, sizeof key)) {
		size_t i = 0;

		if (list && !strcmp(key, list)) {
			if (take(p, '['))
				return true;
			give_up(p, "no list where one must be");
			return false;
		}
		while (i < n && strcmp(names[i], key))
			i++;
		if (i == n || *values[i]) {
			p->line = p->at;
			part_complain(p, "%.32s does not belong here", key);
			p->over = true;
			return false;
		}
		*values[i] = get_value(p);
		if (take(p, ','))
			continue;
		if (take(p, '}')) {
			p->line = p->at;
			if (peek(p) >= 0)
				part_complain(p, "there is more after the end");
			p->over = true;
		} else if (!p->over) {
			give_up(p, "neither comma nor end after a value");
		}
	}
	return false;
}

static int open_document(struct part *p)
{
	static const char *const names[] = { "schema", "shard" };
	struct json_object *schema = NULL, **values[] = { &schema, &p->shard };

	take(p, '{');
	p->in_list = read_members(p, "connections", names, values, 2);
	bool is_ours = json_object_is_type(schema, json_type_string) &&
		!strcmp(json_object_get_string(schema), RECORD_SCHEMA);
	json_object_put(schema);
	if (p->failed)
		return PART_FAILED;
	p->line = 0;
	if (!is_ours)
		return fail(p, "is no JSON of tcpstat");
	if (!p->shard)
		return fail(p, "is no shard of a capture: tcpstat wrote it without --shard");
	return 0;
}

static int next_of_document(struct part *p, enum json_list list)
{
	while (p->in_list && !p->over) {
		struct json_object *o;

		if (take(p, ']')) {
			p->in_list = false;
			return PART_END;
		}
		if (p->list_begun && !take(p, ','))
			return p->over ? PART_END : give_up(p, "neither comma nor end after a record");
		p->list_begun = true;
		peek(p);
		o = get_value(p);
		if (o && take_item(p, list, o))
			return PART_ITEM;
	}
	return PART_END;
}

static void end_of_document(struct part *p)
{
	static const char *const names[] = { "capture", "summary" };
	struct json_object **values[] = { &p->capture, &p->summary };

	if (!p->over && take(p, ','))
		read_members(p, NULL, names, values, 2);
	p->line = 0;
	if (!p->failed && !p->damaged && (!p->capture || !p->summary))
		part_complain(p, "ends without a summary: it is not complete");
}

/* ----------------------------------------------------------------------------------------------------- a part */

/* Does the object that begins here have `key` first? */
static bool begins_with(struct part *p, const char *key)
{
	enum { FAR = 64 };
	size_t i = 1, len = strlen(key);

	need(p, FAR); /* or as much as there is */
	while (i < source_left(&p->source) && i < FAR && p->source.cur[i] && strchr(" \t\r\n", p->source.cur[i]))
		i++;
	return source_left(&p->source) >= i + len && !memcmp(p->source.cur + i, key, len);
}

static int read_number(struct part *p, const char *key, uint32_t *number)
{
	struct json_object *o;

	if (!json_object_object_get_ex(p->shard, key, &o) || !json_object_is_type(o, json_type_int) ||
	    json_object_get_int64(o) < 1 || json_object_get_int64(o) > UINT32_MAX)
		return fail(p, "does not say which shard it is");
	*number = (uint32_t)json_object_get_int64(o);
	return 0;
}

int part_open(struct part *p, const char *name, part_tell *tell, void *ctx)
{
	struct source_config config = { .buffer_bytes = BUFFER_BYTES };
	int rc;

	*p = (struct part){ .name = strcmp(name, "-") ? name : "standard input", .tell = tell, .ctx = ctx };
	rc = source_open(&p->source, name, &config);
	if (rc < 0)
		need(p, 1);
	if (p->failed)
		return PART_FAILED;
	p->at = 1;
	if (peek(p) != '{') {
		p->line = 0;
		if (p->failed)
			return PART_FAILED;
		return fail(p, p->over || peek(p) >= 0 ? "is no JSON of tcpstat" : "is empty");
	}
	p->document = begins_with(p, "\"schema\"");
	if (p->failed || (p->document ? open_document(p) : open_stream(p)))
		return PART_FAILED;
	return read_number(p, "number", &p->number) || read_number(p, "of", &p->of) ? PART_FAILED : 0;
}

int part_next(struct part *p, enum json_list list)
{
	if (p->document)
		return next_of_document(p, list);
	return list == JSON_CONNECTIONS ? next_of_stream(p) : PART_END;
}

void part_findings(struct part *p)
{
	if (!p->over && !take(p, ','))
		give_up(p, "the document ends too early");
	p->in_list = read_members(p, "findings", NULL, NULL, 0);
	p->list_begun = false;
}

void part_end(struct part *p)
{
	if (p->document)
		end_of_document(p);
	else
		end_of_stream(p);
}

void part_close(struct part *p)
{
	json_object_put(p->item);
	json_object_put(p->capture);
	json_object_put(p->shard);
	json_object_put(p->summary);
	source_close(&p->source);
	*p = (struct part){ 0 };
}
