/* Connections shared out among processes that do not talk: which shard one falls in, and what only all of them know. */
#include "core/flow_table.h"
#include "core/survey.h"

/* FNV-1a, 64 bits */
static uint64_t add_bytes(uint64_t h, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3u;
	return h;
}

static uint64_t add_port(uint64_t h, uint16_t port)
{
	return add_bytes(h, (const uint8_t[]){ (uint8_t)(port >> 8), (uint8_t)port }, 2);
}

uint32_t shard_of(const struct flow_key *key, uint32_t shards)
{
	static const uint8_t seed[2], protocol[2] = { 6, 0 };
	size_t len = key->family == 4 ? 4 : 16;
	uint64_t h = add_bytes(0xcbf29ce484222325u, seed, sizeof seed);

	h = add_bytes(h, (const uint8_t *)key->addr[0], len);
	h = add_bytes(h, (const uint8_t *)key->addr[1], len);
	h = add_bytes(h, protocol, sizeof protocol);
	h = add_port(add_port(h, flow_key_port(key, 0)), flow_key_port(key, 1));
	return (uint32_t)(h ^ h >> 32) % shards + 1;
}

uint32_t tcpstat_shard(uint32_t shards, const struct tcpstat_addr *addr, uint16_t port,
	const struct tcpstat_addr *peer, uint16_t peer_port)
{
	struct flow_key key;

	flow_key_init(&key, addr, port, peer, peer_port);
	return shard_of(&key, shards);
}

struct tcpstat_join {
	struct tcpstat_config config;
	struct budget budget;
	struct survey survey;
};

struct tcpstat_join *tcpstat_join_new(const struct tcpstat_config *config)
{
	struct budget budget = { .limit = UINT64_MAX };
	struct tcpstat_join *j = budget_resize(&budget, NULL, 0, sizeof *j);

	if (!j)
		return NULL;
	j->config = *config;
	j->config.watched = 0;
	j->budget = budget;
	j->survey = (struct survey){ .budget = &j->budget, .seed = config->hash_seed };
	return j;
}

void tcpstat_join_census(struct tcpstat_join *j, const struct tcpstat_census *c)
{
	survey_add(&j->survey, c);
}

void tcpstat_join_finish(struct tcpstat_join *j, const struct tcpstat_counters *counters, int64_t now_ns)
{
	survey_finish(&j->survey, counters, &(struct emitter){ .config = &j->config }, now_ns);
}

void tcpstat_join_free(struct tcpstat_join *j)
{
	if (!j)
		return;
	survey_fini(&j->survey);
	struct budget budget = j->budget;
	budget_resize(&budget, j, sizeof *j, 0);
}
