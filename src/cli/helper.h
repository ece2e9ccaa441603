/* The thread that does what can wait while packets are read; see tcpstat_helper in tcpstat.h. */
#ifndef CLI_HELPER_H
#define CLI_HELPER_H

#include "core/tcpstat.h"

struct helper;

/* NULL: no second processor, no memory or no thread; then everything happens on one. `threads`: how many of this
 * program there will be that have much to do. */
struct helper *helper_new(int threads);
/* What was given must be done. */
void helper_free(struct helper *);
/* Borrowed, as long as the helper is there; NULL for NULL. */
const struct tcpstat_helper *helper_get(struct helper *);

#endif
