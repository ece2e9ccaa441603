/* Findings, kept and printed worst first: one line of cause, one of advice.
 *
 *     struct found *f = found_new(&style);
 *     found_event(f, ev);              each EV_FINDING
 *     found_print(f, max);             the `max` worst; of what only informs, a line with the ids, unless style.explain
 *     found_free(f);
 *
 * Bounded: the FOUND_MAX worst are kept. What was told while the capture went on gives way to the last word on it. */
#ifndef SINK_FOUND_H
#define SINK_FOUND_H

#include "sink/format.h"

enum { FOUND_MAX = 1000 };

struct found;

/* NULL: out of memory. */
struct found *found_new(const struct style *);
/* A copy with texts of its own; NULL: out of memory. */
struct found *found_copy(const struct found *);
void found_free(struct found *);
/* False: out of memory, this one is not kept whole. */
bool found_event(struct found *, const struct tcpstat_event *);
uint64_t found_count(const struct found *, enum tcpstat_severity);
/* Is the event the last word about what was told while the capture went on, with that id and title, about whoever its
 * first `about_len` bytes name? */
bool found_is_last_word(const struct tcpstat_event *, const char *id, const char *title, size_t about_len);
/* "syn-timeout, 2 more" of one connection, without those that only inform; empty: none. */
char *found_ids(const struct found *, uint32_t conn, char *buf, size_t size);
void found_print(const struct found *, uint64_t max);

#endif
