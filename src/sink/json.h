/* --jsonl and --json: records as they become known, one a line, or one document.
 *
 *     struct json *j = json_new(&options);
 *     json_capture(j, facts);                 once, first
 *     json_event(j, ev);                      each event; what is not asked for is passed over
 *     json_flush(j);                          live: after each packet
 *     json_summary(j, facts, t, n);           once, last
 *     r = json_close(j);                      0, or the errno of what went wrong first
 *
 * Memory is constant: a buffer of the size of the longest record. A write that fails (EPIPE: the reader has gone) makes
 * everything after it do nothing; json_error() tells, so that reading may end early. The caller ignores SIGPIPE.
 *
 * A shard (options.shard) says so after the capture, and where each of its records stands in the whole (position)
 * before the first record at every position; its censuses stand among the connections. Whoever joins shards hands
 * records over as text, and the end as a structure. */
#ifndef TCPSTAT_JSON_H
#define TCPSTAT_JSON_H

#include <stdio.h>

#include "capture/capture.h"
#include "sink/record.h"

struct json_options {
	FILE *out;                      /* borrowed */
	bool document;                  /* --json: one document; else JSON Lines */
	const char *filter;             /* as given; NULL none; borrowed while the sink lives, as the version */
	const char *version;            /* of the program */
	uint32_t events;                /* TCPSTAT_MASK()s; a document holds connections and findings only */
	const struct record_shard *shard; /* NULL: the whole; borrowed while the sink lives */
};

/* Where a record goes: documents have two lists, a stream has one. */
enum json_list { JSON_CONNECTIONS, JSON_FINDINGS };

struct json;

/* What to ask the analyzer for: the events wanted, and those that the summary needs. */
uint32_t json_events(const struct json_options *);
/* NULL: out of memory. */
struct json *json_new(const struct json_options *);
void json_capture(struct json *, const struct capture_facts *);
void json_event(struct json *, const struct tcpstat_event *);
void json_flush(struct json *);
/* Live: at any time between the two. */
void json_notice(struct json *, const struct record_notice *);
/* `records_dropped` on the way to the reader; TCPSTAT_NULL: not live. `totals` is NULL where they are not kept. */
void json_summary(struct json *, const struct capture_facts *, const struct tcpstat_counters *,
	const struct tcpstat_totals *totals, int64_t records_dropped);
/* Instead of json_capture, json_event and json_summary: JSON text. Of json_end_text `capture` is that of a document. */
void json_line_text(struct json *, const char *text, size_t len);
void json_record_text(struct json *, enum json_list, const char *text, size_t len);
void json_end_text(struct json *, const char *capture, size_t capture_len, const struct record_summary *);
/* 0, or the errno of the first failure. */
int json_error(const struct json *);
/* Writes what is left and frees; the stream stays open. 0, or the errno of the first failure. NULL is ignored. */
int json_close(struct json *);

#endif
