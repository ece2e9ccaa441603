/* Why a sender repeats what it does: the rules by which its timers and ACKs would have had it do so. */
#include "core/sender.h"

#include <assert.h>

enum { MS = 1000000 };

/* Tail loss probe: RFC 8985 section 7.2, with the delay Linux adds for a lone segment. */
static int64_t sender_pto_ns(const struct sender *s)
{
	if (!rtt_known(&s->rtt))
		return 1000 * MS;
	int64_t pto_ns = 2 * rtt_srtt_ns(&s->rtt) + (s->packets_out == 1 ? s->stack->delayed_ack_ns : 2 * MS);

	return (pto_ns + s->stack->tick_ns - 1) / s->stack->tick_ns * s->stack->tick_ns;
}

enum tcpstat_cause sender_cause(const struct sender *s, uint64_t seq, uint64_t end, int64_t now_ns)
{
	int64_t rto = rtt_rto_ns(&s->rtt);
	int64_t last = s->progress_ns > s->rto_base_ns ? s->progress_ns : s->rto_base_ns;
	int64_t idle = now_ns - last;
	int64_t backed = rto << (s->backoff < 16 ? s->backoff : 16);
	const struct sent *head = s->q.head < s->q.end ? &s->q.entries[s->q.head] : NULL;
	bool is_head = !head || seq <= s->snd_una || (head->seq <= seq && seq < head->end);
	bool timed_out = is_head && idle > 5 * MS && now_ns - s->rto_base_ns >= backed / 100 * 92;

	/* After a timeout the head goes again only by the timer, unless an ACK came. */
	bool silent = is_head && head && s->last_ack_ns <= head->xmit_ns && now_ns - head->xmit_ns > 5 * MS;

	if (s->ca == TCPSTAT_CA_LOSS && seq < s->recovery_point)
		return timed_out || silent ? TCPSTAT_CAUSE_RTO : TCPSTAT_CAUSE_GO_BACK_N;
	if (s->stack->probes && s->sack_ok && rtt_known(&s->rtt) &&
	    (s->ca == TCPSTAT_CA_OPEN || s->ca == TCPSTAT_CA_CWR) && !s->sacked_out && !s->tlp_end_seq &&
	    end >= s->snd_nxt && s->last_send_ns) {
		int64_t pto = sender_pto_ns(s), quiet = now_ns - (s->last_send_ns > last ? s->last_send_ns : last);

		if (pto > rto)
			pto = rto;
		/* After it the retransmission timer runs; once that has passed, too, this is its work. */
		if (quiet >= pto / 10 * 8 && quiet < pto + rto / 10 * 9 && !s->backoff)
			return TCPSTAT_CAUSE_TLP;
	}
	if (timed_out)
		return TCPSTAT_CAUSE_RTO;
	if (s->ca != TCPSTAT_CA_RECOVERY)
		return TCPSTAT_CAUSE_FAST;
	uint32_t i = sendq_find(&s->q, seq);

	assert(i >= s->q.end || s->q.entries);
	if (i < s->q.end && s->q.entries[i].flags & SENT_EVER_RETRANS)
		return TCPSTAT_CAUSE_LOST_RETRANSMISSION;
	return TCPSTAT_CAUSE_RECOVERY;
}
