/* The windows that both endpoints advertise, and what a sender does when it may not send: zero-window probes.
 * Keepalives look the same on the wire and are told apart here.
 *
 * Events, dir = of the segment: `zero` the first zero window after another one; `update` a pure ACK that says
 * nothing but a larger window; `shrink` the right edge moved left by more than the scale rounds; `full` new data
 * ends at the right edge that the peer advertised; `probe`, `probe_ack`; keepalive `probe`, `ack` (RFC 9293 section
 * 3.8.4 and 3.8.6).
 *
 * A probe or keepalive is a segment at SND.UNA - 1 of its sender with 0 or 1 byte, or 1 byte of new data at SND.UNA
 * against a zero window. It is a probe if the last window that its sender had received was 0. Of two windows seen here
 * the sender had received the later one if the probe echoes its timestamp (RFC 7323); without timestamps, if it
 * passed at least the round trip between here and the sender before.
 *
 * `silly`: the right edge moves, by less than a segment of the peer's and less than half of the greatest window, and
 * the window is as small (RFC 9293 section 3.8.6.2.2); the first one after others.
 *
 * Windows are known in bytes only if the scale is (s->wnd_exact); 0 is 0 on any scale. Where it is not, what the peer
 * sends beyond the window shows what the scale must be at least. Copies (s->copy) say nothing.
 *
 * A zeroed struct has seen nothing and owns nothing. Its state comes from the budget with the first segment that has an
 * ACK and no SYN; without memory nothing is reported. */
#ifndef TCPSTAT_WINDOW_H
#define TCPSTAT_WINDOW_H

#include "core/emit.h"
#include "core/pool.h"
#include "core/segment.h"

struct window_state;

struct window {
	struct window_state *state;
	uint64_t syn_ack[2];            /* what each endpoint's SYN acknowledged; 0: nothing */
};

enum window_class { WINDOW_PLAIN, WINDOW_IS_PROBE, WINDOW_IS_KEEPALIVE };

/* half_ns[endpoint]: round trip between the capture and that endpoint; TCPSTAT_NULL unknown. */
enum window_class window_segment(struct window *, struct budget *, const struct segment *, const int64_t half_ns[2],
	const struct emitter *);
/* Fills in half[].rwnd (what takes a scale is NULL without one), .keepalives and .zero_window_probes. */
void window_snapshot(const struct window *, struct tcpstat_conn *);
void window_fini(struct window *, struct budget *);

#endif
