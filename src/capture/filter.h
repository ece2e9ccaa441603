/* A filter expression (pcap-filter(7)), compiled by libpcap for each link type that is seen. */
#ifndef TCPSTAT_FILTER_H
#define TCPSTAT_FILTER_H

#include "capture/capture.h"

struct filter;

/* NULL: out of memory. */
struct filter *filter_new(const char *expression);
void filter_free(struct filter *);

enum filter_verdict { FILTER_REFUSED = 0, FILTER_PASSED = 1, FILTER_UNFIT = 2 };

/* Compiles for packets of a link type from a file in this byte order (some pseudo headers stand in it). 0,
 * CAPTURE_EUSAGE (a mistake in the expression) or CAPTURE_ENOMEM. An expression that is right but says nothing about
 * this link type is no error: its packets are FILTER_UNFIT. */
int filter_prepare(struct filter *, uint32_t linktype, bool big, struct capture_error *);
/* enum filter_verdict, or an error of filter_prepare. */
int filter_match(struct filter *, const struct tcpstat_pkt *, bool big, struct capture_error *);

#endif
