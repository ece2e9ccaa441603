/* record-doc schema           the JSON Schema of every record
 * record-doc man PAGE         the manual page with its tables of fields made anew
 *
 * Both are made from the table of records; `make records` puts them into the source tree, and a test compares. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "sink/record.h"

/* --- JSON Schema ------------------------------------------------------------------------------------------------- */

static struct json_object *str(const char *text)
{
	return json_object_new_string(text);
}

static struct json_object *obj(void)
{
	return json_object_new_object();
}

static void add(struct json_object *o, const char *key, struct json_object *value)
{
	if (json_object_object_add_ex(o, key, value, JSON_C_OBJECT_ADD_KEY_IS_NEW))
		abort();
}

static void add_type(struct json_object *o, const char *type, bool nullable)
{
	struct json_object *types = json_object_new_array();

	if (!nullable) {
		json_object_put(types);
		add(o, "type", str(type));
		return;
	}
	json_object_array_add(types, str(type));
	json_object_array_add(types, str("null"));
	add(o, "type", types);
}

/* To the definition of a table, or (prefix "record_") of a record. */
static void add_ref(struct json_object *o, const char *prefix, const char *name)
{
	char ref[120];

	snprintf(ref, sizeof ref, "#/$defs/%s%s", prefix, name);
	add(o, "$ref", str(ref));
}

static void add_enum(struct json_object *o, const struct record_field *f)
{
	struct json_object *names = json_object_new_array();

	for (size_t i = 0; i < f->names->n; i++)
		if (f->names->names[i])
			json_object_array_add(names, str(f->names->names[i]));
	if (record_nullable(f))
		json_object_array_add(names, NULL);
	add(o, "enum", names);
}

static struct json_object *number(enum record_kind kind, enum record_storage storage)
{
	struct json_object *o = obj();

	add_type(o, kind == RECORD_RATIO ? "number" : "integer", storage == RECORD_I64 || kind == RECORD_RATIO);
	return o;
}

static void add_map(struct json_object *o, const struct record_field *f)
{
	struct json_object *properties = obj(), *required = json_object_new_array();

	for (size_t i = 0; i < f->names->n; i++) {
		add(properties, record_map_key(f, i), number(f->kind == RECORD_MAP && f->storage == RECORD_F64 ?
				RECORD_RATIO : RECORD_INT, f->storage));
		json_object_array_add(required, str(record_map_key(f, i)));
	}
	add(o, "type", str("object"));
	add(o, "properties", properties);
	add(o, "required", required);
	add(o, "additionalProperties", json_object_new_boolean(false));
}

static void add_array(struct json_object *o, struct json_object *items)
{
	add(o, "type", str("array"));
	add(o, "items", items);
}

static struct json_object *pair(enum record_storage storage)
{
	struct json_object *o = obj();

	add_array(o, number(RECORD_INT, storage));
	add(o, "minItems", json_object_new_int(2));
	add(o, "maxItems", json_object_new_int(2));
	return o;
}

static struct json_object *field_schema(const struct record_field *f)
{
	struct json_object *o = obj(), *items;
	bool nullable = record_nullable(f);

	add(o, "description", str(f->help));
	switch (f->kind) {
	case RECORD_INT: case RECORD_US: case RECORD_NUMBER: case RECORD_VLAN:
		add_type(o, "integer", nullable);
		if (f->storage != RECORD_I64 && f->storage != RECORD_I8 && f->storage != RECORD_I32)
			add(o, "minimum", json_object_new_int(f->kind == RECORD_NUMBER));
		break;
	case RECORD_BOOL: add_type(o, "boolean", nullable); break;
	case RECORD_RATIO: add_type(o, "number", nullable); break;
	case RECORD_TIME:
		add_type(o, "string", nullable);
		add(o, "format", str("date-time"));
		add(o, "pattern", str("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{9}Z$"));
		break;
	case RECORD_COMMUNITY:
		add_type(o, "string", nullable);
		add(o, "pattern", str("^1:[A-Za-z0-9+/]{27}=$"));
		break;
	case RECORD_STR: case RECORD_CHARS: case RECORD_ADDR: add_type(o, "string", nullable); break;
	case RECORD_NAME: add_enum(o, f); break;
	case RECORD_OBJECT: add_ref(o, "", f->table->name); break;
	case RECORD_MAP: add_map(o, f); break;
	case RECORD_ARRAY:
		items = obj();
		add_ref(items, "", f->table->name);
		add_array(o, items);
		break;
	case RECORD_SACK:
		add_array(o, pair(RECORD_U32));
		add(o, "maxItems", json_object_new_int(4));
		break;
	case RECORD_BUCKETS: add_array(o, pair(RECORD_U64)); break;
	case RECORD_PACKETS: case RECORD_FRAMES: case RECORD_DELAYS:
		add_array(o, number(RECORD_INT, RECORD_U64));
		break;
	}
	return o;
}

static void add_fields(struct json_object *properties, struct json_object *required, const struct record_table *t)
{
	for (size_t i = 0; t && i < t->n; i++) {
		add(properties, t->fields[i].name, field_schema(&t->fields[i]));
		json_object_array_add(required, str(t->fields[i].name));
	}
}

static struct json_object *close_schema(const char *help, struct json_object *properties, struct json_object *required)
{
	struct json_object *o = obj();

	add(o, "description", str(help));
	add(o, "type", str("object"));
	add(o, "properties", properties);
	add(o, "required", required);
	add(o, "additionalProperties", json_object_new_boolean(false));
	return o;
}

/* A table, and before it those that it refers to. */
static void add_table(struct json_object *defs, const struct record_table *t)
{
	struct json_object *properties, *required;

	for (size_t i = 0; i < t->n; i++)
		if (t->fields[i].table && !json_object_object_get_ex(defs, t->fields[i].table->name, NULL))
			add_table(defs, t->fields[i].table);
	properties = obj();
	required = json_object_new_array();
	add_fields(properties, required, t);
	add(defs, t->name, close_schema(t->help, properties, required));
}

static struct json_object *constant(const char *text)
{
	struct json_object *o = obj();

	add(o, "const", str(text));
	return o;
}

static void add_record(struct json_object *defs, const struct record *r)
{
	struct json_object *properties = obj(), *required = json_object_new_array();
	char name[80];

	for (size_t i = 0; i < r->body->n; i++)
		if (r->body->fields[i].table && !json_object_object_get_ex(defs, r->body->fields[i].table->name, NULL))
			add_table(defs, r->body->fields[i].table);
	add(properties, "type", constant(r->type));
	json_object_array_add(required, str("type"));
	if (r == &record_capture)       /* in the first line of a stream, not in a document */
		add(properties, "schema", constant(RECORD_SCHEMA));
	add_fields(properties, required, r->head);
	add_fields(properties, required, r->body);
	snprintf(name, sizeof name, "record_%s", r->type);
	add(defs, name, close_schema(r->help, properties, required));
}

static struct json_object *ref_to(const char *prefix, const char *name)
{
	struct json_object *o = obj();

	add_ref(o, prefix, name);
	return o;
}

/* The items of a list of a document; in that of a shard more stands between them. */
static struct json_object *items(bool of_shard, bool connections)
{
	struct json_object *o = obj(), *any;
	const char *own = connections ? "connection" : "finding";

	if (!of_shard) {
		json_object_put(o);
		return ref_to("record_", own);
	}
	any = json_object_new_array();
	json_object_array_add(any, ref_to("record_", own));
	json_object_array_add(any, ref_to("record_", record_position.type));
	if (connections)
		json_object_array_add(any, ref_to("record_", record_census.type));
	add(o, "oneOf", any);
	return o;
}

static struct json_object *document(bool of_shard)
{
	static const char *const keys[] = { "schema", "connections", "findings", "capture", "summary" };
	struct json_object *properties = obj(), *required = json_object_new_array();

	add(properties, keys[0], constant(RECORD_SCHEMA));
	if (of_shard) {
		add(properties, "shard", ref_to("record_", record_shard.type));
		json_object_array_add(required, str("shard"));
	}
	for (int i = 0; i < 2; i++) {
		struct json_object *list = obj();

		add_array(list, items(of_shard, !i));
		add(properties, keys[1 + i], list);
	}
	add(properties, keys[3], ref_to("record_", keys[3]));
	add(properties, keys[4], ref_to("record_", keys[4]));
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		json_object_array_add(required, str(keys[i]));
	return close_schema(of_shard ? "what --json --shard writes" : "what --json writes", properties, required);
}

static const struct record *const of_shards[] = { &record_shard, &record_position, &record_census };

static int print_schema(void)
{
	struct json_object *o = obj(), *any = json_object_new_array(), *defs = obj();
	int failed;

	add(o, "$schema", str("https://json-schema.org/draft/2020-12/schema"));
	add(o, "$id", str("urn:tcpstat:schema:1"));
	add(o, "title", str(RECORD_SCHEMA));
	add(o, "description",
		str("A line of tcpstat --jsonl, or the document of tcpstat --json; see tcpstat-json(5)."));
	add_record(defs, &record_capture);
	json_object_array_add(any, ref_to("", "document"));
	json_object_array_add(any, ref_to("", "shard_document"));
	json_object_array_add(any, ref_to("record_", "capture"));
	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++)
		if (record_of(t)) {
			add_record(defs, record_of(t));
			json_object_array_add(any, ref_to("record_", record_of(t)->type));
		}
	add_record(defs, &record_notice);
	json_object_array_add(any, ref_to("record_", "notice"));
	add_record(defs, &record_summary);
	json_object_array_add(any, ref_to("record_", "summary"));
	for (size_t i = 0; i < sizeof of_shards / sizeof *of_shards; i++) {
		add_record(defs, of_shards[i]);
		json_object_array_add(any, ref_to("record_", of_shards[i]->type));
	}
	add(defs, "document", document(false));
	add(defs, "shard_document", document(true));
	add(o, "oneOf", any);
	add(o, "$defs", defs);
	failed = puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			JSON_C_TO_STRING_NOSLASHESCAPE)) == EOF;
	json_object_put(o);
	return failed;
}

/* --- manual page ------------------------------------------------------------------------------------------------- */

static const char *type_text(const struct record_field *f)
{
	switch (f->kind) {
	case RECORD_INT: case RECORD_US: case RECORD_NUMBER: case RECORD_VLAN: return "integer";
	case RECORD_BOOL: return "boolean";
	case RECORD_RATIO: return "number";
	case RECORD_FRAMES: case RECORD_DELAYS: case RECORD_PACKETS: return "list of integers";
	case RECORD_BUCKETS: return "list of pairs of integers";
	case RECORD_SACK: return "list of pairs of integers";
	case RECORD_ARRAY: return "list of objects";
	case RECORD_MAP: case RECORD_OBJECT: return "object";
	default: return "string";
	}
}

/* Words of `text`, the first after `at` columns, wrapped; returns the column it ends in. */
static int print_wrapped(const char *text, int at)
{
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (at && at + 1 + len > 78)
			at = putchar('\n') == EOF ? -1 : 0;
		at += printf("%s%.*s", at ? " " : "", len, text);
		text += len;
		text += strspn(text, " ");
	}
	return at;
}

static void print_names(const struct record_field *f)
{
	const char *sep = "";

	for (size_t i = 0; i < f->names->n; i++) {
		if (!f->names->names[i] && f->kind != RECORD_MAP)
			continue;
		printf("%s.Ql %s", sep, record_map_key(f, i));
		sep = " ,\n";
	}
	printf("\n");
}

/* Tables that several fields share have a section of their own. */
static bool is_shared(const struct record_table *t)
{
	static const char *const shared[] = { "half", "dist", "options", "file", "interface", "counters",
		"distribution", "census_half" };

	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
		if (!strcmp(t->name, shared[i]))
			return true;
	return false;
}

static void print_fields(const struct record_table *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct record_field *f = &t->fields[i];
		char inner[160];

		snprintf(inner, sizeof inner, "%s%s.", path, f->name);
		if (f->kind == RECORD_OBJECT && !is_shared(f->table)) {
			print_fields(f->table, inner);
			continue;
		}
		printf(".It Va %s%s Pq %s%s\n", path, f->name, type_text(f), record_nullable(f) ? " or null" : "");
		print_wrapped(f->help, 0);
		if (f->table)
			printf("; see\n.Sx Fields of %s\n", f->table->name);
		else if (f->names && f->kind == RECORD_MAP)
			printf(".\nKeys:\n");
		else if (f->names)
			printf(".\nOne of\n");
		else
			printf("\n");
		if (f->names)
			print_names(f);
	}
}

static const struct record_table *shared_table(const struct record_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct record_table *inner = t->fields[i].table, *found;

		if (inner && !strcmp(inner->name, name))
			return inner;
		if (inner && (found = shared_table(inner, name)))
			return found;
	}
	return NULL;
}

static const struct record_table *table_named(const char *name)
{
	const struct record_table *t;

	if (!strcmp(name, "head"))
		return record_of(TCPSTAT_EV_STATE)->head;
	if (!strcmp(name, record_capture.type))
		return record_capture.body;
	if (!strcmp(name, record_notice.type))
		return record_notice.body;
	if (!strcmp(name, record_summary.type))
		return record_summary.body;
	for (size_t i = 0; i < sizeof of_shards / sizeof *of_shards; i++)
		if (!strcmp(name, of_shards[i]->type))
			return of_shards[i]->body;
	for (unsigned type = 0; type < TCPSTAT_NEVENTS; type++)
		if (record_of(type) && !strcmp(record_of(type)->type, name))
			return record_of(type)->body;
	t = shared_table(record_of(TCPSTAT_EV_CONNECTION)->body, name);
	if (!t)
		t = shared_table(record_capture.body, name);
	if (!t)
		t = shared_table(record_census.body, name);
	return t ? t : shared_table(record_summary.body, name);
}

/* What stands between .\" begin NAME and .\" end is made anew. */
static int print_man(const char *file)
{
	static const char begin[] = ".\\\" begin ", end[] = ".\\\" end";
	FILE *in = fopen(file, "r");
	char line[1024], name[80];
	bool skip = false;

	if (!in) {
		perror(file);
		return 1;
	}
	while (fgets(line, sizeof line, in)) {
		if (!strncmp(line, end, sizeof end - 1))
			skip = false;
		if (!skip)
			fputs(line, stdout);
		if (!strncmp(line, begin, sizeof begin - 1) && sscanf(line + sizeof begin - 1, "%79s", name) == 1) {
			const struct record_table *t = table_named(name);

			if (!t) {
				fprintf(stderr, "%s: no table %s\n", file, name);
				fclose(in);
				return 1;
			}
			printf(".Bl -tag -width Ds -compact\n");
			print_fields(t, "");
			printf(".El\n");
			skip = true;
		}
	}
	fclose(in);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "schema"))
		return print_schema();
	if (argc == 3 && !strcmp(argv[1], "man"))
		return print_man(argv[2]);
	fprintf(stderr, "usage: record-doc schema | man PAGE\n");
	return 2;
}
