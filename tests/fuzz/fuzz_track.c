/* The tracker on sequences of packets: stream bytes come once and in order, gaps fit between them, counts are not
 * negative, every connection that begins ends. */
#include "program.h"

enum { CONNS = 4096 };

static const int64_t century_ns = (int64_t)100 * 366 * 86400 * 1000000000;

struct seen {
	uint64_t offset[CONNS][2];
	bool ended[CONNS];
	uint32_t connections;
	uint32_t only_conn; /* whose bytes come; 0: all */
};

static void on_bytes(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct seen *s = ctx;
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum ^= bytes[i];
	if (conn >= CONNS)
		return;
	FUZZ_CHECK(offset == s->offset[conn][dir], "conn %u: bytes at %" PRIu64 ", not %" PRIu64, conn, offset,
		   s->offset[conn][dir]);
	s->offset[conn][dir] += len;
}

static bool known(int64_t n)
{
	return n >= 0 || n == TCPSTAT_NULL;
}

static void check_half(const struct tcpstat_half *h)
{
	int64_t total = h->retransmissions.total, by_cause = 0;

	FUZZ_CHECK(known(h->packets) && known(h->payload_bytes) && known(h->gaps.count), "negative");
	FUZZ_CHECK(known(total) && known(h->retransmissions.spurious), "negative");
	FUZZ_CHECK(h->retransmissions.spurious <= total, "spurious");
	FUZZ_CHECK(known(h->lost.before_capture) && known(h->lost.after_capture), "lost");
	for (int i = 0; total != TCPSTAT_NULL && i < TCPSTAT_NCAUSES; i++)
		by_cause += h->retransmissions.by_cause[i];
	FUZZ_CHECK(total == TCPSTAT_NULL || by_cause == total, "%" PRId64 " by cause, %" PRId64 " in all", by_cause,
		   total);
	FUZZ_CHECK(h->srtt_ns == TCPSTAT_NULL || (h->srtt_ns >= 0 && h->srtt_ns < century_ns), "srtt");
	FUZZ_CHECK(h->rto.last_ns == TCPSTAT_NULL || h->rto.last_ns > 0, "rto");
	double limits = 0;

	for (int i = 0; i < TCPSTAT_NLIMITS; i++)
		limits += h->limits[i];
	FUZZ_CHECK(!(limits > 1.001), "limits sum to %f", limits);
}

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	struct seen *s = ctx;

	FUZZ_CHECK(ev->conn < CONNS, "connection %u", ev->conn);
	switch (ev->type) {
	case TCPSTAT_EV_CONNECTION:
		FUZZ_CHECK(!s->ended[ev->conn], "conn %u ended twice", ev->conn);
		s->ended[ev->conn] = true;
		s->connections++;
		FUZZ_CHECK(ev->connection->number == ev->conn, "number");
		FUZZ_CHECK(ev->connection->duration_ns >= 0, "duration");
		FUZZ_CHECK(memchr(ev->connection->history, 0, sizeof ev->connection->history), "history");
		check_half(&ev->connection->half[0]);
		check_half(&ev->connection->half[1]);
		break;
	case TCPSTAT_EV_GAP:
		if (!s->only_conn || s->only_conn == ev->conn) {
			FUZZ_CHECK(ev->gap.offset == s->offset[ev->conn][ev->dir], "gap at %" PRIu64 ", not %" PRIu64,
				   ev->gap.offset, s->offset[ev->conn][ev->dir]);
			s->offset[ev->conn][ev->dir] += ev->gap.len;
		}
		FUZZ_CHECK(ev->gap.len > 0, "empty gap");
		break;
	case TCPSTAT_EV_RETRANSMISSION:
		FUZZ_CHECK(ev->retransmission.cause < TCPSTAT_NCAUSES, "cause");
		break;
	case TCPSTAT_EV_RTT:
		FUZZ_CHECK(ev->rtt.srtt_ns >= 0 && ev->rtt.rto_ns > 0, "rtt");
		break;
	case TCPSTAT_EV_SENDER:
		FUZZ_CHECK(ev->sender.flight_bytes >= 0 && ev->sender.pipe_bytes >= 0, "flight");
		break;
	case TCPSTAT_EV_SEGMENT:
		FUZZ_CHECK(ev->segment.caplen <= ev->segment.len, "payload");
		FUZZ_CHECK(ev->segment.n_sack <= 4, "sack");
		break;
	default:
		break;
	}
	if (ev->type != TCPSTAT_EV_ICMP && ev->type != TCPSTAT_EV_FINDING)
		FUZZ_CHECK(ev->conn, "event %d of no connection", ev->type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program p;
	struct tcpstat_config config;
	struct tcpstat_pkt pkt;
	struct seen *seen;
	struct tcpstat *t;

	if (size > 3 * (CONNS - 1)) /* an instruction makes at most one connection */
		size = 3 * (CONNS - 1);
	seen = calloc(1, sizeof *seen);
	program_init(&p, data, size, &config);
	config.events = ~0u;
	config.event = on_event;
	config.ctx = seen;
	config.stream = on_bytes;
	t = tcpstat_new(&config);
	FUZZ_CHECK(t && seen, "no analyzer in %" PRIu64 " bytes", config.memory_bytes);
	seen->only_conn = config.only_conn;
	while (program_next(&p, &pkt)) {
		tcpstat_packet(t, &pkt);
		if (config.live && !(pkt.frame % 16) && pkt.ts_ns < (int64_t)1 << 61)
			tcpstat_tick(t, pkt.ts_ns + 1000000000);
	}
	tcpstat_finish(t);
	uint64_t began = tcpstat_counters(t)->connections;
	FUZZ_CHECK(seen->connections == began, "%u ended, %" PRIu64 " began", seen->connections, began);
	tcpstat_free(t);
	free(seen);
	return 0;
}
