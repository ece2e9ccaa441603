#include "program.h"

#include "core/segment.h"

enum { MSS = 1000 };

static const int64_t time_max_ns = ((int64_t)1 << 62) - 1; /* as for packets of captures */

void program_init(struct program *p, const uint8_t *data, size_t size, struct tcpstat_config *config)
{
	static const uint64_t memory[] = { 0, 4 << 20, 200000, 60000 };
	static const uint64_t reasm[] = { 0, 65536, 4000, 300 };

	*p = (struct program){ .in = { data, size }, .now_ns = (int64_t)1700000000 * 1000000000 };
	tcpstat_config_init(config);
	config->overlap = (enum tcpstat_overlap)(fuzz_u8(&p->in) % TCPSTAT_NOVERLAPS);
	uint8_t options = fuzz_u8(&p->in);

	config->live = options & 1;
	config->key_by_vlan = options & 2;
	config->only_conn = options & 4;
	config->memory_bytes = memory[options >> 4 & 3];
	config->reasm_conn_bytes = reasm[options >> 6];
	uint8_t start = fuzz_u8(&p->in);

	for (unsigned i = 0; i < PROGRAM_CONNS; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct program_end *e = &p->end[i][k];

			/* some begin just before the numbers wrap */
			e->isn = start >> (i + 4 * k) & 1 ? 0xfffffff0u - 700 * i : 1000 * (i + 1) + k;
			e->snd_nxt = e->isn;
			e->wnd = 65535;
			e->ip_id = (uint16_t)(1 + 500 * k);
			e->ts_last = start & 1 ? 0xfffffe00u : 7000000;
		}
	p->in.p += p->in.n < 4 ? p->in.n : 4; /* for options to come */
	p->in.n -= p->in.n < 4 ? p->in.n : 4;
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

static uint32_t sum16(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Addresses and ports; the length of the IP header. */
static uint32_t put_ip(struct program *p, unsigned conn, unsigned dir, uint8_t ttl)
{
	uint8_t *ip = p->frame;

	memset(ip, 0, 40);
	if (conn == 3) {
		ip[0] = 0x60;
		ip[6] = 6;
		ip[7] = ttl;
		ip[8] = ip[24] = 0xfd;
		ip[23] = (uint8_t)(1 + dir);
		ip[39] = (uint8_t)(2 - dir);
		return 40;
	}
	ip[0] = 0x45;
	ip[8] = ttl;
	ip[9] = 6;
	ip[12] = ip[16] = 10;
	ip[15] = (uint8_t)(1 + dir);
	ip[19] = (uint8_t)(2 - dir);
	return 20;
}

static void finish_ip(struct program *p, uint32_t ip_len, uint16_t id, bool wrong)
{
	uint8_t *ip = p->frame, *tcp = ip + ip_len;
	uint32_t len = p->frame_len - ip_len, sum;

	if (ip_len == 40) {
		put16(ip + 4, len);
		sum = sum16(ip + 8, 32, 0);
	} else {
		put16(ip + 2, p->frame_len);
		put16(ip + 4, id);
		put16(ip + 10, fold(sum16(ip, 20, 0)));
		sum = sum16(ip + 12, 8, 0);
	}
	put16(tcp + 16, (uint16_t)(fold(sum16(tcp, len, sum + 6 + len)) ^ (wrong ? 0x5a5a : 0)));
}

static int64_t time_step(struct fuzz_bytes *in, unsigned how)
{
	switch (how) {
	case 0:
		return 0;
	case 1:
		return (int64_t)fuzz_u8(in) * 10000;
	case 2:
		return (int64_t)fuzz_u8(in) * 2000000;
	default: /* up to centuries, and back */
		return (int64_t)(int8_t)fuzz_u8(in) * ((int64_t)1 << fuzz_u8(in) % 55);
	}
}

static uint32_t number(struct fuzz_bytes *in, unsigned how, uint32_t next, uint32_t isn)
{
	switch (how) {
	case 0:
		return next;
	case 1:
		return next + (uint32_t)((int8_t)fuzz_u8(in) * MSS);
	case 2:
		return isn + fuzz_u16(in);
	default:
		return fuzz_u32(in);
	}
}

static uint32_t put_options(struct program *p, uint8_t *at, unsigned how, unsigned conn, unsigned dir, bool syn)
{
	struct program_end *me = &p->end[conn][dir], *peer = &p->end[conn][!dir];
	uint32_t n = 0;

	if (syn && how < 3) {
		static const uint8_t base[] = { 2, 4, MSS >> 8, MSS & 255, 4, 2, 1, 3, 3 };
		memcpy(at, base, sizeof base);
		at[9] = how ? fuzz_u8(&p->in) % 18 : 7;
		n = 10;
	}
	if (how == 3) {
		n = fuzz_u8(&p->in) % 41;
		for (uint32_t i = 0; i < n; i++)
			at[i] = fuzz_u8(&p->in);
	} else if (how) {
		me->ts_last += (uint32_t)(int8_t)fuzz_u8(&p->in);
		at[n++] = 8;
		at[n++] = 10;
		put32(at + n, me->ts_last);
		put32(at + n + 4, peer->ts_last - (how == 2 ? fuzz_u8(&p->in) >> 4 : 0));
		n += 8;
	}
	if (how == 2 && !syn) {
		unsigned blocks = 1 + fuzz_u8(&p->in) % 3;
		at[n++] = 5;
		at[n++] = (uint8_t)(2 + 8 * blocks);
		for (unsigned i = 0; i < blocks; i++) {
			uint8_t from = fuzz_u8(&p->in), len = fuzz_u8(&p->in);
			uint32_t unit = len & 0x80 ? MSS : 37;
			uint32_t l = peer->snd_nxt - from * unit;
			put32(at + n, l);
			put32(at + n + 4, l + (uint32_t)((int8_t)(uint8_t)(len << 1) / 2) * unit);
			n += 8;
		}
	}
	while (n & 3)
		at[n++] = 1;
	return n;
}

static uint32_t payload_len(struct fuzz_bytes *in, unsigned how)
{
	switch (how) {
	case 0:
		return 0;
	case 1:
		return fuzz_u8(in);
	case 2:
		return MSS;
	default:
		return fuzz_u16(in) % 9000;
	}
}

bool program_next(struct program *p, struct tcpstat_pkt *pkt)
{
	static const uint16_t kinds[] = { TH_ACK,	   TH_ACK | TH_PSH, TH_SYN,	     TH_SYN | TH_ACK,
					  TH_FIN | TH_ACK, TH_RST,	    TH_RST | TH_ACK, 0 };
	static const uint8_t ttls[] = { 64, 128, 255, 3 };

	if (p->in.n < 3)
		return false;
	uint8_t who = fuzz_u8(&p->in), how = fuzz_u8(&p->in), frame = fuzz_u8(&p->in);
	unsigned conn = who & 3, dir = who >> 2 & 1;
	struct program_end *me = &p->end[conn][dir], *peer = &p->end[conn][!dir];

	p->now_ns += time_step(&p->in, how >> 4 & 3); /* 127 << 54 at most */
	if (p->now_ns > time_max_ns)
		p->now_ns = time_max_ns;
	if (p->now_ns < -time_max_ns)
		p->now_ns = -time_max_ns;
	*pkt = (struct tcpstat_pkt){
		.ts_ns = p->now_ns, .frame = ++p->frame_number, .data = p->frame, .linktype = PROGRAM_LINKTYPE
	};
	if (!(frame & 0x20 && p->frame_len)) {
		uint16_t flags = kinds[who >> 3 & 7], id = me->ip_id++;
		if (!flags)
			flags = fuzz_u8(&p->in) | (uint16_t)(fuzz_u8(&p->in) & 1) << 8;
		uint32_t seq = number(&p->in, who >> 6, me->snd_nxt, me->isn);
		uint32_t ack = number(&p->in, how & 3, peer->snd_nxt, peer->isn);
		uint32_t len = payload_len(&p->in, how >> 2 & 3);
		if (frame & 0x40)
			me->wnd = fuzz_u16(&p->in);
		if (frame & 0x80)
			id = fuzz_u16(&p->in);
		uint32_t ip_len = put_ip(p, conn, dir, ttls[frame & 3]);
		uint8_t *tcp = p->frame + ip_len;
		memset(tcp, 0, 20);
		uint32_t tcp_len = 20 + put_options(p, tcp + 20, how >> 6, conn, dir, flags & TH_SYN);
		put16(tcp + 2 * dir, 40000 + conn);
		put16(tcp + 2 * !dir, conn == 2 ? 50000 : 80);
		put32(tcp + 4, seq);
		put32(tcp + 8, flags & TH_ACK ? ack : 0);
		tcp[12] = (uint8_t)(tcp_len / 4 << 4 | flags >> 8);
		tcp[13] = (uint8_t)flags;
		put16(tcp + 14, me->wnd);
		for (uint32_t i = 0; i < len; i++)
			tcp[tcp_len + i] = (uint8_t)((seq + i) * 7 + (seq + i) / 256 + !!(frame & 8));
		p->frame_len = ip_len + tcp_len + len;
		finish_ip(p, ip_len, id, frame & 4);
		uint32_t end = seq + len + !!(flags & TH_SYN) + !!(flags & TH_FIN);
		if ((int32_t)(end - me->snd_nxt) > 0)
			me->snd_nxt = end;
	}
	pkt->caplen = pkt->wirelen = p->frame_len;
	if (frame & 0x10)
		pkt->caplen = p->frame_len - p->frame_len * fuzz_u8(&p->in) / 256;
	return true;
}
