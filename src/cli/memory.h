/* How --memory is shared out, so that the whole process stays within it.
 *
 * What the program takes whatever comes is set aside: itself, the lines that wait for a reader, the packets that wait
 * in the system's buffers, what is read of files at once, the exporter, the rows of the report. Of the rest the tables
 * that grow with the connections beside the analysis have a fixed share each, and so has what lies idle in the
 * allocator; the analysis gets what is left. If more than that is taken beside the analysis, as a look at the process
 * shows, the analysis gets less. */
#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options;

struct tcpstat;

struct memory_plan {
	uint64_t analysis_bytes;        /* budget of an analyzer */
	uint64_t beside_bytes;          /* what may grow beside it */
	uint64_t metrics_bytes;         /* the exporter's table of connections */
	size_t extract_bytes;           /* --extract: buffers of files */
	uint32_t list_rows;             /* --tui: connections in the list */
	size_t ladder_rows;             /* --flow */
};

/* Before anything else: has the allocator give back what is freed. */
void memory_init(void);

/* False: --memory is too small for this run, `error` says how much each part takes and what would do. */
bool memory_plan(const struct options *, struct memory_plan *, char *error, size_t size);

/* Looks at the process now and then. */
struct memory_watch {
	const struct memory_plan *plan;
	int fd;                         /* /proc/self/statm; -1: not to be had, nothing is watched */
	uint64_t begun_bytes;           /* of the process, before the first packet */
	uint32_t packets;
};

/* All that is fixed is there. */
void memory_watch_init(struct memory_watch *, const struct memory_plan *);
void memory_watch_fini(struct memory_watch *);
void memory_watch_look(struct memory_watch *, struct tcpstat *);

/* At each packet. */
static inline void memory_watch_packet(struct memory_watch *w, struct tcpstat *t)
{
	if (++w->packets % 4096 == 0)
		memory_watch_look(w, t);
}

#endif
