/* Round-trip time and retransmission timeout of one sender: RFC 6298, or as Linux keeps them (windowed mean deviation,
 * floor under the deviation and not under the sum). Knows no segments. Microseconds inside, as the stacks count. */
#ifndef TCPSTAT_RTT_H
#define TCPSTAT_RTT_H

#include "core/stack.h"

struct rtt {
	uint32_t srtt8_us;              /* smoothed, times 8; 0: no sample yet */
	uint32_t mdev4_us;              /* mean deviation, times 4 */
	uint32_t mdev_max4_us;          /* greatest of this window, not below the floor */
	uint32_t rttvar4_us;            /* what the RTO adds */
	uint64_t window_mark;           /* SND.NXT when the window began */
	int64_t rto_ns;                 /* what follows of it all */
};

void rtt_sample(struct rtt *, const struct stack *, int64_t sample_ns, uint64_t snd_una, uint64_t snd_nxt);

static inline bool rtt_known(const struct rtt *r)
{
	return r->srtt8_us;
}

/* Without backoff; the initial second (RFC 6298 section 2.1) before any sample. */
static inline int64_t rtt_rto_ns(const struct rtt *r)
{
	return r->srtt8_us ? r->rto_ns : 1000000000;
}

static inline int64_t rtt_srtt_ns(const struct rtt *r)
{
	return (int64_t)(r->srtt8_us >> 3) * 1000;
}

/* The deviation itself; what the RTO adds has a floor under it. */
static inline int64_t rtt_rttvar_ns(const struct rtt *r)
{
	return (int64_t)((r->mdev4_us ? r->mdev4_us : r->rttvar4_us) >> 2) * 1000;
}

#endif
