/* --conn N: everything about one connection, both directions side by side. What is not known is "-"; lines of which
 * nothing is known are left out.
 *
 *     struct detail *d = detail_new(&style, conn);
 *     detail_event(d, ev);                    each event of DETAIL_EVENTS
 *     detail_print(d);                        once, at the end
 *     detail_free(d); */
#ifndef SINK_DETAIL_H
#define SINK_DETAIL_H

#include "sink/format.h"

enum {
	DETAIL_EVENTS = TCPSTAT_MASK(TCPSTAT_EV_STATE) | TCPSTAT_MASK(TCPSTAT_EV_FINDING) |
		TCPSTAT_MASK(TCPSTAT_EV_CONNECTION)
};

struct detail;

/* NULL: out of memory. */
struct detail *detail_new(const struct style *, uint32_t conn);
void detail_free(struct detail *);
void detail_event(struct detail *, const struct tcpstat_event *);
/* False: the connection was never seen, and nothing is printed. */
bool detail_print(const struct detail *);

#endif
