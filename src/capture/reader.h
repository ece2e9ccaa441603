/* One capture file: a source and the parser of its format, which is found by content. */
#ifndef TCPSTAT_READER_H
#define TCPSTAT_READER_H

#include "capture/capture.h"
#include "capture/source.h"

/* The interfaces of the whole capture; they only grow, up to CAPTURE_MAX_INTERFACES. */
struct interface_list {
	struct capture_interface *all;
	uint32_t n, size;
};

/* A new interface, nothing known but `file`. 0, CAPTURE_ENOMEM, or CAPTURE_EDAMAGED: too many. */
int interface_list_add(struct interface_list *, uint32_t file, struct capture_interface **);
void interface_list_fini(struct interface_list *);

struct pcap_state {
	uint32_t header_bytes;          /* of a packet */
	uint32_t unit_ns, units_per_s;  /* of the second word of a time */
	uint32_t linktype, interface;
	enum { PCAP_LENGTHS_NORMAL, PCAP_LENGTHS_SWAPPED, PCAP_LENGTHS_MAYBE_SWAPPED } lengths;
};

/* An interface of the current section. */
struct pcapng_interface {
	uint32_t index;                 /* in the interface_list */
	uint32_t linktype, snaplen;
	uint8_t resolution;             /* if_tsresol as stored: 10^-n, or with the top bit 2^-n */
	int64_t offset_s;
	int64_t received, dropped, if_dropped; /* in former sections; NULL unknown */
};

struct pcapng_state {
	struct pcapng_interface *interfaces;
	uint32_t n, size;
	uint32_t n_former;              /* of the former section; those from n on are still there to compare with */
	bool in_section;
	int64_t last_ts_ns;             /* for packets without a time */
};

struct reader {
	struct source source;
	struct capture_file *file;      /* facts; packets and times are counted by who takes the packets */
	uint32_t file_index;
	struct interface_list *interfaces;
	uint64_t packets;               /* parsed so far */
	uint64_t other_frames;          /* numbered like packets, before the last packet; who takes it resets this */
	bool big;                       /* byte order of the current section */
	/* CAPTURE_PACKET (frame is not set), _IDLE, _END or CAPTURE_E* with `error` set. */
	int (*next)(struct reader *, struct tcpstat_pkt *);
	struct pcap_state pcap;
	struct pcapng_state pcapng;
	struct capture_error error;
};

/* Takes over a source that was opened, successfully or not, and finds the format. 0, or CAPTURE_E* with `error` set;
 * CAPTURE_EDAMAGED then means a capture without one readable packet. reader_close must be called in any case. */
int reader_open(struct reader *, struct capture_file *, uint32_t file_index, struct interface_list *);
void reader_close(struct reader *);

/* For the parsers. source_need that waits, for streams too: there is no capture yet that could be idle. */
int reader_need_at_opening(struct reader *, size_t n);
/* A new interface of this file; NULL: `error` is set. */
struct capture_interface *reader_add_interface(struct reader *);
/* Sets `error` to "FILE: packet N: text" and returns `code`. */
int reader_fail(struct reader *, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same without a packet number. */
int reader_fail_file(struct reader *, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What to return when source_need did not say SOURCE_OK in the middle of something. */
int reader_stopped(struct reader *, int rc, const char *in_what);
/* Nanoseconds within +-CAPTURE_TS_MAX; counts those that were not. */
int64_t reader_time(struct reader *, int64_t ts_ns);

bool pcap_reader_recognise(const uint8_t *bytes, size_t len);
int pcap_reader_open(struct reader *);
bool pcapng_reader_recognise(const uint8_t *bytes, size_t len);
int pcapng_reader_open(struct reader *);

#endif
