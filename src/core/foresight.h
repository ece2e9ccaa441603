/* What the packets to come will touch, asked for while others are dealt with: the memory answers meanwhile. Nothing but
 * time depends on it. */
#ifndef TCPSTAT_FORESIGHT_H
#define TCPSTAT_FORESIGHT_H

#include "core/flow_table.h"

struct foresight {
	struct flow_node *now, *next;   /* whose the packet at hand and the next may be; NULL: unknown */
	uint64_t changes;               /* of the table, when they were looked up */
	uint32_t hash;                  /* of the one after the next */
	bool has_hash;
};

/* Before a packet is dealt with, which brings the hint of a later one. */
void foresight_advance(struct foresight *, const struct flow_table *, const struct tcpstat_pkt *);

/* Whose the packet at hand may be; NULL: unknown. */
static inline struct flow_node *foresight_now(const struct foresight *f, const struct flow_table *flows)
{
	return f->changes == flows->changes ? f->now : NULL;
}

#endif
