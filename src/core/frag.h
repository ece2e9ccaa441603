/* IP fragments made whole again (RFC 791, RFC 8200 section 4.5), within bounds of memory, number and time.
 *
 * A datagram whose fragments say different things of the same byte, or of its length, is given up as RFC 5722 wants for
 * IPv6, and as Linux does for IPv4 too; the rest of its fragments is dropped with it. Exact repetitions are ignored.
 * What is not whole after FRAG_TIMEOUT_NS of packet time is given up. */
#ifndef TCPSTAT_FRAG_H
#define TCPSTAT_FRAG_H

#include "core/pool.h"
#include "core/tcpstat.h"

#define FRAG_TIMEOUT_NS (60 * INT64_C(1000000000)) /* RFC 8200 section 4.5; RFC 1122 section 3.3.2: 60 s to 120 s */

enum {
	FRAG_DATAGRAMS_MAX = 512,       /* waiting at the same time; then the oldest goes */
	FRAG_BYTES_MAX = 8 << 20,       /* of buffers, those kept for reuse included */
	FRAG_DATAGRAM_BYTES_MAX = 65535,
	FRAG_BUCKETS = 512
};

/* Fragments with the same key belong together. Bytes that are not used are 0. */
struct frag_key {
	struct tcpstat_addr src, dst;
	uint8_t protocol;               /* 0 for IPv6, where the identification alone counts */
	uint8_t unused;
	uint16_t vlan[2];
	uint32_t id;
};

struct frag_piece {
	struct frag_key key;
	const uint8_t *p;               /* payload of the fragment; borrowed for the call */
	uint32_t offset, len;           /* bytes, in the datagram's payload */
	uint32_t cap;                   /* captured bytes, <= len */
	bool more;                      /* not the last one */
	uint8_t next;                   /* protocol of the payload; counts at offset 0 */
	uint8_t ecn;                    /* the two IP bits */
	uint32_t wire_bytes;            /* of the frames that brought it */
	int64_t ts_ns;
};

/* A datagram's payload. Valid until frag_release. */
struct frag_whole {
	const uint8_t *p;
	uint32_t len, cap;              /* cap < len: a fragment was not captured to its end */
	uint8_t next;
	uint8_t ecn;                    /* CE if one fragment had it (RFC 3168 section 5.3), else of the first one */
	uint32_t wire_bytes;            /* of all frames */
};

struct frag_datagram;

struct frag_table {
	struct budget *budget;
	struct tcpstat_counters *counters; /* raises reassembled, fragments_dropped */
	struct pool datagrams;
	struct frag_datagram *bucket[FRAG_BUCKETS];
	struct frag_datagram *oldest, *newest;
	struct frag_datagram *free;     /* with their buffers */
	struct frag_datagram *held;     /* made whole, lent out until frag_release */
	uint32_t waiting;
	uint32_t bytes;                 /* of all buffers */
};

void frag_init(struct frag_table *, struct budget *, struct tcpstat_counters *);
void frag_fini(struct frag_table *);
/* Adds a fragment. True: the datagram is whole now. */
bool frag_add(struct frag_table *, const struct frag_piece *, struct frag_whole *);
/* Takes back the datagrams that frag_add lent out. */
void frag_release(struct frag_table *);
/* Gives up every datagram that is waiting. */
void frag_give_up(struct frag_table *);

#endif
