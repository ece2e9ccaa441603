/* Segments for the tests of the trackers that watch one connection, and the events that they emit. Sequence numbers are
 * relative as tcpdump prints them (the SYN is 0), times milliseconds. */
#ifndef OBSERVE_H
#define OBSERVE_H

#include "core/emit.h"
#include "core/pool.h"
#include "core/segment.h"

#include <string.h>

#define C TCPSTAT_C2S
#define S TCPSTAT_S2C

enum { MAX_EVENTS = 64 };

struct observe {
	struct tcpstat_config config;
	struct emitter emitter;
	struct budget budget;
	struct tcp_view view;
	uint64_t frame;
	unsigned scale;                 /* shift of the windows after the handshake */
	bool no_scale_known;
	struct tcpstat_event event[MAX_EVENTS];
	unsigned n_events;
};

static inline void observe_event(void *ctx, const struct tcpstat_event *ev)
{
	struct observe *o = ctx;

	if (o->n_events < MAX_EVENTS)
		o->event[o->n_events] = *ev;
	o->n_events++;
}

static inline void observe_init(struct observe *o)
{
	memset(o, 0, sizeof *o);
	o->config.events = ~0u;
	o->config.event = observe_event;
	o->config.ctx = o;
	o->emitter.config = &o->config;
	o->emitter.conn = 7;
	o->budget.limit = 1 << 20;
}

static inline struct segment observe_segment(struct observe *o, enum tcpstat_dir dir, int64_t ms, uint16_t flags,
	uint32_t seq, uint32_t len, uint32_t ack, uint16_t wnd)
{
	o->view = (struct tcp_view){ .seq = 1000 + seq, .ack = 1000 + ack, .flags = flags, .wnd = wnd, .len = len };
	return (struct segment){
		.view = &o->view, .ts = ms * 1000000, .frame = ++o->frame, .dir = dir, .flags = flags, .len = len,
		.seq = SEQ_ISN + seq, .end = SEQ_ISN + seq + len + !!(flags & TH_SYN) + !!(flags & TH_FIN),
		.ack = SEQ_ISN + ack, .wnd = flags & TH_SYN ? wnd : (uint64_t)wnd << o->scale,
		.wnd_shift = flags & TH_SYN ? 0 : (uint8_t)o->scale,
		.wnd_exact = flags & TH_SYN || !o->no_scale_known
	};
}

static inline void observe_timestamps(struct observe *o, uint32_t ts_val, uint32_t ts_ecr)
{
	o->view.opts.has_ts = true;
	o->view.opts.ts_val = ts_val;
	o->view.opts.ts_ecr = ts_ecr;
}

#endif
