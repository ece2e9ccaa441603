/* Bytes that arrived ahead of a hole: pieces in order, each remembering the extent of the segment that brought it,
 * because overlap policies decide by that. The bytes of one segment are one block, shared by its pieces.
 *
 * Bounded: pieces and bytes. Finding a place is O(log n); the shorter side of the array makes way for a new piece. */
#ifndef TCPSTAT_REASM_BUF_H
#define TCPSTAT_REASM_BUF_H

#include "core/pool.h"
#include "core/tcpstat.h"

struct reasm_block;

struct reasm_piece {
	uint64_t lo;
	uint32_t len;                   /* > 0 */
	uint32_t skip;                  /* where its bytes start in the block */
	uint32_t before, after;         /* how far its segment reached to both sides of it */
	struct reasm_block *block;
};

struct reasm_buf {
	struct budget *budget;
	struct reasm_piece *pieces;
	uint32_t first, n, size;        /* pieces are [first, first + n) of the array */
	uint64_t cost_bytes;            /* blocks and pieces */
};

/* Payload on its way in. */
struct reasm_bytes {
	uint64_t lo, hi;                /* of the whole segment */
	uint64_t from;                  /* what lies below is not wanted; >= lo */
	const uint8_t *data;            /* the byte at `lo` */
	uint32_t caplen;                /* bytes at `data`, <= hi - lo */
};

void reasm_buf_init(struct reasm_buf *, struct budget *);
void reasm_buf_fini(struct reasm_buf *);
/* Copies what is new and, where bytes differ, what `policy` prefers. `*conflicts` grows by the differing overlaps.
 * 0, or TCPSTAT_ENOMEM (unchanged): over `limit` bytes, too many pieces, or no memory. */
int reasm_buf_add(struct reasm_buf *, const struct reasm_bytes *, enum tcpstat_overlap policy, uint64_t limit,
		  uint64_t *conflicts);
/* The bytes from the first piece on: NULL if nothing is buffered. Valid until the next call that changes the buffer. */
const uint8_t *reasm_buf_head(const struct reasm_buf *, uint64_t *lo, uint32_t *len);
void reasm_buf_drop_below(struct reasm_buf *, uint64_t off);
void reasm_buf_drop_above(struct reasm_buf *, uint64_t off);

#endif
