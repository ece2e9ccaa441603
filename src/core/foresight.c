#include "core/foresight.h"

#include "core/bytes.h"
#include "core/conn.h"

enum { FEW_FLOWS = 64 };               /* that are in the cache anyway */

enum { IPV4_BYTES = 20, IPV6_BYTES = 40, PORTS_BYTES = 4, PROTOCOL_TCP = 6 };

/* By link type: what stands before IP in frames that carry nothing else. Of those that are not here nothing does, or
 * something else comes. */
static const uint8_t before_ip[] = {
	[0] = 4,                        /* NULL */
	[1] = 14,                       /* ETHERNET */
	[108] = 4,                      /* LOOP */
	[113] = 16,                     /* LINUX_SLL */
	[276] = 20,                     /* LINUX_SLL2 */
};

/* Of the commonest frames only, and what comes is believed: nothing but a guess hangs on it. False: it is none of
 * them. */
static bool read_key(const struct tcpstat_pkt *pkt, struct flow_key *key)
{
	uint32_t header = pkt->linktype < sizeof before_ip ? before_ip[pkt->linktype] : 0;
	const uint8_t *p = pkt->ahead, *ports;

	if (!p || pkt->ahead_len < header + IPV4_BYTES + PORTS_BYTES)
		return false;
	p += header;
	if (p[0] == 0x45 && p[9] == PROTOCOL_TCP) {
		ports = p + IPV4_BYTES;
		flow_key_init4(key, p + 12, be16(ports), p + 16, be16(ports + 2));
	} else if (p[0] >> 4 == 6 && p[6] == PROTOCOL_TCP && pkt->ahead_len >= header + IPV6_BYTES + PORTS_BYTES) {
		ports = p + IPV6_BYTES;
		flow_key_init6(key, p + 8, be16(ports), p + 24, be16(ports + 2));
	} else {
		return false;
	}
	return true;
}

void foresight_advance(struct foresight *f, const struct flow_table *flows, const struct tcpstat_pkt *pkt)
{
	struct flow_key key;

	if (flows->count <= FEW_FLOWS)
		return;
	f->now = f->changes == flows->changes ? f->next : NULL;
	f->changes = flows->changes;
	if (f->now)
		conn_fetch_backlog(f->now);
	f->next = f->has_hash ? flow_table_guess(flows, f->hash) : NULL;
	if (f->next)
		conn_fetch(f->next);
	f->has_hash = read_key(pkt, &key);
	if (f->has_hash)
		f->hash = flow_table_expect(flows, &key);
}
