/* Figures as people read them, and where and how text goes. Shared by everything that prints for people.
 *
 * A formatter writes into the caller's buffer, always ends it with NUL, and returns it, so that it can stand among the
 * arguments of printf. TCPSTAT_NULL and NAN come out as "-". Nothing here lets a control character through. */
#ifndef SINK_FORMAT_H
#define SINK_FORMAT_H

#include "core/tcpstat.h"

#include <stdio.h>

enum { FORMAT_MAX = 128 };              /* bytes that suffice for any of the short figures below */

struct style {
	FILE *out;
	bool utf8;                      /* else ASCII only */
	bool color;                     /* SGR sequences may be used */
	bool resolve;                   /* addresses as names, where they have one */
	unsigned width;                 /* columns; 0: no limit */
	bool explain;                   /* findings with their evidence and rule */
	int verbose;                    /* -1 quiet, 0, 1 verbose */
};

enum tint { TINT_NONE, TINT_BOLD, TINT_DIM, TINT_RED, TINT_YELLOW, TINT_GREEN, TINT_CYAN, TINT_MAGENTA };

/* The sequences around tinted text; "" without colour. */
const char *tint_on(const struct style *, enum tint);
const char *tint_off(const struct style *, enum tint);

char *format_text(char buf[FORMAT_MAX], const char *text);              /* cut at FORMAT_MAX */
char *format_count(char buf[FORMAT_MAX], int64_t n);                    /* 1,234,567 */
char *format_bytes(char buf[FORMAT_MAX], int64_t bytes);                /* 512 B, 1.4 MB */
char *format_rate(char buf[FORMAT_MAX], int64_t bps);                   /* 12.3 Mbit/s */
char *format_duration(char buf[FORMAT_MAX], const struct style *, int64_t ns); /* 35.2 ms, 2 min 5 s */
char *format_share(char buf[FORMAT_MAX], double ratio);                 /* 2.1 % */
char *format_time(char buf[FORMAT_MAX], int64_t ts_ns);                 /* 2024-05-01 12:00:00.123456 +0000 */
char *format_seconds(char buf[FORMAT_MAX], int64_t ns);                 /* 0.035211 */
/* Address and port; a name only if the style says so. `size` of 300 holds every one. */
char *format_endpoint(char *buf, size_t size, const struct style *, const struct tcpstat_addr *, uint16_t port);
/* A string of unknown origin, with everything but printable ASCII (or valid UTF-8, if the style has it) as \xHH. */
char *format_safe(char *buf, size_t size, const struct style *, const char *text);
/* What moved a state, from its name: snd_fin -> "sent FIN". */
char *format_trigger(char buf[FORMAT_MAX], const char *trigger);
/* "s" unless n is 1. */
const char *format_s(int64_t n);

/* Columns that a string takes; every character we use is one column wide. */
size_t format_columns(const char *text);

#endif
