/* TCP options (RFC 9293 section 3.2, RFC 7323, RFC 2018, RFC 7413, RFC 8684, RFC 2385). */
#ifndef TCPSTAT_TCP_OPT_H
#define TCPSTAT_TCP_OPT_H

#include <stddef.h>

#include "core/segment.h"

/* Clears what tells which options are there; sack[] counts up to n_sack only and stays as it is. */
void tcp_opt_clear(struct tcp_opts *);
/* The `len` captured bytes of an option area into cleared `opts`. `cut`: the area went on, but was not captured; an
 * option that runs past the end is then no fault. Unknown options are skipped by their length. */
void tcp_opt_parse(const uint8_t *p, size_t len, bool cut, struct tcp_opts *opts);

#endif
