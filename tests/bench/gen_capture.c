/* gen_capture CONNECTIONS [OPEN [GAP_US]]: a capture of many short connections, to standard output.
 *
 * Each connection has 20 packets: handshake, request, five answers of 1,000 bytes, a second exchange, close. OPEN of
 * them (2,000) are under way at a time and take turns; a packet comes GAP_US microseconds (10) after the other. No two
 * connections share addresses and ports. pcap in microseconds, raw IPv4. */
#include "core/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS = 40, ANSWER = 1000, REQUEST = 200, N_STEPS = 20 };

/* One packet of the life of a connection: who sends, flags, payload, numbers relative to both ISNs. */
struct step {
	uint8_t from_server, flags;
	uint16_t len, seq, ack;
};

static const struct step steps[N_STEPS] = {
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

static void put_packet(uint64_t now_us, uint32_t conn, const struct step *s)
{
	static uint8_t frame[16 + HEADERS + ANSWER];
	uint8_t *ip = frame + 16, *tcp = ip + 20;
	uint32_t len = HEADERS + s->len, isn[2] = { conn * 2654435761u, conn * 40503u + 7 };
	uint32_t head[4] = { (uint32_t)(now_us / 1000000), (uint32_t)(now_us % 1000000), len, len };
	uint32_t client = 10u << 24 | (conn & 0xffffff), server = 192u << 24 | 168u << 16 | 1u << 8 | 80;

	memcpy(frame, head, sizeof head);
	memset(ip, 0, HEADERS);
	ip[0] = 0x45;
	put16(ip + 2, len);
	put16(ip + 4, (uint32_t)(s - steps) + 1);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, s->from_server ? server : client);
	put32(ip + 16, s->from_server ? client : server);
	put16(ip + 10, sum16(0, ip, 20) ^ 0xffff);
	put16(tcp + (s->from_server ? 2 : 0), 32768 + conn % 28000);
	put16(tcp + (s->from_server ? 0 : 2), 80);
	put32(tcp + 4, isn[s->from_server] + s->seq);
	if (s->flags & TH_ACK)
		put32(tcp + 8, isn[!s->from_server] + s->ack);
	put16(tcp + 12, 5u << 12 | s->flags);
	put16(tcp + 14, 65535);
	put16(tcp + 16, sum16(6 + len - 20, ip + 12, len - 12) ^ 0xffff);
	fwrite(frame, 1, 16 + len, stdout);
}

int main(int argc, char **argv)
{
	static const uint32_t header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 101 };
	unsigned long total = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long open = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
	uint64_t gap_us = argc > 3 ? strtoul(argv[3], NULL, 10) : 10, now_us = UINT64_C(1700000000) * 1000000;

	if (!total || total > 0xffffff || !open) {
		fputs("usage: gen_capture CONNECTIONS [OPEN [GAP_US]]\n", stderr);
		return 2;
	}
	fwrite(header, sizeof header, 1, stdout);
	/* Connection c begins at turn c / open * N_STEPS + c % open * N_STEPS / open: one ends, one begins. */
	for (unsigned long turn = 0, first = 0; first < total; turn++)
		for (unsigned long c = first; c < total; c++) {
			unsigned long start = c / open * N_STEPS + c % open * N_STEPS / open;

			if (turn < start)
				break;
			if (turn - start < N_STEPS)
				put_packet(now_us += gap_us, (uint32_t)c + 1, &steps[turn - start]);
			else if (c == first)
				first++;
		}
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
