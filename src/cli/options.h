/* The command line, read and checked. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "capture/capture.h"
#include "cli/memory.h"
#include "sink/metrics.h"

#include <stdio.h>

enum exit_code {
	EXIT_OK = 0,
	EXIT_RUNTIME = 1,               /* something could not be read, written or had */
	EXIT_USAGE = 2,                 /* the command line or the filter is wrong */
	EXIT_DAMAGED = 3,               /* the input is cut short or damaged; all that was readable was reported */
	EXIT_FINDING = 4                /* --fail-on */
};

enum mode {
	MODE_REPORT, MODE_CONN, MODE_FLOW, MODE_FOLLOW, MODE_JSON, MODE_JSONL, MODE_CSV, MODE_TSV, MODE_DIFF, MODE_TUI,
	MODE_INTERFACES, MODE_MERGE
};

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
	enum mode mode;
	const char **files;             /* or, if there are none, */
	size_t n_files;
	const char **interfaces;
	size_t n_interfaces;
	char *filter;                   /* NULL none */
	const char *filter_word;        /* its first word, where it came after files; NULL otherwise */
	const char *write;
	uint64_t max_packets;           /* 0 no limit */
	int64_t max_ns;                 /* 0 no limit */
	bool tail;
	struct capture_rotation rotation; /* of `write` */
	uint64_t interval_s;            /* between lines about the whole; 0 none */
	uint32_t buffer_bytes;          /* 0: the system's default */
	uint32_t snaplen;               /* 0: all */
	bool not_promiscuous;
	uint32_t conn;                  /* of MODE_CONN, MODE_FLOW, MODE_FOLLOW */
	enum tcpstat_dir follow_dir;
	bool hex, raw, hash;
	const char *extract;            /* NULL none */
	bool has_events;
	uint32_t events;                /* TCPSTAT_MASK()s of MODE_JSONL */
	uint64_t top;                   /* rows of the report */
	bool explain;
	uint64_t frame;                 /* of MODE_DIFF */
	bool names, ascii;
	enum color color;
	int verbose;                    /* -1 quiet */
	enum tcpstat_overlap overlap;
	bool key_vlan;
	uint32_t shard, shards;         /* of so many, from 1; 0 of 0: the whole */
	uint64_t memory_bytes;          /* of the whole process; 0 default */
	struct memory_plan memory;      /* what follows from it */
	const char *user;               /* NULL: the default */
	const char *metrics;            /* NULL none */
	struct metrics_options metrics_by;
	int fail_on;                    /* enum tcpstat_severity; -1 none */
};

/* -1: go on; otherwise the exit code (--help and --version are answered, errors are told on stderr). Always call
 * options_fini. Strings are borrowed from argv, but for the filter. */
int options_parse(struct options *, int argc, char **argv);
void options_fini(struct options *);
void options_help(FILE *);

#endif
