/* What a TCP stack does by habit, where the RFCs leave room: one profile per stack. An unknown one follows the RFCs. */
#ifndef TCPSTAT_STACK_H
#define TCPSTAT_STACK_H

#include "core/segment.h"

struct stack {
	const char *name;               /* NULL: unknown, RFC behaviour */
	int64_t rto_min_ns;             /* floor of the retransmission timeout */
	int64_t tick_ns;                /* the RTO is rounded up to it */
	int64_t delayed_ack_ns;         /* longest delay of an ACK: added to a probe's timeout for a lone segment */
	bool windowed_mdev;             /* RTTVAR is the greatest mean deviation of a window (Linux) */
	bool probes;                    /* sends tail loss probes (RFC 8985) */
	uint8_t initial_window;         /* segments */
};

extern const struct stack stack_linux, stack_windows, stack_bsd, stack_rfc;

/* The stack that sent this SYN or SYN-ACK, by TTL, window and options. */
const struct stack *stack_of_syn(const struct tcp_view *);
/* The same for a connection whose SYN was not seen, by any segment. */
const struct stack *stack_of_segment(const struct tcp_view *);

#endif
