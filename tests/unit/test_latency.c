#include "core/latency.h"

#include "observe.h"

#include <criterion/criterion.h>

static const int64_t MS = 1000000;
static const int64_t UNKNOWN[2] = { TCPSTAT_NULL, TCPSTAT_NULL };

static struct observe o;
static struct latency l;
static int64_t half_ns[2];

static void setup(void)
{
	observe_init(&o);
	memset(&l, 0, sizeof l);
	memcpy(half_ns, UNKNOWN, sizeof half_ns);
}

static void teardown(void)
{
	latency_fini(&l, &o.budget);
	cr_assert_eq(o.budget.used, 0);
}

TestSuite(latency, .init = setup, .fini = teardown);

static void feed(enum tcpstat_dir dir, int64_t ms, uint16_t flags, uint32_t seq, uint32_t len, uint32_t ack)
{
	struct segment s = observe_segment(&o, dir, ms, flags, seq, len, ack, 500);

	latency_segment(&l, &o.budget, &s, half_ns);
}

static struct tcpstat_conn result(void)
{
	static struct tcpstat_conn conn;

	latency_snapshot(&l, &conn);
	return conn;
}

/* 10 ms between the client and the capture, 30 ms between the capture and the server, there and back. */
static void handshake(void)
{
	feed(C, 0, TH_SYN, 0, 0, 0);
	feed(S, 30, TH_SYN | TH_ACK, 0, 0, 1);
	feed(C, 40, TH_ACK, 1, 0, 1);
	half_ns[C] = 10 * MS;
	half_ns[S] = 30 * MS;
}

Test(latency, nothing_is_unknown)
{
	cr_assert_eq(result().latency.connect_ns, TCPSTAT_NULL);
	cr_assert_eq(result().latency.first_request_ns, TCPSTAT_NULL);
	cr_assert_eq(result().latency.response.count, 0);
	cr_assert_eq(result().latency.response.min_ns, TCPSTAT_NULL);
	cr_assert_eq(result().latency.client_wait.count, 0);
}

Test(latency, connect_counts_from_the_first_syn)
{
	feed(C, 0, TH_SYN, 0, 0, 0);
	feed(C, 1000, TH_SYN, 0, 0, 0);
	cr_assert_eq(result().latency.connect_ns, TCPSTAT_NULL);
	feed(S, 1030, TH_SYN | TH_ACK, 0, 0, 1);
	feed(C, 1040, TH_ACK, 1, 0, 1);
	feed(C, 1041, TH_ACK, 1, 0, 1);
	cr_assert_eq(result().latency.connect_ns, 1040 * MS);
}

Test(latency, connect_of_a_simultaneous_open)
{
	feed(C, 0, TH_SYN, 0, 0, 0);
	feed(S, 5, TH_SYN, 0, 0, 0);
	feed(C, 20, TH_SYN | TH_ACK, 0, 0, 1);
	cr_assert_eq(result().latency.connect_ns, 20 * MS);
}

Test(latency, a_refused_connection_has_none)
{
	feed(C, 0, TH_SYN, 0, 0, 0);
	feed(S, 30, TH_RST | TH_ACK, 0, 0, 1);
	cr_assert_eq(result().latency.connect_ns, TCPSTAT_NULL);
}

Test(latency, request_and_answer)
{
	handshake();
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(C, 52, TH_ACK, 101, 100, 1);               /* the request ends */
	feed(S, 82, TH_ACK, 1, 0, 201);
	feed(S, 132, TH_ACK, 1, 1000, 201);             /* 80 ms, of which 30 on the way */
	feed(S, 140, TH_ACK, 1001, 1000, 201);          /* the answer ends */
	feed(C, 150, TH_ACK, 201, 0, 2001);
	feed(C, 650, TH_ACK, 201, 100, 2001);           /* 510 ms, of which 10 on the way */
	feed(S, 690, TH_ACK, 2001, 10, 301);            /* 40 ms */
	cr_assert_eq(result().latency.first_request_ns, 50 * MS);
	cr_assert_eq(result().latency.response.count, 2);
	cr_assert_eq(result().latency.response.max_ns, 50 * MS);
	cr_assert_eq(result().latency.response.min_ns, 10 * MS);
	cr_assert_eq(result().latency.client_wait.count, 1);
	cr_assert_eq(result().latency.client_wait.p50_ns, 500 * MS);
}

Test(latency, an_unknown_way_stays_in)
{
	handshake();
	memcpy(half_ns, UNKNOWN, sizeof half_ns);
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(S, 130, TH_ACK, 1, 1000, 101);
	cr_assert_eq(result().latency.response.p50_ns, 80 * MS);
}

Test(latency, less_than_the_way_is_nothing)
{
	handshake();
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(S, 79, TH_ACK, 1, 1000, 101);
	cr_assert_eq(result().latency.response.p50_ns, 0);
}

Test(latency, data_that_knows_nothing_of_the_request_is_no_answer)
{
	handshake();
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(S, 51, TH_ACK, 1, 1000, 1);                /* already under way */
	cr_assert_eq(result().latency.response.count, 0);
	feed(S, 90, TH_ACK, 1001, 1000, 101);
	cr_assert_eq(result().latency.response.count, 1);
	cr_assert_eq(result().latency.response.p50_ns, 10 * MS);
}

Test(latency, a_pipelined_request_does_not_wait)
{
	handshake();
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(S, 90, TH_ACK, 1, 1000, 101);
	feed(C, 91, TH_ACK, 101, 100, 1);               /* has not seen the answer */
	feed(S, 130, TH_ACK, 1001, 1000, 201);
	cr_assert_eq(result().latency.client_wait.count, 0);
	cr_assert_eq(result().latency.response.count, 1);
}

Test(latency, a_lost_request_is_not_the_servers_time)
{
	handshake();
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(C, 290, TH_ACK, 1, 100, 1);
	feed(S, 325, TH_ACK, 1, 1000, 101);
	cr_assert_eq(result().latency.response.p50_ns, 5 * MS);
}

Test(latency, a_needless_repetition_is)
{
	handshake();
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(S, 80, TH_ACK, 1, 0, 101);
	feed(C, 81, TH_ACK, 1, 100, 1);
	feed(S, 180, TH_ACK, 1, 1000, 101);
	cr_assert_eq(result().latency.response.p50_ns, 100 * MS);
}

Test(latency, the_server_speaks_first)
{
	handshake();
	feed(S, 60, TH_ACK, 1, 30, 1);
	feed(C, 80, TH_ACK, 1, 10, 31);
	cr_assert_eq(result().latency.response.count, 0);
	cr_assert_eq(result().latency.client_wait.p50_ns, 10 * MS);
	cr_assert_eq(result().latency.first_request_ns, 80 * MS);
}

Test(latency, midstream_has_no_connect)
{
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(S, 90, TH_ACK, 1, 1000, 101);
	cr_assert_eq(result().latency.connect_ns, TCPSTAT_NULL);
	cr_assert_eq(result().latency.first_request_ns, TCPSTAT_NULL);
	cr_assert_eq(result().latency.response.p50_ns, 40 * MS);
}

Test(latency, without_memory_the_handshake_stays)
{
	o.budget.limit = 0;
	handshake();
	feed(C, 50, TH_ACK, 1, 100, 1);
	feed(S, 90, TH_ACK, 1, 1000, 101);
	cr_assert_eq(result().latency.connect_ns, 40 * MS);
	cr_assert_eq(result().latency.first_request_ns, 50 * MS);
	cr_assert_eq(result().latency.response.count, 0);
}
