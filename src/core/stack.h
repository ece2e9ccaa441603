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

/* What a stack is recognised by. */
struct stack_sign {
	uint16_t wnd, mss;
	uint8_t ttl, wscale;
	bool syn, has_wscale, has_ts, has_mss;
};

/* The first SYN counts, or, without one, the first segment. */
static inline bool stack_sign_wants(const struct stack_sign *sign, const struct tcp_view *v)
{
	return !sign->ttl || (v->flags & TH_SYN && !sign->syn);
}
void stack_sign_note(struct stack_sign *, const struct tcp_view *);
enum { STACK_WHY_MAX = 64 };
/* "TTL 64, window 64240, scale 7, timestamps"; "" where nothing was seen. */
void stack_why(const struct stack_sign *, char text[STACK_WHY_MAX]);

#endif
