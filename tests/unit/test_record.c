/* The table of records, and the texts of its values. */
#include "sink/record.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "sink/community.h"

static const struct record_field *field(const struct record_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

static void no_key_twice(const struct record_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(t->fields[i].name, t->fields[k].name, "%s of %s", t->fields[i].name, t->name);
		cr_assert(*t->fields[i].help, "%s of %s has no text", t->fields[i].name, t->name);
		if (t->fields[i].table)
			no_key_twice(t->fields[i].table);
	}
}

Test(record, every_event_but_segment_response_and_progress_is_a_record_by_its_name)
{
	static const char *const names[] = {
#define X(constant, name) name,
		TCPSTAT_EVENTS(X)
#undef X
	};

	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++) {
		const struct record *r = record_of(t);

		if (t == TCPSTAT_EV_SEGMENT || t == TCPSTAT_EV_RESPONSE || t == TCPSTAT_EV_PROGRESS ||
		    t == TCPSTAT_EV_POSITION || t == TCPSTAT_EV_CENSUS) {
			cr_assert_null(r);
			continue;
		}
		cr_assert_not_null(r, "%s", names[t]);
		cr_assert_str_eq(r->type, names[t]);
	}
	cr_assert_null(record_of(TCPSTAT_NEVENTS));
}

Test(record, no_key_is_there_twice)
{
	for (unsigned t = 0; t < TCPSTAT_NEVENTS; t++) {
		const struct record *r = record_of(t);

		if (!r)
			continue;
		no_key_twice(r->head);
		no_key_twice(r->body);
		for (size_t i = 0; i < r->head->n; i++)
			cr_assert_null(field(r->body, r->head->fields[i].name));
		cr_assert_null(field(r->body, "type"));
	}
	no_key_twice(record_capture.body);
	no_key_twice(record_summary.body);
	no_key_twice(record_shard.body);
	no_key_twice(record_position.body);
	no_key_twice(record_census.body);
}

Test(record, the_unit_of_a_name_is_the_unit_of_its_value)
{
	const struct record_table *half = field(record_of(TCPSTAT_EV_CONNECTION)->body, "c2s")->table;

	for (size_t i = 0; i < half->n; i++) {
		const char *name = half->fields[i].name;
		size_t len = strlen(name);

		if (len > 3 && !strcmp(name + len - 3, "_us") && half->fields[i].kind != RECORD_OBJECT)
			cr_assert_eq(half->fields[i].kind, RECORD_US, "%s", name);
	}
}

Test(record, names_of_enumerators_stand_for_themselves)
{
	const struct record_table *t = record_of(TCPSTAT_EV_STATE)->body;
	struct tcpstat_event ev = { .type = TCPSTAT_EV_STATE };

	for (int s = 0; s < TCPSTAT_NSTATES; s++) {
		ev.state.to = (uint8_t)s;
		cr_assert_str_eq(record_name(field(t, "to"), &ev), tcpstat_state_name(s));
	}
	ev.state.to = TCPSTAT_NSTATES;
	cr_assert_null(record_name(field(t, "to"), &ev));
}

Test(record, unnamed_enumerators_are_null)
{
	const struct record_table *t = record_of(TCPSTAT_EV_RETRANSMISSION)->body;
	struct tcpstat_event ev = { .type = TCPSTAT_EV_RETRANSMISSION, .dir = TCPSTAT_NODIR };

	cr_assert_null(record_name(field(t, "dir"), &ev));
	cr_assert_null(record_name(field(t, "cause"), &ev));
	cr_assert_null(record_name(field(t, "lost"), &ev));
	ev.retransmission.spurious = -1;
	cr_assert_eq(record_int(field(t, "spurious"), &ev), TCPSTAT_NULL);
	for (int c = 1; c < TCPSTAT_NCAUSES; c++) {
		ev.retransmission.cause = c;
		cr_assert_str_eq(record_name(field(t, "cause"), &ev), tcpstat_cause_name(c));
	}
}

Test(record, a_map_has_a_key_for_each_enumerator)
{
	const struct record_table *half = field(record_of(TCPSTAT_EV_CONNECTION)->body, "s2c")->table;
	const struct record_field *limits = field(half, "limits");
	const struct record_field *causes = field(field(half, "retransmissions")->table, "by_cause");

	cr_assert_eq(limits->names->n, TCPSTAT_NLIMITS);
	for (size_t i = 0; i < limits->names->n; i++)
		cr_assert_str_eq(record_map_key(limits, i), tcpstat_limit_name(i));
	cr_assert_eq(causes->names->n, TCPSTAT_NCAUSES);
	cr_assert_str_eq(record_map_key(causes, 0), "unknown");
}

Test(record, nanoseconds_are_rounded_to_microseconds)
{
	const struct record_field *f = field(record_of(TCPSTAT_EV_RTT)->body, "sample_us");
	static const int64_t pairs[][2] = { { 0, 0 }, { 499, 0 }, { 500, 1 }, { 1499, 1 }, { -499, 0 }, { -500, -1 },
		{ INT64_MAX, INT64_MAX / 1000 + 1 }, { INT64_MIN + 1, INT64_MIN / 1000 - 1 },
		{ TCPSTAT_NULL, TCPSTAT_NULL } };

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct tcpstat_event ev = { .type = TCPSTAT_EV_RTT, .rtt.sample_ns = pairs[i][0] };

		cr_assert_eq(record_int(f, &ev), pairs[i][1], "%lld", (long long)pairs[i][0]);
	}
}

Test(record, integers_are_exact)
{
	char text[RECORD_NUMBER_SIZE];

	record_int_text(INT64_MAX, text);
	cr_assert_str_eq(text, "9223372036854775807");
	record_int_text(INT64_MIN, text);
	cr_assert_str_eq(text, "-9223372036854775808");
	record_uint_text(UINT64_MAX, text);
	cr_assert_str_eq(text, "18446744073709551615");
	cr_assert_eq(record_int_text(0, text), 1);
	cr_assert_str_eq(text, "0");
}

Test(record, integers_of_every_length)
{
	char text[RECORD_NUMBER_SIZE], expected[RECORD_NUMBER_SIZE];
	uint64_t power = 1;

	for (unsigned digits = 1; digits <= 20; digits++, power *= 10)
		for (uint64_t value = power - 1; value <= power + 1; value++) {
			snprintf(expected, sizeof expected, "%" PRIu64, value);
			cr_assert_eq(record_uint_text(value, text), strlen(expected));
			cr_assert_str_eq(text, expected);
		}
}

Test(record, microseconds_are_the_nearest)
{
	static const struct { int64_t ns, us; } cases[] = { { 0, 0 }, { 499, 0 }, { 500, 1 }, { 1499, 1 }, { -499, 0 },
		{ -500, -1 }, { -1501, -2 }, { INT64_MAX, INT64_MAX / 1000 + 1 }, { INT64_MIN, INT64_MIN / 1000 - 1 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_assert_eq(record_us(cases[i].ns), cases[i].us);
}

Test(record, ratios_have_a_point_and_no_exponent)
{
	static const struct { double value; const char *text; } cases[] = {
		{ 0, "0.0" }, { 1, "1.0" }, { 0.5, "0.5" }, { 1 / 3.0, "0.333333" }, { 1e-9, "0.0" }, { -1e-9, "0.0" },
		{ -0.25, "-0.25" }, { 123456.000001, "123456.000001" }, { 1e300, "1000000000000.0" } };
	char text[RECORD_NUMBER_SIZE];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_eq(record_ratio_text(cases[i].value, text), strlen(cases[i].text));
		cr_assert_str_eq(text, cases[i].text);
	}
	cr_assert_eq(record_ratio_text(NAN, text), 0);
	cr_assert_eq(record_ratio_text(INFINITY, text), 0);
}

Test(record, times_are_rfc_3339)
{
	static const struct { int64_t ns; const char *text; } cases[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 951782400000000001, "2000-02-29T00:00:00.000000001Z" },
		{ 1700000000123456789, "2023-11-14T22:13:20.123456789Z" },
		{ 4107542400000000000, "2100-03-01T00:00:00.000000000Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" } };
	char text[RECORD_TIME_SIZE];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_eq(record_time_text(cases[i].ns, text), strlen(cases[i].text));
		cr_assert_str_eq(text, cases[i].text);
	}
	cr_assert_eq(record_time_text(-1, text), 0);
	cr_assert_eq(record_time_text(TCPSTAT_NULL, text), 0);
}

Test(record, addresses_are_written_as_rfc_5952_says)
{
	static const struct { uint8_t bytes[16]; const char *text; } v6[] = {
		{ { 0 }, "::" },
		{ { [15] = 1 }, "::1" },
		{ { 0x20, 1, 0x0d, 0xb8, [15] = 1 }, "2001:db8::1" },
		{ { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 }, "2001:db8:0:1:1:1:1:1" },
		{ { 0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 }, "2001:0:0:1::1" },
		{ { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 }, "2001:db8::1:0:0:1" },
		{ { 0xfe, 0x80 }, "fe80::" } };
	struct tcpstat_addr a = { .family = 4, .bytes = { 192, 0, 2, 255 } };
	char text[RECORD_ADDR_SIZE];

	record_addr_text(&a, text);
	cr_assert_str_eq(text, "192.0.2.255");
	a.family = 6;
	for (size_t i = 0; i < sizeof v6 / sizeof *v6; i++) {
		memcpy(a.bytes, v6[i].bytes, 16);
		record_addr_text(&a, text);
		cr_assert_str_eq(text, v6[i].text);
	}
	memset(a.bytes, 0xff, 16);
	cr_assert_eq(record_addr_text(&a, text), 39);
	a.family = 0;
	cr_assert_eq(record_addr_text(&a, text), 0);
}

Test(record, foreign_bytes_become_utf8)
{
	static const struct { const char *bytes, *text; } cases[] = {
		{ "plain", "plain" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc3", "\\xc3" },                            /* cut */
		{ "\xe2\x82", "\\xe2\\x82" },
		{ "\xc0\x80", "\\xc0\\x80" },                   /* overlong */
		{ "\xe0\x80\x80", "\\xe0\\x80\\x80" },
		{ "\xf0\x80\x80\x80", "\\xf0\\x80\\x80\\x80" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
		{ "\xc2\x9b" "31m\x7f", "\\xc2\\x9b" "31m\\x7f" } };
	char text[64];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_eq(record_utf8(cases[i].bytes, text, sizeof text), strlen(cases[i].text));
		cr_assert_str_eq(text, cases[i].text);
	}
	cr_assert_eq(record_utf8("\xe2\x82\xac\xe2\x82\xac", text, 6), 3);      /* no half of a character */
	cr_assert_eq(record_utf8("a\xff", text, 5), 1);
	cr_assert_eq(record_utf8("abc", text, 1), 0);
}

Test(record, list_of_events)
{
	const char *bad;
	size_t len;
	uint32_t mask;

	cr_assert_eq(record_parse_events("none", &mask, &bad, &len), 0);
	cr_assert_eq(mask, 0);
	cr_assert_eq(record_parse_events("all", &mask, &bad, &len), 0);
	cr_assert_eq(mask, TCPSTAT_MASK(TCPSTAT_EV_SEGMENT) - 1);
	cr_assert_eq(record_parse_events("rtt,dup_ack", &mask, &bad, &len), 0);
	cr_assert_eq(mask, TCPSTAT_MASK(TCPSTAT_EV_RTT) | TCPSTAT_MASK(TCPSTAT_EV_DUP_ACK));
	cr_assert_eq(record_parse_events("rtt,dup", &mask, &bad, &len), -1);
	cr_assert_eq(len, 3);
	cr_assert_str_eq(bad, "dup");
	cr_assert_eq(record_parse_events("segment", &mask, &bad, &len), -1);
	cr_assert_eq(record_parse_events("", &mask, &bad, &len), -1);
	cr_assert_eq(record_parse_events("rtt,", &mask, &bad, &len), -1);
	cr_assert_eq(record_parse_events("rtt,none", &mask, &bad, &len), -1);
}

/* Vectors of the specification's baseline. */
Test(record, community_id)
{
	struct tcpstat_addr v4[2] = { { 4, { 128, 232, 110, 120 } }, { 4, { 66, 35, 250, 204 } } };
	struct tcpstat_addr v6[2] = {
		{ 6, { 0x20, 0x01, 0x04, 0x70, 0xe5, 0xbf, 0xde, 0xad, 0x49, 0x57, 0x21, 0x74, 0xe8, 0x2c,
			0x48, 0x87 } },
		{ 6, { 0x26, 0x07, 0xf8, 0xb0, 0x40, 0x0c, 0x0c, 0x03, 0, 0, 0, 0, 0, 0, 0, 0x1a } } };
	struct tcpstat_addr back[2] = { v4[1], v4[0] }, mixed[2] = { v4[0], v6[0] };
	const uint16_t port[2] = { 34855, 80 }, swapped[2] = { 80, 34855 }, smtp[2] = { 63943, 25 };
	char text[COMMUNITY_SIZE];

	cr_assert_eq(community_id(0, v4, port, text), 30);
	cr_assert_str_eq(text, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	community_id(0, back, swapped, text);
	cr_assert_str_eq(text, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	community_id(1, v4, port, text);
	cr_assert_str_eq(text, "1:3V71V58M3Ksw/yuFALMcW0LAHvc=");
	community_id(0, v6, smtp, text);
	cr_assert_str_eq(text, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
	cr_assert_eq(community_id(0, mixed, port, text), 0);
}
