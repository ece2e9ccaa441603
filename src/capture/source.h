/* Bytes of a capture, in order, whatever they come from.
 *
 * All but memory goes through one buffer that grows to what the reader asks for at once, at most SOURCE_MAX_NEED. Files
 * are not mapped: a page fault for each piece costs what copying it does, and whoever shortens the file, or a disk that
 * fails, would be a signal in the middle of a packet. Read, the first ends the file and the second is an error, and
 * every byte before is given.
 *
 *     rc = source_need(s, 16);            SOURCE_OK: s->cur[0..15] can be read
 *     source_skip(s, 16);
 *
 * Pointers to bytes stay valid until the next source_need or source_pass of the same source, also when skipped. */
#ifndef TCPSTAT_SOURCE_H
#define TCPSTAT_SOURCE_H

#include <signal.h>
#include <sys/types.h>

#include "capture/capture.h"

#define SOURCE_MAX_NEED ((size_t)16 << 20)

enum { SOURCE_END = 0, SOURCE_OK = 1, SOURCE_IDLE = 2 }; /* or a CAPTURE_E* */

struct source_config {
	bool follow;                    /* the end of a file is not the end */
	int wait_ms;                    /* SOURCE_IDLE after so long */
	size_t buffer_bytes;            /* read at once; not 0 */
	const volatile sig_atomic_t *stop; /* not 0: end at once */
};

struct archive;
struct gunzip;

struct source {
	const uint8_t *cur, *end;       /* what can be read without asking */
	/* below: of source.c and archive.c alone */
	const char *name;
	struct source_config config;
	uint64_t owed;                  /* bytes still to be passed over */
	uint8_t *buf;                   /* NULL: none yet, or all is in the caller's memory */
	size_t buf_size;
	int fd;                         /* -1: memory */
	bool own_fd, at_end;
	bool interrupted;               /* a signal came while waiting */
	bool opening;                   /* as long as archive.c must not wait through a signal */
	uint64_t done_bytes, total_bytes; /* of the stored file, read; total 0: unknown */
	uint64_t whole_bytes;           /* if it ends before, it became shorter */
	const uint8_t *memory;          /* compressed bytes given by the caller; NULL: read fd */
	size_t memory_len;
	struct archive *archive;        /* decompression; both NULL: none */
	struct gunzip *gunzip;
	uint8_t *raw;                   /* compressed bytes for it */
	size_t raw_size, raw_len;                 /* of these were read to recognise them, and not yet used */
	const uint8_t *block;           /* decompressed by it, not yet taken */
	size_t block_len;
	const char *compression;        /* NULL none */
	struct capture_error error;     /* names no file; once code is set, no more bytes are read */
};

/* 0 or CAPTURE_E*, with s->error filled in. Whatever comes back, source_close must be called. `name` is borrowed, the
 * source stays where it is until then. */
int source_open(struct source *, const char *name, const struct source_config *);
/* A capture that is in memory already, compressed or not; borrowed. */
int source_from_memory(struct source *, const uint8_t *bytes, size_t len, const struct source_config *);
void source_close(struct source *);

int source_fill(struct source *, size_t n);
/* For whoever waits at opening, when there is nobody to answer SOURCE_IDLE to: a signal or `stop` becomes an error. */
bool source_interrupted(struct source *);

/* SOURCE_OK: at least n (<= SOURCE_MAX_NEED) bytes stand at s->cur. SOURCE_END: the input ends before, source_left
 * tells how many there are. Nothing is consumed, so after SOURCE_IDLE the same call is made again. */
static inline int source_need(struct source *s, size_t n)
{
	if (s->owed == 0 && (size_t)(s->end - s->cur) >= n)
		return SOURCE_OK;
	return source_fill(s, n);
}

static inline size_t source_left(const struct source *s)
{
	return (size_t)(s->end - s->cur);
}

/* n bytes that source_need has shown. */
static inline void source_skip(struct source *s, size_t n)
{
	s->cur += n;
}

/* Any number of bytes, seen or not. If the input ends before, source_need says SOURCE_END and source_owes is true. */
void source_pass(struct source *, uint64_t n);

/* Stored bytes used so far; the total is s->total_bytes, 0 unknown. */
uint64_t source_done(const struct source *);

static inline bool source_owes(const struct source *s)
{
	return s->owed != 0;
}

/* archive.c: decompression. */

/* Name of the compression that data beginning so has, NULL if none. */
const char *archive_recognise(const uint8_t *bytes, size_t len);
#define ARCHIVE_MAGIC_BYTES 6
/* Starts decompressing from where s stands. 0 or CAPTURE_E*. */
int archive_start(struct source *);
/* Up to `len` bytes; 0 at the end, or CAPTURE_E*. */
ssize_t archive_read_some(struct source *, uint8_t *bytes, size_t len);
void archive_stop(struct source *);

/* source.c, for archive.c: up to `len` stored bytes. 0: end; SOURCE_AGAIN: nothing yet; else CAPTURE_E*. */
#define SOURCE_AGAIN (-100)
ssize_t source_read_stored(struct source *, uint8_t *bytes, size_t len);

#endif
