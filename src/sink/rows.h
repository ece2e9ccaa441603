/* The rows of a flow graph: one for each packet of a connection, with everything that was said of it, and one for
 * each timer and ICMP message. Shared by --flow and the screen.
 *
 *     rows_init(&rows, conn, most);
 *     rows_event(&rows, ev);                  each event of ROWS_EVENTS
 *     rows_fini(&rows);
 *
 * A verdict on a packet may come, or be amended, long after the packet, so rows stay open to change until the
 * connection ends. At most `most` rows are kept (176 bytes each): the first that come after `skip` packets; older
 * ones give way until packet `until` is among them, or, with `last`, for ever. */
#ifndef SINK_ROWS_H
#define SINK_ROWS_H

#include "sink/label.h"

enum {
	ROWS_EVENTS = TCPSTAT_MASK(TCPSTAT_EV_SEGMENT) | TCPSTAT_MASK(TCPSTAT_EV_STATE) |
		TCPSTAT_MASK(TCPSTAT_EV_RETRANSMISSION) | TCPSTAT_MASK(TCPSTAT_EV_OUT_OF_ORDER) |
		TCPSTAT_MASK(TCPSTAT_EV_DUPLICATE) | TCPSTAT_MASK(TCPSTAT_EV_DUP_ACK) |
		TCPSTAT_MASK(TCPSTAT_EV_WINDOW) | TCPSTAT_MASK(TCPSTAT_EV_KEEPALIVE) |
		TCPSTAT_MASK(TCPSTAT_EV_ICMP) | TCPSTAT_MASK(TCPSTAT_EV_CONNECTION),
	ROWS_NO_STATE = 0xff            /* of a note: nothing new about this endpoint */
};

struct rows {
	uint32_t conn;
	struct label *row;
	size_t n, room, most;
	uint64_t skip, skipped;         /* packets before the first row: wanted, and so far */
	uint64_t skipped_frame;         /* the last of them */
	uint64_t until;                 /* frame; 0 none */
	uint64_t unseen;                /* packets after the last row */
	bool last, no_memory;
	bool ended;                     /* nothing more will come; addr and port are known */
	struct tcpstat_addr addr[2];
	uint16_t port[2];
};

void rows_init(struct rows *, uint32_t conn, size_t most);
void rows_fini(struct rows *);
void rows_event(struct rows *, const struct tcpstat_event *);
/* Is there something to draw in the row? A verdict may come before its packet. */
static inline bool rows_is_shown(const struct label *row)
{
	return row->segment || row->note;
}
/* The first row whose frame is `frame` or later; n: none. */
size_t rows_find(const struct rows *, uint64_t frame);
const char *rows_state_name(uint8_t state); /* "" none */

#endif
