#include "core/vantage.h"

#include <criterion/criterion.h>

#include "observe.h"

static const int64_t ms = 1000000;
static struct observe o;
static struct vantage v;

static void at(enum tcpstat_dir dir, int64_t time, uint16_t flags, uint32_t seq, uint32_t len, uint32_t ack)
{
	struct segment s = observe_segment(&o, dir, time, flags, seq, len, ack, 65535);

	vantage_segment(&v, &s);
}

static void start(void)
{
	observe_init(&o);
	vantage_init(&v);
}

TestSuite(vantage, .init = start);

static void handshake(int64_t server_ms, int64_t client_ms)
{
	at(C, 1000, TH_SYN, 0, 0, 0);
	at(S, 1000 + server_ms, TH_SYN | TH_ACK, 0, 0, 1);
	at(C, 1000 + server_ms + client_ms, TH_ACK, 1, 0, 1);
}

Test(vantage, halves_of_the_handshake)
{
	cr_assert_eq(vantage_of(&v), TCPSTAT_VANTAGE_UNKNOWN);
	handshake(30, 20);
	cr_assert_eq(vantage_half_ns(&v, TCPSTAT_SERVER), 30 * ms);
	cr_assert_eq(vantage_half_ns(&v, TCPSTAT_CLIENT), 20 * ms);
	cr_assert_eq(vantage_of(&v), TCPSTAT_VANTAGE_MIDDLE);
	cr_assert_not(vantage_is_near(&v, TCPSTAT_CLIENT));
}

Test(vantage, next_to_the_client)
{
	handshake(100, 1);
	cr_assert_eq(vantage_of(&v), TCPSTAT_VANTAGE_CLIENT);
	cr_assert(vantage_is_near(&v, TCPSTAT_CLIENT));
}

Test(vantage, next_to_the_server)
{
	handshake(1, 100);
	cr_assert_eq(vantage_of(&v), TCPSTAT_VANTAGE_SERVER);
}

Test(vantage, the_shortest_answer_counts_and_only_an_exact_one)
{
	handshake(30, 20);
	at(C, 2000, TH_ACK, 1, 100, 1);
	at(C, 2010, TH_ACK, 101, 100, 1);
	at(S, 2025, TH_ACK, 1, 0, 201); /* the second, after 15 ms */
	cr_assert_eq(vantage_half_ns(&v, TCPSTAT_SERVER), 15 * ms);
	at(C, 3000, TH_ACK, 201, 100, 1);
	at(S, 3001, TH_ACK, 1, 0, 250); /* acknowledges a part: no answer to anything known */
	cr_assert_eq(vantage_half_ns(&v, TCPSTAT_SERVER), 15 * ms);
}

Test(vantage, no_answer_to_what_was_repeated)
{
	handshake(30, 20);
	at(C, 2000, TH_ACK, 1, 100, 1);
	at(C, 2300, TH_ACK, 1, 100, 1);
	at(S, 2301, TH_ACK, 1, 0, 101); /* Karn: of which copy? */
	cr_assert_eq(vantage_half_ns(&v, TCPSTAT_SERVER), 30 * ms);
}

Test(vantage, resets_say_nothing)
{
	at(C, 1000, TH_SYN, 0, 0, 0);
	at(S, 1001, TH_RST | TH_ACK, 0, 0, 1);
	cr_assert_eq(vantage_half_ns(&v, TCPSTAT_SERVER), 0);
}
