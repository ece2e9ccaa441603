/* A TCP segment in two shapes: as decoded (a view of the caller's bytes), and as tracked (unwrapped, scaled). */
#ifndef TCPSTAT_SEGMENT_H
#define TCPSTAT_SEGMENT_H

#include "core/seq.h"
#include "core/tcpstat.h"

enum {
	TH_FIN = 0x01, TH_SYN = 0x02, TH_RST = 0x04, TH_PSH = 0x08, TH_ACK = 0x10, TH_URG = 0x20,
	TH_ECE = 0x40, TH_CWR = 0x80, TH_AE = 0x100
};

enum cksum_verdict { CKSUM_UNKNOWN, CKSUM_GOOD, CKSUM_BAD, CKSUM_OFFLOADED };

/* TCP options of one segment. What is not there is 0 or false. */
struct tcp_opts {
	bool has_mss, has_wscale, sack_permitted, has_ts, tfo, mptcp, accecn, md5, malformed;
	uint16_t mss;
	uint8_t wscale;                 /* as sent; more than 14 counts as 14 (RFC 7323 section 2.3) */
	uint8_t n_sack;
	uint32_t ts_val, ts_ecr;
	uint32_t sack[4][2];            /* raw [left, right) */
};

/* One segment as decoded. */
struct tcp_view {
	struct tcpstat_addr src, dst;
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint16_t flags;                 /* TH_* */
	uint16_t wnd;                   /* as on the wire */
	uint16_t urgent;
	uint32_t len;                   /* payload bytes by the headers (or by the frame when the IP length is 0) */
	uint32_t caplen;                /* payload bytes captured, <= len */
	const uint8_t *payload;         /* borrowed; valid for the call */
	struct tcp_opts opts;
	uint8_t ttl, ecn;               /* ecn: the two IP bits */
	bool has_ip_id, df;             /* IPv4 only */
	uint16_t ip_id;
	uint32_t wire_bytes;            /* of the whole frame on the wire */
	enum cksum_verdict cksum;
	uint16_t vlan[2];               /* outer, inner; 0xffff none */
	const char *tunnel;             /* static name; NULL none */
};

/* One segment as trackers see it. Sequence numbers are 64-bit offsets, see seq.h. */
struct segment {
	const struct tcp_view *view;
	int64_t ts;                     /* ns since the epoch, as captured */
	uint64_t frame;
	enum tcpstat_dir dir;
	uint16_t flags;
	uint32_t len;                   /* payload bytes */
	uint64_t seq, end;              /* [seq, end): payload, SYN and FIN */
	uint64_t ack;                   /* in the peer's space; meaningless without TH_ACK */
	uint64_t wnd;                   /* bytes, scaled by what is known; a SYN's is never scaled */
	uint8_t wnd_shift;              /* wnd is the window on the wire shifted by this */
	uint8_t n_sack;
	bool wnd_exact;                 /* false: the scale is unknown */
	bool dsack;                     /* sack[0] is a DSACK (RFC 2883 section 4) */
	bool copy;                      /* made by the network or the capture of a segment seen before, see copy.h */
	uint64_t sack[4][2];            /* [left, right) in the peer's space */
};

/* Where a segment ends in sequence space. */
static inline uint64_t segment_end(uint64_t seq, uint32_t len, uint16_t flags)
{
	return seq + len + (flags & TH_SYN) / TH_SYN + (flags & TH_FIN) / TH_FIN;
}

/* Numbers and window are still to be found; of `sack` nothing is set. */
static inline void segment_init(struct segment *s, const struct tcp_view *v, int64_t ts, uint64_t frame,
	enum tcpstat_dir dir)
{
	s->view = v;
	s->ts = ts;
	s->frame = frame;
	s->dir = dir;
	s->flags = v->flags;
	s->len = v->len;
	s->seq = s->end = s->ack = s->wnd = 0;
	s->wnd_exact = s->dsack = s->copy = false;
	s->wnd_shift = s->n_sack = 0;
}

/* Does it take room in sequence space? */
static inline bool segment_occupies(const struct segment *s)
{
	return s->end > s->seq && !(s->flags & TH_RST);
}

#endif
