/* Lines on their way to a reader that may be slow: a buffer of fixed size and a thread that writes from it.
 *
 *     struct queue *q = queue_new(STDOUT_FILENO, bytes);
 *     FILE *out = queue_stream(q);            whatever is written there is cut into lines
 *     queue_start(q);                         once the process has the privileges that it keeps
 *     ...
 *     n = queue_close(q, wait_ms);            lines that nobody took
 *
 * Writing never waits for the reader: a line that has no room is dropped as a whole, and counted. A reserve is kept for
 * lines that must not be lost (queue_urgent), so that a drop can be told as soon as the reader reads again. Lines
 * longer than QUEUE_LINE_MAX are dropped. Used by one thread, beside its own. */
#ifndef TCPSTAT_QUEUE_H
#define TCPSTAT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { QUEUE_LINE_MAX = 1 << 20, QUEUE_RESERVE = 1 << 16 };

struct queue;

/* `size`: bytes that may wait, more than QUEUE_RESERVE. The descriptor stays the caller's. NULL: out of memory. */
struct queue *queue_new(int fd, size_t size);
/* 0 or an errno. Without it everything waits until queue_close. */
int queue_start(struct queue *);
/* The stream; flush it to hand over what is complete. Belongs to the queue. */
FILE *queue_stream(struct queue *);

enum queue_manner {
	QUEUE_DROP,                     /* a line without room is dropped */
	QUEUE_URGENT,                   /* the same, but the reserve may be used */
	QUEUE_WAIT                      /* waits for room as long as the reader takes something within 5 s */
};
/* How the lines that follow are to be treated. */
void queue_manner(struct queue *, enum queue_manner);
uint64_t queue_dropped(struct queue *);
/* Is there room for more than the reserve, so that a drop can be told? */
bool queue_has_room(struct queue *);
/* The errno of the first write that failed; 0 none. Lines after it are forgotten. */
int queue_error(struct queue *);
/* Waits until all is written, or the reader has taken nothing for `wait_ms`; frees. Returns how many lines were left.
 * `*error` as queue_error. NULL is ignored. */
uint64_t queue_close(struct queue *, int wait_ms, int *error);

#endif
