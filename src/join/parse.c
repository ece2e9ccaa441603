#include "join/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sink/record.h"

enum { NUMBER = 64 };                   /* bytes of a number, with its NUL */

struct text {
	const char *p, *end;
	unsigned depth;
	size_t values;                  /* that may still come */
	const char *wrong;
};

/* Between its quotes; valid, but as it is written. */
struct string {
	const char *bytes;
	size_t len;
	bool escaped;                   /* something in it is */
};

static enum parse_result wrong(struct text *t, const char *what)
{
	t->wrong = what;
	return PARSE_WRONG;
}

/* Passes over white space. The character that follows; -1: the end. */
static int look(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\r' || *t->p == '\n'))
		t->p++;
	return t->p < t->end ? (unsigned char)*t->p : -1;
}

static bool take(struct text *t, char c)
{
	if (look(t) != (unsigned char)c)
		return false;
	t->p++;
	return true;
}

static enum parse_result expect(struct text *t, char c, const char *otherwise)
{
	if (take(t, c))
		return PARSE_OK;
	return t->p == t->end ? PARSE_CUT : wrong(t, otherwise);
}

/* ----------------------------------------------------------------------------------------------------- strings */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Of four hexadecimal digits. */
static long hex4(const char *p)
{
	return ((hex(p[0]) * 16L + hex(p[1])) * 16 + hex(p[2])) * 16 + hex(p[3]);
}

/* Is it \uXXXX at `p`, as far as it is there? */
static enum parse_result scan_unit(struct text *t, const char *p, const char *otherwise)
{
	for (int i = 0; i < 6; i++, p++) {
		if (p == t->end)
			return PARSE_CUT;
		if (i == 0 ? *p != '\\' : i == 1 ? *p != 'u' : hex(*p) < 0)
			return wrong(t, otherwise);
	}
	return PARSE_OK;
}

static bool is_high(long unit)
{
	return unit >> 10 == 0xd800 >> 10;
}

static bool is_low(long unit)
{
	return unit >> 10 == 0xdc00 >> 10;
}

/* What a backslash begins. */
static enum parse_result scan_escape(struct text *t)
{
	enum parse_result r;

	if (t->end - t->p < 2)
		return PARSE_CUT;
	if (t->p[1] != 'u') {
		if (!t->p[1] || !strchr("\"\\/bfnrt", t->p[1]))
			return wrong(t, "an escape that is none");
		t->p += 2;
		return PARSE_OK;
	}
	r = scan_unit(t, t->p, "an escape that is none");
	if (r == PARSE_OK && is_high(hex4(t->p + 2))) {
		r = scan_unit(t, t->p + 6, "half a character");
		if (r == PARSE_OK && !is_low(hex4(t->p + 8)))
			r = wrong(t, "half a character");
		t->p += r == PARSE_OK ? 12 : 0;
	} else if (r == PARSE_OK) {
		if (is_low(hex4(t->p + 2)))
			return wrong(t, "half a character");
		t->p += 6;
	}
	return r;
}

static enum parse_result scan_utf8(struct text *t)
{
	size_t left = (size_t)(t->end - t->p), n;
	unsigned char c[5] = { 0 };

	memcpy(c, t->p, left < 4 ? left : 4);
	n = record_utf8_len(c);
	if (!n)
		return left < 4 ? PARSE_CUT : wrong(t, "no UTF-8");
	t->p += n;
	return PARSE_OK;
}

static enum parse_result scan_string(struct text *t, struct string *s)
{
	enum parse_result r = PARSE_OK;

	t->p++;
	*s = (struct string){ .bytes = t->p };
	while (t->p < t->end && *t->p != '"') {
		unsigned char c = (unsigned char)*t->p;

		if (c == '\\') {
			s->escaped = true;
			r = scan_escape(t);
		} else if (c >= 0x80) {
			r = scan_utf8(t);
		} else if (c < 0x20) {
			r = wrong(t, "a control character in a string");
		} else {
			t->p++;
		}
		if (r != PARSE_OK)
			return r;
	}
	if (t->p == t->end)
		return PARSE_CUT;
	s->len = (size_t)(t->p - s->bytes);
	t->p++;
	return PARSE_OK;
}

static size_t put_utf8(uint32_t c, char *to)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(lead[n] | c);
	return n;
}

/* What a string means, which is no longer than how it is written. */
static size_t decode(const struct string *s, char *to)
{
	static const char letters[] = "bfnrt", means[] = "\b\f\n\r\t";
	const char *p = s->bytes, *end = p + s->len;
	size_t n = 0;

	while (p < end) {
		if (*p != '\\') {
			to[n++] = *p++;
		} else if (p[1] != 'u') {
			const char *letter = strchr(letters, p[1]);

			to[n++] = letter ? means[letter - letters] : p[1];
			p += 2;
		} else {
			uint32_t c = (uint32_t)hex4(p + 2);

			p += 6;
			if (is_high(c)) {
				c = 0x10000 + ((c & 0x3ff) << 10) + ((uint32_t)hex4(p + 2) & 0x3ff);
				p += 6;
			}
			n += put_utf8(c, to + n);
		}
	}
	return n;
}

static enum parse_result string(struct text *t, struct json_object **out)
{
	struct string s;
	enum parse_result r = scan_string(t, &s);

	if (r != PARSE_OK)
		return r;
	if (!s.escaped) {
		*out = json_object_new_string_len(s.bytes, (int)s.len);
	} else {
		char *bytes = malloc(s.len);

		*out = bytes ? json_object_new_string_len(bytes, (int)decode(&s, bytes)) : NULL;
		free(bytes);
	}
	return *out ? PARSE_OK : PARSE_NO_MEMORY;
}

static enum parse_result key(struct text *t, char text[PARSE_KEY])
{
	struct string s;
	enum parse_result r;
	size_t len;

	if (look(t) != '"')
		return t->p == t->end ? PARSE_CUT : wrong(t, "no name where one must be");
	r = scan_string(t, &s);
	if (r != PARSE_OK)
		return r;
	if (s.len >= PARSE_KEY)
		return wrong(t, "a name that is too long");
	len = decode(&s, text);
	text[len] = 0;
	if (strlen(text) != len)
		return wrong(t, "a zero byte in a name");
	return expect(t, ':', "no colon after a name");
}

/* ----------------------------------------------------------------------------------------------------- numbers */

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static enum parse_result whole_number(struct text *t, const char *number, struct json_object **out)
{
	errno = 0;
	long long small = strtoll(number, NULL, 10);

	if (!errno) {
		*out = json_object_new_int64(small);
	} else {
		errno = 0;
		unsigned long long large = strtoull(number, NULL, 10);
		if (errno || *number == '-')
			return wrong(t, "a number out of range");
		*out = json_object_new_uint64(large);
	}
	return *out ? PARSE_OK : PARSE_NO_MEMORY;
}

static enum parse_result number(struct text *t, struct json_object **out)
{
	const char *begin = t->p, *p = begin + (*begin == '-'), *from = p;
	char copy[NUMBER];
	size_t len;

	p = digits(p, t->end);
	bool good = p > from && (*from != '0' || p == from + 1), is_whole = true;
	if (p < t->end && *p == '.') {
		from = p + 1;
		p = digits(from, t->end);
		good = good && p > from;
		is_whole = false;
	}
	if (p < t->end && (*p == 'e' || *p == 'E')) {
		from = p + 1 + (p + 1 < t->end && (p[1] == '+' || p[1] == '-'));
		p = digits(from, t->end);
		good = good && p > from;
		is_whole = false;
	}
	if (p == t->end)
		return PARSE_CUT;
	len = (size_t)(p - begin);
	if (!good || len >= NUMBER)
		return wrong(t, good ? "a number that is too long" : "a number that is none");
	memcpy(copy, begin, len);
	copy[len] = 0;
	t->p = p;
	if (is_whole)
		return whole_number(t, copy, out);
	*out = json_object_new_double_s(strtod(copy, NULL), copy);
	return *out ? PARSE_OK : PARSE_NO_MEMORY;
}

/* ----------------------------------------------------------------------------------------------------- values */

static enum parse_result value(struct text *t, struct json_object **out);

static enum parse_result literal(struct text *t, const char *name, size_t len)
{
	size_t left = (size_t)(t->end - t->p);

	if (memcmp(t->p, name, left < len ? left : len) != 0)
		return wrong(t, "a value that is none");
	if (left < len)
		return PARSE_CUT;
	t->p += len;
	return PARSE_OK;
}

static enum parse_result boolean(struct text *t, bool is, struct json_object **out)
{
	enum parse_result r = is ? literal(t, "true", 4) : literal(t, "false", 5);

	if (r != PARSE_OK)
		return r;
	*out = json_object_new_boolean(is);
	return *out ? PARSE_OK : PARSE_NO_MEMORY;
}

static enum parse_result members(struct text *t, struct json_object *o)
{
	char name[PARSE_KEY];

	t->p++;
	if (take(t, '}'))
		return PARSE_OK;
	do {
		struct json_object *member;
		enum parse_result r = key(t, name);

		if (r == PARSE_OK && json_object_object_get_ex(o, name, NULL))
			r = wrong(t, "a name that is there twice");
		if (r == PARSE_OK)
			r = value(t, &member);
		if (r != PARSE_OK)
			return r;
		if (json_object_object_add_ex(o, name, member, JSON_C_OBJECT_ADD_KEY_IS_NEW)) {
			json_object_put(member);
			return PARSE_NO_MEMORY;
		}
	} while (take(t, ','));
	return expect(t, '}', "neither comma nor end after a value");
}

static enum parse_result elements(struct text *t, struct json_object *o)
{
	t->p++;
	if (take(t, ']'))
		return PARSE_OK;
	do {
		struct json_object *element;
		enum parse_result r = value(t, &element);

		if (r != PARSE_OK)
			return r;
		if (json_object_array_add(o, element)) {
			json_object_put(element);
			return PARSE_NO_MEMORY;
		}
	} while (take(t, ','));
	return expect(t, ']', "neither comma nor end after a value");
}

static enum parse_result container(struct text *t, bool is_object, struct json_object **out)
{
	enum parse_result r;

	if (t->depth == PARSE_DEPTH)
		return wrong(t, "nesting too deep");
	struct json_object *o = is_object ? json_object_new_object() : json_object_new_array();
	if (!o)
		return PARSE_NO_MEMORY;
	t->depth++;
	r = is_object ? members(t, o) : elements(t, o);
	t->depth--;
	if (r == PARSE_OK)
		*out = o;
	else
		json_object_put(o);
	return r;
}

/* `*out` is NULL unless it is a value, and not null. */
static enum parse_result value(struct text *t, struct json_object **out)
{
	int c = look(t);

	*out = NULL;
	if (c < 0)
		return PARSE_CUT;
	if (!t->values)
		return wrong(t, "too many values");
	t->values--;
	switch (c) {
	case '{': case '[': return container(t, c == '{', out);
	case '"': return string(t, out);
	case 't': case 'f': return boolean(t, c == 't', out);
	case 'n': return literal(t, "null", 4);
	default: return c == '-' || (c >= '0' && c <= '9') ? number(t, out) : wrong(t, "a value that is none");
	}
}

enum parse_result parse_json(const char *text, size_t len, struct json_object **o, struct parse_end *end)
{
	struct text t = { .p = text, .end = text + len, .values = PARSE_VALUES };
	enum parse_result r = value(&t, o);

	*end = (struct parse_end){ (size_t)(t.p - text), t.wrong };
	return r;
}
