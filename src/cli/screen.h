/* --tui: the screen over files or live capture. Reads the input once for the list of connections, and again for the
 * connection that is looked at; looks for keys in between, so that each is answered at once. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "cli/options.h"

/* The exit code; errors are told on stderr once the terminal is as it was. */
enum exit_code screen_run(const struct options *);

#endif
