/* Files of one directory that grow by whole buffers, in the background where a helper lends its thread, else at once.
 *
 *     struct spool_file *f = spool_open("7.c2s.part");             nothing is on the disk yet
 *     uint8_t *buffer = spool_buffer(spool, SPOOL_BUFFER);
 *     spool_append(spool, f, buffer, SPOOL_BUFFER, n);
 *     spool_close(spool, f, buffer, SPOOL_BUFFER, n, ending);      its last bytes, its name and its line in the index
 *     spool_wait(spool);                                           now all that stands on the disk
 *
 * What is on its way is bounded: whoever is faster than the disk waits, and while much is on its way stores whole files
 * itself. Open files are bounded, too; the least recently used is closed. The first failure ends all writing. */
#ifndef TCPSTAT_SPOOL_H
#define TCPSTAT_SPOOL_H

#include <stdio.h>

#include "core/tcpstat.h"

enum {
	SPOOL_SMALLEST = 1024,          /* bytes of a buffer; each size up to the largest is twice the one before */
	SPOOL_BUFFER = 64 * 1024,
	SPOOL_WAITING = 128 * SPOOL_BUFFER, /* bytes on their way at most, and buffers kept to be used again */
	SPOOL_PART_SIZE = 24
};

/* How a file ends, made with malloc. */
struct spool_ending {
	char name[160];
	size_t len;
	char line[];                    /* of the index, `len` bytes */
};

struct spool;
struct spool_file;

/* `dir` for messages; all borrowed. `helper`: for this alone, or NULL. NULL: no memory. */
struct spool *spool_new(const char *dir, int dir_fd, FILE *index, const struct tcpstat_helper *helper);
/* When all its files are closed or dropped. */
void spool_free(struct spool *);
/* `part`: what it is called until it is closed, if it is written before. Ends with spool_close or spool_drop. NULL: out
 * of memory. */
struct spool_file *spool_open(const char part[SPOOL_PART_SIZE]);
/* Of one of the sizes; NULL: out of memory. */
uint8_t *spool_buffer(struct spool *, size_t size);
/* Gives it back; NULL: none. */
void spool_keep(struct spool *, uint8_t *buffer, size_t size);
/* Both take `buffer`, of `size` bytes with `n` in use; NULL: none. Closing takes file and ending, too. */
void spool_append(struct spool *, struct spool_file *, uint8_t *buffer, size_t size, size_t n);
void spool_close(struct spool *, struct spool_file *, uint8_t *buffer, size_t size, size_t n, struct spool_ending *);
/* It keeps its first name. */
void spool_drop(struct spool *, struct spool_file *);
/* All that was given is done. */
void spool_wait(struct spool *);
/* Memory of buffers on their way and of those kept. */
size_t spool_bytes(const struct spool *);
/* Gives back buffers that are kept, after waiting for those that are on their way. */
void spool_shrink(struct spool *);
/* An error number about one of the files; the first counts. */
void spool_fail(struct spool *, const char *name, int number);
/* What went wrong first; "" if nothing did. */
const char *spool_error(const struct spool *);

#endif
