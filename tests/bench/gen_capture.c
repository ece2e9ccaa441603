/* gen_capture [-6] [-l LOST_PER_MILLE] [-s SNAPLEN] KIND COUNT [OPEN [GAP_US]]: a capture for measurements, to standard
 * output.
 *
 *   mice       COUNT connections of 20 packets: handshake, request, five answers of 1,000 bytes, a second exchange,
 *              close. OPEN of them (2,000) are under way at a time and take turns.
 *   elephants  OPEN connections (20) that together carry COUNT segments of 1,448 bytes with timestamps, an ACK for
 *              every second one; they take turns by 8 segments. -l: so many of 1,000 segments are lost before
 *              the capture; the receiver answers with SACK, and they are repeated.
 *   flood      COUNT SYNs from as many addresses and ports.
 *   acks       COUNT ACKs of as many connections of which nothing else is seen.
 *   siege      OPEN connections (100) as of mice, each with twenty exchanges, and between any two of their packets as
 *              many SYNs of a flood as make it COUNT.
 *   holes      OPEN connections (20): handshake, request, and then COUNT segments of 1,000 bytes behind a byte that
 *              never comes and is never acknowledged.
 *   idle       COUNT connections: handshake, one request, one answer, and then nothing.
 *
 * -6: IPv6. A packet comes GAP_US microseconds (10) after the other. No two connections share addresses and ports. pcap
 * in microseconds, raw IP, all checksums right. The same arguments give the same bytes. */
#include "core/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADERS_MAX = 40 + 20 + 40, ANSWER = 1000, REQUEST = 200, MSS = 1448, PAYLOAD_MAX = MSS, TURN = 8 };

static bool ipv6;
static uint32_t snaplen = 65535, lost_per_mille;
static uint64_t gap_us = 10, now_us = UINT64_C(1700000000) * 1000000;

/* One packet; numbers relative to both ISNs. */
struct packet {
	uint8_t from_server, flags;
	uint16_t len;
	uint32_t seq, ack;
};

/* Its options: timestamps, in a SYN MSS, SACK and scale, and a block of SACK unless it is empty. */
struct options {
	uint32_t sack[2];               /* relative to the ISN of the peer */
};

static const struct packet mouse[] = {
	{ 0, TH_SYN, 0, 0, 0 },
	{ 1, TH_SYN | TH_ACK, 0, 0, 1 },
	{ 0, TH_ACK, 0, 1, 1 },
	{ 0, TH_PSH | TH_ACK, REQUEST, 1, 1 },
	{ 1, TH_ACK, 0, 1, 201 },
	{ 1, TH_ACK, ANSWER, 1, 201 },
	{ 1, TH_ACK, ANSWER, 1001, 201 },
	{ 0, TH_ACK, 0, 201, 2001 },
	{ 1, TH_ACK, ANSWER, 2001, 201 },
	{ 1, TH_ACK, ANSWER, 3001, 201 },
	{ 0, TH_ACK, 0, 201, 4001 },
	{ 1, TH_PSH | TH_ACK, ANSWER, 4001, 201 },
	{ 0, TH_ACK, 0, 201, 5001 },
	{ 0, TH_PSH | TH_ACK, REQUEST, 201, 5001 },
	{ 1, TH_PSH | TH_ACK, ANSWER, 5001, 401 },
	{ 0, TH_ACK, 0, 401, 6001 },
	{ 0, TH_FIN | TH_ACK, 0, 401, 6001 },
	{ 1, TH_ACK, 0, 6001, 402 },
	{ 1, TH_FIN | TH_ACK, 0, 6001, 402 },
	{ 0, TH_ACK, 0, 402, 6002 },
};
enum { MOUSE_STEPS = sizeof mouse / sizeof *mouse, IDLE_STEPS = 6 };

/* ------------------------------------------------------------------------------------------------------- bytes */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* RFC 1071, of an even number of bytes */
static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len; p += 2, len -= 2)
		sum += (uint32_t)(p[0] << 8 | p[1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Length of the options. */
static uint32_t put_options(uint8_t *p, const struct packet *s, const struct options *o, uint32_t peer_isn)
{
	uint8_t *begin = p;

	if (!o)
		return 0;
	if (s->flags & TH_SYN) {
		memcpy(p, "\x02\x04\x05\xb4\x04\x02\x01\x01\x01\x03\x03\x07", 12);
		p += 12;
	}
	put32(p, 0x0101080a);
	put32(p + 4, (uint32_t)(now_us / 1000));
	put32(p + 8, s->flags & TH_ACK ? (uint32_t)(now_us / 1000) : 0);
	p += 12;
	if (o->sack[0] != o->sack[1]) {
		put32(p, 0x0101050a);
		put32(p + 4, peer_isn + o->sack[0]);
		put32(p + 8, peer_isn + o->sack[1]);
		p += 12;
	}
	return (uint32_t)(p - begin);
}

/* IP header before a segment of `len` bytes; its length. The checksum of the pseudo header goes to *sum. */
static uint32_t put_ip(uint8_t *ip, uint32_t conn, bool from_server, uint32_t len, uint16_t id, uint32_t *sum)
{
	uint32_t client = 10u << 24 | (conn & 0xffffff), server = 192u << 24 | 168u << 16 | 1u << 8 | 80;
	uint32_t src = from_server ? server : client, dst = from_server ? client : server;

	if (ipv6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		put16(ip + 4, len);
		ip[6] = 6;
		ip[7] = 64;
		put32(ip + 8, 0x20010db8);
		put32(ip + 20, src);
		put32(ip + 24, 0x20010db8);
		put32(ip + 36, dst);
		*sum = sum16(6 + len, ip + 8, 32);
		return 40;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, len + 20);
	put16(ip + 4, id);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	put16(ip + 10, sum16(0, ip, 20) ^ 0xffff);
	*sum = sum16(6 + len, ip + 12, 8);
	return 20;
}

/* `o`: NULL, no options */
static void put_packet(uint32_t conn, uint16_t id, const struct packet *s, const struct options *o)
{
	static uint8_t record[16 + HEADERS_MAX + PAYLOAD_MAX];
	uint8_t *ip = record + 16, *tcp = ip + (ipv6 ? 40 : 20);
	uint32_t isn[2] = { conn * 2654435761u, conn * 40503u + 7 }, sum;

	memset(tcp, 0, 20);
	uint32_t header = 20 + put_options(tcp + 20, s, o, isn[!s->from_server]), len = header + s->len;
	uint32_t total = put_ip(ip, conn, s->from_server, len, id, &sum) + len;
	put16(tcp + (s->from_server ? 2 : 0), 32768 + conn % 28000);
	put16(tcp + (s->from_server ? 0 : 2), 80);
	put32(tcp + 4, isn[s->from_server] + s->seq);
	if (s->flags & TH_ACK)
		put32(tcp + 8, isn[!s->from_server] + s->ack);
	put16(tcp + 12, header / 4 << 12 | s->flags);
	put16(tcp + 14, 65535);
	memset(tcp + header, 0, s->len);
	put16(tcp + 16, sum16(sum, tcp, len) ^ 0xffff);
	now_us += gap_us;
	uint32_t cap = total < snaplen ? total : snaplen;
	uint32_t head[4] = { (uint32_t)(now_us / 1000000), (uint32_t)(now_us % 1000000), cap, total };
	memcpy(record, head, sizeof head);
	fwrite(record, 1, 16 + cap, stdout);
}

/* ------------------------------------------------------------------------------------------------------- kinds */

/* Connection c begins at turn c / open * steps + c % open * steps / open: one ends, one begins. */
static void put_mice(unsigned long total, unsigned long open, unsigned long steps)
{
	for (unsigned long turn = 0, first = 0; first < total; turn++)
		for (unsigned long c = first; c < total; c++) {
			unsigned long start = c / open * steps + c % open * steps / open;

			if (turn < start)
				break;
			if (turn - start < steps)
				put_packet((uint32_t)c + 1, (uint16_t)(turn - start + 1), &mouse[turn - start], NULL);
			else if (c == first)
				first++;
		}
}

static void put_acks(unsigned long count)
{
	for (unsigned long c = 0; c < count; c++)
		put_packet((uint32_t)c + 1, 1, &(struct packet){ 0, TH_ACK, 0, 1, 1 }, NULL);
}

/* A siege goes on through every step of all those besieged; what they exchange is repeated with later numbers. */
static void put_siege(unsigned long count, unsigned long open)
{
	enum { BEGIN = 3, TURN_STEPS = 10, END = 16, ROUNDS = 20, ALL = BEGIN + ROUNDS * TURN_STEPS + 4 };
	unsigned long each = count / (ALL * open), next = open;

	for (unsigned step = 0; step < ALL; step++)
		for (unsigned long c = 0; c < open; c++) {
			unsigned round = step < BEGIN ? 0 : (step - BEGIN) / TURN_STEPS;
			unsigned part = step < BEGIN ? step : (step - BEGIN) % TURN_STEPS;
			struct packet p = mouse[step < BEGIN ? part : round < ROUNDS ? BEGIN + part : END + part];
			uint32_t from[2] = { round * REQUEST, round * 5 * ANSWER };

			if (round == ROUNDS) { /* the close of a mouse comes after two requests and six answers */
				from[0] -= 2 * REQUEST;
				from[1] -= 6 * ANSWER;
			}
			if (step >= BEGIN) {
				p.seq += from[p.from_server];
				p.ack += from[!p.from_server];
			}
			put_packet((uint32_t)c + 1, (uint16_t)(step + 1), &p, NULL);
			for (unsigned long i = 0; i < each; i++)
				put_packet((uint32_t)++next, 1, &mouse[0], NULL);
		}
}

static void put_holes(unsigned long count, unsigned long open)
{
	for (unsigned step = 0; step < 5; step++)
		for (unsigned long c = 0; c < open; c++)
			put_packet((uint32_t)c + 1, (uint16_t)(step + 1), &mouse[step], NULL);
	for (unsigned long i = 0; i < count; i++)
		put_packet((uint32_t)(i % open) + 1, (uint16_t)(i / open + 6), &(struct packet){ 1, TH_ACK, ANSWER,
			2 + (uint32_t)(i / open) * ANSWER, 201 }, NULL);
}

struct elephant {
	uint32_t conn, next, acked;     /* next: of the server's data; acked: in order at the client */
	uint32_t hole;                  /* the segment that was lost; 0: none waits */
	uint16_t id[2];
	uint32_t random;
};

static void put_from(struct elephant *e, const struct packet *p, const struct options *o)
{
	put_packet(e->conn, e->id[p->from_server]++, p, o);
}

static void put_data(struct elephant *e, uint32_t seq)
{
	put_from(e, &(struct packet){ 1, TH_ACK, MSS, seq, 201 }, &(struct options){ { 0, 0 } });
}

static void put_ack(struct elephant *e, uint32_t left, uint32_t right)
{
	put_from(e, &(struct packet){ 0, TH_ACK, 0, 201, e->acked }, &(struct options){ { left, right } });
}

static bool is_lost(struct elephant *e)
{
	e->random = e->random * 1664525 + 1013904223;
	return (e->random >> 8) % 1000 < lost_per_mille;
}

/* The client answers what it has, and the server repeats what is missing after the turn. */
static void put_turn(struct elephant *e, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t seq = e->next;

		e->next += MSS;
		if (!e->hole && is_lost(e)) {
			e->hole = seq;
		} else {
			put_data(e, seq);
			if (!e->hole)
				e->acked = e->next;
		}
		if (e->hole && e->next > e->hole + MSS)
			put_ack(e, e->hole + MSS, e->next);
		else if (i % 2 && !e->hole)
			put_ack(e, 0, 0);
	}
	if (e->hole && e->next > e->hole + 3 * MSS) {
		put_data(e, e->hole);
		e->hole = 0;
		e->acked = e->next;
		put_ack(e, 0, 0);
	}
}

static bool put_elephants(unsigned long total, unsigned long open)
{
	struct elephant *e = calloc(open, sizeof *e);

	if (!e)
		return false;
	for (unsigned long i = 0; i < open; i++) {
		e[i] = (struct elephant){ .conn = (uint32_t)i + 1, .next = 1, .acked = 1, .id = { 1, 1 },
			.random = (uint32_t)i };
		for (unsigned step = 0; step < 5; step++)
			put_from(&e[i], &mouse[step], &(struct options){ { 0, 0 } });
	}
	for (unsigned long sent = 0; sent < total;)
		for (unsigned long i = 0; i < open && sent < total; i++) {
			unsigned n = total - sent < TURN ? (unsigned)(total - sent) : TURN;
			put_turn(&e[i], n);
			sent += n;
		}
	free(e);
	return true;
}

static int usage(void)
{
	fputs("usage: gen_capture [-6] [-l LOST_PER_MILLE] [-s SNAPLEN] KIND COUNT [OPEN [GAP_US]]; "
		"KIND: mice elephants flood acks siege holes idle\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	uint32_t header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 0, 101 };
	unsigned long count, open = 0;
	bool good = true;
	int option;

	while ((option = getopt(argc, argv, "6l:s:")) != -1)
		switch (option) {
		case '6': ipv6 = true; break;
		case 'l': lost_per_mille = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 's': snaplen = (uint32_t)strtoul(optarg, NULL, 10); break;
		default: return usage();
		}
	argv += optind;
	if (argc - optind < 2 || argc - optind > 4)
		return usage();
	count = strtoul(argv[1], NULL, 10);
	if (argv[2])
		open = strtoul(argv[2], NULL, 10);
	if (argv[2] && argv[3])
		gap_us = strtoul(argv[3], NULL, 10);
	if (!count || count > 0xffffff || !snaplen)
		return usage();
	header[4] = snaplen;
	fwrite(header, sizeof header, 1, stdout);
	if (!strcmp(argv[0], "mice"))
		put_mice(count, open ? open : 2000, MOUSE_STEPS);
	else if (!strcmp(argv[0], "idle"))
		put_mice(count, open ? open : 2000, IDLE_STEPS);
	else if (!strcmp(argv[0], "flood"))
		put_mice(count, count, 1);
	else if (!strcmp(argv[0], "acks"))
		put_acks(count);
	else if (!strcmp(argv[0], "siege"))
		put_siege(count, open ? open : 100);
	else if (!strcmp(argv[0], "holes"))
		put_holes(count, open ? open : 20);
	else if (!strcmp(argv[0], "elephants"))
		good = put_elephants(count, open ? open : 20);
	else
		return usage();
	return !good || ferror(stdout) || fflush(stdout) ? 1 : 0;
}
