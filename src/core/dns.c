#include "core/dns.h"

#include <string.h>

#include "core/bytes.h"

enum { HEADER = 12, LABEL_MAX = 63, POINTER = 0xc0, TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1, RECORD_FIXED = 10 };
enum { FLAG_ANSWER = 0x8000, OPCODE_MASK = 0x7800, RCODE_MASK = 15 };

static const int64_t second_ns = 1000000000, copy_ns = 10000000;

struct dns_table {
	uint32_t n, next;               /* entries; where to look for one to give up */
	uint32_t key[DNS_LOOKUPS];      /* of client, server, port and id; 0: the entry is free */
	uint32_t who[DNS_LOOKUPS];      /* of the client */
	struct dns_lookup lookup[];
};

/* ------------------------------------------------------------------------------------------------- messages */

/* A DNS message as far as it matters here. */
struct message {
	uint16_t id, type;
	bool is_answer, is_good;        /* is_good: an answer without error */
	const uint8_t *name;
	uint8_t name_len;               /* the last, empty label included */
	uint32_t n_records, at;         /* of the answer section; `at`: where it begins */
};

static bool read_question(const struct dns_view *v, struct message *m)
{
	uint32_t at = HEADER;

	m->name = v->bytes + at;
	for (;;) {
		if (at >= v->len || v->bytes[at] > LABEL_MAX)
			return false;
		uint32_t label = v->bytes[at] + 1u;
		at += label;
		if (at > v->len || at - HEADER > DNS_NAME_MAX)
			return false;
		if (label == 1)
			break;
	}
	if (v->len - at < 4)
		return false;
	m->name_len = (uint8_t)(at - HEADER);
	m->type = be16(v->bytes + at);
	m->at = at + 4;
	return be16(v->bytes + at + 2) == CLASS_IN && (m->type == TYPE_A || m->type == TYPE_AAAA);
}

static bool read_message(const struct dns_view *v, struct message *m)
{
	if (v->len < HEADER)
		return false;
	uint16_t flags = be16(v->bytes + 2);
	if (flags & OPCODE_MASK || be16(v->bytes + 4) != 1)
		return false;
	m->id = be16(v->bytes);
	m->is_answer = flags & FLAG_ANSWER;
	m->is_good = !(flags & RCODE_MASK);
	m->n_records = be16(v->bytes + 6);
	return read_question(v, m);
}

/* Where the name at `at` ends; 0: beyond the message. */
static uint32_t skip_name(const struct dns_view *v, uint32_t at)
{
	while (at < v->len) {
		uint8_t label = v->bytes[at];

		if (!label)
			return at + 1;
		if ((label & POINTER) == POINTER)
			return v->len - at >= 2 ? at + 2 : 0;
		if (label > LABEL_MAX)
			return 0;
		at += label + 1u;
	}
	return 0;
}

/* The addresses of the answer section, whoever's they are: a chain of aliases ends in them. */
static void read_addresses(const struct dns_view *v, const struct message *m, struct dns_lookup *l)
{
	uint32_t at = m->at, size = m->type == TYPE_A ? 4 : 16, ttl_s = UINT32_MAX;

	for (uint32_t i = 0; i < m->n_records && l->n_addresses < DNS_ADDRESSES; i++) {
		at = skip_name(v, at);
		if (!at || v->len - at < RECORD_FIXED)
			break;
		const uint8_t *p = v->bytes + at;
		uint32_t ttl = be32(p + 4), len = be16(p + 8);
		at += RECORD_FIXED;
		if (v->len - at < len)
			break;
		if (be16(p) == m->type && be16(p + 2) == CLASS_IN && len == size) {
			memcpy(l->address[l->n_addresses++], p + RECORD_FIXED, size);
			if (ttl < ttl_s)
				ttl_s = ttl;
		}
		at += len;
	}
	if (ttl_s < 60 || ttl_s > INT32_MAX) /* RFC 2181 section 8: more is 0 */
		ttl_s = 60;
	l->valid_ns = ttl_s * second_ns;
}

/* ------------------------------------------------------------------------------------------------- the table */

static uint32_t mix(uint32_t h, uint32_t value)
{
	h = (h ^ value) * 0x9e3779b1;
	return h ^ h >> 15;
}

static size_t size_of(const struct tcpstat_addr *a)
{
	return a->family == 4 ? 4 : 16;
}

static uint32_t hash(const struct tcpstat_addr *a)
{
	uint32_t h = a->family;

	for (size_t i = 0; i < size_of(a); i += 4)
		h = mix(h, be32(a->bytes + i));
	return h;
}

static bool is_same(const struct tcpstat_addr *a, const struct tcpstat_addr *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, size_of(a));
}

static size_t table_size(uint32_t n)
{
	return sizeof(struct dns_table) + n * sizeof(struct dns_lookup);
}

static struct dns_table *table_of(struct dns *d)
{
	if (d->table)
		return d->table;
	uint64_t n = d->budget->limit / 64 / sizeof(struct dns_lookup);
	uint32_t entries = n < DNS_LOOKUPS ? (uint32_t)n : DNS_LOOKUPS;
	if (!entries)
		return NULL;
	d->table = budget_resize(d->budget, NULL, 0, table_size(entries));
	if (d->table)
		d->table->n = entries;
	return d->table;
}

static struct dns_lookup *find(struct dns_table *t, uint32_t key, const struct dns_lookup *like)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct dns_lookup *l = &t->lookup[i];

		if (t->key[i] == key && l->id == like->id && l->port == like->port &&
		    is_same(&l->client, &like->client) && is_same(&l->server, &like->server))
			return l;
	}
	return NULL;
}

/* The oldest that no connection used since it was asked for last. */
static struct dns_lookup *take(struct dns_table *t, uint32_t key, uint32_t who)
{
	while (t->key[t->next] && t->lookup[t->next].used) {
		t->lookup[t->next].used = false;
		t->next = (t->next + 1) % t->n;
	}
	uint32_t i = t->next;
	t->next = (i + 1) % t->n;
	t->key[i] = key;
	t->who[i] = who;
	return &t->lookup[i];
}

static void begin(struct dns_lookup *l, const struct dns_lookup *like, const struct message *m)
{
	*l = *like;
	l->type = m->type;
	l->name_len = m->name_len;
	memcpy(l->name, m->name, m->name_len);
}

static bool is_question(const struct dns_lookup *l, const struct message *m)
{
	return l->type == m->type && l->name_len == m->name_len && !memcmp(l->name, m->name, m->name_len);
}

static void asked(struct dns_lookup *l, int64_t ts, uint64_t frame)
{
	if (!l->queries) {
		l->query_ts = ts;
		l->query_frame = frame;
	}
	if (!l->queries || ts - l->last_ts > copy_ns) /* not the same packet captured twice */
		l->queries++;
	l->last_ts = ts;
}

static void answered(struct dns_lookup *l, const struct dns_view *v, const struct message *m, int64_t ts,
	uint64_t frame)
{
	l->answered = true;
	l->answer_ts = ts;
	l->answer_frame = frame;
	if (m->is_good)
		read_addresses(v, m, l);
}

void dns_message(struct dns *d, const struct dns_view *v, int64_t ts, uint64_t frame)
{
	struct message m;

	if (!read_message(v, &m))
		return;
	struct dns_lookup like = { .client = m.is_answer ? v->dst : v->src, .server = m.is_answer ? v->src : v->dst,
		.port = m.is_answer ? v->dst_port : v->src_port, .id = m.id, .query_ts = TCPSTAT_NULL };
	struct dns_table *t = table_of(d);
	if (!t)
		return;
	uint32_t who = hash(&like.client);
	uint32_t key = mix(mix(who, hash(&like.server)), (uint32_t)like.port << 16 | like.id) | 1;
	struct dns_lookup *l = find(t, key, &like);
	if (l && m.is_answer && (l->answered || !is_question(l, &m)))
		return;
	bool is_new = !l || (!m.is_answer && (l->answered || !is_question(l, &m))); /* a number may come again */
	if (!l)
		l = take(t, key, who);
	if (is_new)
		begin(l, &like, &m);
	if (m.is_answer)
		answered(l, v, &m, ts, frame);
	else
		asked(l, ts, frame);
}

static bool holds(const struct dns_lookup *l, const struct tcpstat_addr *server)
{
	if ((l->type == TYPE_A) != (server->family == 4))
		return false;
	for (unsigned i = 0; i < l->n_addresses; i++)
		if (!memcmp(l->address[i], server->bytes, size_of(server)))
			return true;
	return false;
}

static struct dns_lookup *newest(const struct dns *d, const struct tcpstat_addr *client,
	const struct tcpstat_addr *server, int64_t ts)
{
	struct dns_table *t = d->table;
	struct dns_lookup *best = NULL;

	if (!t)
		return NULL;
	uint32_t who = hash(client);
	for (uint32_t i = 0; i < t->n; i++) {
		struct dns_lookup *l = &t->lookup[i];

		if (t->who[i] != who || !t->key[i] || !l->answered || l->answer_ts > ts ||
		    ts - l->answer_ts > l->valid_ns || (best && best->answer_ts >= l->answer_ts))
			continue;
		if (is_same(&l->client, client) && holds(l, server))
			best = l;
	}
	return best;
}

const struct dns_lookup *dns_find(const struct dns *d, const struct tcpstat_addr *client,
	const struct tcpstat_addr *server, int64_t ts)
{
	return newest(d, client, server, ts);
}

void dns_use(struct dns *d, const struct tcpstat_addr *client, const struct tcpstat_addr *server, int64_t ts)
{
	struct dns_lookup *l = newest(d, client, server, ts);

	if (l)
		l->used = true;
}

void dns_fini(struct dns *d)
{
	if (d->table)
		budget_resize(d->budget, d->table, table_size(d->table->n), 0);
	d->table = NULL;
}

/* ------------------------------------------------------------------------------------------------- names */

size_t dns_name_text(const struct dns_lookup *l, char text[DNS_TEXT_MAX])
{
	size_t len = 0;

	for (uint32_t at = 0; at < l->name_len && l->name[at]; at += l->name[at] + 1u) {
		if (at)
			text[len++] = '.';
		for (uint32_t i = at + 1; i <= at + l->name[at] && i < l->name_len; i++) {
			uint8_t c = l->name[i];

			if (c > ' ' && c <= '~' && c != '.' && c != '\\') {
				text[len++] = (char)c;
				continue;
			}
			text[len++] = '\\';
			text[len++] = (char)('0' + c / 100);
			text[len++] = (char)('0' + c / 10 % 10);
			text[len++] = (char)('0' + c % 10);
		}
	}
	if (!len)
		text[len++] = '.';
	text[len] = '\0';
	return len;
}
