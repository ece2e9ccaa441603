#include "core/stack.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tcp_view syn(uint8_t ttl, uint16_t wnd, int wscale)
{
	struct tcp_view v = { .ttl = ttl, .wnd = wnd, .flags = TH_SYN };

	v.opts.has_wscale = wscale >= 0;
	v.opts.wscale = (uint8_t)(wscale < 0 ? 0 : wscale);
	return v;
}

Test(stack, is_recognised_by_its_syn)
{
	struct tcp_view linux6 = syn(64, 64240, 7), macos = syn(64, 65535, 6), freebsd = syn(61, 65535, 6);
	struct tcp_view windows = syn(128, 65535, 8), router = syn(255, 4128, -1), large = syn(64, 65535, 9);

	cr_assert_eq(stack_of_syn(&linux6), &stack_linux);
	cr_assert_eq(stack_of_syn(&macos), &stack_bsd);
	cr_assert_eq(stack_of_syn(&freebsd), &stack_bsd);
	cr_assert_eq(stack_of_syn(&windows), &stack_windows);
	cr_assert_eq(stack_of_syn(&router), &stack_rfc);
	cr_assert_eq(stack_of_syn(&large), &stack_linux, "a scale that BSD does not use");
}

Test(stack, without_a_syn_by_ttl)
{
	struct tcp_view near = { .ttl = 64, .wnd = 65535 }, far = { .ttl = 40 }, windows = { .ttl = 110 };

	cr_assert_eq(stack_of_segment(&near), &stack_linux);
	cr_assert_eq(stack_of_segment(&far), &stack_linux);
	cr_assert_eq(stack_of_segment(&windows), &stack_windows);
}

Test(stack, floors_are_what_the_systems_have)
{
	cr_assert_eq(stack_linux.rto_min_ns, 200000000);
	cr_assert_eq(stack_windows.rto_min_ns, 300000000);
	cr_assert_eq(stack_rfc.rto_min_ns, 1000000000, "RFC 6298 (2.4)");
	cr_assert_null(stack_rfc.name);
	cr_assert_not(stack_bsd.probes);
}
