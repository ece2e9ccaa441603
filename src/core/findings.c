#include "core/findings.h"

static const struct {
	const char *id, *advice, *rule;
	enum tcpstat_severity severity;
} table[FINDING_NIDS] = {
#define X(constant, id, severity, advice, rule) { id, advice, rule, TCPSTAT_SEVERITY_##severity },
	FINDINGS(X)
#undef X
};

void finding_begin(struct finding *f, enum finding_id id, enum tcpstat_dir dir)
{
	f->id = id;
	f->severity = table[id].severity;
	f->advice = table[id].advice;
	f->dir = dir;
	f->title.len = f->detail.len = f->about.len = 0;
	f->title.text[0] = f->detail.text[0] = f->about.text[0] = '\0';
	f->ongoing = false;
	f->n_frames = 0;
	f->cost_ns = TCPSTAT_NULL;
}

/* In order, each once. */
void finding_frame(struct finding *f, uint64_t frame)
{
	uint32_t at = f->n_frames;

	if (!frame || f->n_frames == FINDING_FRAMES)
		return;
	for (uint32_t i = 0; i < f->n_frames; i++)
		if (f->frames[i] == frame)
			return;
	for (; at > 0 && f->frames[at - 1] > frame; at--)
		f->frames[at] = f->frames[at - 1];
	f->frames[at] = frame;
	f->n_frames++;
}

void finding_show(struct finding *f, const struct watch_mark *m)
{
	for (unsigned i = 0; m && i < m->n_frames; i++)
		finding_frame(f, m->frame[i]);
}

void finding_place(struct finding *f, enum tcpstat_dir dir)
{
	words_add(&f->title, dir == TCPSTAT_C2S ? "client to server: " : "server to client: ");
}

void finding_cost(struct finding *f, int64_t ns)
{
	f->cost_ns = ns;
	if (ns == TCPSTAT_NULL || ns <= 0)
		return;
	words_add(&f->title, ", cost ");
	words_duration(&f->title, ns);
}

void finding_emit(const struct finding *f, const struct emitter *e, int64_t ts_ns, uint64_t frame)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_FINDING, .dir = f->dir, .ts_ns = ts_ns, .frame = frame };

	ev.finding = (struct tcpstat_ev_finding){ .id = table[f->id].id, .severity = f->severity,
		.title = f->title.text,
		.detail = f->detail.len ? f->detail.text : NULL, .advice = f->advice, .man = table[f->id].id,
		.rule = table[f->id].rule, .frames = f->frames, .n_frames = f->n_frames, .cost_ns = f->cost_ns,
		.about = f->about.len ? f->about.text : NULL, .ongoing = f->ongoing };
	emit_event(e, &ev);
}

void study_tell(struct study *s, const struct finding *f)
{
	if ((int)f->severity > s->worst)
		s->worst = (int8_t)f->severity;
	finding_emit(f, s->emitter, s->conn->last_ts_ns, f->n_frames ? f->frames[0] : 0);
}

int64_t study_owned(const struct study *s, enum tcpstat_limit owner)
{
	return s->conn->budget_ns[owner];
}

static int64_t least(int64_t a, int64_t b)
{
	return a == TCPSTAT_NULL || (b != TCPSTAT_NULL && b < a) ? b : a;
}

static void learn_times(struct study *s)
{
	const struct tcpstat_conn *c = s->conn;
	int64_t halves = c->handshake.client_half_ns == TCPSTAT_NULL || c->handshake.server_half_ns == TCPSTAT_NULL ?
		TCPSTAT_NULL : c->handshake.client_half_ns + c->handshake.server_half_ns;

	for (int i = 0; i < 2; i++) {
		s->base_rtt_ns[i] = c->half[i].rtt.count > 0 ? c->half[i].rtt.min_ns : TCPSTAT_NULL;
		s->rto_ns[i] = c->half[i].rto.last_ns > 0 ? c->half[i].rto.last_ns : 1000000000;
	}
	s->rtt_ns = least(least(s->base_rtt_ns[0], s->base_rtt_ns[1]), least(halves, c->handshake.rtt_ns));
}

void findings_conn(struct study *s)
{
	static const struct watch nothing;

	if (!s->watch)
		s->watch = &nothing;
	s->worst = -1;
	s->established = s->conn->handshake.outcome == TCPSTAT_HS_ESTABLISHED ||
		(s->conn->midstream && s->conn->handshake.outcome == TCPSTAT_HS_NONE);
	s->loss_ns = known(study_owned(s, TCPSTAT_LIMIT_RECOVERY)) + known(study_owned(s, TCPSTAT_LIMIT_TIMEOUT));
	learn_times(s);
	findings_handshake(s);
	/* Of one packet alone, like those of a flood, nothing else can be told. */
	if (s->conn->half[0].packets + s->conn->half[1].packets == 1 &&
	    !(s->conn->half[0].checksum_errors + s->conn->half[1].checksum_errors))
		return;
	findings_path(s);
	findings_delivery(s);
	findings_window(s);
	findings_pace(s);
	findings_end(s);
}
