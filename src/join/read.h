/* Records read back: from JSON into the structures that the tables of record.h describe. What is foreign is not
 * trusted: types, ranges, names and lengths are checked. */
#ifndef JOIN_READ_H
#define JOIN_READ_H

#include <json-c/json.h>

#include "sink/record.h"

/* Fills in what the table describes of `base`, but for times as text (their integers stand beside them) and what no
 * shard needs: texts, lists of objects, SACK blocks. A histogram (RECORD_BUCKETS) is written to `histograms`, one after
 * the other. NULL, or the name of the field that is missing or wrong (borrowed from the table). */
const char *read_record(const struct record_table *, struct json_object *, void *base,
	struct tcpstat_histogram *histograms);

#endif
