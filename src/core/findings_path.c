/* What the path does to packets besides losing them. */
#include "core/findings.h"

static void black_hole(struct study *s, enum tcpstat_dir d)
{
	const struct watch_mark *m = watch_get(s->watch, WATCH_TOO_BIG, d);
	const struct watch_half *h = &s->watch->half[d];
	struct finding f;

	if (!m || m->count < 2 || h->ok_len >= h->hole_len || !h->hole_len || !h->hole_proven ||
	    (!h->ok_len && (!s->established || h->hole_len < 1000)))
		return;
	s->hole[d] = true;
	finding_begin(&f, FINDING_PMTU_BLACK_HOLE, d);
	finding_place(&f, d);
	words_add(&f.title, "segments of ");
	words_number(&f.title, h->hole_len);
	words_add(&f.title, " bytes never arrive");
	if (h->ok_len) {
		words_add(&f.title, ", those of ");
		words_number(&f.title, h->ok_len);
		words_add(&f.title, " do");
	}
	finding_cost(&f, s->conn->half[d].timeouts.stall_ns);
	finding_show(&f, m);
	words_add(&f.detail, s->icmp_frame ?
		"an ICMP error told the sender" : "no ICMP error was seen that told the sender");
	study_tell(s, &f);
}

static void mss(struct study *s)
{
	const struct tcpstat_conn *c = s->conn;
	int64_t a = c->options[0].mss, b = c->options[1].mss, low = a < b ? a : b, high = a < b ? b : a;
	struct finding f;

	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		const struct watch_mark *m = watch_get(s->watch, WATCH_BEYOND_MSS, d);

		/* Counted against the lesser offer: only its receiver's binds a sender (RFC 9293 section 3.7.1). */
		if (!m || m->count < 3 || (known(c->options[d].mss) && c->options[d].mss < c->options[!d].mss) ||
		    s->watch->half[d].longest > c->options[!d].mss + 200)
			continue;
		finding_begin(&f, FINDING_MSS_MISMATCH, d);
		finding_place(&f, d);
		words_count(&f.title, m->count, "segment");
		words_add(&f.title, " longer than the MSS of ");
		words_number(&f.title, c->options[!d].mss);
		words_add(&f.title, " that the receiver offered");
		f.severity = TCPSTAT_SEVERITY_WARNING;
		finding_show(&f, m);
		study_tell(s, &f);
	}
	if (a == TCPSTAT_NULL || b == TCPSTAT_NULL || low > 536 || high < 2 * low ||
	    c->half[0].payload_bytes + c->half[1].payload_bytes <= 0)
		return;
	finding_begin(&f, FINDING_MSS_MISMATCH, TCPSTAT_NODIR);
	words_add(&f.title, "MSS of ");
	words_number(&f.title, low);
	words_add(&f.title, " and ");
	words_number(&f.title, high);
	words_add(&f.title, " offered: small segments only");
	finding_frame(&f, c->first_frame);
	study_tell(s, &f);
}

/* Data with a wrong checksum was acknowledged as it was: its receiver got a right one. */
static bool is_edited(const struct study *s, enum tcpstat_dir d)
{
	const struct watch_half *h = &s->watch->half[d];

	return !h->damage_repaired && (h->damage_taken || s->watch->half[!d].damage_taken);
}

static void checksums(struct study *s, enum tcpstat_dir d)
{
	int64_t n = s->conn->half[d].checksum_errors;
	struct finding f;

	if (n <= 0)
		return;
	finding_begin(&f, FINDING_CHECKSUM_ERRORS, d);
	finding_place(&f, d);
	words_count(&f.title, n, "segment");
	words_add(&f.title, " with a wrong checksum");
	if (is_edited(s, d)) {
		f.severity = TCPSTAT_SEVERITY_INFO;
		f.advice = "The receiver took them: the capture was edited (anonymised), or taken before the sums "
			"were filled in.";
		words_add(&f.title, " in the capture only");
	}
	finding_show(&f, watch_get(s->watch, WATCH_CKSUM, d));
	study_tell(s, &f);
}

static void marks(struct study *s, enum tcpstat_dir d)
{
	const struct watch_mark *ce = watch_get(s->watch, WATCH_CE, d), *ece = watch_get(s->watch, WATCH_ECE, !d);
	struct finding f;

	if (!ce && !ece)
		return;
	finding_begin(&f, FINDING_ECN_MARKS, d);
	finding_place(&f, d);
	if (ce) {
		words_count(&f.title, ce->count, "packet");
		words_add(&f.title, " marked for congestion");
	} else {
		words_add(&f.title, "marked for congestion behind the capture point, by ");
		words_count(&f.title, ece->count, "ACK");
	}
	finding_show(&f, ce ? ce : ece);
	study_tell(s, &f);
}

static void queue(struct study *s, enum tcpstat_dir d)
{
	const struct tcpstat_half *h = &s->conn->half[d];
	int64_t base = s->base_rtt_ns[d];
	struct finding f;

	if (h->rtt.count < 100 || base <= 0 || h->rtt.p50_ns < 3 * base || h->rtt.p50_ns - base < 50000000)
		return;
	finding_begin(&f, FINDING_BUFFERBLOAT, d);
	finding_place(&f, d);
	words_add(&f.title, "a queue on the path: the RTT rose from ");
	words_duration(&f.title, base);
	words_add(&f.title, " to ");
	words_duration(&f.title, h->rtt.p90_ns);
	words_add(&f.title, " under load");
	if (h->lost.before_capture + h->lost.after_capture <= 0)
		f.severity = TCPSTAT_SEVERITY_INFO;
	words_add(&f.detail, "median ");
	words_duration(&f.detail, h->rtt.p50_ns);
	words_add(&f.detail, " of ");
	words_count(&f.detail, h->rtt.count, "sample");
	study_tell(s, &f);
}

void findings_path(struct study *s)
{
	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		black_hole(s, d);
		checksums(s, d);
		marks(s, d);
		queue(s, d);
	}
	mss(s);
}
