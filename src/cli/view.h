/* What the user asked to see, behind one interface: the report, a connection, its flow graph or payload, records. */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "capture/capture.h"
#include "cli/options.h"
#include "sink/format.h"
#include "sink/record.h"
#include "sink/report.h"
#include "sink/streams.h"

struct view;

/* How text is to look that goes to `out`, and so to the descriptor `fd`. */
struct style view_style(const struct options *, FILE *out, int fd);

/* NULL: `error` says why. `out` ends up in the descriptor `fd`. `facts` is what is known before the first packet.
 * `helper`: for the view alone, who writes files meanwhile; NULL: none. */
struct view *view_new(const struct options *, FILE *out, int fd, const struct capture_facts *facts,
	const struct tcpstat_helper *helper, char *error, size_t size);
void view_free(struct view *);
/* TCPSTAT_MASK()s of the events that it needs. */
uint32_t view_events(const struct view *);
/* Does it want the bytes of the streams, and of which connection (0: all)? */
bool view_wants_bytes(const struct view *, uint32_t *only_conn);
void view_event(struct view *, const struct tcpstat_event *);
void view_bytes(struct view *, uint32_t conn, enum tcpstat_dir, uint64_t offset, const uint8_t *, size_t len);
/* Live: what is known so far is shown. */
void view_flush(struct view *);
/* Live: something happened to the capture itself. */
void view_notice(struct view *, const struct record_notice *);
/* Live: the line about the whole; see ticker.h. */
void view_line(struct view *, const struct tcpstat_gauges *, const struct tcpstat_counters *, int64_t dropped,
	int64_t now_ns, int64_t span_ns);
/* Live: the report as if this were the end, connections that are still open included; to standard error a line where
 * the output is none for people. */
void view_now(struct view *, struct capture *, struct tcpstat *, int64_t first_ts_ns, int64_t last_ts_ns);
/* There is nothing more to learn, or nobody to tell: reading may end. */
bool view_done(const struct view *);

/* The end of the input. `first_ts_ns`, `last_ts_ns` of the packets that were analysed, NULL none; `records_dropped` on
 * the way to the reader, NULL: not live. False: `error` says what went wrong; "" if the reader of the output has gone,
 * which is no error. */
bool view_finish(struct view *, struct capture *, const struct tcpstat *, int64_t first_ts_ns,
	int64_t last_ts_ns, int64_t records_dropped, char *error, size_t size);

#endif
