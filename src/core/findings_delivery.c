/* What was lost, late or doubled, and what repairing it took. */
#include "core/findings.h"

#include <math.h>

/* Repairing took a tenth of the connection, or a second. */
static bool is_grave(const struct study *s, int64_t ns)
{
	return ns != TCPSTAT_NULL && ns > 0 && (ns >= s->conn->duration_ns / 10 || ns >= 1000000000);
}

/* The time of the connection that `owner` had of this direction. */
static int64_t owned_ns(const struct study *s, enum tcpstat_dir d, enum tcpstat_limit owner)
{
	double share = s->conn->half[d].limits[owner];

	return isnan(share) ? 0 : (int64_t)(share * (double)s->conn->duration_ns);
}

/* What waiting for timers took, but for those that fired needlessly: as owned, but no more than was measured. */
static int64_t waited_ns(const struct study *s, enum tcpstat_dir d, int64_t measured_ns)
{
	const struct watch_mark *needless = watch_get(s->watch, WATCH_SPURIOUS_RTO, d);
	int64_t owned = owned_ns(s, d, TCPSTAT_LIMIT_TIMEOUT) - (needless ? needless->ns : 0);

	return owned > 0 && owned < measured_ns ? owned : measured_ns;
}

/* What repairing took beside waiting for timers, which is told apart where one fired; those of a bare FIN are not. */
static int64_t repair_ns(const struct study *s, enum tcpstat_dir d)
{
	int64_t owned = owned_ns(s, d, TCPSTAT_LIMIT_RECOVERY);

	if (!watch_get(s->watch, WATCH_RTO, d) && !watch_get(s->watch, WATCH_TLP, d))
		owned += owned_ns(s, d, TCPSTAT_LIMIT_TIMEOUT);
	return owned > 0 ? owned : TCPSTAT_NULL;
}

static void loss(struct study *s, enum tcpstat_dir d, enum watch_kind kind, enum finding_id id)
{
	const struct tcpstat_half *h = &s->conn->half[d];
	const struct watch_mark *m = watch_get(s->watch, kind, d);
	int64_t all = (int64_t)watch_count(s->watch, WATCH_LOST_BEFORE, d) + watch_count(s->watch, WATCH_LOST_AFTER, d);
	int64_t own = m ? m->count : 0;
	struct finding f;

	if (!m)
		return;
	finding_begin(&f, id, d);
	finding_place(&f, d);
	words_count(&f.title, own, "segment");
	words_add(&f.title, kind == WATCH_LOST_BEFORE ?
		" lost before the capture point" : " lost after the capture point");
	if (h->retransmissions.ratio > 0) {
		words_add(&f.title, " (");
		words_share(&f.title, h->retransmissions.ratio * (double)own / (double)(h->retransmissions.total > own ?
			h->retransmissions.total : own));
		words_add(&f.title, ")");
	}
	finding_cost(&f, all > own ? (int64_t)((double)known(repair_ns(s, d)) * (double)own / (double)all) :
		repair_ns(s, d));
	/* Nobody waits for a FIN. */
	if (is_grave(s, f.cost_ns) && h->retransmissions.by_cause[TCPSTAT_CAUSE_FIN] < h->retransmissions.total)
		f.severity = TCPSTAT_SEVERITY_PROBLEM;
	finding_show(&f, m);
	words_count(&f.detail, h->retransmissions.total, "retransmission");
	words_add(&f.detail, ", of them ");
	words_number(&f.detail, watch_count(s->watch, WATCH_FAST, d));
	words_add(&f.detail, " after ACKs that told, ");
	words_count(&f.detail, watch_count(s->watch, WATCH_TLP, d), "probe");
	words_add(&f.detail, ", ");
	words_count(&f.detail, watch_count(s->watch, WATCH_RTO, d), "timeout");
	study_tell(s, &f);
}

static void timeouts(struct study *s, enum tcpstat_dir d)
{
	const struct tcpstat_half *h = &s->conn->half[d];
	const struct watch_mark *rto = watch_get(s->watch, WATCH_RTO, d), *tail = watch_get(s->watch, WATCH_TAIL, d);
	const struct watch_mark *tlp = watch_get(s->watch, WATCH_TLP, d);
	const struct watch_half *w = &s->watch->half[d];
	bool whole = rto && h->retransmissions.by_cause[TCPSTAT_CAUSE_GO_BACK_N] > 3 * (int64_t)rto->count;
	bool only_tail = tail && !s->unheard[d] && (!rto || (h->timeouts.max_backoff <= 1 && !whole &&
		rto->count + (tlp ? tlp->count : 0) <= tail->count));
	struct finding f;

	if (only_tail) {
		finding_begin(&f, FINDING_TAIL_LOSS, d);
		finding_place(&f, d);
		words_add(&f.title, "the end of a flight was lost ");
		words_count(&f.title, w->tails < tail->count ? w->tails : tail->count, "time");
		words_add(&f.title, rto ? " and had to wait for the timeout" : " and was probed for");
		finding_cost(&f, waited_ns(s, d, tail->ns));
		if (rto)
			f.severity = TCPSTAT_SEVERITY_PROBLEM;
		finding_show(&f, tail);
		study_tell(s, &f);
	}
	if (!rto || only_tail)
		return;
	finding_begin(&f, FINDING_TIMEOUT, d);
	finding_place(&f, d);
	words_count(&f.title, rto->count, "retransmission timeout");
	if (w->longest_row > 1 && w->longest_row <= rto->count) {
		words_add(&f.title, ", ");
		words_number(&f.title, w->longest_row);
		words_add(&f.title, " in a row");
	}
	finding_cost(&f, waited_ns(s, d, h->timeouts.stall_ns > 0 ? h->timeouts.stall_ns : rto->ns));
	finding_show(&f, rto);
	words_add(&f.detail, "RTO ");
	words_duration(&f.detail, s->rto_ns[d]);
	words_add(&f.detail, ", smoothed RTT ");
	words_duration(&f.detail, h->srtt_ns);
	study_tell(s, &f);
}

static void tell_needless(struct study *s, enum tcpstat_dir d)
{
	const struct tcpstat_half *h = &s->conn->half[d];
	const struct watch_mark *rto = watch_get(s->watch, WATCH_SPURIOUS_RTO, d);
	const struct watch_mark *m = watch_get(s->watch, WATCH_SPURIOUS, d);
	struct finding f;

	if (rto) {
		finding_begin(&f, FINDING_SPURIOUS_TIMEOUT, d);
		finding_place(&f, d);
		words_count(&f.title, rto->count, "segment");
		words_add(&f.title, " resent by a timeout that was not needed");
		finding_cost(&f, rto->ns ? rto->ns : TCPSTAT_NULL);
		if (is_grave(s, f.cost_ns))
			f.severity = TCPSTAT_SEVERITY_PROBLEM;
		finding_show(&f, rto);
		study_tell(s, &f);
	}
	if (!m)
		return;
	finding_begin(&f, FINDING_SPURIOUS_RETRANSMISSION, d);
	finding_place(&f, d);
	words_count(&f.title, m->count, "segment");
	words_add(&f.title, m->count == 1 ?
		" was resent although it had arrived" : " were resent although they had arrived");
	if (h->retransmissions.total > 0 && m->count >= 3 &&
	    h->retransmissions.ratio * m->count / (double)h->retransmissions.total >= 0.01)
		f.severity = TCPSTAT_SEVERITY_WARNING;
	finding_show(&f, m);
	study_tell(s, &f);
}

static void order(struct study *s, enum tcpstat_dir d)
{
	const struct watch_mark *late = watch_get(s->watch, WATCH_LATE, d);
	const struct watch_mark *twice = watch_get(s->watch, WATCH_DUPLICATE, d);
	uint32_t copies = watch_count(s->watch, WATCH_COPY, d);
	struct finding f;

	if (late) {
		finding_begin(&f, FINDING_REORDERING, d);
		finding_place(&f, d);
		words_count(&f.title, late->count, "segment");
		words_add(&f.title, " overtaken on the way, by at most ");
		words_duration(&f.title, late->max_ns);
		if (watch_count(s->watch, WATCH_SPURIOUS, d)) {
			words_add(&f.title, "; needless retransmissions followed");
			f.severity = TCPSTAT_SEVERITY_WARNING;
		}
		finding_show(&f, late);
		study_tell(s, &f);
	}
	if (!twice || copies * 5ll >= s->conn->half[d].packets) /* all of them: the capture's doing */
		return;
	finding_begin(&f, FINDING_DUPLICATE_DELIVERY, d);
	finding_place(&f, d);
	words_count(&f.title, twice->count, "segment");
	words_add(&f.title, twice->count == 1 ? " was delivered twice" : " were delivered twice");
	finding_show(&f, twice);
	study_tell(s, &f);
}

void findings_delivery(struct study *s)
{
	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		if (s->hole[d] || (d == TCPSTAT_C2S && s->ignored))
			continue;
		if (!s->unheard[d]) { /* else nothing says what had arrived */
			loss(s, d, WATCH_LOST_BEFORE, FINDING_LOSS_BEFORE_CAPTURE);
			loss(s, d, WATCH_LOST_AFTER, FINDING_LOSS_AFTER_CAPTURE);
		}
		timeouts(s, d);
		tell_needless(s, d);
		order(s, d);
	}
}
