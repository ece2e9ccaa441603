#include "join/parse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json_object *good(const char *text)
{
	struct json_object *o;
	struct parse_end end;

	cr_assert_eq(parse_json(text, strlen(text), &o, &end), PARSE_OK, "%s: %s", text, end.wrong);
	cr_assert_null(end.wrong);
	return o;
}

/* What is read of `text`, written again. */
static void same(const char *text, const char *written)
{
	struct json_object *o = good(text);

	cr_assert_str_eq(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		written);
	json_object_put(o);
}

static void bad(const char *text, size_t len, const char *wrong, size_t at)
{
	struct json_object *o;
	struct parse_end end;

	cr_assert_eq(parse_json(text, len, &o, &end), PARSE_WRONG, "%s", text);
	cr_assert_null(o);
	cr_assert_str_eq(end.wrong, wrong, "%s: %s", text, end.wrong);
	cr_assert_eq(end.used, at, "%s: at %zu", text, end.used);
}

static void bad_text(const char *text, const char *wrong, size_t at)
{
	bad(text, strlen(text), wrong, at);
}

static const char everything[] = " { \"a\" : [ 1 , -2.50 , 1e3 , true , false , null , [ ] , { } ] ,\r\n\t"
	"\"b\\u0041\" : \"x\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\u0000 "
	"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\" } ";

Test(parse, every_kind_of_value)
{
	same(everything, "{\"a\":[1,-2.50,1e3,true,false,null,[],{}],"
		"\"bA\":\"x\\\"\\\\/\\b\\f\\n\\r\\t\xc3\xa9\xf0\x9f\x98\x80\\u0000 "
		"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"}");
	same("[0,-0,9223372036854775807,-9223372036854775808,18446744073709551615]",
		"[0,0,9223372036854775807,-9223372036854775808,18446744073709551615]");
	same("{\"a\":0.1000,\"b\":1E-7,\"c\":1.5e+300}", "{\"a\":0.1000,\"b\":1E-7,\"c\":1.5e+300}");
	same("\"\"", "\"\"");
}

Test(parse, ends_with_the_value)
{
	struct json_object *o;
	struct parse_end end;

	cr_assert_eq(parse_json(" [1] ,2", 7, &o, &end), PARSE_OK);
	cr_assert_eq(end.used, 4);
	json_object_put(o);
	cr_assert_eq(parse_json("null}", 5, &o, &end), PARSE_OK);
	cr_assert_null(o);
	cr_assert_eq(end.used, 4);
	cr_assert_eq(parse_json("17}", 3, &o, &end), PARSE_OK);
	cr_assert_eq(json_object_get_int64(o), 17);
	json_object_put(o);
}

/* However much of a value is there, it may go on. The bytes stand at the end of what may be read. */
Test(parse, cut_anywhere)
{
	struct json_object *o;
	struct parse_end end;

	for (size_t len = 0; len < sizeof everything - 2; len++) {
		char *text = malloc(len ? len : 1);

		memcpy(text, everything, len);
		cr_assert_eq(parse_json(text, len, &o, &end), PARSE_CUT, "%zu bytes: %s", len, end.wrong);
		cr_assert_null(o);
		cr_assert_leq(end.used, len);
		free(text);
	}
	cr_assert_eq(parse_json("17", 2, &o, &end), PARSE_CUT);
	cr_assert_eq(parse_json("nul", 3, &o, &end), PARSE_CUT);
}

Test(parse, what_is_wrong)
{
	bad_text("[1,]", "a value that is none", 3);
	bad_text("[1 2]", "neither comma nor end after a value", 3);
	bad_text("[01]", "a number that is none", 1);
	bad_text("[-]", "a number that is none", 1);
	bad_text("[1.]", "a number that is none", 1);
	bad_text("[1e+]", "a number that is none", 1);
	bad_text("[+1]", "a value that is none", 1);
	bad_text("[18446744073709551616]", "a number out of range", 21);
	bad_text("[-9223372036854775809]", "a number out of range", 21);
	bad_text("[1.0000000000000000000000000000000000000000000000000000000000000001]",
		"a number that is too long", 1);
	bad_text("[nulL]", "a value that is none", 1);
	bad_text("[True]", "a value that is none", 1);
	bad_text("{a:1}", "no name where one must be", 1);
	bad_text("{\"a\":1,}", "no name where one must be", 7);
	bad_text("{\"a\" 1}", "no colon after a name", 5);
	bad_text("{\"a\":1 \"b\":2}", "neither comma nor end after a value", 7);
	bad_text("['a']", "a value that is none", 1);
	bad_text("[/* */1]", "a value that is none", 1);
	bad_text("}", "a value that is none", 0);
}

Test(parse, strings_that_are_wrong)
{
	bad_text("[\"\n\"]", "a control character in a string", 2);
	bad("[\"\0\"]", 5, "a control character in a string", 2);
	bad_text("[\"\\x\"]", "an escape that is none", 2);
	bad_text("[\"\\u12g4\"]", "an escape that is none", 2);
	bad_text("[\"\\ud83dxxxxxx\"]", "half a character", 2);
	bad_text("[\"\\ud83d\\u0041\"]", "half a character", 2);
	bad_text("[\"\\ude00\"]", "half a character", 2);
	bad_text("[\"\xff    \"]", "no UTF-8", 2);
	bad_text("[\"\xc0\x80  \"]", "no UTF-8", 2);
	bad_text("[\"\xed\xa0\x80 \"]", "no UTF-8", 2);
	bad_text("{\"a\\u0000b\":1}", "a zero byte in a name", 11);
}

Test(parse, a_name_stands_once)
{
	bad_text("{\"a\":1,\"b\":2,\"a\":1}", "a name that is there twice", 17);
	bad_text("{\"a\":null,\"\\u0061\":null}", "a name that is there twice", 19);
	same("{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]}}}", "{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]}}}");
}

static char *nested(unsigned depth)
{
	char *text = calloc(1, 2 * depth + 1);

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return text;
}

Test(parse, nesting_is_bounded)
{
	char *most = nested(PARSE_DEPTH), *more = nested(PARSE_DEPTH + 1);

	same(most, most);
	bad_text(more, "nesting too deep", PARSE_DEPTH);
	free(most);
	free(more);
}

Test(parse, values_and_names_are_bounded)
{
	enum { ROOM = 3 * PARSE_VALUES + 1 };
	char *text = malloc(ROOM), name[PARSE_KEY + 8];

	memset(text, '0', ROOM);
	for (size_t i = 0; i < ROOM; i += 2)
		text[i] = ',';
	text[0] = '[';
	text[2 * (PARSE_VALUES - 1)] = ']';     /* the array is a value, too */
	struct json_object *o;
	struct parse_end end;
	cr_assert_eq(parse_json(text, ROOM, &o, &end), PARSE_OK, "%s", end.wrong);
	cr_assert_eq(json_object_array_length(o), PARSE_VALUES - 1);
	json_object_put(o);
	text[2 * (PARSE_VALUES - 1)] = ',';
	bad(text, ROOM, "too many values", 2 * (PARSE_VALUES - 1) + 1);
	free(text);

	snprintf(name, sizeof name, "{\"%0*d\":1}", PARSE_KEY - 1, 0);
	json_object_put(good(name));
	snprintf(name, sizeof name, "{\"%0*d\":1}", PARSE_KEY, 0);
	bad_text(name, "a name that is too long", PARSE_KEY + 3);
}
