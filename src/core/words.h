/* Sentences put together in a buffer of the caller: text, numbers, durations, sizes. What does not fit is cut off, the
 * text always ends in a NUL. No locale, no allocation. */
#ifndef TCPSTAT_WORDS_H
#define TCPSTAT_WORDS_H

#include <string.h>

#include "core/tcpstat.h"

enum { WORDS_MAX = 320 };

struct words {
	char text[WORDS_MAX];
	size_t len;
};

void words_put(struct words *, const char *text, size_t len);
static inline void words_add(struct words *w, const char *text)
{
	words_put(w, text, strlen(text));
}
void words_number(struct words *, int64_t n);
/* "1 packet", "2 packets": `noun` takes an s where n is not 1. */
void words_count(struct words *, int64_t n, const char *noun);
/* "35.2 ms": three digits that count; "?" for TCPSTAT_NULL. */
void words_duration(struct words *, int64_t ns);
/* "18.3 kB", decimal units. */
void words_bytes(struct words *, int64_t bytes);
/* "1.25 %" of a ratio. */
void words_share(struct words *, double ratio);
void words_addr(struct words *, const struct tcpstat_addr *);

#endif
