/*
 * emulator.h - a link between two network namespaces, in user space.
 *
 * Both ends are tun devices (raw IP). Every TCP packet goes through one `struct path` per direction, which decides when
 * and how often it arrives, and is recorded at three places: where it left (A or B), on the way (M), where it arrived.
 * Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef LAB_EMULATOR_H
#define LAB_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIR_AB, DIR_BA, DIRS };
enum { AT_A, AT_B, AT_M, PLACES };
enum { MAX_RULES = 32, MAX_WINDOWS = 16, MAX_FLOWS = 256, MAX_COPIES = 2 };

enum fate {
	FATE_DELIVERED,
	FATE_DROP_RULE,
	FATE_DROP_RANDOM,
	FATE_DROP_QUEUE,
	FATE_DROP_BLACKOUT,
	FATE_IN_FLIGHT,
};

/* What a rule looks at. */
enum match {
	MATCH_ANY,
	MATCH_DATA,	/* payload */
	MATCH_NEW,	/* payload above all that this flow sent before */
	MATCH_RTX,	/* payload below that */
	MATCH_ACK,	/* neither payload nor SYN, FIN, RST */
	MATCH_ACK3,	/* the first such packet of a flow */
	MATCH_SYN,
	MATCH_SYNACK,
	MATCH_FIN,
	MATCH_RST,
};

enum action { ACT_DROP, ACT_HOLD, ACT_DUP, ACT_CE };

struct packet {
	uint64_t sent_ns;
	uint8_t *bytes;		/* the IP packet, owned */
	uint32_t len;
	uint32_t id;		/* from 1, in the order of leaving */
	uint32_t flow;		/* from 1 */
	uint32_t frame[PLACES];	/* 1-based; of the first copy */
	uint32_t copy_frame;	/* where the second copy arrived */
	uint8_t dir;
	uint8_t copies;		/* scheduled or delivered */
	bool ce;		/* marked on the way */
	bool past_m;
	enum fate fate;
};

/* The TCP header as far as rules need it. */
struct tcp_view {
	uint16_t sport, dport;
	uint32_t seq;
	uint32_t payload;
	uint8_t flags;
	bool ect;
};

struct rule {
	enum match match;
	enum action act;
	unsigned first, last;	/* ordinals of the matching packets, 1-based */
	unsigned again;		/* so many later transmissions of a hit segment are hit, too */
	uint64_t t0_ns, t1_ns;	/* since the first packet */
	uint64_t hold_ns;
	double p;
	unsigned seen;
	struct { uint32_t seq; unsigned left; } hit[64];
	unsigned hits;
};

struct window { uint64_t from_ns, to_ns; };

/* From `at_ns` on the path has this delay and rate. */
struct step { uint64_t at_ns, delay_ns; double rate_bps; };

struct path {
	uint64_t delay_ns, jitter_ns;
	double rate_bps;		/* 0: infinite */
	unsigned queue_limit, ce_threshold;	/* packets; ce_threshold 0: never */
	double loss, preloss;		/* behind M, before M */
	double ge_bad, ge_good, ge_loss;	/* good to bad, bad to good, loss when bad */
	double reorder_p, dup_p;
	uint64_t reorder_ns, dup_ns;
	bool m_after;
	struct window blackout[MAX_WINDOWS], stall[MAX_WINDOWS];
	unsigned blackouts, stalls;
	struct step step[MAX_WINDOWS];
	unsigned steps;
	struct rule rule[MAX_RULES];
	unsigned rules;

	bool bad;			/* the state of Gilbert and Elliott's channel */
	uint64_t busy_until_ns, last_ns;
	uint64_t *departs;		/* ring: when each queued packet leaves */
	unsigned head, queued, longest;
	unsigned n_in, n_delivered, n_dup, n_hold, n_ce;
	unsigned n_drop[FATE_IN_FLIGHT];
};

/* What the path does to a packet: filled by path_pass(). */
struct passage {
	uint64_t m_ns;			/* when it passes M, if it does */
	uint64_t arrive_ns[MAX_COPIES];
};

/* Uniform in [0, 1), one generator for a run. */
void random_seed(uint64_t seed);
double random_unit(void);

bool tcp_view(const uint8_t *bytes, size_t len, struct tcp_view *v);
/* 1-based number of the 4-tuple, 0 if there are too many. `fresh`: bytes above all earlier ones of this side. */
unsigned flow_of(const struct tcp_view *v, int dir, bool *fresh, bool *first_ack);
void mark_ce(uint8_t *bytes, size_t len);

/* A line of configuration; false if it is none. */
bool path_configure(struct path *p, const char *key, char *value);
/* Decides p->fate, copies, ce, past_m and the times. `rel_ns`: since the first packet of the run. */
void path_pass(struct path *path, struct packet *p, const struct tcp_view *v, bool fresh, bool first_ack,
	uint64_t rel_ns, struct passage *out);

#endif
