/* --csv and --tsv: the connection records as a table, a line each, after a line with the names of the columns.
 *
 * A column is named by the path to its field, joined with _, with the unit at the end: c2s.rtt_us.p50 is
 * c2s_rtt_p50_us.
 * Unknown is an empty field. Comma: fields are quoted as RFC 4180 says, lines end in a newline. Tab: a tab, newline or
 * backslash inside a field becomes \t, \n, \\. */
#ifndef TCPSTAT_CSV_H
#define TCPSTAT_CSV_H

#include <stdio.h>

#include "sink/record.h"

struct csv;

/* `out` is borrowed. `separator`: ',' or '\t'. NULL: out of memory. Writes the names. */
struct csv *csv_new(FILE *out, char separator);
/* Takes connection events, passes over all others. */
void csv_event(struct csv *, const struct tcpstat_event *);
void csv_flush(struct csv *);
/* 0, or the errno of the first failure. After one nothing more is written. */
int csv_error(const struct csv *);
/* Writes what is left and frees; the stream stays open. 0, or the errno of the first failure. NULL is ignored. */
int csv_close(struct csv *);

#endif
