/* An event as words, for scripts to name: its type, the direction or endpoint, then name=value pairs. */
#ifndef SCENARIO_RENDER_H
#define SCENARIO_RENDER_H

#include "core/tcpstat.h"

/* `isn`: what raw numbers of each direction count from. Cut at `size`. */
void render_event(char *out, size_t size, const struct tcpstat_event *, const uint32_t isn[2]);

#endif
