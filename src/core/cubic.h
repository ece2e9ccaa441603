/* CUBIC (RFC 9438) with HyStart, as Linux computes it: integers, its tick clock, 1/1024 s in the cube. */
#ifndef TCPSTAT_CUBIC_H
#define TCPSTAT_CUBIC_H

#include "core/cong.h"

/* ACKs that one more segment takes in congestion avoidance. */
uint32_t cubic_count(struct cubic *, const struct cong_env *, uint32_t cwnd, uint32_t acked);
/* An ACK brought a delay sample; HyStart may set *ssthresh to the window. */
void cubic_acked(struct cubic *, const struct cong_env *, uint32_t cwnd, uint32_t *ssthresh);
/* The window after a congestion event. */
uint32_t cubic_ssthresh(struct cubic *, uint32_t cwnd);
/* After a timeout nothing is remembered. */
void cubic_reset(struct cubic *, const struct cong_env *);
/* Sending again after an idle time: the epoch is moved by it. */
void cubic_idle(struct cubic *, const struct cong_env *, int64_t last_send_ns);

#endif
