/* The walk through the layers of one frame: what is shared by the files that decode.
 *
 * Each layer is a function that takes the walk with `s` at its header, and calls the next layer or ends the walk by raising
 * one counter. The IP fields of out->tcp always hold the innermost IP header met so far. */
#ifndef TCPSTAT_WALK_H
#define TCPSTAT_WALK_H

#include "core/bytes.h"
#include "core/decode.h"
#include "core/frag.h"

/* The bytes ahead. cap <= wire, except that nothing is known of `wire` beyond what the outer headers claim. */
struct span {
	const uint8_t *p;
	uint32_t cap;                   /* captured */
	uint32_t wire;                  /* there on the wire, by the frame and the outer headers */
};

static inline bool span_has(const struct span *s, uint32_t n)
{
	return s->cap >= n;
}

/* Past n captured bytes. */
static inline void span_skip(struct span *s, uint32_t n)
{
	s->p += n;
	s->cap -= n;
	s->wire -= n;
}

/* A header says that n bytes are ahead: what is behind them is padding. A header may claim more than the frame had. */
static inline void span_set_len(struct span *s, uint32_t n)
{
	s->wire = n;
	if (s->cap > n)
		s->cap = n;
}

enum {
	WALK_MAX_DEPTH = 32             /* headers of encapsulation (tags, labels, tunnels, IP and extension headers) */
};

struct decoder {
	struct budget *budget;
	struct tcpstat_counters *counters;
	bool checksums;
	struct frag_table frags;
};

struct walk {
	struct decoder *d;
	const struct tcpstat_pkt *pkt;
	struct decoded *out;
	struct span s;
	unsigned depth;
};

#define WALK_COUNT(w, counter) ((w)->d->counters->counter++)

/* One header deeper. false: too deep, counted; the walk ends. */
static inline bool walk_enter(struct walk *w)
{
	if (w->depth++ < WALK_MAX_DEPTH)
		return true;
	WALK_COUNT(w, too_deep);
	return false;
}

/* Into a tunnel; `name` is static. */
static inline void walk_tunnel(struct walk *w, const char *name)
{
	if (!w->out->tcp.tunnel)
		WALK_COUNT(w, tunnelled);
	w->out->tcp.tunnel = name;
}

/* link.c: the layers below IP */
void link_frame(struct walk *);                         /* by pkt->linktype */
void link_ethernet(struct walk *);
void link_ethertype(struct walk *, uint16_t type);      /* s: behind the type */

/* ip.c */
void ip_any(struct walk *);                             /* the version field decides */
void ip_v4(struct walk *);
void ip_v6(struct walk *);
void ip_payload(struct walk *, uint8_t protocol);       /* s: trimmed to the IP payload */

/* tcp.c */
void tcp_segment(struct walk *);                        /* s: trimmed to the segment */

#endif
