/* The facts of a capture in the shape of its record. */
#ifndef TCPSTAT_FACTS_H
#define TCPSTAT_FACTS_H

#include "capture/capture.h"
#include "sink/record.h"

/* Texts are borrowed from the arguments, lists belong to `out`. `final`: the input was read to its end; before, figures
 * are unknown. 0, or -1: out of memory, nothing to free. */
int facts_init(struct record_capture *out, const struct capture_facts *, const char *filter, const char *version,
	bool final);
void facts_fini(struct record_capture *);

#endif
