/* A scenario script, line by line: what to do, and the bytes of the packets.
 *
 *     isn client 1000                                    sequence numbers below count from here (default 1000, 5000)
 *     addr client 10.0.0.1:40000                         (default; the server is 10.0.0.2:80)
 *     +0.100 > S 0:0(0) win 65535 <mss 1460,sackOK>      0.1 s later the client sends; `<`: the server does
 *     +30 tick                                           time passes without packets
 *     end                                                the capture ends
 *     = state client SYN-SENT                            the action above must have led to such an event; in order
 *     ! retransmission                                   and not to such a one
 *     overlap bsd windows "0AAB..C"                      after `end`, under these policies: all that the client sent
 *
 * A script with `overlap` lines names every policy once; it is played for each, and with client ISNs at the seam of
 * 32 bits, too, unless it sets one. A dot is a byte that was never seen.
 *
 * A packet: flags (SFRPUEWA and `.` for ACK), seq:end(len), ack N, win N (default 65535), id N (of the IP header;
 * default one more than the last without it), ttl N (default 64), bad (a wrong checksum), other (other bytes than there
 * should be), "..." (these bytes), options between < and >: mss N, wscale N, sackOK, TS val N ecr N, sack L:R L:R, nop,
 * raw HEX. Numbers of a sender count from its own ISN. Payload bytes are a function of the sequence number
 * (script_byte), so copies agree. `#` begins a comment. */
#ifndef SCENARIO_SCRIPT_H
#define SCENARIO_SCRIPT_H

#include "core/tcpstat.h"

enum { SCRIPT_MAX_PACKET = 65535 };

enum script_what { SCRIPT_NOTHING, SCRIPT_PACKET, SCRIPT_TICK, SCRIPT_END, SCRIPT_EXPECT, SCRIPT_FORBID, SCRIPT_OVERLAP,
		   SCRIPT_ERROR };

struct script {
	uint32_t isn[2];
	bool isn_set;                   /* by a line */
	uint8_t addr[2][4];
	uint16_t port[2];
	uint16_t ip_id[2];
	int64_t now_ns;
	/* of the last line */
	uint8_t packet[SCRIPT_MAX_PACKET];
	uint32_t packet_len;
	const char *text;               /* of SCRIPT_EXPECT, SCRIPT_FORBID, SCRIPT_OVERLAP: what follows the sign */
	const char *error;              /* of SCRIPT_ERROR */
};

void script_init(struct script *);
/* Reads one line; cuts it into pieces. */
enum script_what script_line(struct script *, char *line);
/* The payload byte with sequence number `seq` counted from the ISN. */
uint8_t script_byte(enum tcpstat_dir, uint32_t seq);

#endif
