/* What a live capture gives up before it looks at the first packet: the user, capabilities, system calls.
 *
 * Packets are hostile, and decoding them is the larger part of the program. By then everything that needs privileges is
 * open: what is left needs none. */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "capture/capture.h"

struct sandbox {
	const char *user;               /* whom to become, when root; NULL: nobody, unless keeps_user */
	bool keeps_user;                /* files are to be made where the user may: remain, with no other right */
	bool makes_files;               /* system calls for that */
	bool stops;                     /* may stop itself: Ctrl-Z on a screen */
	struct capture *capture;        /* interfaces may be removed and made anew; NULL: there are none */
	bool resolves;                  /* system calls that ask name servers */
};

/* False: `error` says what could not be given up. */
bool sandbox_enter(const struct sandbox *, char *error, size_t size);

#endif
