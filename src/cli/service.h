/* What a run that goes on for long does beside packets: lines about the whole, drops told, signals heeded. */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include "cli/options.h"
#include "cli/view.h"
#include "sink/http.h"
#include "sink/metrics.h"
#include "sink/queue.h"

struct service {
	const struct options *options;
	struct capture *capture;
	struct tcpstat *tcpstat;
	struct view *view;
	struct http *http;              /* NULL: no --metrics */
	struct metrics *metrics;        /* NULL: no --metrics */
	struct queue *queue;            /* NULL: output goes straight to where it goes */
	int64_t next_ns, next_second_ns; /* steady time */
	int64_t line_ns;                /* of the last line about the whole */
	uint64_t told_records;
	int64_t told_packets;
	uint64_t told_evicted;
	bool quiet;
};

/* Does this run go on for long, so that it needs a service? */
bool service_wanted(const struct options *);
/* The most that the lines take which wait for a reader. */
uint64_t service_output_bytes(const struct options *);
/* Before the capture is opened: takes the address of --metrics. False: `error` says why not. */
bool service_init(struct service *, const struct options *, char *error, size_t size);
/* To be polled beside the interfaces; 0: nothing. */
int service_fd(const struct service *);
/* Where output goes: a queue in front of standard output if the mode is one of lines, else `out` as it is. False: out
 * of memory. */
bool service_open(struct service *, struct capture *, FILE **out);
/* TCPSTAT_MASK()s of the events that it needs. */
uint32_t service_events(const struct service *);
void service_event(struct service *, const struct tcpstat_event *);
/* From here on there are packets. 0 or an errno. */
int service_begin(struct service *, struct tcpstat *, struct view *);
/* At each packet and whenever nothing came: does what is due. `first_ts_ns`, `last_ts_ns` as of view_finish. */
void service_work(struct service *, int64_t first_ts_ns, int64_t last_ts_ns);
/* Nothing came, or the descriptor woke us. */
void service_idle(struct service *);
/* The capture gave CAPTURE_NOTICE. */
void service_notice(struct service *);
/* The reader has gone, or cannot be written to. */
bool service_done(struct service *);
/* No more packets: what comes now waits for the reader. Returns the records that were dropped, NULL if none could
 * be. */
int64_t service_last_words(struct service *);
/* False: `error` says what went wrong with the output. */
bool service_close(struct service *, char *error, size_t size);

#endif
