/* Captures made to cost time or memory: each attack as packets straight into the analyzer. What is measured is CPU
 * time, over all packets and over the worst thousand in a row; both have a bound, and so has the memory of all
 * together.
 *
 *     attack [NAME...]        TAP; all attacks by default */
#include "core/segment.h"
#include "core/tcpstat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
	FRAME = 96,
	ISN = 1000,
	MEMORY = 64 << 20,
	MEAN_US_MAX = 50,
	WORST_US_MAX = 400,	  /* for a packet; on average, and in the worst thousand */
	RSS_MAX = 3 * MEMORY / 2, /* of the process: the budget, the allocator's slack, the program */
	BLOCK = 1000
};

static struct world {
	struct tcpstat *t;
	struct tcpstat_pkt pkt;
	uint8_t frame[FRAME];
	uint64_t stream_bytes, events;
	uint64_t packets;
	int64_t begun_ns, block_ns, worst_ns;
} w;

static int64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	(void)ctx, (void)ev;
	w.events++;
}

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	(void)ctx, (void)conn, (void)dir, (void)offset, (void)bytes;
	w.stream_bytes += len;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* A segment; numbers count from the ISN. Of the payload only a byte is captured. */
struct tcp {
	uint32_t src, dst; /* 0: the client, the server */
	uint16_t src_port, dst_port;
	bool from_server;
	uint16_t flags;
	uint32_t seq, ack, len;
	uint32_t sack[3][2];
	unsigned n_sack;
	bool timed;
	uint32_t ts_val, ts_ecr;
	int64_t after_us;
};

static void packet(const struct tcp *s)
{
	uint32_t opt = 0, client = s->src ? s->src : 0x0a000001, server = s->dst ? s->dst : 0x0a000002;
	uint16_t client_port = s->src_port ? s->src_port : 40000, server_port = s->dst_port ? s->dst_port : 80;
	uint8_t *ip = w.frame, *tcp = ip + 20;

	memset(w.frame, 0, sizeof w.frame);
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = 6;
	ip[6] = 0x40; /* DF, ID 0 */
	put32(ip + 12, s->from_server ? server : client);
	put32(ip + 16, s->from_server ? client : server);
	put16(tcp, s->from_server ? server_port : client_port);
	put16(tcp + 2, s->from_server ? client_port : server_port);
	put32(tcp + 4, ISN + s->seq);
	put32(tcp + 8, s->flags & TH_ACK ? ISN + s->ack : 0);
	tcp[13] = (uint8_t)s->flags;
	put16(tcp + 14, 65535);
	if (s->flags & TH_SYN) {
		static const uint8_t options[] = { 2, 4, 5, 180, 4, 2, 3, 3, 14, 1, 1, 1 };
		memcpy(tcp + 20, options, sizeof options);
		opt = sizeof options;
	}
	if (s->timed) {
		put32(tcp + 20 + opt, 0x0101080a);
		put32(tcp + 24 + opt, s->ts_val);
		put32(tcp + 28 + opt, s->ts_ecr);
		opt += 12;
	}
	if (s->n_sack) {
		put32(tcp + 20 + opt, 0x01010500 | (2 + 8 * s->n_sack));
		opt += 4;
		for (unsigned i = 0; i < s->n_sack; i++, opt += 8) {
			put32(tcp + 20 + opt, ISN + s->sack[i][0]);
			put32(tcp + 24 + opt, ISN + s->sack[i][1]);
		}
	}
	tcp[12] = (uint8_t)((20 + opt) / 4 << 4);
	put16(ip + 2, 40 + opt + s->len);
	w.pkt.data = w.frame;
	w.pkt.linktype = 101;
	w.pkt.frame = ++w.packets;
	w.pkt.ts_ns += s->after_us * 1000;
	w.pkt.caplen = 40 + opt + (s->len ? 1 : 0);
	w.pkt.wirelen = 40 + opt + s->len;
	tcpstat_packet(w.t, &w.pkt);
	if (w.packets % BLOCK == 0) {
		int64_t now = cpu_ns();
		if (now - w.block_ns > w.worst_ns)
			w.worst_ns = now - w.block_ns;
		w.block_ns = now;
	}
}

static void handshake(bool timed)
{
	packet(&(struct tcp){ .flags = TH_SYN, .timed = timed, .ts_val = 1 });
	packet(&(struct tcp){ .from_server = true,
			      .flags = TH_SYN | TH_ACK,
			      .ack = 1,
			      .after_us = 10000,
			      .timed = timed,
			      .ts_val = 1,
			      .ts_ecr = 1 });
	packet(&(struct tcp){
	    .flags = TH_ACK, .seq = 1, .ack = 1, .after_us = 10, .timed = timed, .ts_val = 10, .ts_ecr = 1 });
}

static void data(uint32_t seq, uint32_t len)
{
	packet(&(struct tcp){ .flags = TH_ACK, .seq = seq, .ack = 1, .len = len });
}

static void sack(uint32_t ack, uint32_t l, uint32_t r)
{
	packet(&(struct tcp){ .from_server = true,
			      .flags = TH_ACK,
			      .seq = 1,
			      .ack = ack,
			      .n_sack = 1,
			      .after_us = 1,
			      .sack = { { l, r } } });
}

/* As many one-byte segments as a sender is followed with. */
enum { TINY = 60000 };

static void tiny_segments(void)
{
	handshake(false);
	for (uint32_t i = 0; i < TINY; i++)
		data(1 + i, 1);
}

/* ---- the attacks ---- */

static void million_connections(void)
{
	for (uint32_t i = 0; i < 1000000; i++)
		packet(&(struct tcp){ .src_port = (uint16_t)(1 + i % 65535),
				      .dst_port = (uint16_t)(1 + i / 65535),
				      .flags = TH_SYN,
				      .after_us = 1 });
}

static void million_established(void)
{
	for (uint32_t i = 0; i < 300000; i++) {
		struct tcp s = { .src = 0x0a000000 + (i << 8), .flags = TH_SYN, .after_us = 1 };
		packet(&s);
		s = (struct tcp){ .src = s.src, .from_server = true, .flags = TH_SYN | TH_ACK, .ack = 1 };
		packet(&s);
		s = (struct tcp){ .src = s.src, .flags = TH_ACK | TH_PSH, .seq = 1, .ack = 1, .len = 100 };
		packet(&s);
	}
}

/* Ports that the low bits of a plain sum or XOR would put into one place. */
static void hash_flooding(void)
{
	for (uint32_t i = 0; i < 500000; i++)
		packet(&(struct tcp){ .src = 0x0a000000 ^ i << 4,
				      .dst = 0x0b000000 ^ i << 4,
				      .src_port = (uint16_t)(i & 0xfff0),
				      .dst_port = (uint16_t)(i & 0xfff0),
				      .flags = TH_SYN,
				      .after_us = 1 });
}

static void reverse_bytes(void)
{
	handshake(false);
	for (uint32_t i = 0; i < 500000; i++)
		data(1000000000 - 2 * i, 1);
}

/* All over a window of 1 GB. */
static void reverse_gigabyte(void)
{
	handshake(false);
	for (uint32_t i = 0; i < 500000; i++)
		data(1000000000 - 1999 * i, 1);
}

static void million_holes(void)
{
	handshake(false);
	for (uint32_t i = 0; i < 1000000; i++)
		data(2 + 2 * i, 1);
}

/* Bytes everywhere in a hole, in no order. */
static void scattered_bytes(void)
{
	uint32_t x = 1;

	handshake(false);
	for (uint32_t i = 0; i < 500000; i++) {
		x = x * 1664525 + 1013904223;
		data(2 + x % 1000000000, 1);
	}
}

static void overlapping_copies(void)
{
	handshake(false);
	for (uint32_t i = 0; i < 300000; i++)
		data(2 + 3000 - i % 3000, 1 + i % 1400);
}

/* Blocks that cut large segments into single bytes. */
static void sack_splitting(void)
{
	handshake(false);
	for (uint32_t round = 0; round < 20; round++) {
		uint32_t base = 1 + round * 100 * 60000;
		for (uint32_t i = 0; i < 100; i++)
			data(base + i * 60000, 60000);
		for (uint32_t i = 0; i < 10000; i++) {
			uint32_t at = base + 60000 + i % 99 * 60000 + i / 99 * 200 + 50;
			sack(base, at, at + 1);
		}
		packet(&(struct tcp){
		    .from_server = true, .flags = TH_ACK, .seq = 1, .ack = base + 100 * 60000, .after_us = 1 });
	}
}

/* The first and the last segment are sent again; then every SACK looks for what became of them. */
static void retransmitted_ends(void)
{
	tiny_segments();
	sack(1, 10, 11);
	data(1, 1);
	data(TINY, 1);
	for (uint32_t i = 20; i < TINY; i += 2)
		sack(1, i, i + 1);
}

static void retransmitted_all(void)
{
	tiny_segments();
	sack(1, 10, 11);
	for (uint32_t i = 0; i < TINY; i++) {
		data(1 + i, 1);
		sack(1, i + 2, i + 3);
	}
}

/* A block over everything, then a small one, in turn. */
static void sack_swings(void)
{
	tiny_segments();
	for (uint32_t i = 0; i < 50000; i++) {
		sack(1, 2 + i % 1000, TINY);
		sack(1, TINY, TINY + 1);
	}
}

/* The sender repairs a loss, and the receiver says that it was none (DSACK and Eifel): again and again. */
static void undo_storm(void)
{
	handshake(true);
	for (uint32_t i = 0; i < TINY; i++)
		packet(&(struct tcp){
		    .flags = TH_ACK, .seq = 1 + i, .ack = 1, .len = 1, .timed = true, .ts_val = 100, .ts_ecr = 1 });
	for (uint32_t i = 0; i < 20000; i++) {
		packet(&(struct tcp){
		    .flags = TH_ACK, .seq = TINY, .ack = 1, .len = 1, .timed = true, .ts_val = 200 + i, .ts_ecr = 1 });
		packet(&(struct tcp){ .from_server = true,
				      .flags = TH_ACK,
				      .seq = 1,
				      .ack = 2 + i,
				      .timed = true,
				      .ts_val = 50,
				      .ts_ecr = 100,
				      .after_us = 100,
				      .n_sack = 2,
				      .sack = { { TINY, TINY + 1 }, { TINY, TINY + 1 } } });
	}
}

/* The timer fires all the time. */
static void timeout_storm(void)
{
	handshake(true);
	for (uint32_t i = 0; i < TINY; i++)
		packet(&(struct tcp){
		    .flags = TH_ACK, .seq = 1 + i, .ack = 1, .len = 1, .timed = true, .ts_val = 20, .ts_ecr = 1 });
	for (uint32_t i = 0; i < 20000; i++) {
		packet(&(struct tcp){ .flags = TH_ACK,
				      .seq = 1 + i,
				      .ack = 1,
				      .len = 1,
				      .after_us = 1000000,
				      .timed = true,
				      .ts_val = 1020 + 1010 * i,
				      .ts_ecr = 2 + i });
		packet(&(struct tcp){ .from_server = true,
				      .flags = TH_ACK,
				      .seq = 1,
				      .ack = 2 + i,
				      .after_us = 10000,
				      .timed = true,
				      .ts_val = 3 + i,
				      .ts_ecr = 1020 + 1010 * i });
	}
}

/* One repetition covers everything outstanding. */
static void large_repetitions(void)
{
	tiny_segments();
	for (uint32_t i = 0; i < 20000; i++)
		packet(&(struct tcp){ .flags = TH_ACK, .seq = 1, .ack = 1, .len = TINY - 1, .after_us = 100 });
}

/* ACKs that are still under way when the sender repeats what they acknowledge. */
static void pending_acks(void)
{
	handshake(false);
	for (uint32_t i = 0; i < 100000; i++) {
		data(1 + i, 1);
		packet(&(struct tcp){ .from_server = true, .flags = TH_ACK, .seq = 1, .ack = 2 + i });
	}
	for (uint32_t i = 0; i < 100000; i++)
		data(1 + i, 1);
}

static void idle_jumps(void)
{
	handshake(true);
	for (uint32_t i = 0; i < 200000; i++)
		packet(&(struct tcp){ .from_server = i & 1,
				      .flags = TH_ACK,
				      .seq = 1 + i / 2,
				      .ack = 1 + (i + 1) / 2,
				      .len = 1,
				      .timed = true,
				      .ts_val = 1000 * i,
				      .ts_ecr = 1000 * (i - 1),
				      .after_us = 100000000 });
}

/* A client that opens and closes first. */
static void whole_connection(uint32_t client, uint16_t port)
{
	static const struct tcp steps[] = {
		{ .flags = TH_SYN },
		{ .from_server = true, .flags = TH_SYN | TH_ACK, .ack = 1 },
		{ .flags = TH_ACK, .seq = 1, .ack = 1 },
		{ .flags = TH_FIN | TH_ACK, .seq = 1, .ack = 1 },
		{ .from_server = true, .flags = TH_FIN | TH_ACK, .seq = 1, .ack = 2 },
		{ .flags = TH_ACK, .seq = 2, .ack = 2 },
	};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct tcp step = steps[i];

		step.src = client;
		step.src_port = port;
		packet(&step);
	}
}

/* Hosts that hold TIME-WAIT, and do so again after 90 years. */
static void centuries_in_time_wait(void)
{
	for (uint16_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 10000; i++)
			whole_connection(0x0a010000 + i, (uint16_t)(2000 + round));
		w.pkt.ts_ns += (int64_t)90 * 366 * 86400 * 1000000000;
	}
}

/* ---- runner ---- */

static const struct attack {
	const char *name;
	void (*run)(void);
} attacks[] = {
	{ "million connections", million_connections },
	{ "300,000 established connections", million_established },
	{ "hash flooding", hash_flooding },
	{ "bytes in reverse order", reverse_bytes },
	{ "bytes in reverse order over 1 GB", reverse_gigabyte },
	{ "million holes", million_holes },
	{ "scattered bytes", scattered_bytes },
	{ "overlapping copies", overlapping_copies },
	{ "SACK splitting", sack_splitting },
	{ "both ends retransmitted", retransmitted_ends },
	{ "all retransmitted", retransmitted_all },
	{ "SACK swings", sack_swings },
	{ "undo storm", undo_storm },
	{ "timeout storm", timeout_storm },
	{ "large repetitions", large_repetitions },
	{ "pending ACKs", pending_acks },
	{ "idle jumps", idle_jumps },
	{ "centuries in TIME-WAIT", centuries_in_time_wait },
};

static bool run(const struct attack *a)
{
	struct tcpstat_config config;
	struct rusage usage;

	memset(&w, 0, sizeof w);
	tcpstat_config_init(&config);
	config.events = ~0u;
	config.event = on_event;
	config.stream = on_bytes;
	config.memory_bytes = MEMORY;
	config.hash_seed = 42;
	w.t = tcpstat_new(&config);
	w.pkt.ts_ns = (int64_t)1700000000 * 1000000000;
	if (!w.t)
		return false;
	w.begun_ns = w.block_ns = cpu_ns();
	a->run();
	tcpstat_finish(w.t);
	double mean_us = (double)(cpu_ns() - w.begun_ns) / 1e3 / (double)w.packets;
	double worst_us = (double)w.worst_ns / 1e3 / BLOCK;
	tcpstat_free(w.t);
	getrusage(RUSAGE_SELF, &usage);
	printf("# %s: %" PRIu64 " packets, %.2f us a packet, %.2f us in the worst thousand, peak %ld MB\n", a->name,
	       w.packets, mean_us, worst_us, usage.ru_maxrss / 1024);
	return mean_us < MEAN_US_MAX && worst_us < WORST_US_MAX && (uint64_t)usage.ru_maxrss * 1024 < RSS_MAX;
}

int main(int argc, char **argv)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		bool wanted = argc < 2;
		for (int k = 1; k < argc; k++)
			wanted |= !strcmp(argv[k], attacks[i].name);
		if (wanted)
			printf("%s %u - %s\n", run(&attacks[i]) ? "ok" : "not ok", ++n, attacks[i].name);
		fflush(stdout);
	}
	printf("1..%u\n", n);
	return 0;
}
