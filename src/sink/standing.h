/* A connection in few words: how it stands, what limited it, how much went wrong. */
#ifndef SINK_STANDING_H
#define SINK_STANDING_H

#include "sink/format.h"

/* "ESTABLISHED", "FIN-WAIT-2 / CLOSE-WAIT", "closed", "reset by server", "refused" ... */
char *standing_state(char buf[FORMAT_MAX], const struct tcpstat_conn *);
enum tint standing_tint(const struct tcpstat_conn *);
/* The largest share of the direction that carried more: "receiver window 61 %"; "" unknown. */
char *standing_limit(char buf[FORMAT_MAX], const struct tcpstat_conn *);
/* That limit (enum tcpstat_limit) and its share; -1 unknown. */
int standing_limit_most(const struct tcpstat_conn *, double *share);
/* The name of a limit in plain words. */
const char *standing_limit_name(enum tcpstat_limit);
/* The greater share of retransmitted segments of the two directions; NAN unknown. */
double standing_retransmitted(const struct tcpstat_conn *);
/* The best figure for its round-trip time; NULL unknown. */
int64_t standing_rtt(const struct tcpstat_conn *);
/* How much went wrong, as nanoseconds that it may have cost; 0 nothing. */
int64_t standing_trouble(const struct tcpstat_conn *);

#endif
