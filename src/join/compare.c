#include "join/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PATH = 96, VALUE = 64 };

/* What may differ, by the path of keys. */
static const char *const own_of_shard[] = { "number", "memory_bytes", NULL };
static const char *const own_of_capture[] = { "files.name", NULL }; /* machines may see it in different places */
static const char *const own_of_summary[] = { "connections", "findings", "states", "counters.connections",
	"counters.evicted", "counters.no_memory", "connect_us", "response_us", "rtt_us", NULL };

struct comparison {
	const char *const *own;
	char path[PATH];                /* of what differs */
	struct json_object *value[2];
};

static bool is_same(struct comparison *c, struct json_object *a, struct json_object *b);

static bool is_own(const struct comparison *c)
{
	for (size_t i = 0; c->own[i]; i++)
		if (!strcmp(c->own[i], c->path))
			return true;
	return false;
}

static bool is_same_object(struct comparison *c, struct json_object *a, struct json_object *b)
{
	size_t len = strlen(c->path);

	json_object_object_foreach(a, key, value) {
		struct json_object *other = NULL;

		snprintf(c->path + len, sizeof c->path - len, "%s%.40s", len ? "." : "", key);
		json_object_object_get_ex(b, key, &other);
		if (!is_own(c) && !is_same(c, value, other))
			return false;
		c->path[len] = '\0';
	}
	return true;
}

static bool is_same(struct comparison *c, struct json_object *a, struct json_object *b)
{
	enum json_type type = json_object_get_type(a);
	bool same = type == json_object_get_type(b);

	c->value[0] = a;
	c->value[1] = b;
	if (same && type == json_type_object)
		return json_object_object_length(a) == json_object_object_length(b) && is_same_object(c, a, b);
	if (same && type == json_type_array) {
		same = json_object_array_length(a) == json_object_array_length(b);
		for (size_t i = 0; same && i < json_object_array_length(a); i++)
			same = is_same(c, json_object_array_get_idx(a, i), json_object_array_get_idx(b, i));
		return same;
	}
	return same && json_object_equal(a, b);
}

static const char *value_text(struct json_object *o, char text[VALUE])
{
	snprintf(text, VALUE, "%.*s", VALUE - 4, json_object_to_json_string_ext(o, TREE_TEXT));
	return text;
}

static bool compare(const struct part *a, const struct part *b, struct json_object *x, struct json_object *y,
	const char *const *own, const char *what, char text[COMPARE_TEXT])
{
	struct comparison c = { .own = own };
	char value[2][VALUE];

	if (is_same(&c, x, y))
		return true;
	snprintf(text, COMPARE_TEXT,
		"%.75s and %.75s are not of the same capture, or not made alike: %s%s%s is %s and %s", a->name,
		b->name, what, *c.path && *what ? " " : "", c.path, value_text(c.value[0], value[0]),
		value_text(c.value[1], value[1]));
	return false;
}

static bool fit(const struct part *a, const struct part *b, char text[COMPARE_TEXT])
{
	if (a->of != b->of)
		snprintf(text, COMPARE_TEXT,
			"%.120s is shard %" PRIu32 " of %" PRIu32 ", %.120s is %" PRIu32 " of %" PRIu32, a->name,
			a->number, a->of, b->name, b->number, b->of);
	else if (a->document != b->document)
		snprintf(text, COMPARE_TEXT, "%.120s is a document, %.120s a stream", a->document ? a->name : b->name,
			a->document ? b->name : a->name);
	else if (a->number == b->number)
		snprintf(text, COMPARE_TEXT, "%.120s and %.120s are both shard %" PRIu32 " of %" PRIu32, a->name,
			b->name, a->number, a->of);
	else
		return compare(a, b, a->shard, b->shard, own_of_shard, "", text) &&
			(!a->capture || !b->capture ||
			 compare(a, b, a->capture, b->capture, own_of_capture, "capture:", text));
	return false;
}

/* They are of different numbers, in order, so a gap shows what is missing. */
static bool are_all(const struct part *const *parts, size_t n, char text[COMPARE_TEXT])
{
	enum { NAMED = 8 };
	uint32_t missing = parts[0]->of - (uint32_t)n, named = 0;
	size_t len;

	if (!missing)
		return true;
	len = (size_t)snprintf(text, COMPARE_TEXT, "shard%s", missing > 1 ? "s" : "");
	for (uint32_t number = 1, i = 0; named < missing && named < NAMED; number++) {
		if (i < n && parts[i]->number == number) {
			i++;
			continue;
		}
		len += (size_t)snprintf(text + len, COMPARE_TEXT - len, "%s %" PRIu32, named ? "," : "", number);
		named++;
	}
	snprintf(text + len, COMPARE_TEXT - len, "%s of %" PRIu32 " %s missing", missing > named ? " and others" : "",
		parts[0]->of, missing > 1 ? "are" : "is");
	return false;
}

bool compare_shards(const struct part *const *parts, size_t n, char text[COMPARE_TEXT])
{
	for (size_t i = 0; i < n; i++)
		if (parts[i]->number > parts[i]->of) {
			snprintf(text, COMPARE_TEXT, "%.120s is shard %" PRIu32 " of %" PRIu32, parts[i]->name,
				parts[i]->number, parts[i]->of);
			return false;
		}
	for (size_t i = 1; i < n; i++)
		if (!fit(parts[i - 1], parts[i], text))
			return false;
	return are_all(parts, n, text);
}

bool compare_ends(const struct part *a, const struct part *b, char text[COMPARE_TEXT])
{
	if (a->capture && b->capture && !compare(a, b, a->capture, b->capture, own_of_capture, "capture:", text))
		return false;
	return compare(a, b, a->summary, b->summary, own_of_summary, "summary:", text);
}
