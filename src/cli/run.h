/* One run of the program: input -> analyzer -> what was asked for. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/options.h"

/* The exit code; errors are told on stderr. */
enum exit_code run(const struct options *);

#endif
