#include "config.h"
#include "cli/memory.h"
#include "cli/options.h"
#include "cli/service.h"
#include "sink/extract.h"
#include "sink/ladder.h"
#include "sink/rows.h"
#include "sink/tui/list.h"

#include <inttypes.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
#define MEMORY_DEFAULT ((uint64_t)1 << 30)
#define ANALYSIS_LEAST (1 * MIB)

enum {
	/* Measured: 1.3 MB for libraries, stacks and stdio, 1 MB for findings and their copy; the rest is reserve. */
	PROGRAM_BYTES = 3 << 20,
	REPORT_ROW_BYTES = 2 * (sizeof(struct tcpstat_conn) + 512), /* and a copy for SIGUSR1 */
	REPORT_ROWS_MOST = 1000,        /* who asks for more knows */
	SCREEN_BYTES = 16 << 20,
	METRICS_SHARE = 16,             /* of what is not set aside, one in so many */
	EXTRACT_SHARE = 8,
	STREAMS_SHARE = 4,              /* of what is left then */
	VIEW_SHARE = 4,
	MAPPED_BYTES = 32 << 10,
	ALLOCATOR_SHARE = 32,           /* what lies idle between blocks in use */
	LESS_SHARE = 4                  /* of what the analysis has, this may go to what was not foreseen */
};

struct part {
	const char *what;
	uint64_t bytes;
};

enum { PROGRAM, OUTPUT, CAPTURE, FILES, METRICS, VIEW, ANALYSIS, N_PARTS };

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t capture_bytes(const struct options *o)
{
	uint64_t buffer = o->buffer_bytes ? o->buffer_bytes : CAPTURE_BUFFER_DEFAULT;

	return o->n_interfaces * (buffer + (o->snaplen ? o->snaplen : CAPTURE_SNAPLEN_DEFAULT));
}

/* The screen reads them once more for the connection that is looked at. */
static uint64_t files_bytes(const struct options *o)
{
	return (o->mode == MODE_TUI ? 2 : 1) * o->n_files * (uint64_t)capture_buffer_bytes(o->n_files);
}

static uint64_t view_bytes_of(const struct options *o)
{
	switch (o->mode) {
	case MODE_REPORT: return least(o->top, REPORT_ROWS_MOST) * REPORT_ROW_BYTES;
	case MODE_TUI: return SCREEN_BYTES;
	default: return 0;
	}
}

static uint64_t set_aside(const struct options *o, struct part parts[N_PARTS])
{
	uint64_t sum = 0;

	parts[PROGRAM] = (struct part){ "the program", PROGRAM_BYTES };
	parts[OUTPUT] = (struct part){ "lines that wait for a reader", service_output_bytes(o) };
	parts[CAPTURE] = (struct part){ "packets that wait to be read (-B, -s)", capture_bytes(o) };
	parts[FILES] = (struct part){ "what is read of files at once", files_bytes(o) };
	parts[METRICS] = (struct part){ "--metrics", o->metrics ? http_most_bytes(metrics_text_most(&o->metrics_by,
		o->n_interfaces)) : 0 };
	parts[VIEW] = (struct part){ o->mode == MODE_TUI ? "the screen" : "the report (--top)", view_bytes_of(o) };
	parts[ANALYSIS] = (struct part){ "connections at least", ANALYSIS_LEAST };
	for (size_t i = 0; i < N_PARTS; i++)
		sum += parts[i].bytes;
	return sum;
}

static void explain(const struct part parts[N_PARTS], uint64_t need, char *error, size_t size)
{
	size_t len = (size_t)snprintf(error, size, "this run needs %" PRIu64 "M at least:", (need + MIB - 1) / MIB);

	for (size_t i = 0; i < N_PARTS && len < size; i++)
		if (parts[i].bytes)
			len += (size_t)snprintf(error + len, size - len, "%s %.1fM %s", i ? "," : "",
				(double)parts[i].bytes / (double)MIB, parts[i].what);
}

/* Arrays of connections grow by doubling. In one heap the halves that they leave lie idle, up to as much again as is in
 * use; mapped one by one they go back to the system. */
void memory_init(void)
{
	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
}

bool memory_plan(const struct options *o, struct memory_plan *plan, char *error, size_t size)
{
	uint64_t all = o->memory_bytes ? o->memory_bytes : MEMORY_DEFAULT, rest, beside, view = 0;
	struct part parts[N_PARTS];
	/* Shares are of what is left beyond the least. */
	uint64_t need = set_aside(o, parts);

	*plan = (struct memory_plan){ 0 };
	if (need > all) {
		explain(parts, need, error, size);
		return false;
	}
	rest = all - need;
	plan->metrics_bytes = o->metrics ? rest / METRICS_SHARE : 0;
	plan->extract_bytes = o->extract ? (size_t)least(rest / EXTRACT_SHARE, EXTRACT_BYTES) : 0;
	if (o->mode == MODE_TUI || o->mode == MODE_FLOW)
		view = rest / VIEW_SHARE;
	/* arrays grow by doubling */
	plan->ladder_rows = least(view / 2 / sizeof(struct label), LADDER_MAX_ROWS);
	plan->list_rows = (uint32_t)least(view / LIST_ROW_BYTES, LIST_MAX_ROWS);
	if (plan->list_rows < LIST_LEAST_ROWS)
		plan->list_rows = LIST_LEAST_ROWS;
	beside = plan->metrics_bytes + plan->extract_bytes + view + rest / ALLOCATOR_SHARE;
	if (o->hash || o->extract)
		beside += (rest - beside) / STREAMS_SHARE;
	plan->beside_bytes = beside;
	plan->analysis_bytes = ANALYSIS_LEAST + rest - beside;
	/* A second analyzer reads the connection again that is looked at. */
	if (o->mode == MODE_TUI && !o->n_interfaces)
		plan->analysis_bytes /= 2;
	return true;
}

/* ---------------------------------------------------------------------------------------------- what is taken */

/* Memory of the process that is of no file. 0: not known. */
static uint64_t taken(int fd)
{
	char text[128], *next = text;
	ssize_t len = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
	uint64_t resident, shared;

	if (len <= 0)
		return 0;
	text[len] = '\0';
	strtoull(next, &next, 10); /* address space */
	resident = strtoull(next, &next, 10);
	shared = strtoull(next, &next, 10);
	return resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void memory_watch_init(struct memory_watch *w, const struct memory_plan *plan)
{
	*w = (struct memory_watch){ .plan = plan, .fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC) };
	w->begun_bytes = taken(w->fd);
}

void memory_watch_fini(struct memory_watch *w)
{
	if (w->plan && w->fd >= 0)
		close(w->fd);
	*w = (struct memory_watch){ .fd = -1 };
}

void memory_watch_look(struct memory_watch *w, struct tcpstat *tcpstat)
{
	uint64_t all = taken(w->fd), less = 0;
	const struct memory_plan *plan = w->plan;
	struct tcpstat_gauges gauges;

	if (!all)
		return;
	tcpstat_gauges(tcpstat, &gauges);
	if (all > w->begun_bytes + gauges.memory_bytes + plan->beside_bytes)
		less = all - w->begun_bytes - gauges.memory_bytes - plan->beside_bytes;
	/* What is taken elsewhere cannot be had back by taking everything from here. */
	tcpstat_limit_memory(tcpstat, plan->analysis_bytes - least(less, plan->analysis_bytes / LESS_SHARE));
}
