/* What one sender sent again, in the order in which it left: RACK (RFC 8985 section 6.2) looks at the oldest only. An
 * item may be out of date: it speaks for those entries of the queue in its range that are SENT_RETRANS since then. */
#ifndef TCPSTAT_RESENT_H
#define TCPSTAT_RESENT_H

#include "core/sendq.h"

struct resent_item {
	uint64_t seq, end;
	int64_t xmit_ns;
};

struct resent {
	struct resent_item *items;      /* a ring */
	uint32_t first, n, room;
};

void resent_fini(struct resent *, struct budget *);
/* [seq, end) left again, not earlier than those before. Items out of date make room first, then it grows. Where it
 * cannot, all are forgotten, and the loss of what was sent again is not found. */
void resent_push(struct resent *, struct budget *, const struct sendq *, uint64_t seq, uint64_t end,
		 int64_t xmit_ns);
/* NULL: none. Its `seq` may be raised. */
struct resent_item *resent_first(const struct resent *);
void resent_pop(struct resent *);

#endif
