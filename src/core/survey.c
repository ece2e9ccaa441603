#include "core/survey.h"

#include <string.h>

#include "core/findings.h"
#include "core/hash.h"

enum { PROBES = 16, BUCKETS = 8, SOURCES_BITS = 512, TOLD_MAX = 32 };

static const int64_t SECOND = 1000000000;
static const int64_t TIME_WAIT_NS = 60 * (int64_t)1000000000;

enum survey_kind { SURVEY_NONE, SURVEY_PORT, SURVEY_RESETTER, SURVEY_WAITER };

/* Also as words, to be compared and hashed. */
union survey_key {
	struct {
		uint8_t kind, family;
		uint16_t port;          /* of the server; 0: any */
		uint8_t host[16], server[16]; /* server: zero where it does not matter */
	};
	uint64_t word[SURVEY_KEY_WORDS];
};

_Static_assert(sizeof(union survey_key) == SURVEY_KEY_WORDS * sizeof(uint64_t), "nothing is left out");

struct survey_entry {
	union survey_key key;
	uint32_t conns, completed, answered, half_open, repeated, at_once, lost;
	uint32_t rate, rate_max;        /* SYNs of the second that began at rate_ts; most of a second */
	int64_t rate_ts;
	uint32_t bucket[BUCKETS];       /* connections that entered TIME-WAIT, by eighths of its length */
	int64_t epoch;                  /* of the newest bucket */
	uint32_t waiting_max;
	uint64_t sources[SOURCES_BITS / 64];
	uint64_t frames[SURVEY_FRAMES];
	uint32_t n_frames;
};

/* ---------------------------------------------------------------------------------------------------- the table */

static void secrets_init(struct survey_secrets *s, uint64_t seed)
{
	s->seed = seed;
	for (unsigned i = 0; i < SURVEY_KEY_WORDS; i++) {
		s->of_word[i] = hash_secret(&seed);
		s->of_hash[i] = hash_secret(&seed);
	}
}

static uint64_t hash(const union survey_key *key, const struct survey_secrets *s)
{
	uint64_t h = s->seed;

	for (unsigned i = 0; i < SURVEY_KEY_WORDS; i++)
		h = hash_fold(key->word[i] ^ s->of_word[i], h ^ s->of_hash[i]);
	return h;
}

static bool is_same(const union survey_key *a, const union survey_key *b)
{
	for (unsigned i = 0; i < SURVEY_KEY_WORDS; i++)
		if (a->word[i] != b->word[i])
			return false;
	return true;
}

/* Entries, and after them a tag for each, which says all but surely whether a look at the entry is worth it; 0: it is
 * free. */
static size_t table_bytes(size_t n_slots)
{
	return n_slots * (sizeof(struct survey_entry) + sizeof(uint32_t));
}

static uint32_t *tags_of(struct survey_entry *slots, size_t n_slots)
{
	return (uint32_t *)(slots + n_slots);
}

/* The entry of that key, or a free one, which is its own from now on; NULL: no place. */
static struct survey_entry *take(struct survey_entry *slots, size_t n, const union survey_key *key, uint64_t h)
{
	uint32_t *tags = tags_of(slots, n), tag = (uint32_t)(h >> 32) | 1;

	for (size_t i = 0; i < PROBES && i < n; i++) {
		size_t at = (h + i) & (n - 1);

		if (tags[at] == tag && is_same(&slots[at].key, key))
			return &slots[at];
		if (!tags[at]) {
			tags[at] = tag;
			return &slots[at];
		}
	}
	return NULL;
}

static void grow(struct survey *s)
{
	size_t n = s->n_slots ? 2 * s->n_slots : 64;
	struct survey_entry *slots = n > SURVEY_MAX ? NULL : budget_resize(s->budget, NULL, 0, table_bytes(n));

	if (!slots)
		return;
	if (!s->slots) {
		secrets_init(&s->slots_by, s->seed);
		secrets_init(&s->sources_by, 0); /* the same count each time */
	}
	for (size_t i = 0; i < s->n_slots; i++)
		if (s->slots[i].key.kind != SURVEY_NONE) {
			const union survey_key *key = &s->slots[i].key;
			struct survey_entry *e = take(slots, n, key, hash(key, &s->slots_by));
			if (e)
				*e = s->slots[i];
		}
	if (s->slots)
		budget_resize(s->budget, s->slots, table_bytes(s->n_slots), 0);
	s->slots = slots;
	s->n_slots = n;
}

static struct survey_entry *entry_of(struct survey *s, const union survey_key *key)
{
	struct survey_entry *e;

	if (2 * s->n_used >= s->n_slots)
		grow(s);
	e = s->n_slots ? take(s->slots, s->n_slots, key, hash(key, &s->slots_by)) : NULL;
	if (e && e->key.kind == SURVEY_NONE) {
		e->key = *key;
		s->n_used++;
	}
	return e;
}

void survey_fini(struct survey *s)
{
	if (s->slots)
		budget_resize(s->budget, s->slots, table_bytes(s->n_slots), 0);
	if (s->totals)
		budget_resize(s->budget, s->totals, sizeof *s->totals, 0);
	s->slots = NULL;
	s->totals = NULL;
	s->n_slots = s->n_used = 0;
}

/* ---------------------------------------------------------------------------------------------------- counting */

static void key_init(union survey_key *key, enum survey_kind kind, const struct tcpstat_addr *host,
	const struct tcpstat_addr *server, uint16_t port)
{
	memset(key, 0, sizeof *key);
	key->kind = (uint8_t)kind;
	key->family = host->family;
	key->port = port;
	memcpy(key->host, host->bytes, sizeof key->host);
	if (server)
		memcpy(key->server, server->bytes, sizeof key->server);
}

static void keep_frame(struct survey_entry *e, uint64_t frame)
{
	if (e->n_frames < SURVEY_FRAMES)
		e->frames[e->n_frames++] = frame;
}

static void count_rate(struct survey_entry *e, int64_t ts)
{
	int64_t second = ts / SECOND;

	if (e->rate_ts != second) {
		e->rate_ts = second;
		e->rate = 0;
	}
	if (++e->rate > e->rate_max)
		e->rate_max = e->rate;
}

static void count_source(const struct survey *s, struct survey_entry *e, const struct tcpstat_addr *client)
{
	union survey_key key;

	key_init(&key, SURVEY_PORT, client, NULL, 0);
	uint64_t bit = hash(&key, &s->sources_by) % SOURCES_BITS;
	e->sources[bit / 64] |= (uint64_t)1 << bit % 64;
}

static void count_port(struct survey *s, const struct tcpstat_census *c)
{
	union survey_key key;
	int64_t repeated = known(c->syn_retransmissions);
	bool answered = c->half[1].packets > 0;

	if (c->outcome == TCPSTAT_HS_NONE)
		return;
	key_init(&key, SURVEY_PORT, &c->addr[1], NULL, c->port[1]);
	struct survey_entry *e = entry_of(s, &key);
	if (!e)
		return;
	e->conns++;
	e->completed += c->outcome == TCPSTAT_HS_ESTABLISHED;
	e->answered += answered;
	e->half_open += answered && c->server_state == TCPSTAT_EP_SYN_RECEIVED && c->outcome == TCPSTAT_HS_INCOMPLETE;
	e->repeated += repeated >= 2;
	e->at_once += answered && !repeated;
	e->lost += c->lost;
	count_rate(e, c->first_ts_ns);
	count_source(s, e, &c->addr[0]);
	if (c->outcome != TCPSTAT_HS_ESTABLISHED || repeated >= 2)
		keep_frame(e, c->first_frame);
}

static void count_reset(struct survey *s, const struct tcpstat_census *c)
{
	union survey_key key;

	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		key_init(&key, SURVEY_RESETTER, &c->addr[d], NULL, 0);
		struct survey_entry *e = entry_of(s, &key);
		if (!e)
			continue;
		e->conns++;
		if (c->how != TCPSTAT_CLOSE_RST || c->by != (int)d)
			continue;
		e->repeated++;
		keep_frame(e, c->half[d].rst_frame ? c->half[d].rst_frame : c->last_frame);
	}
}

/* Of an eighth of TIME-WAIT, counted from 1970, which may be before. */
static uint32_t *bucket_of(struct survey_entry *e, int64_t epoch)
{
	return &e->bucket[(uint64_t)epoch % BUCKETS];
}

static void count_waiting(struct survey *s, const struct tcpstat_census *c)
{
	union survey_key key;
	int64_t epoch = c->last_ts_ns / (TIME_WAIT_NS / BUCKETS);
	uint32_t waiting = 0;

	if (c->how != TCPSTAT_CLOSE_FIN || c->by < 0)
		return;
	key_init(&key, SURVEY_WAITER, &c->addr[c->by], &c->addr[1], c->port[1]);
	struct survey_entry *e = entry_of(s, &key);
	if (!e)
		return;
	if (!e->conns)
		e->epoch = epoch;
	if (epoch - e->epoch >= BUCKETS)
		memset(e->bucket, 0, sizeof e->bucket);
	else
		for (int64_t past = e->epoch + 1; past <= epoch; past++)
			*bucket_of(e, past) = 0;
	e->epoch = epoch > e->epoch ? epoch : e->epoch;
	if (e->epoch - epoch >= BUCKETS)
		return;
	(*bucket_of(e, epoch))++;
	for (int i = 0; i < BUCKETS; i++)
		waiting += e->bucket[i];
	if (waiting > e->waiting_max)
		e->waiting_max = waiting;
	e->conns++;
	e->repeated += c->reused;
	keep_frame(e, c->last_frame);
}

static void sample(struct survey_sample *s, uint64_t n, const uint64_t *frames, uint32_t n_frames)
{
	s->count++;
	s->sum += n;
	for (uint32_t i = 0; i < n_frames && s->n < SURVEY_FRAMES; i++)
		s->frames[s->n++] = frames[i];
}

static void count_capture(struct survey *s, const struct tcpstat_census *c)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct tcpstat_census_half *h = &c->half[d];

		s->segments += (uint64_t)known(h->packets);
		if (h->gap_bytes != TCPSTAT_NULL)
			sample(&s->gaps, (uint64_t)known(h->gap_bytes), h->gaps.frame, h->gaps.n);
		if (h->cut.n)
			sample(&s->cut, 1, h->cut.frame, h->cut.n);
		if (h->copies)
			sample(&s->copies, (uint64_t)known(h->copies), h->copied.frame, h->copied.n);
		if (h->one_sided)
			sample(&s->one_sided, 1, &c->first_frame, 1);
		if (h->joined_frame)
			sample(&s->offload, 1, &h->joined_frame, 1);
	}
}

void survey_add(struct survey *s, const struct tcpstat_census *c)
{
	s->connections++;
	count_port(s, c);
	count_reset(s, c);
	count_waiting(s, c);
	count_capture(s, c);
}

/* ---------------------------------------------------------------------------------------------------- the census */

static void take_frames(struct tcpstat_frames *f, const struct watch_mark *m)
{
	for (unsigned i = 0; m && i < m->n_frames && f->n < TCPSTAT_CENSUS_FRAMES; i++)
		f->frame[f->n++] = m->frame[i];
}

/* Several segments in one: longer than what the receiver's MSS lets any of them be. */
static bool is_joined(const struct tcpstat_conn *c, const struct watch *w, unsigned d)
{
	int64_t mss = c->options[!d].mss;

	return mss > 0 && w->half[d].longest > 2 * mss;
}

static void blank_half(struct tcpstat_census_half *h)
{
	h->gap_bytes = TCPSTAT_NULL;
	h->copies = 0;
	h->rst_frame = h->joined_frame = 0;
	h->gaps.n = h->cut.n = h->copied.n = 0; /* nothing is known of their frames */
}

static void watched_half(struct tcpstat_census_half *h, const struct tcpstat_conn *c, const struct watch *w,
	enum tcpstat_dir d)
{
	const struct watch_mark *gap = c->half[d].packets > 0 ? watch_get(w, WATCH_GAP, d) : NULL,
		*copy = watch_get(w, WATCH_COPY, d), *rst = watch_get(w, WATCH_RST, d);

	take_frames(&h->gaps, gap);
	h->gap_bytes = gap ? known(c->half[d].gaps.bytes) : TCPSTAT_NULL;
	take_frames(&h->cut, watch_get(w, WATCH_CUT, d));
	take_frames(&h->copied, copy);
	h->copies = copy ? copy->count : 0;
	h->rst_frame = rst && rst->n_frames ? rst->frame[0] : 0;
	h->joined_frame = is_joined(c, w, d) ? w->half[d].longest_frame : 0;
}

void survey_census(struct tcpstat_census *out, const struct tcpstat_conn *c, const struct watch *w, const bool acked[2])
{
	out->addr[0] = c->addr[0];
	out->addr[1] = c->addr[1];
	memcpy(out->port, c->port, sizeof out->port);
	out->reused = c->previous != 0;
	out->syn_retransmissions = known(c->handshake.syn_retransmissions);
	out->outcome = c->handshake.outcome;
	out->how = c->close.how;
	out->by = c->close.by;
	out->server_state = (uint8_t)c->close.state[1];
	out->first_ts_ns = c->first_ts_ns;
	out->last_ts_ns = c->last_ts_ns;
	out->first_frame = c->first_frame;
	out->last_frame = c->last_frame;
	out->lost = w && (watch_count(w, WATCH_LOST_BEFORE, TCPSTAT_C2S) ||
		watch_count(w, WATCH_LOST_AFTER, TCPSTAT_C2S));
	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		out->half[d].packets = c->half[d].packets;
		out->half[d].one_sided = c->half[d].packets >= 4 && !c->half[!d].packets && acked[!d];
		blank_half(&out->half[d]);
		if (w)
			watched_half(&out->half[d], c, w, d);
	}
}

/* ---------------------------------------------------------------------------------------------------- findings */

static unsigned sources(const struct survey_entry *e)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SOURCES_BITS; i++)
		n += e->sources[i / 64] >> i % 64 & 1;
	return n;
}

static void name_host(struct words *w, const union survey_key *key, const uint8_t *bytes, uint16_t port)
{
	struct tcpstat_addr addr = { .family = key->family };

	memcpy(addr.bytes, bytes, sizeof addr.bytes);
	if (port && key->family == 6)
		words_add(w, "[");
	words_addr(w, &addr);
	if (port) {
		words_add(w, key->family == 6 ? "]:" : ":");
		words_number(w, port);
	}
}

/* Whom the finding is about; its title begins with that. */
static void name(struct finding *f, const struct survey_entry *e, uint16_t port)
{
	name_host(&f->about, &e->key, e->key.host, port);
	words_add(&f->title, f->about.text);
}

static void show(struct finding *f, const struct survey_entry *e)
{
	for (uint32_t i = 0; i < e->n_frames; i++)
		finding_frame(f, e->frames[i]);
}

static bool judge_port(const struct survey_entry *e, struct finding *f)
{
	uint32_t open = e->conns - e->completed;
	unsigned n = sources(e);

	if (e->conns >= 100 && e->rate_max >= 20 && e->completed * 10ull <= e->conns) {
		finding_begin(f, FINDING_SYN_FLOOD, TCPSTAT_NODIR);
		name(f, e, e->key.port);
		words_add(&f->title, " is flooded with SYNs: ");
		words_number(&f->title, open);
		words_add(&f->title, " half-open, up to ");
		words_number(&f->title, e->rate_max);
		words_add(&f->title, " a second, from ");
		words_add(&f->title, n > SOURCES_BITS / 2 ? "hundreds of sources" : n == 1 ? "1 source" : "");
		if (n > 1 && n <= SOURCES_BITS / 2) {
			words_number(&f->title, n);
			words_add(&f->title, " sources or more");
		}
		words_share(&f->detail, (double)e->answered / e->conns);
		words_add(&f->detail, " of the SYNs were answered, ");
		words_share(&f->detail, (double)e->completed / e->conns);
		words_add(&f->detail, " of the connections completed");
	} else if (e->half_open >= 20 && 2 * e->half_open >= e->conns) {
		finding_begin(f, FINDING_HALF_OPEN_PILEUP, TCPSTAT_NODIR);
		name(f, e, e->key.port);
		words_add(&f->title, ": ");
		words_number(&f->title, e->half_open);
		words_add(&f->title, " of ");
		words_count(&f->title, e->conns, "connection");
		words_add(&f->title, " stay in SYN-RECEIVED");
	} else if (e->repeated >= 2 && e->at_once >= 1 && !e->lost) {
		finding_begin(f, FINDING_ACCEPT_QUEUE_OVERFLOW, TCPSTAT_NODIR);
		name(f, e, e->key.port);
		words_add(&f->title, " left the SYNs of ");
		words_number(&f->title, e->repeated);
		words_add(&f->title, " of ");
		words_count(&f->title, e->conns, "connection");
		words_add(&f->title, " unanswered more than once and answered others: its accept queue is full");
	} else {
		return false;
	}
	show(f, e);
	return true;
}

static bool judge_resetter(const struct survey_entry *e, struct finding *f)
{
	if (e->repeated < 10 || 2 * e->repeated < e->conns)
		return false;
	finding_begin(f, FINDING_RST_ABORT, TCPSTAT_NODIR);
	name(f, e, 0);
	words_add(&f->title, " reset ");
	words_number(&f->title, e->repeated);
	words_add(&f->title, " of its ");
	words_count(&f->title, e->conns, "connection");
	show(f, e);
	return true;
}

static bool judge_waiter(const struct survey_entry *e, struct finding *f)
{
	if (e->waiting_max < 1000)
		return false;
	finding_begin(f, FINDING_TIME_WAIT_PILEUP, TCPSTAT_NODIR);
	name(f, e, 0);
	words_add(&f->title, " holds ");
	words_count(&f->title, e->waiting_max, "connection");
	words_add(&f->title, " to ");
	name_host(&f->title, &e->key, e->key.server, e->key.port);
	words_add(&f->title, " in TIME-WAIT at once");
	if (e->repeated) {
		words_count(&f->detail, e->repeated, "port");
		words_add(&f->detail, " reused meanwhile");
	}
	show(f, e);
	return true;
}

/* Whom to tell what the counts show: at the end all, before that what is new. */
struct teller {
	const struct survey *counts;
	const struct tcpstat_counters *counters;
	const struct emitter *emitter;
	int64_t now_ns;
	struct survey *ongoing;         /* remembers what was told; NULL: this is the end */
};

/* True if it is told now for the first time; what finds no place is told at the end. */
static bool is_new(struct survey *s, const struct finding *f)
{
	uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)f->id;

	for (const char *p = f->about.text; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	for (unsigned i = 0; i < s->n_told; i++)
		if (s->told[i] == h)
			return false;
	if (s->n_told == SURVEY_TOLD)
		return false;
	s->told[s->n_told++] = h;
	return true;
}

static void tell(const struct teller *t, struct finding *f)
{
	f->ongoing = t->ongoing;
	if (!t->ongoing || is_new(t->ongoing, f))
		finding_emit(f, t->emitter, t->now_ns, f->n_frames ? f->frames[0] : 0);
}

static bool judge(const struct survey_entry *e, struct finding *f)
{
	return e->key.kind == SURVEY_PORT ? judge_port(e, f) : e->key.kind == SURVEY_RESETTER ? judge_resetter(e, f) :
		e->key.kind == SURVEY_WAITER && judge_waiter(e, f);
}

/* In the order of their first packets, whatever the order of the table. */
static bool is_before(const struct survey_entry *a, const struct survey_entry *b)
{
	return a->frames[0] != b->frames[0] ? a->frames[0] < b->frames[0] : a->key.kind < b->key.kind;
}

static void tell_hosts(const struct teller *t)
{
	const struct survey *s = t->counts;
	const struct survey_entry *told = NULL;
	struct finding f;

	for (unsigned n = 0; n < TOLD_MAX; n++) {
		const struct survey_entry *next = NULL;

		for (size_t i = 0; i < s->n_slots; i++) {
			const struct survey_entry *entry = &s->slots[i];

			if ((told && !is_before(told, entry)) || (next && !is_before(entry, next)) || !judge(entry, &f))
				continue;
			next = entry;
		}
		if (!next || !judge(next, &f))
			return;
		tell(t, &f);
		told = next;
	}
}

static void begin_sample(struct finding *f, enum finding_id id, const struct survey_sample *s)
{
	finding_begin(f, id, TCPSTAT_NODIR);
	for (uint32_t i = 0; i < s->n; i++)
		finding_frame(f, s->frames[i]);
}

static void tell_losses(const struct teller *t)
{
	const struct survey *s = t->counts;
	/* A share of a few says nothing of those that are to come. */
	uint64_t least_connections = t->ongoing ? 10 : 1, least_segments = t->ongoing ? 100 : 1;
	struct finding f;

	if (s->gaps.count && !s->one_sided.count) {
		begin_sample(&f, FINDING_CAPTURE_LOSS, &s->gaps);
		words_add(&f.title, "the capture missed ");
		words_bytes(&f.title, (int64_t)s->gaps.sum);
		words_add(&f.title, " that arrived, in ");
		words_count(&f.title, (int64_t)s->gaps.count, "direction");
		words_add(&f.title, " of connections");
		tell(t, &f);
	}
	if (s->one_sided.count && 2 * s->one_sided.count >= s->connections && s->connections >= least_connections) {
		begin_sample(&f, FINDING_ONE_SIDED_CAPTURE, &s->one_sided);
		words_add(&f.title, "of ");
		words_count(&f.title, (int64_t)s->one_sided.count, "connection");
		words_add(&f.title, " only one direction is in the capture");
		tell(t, &f);
	}
	if (s->copies.sum >= 4 && 5 * s->copies.sum >= s->segments && s->segments >= least_segments) {
		begin_sample(&f, FINDING_DUPLICATED_CAPTURE, &s->copies);
		words_count(&f.title, (int64_t)s->copies.sum, "segment");
		words_add(&f.title, " of ");
		words_number(&f.title, (int64_t)s->segments);
		words_add(&f.title, " are in the capture twice");
		tell(t, &f);
	}
}

static void tell_capture(const struct teller *t)
{
	const struct survey *s = t->counts;
	const struct tcpstat_counters *n = t->counters;
	struct finding f;

	if (n->snapped) {
		begin_sample(&f, FINDING_TRUNCATED_CAPTURE, &s->cut);
		words_count(&f.title, (int64_t)n->snapped, "packet");
		words_add(&f.title, " cut by the snapshot length");
		tell(t, &f);
	}
	if (!s->offload.count && !n->zero_ip_length && !n->tcp_cksum_offloaded)
		return;
	begin_sample(&f, FINDING_OFFLOAD_SEGMENTS, &s->offload);
	words_add(&f.title, "the network card finishes what was captured:");
	if (s->offload.count) {
		words_add(&f.title, " segments joined in ");
		words_count(&f.title, (int64_t)s->offload.count, "direction");
	}
	if (n->tcp_cksum_offloaded) {
		words_add(&f.title, s->offload.count ? ", " : " ");
		words_count(&f.title, (int64_t)n->tcp_cksum_offloaded, "checksum");
		words_add(&f.title, " left to it");
	}
	if (n->zero_ip_length) {
		words_add(&f.title, s->offload.count || n->tcp_cksum_offloaded ? ", " : " ");
		words_count(&f.title, (int64_t)n->zero_ip_length, "packet");
		words_add(&f.title, " without IP length");
	}
	tell(t, &f);
}

static void tell_all(const struct teller *t)
{
	tell_hosts(t);
	tell_losses(t);
	tell_capture(t);
}

void survey_finish(struct survey *s, const struct tcpstat_counters *counters, const struct emitter *e, int64_t now_ns)
{
	tell_all(&(struct teller){ s, counters, e, now_ns, NULL });
}

bool survey_begin_look(struct survey *now, const struct survey *s)
{
	*now = *s;
	now->totals = NULL;
	if (!s->slots)
		return true;
	now->slots = budget_resize(s->budget, NULL, 0, table_bytes(s->n_slots));
	if (!now->slots)
		return false;
	memcpy(now->slots, s->slots, table_bytes(s->n_slots));
	return true;
}

void survey_end_look(struct survey *now, struct survey *s, const struct tcpstat_counters *counters,
	const struct emitter *e, int64_t now_ns)
{
	tell_all(&(struct teller){ now, counters, e, now_ns, s });
	survey_fini(now);
}
