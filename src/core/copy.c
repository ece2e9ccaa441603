#include "core/copy.h"

static uint64_t mix(uint64_t print, uint64_t value)
{
	print = (print ^ value) * 0x9e3779b97f4a7c15u;
	return print ^ print >> 29;
}

/* What two copies have in common. */
static inline uint64_t print_of(const struct segment *s)
{
	const struct tcp_view *v = s->view;
	uint64_t print = mix(v->ip_id, (uint64_t)v->seq << 32 | v->ack);

	print = mix(print, (uint64_t)v->flags << 48 | (uint64_t)v->wnd << 32 | v->len);
	if (v->opts.has_ts)
		print = mix(print, (uint64_t)v->opts.ts_val << 32 | v->opts.ts_ecr);
	for (unsigned i = 0; i < s->n_sack; i++)
		print = mix(print, (uint64_t)v->opts.sack[i][0] << 32 | v->opts.sack[i][1]);
	return print;
}

static bool can_tell(const struct segment *s)
{
	if (s->flags & TH_SYN)
		return false;
	return (s->view->has_ip_id && s->view->ip_id) || (!s->len && s->n_sack && s->view->opts.has_ts);
}

static bool is_among(const uint64_t prints[COPY_SLOTS], uint64_t print)
{
#ifdef __GNUC__
#pragma GCC unroll 8
#endif
	for (unsigned i = 0; i < COPY_SLOTS; i++)
		if (prints[i] == print)
			return true;
	return false;
}

bool copy_seen(struct copy *c, const struct segment *s)
{
	if (!can_tell(s))
		return false;
	uint64_t *prints = c->print[s->dir], print = print_of(s) | 1;
	uint8_t *next = &c->next[s->dir];
	if (is_among(prints, print))
		return true;
	prints[*next] = print;
	*next = (*next + 1) % COPY_SLOTS;
	return false;
}

uint32_t copy_print(const struct segment *s)
{
	return can_tell(s) ? (uint32_t)(print_of(s) >> 32) | 1 : 0;
}
