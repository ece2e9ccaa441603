/* Packets from capture files, streams and live interfaces, one interface for all of them. Knows no connection.
 *
 *     struct capture *c = capture_open_files(names, n, &options, &error);
 *     while ((rc = capture_next(c, &pkt, &error)) != CAPTURE_END)
 *             if (rc == CAPTURE_PACKET) ... else if (rc < 0) ... error.text ...
 *     facts = capture_facts(c);
 *     capture_free(c);
 *
 * Several files are one capture: packets come in time order (the earlier named file first when times are equal), frame
 * numbers count over the merged stream, before the filter, as tshark counts them. Within one file the order of the file
 * stays, whatever its times say.
 *
 * Ownership: names and options are copied. The bytes of a packet and the facts are borrowed until the next
 * capture_next. Times are nanoseconds since the epoch and within +-CAPTURE_TS_MAX, so that the difference of any two
 * fits int64_t. Text that comes from a file (names of interfaces) is hostile: escape it before it reaches a terminal.
 *
 * Formats: pcap (libpcap's savefile(5), microseconds, nanoseconds, both byte orders, the modified headers of Kuznetsov,
 * netsniff-ng and IXIA), pcapng (draft-ietf-opsawg-pcapng); gzip, xz, zstd, lz4, bzip2 and compress around them, by
 * content. */
#ifndef TCPSTAT_CAPTURE_H
#define TCPSTAT_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/tcpstat.h"

#define CAPTURE_TS_MAX (((int64_t)1 << 62) - 1)
/* More captured bytes than this in one packet are damage. libpcap stops at 256 KiB, but BIG TCP goes to 512 KiB. */
#define CAPTURE_MAX_CAPLEN (1u << 20)
/* More interfaces than this in one capture are damage. */
#define CAPTURE_MAX_INTERFACES 4096u
#define CAPTURE_SNAPLEN_DEFAULT 262144u /* bytes */
#define CAPTURE_BUFFER_DEFAULT (2u << 20) /* bytes, for each interface */

enum {
	CAPTURE_END = 0,
	CAPTURE_PACKET = 1,
	CAPTURE_IDLE = 2,               /* no packet within wait_ms, or a signal came; call again */
	CAPTURE_NOTICE = 3,             /* live: something happened to the capture itself: see capture_notice */
	CAPTURE_EOPEN = -1,             /* cannot be opened, or is not a capture: exit 1 */
	CAPTURE_EDAMAGED = -2,          /* cut short or damaged; what was readable has been delivered: exit 3 */
	CAPTURE_EREAD = -3,             /* the system refused to read on; what was readable is delivered: exit 1 */
	CAPTURE_EUSAGE = -4,            /* bad filter or options: exit 2 */
	CAPTURE_ENOMEM = -5,            /* exit 1 */
	CAPTURE_EWRITE = -6             /* the file to be written cannot be: exit 1 */
};

struct capture_error {
	int code;                       /* CAPTURE_E*; 0 none */
	char text[512];                 /* "FILE: packet 12: what is wrong", without newline, always printable */
};

struct capture_options {                /* all zero is right for files */
	const char *filter;             /* pcap-filter(7); NULL: none */
	bool follow;                    /* wait for more at the end of the file (one file only) */
	int wait_ms;                    /* streams, follow, live: CAPTURE_IDLE after so long; 0: 250 */
	/* live only */
	uint32_t snaplen;               /* 0: the default */
	uint32_t buffer_bytes;          /* of the kernel, for each interface; 0: the default */
	bool not_promiscuous, immediate;
	int wake_fd;                    /* CAPTURE_IDLE also when this can be read; 0: none */
};

enum capture_notice_what {
	CAPTURE_INTERFACE_DOWN,         /* it went down, and is waited for */
	CAPTURE_INTERFACE_UP,           /* it, or another one of its name, came back */
	CAPTURE_INTERFACE_GONE,         /* it was removed; another one of its name is waited for */
	CAPTURE_INTERFACE_OTHER,        /* its name is that of one of another kind now, which is not captured */
	CAPTURE_CLOCK_STEP              /* the clock of the system was set: times of packets go on as before */
};

struct capture_notice {
	enum capture_notice_what what;
	uint32_t interface;             /* meaningless for CAPTURE_CLOCK_STEP */
	int64_t step_ns;                /* CAPTURE_CLOCK_STEP: how far the clock went ahead */
};

struct capture_interface {
	char *name;                     /* NULL unknown */
	char *description;              /* NULL unknown */
	uint32_t linktype;              /* LINKTYPE_* */
	uint32_t snaplen;               /* 0: no limit */
	uint32_t file;                  /* index of capture_facts.files; 0 when live */
	int64_t ticks_per_s;            /* resolution of its times: 1000000, 1000000000 ...; NULL: finer than int64_t */
	uint64_t packets;               /* read from it, before the filter */
	bool down;                      /* live: it is not up now */
	int64_t received, dropped, if_dropped; /* by the capturing system; NULL: it did not say */
};

struct capture_file {
	const char *name;               /* as given; "-" is standard input */
	const char *format;             /* "pcap" "pcapng"; NULL: not known yet */
	const char *byte_order;         /* "little" "big"; of the last section */
	const char *compression;        /* "gzip" "xz" "zstd" "lz4" "bzip2" "compress"; NULL none */
	uint64_t packets;
	uint64_t bytes;                 /* captured, of the packets */
	uint64_t wire_bytes;            /* as they were on the wire */
	int64_t first_ts_ns, last_ts_ns; /* earliest and latest; NULL: no packet with a time */
	uint64_t bad_times;             /* packets whose time cannot be: fraction >= 1 s, or beyond CAPTURE_TS_MAX */
	uint64_t untimed;               /* packets without a time (pcapng simple packets): they get the former one's */
	uint64_t snapped;               /* packets with fewer bytes captured than on the wire */
	bool truncated;                 /* ends in the middle of something */
	int error;                      /* CAPTURE_E* that ended it; 0 none */
};

struct capture_facts {
	const struct capture_file *files; /* none when live */
	size_t n_files;
	const struct capture_interface *interfaces; /* tcpstat_pkt.interface is the index */
	size_t n_interfaces;
	uint64_t packets, bytes, wire_bytes; /* before the filter */
	uint64_t filtered;              /* packets the filter refused */
	uint64_t unfit;                 /* of these: of a link type that the filter cannot look into */
	int64_t first_ts_ns, last_ts_ns; /* NULL: none */
	bool truncated;                 /* one of the files is */
	bool live;
};

struct capture_progress {
	/* Of the files as they are stored. total 0: unknown (a pipe is among them); else done is at most as much. */
	uint64_t done_bytes, total_bytes;
};

struct capture_device {
	const char *name, *description; /* description NULL: none */
	bool up, running, loopback, wireless;
};

struct capture;

/* NULL: see error. A regular file that cannot be read, is empty or no capture fails here. */
struct capture *capture_open_files(const char *const *names, size_t n, const struct capture_options *,
		struct capture_error *);
/* The bytes of a file; borrowed until capture_free. */
struct capture *capture_open_memory(const uint8_t *bytes, size_t len, const struct capture_options *,
		struct capture_error *);
/* What is read at once of each of n files: memory that capture_open_files takes for it. */
size_t capture_buffer_bytes(size_t n);
struct capture *capture_open_live(const char *const *interfaces, size_t n, const struct capture_options *,
		struct capture_error *);

/* The next packet that passes the filter: CAPTURE_PACKET, _IDLE, _END or CAPTURE_E*. Errors of files come after the
 * last packet of all files, one a call (the other files are read to their ends first); then CAPTURE_END. Only
 * CAPTURE_ENOMEM, CAPTURE_EUSAGE (the filter does not suit a link type) and errors of live capture come at once. */
int capture_next(struct capture *, struct tcpstat_pkt *, struct capture_error *);

/* What CAPTURE_NOTICE was about. */
struct capture_notice capture_notice(const struct capture *);

/* The socket on which an interface of capture_facts listens; bind(2) is called on it when one is removed and another of
 * its name is made. -1: there is none of that kind. */
int capture_socket(const struct capture *, size_t interface);

/* What time it is for the packets of a live capture: that of the system, but for steps of its clock. */
int64_t capture_now_ns(const struct capture *);

/* Async-signal-safe: capture_next ends as if the input had ended. */
void capture_stop(struct capture *);

const struct capture_facts *capture_facts(struct capture *);
struct capture_progress capture_progress(const struct capture *);
void capture_free(struct capture *);

/* Calls `each` for every interface that could be captured from. 0 or CAPTURE_E*. */
int capture_devices(void (*each)(void *ctx, const struct capture_device *), void *ctx, struct capture_error *);

/* Writes packets to a new file ("-" is standard output): pcap when the capture is of pcap files of one link type or of
 * one live interface, else pcapng with the descriptions of its interfaces; with nanoseconds when the input has them. A
 * writer is closed before its capture is freed. */
struct capture_writer;
/* NULL: CAPTURE_EWRITE, CAPTURE_EUSAGE (it is one of the files read) or CAPTURE_ENOMEM. */
struct capture_writer *capture_writer_open(const char *name, struct capture *, struct capture_error *);
/* A packet as capture_next gave it. 0 or CAPTURE_E*; the first error counts, later packets are not written. */
int capture_writer_put(struct capture_writer *, const struct tcpstat_pkt *, struct capture_error *);
int capture_writer_flush(struct capture_writer *, struct capture_error *);
/* Closes and frees. 0 or CAPTURE_E*; what was told before is not told again. */
int capture_writer_close(struct capture_writer *, struct capture_error *);
/* Bytes of the file so far. */
uint64_t capture_writer_bytes(const struct capture_writer *);

/* The same over a row of files NAME_00001_20261121024500.EXT, as dumpcap names them: a file is full when one of the
 * limits is reached. 0 in all of them: one file, NAME. */
struct capture_rotation {
	uint64_t file_bytes, file_packets;
	int64_t file_ns;                /* by the times of the packets */
	uint32_t keep_files;            /* the oldest are removed beyond so many; 0: all stay */
	uint32_t max_files;             /* capture_files_put is CAPTURE_END when so many are full; 0: no limit */
};

struct capture_files;
/* NULL: as capture_writer_open. `name` is copied; "-" cannot rotate. */
struct capture_files *capture_files_open(const char *name, const struct capture_rotation *, struct capture *,
		struct capture_error *);
/* CAPTURE_PACKET: written; CAPTURE_END: the last file is full, the packet is not in it; or CAPTURE_E*. */
int capture_files_put(struct capture_files *, const struct tcpstat_pkt *, struct capture_error *);
int capture_files_flush(struct capture_files *, struct capture_error *);
int capture_files_close(struct capture_files *, struct capture_error *);

#endif
