/* Whose was the time of a connection? Every instant has one owner (enum tcpstat_limit); they sum to the duration.
 *
 * Each direction has its own account (limits.h). Where one waits for the other the account of the waiting one says so
 * (idle, think time), and the active one's owner has the instant. So: the handshake, which both share; then what held
 * data back in either direction, timeouts first; then think time; the rest is idle, or transfer that nothing held. */
#ifndef TCPSTAT_SHARE_H
#define TCPSTAT_SHARE_H

#include "core/tcpstat.h"

/* Fills in conn->budget_ns from duration_ns and half[].limits; all NULL if a direction has no account. */
void share_time(struct tcpstat_conn *);

#endif
