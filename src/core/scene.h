/* What a connection knows when a segment passes, and trackers cannot know by themselves. */
#ifndef TCPSTAT_SCENE_H
#define TCPSTAT_SCENE_H

#include <stdbool.h>
#include <stdint.h>

/* Changes of state that one segment brought about, in order. More of them than there is room for say nothing new. */
enum { STATE_CHANGES_MAX = 24 };

struct state_changes {
	uint8_t n;
	uint8_t of[STATE_CHANGES_MAX];  /* enum tcpstat_endpoint << 4 | enum tcpstat_state that it left */
};

enum scene_kind {
	SCENE_SEGMENT,
	SCENE_FAR,                      /* a segment that is not believed yet: only reassembly has means to tell */
	SCENE_TIMER,                    /* none: a timer moved endpoints, at its time */
	SCENE_STRAY                     /* a SYN in the midst of a connection; it says nothing but that */
};

struct scene {
	enum scene_kind kind;
	uint8_t state[2];               /* enum tcpstat_state of both endpoints after the segment */
	uint8_t history;                /* letters that the connection's history had by then */
	uint16_t mss[2];                /* of a SYN: what each endpoint may send, payload bytes; 0 unknown */
	struct state_changes changes;
};

#endif
