/* Connections as the library's interface tells them: frames in, events out. */
#include "core/segment.h"
#include "core/tcpstat.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { C, S, LINKTYPE_RAW = 101, CONNS = 4096 };

static const int64_t ms = 1000000, second = 1000000000;

static struct tcpstat *t;
static struct tcpstat_config config;
static int64_t now;
static uint64_t frame;
static uint16_t ports[2];
static uint32_t client_address;
static struct tcpstat_conn ended[CONNS];
static unsigned n_ended;
static struct tcpstat_conn progress;    /* of EV_PROGRESS, the last */
static unsigned n_progress;
static uint8_t state[2];                /* of the connection told of last */
static unsigned phantom;                /* bytes of streams beyond what was sent */
static uint64_t streamed[2];
static struct tcpstat_ev_segment last;
static uint8_t ahead[40];               /* the header of a packet to come, as the hint */
static bool hints;

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	(void)ctx;
	if (ev->type == TCPSTAT_EV_STATE)
		state[ev->state.endpoint] = ev->state.to;
	else if (ev->type == TCPSTAT_EV_SEGMENT)
		last = ev->segment;
	else if (ev->type == TCPSTAT_EV_PROGRESS)
		n_progress++, progress = *ev->connection;
	else if (n_ended < CONNS)
		ended[n_ended++] = *ev->connection;
}

static void on_stream(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	(void)ctx, (void)conn, (void)bytes;
	phantom += offset != streamed[dir];
	streamed[dir] = offset + len;
}

static void setup(void)
{
	tcpstat_config_init(&config);
	config.events = TCPSTAT_MASK(TCPSTAT_EV_STATE) | TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) |
		TCPSTAT_MASK(TCPSTAT_EV_SEGMENT);
	config.event = on_event;
	config.stream = on_stream;
	now = 1700000000 * second;
	ports[C] = 40000;
	ports[S] = 80;
	client_address = 0x0a000001;
}

static void start(void)
{
	t = tcpstat_new(&config);
	cr_assert_not_null(t);
}

static void finish(void)
{
	tcpstat_finish(t);
	tcpstat_free(t);
	t = NULL;
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v;
}

/* Whose a packet is. */
static void put_flow(uint8_t header[40], int from)
{
	memset(header, 0, 40);
	header[0] = 0x45;
	header[8] = 64;
	header[9] = 6;
	put32(header + 12 + 4 * from, client_address);
	put32(header + 16 - 4 * from, 0x0a010001);
	put16(header + 20, ports[from]);
	put16(header + 22, ports[!from]);
}

/* One packet, 1 ms after the last. */
static void snd(int from, uint16_t flags, uint32_t seq, uint32_t len, uint32_t ack)
{
	static uint8_t data[40 + 2000];
	struct tcpstat_pkt pkt = { .data = data, .caplen = 40 + len, .wirelen = 40 + len, .linktype = LINKTYPE_RAW,
		.ahead = hints ? ahead : NULL, .ahead_len = sizeof ahead };

	put_flow(data, from);
	put16(data + 2, 40 + len);
	put16(data + 4, (unsigned)frame + 1);
	put32(data + 24, seq);
	put32(data + 28, ack);
	data[32] = 0x50;
	data[33] = (uint8_t)flags;
	put16(data + 34, 65535);
	now += ms;
	pkt.ts_ns = now;
	pkt.frame = ++frame;
	cr_assert_eq(tcpstat_packet(t, &pkt), 0);
}

static void open_at(uint32_t c, uint32_t s)
{
	snd(C, TH_SYN, c, 0, 0);
	snd(S, TH_SYN | TH_ACK, s, 0, c + 1);
	snd(C, TH_ACK, c + 1, 0, s + 1);
}

static void close_at(uint32_t c, uint32_t s)
{
	snd(C, TH_FIN | TH_ACK, c, 0, s);
	snd(S, TH_FIN | TH_ACK, s, 0, c + 1);
	snd(C, TH_ACK, c + 1, 0, s + 1);
}

TestSuite(conn, .init = setup);

Test(conn, a_whole_connection)
{
	start();
	open_at(100, 500);
	snd(C, TH_ACK | TH_PSH, 101, 10, 501);
	snd(S, TH_ACK | TH_PSH, 501, 20, 111);
	close_at(111, 521);
	finish();
	cr_assert_eq(n_ended, 1);
	struct tcpstat_conn *c = &ended[0];
	cr_assert_eq(c->port[TCPSTAT_CLIENT], 40000);
	cr_assert_eq(c->handshake.outcome, TCPSTAT_HS_ESTABLISHED);
	cr_assert_eq(c->handshake.rtt_ns, 2 * ms);
	cr_assert_eq(c->handshake.syn_retransmissions, 0);
	cr_assert_eq(c->close.how, TCPSTAT_CLOSE_FIN);
	cr_assert_eq(c->close.by, TCPSTAT_CLIENT);
	cr_assert_eq(c->close.state[TCPSTAT_CLIENT], TCPSTAT_EP_TIME_WAIT);
	cr_assert_eq(c->half[0].payload_bytes, 10);
	cr_assert_eq(c->half[1].payload_bytes, 20);
	cr_assert_eq(c->half[0].packets, 5);
	cr_assert_str_eq(c->history, "ShADdFf");
	cr_assert_str_eq(c->conn_state, "SF");
	cr_assert_eq(c->completeness, 1 | 2 | 4 | 8 | 16);
	cr_assert_eq(c->first_frame, 1);
	cr_assert_eq(c->last_frame, 8);
}

Test(conn, sequence_numbers_wrap)
{
	start();
	open_at(0xfffffff0, 0xffffff00);
	for (uint32_t i = 0; i < 10; i++)
		snd(C, TH_ACK, 0xfffffff1 + i * 1000, 1000, 0xffffff01);
	cr_assert_eq(last.seq_rel, 9001);
	close_at(0xfffffff1 + 10000, 0xffffff01);
	finish();
	cr_assert_eq(n_ended, 1);
	cr_assert_eq(ended[0].half[0].payload_bytes, 10000);
	cr_assert_eq(ended[0].close.how, TCPSTAT_CLOSE_FIN);
	cr_assert_eq(phantom, 0);
}

Test(conn, a_jump_is_no_data)
{
	start();
	open_at(100, 500);
	snd(C, TH_ACK, 101, 100, 501);
	snd(C, TH_ACK, 101 + 0x70000000, 100, 501);     /* 1.9 GB ahead, forged or damaged */
	snd(C, TH_ACK, 201, 100, 501);
	cr_assert_eq(last.seq_rel, 101);
	snd(S, TH_ACK, 501, 0, 301);
	close_at(301, 501);
	finish();
	cr_assert_eq(n_ended, 1);
	cr_assert_eq(ended[0].half[0].payload_bytes, 200);
	cr_assert_eq(ended[0].half[0].packets, 2 + 3 + 2);
	cr_assert_eq(ended[0].close.how, TCPSTAT_CLOSE_FIN);
}

Test(conn, the_same_isn_is_a_retransmission)
{
	start();
	snd(C, TH_SYN, 100, 0, 0);
	snd(C, TH_SYN, 100, 0, 0);
	snd(S, TH_SYN | TH_ACK, 500, 0, 101);
	snd(S, TH_SYN | TH_ACK, 500, 0, 101);
	snd(C, TH_ACK, 101, 0, 501);
	finish();
	cr_assert_eq(n_ended, 1);
	cr_assert_eq(ended[0].handshake.syn_retransmissions, 1);
	cr_assert_eq(ended[0].handshake.synack_retransmissions, 1);
	cr_assert_eq(ended[0].handshake.rtt_ns, TCPSTAT_NULL, "which SYN was answered is not known");
}

Test(conn, incarnations)
{
	start();
	open_at(100, 500);
	close_at(101, 501);
	open_at(7000, 9000);                            /* out of TIME-WAIT */
	snd(S, TH_RST | TH_ACK, 9001, 0, 7001);
	open_at(0x80000000, 0x90000000);                /* after a RST */
	open_at(0x10000000, 0x20000000);                /* over one that was open, far from its window */
	finish();
	cr_assert_eq(n_ended, 4);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(ended[i].number, i + 1);
		cr_assert_eq(ended[i].incarnation, i);
		cr_assert_eq(ended[i].previous, i);
		cr_assert_eq(ended[i].handshake.outcome, TCPSTAT_HS_ESTABLISHED);
	}
	cr_assert_eq(ended[1].close.how, TCPSTAT_CLOSE_RST);
	cr_assert_eq(ended[1].close.by, TCPSTAT_SERVER);
	cr_assert_eq(ended[2].close.how, TCPSTAT_CLOSE_OPEN);
}

Test(conn, a_restarted_peer_knocks_inside_the_window)
{
	start();
	open_at(100, 500);
	snd(C, TH_SYN, 2000, 0, 0);
	snd(S, TH_ACK, 501, 0, 101);                    /* challenge ACK (RFC 5961 section 4.2) */
	snd(C, TH_RST, 101, 0, 0);
	finish();
	cr_assert_eq(n_ended, 1);
	cr_assert_eq(ended[0].handshake.outcome, TCPSTAT_HS_ESTABLISHED);
	cr_assert_eq(ended[0].close.how, TCPSTAT_CLOSE_RST);
	cr_assert_eq(ended[0].close.by, TCPSTAT_CLIENT);
}

Test(conn, two_synacks_that_disagree)
{
	start();
	snd(C, TH_SYN, 100, 0, 0);
	snd(S, TH_SYN | TH_ACK, 500, 0, 101);
	snd(S, TH_SYN | TH_ACK, 0x70000000, 0, 101);
	snd(C, TH_ACK, 101, 0, 501);                    /* the first one holds */
	snd(S, TH_ACK, 501, 50, 101);
	snd(C, TH_ACK, 101, 0, 551);
	cr_assert_eq(last.ack_rel, 51);
	finish();
	cr_assert_eq(n_ended, 1);
	cr_assert_eq(ended[0].half[1].payload_bytes, 50);
}

Test(conn, roles_without_a_syn)
{
	start();
	snd(S, TH_SYN | TH_ACK, 500, 0, 101);           /* its receiver is the client */
	ports[C] = 443;
	ports[S] = 50000;
	snd(S, TH_ACK, 1, 5, 1);                        /* the lower port serves: 443 */
	ports[C] = ports[S] = 179;
	snd(S, TH_ACK, 1, 5, 1);                        /* a tie: who is first */
	finish();
	cr_assert_eq(n_ended, 3);
	cr_assert_eq(ended[0].port[TCPSTAT_CLIENT], 40000);
	cr_assert_eq(ended[0].history[0], '^');
	cr_assert_eq(ended[1].port[TCPSTAT_CLIENT], 50000);
	cr_assert_eq(ended[2].addr[TCPSTAT_CLIENT].bytes[1], 1);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(ended[i].midstream);
	cr_assert_eq(ended[1].handshake.outcome, TCPSTAT_HS_NONE);
	cr_assert_str_eq(ended[1].conn_state, "OTH");
}

Test(conn, outcomes_of_a_handshake)
{
	start();
	snd(C, TH_SYN, 100, 0, 0);
	snd(S, TH_RST | TH_ACK, 0, 0, 101);
	ports[C]++;
	snd(C, TH_SYN, 100, 0, 0);
	snd(S, TH_SYN | TH_ACK, 500, 0, 101);
	snd(C, TH_RST, 101, 0, 0);
	ports[C]++;
	snd(C, TH_SYN, 100, 0, 0);
	snd(C, TH_SYN, 100, 0, 0);
	ports[C]++;
	snd(C, TH_SYN, 100, 0, 0);
	snd(S, TH_RST | TH_ACK, 0, 0, 999);             /* answers another SYN: not obeyed */
	ports[C]++;
	snd(C, TH_SYN, 100, 0, 0);
	finish();
	static const enum tcpstat_outcome wanted[] = { TCPSTAT_HS_REFUSED, TCPSTAT_HS_RESET, TCPSTAT_HS_TIMEOUT,
		TCPSTAT_HS_INCOMPLETE, TCPSTAT_HS_INCOMPLETE };
	static const char *const zeek[] = { "REJ", "RSTO", "S0", NULL, "S0" };
	cr_assert_eq(n_ended, 5);
	for (unsigned i = 0; i < 5; i++) {
		cr_assert_eq(ended[i].handshake.outcome, wanted[i], "connection %u", i + 1);
		if (zeek[i])
			cr_assert_str_eq(ended[i].conn_state, zeek[i]);
	}
}

Test(conn, reset_outside_the_window_kills_nobody)
{
	start();
	open_at(100, 500);
	snd(S, TH_ACK, 501, 10, 101);
	snd(C, TH_ACK, 101, 0, 511);
	snd(S, TH_RST, 511 + 1000000, 0, 0);
	cr_assert_eq(state[S], TCPSTAT_EP_CLOSED);
	snd(S, TH_ACK, 511, 10, 101);
	cr_assert_eq(state[S], TCPSTAT_EP_ESTABLISHED);
	finish();
	cr_assert_eq(ended[0].close.how, TCPSTAT_CLOSE_OPEN);
	cr_assert_eq(ended[0].close.state[C], TCPSTAT_EP_ESTABLISHED);
}

Test(conn, time_wait_ends_after_two_msl)
{
	config.msl_ns = 10 * second;
	start();
	open_at(100, 500);
	close_at(101, 501);
	now += 19 * second;
	ports[C]++;
	snd(C, TH_SYN, 1, 0, 0);
	cr_assert_eq(n_ended, 0);
	now += 2 * second;
	snd(C, TH_SYN, 1, 0, 0);
	cr_assert_eq(n_ended, 1);
	cr_assert_eq(ended[0].close.state[C], TCPSTAT_EP_CLOSED);
	cr_assert_eq(ended[0].number, 1);
	finish();
}

Test(conn, idle_connections_of_a_file_stay_and_live_ones_end)
{
	for (int live = 0; live < 2; live++) {
		n_ended = 0;
		config.live = live;
		start();
		open_at(100, 500);
		ports[C]++;
		snd(C, TH_SYN, 100, 0, 0);
		now += 200 * second;
		tcpstat_tick(t, now);
		cr_assert_eq(n_ended, live ? 1 : 0, "the SYN has been given up");
		if (live)
			cr_assert_eq(ended[0].handshake.outcome, TCPSTAT_HS_TIMEOUT);
		now += 10000 * second;
		tcpstat_tick(t, now);
		cr_assert_eq(n_ended, live ? 2 : 0);
		if (live)
			cr_assert_eq(ended[1].close.how, TCPSTAT_CLOSE_TIMEOUT);
		ports[C]--;
		finish();
		cr_assert_eq(n_ended, 2);
	}
}

Test(conn, after_a_fin_silence_ends_it_sooner)
{
	config.live = true;
	start();
	open_at(100, 500);
	snd(C, TH_FIN | TH_ACK, 101, 0, 501);
	now += 290 * second;
	tcpstat_tick(t, now);
	cr_assert_eq(n_ended, 0);
	now += 20 * second;
	tcpstat_tick(t, now);
	cr_assert_eq(n_ended, 1);
	cr_assert_eq(ended[0].close.how, TCPSTAT_CLOSE_TIMEOUT);
	finish();
}

Test(conn, time_does_not_go_back)
{
	start();
	snd(C, TH_SYN, 100, 0, 0);
	now -= second;
	snd(S, TH_SYN | TH_ACK, 500, 0, 101);
	cr_assert_eq(tcpstat_counters(t)->time_backwards, 1);
	finish();
	cr_assert_eq(ended[0].duration_ns, 0);
}

/* A million SYNs of as many sources within 4 MB: the open connections stay, the oldest SYNs go. */
Test(conn, a_flood_stays_within_the_budget)
{
	config.events = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION);
	config.memory_bytes = 4 << 20;
	start();
	for (int i = 0; i < 10; i++, ports[C]++)
		open_at(100, 500);
	for (uint32_t i = 0; i < 1000000; i++) {
		client_address = 0x20000000 + i * 2654435761u % 0x10000000;
		snd(C, TH_SYN, i, 0, 0);
	}
	const struct tcpstat_counters *n = tcpstat_counters(t);
	cr_assert_gt(n->evicted, 900000);
	cr_assert_eq(n->no_memory, 0);
	cr_assert_eq(ended[0].number, 11, "the first SYN of the flood was the first to go");
	client_address = 0x0a000001;
	ports[C] = 40000;
	for (int i = 0; i < 10; i++, ports[C]++) {
		snd(C, TH_ACK, 101, 100, 501);
		snd(S, TH_ACK, 501, 0, 201);
	}
	n_ended = 0;
	uint64_t connections = n->connections;
	tcpstat_finish(t);
	cr_assert_leq(connections, 1000010);
	for (unsigned i = 0; i < 10; i++) {
		cr_assert_eq(ended[i].number, i + 1);
		cr_assert_eq(ended[i].half[0].payload_bytes, 100);
	}
	tcpstat_free(t);
}

/* Of those who fall silent the first go; who opens a connection is followed all the same. */
Test(conn, newcomers_do_not_pay_for_the_silent)
{
	config.events = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION);
	config.memory_bytes = 4 << 20;
	start();
	for (uint32_t i = 0; i < 3000; i++) {
		client_address = 0x20000000 + i;
		open_at(100, 500);
		snd(C, TH_ACK | TH_PSH, 101, 10, 501);
		snd(S, TH_ACK, 501, 0, 111);
	}
	cr_assert_gt(tcpstat_counters(t)->evicted, 1000);
	cr_assert_eq(tcpstat_counters(t)->connections, 3000, "none had to be taken up again midway");
	for (unsigned i = 0; i < n_ended; i++)
		cr_assert_eq(ended[i].number, i + 1);
	finish();
}

Test(conn, stray_acks_take_nobody_who_lives)
{
	config.events = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION);
	config.memory_bytes = 4 << 20;
	start();
	open_at(100, 500);
	for (uint32_t i = 0; i < 20000; i++) {
		client_address = 0x20000000 + i;
		snd(C, TH_ACK, i, 0, 1);
	}
	for (unsigned i = 0; i < n_ended; i++)
		cr_assert_neq(ended[i].number, 1);
	cr_assert_gt(n_ended, 1000);
	finish();
}

Test(conn, how_things_stand)
{
	struct tcpstat_gauges g;

	start();
	open_at(100, 500);
	tcpstat_gauges(t, &g);
	cr_assert_eq(g.open, 1);
	cr_assert_eq(g.states[TCPSTAT_CLIENT][TCPSTAT_EP_ESTABLISHED], 1);
	ports[C]++;
	snd(C, TH_SYN, 100, 0, 0);
	tcpstat_gauges(t, &g);
	cr_assert_eq(g.connections, 2);
	cr_assert_eq(g.half_open, 1);
	cr_assert_eq(g.states[TCPSTAT_CLIENT][TCPSTAT_EP_SYN_SENT], 1);
	cr_assert_eq(g.now_ns, now);
	ports[C]--;
	close_at(101, 501);
	tcpstat_gauges(t, &g);
	cr_assert_eq(g.closed, 1);
	cr_assert_eq(g.open, 0);
	for (unsigned e = 0; e < 2; e++) {
		uint64_t sum = 0;

		for (unsigned s = 0; s < TCPSTAT_NSTATES; s++)
			sum += g.states[e][s];
		cr_assert_eq(sum, 2);
	}
	n_progress = 0;
	tcpstat_each(t, false, on_event, NULL);
	cr_assert_eq(n_progress, 2);
	now += 100 * second;
	tcpstat_tick(t, now);
	tcpstat_gauges(t, &g);
	cr_assert_eq(g.connections, 1, "TIME-WAIT is over");
	cr_assert_eq(g.states[TCPSTAT_SERVER][TCPSTAT_EP_CLOSED], 0);
	finish();
}

Test(conn, progress_now_and_then_and_once_at_the_end)
{
	config.events |= TCPSTAT_MASK(TCPSTAT_EV_PROGRESS);
	start();
	open_at(100, 500);
	for (uint32_t i = 0; i < 30; i++) {
		now += second;
		snd(C, TH_ACK | TH_PSH, 101 + i, 1, 501);
		snd(S, TH_ACK, 501, 0, 102 + i);
	}
	cr_assert_eq(n_progress, 3, "every ten seconds");
	cr_assert_not(progress.over);
	close_at(131, 501);
	cr_assert_eq(n_progress, 4);
	cr_assert(progress.over);
	cr_assert_not(progress.over_told);
	cr_assert_eq(progress.half[0].payload_bytes, 30);
	now += second;
	snd(S, TH_ACK, 502, 0, 132);
	cr_assert_eq(n_progress, 5, "what comes late");
	cr_assert(progress.over_told);
	finish();
	cr_assert(ended[0].over_told);
}

/* The server's name asked of `resolver`, or (from S) its answer: www.example. A 10.1.0.1. */
static void name(int from)
{
	static const uint8_t message[] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w',
		7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1,
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 0, 1 };
	enum { UDP_AT = 20, AT = 28 };
	uint8_t data[AT + sizeof message] = { 0x45 };
	size_t len = from == S ? sizeof message : sizeof message - 16;
	struct tcpstat_pkt pkt = { .data = data, .caplen = (uint32_t)(AT + len), .wirelen = (uint32_t)(AT + len),
		.linktype = LINKTYPE_RAW, .frame = ++frame };

	pkt.ts_ns = now += ms;
	put16(data + 2, (unsigned)(AT + len));
	data[9] = 17;
	put32(data + 12 + 4 * from, client_address);
	put32(data + 16 - 4 * from, 0x0a000035);
	put16(data + UDP_AT, from == C ? 5353 : 53);
	put16(data + UDP_AT + 2, from == C ? 53 : 5353);
	put16(data + UDP_AT + 4, (unsigned)(8 + len));
	memcpy(data + AT, message, len);
	if (from == S) {
		data[AT + 2] = 0x81;
		data[AT + 7] = 1;
	}
	cr_assert_eq(tcpstat_packet(t, &pkt), 0);
}

static char looked_up[64];

static void on_name(void *ctx, const struct tcpstat_event *ev)
{
	on_event(ctx, ev);
	if (ev->type == TCPSTAT_EV_CONNECTION && ev->connection->latency.dns.name)
		strncpy(looked_up, ev->connection->latency.dns.name, sizeof looked_up - 1);
}

Test(conn, the_name_that_was_looked_up)
{
	config.event = on_name;
	start();
	open_at(100, 500);                              /* the name comes too late */
	name(C);
	name(S);
	ports[C]++;
	open_at(100, 500);
	finish();
	cr_assert_eq(n_ended, 2);
	cr_assert_null(ended[0].latency.dns.name);
	cr_assert_eq(ended[0].latency.dns.took_ns, TCPSTAT_NULL);
	cr_assert_str_eq(looked_up, "www.example");
	cr_assert_eq(ended[1].latency.dns.query_frame, 4);
	cr_assert_eq(ended[1].latency.dns.answer_frame, 5);
	cr_assert_eq(ended[1].latency.dns.queries, 1);
	cr_assert_eq(ended[1].latency.dns.took_ns, ms);
	cr_assert_eq(ended[1].latency.dns.before_ns, ms);
}

Test(conn, what_timers_left)
{
	start();
	snd(C, TH_SYN, 100, 0, 0);
	for (int i = 0; i < 3; i++) {
		now += second << i;
		snd(C, TH_SYN, 100, 0, 0);
	}
	snd(S, TH_SYN | TH_ACK, 500, 0, 101);
	snd(C, TH_ACK, 101, 0, 501);
	snd(C, TH_FIN | TH_ACK, 101, 0, 501);
	snd(S, TH_ACK, 501, 0, 102);
	now += 3 * second;
	snd(S, TH_FIN | TH_ACK, 501, 0, 102);
	snd(C, TH_ACK, 102, 0, 502);
	now += 5 * second;
	snd(C, TH_SYN, 0x20000000, 0, 0);               /* the same ports again */
	finish();
	cr_assert_eq(n_ended, 2);
	cr_assert_eq(ended[0].half[0].syn_ladder.n, 3);
	cr_assert_eq(ended[0].half[0].syn_ladder.like, TCPSTAT_LADDER_DOUBLING_1S);
	cr_assert_eq(ended[0].half[0].fin_wait_2_ns, 3 * second + ms);
	cr_assert_eq(ended[0].half[0].time_wait_ns, 5 * second + 2 * ms);
	cr_assert_eq(ended[0].half[1].fin_wait_2_ns, TCPSTAT_NULL);
	cr_assert_str_eq(ended[0].half[0].stack_why, "TTL 64, window 65535");
}

/* Three hundred connections in turn, and again with the same ports. `off`: how far the hint is from the flow of the
 * packet after the next. */
static void run_many(int off)
{
	enum { MANY = 300, STEPS = 8 };

	for (int round = 0; round < 3 * STEPS; round++)
		for (int i = 0; i < MANY; i++) {
			uint32_t isn = 1000 + (uint32_t)(round / STEPS) * 100000;

			ports[C] = (uint16_t)(40000 + ((i + 2) * 7 + off) % MANY);
			put_flow(ahead, i & 1);
			ports[C] = (uint16_t)(40000 + i * 7 % MANY);
			switch (round % STEPS) {
			case 0: snd(C, TH_SYN, isn, 0, 0); break;
			case 1: snd(S, TH_SYN | TH_ACK, isn, 0, isn + 1); break;
			case 2: snd(C, TH_ACK, isn + 1, 0, isn + 1); break;
			case 3: snd(C, TH_ACK, isn + 1, (uint32_t)i, isn + 1); break;
			case 4: snd(S, TH_ACK, isn + 1, 10, isn + 1 + (uint32_t)i); break;
			case 5: snd(C, TH_FIN | TH_ACK, isn + 1 + (uint32_t)i, 0, isn + 11); break;
			case 6: snd(S, TH_FIN | TH_ACK, isn + 11, 0, isn + 2 + (uint32_t)i); break;
			default: snd(C, TH_ACK, isn + 2 + (uint32_t)i, 0, isn + 12);
			}
		}
}

Test(conn, hints_decide_nothing)
{
	static struct tcpstat_conn without[CONNS];
	unsigned n = 0;

	config.stream = NULL;
	for (int off = -1; off < 3; off++) { /* -1: none; 0: right ones */
		hints = off >= 0;
		n_ended = 0;
		frame = 0;
		now = 1700000000 * second;
		start();
		run_many(off < 0 ? 0 : off);
		finish();
		if (off < 0) {
			n = n_ended;
			memcpy(without, ended, n * sizeof *ended);
			cr_assert_eq(n, 900);
			continue;
		}
		cr_assert_eq(n_ended, n);
		for (unsigned i = 0; i < n; i++) {
			struct tcpstat_conn *a = &ended[i], *b = &without[i];

			cr_assert(a->number == b->number && a->incarnation == b->incarnation &&
				a->first_frame == b->first_frame && a->last_frame == b->last_frame, "%u", i);
			cr_assert(a->half[0].packets == 5 && a->half[1].packets == 3, "%u", i);
			cr_assert_eq(a->half[0].payload_bytes, b->half[0].payload_bytes);
			cr_assert_str_eq(a->conn_state, "SF");
		}
	}
}

/* Damaged flags and numbers of all kinds: nothing but survival and bookkeeping is asked. */
Test(conn, noise)
{
	uint32_t r = 1;

	start();
	for (int i = 0; i < 200000; i++) {
		r = r * 1664525 + 1013904223;
		ports[C] = (uint16_t)(40000 + (r >> 28));
		uint32_t seq = r >> 20 & 1 ? r : 100 + (r >> 24);
		snd((int)(r >> 13 & 1), (uint16_t)(r >> 5 & 0x3f), seq, r >> 16 & 0xff,
			r >> 21 & 1 ? r * 7 : 100 + (r >> 23));
	}
	uint64_t tcp = tcpstat_counters(t)->tcp;
	cr_assert_eq(tcp, 200000);
	finish();
}
