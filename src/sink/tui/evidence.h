/* A row of the flow graph in full: the decoded header, and what the verdict on it rests on, in sentences. */
#ifndef SINK_TUI_EVIDENCE_H
#define SINK_TUI_EVIDENCE_H

#include "sink/tui/flow.h"

enum { EVIDENCE_LINES = 12, EVIDENCE_SIZE = 320 };

struct evidence {
	struct { char text[EVIDENCE_SIZE]; enum tint tint; } line[EVIDENCE_LINES];
	unsigned n;
};

/* Of the selected row. */
void evidence_of(struct evidence *, const struct flow *);

#endif
