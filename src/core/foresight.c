#include "core/foresight.h"

#include <string.h>

#include "core/bytes.h"
#include "core/conn.h"
#include "core/decode.h"

enum { FEW_FLOWS = 64 };               /* that are in the cache anyway */

enum { IPV4_BYTES = 20, IPV6_BYTES = 40, PORTS_BYTES = 4, PROTOCOL_TCP = 6 };

/* Of the commonest frames only, and what comes is believed: nothing but a guess hangs on it. False: it is none of
 * them. */
static bool read_key(const struct tcpstat_pkt *pkt, struct flow_key *key)
{
	struct tcpstat_addr src = { .family = 4 }, dst = { .family = 4 };
	uint32_t header = link_usual_bytes(pkt->linktype);
	const uint8_t *p = pkt->ahead;

	if (!p || pkt->ahead_len < header + IPV4_BYTES + PORTS_BYTES)
		return false;
	p += header;
	if (p[0] == 0x45 && p[9] == PROTOCOL_TCP) {
		memcpy(src.bytes, p + 12, 4);
		memcpy(dst.bytes, p + 16, 4);
		p += IPV4_BYTES;
	} else if (p[0] >> 4 == 6 && p[6] == PROTOCOL_TCP && pkt->ahead_len >= header + IPV6_BYTES + PORTS_BYTES) {
		src.family = dst.family = 6;
		memcpy(src.bytes, p + 8, 16);
		memcpy(dst.bytes, p + 24, 16);
		p += IPV6_BYTES;
	} else {
		return false;
	}
	flow_key_init(key, &src, be16(p), &dst, be16(p + 2));
	return true;
}

void foresight_advance(struct foresight *f, const struct flow_table *flows, const struct tcpstat_pkt *pkt)
{
	struct flow_guess *now = &f->of[(f->at + 1) % FORESIGHT], *next = &f->of[(f->at + 2) % FORESIGHT],
		*after = &f->of[(f->at + 3) % FORESIGHT];
	struct flow_key key;

	if (flows->count <= FEW_FLOWS)
		return;
	f->at = (f->at + 1) % FORESIGHT;

	if (now->node && now->changes == flows->changes)
		conn_fetch_backlog(now->node);
	flow_table_guess(flows, next);
	if (next->node)
		conn_fetch(next->node);
	*after = (struct flow_guess){ 0 };
	if (read_key(pkt, &key))
		flow_table_expect(flows, &key, after);
}
