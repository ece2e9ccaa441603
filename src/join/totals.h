/* The summaries of shards added up to that of the whole. What every shard counts of the whole capture is taken from the
 * first. */
#ifndef JOIN_TOTALS_H
#define JOIN_TOTALS_H

#include <json-c/json.h>

#include "sink/record.h"

struct totals;

/* NULL: out of memory. */
struct totals *totals_new(void);
void totals_free(struct totals *);
/* NULL, or the name of a field that is missing or wrong (then nothing was added). */
const char *totals_add(struct totals *, struct json_object *summary);
const struct tcpstat_counters *totals_counters(const struct totals *);
/* `n_findings` more than the shards have: those about the whole. Borrowed. */
const struct record_summary *totals_summary(struct totals *, int64_t n_findings);

#endif
