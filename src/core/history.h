/* What a connection showed, as letters in the order in which each first came (Zeek's `history`): upper case from the
 * client, lower case from the server, ^ if the first segment seen came from the server. A zeroed struct is empty. */
#ifndef TCPSTAT_HISTORY_H
#define TCPSTAT_HISTORY_H

#include "core/segment.h"

struct history {
	uint32_t seen;                  /* letters by direction */
	uint8_t n;
	bool flipped;                   /* the first segment seen came from the server */
	char letter[22];                /* n of them */
};

void history_note(struct history *, const struct segment *);

#endif
