#include "core/endpoint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { C, S };                          /* who sends */

static struct endpoints es;
static struct tcpstat_config config;
static uint64_t top[2];
static char said[4096];                 /* "c snd_syn SYN-SENT; s rcv_syn? SYN-RECEIVED; ...": ? is provisional */

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	size_t n = strlen(said);

	(void)ctx;
	cr_assert_neq(ev->state.from, ev->state.to);
	snprintf(said + n, sizeof said - n, "%c %s%s %s; ", ev->state.endpoint ? 's' : 'c', ev->state.trigger,
		ev->state.provisional ? "?" : "", tcpstat_state_name(ev->state.to));
}

static void setup(void)
{
	config = (struct tcpstat_config){ .events = TCPSTAT_MASK(TCPSTAT_EV_STATE), .event = on_event };
	endpoints_init(&es, TCPSTAT_EP_CLOSED, TCPSTAT_EP_LISTEN);
	top[0] = top[1] = SEQ_ISN;
	said[0] = '\0';
}

/* A segment by numbers relative to the ISNs; `rst_ok` tells whether its receiver obeys. */
static void send_rst(int from, uint16_t flags, uint64_t seq, uint64_t ack, bool rst_ok)
{
	struct emitter e = { .config = &config, .conn = 1 };
	struct segment s = { .dir = (enum tcpstat_dir)from, .flags = flags, .seq = SEQ_ISN + seq, .end = SEQ_ISN + seq,
		.ack = SEQ_ISN + ack };

	endpoints_segment(&es, &s, top[from], rst_ok, &e);
}

static void snd(int from, uint16_t flags, uint64_t seq, uint32_t len, uint64_t ack)
{
	struct emitter e = { .config = &config, .conn = 1 };
	struct segment s = { .dir = (enum tcpstat_dir)from, .flags = flags, .len = len, .seq = SEQ_ISN + seq,
		.end = SEQ_ISN + seq + len + !!(flags & TH_SYN) + !!(flags & TH_FIN), .ack = SEQ_ISN + ack };

	endpoints_segment(&es, &s, top[from], false, &e);
	if (s.end > top[from])
		top[from] = s.end;
}

static void expect(const char *what)
{
	cr_assert_str_eq(said, what);
	said[0] = '\0';
}

static void expect_states(enum tcpstat_state client, enum tcpstat_state server)
{
	cr_assert_str_eq(tcpstat_state_name(es.ep[0].state), tcpstat_state_name(client));
	cr_assert_str_eq(tcpstat_state_name(es.ep[1].state), tcpstat_state_name(server));
}

static void open_connection(void)
{
	snd(C, TH_SYN, 0, 0, 0);
	snd(S, TH_SYN | TH_ACK, 0, 0, 1);
	snd(C, TH_ACK, 1, 0, 1);
}

/* ... and both have proved that they are there */
static void open_proven(void)
{
	open_connection();
	snd(S, TH_ACK, 1, 100, 1);
	snd(C, TH_ACK, 1, 0, 101);
	said[0] = '\0';
}

TestSuite(endpoint, .init = setup);

Test(endpoint, opens_and_closes)
{
	snd(C, TH_SYN, 0, 0, 0);
	expect("c snd_syn SYN-SENT; s rcv_syn? SYN-RECEIVED; ");
	snd(S, TH_SYN | TH_ACK, 0, 0, 1);
	expect("c rcv_synack? ESTABLISHED; ");
	cr_assert_not(endpoint_is_provisional(&es.ep[S]), "a SYN-ACK proves the SYN");
	snd(C, TH_ACK, 1, 0, 1);
	expect("s rcv_ack? ESTABLISHED; ");
	cr_assert_not(endpoint_is_provisional(&es.ep[C]));
	snd(C, TH_FIN | TH_ACK, 1, 0, 1);
	expect("c snd_fin FIN-WAIT-1; s rcv_fin? CLOSE-WAIT; ");
	snd(S, TH_ACK, 1, 0, 2);
	expect("c rcv_ack_of_fin? FIN-WAIT-2; ");
	cr_assert_not(endpoint_is_provisional(&es.ep[S]));
	snd(S, TH_FIN | TH_ACK, 1, 0, 2);
	expect("s snd_fin LAST-ACK; c rcv_fin? TIME-WAIT; ");
	snd(C, TH_ACK, 2, 0, 2);
	expect("s rcv_ack_of_fin? CLOSED; ");
	cr_assert_not(endpoint_is_provisional(&es.ep[C]));
	struct emitter e = { .config = &config, .conn = 1 };
	endpoints_timeout(&es, false, 0, &e);
	expect("c timeout_2msl CLOSED; ");
}

Test(endpoint, fin_with_the_ack_of_the_fin_passes_fin_wait_2)
{
	open_proven();
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	said[0] = '\0';
	snd(S, TH_FIN | TH_ACK, 101, 0, 2);
	expect("s snd_fin LAST-ACK; c rcv_ack_of_fin? FIN-WAIT-2; c rcv_fin? TIME-WAIT; ");
}

Test(endpoint, both_open_at_once)
{
	snd(C, TH_SYN, 0, 0, 0);
	said[0] = '\0';
	snd(S, TH_SYN, 0, 0, 0);
	expect("s rollback_rcv_syn LISTEN; s snd_syn SYN-SENT; s rcv_syn? SYN-RECEIVED; c rcv_syn? SYN-RECEIVED; ");
	snd(C, TH_SYN | TH_ACK, 0, 0, 1);
	expect("s rcv_synack? ESTABLISHED; ");
	snd(S, TH_SYN | TH_ACK, 0, 0, 1);
	expect("c rcv_synack? ESTABLISHED; ");
	snd(C, TH_ACK, 1, 10, 1);
	snd(S, TH_ACK, 1, 0, 11);
	expect("");
	cr_assert_not(endpoint_is_provisional(&es.ep[C]));
	cr_assert_not(endpoint_is_provisional(&es.ep[S]));
}

Test(endpoint, both_close_at_once)
{
	open_proven();
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	said[0] = '\0';
	snd(S, TH_FIN | TH_ACK, 101, 0, 1); /* without having got the other FIN */
	expect("s rollback_rcv_fin ESTABLISHED; s snd_fin FIN-WAIT-1; s rcv_fin? CLOSING; c rcv_fin? CLOSING; ");
	snd(C, TH_ACK, 2, 0, 102);
	expect("s rcv_ack_of_fin? TIME-WAIT; ");
	snd(S, TH_ACK, 102, 0, 2);
	expect("c rcv_ack_of_fin? TIME-WAIT; ");
}

Test(endpoint, third_ack_lost)
{
	open_connection();
	said[0] = '\0';
	snd(S, TH_SYN | TH_ACK, 0, 0, 1);
	expect("s rollback_rcv_ack SYN-RECEIVED; ");
	snd(C, TH_ACK, 1, 0, 1);
	expect("s rcv_ack? ESTABLISHED; ");
	snd(S, TH_ACK, 1, 5, 1);
	cr_assert_not(endpoint_is_provisional(&es.ep[S]));
}

Test(endpoint, synack_lost)
{
	snd(C, TH_SYN, 0, 0, 0);
	snd(S, TH_SYN | TH_ACK, 0, 0, 1);
	said[0] = '\0';
	snd(C, TH_SYN, 0, 0, 0);
	expect("c rollback_rcv_synack SYN-SENT; ");
	expect_states(TCPSTAT_EP_SYN_SENT, TCPSTAT_EP_SYN_RECEIVED);
}

Test(endpoint, ack_of_the_fin_lost)
{
	open_proven();
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	snd(S, TH_ACK, 101, 0, 2);
	said[0] = '\0';
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	expect("c rollback_rcv_ack_of_fin FIN-WAIT-1; ");
	snd(S, TH_ACK, 101, 0, 2);
	expect("c rcv_ack_of_fin? FIN-WAIT-2; ");
}

Test(endpoint, last_fin_lost_with_its_ack)
{
	open_proven();
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	snd(S, TH_FIN | TH_ACK, 101, 0, 2);
	said[0] = '\0';
	snd(C, TH_FIN | TH_ACK, 1, 0, 101); /* neither came */
	expect("c rollback_rcv_ack_of_fin FIN-WAIT-1; ");
	snd(S, TH_FIN | TH_ACK, 101, 0, 2);
	expect("c rcv_ack_of_fin? FIN-WAIT-2; c rcv_fin? TIME-WAIT; ");
	snd(C, TH_ACK, 2, 0, 102);
	expect("s rcv_ack_of_fin? CLOSED; ");
}

Test(endpoint, a_fin_behind_a_hole_is_not_received)
{
	open_proven();
	snd(C, TH_FIN | TH_ACK, 1001, 500, 101);
	expect("c snd_fin FIN-WAIT-1; ");
	snd(C, TH_ACK, 1, 1000, 101);
	expect("");
	snd(S, TH_ACK, 101, 0, 1502);
	expect("s rcv_fin CLOSE-WAIT; c rcv_ack_of_fin? FIN-WAIT-2; ");
}

Test(endpoint, closed_while_data_was_queued)
{
	open_proven();
	snd(C, TH_ACK, 1, 3000, 101);
	snd(S, TH_FIN | TH_ACK, 101, 0, 1);     /* as it left, nothing of the 3000 had arrived */
	snd(C, TH_ACK, 3001, 1000, 102);
	said[0] = '\0';
	snd(C, TH_FIN | TH_ACK, 4001, 500, 102); /* less than what was in flight followed, and the FIN with it */
	expect("c rollback_rcv_fin ESTABLISHED; c snd_fin FIN-WAIT-1; c rcv_fin CLOSING; s rcv_fin? TIME-WAIT; ");
}

/* Both close at once, and the client's FIN is lost behind the capture. */
Test(endpoint, a_fin_repeated_after_the_peers_was_received_later)
{
	open_proven();
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	snd(S, TH_FIN | TH_ACK, 101, 0, 1);
	snd(C, TH_ACK, 2, 0, 102);
	expect("c snd_fin FIN-WAIT-1; s rcv_fin? CLOSE-WAIT; s rollback_rcv_fin ESTABLISHED; s snd_fin FIN-WAIT-1; "
	       "s rcv_fin? CLOSING; c rcv_fin? CLOSING; s rcv_ack_of_fin? TIME-WAIT; ");
	snd(C, TH_FIN | TH_ACK, 1, 0, 102);
	expect("s rollback_rcv_fin FIN-WAIT-1; s rcv_ack_of_fin? FIN-WAIT-2; s rcv_fin? TIME-WAIT; ");
	snd(S, TH_ACK, 102, 0, 2);
	expect("c rcv_ack_of_fin? TIME-WAIT; ");
}

/* ... lost before the capture: only the sequence numbers after it tell that it left before the server's came. */
Test(endpoint, a_fin_that_shows_first_when_it_is_repeated)
{
	open_proven();
	snd(S, TH_ACK, 101, 100, 1);
	snd(S, TH_FIN | TH_ACK, 201, 0, 1);
	snd(C, TH_ACK, 2, 0, 201);
	snd(C, TH_ACK, 2, 0, 202);
	said[0] = '\0';
	snd(C, TH_FIN | TH_ACK, 1, 0, 202);
	expect("c rollback_rcv_fin ESTABLISHED; c snd_fin FIN-WAIT-1; c rcv_fin CLOSING; s rcv_fin? TIME-WAIT; ");
}

Test(endpoint, a_fin_left_before_the_reset_came)
{
	open_proven();
	snd(S, TH_FIN | TH_ACK, 101, 0, 1);
	send_rst(S, TH_RST, 102, 0, true);
	said[0] = '\0';
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	expect("c rollback_rcv_rst CLOSE-WAIT; c rollback_rcv_fin ESTABLISHED; c snd_fin FIN-WAIT-1; "
	       "c rcv_fin? CLOSING; c rcv_rst? CLOSED; ");
}

Test(endpoint, half_close)
{
	open_proven();
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	snd(S, TH_ACK, 101, 1000, 2);
	snd(C, TH_ACK, 2, 0, 1101);
	snd(S, TH_ACK, 1101, 1000, 2);
	said[0] = '\0';
	snd(S, TH_FIN | TH_ACK, 2101, 10, 2);
	expect("s snd_fin LAST-ACK; c rcv_fin? TIME-WAIT; ");
}

Test(endpoint, refused)
{
	snd(C, TH_SYN, 0, 0, 0);
	said[0] = '\0';
	send_rst(S, TH_RST | TH_ACK, 0, 1, true);
	expect("s rollback_rcv_syn LISTEN; s snd_rst CLOSED; c rcv_rst? CLOSED; ");
}

/* RFC 9293 section 3.10.7.4: a RST ends every state; a passive open that is not complete listens again. */
Test(endpoint, reset_in_every_state)
{
	for (int stage = 0; stage < 8; stage++)
		for (int from = C; from <= S; from++) {
			setup();
			snd(C, TH_SYN, 0, 0, 0);
			if (stage >= 1)
				snd(S, TH_SYN | TH_ACK, 0, 0, 1);
			if (stage >= 2)
				snd(C, TH_ACK, 1, 0, 1);
			if (stage >= 3)
				snd(S, TH_ACK, 1, 10, 1);
			if (stage >= 4)
				snd(C, TH_FIN | TH_ACK, 1, 0, 11);
			if (stage >= 5)
				snd(S, TH_ACK, 11, 0, 2);
			if (stage >= 6)
				snd(S, TH_FIN | TH_ACK, 11, 0, 2);
			if (stage >= 7)
				snd(C, TH_ACK, 2, 0, 12);
			send_rst(from, TH_RST | TH_ACK, top[from] - SEQ_ISN, top[!from] - SEQ_ISN, true);
			bool listens = from == C && stage < 2;
			expect_states(TCPSTAT_EP_CLOSED, listens ? TCPSTAT_EP_LISTEN : TCPSTAT_EP_CLOSED);
		}
}

Test(endpoint, a_reset_that_is_not_obeyed_or_not_genuine)
{
	open_proven();
	send_rst(S, TH_RST, 900000, 0, false);
	expect("s snd_rst? CLOSED; ");
	snd(S, TH_ACK, 101, 10, 1);
	expect("s rollback_snd_rst ESTABLISHED; ");
	send_rst(S, TH_RST, 111, 0, true);
	expect("s snd_rst CLOSED; c rcv_rst? CLOSED; ");
	struct emitter e = { .config = &config, .conn = 1 };
	struct segment s = { .dir = TCPSTAT_C2S, .flags = TH_ACK };
	endpoints_survived(&es, TCPSTAT_CLIENT, &s, &e);
	expect("c rollback_rcv_rst ESTABLISHED; ");
}

Test(endpoint, a_reset_in_answer_to_a_fin_shows_that_nobody_was_there)
{
	open_proven();
	snd(C, TH_FIN | TH_ACK, 1, 0, 101);
	said[0] = '\0';
	send_rst(S, TH_RST, 101, 0, true);
	expect("s rollback_rcv_fin ESTABLISHED; s snd_rst CLOSED; c rcv_rst? CLOSED; ");
}

Test(endpoint, data_with_the_syn_is_answered_early)
{
	snd(C, TH_SYN, 0, 100, 0);
	snd(S, TH_SYN | TH_ACK, 0, 0, 101);
	said[0] = '\0';
	snd(S, TH_ACK, 1, 1000, 101);
	expect("");
	expect_states(TCPSTAT_EP_ESTABLISHED, TCPSTAT_EP_SYN_RECEIVED);
	snd(C, TH_ACK, 101, 0, 1001);
	expect("s rcv_ack? ESTABLISHED; ");
	snd(S, TH_ACK, 1001, 1000, 101);
	cr_assert(endpoint_is_provisional(&es.ep[S]), "it could have sent that without");
}

Test(endpoint, one_direction_tells_of_the_other)
{
	snd(C, TH_SYN, 0, 0, 0);
	snd(C, TH_ACK, 1, 0, 1);
	snd(C, TH_ACK, 1, 100, 1);
	expect("c snd_syn SYN-SENT; s rcv_syn? SYN-RECEIVED; c rcv_synack ESTABLISHED; s rcv_ack? ESTABLISHED; ");
}
