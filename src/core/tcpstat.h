/* tcpstat: what TCP did, from packets. The whole interface of the library.
 *
 * An analyzer takes captured packets in capture order and answers with events: const, valid only during the callback.
 * It does no I/O, reads no clock, keeps no globals and never exits. One analyzer is used by one thread at a time.
 *
 *     struct tcpstat *t = tcpstat_new(&config);
 *     while (more packets)
 *             tcpstat_packet(t, &pkt);
 *     tcpstat_finish(t);          every connection still open is reported
 *     tcpstat_free(t);
 *
 * Ownership: the config is copied; packet bytes are borrowed for the call; everything handed to a callback is borrowed
 * for the callback. Times are nanoseconds since the epoch, durations nanoseconds; the suffix of a name tells its unit.
 * What is not known is TCPSTAT_NULL (integers) or NAN (ratios), never 0. */
#ifndef TCPSTAT_H
#define TCPSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCPSTAT_NULL INT64_MIN

/* name, value, text */
#define TCPSTAT_ERRORS(X) \
	X(TCPSTAT_ENOMEM, -1, "out of memory") \
	X(TCPSTAT_EINVAL, -2, "invalid configuration")

enum {
#define X(name, number, text) name = number,
	TCPSTAT_ERRORS(X)
#undef X
};

const char *tcpstat_strerror(int error);

/* An endpoint and the direction in which it sends share their number. */
enum tcpstat_dir { TCPSTAT_C2S = 0, TCPSTAT_S2C = 1, TCPSTAT_NODIR = 2 };
enum tcpstat_endpoint { TCPSTAT_CLIENT = 0, TCPSTAT_SERVER = 1 };

struct tcpstat_addr {
	uint8_t family;                 /* 4 or 6; 0 unknown */
	uint8_t bytes[16];              /* network order; the first 4 for IPv4 */
};

/* ---------------------------------------------------------------------------------------------------- enumerations
 * Each list stands once: X(constant, name in records) */

#define TCPSTAT_STATES(X) /* RFC 9293 section 3.3.2 */ \
	X(EP_CLOSED, "CLOSED") X(EP_LISTEN, "LISTEN") X(EP_SYN_SENT, "SYN-SENT") X(EP_SYN_RECEIVED, "SYN-RECEIVED") \
	X(EP_ESTABLISHED, "ESTABLISHED") X(EP_FIN_WAIT_1, "FIN-WAIT-1") X(EP_FIN_WAIT_2, "FIN-WAIT-2") \
	X(EP_CLOSE_WAIT, "CLOSE-WAIT") X(EP_CLOSING, "CLOSING") X(EP_LAST_ACK, "LAST-ACK") X(EP_TIME_WAIT, "TIME-WAIT")

#define TCPSTAT_OUTCOMES(X) /* of a handshake */ \
	X(HS_NONE, NULL) X(HS_ESTABLISHED, "established") X(HS_REFUSED, "refused") X(HS_TIMEOUT, "timeout") \
	X(HS_RESET, "reset") X(HS_INCOMPLETE, "incomplete")

#define TCPSTAT_CLOSES(X) \
	X(CLOSE_OPEN, "open") X(CLOSE_FIN, "fin") X(CLOSE_RST, "rst") X(CLOSE_TIMEOUT, "timeout")

#define TCPSTAT_VANTAGES(X) \
	X(VANTAGE_UNKNOWN, NULL) X(VANTAGE_CLIENT, "client") X(VANTAGE_SERVER, "server") X(VANTAGE_MIDDLE, "middle")

#define TCPSTAT_CAUSES(X) /* of a retransmission */ \
	X(CAUSE_UNKNOWN, NULL) X(CAUSE_SYN, "syn") X(CAUSE_SYNACK, "synack") X(CAUSE_FIN, "fin") X(CAUSE_RTO, "rto") \
	X(CAUSE_GO_BACK_N, "go_back_n") X(CAUSE_FAST, "fast") X(CAUSE_RECOVERY, "recovery") X(CAUSE_TLP, "tlp") \
	X(CAUSE_LOST_RETRANSMISSION, "lost_retransmission")

#define TCPSTAT_LOSSES(X) /* where the original was lost */ \
	X(LOST_UNKNOWN, NULL) X(LOST_BEFORE_CAPTURE, "before_capture") X(LOST_AFTER_CAPTURE, "after_capture")

#define TCPSTAT_CA_STATES(X) \
	X(CA_UNKNOWN, NULL) X(CA_OPEN, "Open") X(CA_DISORDER, "Disorder") X(CA_CWR, "CWR") X(CA_RECOVERY, "Recovery") \
	X(CA_LOSS, "Loss")

#define TCPSTAT_PHASES(X) \
	X(PHASE_UNKNOWN, NULL) X(PHASE_SLOW_START, "slow_start") X(PHASE_CONGESTION_AVOIDANCE, "congestion_avoidance") \
	X(PHASE_RECOVERY, "recovery") X(PHASE_LOSS, "loss")

#define TCPSTAT_LIMITS(X) /* who owns an instant of a direction (what limited it); every one is a field of `limits` */ \
	X(LIMIT_HANDSHAKE, "handshake") X(LIMIT_APPLICATION_IDLE, "application_idle") \
	X(LIMIT_THINK_TIME, "think_time") \
	X(LIMIT_RECEIVER_WINDOW, "receiver_window") X(LIMIT_CONGESTION_WINDOW, "congestion_window") \
	X(LIMIT_RECOVERY, "recovery") X(LIMIT_TIMEOUT, "timeout") X(LIMIT_DELAYED_ACK, "delayed_ack") \
	X(LIMIT_SENDER_UNKNOWN, "sender_unknown")

#define TCPSTAT_RTT_SOURCES(X) X(RTT_ACK, "ack") X(RTT_TIMESTAMP, "timestamp") X(RTT_SYN, "syn")

#define TCPSTAT_WINDOW_WHATS(X) \
	X(WINDOW_ZERO, "zero") X(WINDOW_UPDATE, "update") X(WINDOW_FULL, "full") X(WINDOW_SHRINK, "shrink") \
	X(WINDOW_PROBE, "probe") X(WINDOW_PROBE_ACK, "probe_ack") \
	X(WINDOW_SILLY, "silly")

#define TCPSTAT_KEEPALIVE_WHATS(X) X(KEEPALIVE_PROBE, "probe") X(KEEPALIVE_ACK, "ack")
#define TCPSTAT_DUPLICATE_WHERES(X) X(DUPLICATE_NETWORK, "network") X(DUPLICATE_CAPTURE, "capture")
#define TCPSTAT_GAP_WHYS(X) \
	X(GAP_LOST, "lost") X(GAP_CAPTURE_LOSS, "capture_loss") X(GAP_TRUNCATED, "truncated") X(GAP_CAP, "cap")
#define TCPSTAT_CCS(X) X(CC_UNKNOWN, NULL) X(CC_RENO, "reno") X(CC_CUBIC, "cubic") X(CC_BBR, "bbr")
#define TCPSTAT_SEVERITIES(X) X(SEVERITY_INFO, "info") X(SEVERITY_WARNING, "warning") X(SEVERITY_PROBLEM, "problem")

/* Which of two conflicting copies of a byte the target system keeps; see reasm.h for the rules. */
#define TCPSTAT_OVERLAPS(X) \
	X(OVERLAP_FIRST, "first") X(OVERLAP_LAST, "last") X(OVERLAP_BSD, "bsd") X(OVERLAP_LINUX, "linux") \
	X(OVERLAP_OLD_LINUX, "old-linux") X(OVERLAP_WINDOWS, "windows") X(OVERLAP_SOLARIS, "solaris") \
	X(OVERLAP_HPUX10, "hpux10") X(OVERLAP_HPUX11, "hpux11") X(OVERLAP_IRIX, "irix") X(OVERLAP_MACOS, "macos")

/* what followed three duplicate ACKs */
#define TCPSTAT_DUP_ACK_THENS(X) \
	X(THEN_NOTHING, "nothing") X(THEN_FAST_RETRANSMIT, "fast_retransmit") \
	X(THEN_LIMITED_TRANSMIT, "limited_transmit") X(THEN_TIMEOUT, "timeout")

/* how the delays between the SYNs of an endpoint grow */
#define TCPSTAT_LADDERS(X) \
	X(LADDER_UNKNOWN, NULL) X(LADDER_DOUBLING_1S, "doubling_1s") X(LADDER_LINEAR_1S, "linear_1s") \
	X(LADDER_DOUBLING_3S, "doubling_3s") X(LADDER_BSD_6S_24S, "bsd_6s_24s")

#define X(constant, name) TCPSTAT_##constant,
enum tcpstat_state { TCPSTAT_STATES(X) TCPSTAT_NSTATES };
enum tcpstat_outcome { TCPSTAT_OUTCOMES(X) };
enum tcpstat_close { TCPSTAT_CLOSES(X) };
enum tcpstat_vantage { TCPSTAT_VANTAGES(X) };
enum tcpstat_cause { TCPSTAT_CAUSES(X) TCPSTAT_NCAUSES };
enum tcpstat_lost { TCPSTAT_LOSSES(X) };
enum tcpstat_ca { TCPSTAT_CA_STATES(X) };
enum tcpstat_phase { TCPSTAT_PHASES(X) };
enum tcpstat_limit { TCPSTAT_LIMITS(X) TCPSTAT_NLIMITS };
enum tcpstat_rtt_source { TCPSTAT_RTT_SOURCES(X) };
enum tcpstat_window_what { TCPSTAT_WINDOW_WHATS(X) };
enum tcpstat_keepalive_what { TCPSTAT_KEEPALIVE_WHATS(X) };
enum tcpstat_duplicate_where { TCPSTAT_DUPLICATE_WHERES(X) };
enum tcpstat_gap_why { TCPSTAT_GAP_WHYS(X) TCPSTAT_NGAP_WHYS };
enum tcpstat_cc { TCPSTAT_CCS(X) };
enum tcpstat_dup_ack_then { TCPSTAT_DUP_ACK_THENS(X) TCPSTAT_NDUP_ACK_THENS };
enum tcpstat_ladder { TCPSTAT_LADDERS(X) };
enum tcpstat_severity { TCPSTAT_SEVERITIES(X) };
enum tcpstat_overlap { TCPSTAT_OVERLAPS(X) TCPSTAT_NOVERLAPS };
#undef X

/* The name of an enumerator as records carry it; NULL where it means "unknown". */
const char *tcpstat_state_name(enum tcpstat_state);
const char *tcpstat_outcome_name(enum tcpstat_outcome);
const char *tcpstat_close_name(enum tcpstat_close);
const char *tcpstat_vantage_name(enum tcpstat_vantage);
const char *tcpstat_cause_name(enum tcpstat_cause);
const char *tcpstat_lost_name(enum tcpstat_lost);
const char *tcpstat_ca_name(enum tcpstat_ca);
const char *tcpstat_phase_name(enum tcpstat_phase);
const char *tcpstat_limit_name(enum tcpstat_limit);
const char *tcpstat_rtt_source_name(enum tcpstat_rtt_source);
const char *tcpstat_window_what_name(enum tcpstat_window_what);
const char *tcpstat_keepalive_what_name(enum tcpstat_keepalive_what);
const char *tcpstat_duplicate_where_name(enum tcpstat_duplicate_where);
const char *tcpstat_gap_why_name(enum tcpstat_gap_why);
const char *tcpstat_cc_name(enum tcpstat_cc);
const char *tcpstat_dup_ack_then_name(enum tcpstat_dup_ack_then);
const char *tcpstat_ladder_name(enum tcpstat_ladder);
const char *tcpstat_severity_name(enum tcpstat_severity);
const char *tcpstat_overlap_name(enum tcpstat_overlap);

/* ---------------------------------------------------------------------------------------------------- packets in */

struct tcpstat_pkt {
	int64_t ts_ns;                  /* since the epoch */
	uint64_t frame;                 /* number in the capture, from 1 */
	const uint8_t *data;            /* `caplen` bytes, from the link header on */
	uint32_t caplen;                /* bytes captured */
	uint32_t wirelen;               /* bytes the frame had; >= caplen, or taken to be caplen */
	uint32_t linktype;              /* LINKTYPE_* as in a file's header */
	uint32_t interface;             /* from 0 */
	/* The bytes of a packet to come, at best of the one after the next, and what follows them: to ask the memory
	 * in time for what belongs to it, and nothing else may hang on it. NULL: unknown. */
	const uint8_t *ahead;
	uint32_t ahead_len;
};

/* ---------------------------------------------------------------------------------------------------- events out */

/* constant, name of the record type */
#define TCPSTAT_EVENTS(X) \
	X(EV_STATE, "state") X(EV_RETRANSMISSION, "retransmission") X(EV_OUT_OF_ORDER, "out_of_order") \
	X(EV_DUPLICATE, "duplicate") X(EV_DUP_ACK, "dup_ack") X(EV_RTT, "rtt") X(EV_SENDER, "sender") \
	X(EV_WINDOW, "window") X(EV_KEEPALIVE, "keepalive") X(EV_GAP, "gap") X(EV_ICMP, "icmp") \
	X(EV_FINDING, "finding") \
	X(EV_CONNECTION, "connection") \
	X(EV_SEGMENT, "segment") /* each segment as decoded: for ladders and screens, not a record */ \
	X(EV_RESPONSE, "response") /* a server's answer begins; not a record: the connection has their distribution */ \
	X(EV_PROGRESS, "progress") /* a connection that goes on, as it stands; not a record: see progress_ns */ \
	X(EV_POSITION, "position") /* of a shard: where what follows stands in the whole */ \
	X(EV_CENSUS, "census") /* of a shard: what findings about the whole take from a connection that leaves */

enum tcpstat_event_type {
#define X(constant, name) TCPSTAT_##constant,
	TCPSTAT_EVENTS(X)
#undef X
	TCPSTAT_NEVENTS
};

#define TCPSTAT_MASK(type) (1u << (type))

struct tcpstat_ev_state {
	uint8_t endpoint;               /* enum tcpstat_endpoint */
	uint8_t from, to;               /* enum tcpstat_state */
	bool provisional;               /* by reception without proof that it arrived */
	const char *trigger;            /* snd_syn rcv_fin timeout_2msl rollback_... */
};

struct tcpstat_ev_retransmission {
	uint32_t seq;                   /* raw */
	int64_t seq_rel;                /* from the ISN, as tcpdump counts; from the first byte seen when mid-stream */
	uint32_t len;                   /* payload bytes */
	enum tcpstat_cause cause;
	int64_t backoff;                /* timeouts in a row, from 1; NULL where the cause is no timer */
	int8_t spurious;                /* 1, 0, or -1 = not known yet */
	enum tcpstat_lost lost;
	int64_t original_frame;         /* NULL: not seen */
	int64_t after_ns;               /* since the previous transmission of these bytes; NULL: not seen */
};

struct tcpstat_ev_out_of_order {
	uint32_t seq;
	int64_t seq_rel;
	uint32_t len;
	int64_t late_ns;                /* after the first segment that overtook it */
};

struct tcpstat_ev_duplicate {
	int64_t original_frame;
	enum tcpstat_duplicate_where where;
};

struct tcpstat_ev_dup_ack {
	uint32_t ack;                   /* raw */
	uint32_t run;                   /* this is the run-th duplicate, from 1 */
	uint8_t n_sack;
	uint32_t sack[4][2];            /* raw [left, right) */
	bool dsack;                     /* the first block is a DSACK (RFC 2883) */
};

struct tcpstat_ev_rtt {                 /* dir: of the data measured; the sender's own view (the whole path) */
	int64_t sample_ns, srtt_ns, rttvar_ns, rto_ns;
	enum tcpstat_rtt_source source;
};

struct tcpstat_ev_sender {              /* dir: of the data; after each ACK the sender got, and when its RTO fires */
	int64_t flight_bytes, pipe_bytes, rwnd_bytes, cwnd_bytes, ssthresh_bytes;
	enum tcpstat_phase phase;
	enum tcpstat_ca ca_state;
	int8_t limit;                   /* enum tcpstat_limit; -1 unknown */
};

struct tcpstat_ev_window {              /* dir: of the segment that carries the window, or of the probe */
	enum tcpstat_window_what what;
	int64_t rwnd_bytes;
};

struct tcpstat_ev_keepalive {
	enum tcpstat_keepalive_what what;
	uint32_t count;                 /* probes without answer so far, from 1 */
};

struct tcpstat_ev_gap {
	uint64_t offset, len;           /* in the stream, from 0 */
	enum tcpstat_gap_why why;
};

struct tcpstat_ev_icmp {                /* conn is 0 if no connection is known for what it quotes */
	uint8_t kind, code;             /* ICMP or ICMPv6 type and code */
	uint8_t family;                 /* 4: ICMP, 6: ICMPv6 */
	struct tcpstat_addr src, dst;   /* of the quoted segment */
	uint16_t src_port, dst_port;
};

struct tcpstat_ev_finding {
	const char *id;                 /* stable slug */
	enum tcpstat_severity severity;
	const char *title;              /* one sentence: place, cause, cost */
	const char *detail;             /* the figures behind it */
	const char *advice, *man;       /* what to do; section of tcpstat-troubleshooting(7) */
	const char *rule;               /* what was found true */
	const uint64_t *frames;         /* packets that show it, the first few */
	uint32_t n_frames;
	int64_t cost_ns;                /* of the connection's time; NULL: unknown */
	const char *about;              /* of the whole capture: the host or its port; NULL: the capture itself */
	bool ongoing;                   /* told while it goes on; the last word, at the end, has its id and about */
};

/* A segment as decoded and tracked, for ladders. Bytes are borrowed. */
struct tcpstat_ev_segment {
	uint16_t flags;                 /* the 9 flag bits: NS/AE 0x100, CWR 0x80 .. FIN 0x01 */
	uint32_t seq, ack;              /* raw */
	int64_t seq_rel, ack_rel;       /* from the ISN; NULL: no ACK, or ISN unknown and nothing to count from */
	uint32_t len;                   /* payload bytes by the headers */
	int64_t wnd_bytes;              /* scaled; NULL: scale unknown */
	uint16_t wnd;                   /* as on the wire */
	uint8_t state[2];               /* enum tcpstat_state of both endpoints after this segment */
	bool has_mss, has_wscale, sack_permitted, has_ts;
	uint16_t mss;
	uint8_t wscale;
	uint32_t ts_val, ts_ecr;
	uint8_t n_sack;
	uint32_t sack[4][2];
	const uint8_t *payload;
	uint32_t caplen;                /* payload bytes captured, <= len */
};

/* What the same capture's other shards tell at the same packet stands before or after by `order`; at the end of the
 * input likewise. */
struct tcpstat_ev_position {
	uint64_t read;                  /* packet that was being read; 0: the end of the input */
	uint64_t order;                 /* 0: after everything else */
	uint32_t opened;                /* number of the connection that begins here; 0 none */
};

enum { TCPSTAT_CENSUS_FRAMES = 6 };
struct tcpstat_frames { uint32_t n; uint64_t frame[TCPSTAT_CENSUS_FRAMES]; };

struct tcpstat_census {                 /* see survey.h */
	struct tcpstat_addr addr[2];    /* client, server */
	uint16_t port[2];
	bool reused;                    /* these had a connection before */
	int64_t syn_retransmissions;
	enum tcpstat_outcome outcome;
	enum tcpstat_close how;
	int8_t by;                      /* as in tcpstat_conn.close */
	uint8_t server_state;           /* enum tcpstat_state */
	int64_t first_ts_ns, last_ts_ns;
	uint64_t first_frame, last_frame;
	bool lost;                      /* a segment of the client */
	struct tcpstat_census_half {    /* by direction */
		int64_t packets;
		bool one_sided;         /* it is all that was captured, although the other answered */
		int64_t gap_bytes;      /* that the capture missed; NULL: none */
		int64_t copies;         /* that the capture made */
		uint64_t rst_frame;     /* 0: not seen */
		uint64_t joined_frame;  /* the longest of segments that were joined; 0: none were */
		struct tcpstat_frames gaps, cut, copied;
	} half[2];
};

struct tcpstat_conn;

struct tcpstat_event {
	enum tcpstat_event_type type;
	enum tcpstat_dir dir;           /* of the segment it speaks of; TCPSTAT_NODIR where none */
	int64_t ts_ns;                  /* when the thing happened */
	uint64_t frame;                 /* the packet that shows it; 0: none (a timer) */
	uint32_t conn;                  /* number, from 1; 0: the whole capture */
	union {
		struct tcpstat_ev_state state;
		struct tcpstat_ev_retransmission retransmission;
		struct tcpstat_ev_out_of_order out_of_order;
		struct tcpstat_ev_duplicate duplicate;
		struct tcpstat_ev_dup_ack dup_ack;
		struct tcpstat_ev_rtt rtt;
		struct tcpstat_ev_sender sender;
		struct tcpstat_ev_window window;
		struct tcpstat_ev_keepalive keepalive;
		struct tcpstat_ev_gap gap;
		struct tcpstat_ev_icmp icmp;
		struct tcpstat_ev_finding finding;
		struct tcpstat_ev_segment segment;
		int64_t response_ns;    /* of EV_RESPONSE: what the server took, as in latency.response */
		const struct tcpstat_conn *connection; /* of EV_CONNECTION and EV_PROGRESS */
		struct tcpstat_ev_position position;
		const struct tcpstat_census *census;
	};
};

/* ---------------------------------------------------------------------------------------------------- a connection */

struct tcpstat_dist {                   /* of durations in ns; all NULL when count is 0 */
	int64_t count, min_ns, mean_ns, p50_ns, p90_ns, p99_ns, max_ns, stddev_ns;
};

/* Durations of the whole capture. Those of its parts add up to that of the whole exactly. Buckets: one a nanosecond
 * below 32 ns, above that 32 for each power of two, up to 2^62 ns. */
enum { TCPSTAT_BUCKETS = 58 * 32 + 1 };
struct tcpstat_histogram {
	uint64_t count, sum_ns;
	int64_t min_ns, max_ns;         /* 0 when count is 0 */
	uint64_t bucket[TCPSTAT_BUCKETS];
};

struct tcpstat_totals {
	struct tcpstat_histogram rtt, connect, response; /* samples of both directions; connections; answers */
};

void tcpstat_histogram_merge(struct tcpstat_histogram *, const struct tcpstat_histogram *from);
/* Without the standard deviation. Quantiles as those of a connection with many samples: interpolated in a bucket. */
void tcpstat_histogram_get(const struct tcpstat_histogram *, struct tcpstat_dist *);
/* Where bucket i begins, and which one begins there; -1: none does. */
uint64_t tcpstat_bucket_ns(unsigned i);
int tcpstat_bucket_at(uint64_t ns);

struct tcpstat_options {                /* what an endpoint's SYN said; NULL: its SYN was not seen */
	int64_t mss, wscale;            /* NULL too when not offered */
	int64_t sack_permitted, timestamps, tfo, ecn, mptcp, accecn; /* 0, 1 */
};

struct tcpstat_half {                   /* one direction; everything about the data that this endpoint sent */
	int64_t packets, bytes;         /* bytes: of the frames as they were on the wire */
	int64_t payload_bytes;          /* unique bytes of the stream that were seen */
	struct {
		int64_t total, by_cause[TCPSTAT_NCAUSES], spurious, bytes;
		double ratio;           /* of data segments sent */
	} retransmissions;
	struct { int64_t before_capture, after_capture; } lost;
	int64_t out_of_order, duplicates;
	int64_t dup_acks, dup_ack_runs_3, sack_blocks, dsacks; /* in the ACKs that this endpoint sent */
	int64_t dup_ack_then[TCPSTAT_NDUP_ACK_THENS]; /* those runs by what the other endpoint did about them */
	struct tcpstat_dist rtt;
	struct tcpstat_dist ack_delay;  /* how long this endpoint held its ACKs back (RFC 1122 section 4.2.3.2) */
	int64_t srtt_ns, rttvar_ns;
	struct { int64_t last_ns, max_ns; } rto;
	struct { int64_t count, max_backoff, stall_ns; } timeouts;
	struct {                        /* that it advertised */
		int64_t min_bytes, max_bytes, last_bytes, zero_count, zero_ns;
		int64_t shrink_count, silly_count;
		int64_t exact;          /* 0: bytes are lower bounds, scaled by wscale_min; NULL: no bytes are known */
		int64_t wscale_min;     /* the least scale that explains the flight; NULL: none inferred */
	} rwnd;
	struct { int64_t max_bytes, mean_bytes; } flight;
	struct { int64_t initial_bytes, max_bytes, last_bytes; } cwnd;
	struct { enum tcpstat_cc name; double fit; } congestion_control; /* fit: mean deviation, 0 = exact */
	int64_t ceiling_bps;            /* what the peer's greatest window allows in the median RTT */
	double ceiling_ratio;           /* share of it that the throughput reached */
	struct tcpstat_persist { int64_t first_ns, max_ns; double growth; } persist;
	struct tcpstat_keepalives { int64_t idle_ns, interval_ns, answered, dead; } keepalive;
	int64_t ack_timer_ns;           /* delayed ACK timer that its late ACKs cluster at */
	int64_t fin_wait_2_ns, time_wait_ns; /* time seen in these states */
	struct tcpstat_syn_ladder {
		uint8_t n;
		int64_t delay_ns[8];    /* from one SYN to the next: the first ones */
		enum tcpstat_ladder like;
	} syn_ladder;
	char stack_why[64];             /* what the profile was recognised by; "": nothing */
	const char *stack;              /* profile whose habits were used: linux windows bsd ...; NULL: RFC behaviour */
	int64_t throughput_bps, goodput_bps, bdp_bytes;
	double limits[TCPSTAT_NLIMITS]; /* shares of the duration, sum 1 */
	struct { int64_t count, bytes, bytes_of[TCPSTAT_NGAP_WHYS]; } gaps; /* bytes_of: by enum tcpstat_gap_why */
	int64_t overlap_conflicts;      /* copies of waiting bytes that differed; NULL: nobody wanted the bytes */
	int64_t refused_bytes;          /* payload that no application got: after FIN or RST, or far off */
	int64_t keepalives, zero_window_probes;
	int64_t checksum_errors, checksum_offloaded;
	const char *payload_sha256;     /* hex; set by the sink that hashes */
};

struct tcpstat_dns {                    /* the lookup of the server's name that came before; all NULL: none was seen */
	const char *name;               /* printable ASCII; anything else as \DDD */
	uint64_t query_frame, answer_frame; /* 0: not seen */
	int64_t queries;                /* times it was asked until the answer came */
	int64_t took_ns;                /* from the first query to the answer */
	int64_t before_ns;              /* from the answer to the SYN */
};

struct tcpstat_conn {
	uint32_t number, incarnation, previous; /* incarnation from 0; previous: number of the former one, 0 none */
	struct tcpstat_addr addr[2];    /* client, server */
	uint16_t port[2];
	bool midstream;
	bool over;                      /* both endpoints have ended; late segments may still come */
	bool over_told;                 /* EV_CONNECTION: EV_PROGRESS has said that it is over */
	enum tcpstat_vantage vantage;
	int64_t first_ts_ns, last_ts_ns, duration_ns;
	uint64_t first_frame, last_frame;
	struct {
		int64_t syn_ts_ns, client_half_ns, server_half_ns, rtt_ns;
		int64_t syn_retransmissions, synack_retransmissions;
		enum tcpstat_outcome outcome;
	} handshake;
	struct tcpstat_options options[2];
	struct {
		int8_t by;              /* enum tcpstat_endpoint; -1 unknown or nobody */
		enum tcpstat_close how;
		enum tcpstat_state state[2];
		bool provisional[2];    /* the last transition rests on a packet whose arrival is not proven */
	} close;
	struct {
		int64_t connect_ns, first_request_ns;
		struct tcpstat_dist response, client_wait;
		struct tcpstat_dns dns;
	} latency;
	struct tcpstat_half half[2];
	int64_t budget_ns[TCPSTAT_NLIMITS]; /* whose the time was, of both directions; sum: the duration; share.h */
	int8_t worst;                   /* enum tcpstat_severity of its findings; -1: none */
	/* for people who come from other tools */
	char history[24];               /* Zeek's letters, NUL-terminated */
	const char *conn_state;         /* Zeek's: S0 S1 SF REJ ... */
	uint8_t completeness;           /* Wireshark's bits: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST */
	/* the encapsulation of the first packet */
	uint16_t vlan[2];               /* outer, inner id; 0xffff: none */
	const char *tunnel;             /* gre vxlan geneve gtpu ipip 6in4 ...; NULL: none */
};

/* ---------------------------------------------------------------------------------------------------- the analyzer */

/* name, text: packets that went no further than the decoder, by reason, and what else it noticed */
#include "core/counter.def"

struct tcpstat_counters {
#define X(name, text) uint64_t name;
	TCPSTAT_COUNTERS(X)
#undef X
};

/* Another thread that does what can wait while this one reads packets. It runs what it is given one after the other.
 * With a helper the callback comes from its thread (and from that of tcpstat_finish), never from two at once; used only
 * when nothing but connections and findings of a file is wanted. Where streams of a file are wanted and nothing that
 * trackers tell meanwhile, it is used, too, but every callback comes from the thread that reads. */
enum { TCPSTAT_ERRANDS = 512 };

struct tcpstat_helper {
	void *ctx;
	/* Never more than TCPSTAT_ERRANDS that are not done. `next`: the argument of the errand after it, if that is
	 * known already, so that what it will need can be asked for; else NULL. */
	void (*give)(void *ctx, void (*run)(void *arg, void *next), void *arg);
	uint64_t (*done)(void *ctx);    /* so many are done, and what they wrote can be read */
	void (*wait)(void *ctx, uint64_t n); /* until so many are done */
};

struct tcpstat_config {
	uint32_t events;                /* TCPSTAT_MASK()s of what the callback wants */
	void (*event)(void *ctx, const struct tcpstat_event *);
	/* In-order bytes of a stream, exactly once, offset from 0; NULL if nobody wants them. */
	void (*stream)(void *ctx, uint32_t conn, enum tcpstat_dir, uint64_t offset, const uint8_t *bytes, size_t len);
	void *ctx;
	enum tcpstat_overlap overlap;
	bool key_by_vlan;               /* the VLAN and tunnel are part of a connection's key */
	uint32_t only_conn;             /* follow the stream of this connection only; 0: all */
	int64_t msl_ns;                 /* TIME-WAIT lasts 2 MSL; 0: 30 s */
	uint64_t memory_bytes;          /* budget of everything together; 0: 1 GiB */
	uint64_t reasm_conn_bytes;      /* out-of-order bytes buffered for one direction; 0: 16 MiB */
	uint64_t hash_seed;             /* of the flow table; pass random bits */
	const struct tcpstat_helper *helper; /* borrowed; NULL: none */
	bool live;                      /* idle connections end by timeout of their state, not only at the end */
	uint32_t watched;               /* set by the analyzer: events that its own findings need */
	/* Only the connections of one shard, from 1, of so many (tcpstat_shard); 0 of 0: all. Needs EV_POSITION and
	 * EV_CENSUS in `events` to be joined; findings about the whole are left to tcpstat_join. */
	uint32_t shard, shards;
	bool totals;                    /* keep tcpstat_totals */
	int64_t progress_ns;            /* a connection with packets says EV_PROGRESS so often, and once when
	                                 * it is over; 0: 10 s */
};

struct tcpstat;

void tcpstat_config_init(struct tcpstat_config *);
/* NULL: out of memory. */
struct tcpstat *tcpstat_new(const struct tcpstat_config *);
/* Feed one captured packet; events reach the callback before return. 0, or TCPSTAT_ENOMEM (the packet is lost, the
 * analyzer stays usable). */
int tcpstat_packet(struct tcpstat *, const struct tcpstat_pkt *);
/* Time passes without packets (live): ends what times out before `now_ns`. */
void tcpstat_tick(struct tcpstat *, int64_t now_ns);
/* End of input: report every connection still there. Call once, before tcpstat_free. */
void tcpstat_finish(struct tcpstat *);
void tcpstat_free(struct tcpstat *);
const struct tcpstat_counters *tcpstat_counters(const struct tcpstat *);
/* Of the connections that have left; NULL without config.totals. */
const struct tcpstat_totals *tcpstat_totals(const struct tcpstat *);

/* The shard, from 1, of `shards` in which a connection is analysed: FNV-1a of 64 bits over what the Community ID
 * (version 1, seed 0) hashes, its upper half xored into the lower, modulo `shards`, plus 1. Both directions are the
 * same; so are all machines, runs and versions. */
uint32_t tcpstat_shard(uint32_t shards, const struct tcpstat_addr *, uint16_t port, const struct tcpstat_addr *peer,
	uint16_t peer_port);

/* The findings about a whole whose connections were analysed in shards: takes their censuses in the order of the whole,
 * then emits what tcpstat_finish would have. `counters`: of the whole. NULL: out of memory. */
struct tcpstat_join;
struct tcpstat_join *tcpstat_join_new(const struct tcpstat_config *);
void tcpstat_join_census(struct tcpstat_join *, const struct tcpstat_census *);
void tcpstat_join_finish(struct tcpstat_join *, const struct tcpstat_counters *counters, int64_t now_ns);
void tcpstat_join_free(struct tcpstat_join *);

/* How things stand now. */
struct tcpstat_gauges {
	uint64_t connections;           /* that are followed, closed ones that may still get late segments included */
	uint64_t open, half_open, closing, closed; /* the same: data may flow, handshake, one FIN seen, over */
	uint64_t states[2][TCPSTAT_NSTATES]; /* their endpoints by state */
	uint64_t memory_bytes, memory_limit_bytes;
	uint64_t memory_refused;        /* times that there was no memory within the limit: some figure may lack it */
	int64_t now_ns;                 /* how far the input has come; NULL: no packet yet */
};
/* Another budget from now on; if it is less than what is in use, connections go as memory is needed. */
void tcpstat_limit_memory(struct tcpstat *, uint64_t bytes);
void tcpstat_gauges(const struct tcpstat *, struct tcpstat_gauges *);
/* Calls `each` with every connection that is followed, as it stands, those idle for longest first. The event is
 * EV_PROGRESS; with `findings`, after an EV_FINDING for each thing that would be found if the input ended here (if the
 * analyzer was to look for any). Costs time by the number of connections. */
void tcpstat_each(struct tcpstat *, bool findings, void (*each)(void *ctx, const struct tcpstat_event *), void *ctx);

#endif
