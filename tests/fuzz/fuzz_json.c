/* Records of any program of packets: every line is JSON and UTF-8, whatever the packets say; so is the document; a
 * table has the same number of columns in every line. */
#include "program.h"
#include "sink/csv.h"
#include "sink/json.h"

#include <json-c/json.h>

struct outputs {
	struct json *lines, *document;
	struct csv *csv;
};

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	struct outputs *o = ctx;

	json_event(o->lines, ev);
	json_event(o->document, ev);
	csv_event(o->csv, ev);
}

static void check_json(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();

	if (!tokener)
		return;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *object = json_tokener_parse_ex(tokener, text, (int)len);
	const char *reason = json_tokener_error_desc(json_tokener_get_error(tokener));
	FUZZ_CHECK(object, "no JSON (%s): %.*s", reason, (int)len, text);
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK((uint8_t)text[i] >= 32 || text[i] == '\n', "control byte %02x", text[i]);
	json_object_put(object);
	json_tokener_free(tokener);
}

static void check_lines(const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *line = memchr(text, '\n', (size_t)(end - text));
		FUZZ_CHECK(line, "the last line does not end");
		check_json(text, (size_t)(line - text));
		text = line + 1;
	}
}

static void check_columns(const char *text, size_t len)
{
	size_t columns = 0, n = 0;

	for (size_t i = 0; i < len; i++) {
		n += text[i] == '\t';
		if (text[i] != '\n')
			continue;
		FUZZ_CHECK(!columns || n == columns, "%zu columns, %zu in the first line", n, columns);
		columns = n;
		n = 0;
	}
}

/* Facts of a capture whose names are what the input says. */
static void set_facts(struct capture_facts *facts, struct capture_file *file, struct capture_interface *interface,
		      char *name)
{
	*file = (struct capture_file){ .name = name, .first_ts_ns = TCPSTAT_NULL, .last_ts_ns = TCPSTAT_NULL };
	*interface = (struct capture_interface){ .name = name, .description = name, .linktype = 1 };
	interface->received = interface->dropped = interface->if_dropped = TCPSTAT_NULL;
	*facts = (struct capture_facts){ .files = file,
					 .n_files = 1,
					 .interfaces = interface,
					 .n_interfaces = 1,
					 .first_ts_ns = TCPSTAT_NULL,
					 .last_ts_ns = TCPSTAT_NULL };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text[3] = { NULL }, name[65] = "";
	size_t len[3] = { 0 };
	FILE *out[3];
	struct capture_facts facts;
	struct capture_file file;
	struct capture_interface interface;
	struct tcpstat_config config;
	struct program p;
	struct tcpstat_pkt pkt;

	if (size > 700)
		size = 700;
	memcpy(name, data, size < 64 ? size : 64);
	set_facts(&facts, &file, &interface, name);
	for (int i = 0; i < 3; i++)
		if (!(out[i] = open_memstream(&text[i], &len[i])))
			abort();
	struct json_options lines = { .out = out[0], .version = "1", .filter = name, .events = ~0u };
	struct json_options document = { .out = out[1], .version = "1", .filter = name, .document = true };
	struct outputs o = { json_new(&lines), json_new(&document), csv_new(out[2], '\t') };

	program_init(&p, data, size, &config);
	config.events = ~0u;
	config.event = on_event;
	config.ctx = &o;
	struct tcpstat *t = tcpstat_new(&config);
	if (!t)
		abort();
	json_capture(o.lines, &facts);
	json_capture(o.document, &facts);
	while (program_next(&p, &pkt))
		tcpstat_packet(t, &pkt);
	tcpstat_finish(t);
	json_summary(o.lines, &facts, tcpstat_counters(t), tcpstat_totals(t), TCPSTAT_NULL);
	json_summary(o.document, &facts, tcpstat_counters(t), tcpstat_totals(t), TCPSTAT_NULL);
	FUZZ_CHECK(!json_close(o.lines) && !json_close(o.document) && !csv_close(o.csv), "output failed");
	tcpstat_free(t);
	for (int i = 0; i < 3; i++)
		fclose(out[i]);
	check_lines(text[0], len[0]);
	check_json(text[1], len[1]);
	check_columns(text[2], len[2]);
	for (int i = 0; i < 3; i++)
		free(text[i]);
	return 0;
}
