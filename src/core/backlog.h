/* Segments of one connection that wait for its trackers: what trackers read of them, 80 bytes each, in the order of the
 * capture. A tracker's state is large and soon cold; when a whole run of segments passes through it at once, it is
 * fetched once for all of them, and a connection that exchanged little needs none before it ends.
 *
 * Whoever needs a segment's payload, or an event in step with the capture, cannot wait: see conn.c. Memory is chunks of
 * BACKLOG_CHUNK_BYTES from a pool of the caller's; a zeroed struct is empty. */
#ifndef TCPSTAT_BACKLOG_H
#define TCPSTAT_BACKLOG_H

#include "core/pool.h"
#include "core/scene.h"
#include "core/segment.h"

enum { BACKLOG_CHUNK_SLOTS = 7, BACKLOG_CHUNK_BYTES = 16 + 80 * BACKLOG_CHUNK_SLOTS };

struct backlog_chunk;

struct backlog {
	struct backlog_chunk *first, *last; /* NULL: empty */
	uint16_t slots;                 /* in use */
	uint16_t chunks;
	uint8_t in_last;                /* slots of the last one */
};

/* false: no memory, or the segment does not go into the short form; nothing has changed. Of a segment with payload the
 * lengths are kept, not the bytes. */
bool backlog_put(struct backlog *, struct pool *chunks, const struct segment *, const struct scene *);
/* Hands over what waits, oldest first. The segment and the scene are borrowed for the call; the segment's view has no
 * addresses, ports and payload. */
void backlog_show(const struct backlog *, void (*each)(void *ctx, struct segment *, const struct scene *), void *ctx);
/* Forgets what waits. */
void backlog_drop(struct backlog *, struct pool *chunks);
/* Asks for the memory that the next backlog_put will touch. */
void backlog_fetch(const struct backlog *);
/* Asks for what backlog_show will read first. */
void backlog_fetch_first(const struct backlog *);

#endif
