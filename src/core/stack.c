#include "core/stack.h"

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
