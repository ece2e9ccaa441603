/* The writers: JSON Lines, the document, CSV; and that both ways to JSON write the same bytes. */
#include "sink/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <json-c/json.h>

#include "sink/csv.h"
#include "sink/print.h"

static const struct capture_file file = { .name = "odd\xff\".pcap", .format = "pcap", .packets = 3, .bytes = 300,
	.wire_bytes = UINT32_MAX, .first_ts_ns = 1000, .last_ts_ns = 5000000 };
static const struct capture_interface interface = { .linktype = 1, .snaplen = 65535, .received = TCPSTAT_NULL,
	.dropped = 4, .if_dropped = TCPSTAT_NULL };
static const struct capture_facts facts = { .files = &file, .n_files = 1, .interfaces = &interface, .n_interfaces = 1,
	.packets = 3, .bytes = 300, .wire_bytes = UINT32_MAX, .first_ts_ns = 1000, .last_ts_ns = 5000000 };
static const struct tcpstat_counters counters = { .packets = UINT64_MAX, .tcp = 3 };

static const struct tcpstat_totals totals = { .rtt = { 3, 50, 5, 40, { [5] = 2, [40] = 1 } } };

static struct tcpstat_conn connection(void)
{
	struct tcpstat_conn c = { .number = 7, .addr = { { 4, { 10, 0, 0, 1 } }, { 4, { 10, 0, 0, 2 } } },
		.port = { 51234, 443 }, .history = "ShADadFf", .conn_state = "SF", .vlan = { 0xffff, 12 } };

	c.half[0].payload_bytes = INT64_MAX;
	c.half[0].retransmissions.ratio = NAN;
	c.half[0].rtt.p50_ns = 12345678;
	c.half[0].limits[TCPSTAT_LIMIT_HANDSHAKE] = 1;
	c.half[1].srtt_ns = TCPSTAT_NULL;
	c.half[1].payload_sha256 = "00ff";
	c.close.by = TCPSTAT_SERVER;
	c.close.state[1] = TCPSTAT_EP_TIME_WAIT;
	return c;
}

static const uint64_t frames[] = { 1, UINT64_MAX };

static struct tcpstat_event event(enum tcpstat_event_type type, const struct tcpstat_conn *c)
{
	struct tcpstat_event ev = { .type = type, .dir = TCPSTAT_S2C, .ts_ns = 1700000000123456789, .frame = 9,
		.conn = 7 };

	switch (type) {
	case TCPSTAT_EV_STATE:
		ev.state = (struct tcpstat_ev_state){ 1, TCPSTAT_EP_LISTEN, TCPSTAT_EP_SYN_RECEIVED, true, "rcv_syn" };
		break;
	case TCPSTAT_EV_DUP_ACK:
		ev.dup_ack = (struct tcpstat_ev_dup_ack){ UINT32_MAX, 2, 2, { { 1, 2 }, { 4294967290, 3 } }, true };
		break;
	case TCPSTAT_EV_FINDING:
		ev.finding = (struct tcpstat_ev_finding){ "timeout", TCPSTAT_SEVERITY_PROBLEM, "A title",
			"say \"\x1b[1m\xff\"",
			NULL, "TIMEOUTS", "a rule", frames, 2, 1500, "192.0.2.1:80", true };
		break;
	case TCPSTAT_EV_CONNECTION:
		ev.connection = c;
		break;
	default:
		break;
	}
	return ev;
}

static char *written(FILE *f)
{
	long len = ftell(f);
	char *text = calloc(1, (size_t)len + 1);

	rewind(f);
	cr_assert_eq(fread(text, 1, (size_t)len, f), (size_t)len);
	fclose(f);
	return text;
}

static struct json_object *parsed(const char *text)
{
	enum json_tokener_error error;
	struct json_object *o = json_tokener_parse_verbose(text, &error);

	cr_assert_not_null(o, "%s: %s", json_tokener_error_desc(error), text);
	return o;
}

static struct json_object *at(struct json_object *o, const char *path)
{
	struct json_object *value;

	cr_assert_eq(json_pointer_get(o, path, &value), 0, "%s", path);
	return value;
}

static char *stream(bool document, uint32_t events)
{
	struct json_options options = { .out = tmpfile(), .document = document, .events = events, .version = "1" };
	struct tcpstat_conn c = connection();
	struct json *j = json_new(&options);

	json_capture(j, &facts);
	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++) {
		struct tcpstat_event ev = event(t, &c);

		json_event(j, &ev);
	}
	json_summary(j, &facts, &counters, &totals, TCPSTAT_NULL);
	cr_assert_eq(json_close(j), 0);
	return written(options.out);
}

Test(json, both_ways_write_the_same)
{
	struct tcpstat_conn c = connection();

	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++) {
		struct tcpstat_event ev = event(t, &c);
		const struct record *r = record_of(t);
		struct printbuf *pb = printbuf_new();
		struct json_object *o;

		if (r) {
			struct print_plan *plan = print_plan_new(r);

			o = tree_record(r, &ev, record_body(&ev), false);
			cr_assert_eq(print_record(pb, plan, &ev, record_body(&ev)), 0);
			print_plan_free(plan);
			printbuf_memappend(pb, "", 1);
			cr_assert_str_eq(pb->buf, json_object_to_json_string_ext(o, TREE_TEXT));
			json_object_put(o);
		}
		printbuf_free(pb);
	}
}

Test(json, a_state_record)
{
	char *text = stream(false, TCPSTAT_MASK(TCPSTAT_EV_STATE));

	cr_assert(strstr(text, "\n{\"type\":\"state\",\"conn\":7,\"ts\":\"2023-11-14T22:13:20.123456789Z\","
		"\"ts_ns\":1700000000123456789,\"frame\":9,\"endpoint\":\"server\",\"from\":\"LISTEN\","
		"\"to\":\"SYN-RECEIVED\","
		"\"trigger\":\"rcv_syn\",\"provisional\":true}\n"), "%s", text);
	free(text);
}

Test(json, lines_from_capture_to_summary)
{
	char *text = stream(false, UINT32_MAX), *line, *rest = text, *last = NULL;
	unsigned n = 0;

	while ((line = strtok_r(rest, "\n", &rest))) {
		struct json_object *o = parsed(line);
		const char *type = json_object_get_string(at(o, "/type"));

		if (n == 0) {
			cr_assert_str_eq(type, "capture");
			cr_assert_str_eq(json_object_get_string(at(o, "/schema")), "tcpstat/1");
			cr_assert_str_eq(json_object_get_string(at(o, "/files/0/name")), "odd\\xff\".pcap");
			cr_assert_null(at(o, "/packets"));
			cr_assert_null(at(o, "/files/0/bytes"));
		} else if (n <= TCPSTAT_EV_SEGMENT) {
			cr_assert_str_eq(type, record_of(n - 1)->type);
		}
		json_object_put(o);
		last = line;
		n++;
	}
	cr_assert_eq(n, TCPSTAT_EV_SEGMENT + 2); /* what comes before it; capture and summary */
	cr_assert(strstr(last, "{\"type\":\"summary\",\"packets\":3,\"filtered\":0,\"unfit\":0,\"bytes\":4294967295,"));
	cr_assert(strstr(last, "\"drops\":{\"kernel\":4,\"interface\":null},\"records_dropped\":null,"
		"\"connections\":1,\"findings\":1"));
	cr_assert(strstr(last, "\"counters\":{\"packets\":18446744073709551615,"));
	cr_assert(strstr(last, "\"TIME-WAIT\":1"));
	free(text);
}

Test(json, values_of_a_connection)
{
	char *text = stream(false, TCPSTAT_MASK(TCPSTAT_EV_CONNECTION));
	struct json_object *o = parsed(strchr(text, '\n') + 1);

	cr_assert_str_eq(json_object_get_string(at(o, "/client/addr")), "10.0.0.1");
	cr_assert_eq(json_object_get_int64(at(o, "/c2s/payload_bytes")), INT64_MAX);
	cr_assert_null(at(o, "/c2s/retransmissions/ratio"));
	cr_assert_eq(json_object_get_int64(at(o, "/c2s/rtt_us/p50")), 12346);
	cr_assert_null(at(o, "/s2c/srtt_us"));
	cr_assert_str_eq(json_object_get_string(at(o, "/close/by")), "server");
	cr_assert_str_eq(json_object_get_string(at(o, "/close/server_state")), "TIME-WAIT");
	cr_assert_null(at(o, "/vlan"));
	cr_assert_eq(json_object_get_int(at(o, "/vlan_inner")), 12);
	cr_assert_null(at(o, "/previous"));
	cr_assert_eq(json_object_object_length(at(o, "/c2s/limits")), TCPSTAT_NLIMITS);
	json_object_put(o);
	free(text);
}

Test(json, only_what_was_asked_for)
{
	char *text = stream(false, 0);

	cr_assert(strchr(text, '\n') && !strncmp(strchr(text, '\n') + 1, "{\"type\":\"summary\"", 17));
	free(text);
}

Test(json, document)
{
	static const char *const keys[] = { "schema", "connections", "findings", "capture", "summary" };
	char *text = stream(true, 0);
	struct json_object *o = parsed(text);
	size_t n = 0;

	json_object_object_foreach(o, key, value) {
		cr_assert_str_eq(key, keys[n]);
		cr_assert_not_null(value);
		n++;
	}
	cr_assert_eq(n, 5);
	cr_assert_eq(json_object_array_length(at(o, "/connections")), 1);
	cr_assert_eq(json_object_array_length(at(o, "/findings")), 1);
	cr_assert_eq(json_object_get_uint64(at(o, "/findings/0/frames/1")), UINT64_MAX);
	cr_assert_str_eq(json_object_get_string(at(o, "/findings/0/detail")), "say \"\x1b[1m\\xff\"");
	cr_assert_eq(json_object_get_int64(at(o, "/capture/packets")), 3);
	json_object_put(o);
	free(text);
}

Test(json, a_reader_that_has_gone_ends_it_quietly)
{
	FILE *full = fopen("/dev/full", "w");
	struct json_options options = { .out = full, .events = UINT32_MAX };
	struct json *j = json_new(&options);
	struct tcpstat_event ev = event(TCPSTAT_EV_STATE, NULL);

	cr_assert_not_null(full);
	json_capture(j, &facts);
	json_flush(j);
	cr_assert_eq(json_error(j), ENOSPC);
	json_event(j, &ev);
	cr_assert_eq(json_close(j), ENOSPC);
	fclose(full);
}

static char *table(char separator)
{
	FILE *out = tmpfile();
	struct tcpstat_conn c = connection();
	struct csv *csv = csv_new(out, separator);
	struct tcpstat_event ev = event(TCPSTAT_EV_CONNECTION, &c);
	struct tcpstat_event other = event(TCPSTAT_EV_STATE, NULL);

	c.tunnel = "a,\"b\"\tc";
	csv_event(csv, &ev);
	csv_event(csv, &other);
	cr_assert_eq(csv_close(csv), 0);
	return written(out);
}

/* The value under `name`, as it stands between separators. */
static const char *cell(char *text, const char *name, char separator)
{
	static char value[64];
	char *row = strchr(text, '\n') + 1, *p = text;
	size_t len = strlen(name);

	while (strncmp(p, name, len) || (p[len] != separator && p[len] != '\n')) {
		p = strchr(p, separator);
		cr_assert(p && p < row, "no column %s", name);
		p++;
		row += strcspn(row, separator == ',' ? ",\n" : "\t\n");
		row++;
	}
	snprintf(value, sizeof value, "%.*s", (int)strcspn(row, separator == ',' ? ",\n" : "\t\n"), row);
	return value;
}

Test(csv, columns_are_named_by_path_with_the_unit_at_the_end)
{
	char *text = table('\t');

	cr_assert_str_eq(cell(text, "conn", '\t'), "7");
	cr_assert_str_eq(cell(text, "client_addr", '\t'), "10.0.0.1");
	cr_assert_str_eq(cell(text, "c2s_rtt_p50_us", '\t'), "12346");
	cr_assert_str_eq(cell(text, "c2s_rtt_count", '\t'), "0");
	cr_assert_str_eq(cell(text, "s2c_srtt_us", '\t'), "");
	cr_assert_str_eq(cell(text, "c2s_rwnd_max_bytes", '\t'), "0");
	cr_assert_str_eq(cell(text, "c2s_rwnd_zero_count", '\t'), "0");
	cr_assert_str_eq(cell(text, "c2s_limits_handshake_ratio", '\t'), "1.0");
	cr_assert_str_eq(cell(text, "c2s_retransmissions_by_cause_go_back_n", '\t'), "0");
	cr_assert_str_eq(cell(text, "close_server_state", '\t'), "TIME-WAIT");
	cr_assert_str_eq(cell(text, "tunnel", '\t'), "a,\"b\"\\tc");
	cr_assert_str_eq(cell(text, "s2c_payload_sha256", '\t'), "00ff");
	free(text);
}

Test(csv, quoted_as_rfc_4180_says)
{
	char *text = table(',');

	cr_assert(strstr(text, ",\"a,\"\"b\"\"\tc\","));
	cr_assert(!strncmp(text, "conn,ts,ts_ns,frame,client_addr,client_port,", 44));
	free(text);
}

Test(csv, every_column_once_and_every_line_as_wide)
{
	char *text = table('\t'), *lines[2], *rest = text, *name;
	size_t n[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		lines[i] = strsep(&rest, "\n");
		for (char *p = lines[i]; p; p = strchr(p, '\t') ? strchr(p, '\t') + 1 : NULL)
			n[i]++;
	}
	cr_assert_eq(n[0], n[1]);
	cr_assert_gt(n[0], 200);
	while ((name = strsep(&lines[0], "\t")))
		for (char *p = lines[0]; p; p = strchr(p, '\t') ? strchr(p, '\t') + 1 : NULL)
			cr_assert(strncmp(p, name, strlen(name)) || (p[strlen(name)] != '\t' && p[strlen(name)]),
				"%s twice", name);
	free(text);
}
