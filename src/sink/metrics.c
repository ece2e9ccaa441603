#include "config.h"
#include "sink/metrics.h"
#include "sink/metrics_room.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIRST_SLOTS = 256, MAX_SLOTS = 1 << 17, MAX_SAMPLED = 1 << 16,
	/* with its place in the table, which is at most half full, and what malloc takes */
	SAMPLE_BYTES = sizeof(struct metrics_sample) + 5 * sizeof(struct metrics_sample *) };

/* ---------------------------------------------------------------------------------------------- series */

#define FAMILY(name, type, help)
#define CAUSE(dir, array, cause, text) { offsetof(struct tcpstat_conn, array) + TCPSTAT_##cause * sizeof(int64_t) },
#define C(labels, member, per) { offsetof(struct tcpstat_conn, member) },
#define CAUSES(dir, array) METRICS_CAUSES(dir, array)
#define V(labels, expression)
const struct metrics_member metrics_members[METRICS_N_SUMS] = {
#include "sink/metric.def"
};
#undef FAMILY
#undef CAUSE
#undef C
#undef CAUSES
#undef V

static int64_t value_of(const struct tcpstat_conn *c, size_t i)
{
	int64_t value;

	memcpy(&value, (const char *)c + metrics_members[i].offset, sizeof value);
	return value > 0 ? value : 0; /* unknown adds nothing */
}

/* ---------------------------------------------------------------------------------------------- histograms */

const int64_t metrics_bound_ns[METRICS_BOUNDS] = { 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
	25000000, 50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000 };

static void observe(struct metrics_histogram *h, int64_t ns)
{
	unsigned i = 0;

	if (ns == TCPSTAT_NULL)
		return;
	ns = ns > 0 ? ns : 0;
	while (i < METRICS_BOUNDS && ns > metrics_bound_ns[i])
		i++;
	h->count[i]++;
	if (__builtin_add_overflow(h->sum_ns, (uint64_t)ns, &h->sum_ns))
		h->sum_ns = UINT64_MAX;
}

/* ---------------------------------------------------------------------------------------------- groups */

static bool is_inside(const struct metrics_network *n, const struct tcpstat_addr *a)
{
	unsigned whole = n->prefix / 8, rest = n->prefix % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return n->addr.family == a->family && !memcmp(n->addr.bytes, a->bytes, whole) &&
		(!rest || !((n->addr.bytes[whole] ^ a->bytes[whole]) & mask));
}

/* Ports come to be known as connections to them are established: a scan makes none. */
static unsigned group_of_port(struct metrics *m, const struct tcpstat_conn *c)
{
	uint16_t port = c->port[TCPSTAT_SERVER];
	unsigned i = 0;

	while (i < m->options.n && m->options.ports[i] != port)
		i++;
	if (i < m->options.n || m->listed || i == METRICS_GROUPS || c->handshake.outcome != TCPSTAT_HS_ESTABLISHED)
		return i < m->options.n ? i : METRICS_GROUPS;
	m->options.ports[m->options.n++] = port;
	return i;
}

static unsigned group_of(struct metrics *m, const struct tcpstat_conn *c)
{
	const struct tcpstat_addr *a = &c->addr[m->options.by == METRICS_BY_CLIENT ? TCPSTAT_CLIENT : TCPSTAT_SERVER];

	if (m->options.by == METRICS_BY_PORT)
		return group_of_port(m, c);
	for (unsigned i = 0; m->options.by != METRICS_BY_NOTHING && i < m->options.n; i++)
		if (is_inside(&m->options.networks[i], a))
			return i;
	return METRICS_GROUPS;
}

/* ---------------------------------------------------------------------------------------------- connections */

static size_t home(const struct metrics *m, uint32_t conn)
{
	return (conn * UINT32_C(2654435761)) & (m->n_slots - 1);
}

static struct metrics_sample *find(const struct metrics *m, uint32_t conn)
{
	if (!m->n_slots)
		return NULL;
	for (size_t i = home(m, conn); m->slots[i]; i = (i + 1) & (m->n_slots - 1))
		if (m->slots[i]->conn == conn)
			return m->slots[i];
	return NULL;
}

static void place(struct metrics *m, struct metrics_sample *sample)
{
	size_t i = home(m, sample->conn);

	while (m->slots[i])
		i = (i + 1) & (m->n_slots - 1);
	m->slots[i] = sample;
}

static bool grow(struct metrics *m)
{
	struct metrics_sample **old = m->slots;
	size_t n = m->n_slots;

	m->slots = calloc(n ? 2 * n : FIRST_SLOTS, sizeof *m->slots);
	if (!m->slots) {
		m->slots = old;
		return false;
	}
	m->n_slots = n ? 2 * n : FIRST_SLOTS;
	for (size_t i = 0; i < n; i++)
		if (old[i])
			place(m, old[i]);
	free(old);
	return true;
}

static struct metrics_sample *add_sample(struct metrics *m, uint32_t conn)
{
	struct metrics_sample *sample;

	if (m->n_samples >= m->max_samples || (m->n_samples * 2 >= m->n_slots && m->n_slots < MAX_SLOTS && !grow(m)))
		return NULL;
	sample = calloc(1, sizeof *sample);
	if (!sample)
		return NULL;
	sample->conn = conn;
	sample->group = METRICS_GROUPS + 1;
	place(m, sample);
	m->n_samples++;
	return sample;
}

static void remove_sample(struct metrics *m, struct metrics_sample *sample)
{
	size_t mask = m->n_slots - 1, hole = home(m, sample->conn);

	while (m->slots[hole] != sample)
		hole = (hole + 1) & mask;
	for (size_t i = (hole + 1) & mask; m->slots[i]; i = (i + 1) & mask)
		if (((i - home(m, m->slots[i]->conn)) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	m->slots[hole] = NULL;
	m->n_samples--;
	free(sample);
}

/* Adds what the connection has more than the sample says, and brings the sample up to date. */
static void count(struct metrics *m, const struct tcpstat_conn *c, struct metrics_sample *sample)
{
	int64_t *sums;

	if (sample->group > METRICS_GROUPS)
		sample->group = group_of(m, c);
	sums = m->sums[sample->group];
	for (size_t i = 0; i < METRICS_N_SUMS; i++) {
		int64_t value = value_of(c, i);

		sums[i] += value - sample->value[i];
		sample->value[i] = value;
	}
	if (!sample->has_handshake && c->handshake.rtt_ns != TCPSTAT_NULL) {
		sample->has_handshake = true;
		observe(&m->handshake, c->handshake.rtt_ns);
	}
}

static void on_progress(struct metrics *m, const struct tcpstat_conn *c)
{
	struct metrics_sample *sample = find(m, c->number);

	if (!sample)
		sample = add_sample(m, c->number);
	if (sample)
		count(m, c, sample);
	else
		m->unsampled++;
}

static void on_end(struct metrics *m, const struct tcpstat_conn *c)
{
	struct metrics_sample *sample = find(m, c->number), fresh = { .group = METRICS_GROUPS + 1 };

	count(m, c, sample ? sample : &fresh);
	m->closed[sample ? sample->group : fresh.group][c->close.how]++;
	m->outcomes[sample ? sample->group : fresh.group][c->handshake.outcome]++;
	if (sample)
		remove_sample(m, sample);
}

/* What was told while it went on has been counted: the last word about it is not another. */
static void on_finding(struct metrics *m, const struct tcpstat_event *ev)
{
	const struct tcpstat_ev_finding *f = &ev->finding;
	unsigned i = 0;

	while (i < m->n_findings && (strcmp(m->findings[i].id, f->id) || m->findings[i].severity != f->severity))
		i++;
	if (i == METRICS_FINDINGS)
		return;
	if (i == m->n_findings) {
		snprintf(m->findings[i].id, sizeof m->findings[i].id, "%s", f->id);
		m->findings[i].severity = f->severity;
		m->n_findings++;
	}
	if (!ev->conn && !f->ongoing && m->findings[i].ongoing > 0) {
		m->findings[i].ongoing--;
		return;
	}
	m->findings[i].ongoing += f->ongoing;
	m->findings[i].count++;
}

void metrics_event(struct metrics *m, const struct tcpstat_event *ev)
{
	switch (ev->type) {
	case TCPSTAT_EV_PROGRESS: on_progress(m, ev->connection); break;
	case TCPSTAT_EV_CONNECTION: on_end(m, ev->connection); break;
	case TCPSTAT_EV_RTT: observe(&m->rtt[ev->dir == TCPSTAT_S2C], ev->rtt.sample_ns); break;
	case TCPSTAT_EV_RESPONSE: observe(&m->response, ev->response_ns); break;
	case TCPSTAT_EV_FINDING: on_finding(m, ev); break;
	default: break;
	}
}

struct metrics *metrics_new(const struct metrics_options *options, const char *version)
{
	struct metrics *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->options = *options;
	m->max_samples = MAX_SAMPLED;
	if (options->memory_bytes && options->memory_bytes / SAMPLE_BYTES < MAX_SAMPLED)
		m->max_samples = (size_t)(options->memory_bytes / SAMPLE_BYTES);
	m->listed = options->n > 0;
	m->version = version;
	m->start_s = time(NULL);
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_slots; i++)
		free(m->slots[i]);
	free(m->slots);
	free(m);
}

/* ---------------------------------------------------------------------------------------------- --metrics-by */

static bool parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*port = (uint16_t)n;
	return *text >= '0' && *text <= '9' && !*end && n > 0 && n <= 65535;
}

static bool parse_network(const char *text, struct metrics_network *n)
{
	char addr[64], *slash, *end;
	unsigned bits;

	if (strlen(text) >= sizeof addr)
		return false;
	snprintf(n->text, sizeof n->text, "%s", text);
	snprintf(addr, sizeof addr, "%s", text);
	slash = strchr(addr, '/');
	if (slash)
		*slash++ = '\0';
	n->addr.family = strchr(addr, ':') ? 6 : 4;
	if (inet_pton(n->addr.family == 6 ? AF_INET6 : AF_INET, addr, n->addr.bytes) != 1)
		return false;
	bits = n->addr.family == 6 ? 128 : 32;
	n->prefix = bits;
	if (!slash)
		return true;
	n->prefix = *slash >= '0' && *slash <= '9' ? (unsigned)strtoul(slash, &end, 10) : bits + 1;
	return n->prefix <= bits && !*end;
}

static bool parse_item(struct metrics_options *o, const char *item)
{
	if (o->n == METRICS_GROUPS)
		return false;
	if (o->by == METRICS_BY_PORT ? !parse_port(item, &o->ports[o->n]) : !parse_network(item, &o->networks[o->n]))
		return false;
	o->n++;
	return true;
}

bool metrics_parse_by(const char *text, struct metrics_options *o)
{
	static const char *const names[] = { [METRICS_BY_PORT] = "port", [METRICS_BY_CLIENT] = "client",
		[METRICS_BY_SERVER] = "server" };
	size_t len = strcspn(text, ":");
	char item[64];

	*o = (struct metrics_options){ .by = METRICS_BY_NOTHING };
	for (unsigned by = METRICS_BY_PORT; by <= METRICS_BY_SERVER; by++)
		if (strlen(names[by]) == len && !memcmp(text, names[by], len))
			o->by = (enum metrics_by)by;
	if (o->by == METRICS_BY_NOTHING)
		return false;
	if (!text[len])
		return o->by == METRICS_BY_PORT;
	for (text += len + 1; ; text += len + 1) {
		len = strcspn(text, ",");
		if (len >= sizeof item)
			return false;
		memcpy(item, text, len);
		item[len] = '\0';
		if (!parse_item(o, item))
			return false;
		if (!text[len])
			return true;
	}
}
