/* --merge: the JSON of all shards of a capture becomes that of the whole, byte for byte as if it had been written at
 * once.
 *
 * Records are merged in the order in which the whole would have told them (`position`), connections get their numbers
 * in the order of first packets, counts and histograms are added up, and the findings about the whole are made of the
 * censuses. Memory: a record of each shard, 4 bytes for each connection, and the survey (survey.h). */
#ifndef JOIN_JOIN_H
#define JOIN_JOIN_H

#include <stddef.h>
#include <stdio.h>

enum join_result {
	JOIN_OK,
	JOIN_FAILED,                    /* a file cannot be read, or the shards do not belong together */
	JOIN_DAMAGED,                   /* what could be read was joined */
	JOIN_NOT_WRITTEN                /* errno tells why; EPIPE: the reader has gone */
};

/* `tell` gets a line of text for everything that is wrong; foreign text in it is as it was. */
enum join_result join_files(const char *const *names, size_t n, FILE *out, void (*tell)(void *ctx, const char *text),
	void *ctx);

#endif
