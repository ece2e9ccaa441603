/* Do shards belong together? */
#ifndef JOIN_COMPARE_H
#define JOIN_COMPARE_H

#include "join/part.h"

enum { COMPARE_TEXT = 768 };

/* Opened parts, by number: all of one capture, made alike, each there, none twice. False: `text` says what is wrong. */
bool compare_shards(const struct part *const *, size_t n, char text[COMPARE_TEXT]);
/* Two that were read to their end: is what every shard counts of the whole capture the same? */
bool compare_ends(const struct part *, const struct part *, char text[COMPARE_TEXT]);

#endif
