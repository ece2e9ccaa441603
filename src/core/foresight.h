/* What the packets to come will touch, asked for while others are dealt with: the memory answers meanwhile. Nothing but
 * time depends on it. */
#ifndef TCPSTAT_FORESIGHT_H
#define TCPSTAT_FORESIGHT_H

#include "core/flow_table.h"

enum { FORESIGHT = 4 };

struct foresight {
	struct flow_guess of[FORESIGHT]; /* a ring: of the packet at hand, the next, and the one after it */
	unsigned at;                    /* the packet at hand */
};

/* Before a packet is dealt with, which brings the hint of a later one. */
void foresight_advance(struct foresight *, const struct flow_table *, const struct tcpstat_pkt *);

static inline const struct flow_guess *foresight_now(const struct foresight *f)
{
	return &f->of[f->at];
}

#endif
