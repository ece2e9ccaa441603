/* What the files of this room share about an open capture. */
#ifndef TCPSTAT_CAPTURE_ROOM_H
#define TCPSTAT_CAPTURE_ROOM_H

#include <signal.h>

#include "capture/capture.h"
#include "capture/filter.h"
#include "capture/merge.h"

struct live;

struct capture {
	struct capture_options options; /* wait_ms and snaplen filled in; filter NULL */
	volatile sig_atomic_t stop;
	struct merge merge;             /* files */
	struct live *live;              /* NULL: files */
	struct filter *filter;          /* NULL: none, or the kernel filters */
	char **names;                   /* of the files */
	struct capture_file *files;
	size_t n_files, n_reported;     /* files whose error has been told */
	struct interface_list interfaces;
	uint64_t frames;
	struct capture_notice notice;
	struct capture_facts facts;
};

/* Of all packets so far; TCPSTAT_NULL: none. */
int64_t capture_last_ts_ns(const struct capture *);

/* live.c */
struct live *live_open(struct capture *, const char *const *interfaces, size_t n, const char *filter,
		struct capture_error *);
/* CAPTURE_PACKET (frame is not set), _IDLE, _NOTICE, _END, CAPTURE_E*. */
int live_next(struct live *, struct tcpstat_pkt *, struct capture_error *);
/* Brings the counts of drops in the interfaces up to date. */
void live_stats(struct live *);
/* -1: none that could be bound anew. */
int live_socket(const struct live *, size_t interface);
int64_t live_now_ns(const struct live *);
void live_close(struct live *);

#endif
