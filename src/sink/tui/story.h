/* Everything that is kept of one connection to show it: the rows of its flow graph, samples for the graphs, what it
 * carried. Read on demand, bounded in every part; with `last` (live) the oldest gives way to the newest.
 *
 *     story_init(&s, conn, last);
 *     s.rows.skip = s.rows.until = ...                which page of the flow graph (rows.h)
 *     story_event(&s, ev); story_bytes(&s, ...)       each event of STORY_EVENTS; in-order bytes
 *     story_fini(&s); */
#ifndef SINK_TUI_STORY_H
#define SINK_TUI_STORY_H

#include "sink/rows.h"

enum {
	STORY_ROWS = 200000,            /* a page of the flow graph */
	STORY_LIVE_ROWS = 20000,
	STORY_CHUNKS = 65536,
	STORY_BYTES = 4 << 20,          /* of what it carried */
	STORY_EVENTS = ROWS_EVENTS | TCPSTAT_MASK(TCPSTAT_EV_RTT) | TCPSTAT_MASK(TCPSTAT_EV_SENDER) |
		TCPSTAT_MASK(TCPSTAT_EV_GAP)
};

/* What the replay of a sender says at an instant. */
struct story_sample {
	int64_t ts_ns;
	uint64_t frame;                 /* packet that was seen last */
	uint8_t dir, is_rtt;
	uint32_t last[2][2];            /* by direction and is_rtt: place + 1 of the last one up to here; 0 none */
	union {
		struct { int64_t sample_ns, srtt_ns, rto_ns; } rtt;
		struct { int64_t flight, rwnd, cwnd, ssthresh; } sender;
	};
};

/* Bytes of a direction, or a gap in it. */
struct story_chunk {
	uint64_t offset, len;           /* in the stream */
	size_t at;                      /* in `bytes` */
	uint8_t dir;
	bool gap;
	uint8_t why;                    /* enum tcpstat_gap_why */
};

struct story {
	uint32_t conn;                  /* 0: none */
	bool last;
	struct rows rows;
	struct story_sample *sample;
	size_t n_samples, sample_room;  /* of the packets that have rows; at most two a row */
	struct story_chunk *chunk;
	size_t n_chunks, chunk_room;
	uint8_t *bytes;
	size_t n_bytes, bytes_room;
	uint64_t bytes_unseen;          /* bytes after the last that could be kept */
	uint64_t version;               /* changes with every change */
	bool no_memory;
	struct tcpstat_conn record;
	bool has_record;
	char name[1024];                /* of the server, as it was looked up; record points to it */
};

void story_init(struct story *, uint32_t conn, bool last);
void story_fini(struct story *);
void story_event(struct story *, const struct tcpstat_event *);
/* The record of the connection as it is now; what it borrows is copied. */
void story_record(struct story *, const struct tcpstat_conn *);
void story_bytes(struct story *, uint32_t conn, enum tcpstat_dir, uint64_t offset, const uint8_t *, size_t len);
/* The last sample of a kind at or before a frame; NULL: none. */
const struct story_sample *story_sample_at(const struct story *, uint64_t frame, unsigned dir, bool is_rtt);

#endif
