/* --explain-diff: what the rules of Wireshark's TCP analysis call one packet, what tcpstat calls it, why they differ.
 *
 *     struct expert *e = expert_new(&style, frame);
 *     expert_event(e, ev);                each event of EXPERT_EVENTS
 *     expert_print(e);                    once, at the end; false: it is no TCP segment of a connection
 *     expert_free(e);
 *
 * The rules are those of tshark 4.0 with its defaults, for the verdicts that its users meet. A state per connection
 * that lives, freed with it. Not replicated: what Wireshark does where a frame is shorter than its headers say (told
 * with the verdict), its exemption of ACKs with MPTCP options, its own idea of when ports are reused. */
#ifndef SINK_EXPERT_H
#define SINK_EXPERT_H

#include "sink/format.h"

enum {
	EXPERT_EVENTS = TCPSTAT_MASK(TCPSTAT_EV_SEGMENT) | TCPSTAT_MASK(TCPSTAT_EV_RETRANSMISSION) |
		TCPSTAT_MASK(TCPSTAT_EV_OUT_OF_ORDER) | TCPSTAT_MASK(TCPSTAT_EV_DUPLICATE) |
		TCPSTAT_MASK(TCPSTAT_EV_DUP_ACK) | TCPSTAT_MASK(TCPSTAT_EV_WINDOW) |
		TCPSTAT_MASK(TCPSTAT_EV_KEEPALIVE) | TCPSTAT_MASK(TCPSTAT_EV_CONNECTION)
};

struct expert;

/* NULL: out of memory. */
struct expert *expert_new(const struct style *, uint64_t frame);
void expert_free(struct expert *);
void expert_event(struct expert *, const struct tcpstat_event *);
bool expert_print(const struct expert *);

#endif
