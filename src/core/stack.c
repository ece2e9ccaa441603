#include "core/stack.h"

#include <string.h>

#include "core/words.h"

enum { MS = 1000000 };

const struct stack stack_linux = { "linux", 200 * MS, 4 * MS, 200 * MS, true, true, 10 };
const struct stack stack_windows = { "windows", 300 * MS, 1 * MS, 50 * MS, false, true, 10 };
const struct stack stack_bsd = { "bsd", 230 * MS, 1 * MS, 100 * MS, false, false, 10 };
const struct stack stack_rfc = { NULL, 1000 * MS, 1 * MS, 200 * MS, false, false, 10 };

const struct stack *stack_of_segment(const struct tcp_view *v)
{
	return v->ttl > 128 ? &stack_rfc : v->ttl > 64 ? &stack_windows : &stack_linux;
}

const struct stack *stack_of_syn(const struct tcp_view *v)
{
	/* macOS, iOS and FreeBSD open with the largest window and a small scale; Linux with a multiple of the MSS. */
	if (v->ttl <= 64 && v->wnd == 65535 && v->opts.has_wscale && v->opts.wscale >= 3 && v->opts.wscale <= 6)
		return &stack_bsd;
	return stack_of_segment(v);
}

void stack_sign_note(struct stack_sign *sign, const struct tcp_view *v)
{
	*sign = (struct stack_sign){ .wnd = v->wnd, .mss = v->opts.mss, .ttl = v->ttl, .wscale = v->opts.wscale,
		.syn = v->flags & TH_SYN, .has_wscale = v->opts.has_wscale, .has_ts = v->opts.has_ts,
		.has_mss = v->opts.has_mss };
}

static void add_number(struct words *w, const char *label, int64_t n)
{
	words_add(w, label);
	words_number(w, n);
}

void stack_why(const struct stack_sign *sign, char text[STACK_WHY_MAX])
{
	struct words w;
	size_t len;

	w.len = 0;
	if (sign->ttl)
		add_number(&w, "TTL ", sign->ttl);
	if (sign->ttl && sign->syn) {
		add_number(&w, ", window ", sign->wnd);
		if (sign->has_mss)
			add_number(&w, ", MSS ", sign->mss);
		if (sign->has_wscale)
			add_number(&w, ", scale ", sign->wscale);
		if (sign->has_ts)
			words_add(&w, ", timestamps");
	}
	len = w.len < STACK_WHY_MAX ? w.len : STACK_WHY_MAX - 1;
	memcpy(text, w.text, len);
	text[len] = '\0';
}
