/* The JSON of one shard, record by record: a stream (--jsonl) or a document (--json), as it is or compressed.
 *
 *     rc = part_open(p, name, tell, ctx);              up to the first of its records
 *     while ((rc = part_next(p, JSON_CONNECTIONS)) == PART_ITEM)
 *             p->item, p->type
 *     part_findings(p);                                a document: then the same with JSON_FINDINGS
 *     part_end(p);                                     p->summary, of a document p->capture
 *
 * The file is foreign: it is told what is wrong with it, by name and line, and what can be read is read. Memory: one
 * record, at most PART_RECORD_MAX bytes of text and PARSE_VALUES values. */
#ifndef JOIN_PART_H
#define JOIN_PART_H

#include <json-c/json.h>

#include "capture/source.h"
#include "sink/json.h"
#include "sink/print.h"

#define PART_RECORD_MAX SOURCE_MAX_NEED

enum { PART_END = 0, PART_ITEM = 1, PART_FAILED = -1 };

/* One line of text, which may quote what the file says: whoever shows it makes that harmless. */
typedef void part_tell(void *ctx, const char *text);

struct part {
	struct json_object *capture, *shard, *summary;  /* owned; NULL: not there */
	uint32_t number, of;            /* which shard it is */
	bool document;
	bool damaged;                   /* something in it was told */
	bool failed;                    /* it could not be opened or read on, or is none of a shard */
	struct json_object *item;       /* owned until the next call */
	const char *type;               /* borrowed from the item */
	/* below: of part.c alone */
	const char *name;
	uint64_t at, line;              /* line that is being read, from 1; of the item, or 0: the whole */
	part_tell *tell;
	void *ctx;
	struct source source;
	bool over;                      /* nothing more can be read */
	bool in_list, list_begun;       /* document: between its brackets; an item was there */
};

/* 0, or PART_FAILED; whatever comes back, part_close must be called. `name` is borrowed. */
int part_open(struct part *, const char *name, part_tell *tell, void *ctx);
/* The next record of a list (a stream has one: JSON_CONNECTIONS). PART_END: no more. */
int part_next(struct part *, enum json_list);
/* A document: its connections are through. */
void part_findings(struct part *);
/* What comes after the lists. */
void part_end(struct part *);
void part_close(struct part *);
/* Something is wrong with the item: says so. */
void part_complain(struct part *, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
