/* One connection's bytes for a person: text, hex dump, or as they are. */
#ifndef TCPSTAT_FOLLOW_H
#define TCPSTAT_FOLLOW_H

#include "sink/streams.h"

/* What is kept of one direction between two calls. */
struct follow_side {
	uint8_t held[16];               /* a row of the dump, or the start of a character, not complete yet */
	uint8_t n_held;
	bool cr;                        /* the last byte was a carriage return */
	uint64_t offset;                /* of held[0] in the stream */
};

struct follow {
	FILE *out;
	enum streams_format format;
	bool color, utf8;
	enum tcpstat_dir only, speaker; /* speaker: who spoke last */
	bool line_open;                 /* the cursor is not at the start of a line */
	struct follow_side side[2];
};

void follow_init(struct follow *, const struct streams_options *);
void follow_bytes(struct follow *, enum tcpstat_dir, uint64_t offset, const uint8_t *, size_t len);
void follow_gap(struct follow *, enum tcpstat_dir, const struct tcpstat_ev_gap *);
/* Completes what is held back; the stream `out` is not flushed. */
void follow_finish(struct follow *);

#endif
