/* A record as JSON text, by two ways that write the same bytes:
 *
 * print_record straight from the table into a buffer, for what comes by the packet or by the connection: one connection
 * has over 200 values, and a json-c tree of them costs ten times as much;
 * tree_record as json-c objects, for what comes seldom and is put together with more (capture, summary, findings). */
#ifndef TCPSTAT_PRINT_H
#define TCPSTAT_PRINT_H

#include <json-c/json.h>
#include <json-c/printbuf.h>

#include <string.h>

#include "sink/record.h"

#define TREE_ADD (JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY)
#define TREE_TEXT (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* Appends `len` bytes. 0, or -1: out of memory. Most calls append a few bytes where there is room. */
static inline int print_put(struct printbuf *pb, const char *text, size_t len)
{
	if ((size_t)(pb->size - pb->bpos) <= len)
		return printbuf_memappend(pb, text, (int)len) < 0 ? -1 : 0;
	memcpy(pb->buf + pb->bpos, text, len);
	pb->bpos += (int)len;
	return 0;
}

/* How a record is printed, worked out from its table once. NULL: out of memory. */
struct print_plan;
struct print_plan *print_plan_new(const struct record *);
void print_plan_free(struct print_plan *);

/* Appends {"type":...}: `head` is the event (NULL if the record has no head), `body` what record_body() says. 0, or -1:
 * out of memory, and the buffer holds a part. */
int print_record(struct printbuf *, const struct print_plan *, const void *head, const void *body);

/* The same as a tree that belongs to the caller. `schema`: say which vocabulary it is, after the type. NULL: out of
 * memory. */
struct json_object *tree_record(const struct record *, const void *head, const void *body, bool schema);

/* Its text, borrowed until it changes. NULL: out of memory, or no `o`. json-c itself leaves out what found no memory
 * and says nothing. */
const char *tree_text(struct json_object *o, size_t *len);

/* Any bytes as a json-c string that is valid UTF-8 (see record_utf8). NULL: out of memory. */
struct json_object *tree_string(const char *bytes);

#endif
