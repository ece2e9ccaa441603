/* --flow N: one connection as a ladder, time downwards, client left, server right.
 *
 *     struct ladder *l = ladder_new(&style, conn, LADDER_MAX_ROWS);
 *     ladder_event(l, ev);                    each event of LADDER_EVENTS
 *     ladder_print(l);                        once, at the end
 *     ladder_free(l);
 *
 * A verdict on a packet may come, or be amended, long after the packet, so the lines are kept until they are printed:
 * LADDER_MAX_ROWS of them (rows.h); what comes after is counted. */
#ifndef SINK_LADDER_H
#define SINK_LADDER_H

#include "sink/rows.h"

enum { LADDER_MAX_ROWS = 500000 };

enum { LADDER_EVENTS = ROWS_EVENTS };

struct ladder;

/* NULL: out of memory. */
struct ladder *ladder_new(const struct style *, uint32_t conn, size_t max_rows);
void ladder_free(struct ladder *);
void ladder_event(struct ladder *, const struct tcpstat_event *);
/* The connection has ended: nothing more will come. */
bool ladder_done(const struct ladder *);
/* False: the connection was never seen, and nothing is printed. */
bool ladder_print(const struct ladder *);

#endif
