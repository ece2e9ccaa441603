/* The name that a connection's server was looked up by, if the DNS messages passed the capture (RFC 1035, over UDP).
 *
 * Keeps the last lookups of addresses (A and AAAA, class IN), one entry for a question of one client to one server. A
 * connection is tied to the newest lookup of its client whose answer held its server's address, and had been valid for
 * no longer than 60 s, or than the time to live if that is more. Bounded: a fixed table from the budget, allocated with
 * the first lookup; what was never used by a connection leaves first. Messages are hostile: every length is checked,
 * compression pointers are stepped over and never followed. */
#ifndef TCPSTAT_DNS_H
#define TCPSTAT_DNS_H

#include "core/decode.h"

enum { DNS_NAME_MAX = 255, DNS_ADDRESSES = 8, DNS_LOOKUPS = 512 };

struct dns_lookup {
	struct tcpstat_addr client, server; /* who asked whom */
	uint16_t id, port;              /* port: the client's */
	uint16_t type;                  /* A or AAAA */
	uint8_t name_len, n_addresses;
	bool answered, used;            /* used: by a connection, lately */
	uint8_t name[DNS_NAME_MAX];     /* as on the wire: labels, each after its length */
	uint8_t address[DNS_ADDRESSES][16];
	uint32_t queries;               /* the question was sent so often; 0: not seen */
	uint64_t query_frame, answer_frame; /* query_frame: 0 not seen */
	int64_t query_ts, last_ts, answer_ts; /* query_ts: the first; TCPSTAT_NULL: not seen */
	int64_t valid_ns;               /* from answer_ts on */
};

struct dns_table;

struct dns {
	struct budget *budget;
	struct dns_table *table;        /* NULL: no lookup yet */
};

/* `d` is zeroed but for the budget. */
void dns_message(struct dns *d, const struct dns_view *, int64_t ts, uint64_t frame);
/* A SYN: the lookup that preceded it is in use, and stays. */
void dns_use(struct dns *, const struct tcpstat_addr *client, const struct tcpstat_addr *server, int64_t ts);
/* NULL: none. Borrowed until the next message. */
const struct dns_lookup *dns_find(const struct dns *, const struct tcpstat_addr *client,
	const struct tcpstat_addr *server, int64_t ts);
void dns_fini(struct dns *);
/* A name as text: labels with dots between, what is no printable ASCII, a dot or a backslash as \DDD (RFC 4343); the
 * length without the NUL that follows. */
enum { DNS_TEXT_MAX = 4 * DNS_NAME_MAX + 1 };
size_t dns_name_text(const struct dns_lookup *, char text[DNS_TEXT_MAX]);

#endif
