/* JSON that others wrote, as objects of json-c (RFC 8259, and no name twice in an object, RFC 7493). json-c's own
 * parser (0.16) cannot be asked: it does not look at what its allocations bring, so without memory it leaves values
 * out, cuts strings short or crashes. Here every value is there, or it is told that one is not. */
#ifndef JOIN_PARSE_H
#define JOIN_PARSE_H

#include <stddef.h>

#include <json-c/json.h>

enum {
	PARSE_DEPTH = 16,               /* arrays and objects in each other */
	PARSE_KEY = 128,                /* bytes of a name, with its NUL */
	PARSE_VALUES = 1 << 17          /* in one: an empty object of 3 bytes takes 700 of memory */
};

enum parse_result {
	PARSE_OK,
	PARSE_CUT,                      /* good so far, but the text ends too early (a number may go on) */
	PARSE_WRONG,
	PARSE_NO_MEMORY
};

struct parse_end {
	size_t used;                    /* bytes of white space and the value, or up to what is wrong */
	const char *wrong;              /* PARSE_WRONG: what it is, constant */
};

/* The value that begins the text; what follows it is not looked at. `*o` is owned by the caller; NULL is null, and
 * stands for all that is not PARSE_OK. */
enum parse_result parse_json(const char *text, size_t len, struct json_object **o, struct parse_end *end);

#endif
