#include "sink/tui/filter.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct tcpstat_conn connection(void)
{
	struct tcpstat_conn c = { .number = 7, .port = { 40000, 443 } };
	int i;

	for (i = 0; i < 2; i++) {
		c.addr[i] = (struct tcpstat_addr){ .family = 4, .bytes = { 192, 0, 2, (uint8_t)(i + 1) } };
		c.half[i].retransmissions.total = 2 + i;
		c.half[i].retransmissions.ratio = 0.01 * (i + 1);
		c.half[i].retransmissions.by_cause[TCPSTAT_CAUSE_RTO] = i;
		c.half[i].rtt.count = 3;
		c.half[i].rtt.p50_ns = 30000000 * (i + 1);
		c.half[i].payload_bytes = 1500 * (i + 1);
		c.half[i].srtt_ns = TCPSTAT_NULL;
		c.half[i].limits[TCPSTAT_LIMIT_RECEIVER_WINDOW] = NAN;
		c.half[i].stack = i ? "linux" : NULL;
	}
	c.close.state[0] = TCPSTAT_EP_TIME_WAIT;
	c.close.state[1] = TCPSTAT_EP_CLOSED;
	c.close.how = TCPSTAT_CLOSE_FIN;
	c.close.by = TCPSTAT_SERVER;
	c.duration_ns = 2500000000;
	return c;
}

static bool holds(const char *text)
{
	struct tcpstat_conn c = connection();
	char error[FILTER_ERROR];
	struct filter f;

	cr_assert_eq(filter_parse(&f, text, error), 0, "%s: %s", text, error);
	cr_assert_str_empty(error);
	return filter_matches(&f, &c);
}

static const char *fault(const char *text)
{
	static char error[FILTER_ERROR];
	struct filter f;

	cr_assert_eq(filter_parse(&f, text, error), -1, "%s", text);
	cr_assert_neq(*error, '\0', "%s", text);
	return error;
}

Test(filter, names_of_fields)
{
	cr_assert(holds("conn = 7"));
	cr_assert(holds("c2s.retransmissions.total = 2"));
	cr_assert(holds("s2c.retransmissions.total = 3"));
	cr_assert(holds("retransmissions.total = 5"), "what counts is the sum of both directions");
	cr_assert(holds("retx = 5"));
	cr_assert(holds("RETX = 5"));
	cr_assert(holds("retransmissions.by_cause.rto = 1"));
	cr_assert(holds("server.port = 443"));
	cr_assert(holds("client_state = TIME-WAIT"));
	cr_assert(holds("close.how = FIN"));
	cr_assert_str_eq(fault("retransmissions = 5"), "no field 'retransmissions': handshake.syn_retransmissions?");
	cr_assert_str_eq(fault("no_such_thing > 1"), "no field 'no_such_thing'");
	cr_assert_str_eq(fault("timeoutz > 1"), "no field 'timeoutz': timeouts?");
	cr_assert_str_eq(fault("durations > 1"), "no field 'durations': duration?");
	cr_assert_str_eq(fault("rtt > 1 and x"), "no field 'x'");
}

Test(filter, what_measures_is_the_greater_one_in_any_unit)
{
	cr_assert(holds("rtt_us.p50 = 60000"));
	cr_assert(holds("rtt_ms = 60"));
	cr_assert(holds("rtt_s < 0.1"));
	cr_assert(holds("rtt > 50ms and rtt < 0.1s"), "a unit at the value");
	cr_assert(holds("rtt_ms > 50ms and not rtt_ms > 61ms"));
	cr_assert(holds("c2s.rtt_us.p50 = 30000"));
	cr_assert(holds("retransmissions.ratio >= 2%"));
	cr_assert_not(holds("retransmissions.ratio > 2%"));
	cr_assert(holds("duration_s = 2.5"));
	cr_assert(holds("up = 1.5k and down = 3k and bytes = 4500"));
}

Test(filter, operators)
{
	cr_assert(holds("retx==5 && !(retx!=5)"));
	cr_assert(holds("retx>=5 and retx<=5"));
	cr_assert(holds("retx>5 or retx<6"));
	cr_assert(holds("retx>5 or retx>6 or conn=7"));
	cr_assert_not(holds("conn=7 and retx>5 or conn=8"));
	cr_assert(holds("conn=7 or retx>5 and conn=8"), "and binds tighter");
	cr_assert(holds("not retx>5"));
	cr_assert(holds("not not retx"));
	cr_assert(holds("(((conn=7)))"));
	cr_assert(holds("client.addr ~ 0.2.1"));
	cr_assert_not(holds("client.addr ~ 0.2.2"));
	cr_assert(holds("client.addr = \"192.0.2.1\""));
	cr_assert(holds("close.by != client"));
}

Test(filter, what_is_not_known_matches_nothing)
{
	cr_assert_not(holds("c2s.srtt_us > 0"));
	cr_assert_not(holds("c2s.srtt_us <= 0"));
	cr_assert_not(holds("c2s.srtt_us"));
	cr_assert_not(holds("c2s.stack = linux"));
	cr_assert_not(holds("c2s.stack != linux"));
	cr_assert(holds("s2c.stack = linux"));
	cr_assert_not(holds("limits.receiver_window < 2"));
}

Test(filter, faults_are_told)
{
	cr_assert_str_eq(fault("retx >"), "a value is missing at the end");
	cr_assert_str_eq(fault("retx > > 1"), "a value is missing before '> 1'");
	cr_assert_str_eq(fault("retx > many"), "not a number: 'many'");
	cr_assert_str_eq(fault("(retx > 1"), "a ) is missing");
	cr_assert_str_eq(fault("retx > 1)"), "not understood: ')'");
	cr_assert_str_eq(fault("> 1"), "a field is missing before '>'");
	cr_assert_str_eq(fault("retx > 1 and"), "a field is missing");
	cr_assert_str_eq(fault(""), "a field is missing");
	cr_assert_str_eq(fault("stack = \"linux"), "a quote is missing after 'linux'");
}

Test(filter, hostile_expressions_end)
{
	char text[4000] = "";
	int i;

	for (i = 0; i < 1000; i++)
		text[i] = '(';
	cr_assert_str_eq(fault(text), "nested too deep");
	memset(text, '!', 1000);
	cr_assert_str_eq(fault(text), "nested too deep");
	*text = '\0';
	for (i = 0; i < 100; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%sretx>1", i ? " or " : "");
	cr_assert_str_eq(fault(text), "the expression is too long");
	memset(text, 'a', 1000);
	text[1000] = '\0';
	fault(text);
}
