#include "core/tcpstat.h"

#include <criterion/criterion.h>

Test(name, states_are_named_as_in_the_rfc)
{
	cr_assert_str_eq(tcpstat_state_name(TCPSTAT_EP_CLOSED), "CLOSED");
	cr_assert_str_eq(tcpstat_state_name(TCPSTAT_EP_SYN_RECEIVED), "SYN-RECEIVED");
	cr_assert_str_eq(tcpstat_state_name(TCPSTAT_EP_TIME_WAIT), "TIME-WAIT");
	cr_assert_eq(TCPSTAT_NSTATES, 11);
}

Test(name, unknown_has_no_name)
{
	cr_assert_null(tcpstat_cause_name(TCPSTAT_CAUSE_UNKNOWN));
	cr_assert_null(tcpstat_lost_name(TCPSTAT_LOST_UNKNOWN));
	cr_assert_null(tcpstat_vantage_name(TCPSTAT_VANTAGE_UNKNOWN));
}

Test(name, out_of_range_has_no_name)
{
	cr_assert_null(tcpstat_state_name(TCPSTAT_NSTATES));
	cr_assert_null(tcpstat_state_name((enum tcpstat_state)-1));
	cr_assert_null(tcpstat_limit_name(TCPSTAT_NLIMITS));
	cr_assert_null(tcpstat_overlap_name(TCPSTAT_NOVERLAPS));
}

Test(name, errors_have_a_text)
{
	cr_assert_str_eq(tcpstat_strerror(0), "no error");
	cr_assert_str_eq(tcpstat_strerror(TCPSTAT_ENOMEM), "out of memory");
	cr_assert_str_eq(tcpstat_strerror(-99), "unknown error");
}
