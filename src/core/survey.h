/* What only the whole capture shows: counts by server port, by host that resets and by host that holds TIME-WAIT, fed
 * with each connection that leaves; at the end the findings about them and about the capture itself (conn 0). While a
 * live capture goes on, what holds by then is told once: for that the connections that are there are counted too.
 *
 * Bounded: SURVEY_MAX entries of the budget, grown as they come; what finds no place is not counted. A zeroed struct
 * with budget and seed is empty. */
#ifndef TCPSTAT_SURVEY_H
#define TCPSTAT_SURVEY_H

#include "core/emit.h"
#include "core/watch.h"

enum { SURVEY_MAX = 4096, SURVEY_TOLD = 32, SURVEY_FRAMES = TCPSTAT_CENSUS_FRAMES, SURVEY_KEY_WORDS = 5 };

struct survey_entry;

/* Packets that show one thing of the capture. */
struct survey_sample {
	uint64_t count, sum;            /* connections; what was counted in them */
	uint64_t frames[SURVEY_FRAMES];
	uint32_t n;
};

/* What keys are hashed with. */
struct survey_secrets {
	uint64_t seed, of_word[SURVEY_KEY_WORDS], of_hash[SURVEY_KEY_WORDS];
};

struct survey {
	struct budget *budget;
	uint64_t seed;
	struct survey_secrets slots_by, sources_by; /* set with the first slots */
	struct survey_entry *slots;
	size_t n_slots, n_used;
	uint64_t connections, segments;
	struct survey_sample gaps, cut, copies, one_sided, offload;
	struct tcpstat_totals *totals;  /* NULL: nobody wants them */
	uint64_t told[SURVEY_TOLD];     /* what was told while it goes on */
	uint32_t n_told;
};

/* What a connection that leaves gives to the counts. `watch` may be NULL; `acked`: somebody acknowledged what `d` sent,
 * by direction. */
void survey_census(struct tcpstat_census *, const struct tcpstat_conn *, const struct watch *, const bool acked[2]);
/* Counts it. */
void survey_add(struct survey *, const struct tcpstat_census *);
/* Emits the findings. */
void survey_finish(struct survey *, const struct tcpstat_counters *, const struct emitter *, int64_t now_ns);
/* The same before the end: survey_add the connections that have not left to `now`, between these two. False: no memory,
 * then there is no look. */
bool survey_begin_look(struct survey *now, const struct survey *);
void survey_end_look(struct survey *now, struct survey *, const struct tcpstat_counters *, const struct emitter *,
	int64_t now_ns);
void survey_fini(struct survey *);

#endif
