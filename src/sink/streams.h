/* What becomes of the streams' bytes: --hash, --follow and --extract, any of them together.
 *
 *     struct streams *s = streams_new(&options, error, sizeof error);
 *     config.stream = ...;   the callback calls streams_bytes(s, ...)
 *     config.event = ...;    the callback calls streams_event(s, ev) for the types of streams_events(), and for a
 * connection
 *                            streams_seal(s, &copy) on its copy of *ev->connection before any other sink sees the copy
 *     streams_finish(s);     after tcpstat_finish
 *     streams_free(s);
 *
 * After each packet `streams_status` tells whether to go on: a closed pipe at the other end of --follow is a good end,
 * a failed write is not. With --follow alone, config.only_conn should be `follow_conn`.
 *
 * Memory follows the connections that are open and had bytes; buffers and open files are bounded. */
#ifndef TCPSTAT_STREAMS_H
#define TCPSTAT_STREAMS_H

#include "core/tcpstat.h"

#include <stdio.h>

enum streams_format { STREAMS_ASCII, STREAMS_HEX, STREAMS_RAW };

enum streams_status {
	STREAMS_OK,
	STREAMS_CLOSED,                 /* nobody reads what --follow writes any more: stop, all is well */
	STREAMS_FAILED                  /* streams_error() says what: exit 1 */
};

struct streams_options {
	bool hash;                      /* SHA-256 of each stream into tcpstat_half.payload_sha256 */
	uint32_t follow_conn;           /* number of the connection to print; 0: none */
	enum tcpstat_dir follow_dir;    /* TCPSTAT_NODIR: both */
	enum streams_format format;
	FILE *out;                      /* of --follow; borrowed */
	bool color;                     /* SGR sequences around what each side said (not with STREAMS_RAW) */
	bool utf8;                      /* who reads `out` understands UTF-8: well-formed characters stay */
	size_t extract_bytes;           /* of memory for --extract; 0: EXTRACT_BYTES */
	const char *extract_dir;        /* a directory, made if it is not there; NULL: none */
	const struct tcpstat_helper *helper; /* for --extract alone: writes its files meanwhile; NULL: none */
};

struct streams;

/* NULL: `error` says why (directory cannot be made or written, no memory). */
struct streams *streams_new(const struct streams_options *, char *error, size_t size);
void streams_free(struct streams *);
/* TCPSTAT_MASK()s of the events that it needs. */
uint32_t streams_events(const struct streams *);
/* Gaps; every other event is ignored. */
void streams_event(struct streams *, const struct tcpstat_event *);
/* In-order bytes: the callback of struct tcpstat_config. */
void streams_bytes(struct streams *, uint32_t conn, enum tcpstat_dir, uint64_t offset, const uint8_t *, size_t len);
/* The connection has ended: its files are closed and named, and with `hash` payload_sha256 of both halves is set: the
 * hash of the whole stream, NULL if a gap makes it unknown. The strings live until the next call. */
void streams_seal(struct streams *, struct tcpstat_conn *);
/* Everything is written out. */
enum streams_status streams_finish(struct streams *);
enum streams_status streams_status(const struct streams *);
/* What failed, with the file's name; "" if nothing did. */
const char *streams_error(const struct streams *);

#endif
