/*
 * packet.c - the TCP header of a packet, its flow, and its ECN field.
 */
#include "emulator.h"

#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static struct {
	uint16_t port_a, port_b;
	uint32_t top[DIRS];
	bool seen[DIRS], acked[DIRS];
} flows[MAX_FLOWS];
static unsigned n_flows;

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

bool tcp_view(const uint8_t *bytes, size_t len, struct tcp_view *v)
{
	size_t ip, total, tcp;

	if (len < 40)
		return false;
	if (bytes[0] >> 4 == 4) {
		ip = (bytes[0] & 15) * 4u;
		total = get16(bytes + 2);
		if (bytes[9] != 6)
			return false;
		v->ect = bytes[1] & 3;
	} else {
		ip = 40;
		total = 40u + get16(bytes + 4);
		if (bytes[0] >> 4 != 6 || bytes[6] != 6)
			return false;
		v->ect = bytes[1] >> 4 & 3;
	}
	if (ip < 20 || ip + 20 > len || total > len)
		return false;
	tcp = (bytes[ip + 12] >> 4) * 4u;
	if (tcp < 20 || ip + tcp > total)
		return false;
	v->sport = get16(bytes + ip);
	v->dport = get16(bytes + ip + 2);
	v->seq = get32(bytes + ip + 4);
	v->flags = bytes[ip + 13];
	v->payload = (uint32_t)(total - ip - tcp);
	return true;
}

unsigned flow_of(const struct tcp_view *v, int dir, bool *fresh, bool *first_ack)
{
	uint16_t a = dir == DIR_AB ? v->sport : v->dport, b = dir == DIR_AB ? v->dport : v->sport;
	uint32_t end = v->seq + v->payload + !!(v->flags & SYN) + !!(v->flags & FIN);
	unsigned i;

	for (i = 0; i < n_flows && (flows[i].port_a != a || flows[i].port_b != b); i++)
		;
	*fresh = true;
	*first_ack = false;
	if (i == MAX_FLOWS)
		return 0;
	if (i == n_flows)
		n_flows++;
	flows[i].port_a = a;
	flows[i].port_b = b;
	if (v->flags & SYN) {
		flows[i].seen[dir] = flows[i].acked[dir] = false;
	} else if (!v->payload && !(v->flags & (FIN | RST))) {
		*first_ack = !flows[i].acked[dir];
		flows[i].acked[dir] = true;
	}
	if (flows[i].seen[dir])
		*fresh = (int32_t)(end - flows[i].top[dir]) > 0;
	if (*fresh)
		flows[i].top[dir] = end;
	flows[i].seen[dir] = true;
	return i + 1;
}

/* Sets Congestion Experienced; the header checksum follows (RFC 1624). */
void mark_ce(uint8_t *bytes, size_t len)
{
	uint32_t sum, old;

	if (len < 20)
		return;
	if (bytes[0] >> 4 == 6) {
		bytes[1] |= 0x30;
		return;
	}
	old = get16(bytes);
	bytes[1] |= 3;
	sum = (uint16_t)~get16(bytes + 10) + (uint16_t)~old + (uint32_t)get16(bytes);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	bytes[10] = (uint8_t)(sum >> 8);
	bytes[11] = (uint8_t)sum;
}
