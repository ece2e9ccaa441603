/* A connection of which nothing was seen but one bare SYN: what it takes to begin it when more comes. A flood of SYNs
 * is made of these, so they are small. */
#ifndef TCPSTAT_EMBRYO_H
#define TCPSTAT_EMBRYO_H

#include "core/flow_table.h"
#include "core/segment.h"

struct embryo {
	struct flow_node node;          /* first: the table hands it out */
	int64_t ts;
	uint64_t frame;
	const char *tunnel;
	uint32_t number;                /* of the connection */
	uint32_t incarnation, previous;
	uint32_t seq, ts_val, ts_ecr, wire_bytes;
	uint16_t flags, wnd, mss, ip_id, vlan[2];
	uint8_t wscale, ttl, ecn, cksum;
	bool swapped : 1, has_ip_id : 1, df : 1;
	bool has_mss : 1, has_wscale : 1, sack_permitted : 1, has_ts : 1, tfo : 1, mptcp : 1, accecn : 1, md5 : 1;
};

/* Is there nothing about this segment that an embryo does not keep? */
bool embryo_can_keep(const struct tcp_view *);
/* `e` has its key and number; `swapped` as flow_key_init said. */
void embryo_init(struct embryo *, const struct tcp_view *, bool swapped, const struct tcpstat_pkt *);
/* The SYN again, and its packet without the bytes. */
void embryo_syn(const struct embryo *, struct tcp_view *, struct tcpstat_pkt *);

#endif
