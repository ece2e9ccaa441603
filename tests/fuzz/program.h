/* Bytes read as a program that makes packets of a few connections: every input is valid, most make plausible TCP, and a
 * flipped bit changes one thing. A fuzzer's mutations thus stay within what trackers have to understand.
 *
 *     header      7 bytes: options of the analyzer (program_config), then instructions up to the end
 *     segment     who    2 bits connection, 1 direction, 3 kind of flags, 2 where its sequence number comes from
 *                 how    2 bits ACK number, 2 length, 2 time, 2 options
 *                 frame  2 bits TTL, 1 wrong checksum, 1 other bytes, 1 cut, 1 repeat the last frame, 1 window, 1 IP ID
 *                 and what these ask for, in that order
 *
 * Connection 3 is IPv6, the others IPv4; in connection 2 no SYN is needed to be believed, ports are ephemeral. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "core/tcpstat.h"
#include "fuzz.h"

enum { PROGRAM_FRAME_MAX = 9300, PROGRAM_CONNS = 4, PROGRAM_LINKTYPE = 101 /* LINKTYPE_RAW */ };

struct program_end {
	uint32_t isn, snd_nxt; /* raw */
	uint32_t ts_last;      /* TSval it sent last */
	uint16_t ip_id, wnd;
};

struct program {
	struct fuzz_bytes in;
	struct program_end end[PROGRAM_CONNS][2];
	int64_t now_ns;
	uint64_t frame_number;
	uint32_t frame_len;
	uint8_t frame[PROGRAM_FRAME_MAX];
};

/* Reads the header. `config` is filled in but for its callbacks. */
void program_init(struct program *, const uint8_t *data, size_t size, struct tcpstat_config *config);
/* The next packet; the bytes are borrowed until the next call. False: the program has ended. */
bool program_next(struct program *, struct tcpstat_pkt *);

#endif
