/* Timeouts of which nothing passed the capture: what the timer sent was lost on its way here. */
#include "core/replay_state.h"

static void shots_tell(struct replay *r, struct side *d, int64_t fired_ns)
{
	enum tcpstat_ca ca = d->snd.ca;

	d->snd.ca = TCPSTAT_CA_LOSS;
	replay_tell_sender(r, d, fired_ns, 0);
	d->snd.ca = ca;
}

/* The timer has fired, but so late that it must have fired before: those shots were lost on their way here. Returns how
 * many timeouts in a row came before this one. */
uint8_t shots_earlier(struct replay *r, struct side *d, int64_t sent_ns)
{
	struct sender *snd = &d->snd;
	int64_t next_ns = rtt_rto_ns(&snd->rtt) << (snd->backoff < 16 ? snd->backoff : 16);
	int64_t fired_ns = snd->rto_base_ns + next_ns;

	while (snd->backoff < 16 && fired_ns + 2 * next_ns <= sent_ns + next_ns / 8) {
		if (snd->ca != TCPSTAT_CA_LOSS)
			shots_tell(r, d, fired_ns);
		d->counts.timeouts++;
		snd->backoff++;
		next_ns *= 2;
		fired_ns += next_ns;
	}
	return snd->backoff;
}

/* Everything seen is acknowledged, the sequence goes on without a gap, but after a silence of a timeout and with IP IDs
 * missing: what left in between was lost on its way here, and this is what the timer repeats. */
void shots_hidden(struct replay *r, struct side *d, const struct segment *s, int64_t sent_ns, int64_t before_ns)
{
	struct sender *snd = &d->snd;
	int64_t rto_ns = rtt_rto_ns(&snd->rtt), silent_ns = sent_ns - before_ns;

	if (silent_ns < rto_ns / 10 * 9 || d->near || !d->ids_count || !s->view->has_ip_id || !s->len ||
	    !rtt_known(&snd->rtt) || s->seq != snd->snd_nxt || snd->snd_una != snd->snd_nxt)
		return;
	uint32_t missing = (uint16_t)(s->view->ip_id - d->last_id - 1), size = d->size ? d->size : snd->mss;
	unsigned times = 1;

	/* Of the stacks that are known only Linux counts each connection by itself; all others have one counter for the
	 * host, whose other packets may not pass here. */
	if (snd->stack != &stack_linux)
		return;
	/* A counter of its own, and no more than a window can have held. */
	if (d->id_next < 16 || d->id_next < d->id_good / 5 * 4 || missing < 3 ||
	    missing > 2 * (d->counts.flight_max / size) + 10)
		return;
	while (times < 10 && (rto_ns << times) - rto_ns < silent_ns - rto_ns / 2)
		times++;
	/* All but the timer's own copies and a probe; a closed window let nothing leave. */
	if (missing <= times || (snd->wnd_exact && snd->snd_wnd < size))
		return;
	sender_hidden_timeout(snd, missing - times, size, times, sent_ns);
	/* Its first shot, of which only the time is known. */
	shots_tell(r, d, sent_ns - ((rto_ns << times) - 2 * rto_ns));
}

