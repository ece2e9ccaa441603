/* The fields of a connection by name, through the table of records: what the list shows, sorts by and filters.
 *
 * A name is the place of the field in the connection's record (`handshake.rtt_us`, `c2s.retransmissions.total`), the
 * end of it where that suffices (`client_state`), or a short name of fields.def (`retx`). What a direction has and no
 * direction is named is the sum of both where it counts, the greater one where it measures. A time in microseconds
 * can be had as `..._ms` and `..._s` too. */
#ifndef SINK_TUI_FIELD_H
#define SINK_TUI_FIELD_H

#include "sink/record.h"

struct field {
	const struct record_field *record;
	size_t offset[2];               /* in struct tcpstat_conn: of the member, or of both directions' */
	unsigned n;                     /* 1, 2 */
	bool sum, text;                 /* text: has no number */
	bool is_number;                 /* the number of the connection, which no record field holds */
	double scale;
};

/* False: there is none of this name. */
bool field_find(const char *name, size_t len, struct field *);
/* A field whose name is a little like it, for those who have mistyped; false: there is none. */
bool field_suggest(const char *name, size_t len, char *out, size_t size);
/* NAN: unknown, or no number. */
double field_number(const struct field *, const struct tcpstat_conn *);
/* "" unknown. Of a number too. */
enum { FIELD_TEXT = 64 };
const char *field_text(const struct field *, const struct tcpstat_conn *, char buf[FIELD_TEXT]);

#endif
