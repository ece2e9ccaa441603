#include "core/foresight.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

enum { FLOWS = 200, HEADER_MAX = 20, FRAME = HEADER_MAX + 40 + 20 };

static struct budget budget;
static struct flow_table table;
static struct flow_node nodes[FLOWS];

/* What stands before IP; of the kind of link. */
struct frame_case {
	uint32_t linktype, header;
	unsigned version;
	bool is_known;
};

static struct tcpstat_addr address(unsigned version, uint32_t n)
{
	struct tcpstat_addr a = { .family = (uint8_t)version };

	memcpy(a.bytes, &n, sizeof n);
	return a;
}

static uint32_t make_frame(uint8_t frame[FRAME], const struct frame_case *c, uint32_t flow)
{
	struct tcpstat_addr src = address(c->version, flow), dst = address(c->version, 0x01020304);
	uint8_t *ip = frame + c->header;
	bool is_v4 = c->version == 4;

	memset(frame, 0, FRAME);
	ip[0] = is_v4 ? 0x45 : 0x60;
	ip[is_v4 ? 9 : 6] = 6;
	memcpy(ip + (is_v4 ? 12 : 8), src.bytes, is_v4 ? 4 : 16);
	memcpy(ip + (is_v4 ? 16 : 24), dst.bytes, is_v4 ? 4 : 16);
	uint8_t *ports = ip + (is_v4 ? 20 : 40);
	ports[0] = 4, ports[1] = 0, ports[3] = 80;
	return c->header + (is_v4 ? 40u : 60u);
}

static void fill_table(unsigned version, uint32_t n)
{
	budget = (struct budget){ .limit = 1 << 20 };
	flow_table_init(&table, &budget, 99);
	for (uint32_t i = 0; i < n; i++) {
		struct tcpstat_addr src = address(version, i), dst = address(version, 0x01020304);

		nodes[i] = (struct flow_node){ .is_embryo = true };
		flow_key_init(&nodes[i].key, &src, 1024, &dst, 80);
		cr_assert_eq(flow_table_add(&table, &nodes[i], 0), 0);
	}
}

/* Packets of flows in a row, each with the one after the next ahead. */
static unsigned guessed_right(const struct frame_case *c, uint32_t n)
{
	static uint8_t frames[FLOWS + 2][FRAME];
	struct foresight f = { 0 };
	unsigned right = 0;
	uint32_t len = 0;

	for (uint32_t i = 0; i < n + 2; i++)
		len = make_frame(frames[i], c, i);
	for (uint32_t i = 0; i < n; i++) {
		struct tcpstat_pkt pkt = { .linktype = c->linktype, .ahead = frames[i + 2], .ahead_len = len };

		foresight_advance(&f, &table, &pkt);
		right += foresight_now(&f, &table) == &nodes[i];
	}
	return right;
}

ParameterizedTestParameters(foresight, knows_whose_a_packet_is)
{
	static struct frame_case cases[] = {
		{ 1, 14, 4, true }, { 1, 14, 6, true }, { 101, 0, 4, true }, { 101, 0, 6, true }, { 113, 16, 4, true },
		{ 276, 20, 6, true }, { 0, 4, 4, true }, { 108, 4, 6, true },
		{ 1, 18, 4, false }, /* a VLAN tag: no guess, no harm */
	};

	return cr_make_param_array(struct frame_case, cases, sizeof cases / sizeof *cases);
}

ParameterizedTest(struct frame_case *c, foresight, knows_whose_a_packet_is)
{
	fill_table(c->version, FLOWS);
	cr_assert_eq(guessed_right(c, FLOWS), c->is_known ? FLOWS - 2 : 0);
	flow_table_fini(&table);
}

Test(foresight, leaves_few_flows_alone)
{
	const struct frame_case c = { 101, 0, 4, true };

	fill_table(4, 20);
	cr_assert_eq(guessed_right(&c, 20), 0);
	flow_table_fini(&table);
}

Test(foresight, forgets_what_may_have_left_the_table)
{
	const struct frame_case c = { 101, 0, 4, true };
	struct foresight f = { 0 };
	uint8_t frame[FRAME];
	uint32_t len = make_frame(frame, &c, 3);
	struct tcpstat_pkt pkt = { .linktype = c.linktype, .ahead = frame, .ahead_len = len };

	fill_table(4, FLOWS);
	foresight_advance(&f, &table, &pkt);
	foresight_advance(&f, &table, &pkt);
	foresight_advance(&f, &table, &pkt);
	cr_assert_eq(foresight_now(&f, &table), &nodes[3]);
	flow_table_remove(&table, &nodes[3]);
	cr_assert_null(foresight_now(&f, &table));
	foresight_advance(&f, &table, &pkt);
	cr_assert_null(foresight_now(&f, &table), "that one was the next then");
	foresight_advance(&f, &table, &pkt);
	cr_assert_null(foresight_now(&f, &table), "and there is nobody with its key");
	flow_table_fini(&table);
}

Test(foresight, reads_nothing_beyond_what_is_ahead)
{
	const struct frame_case c = { 1, 14, 6, true };
	uint8_t frame[FRAME];
	struct foresight f = { 0 };

	fill_table(6, FLOWS);
	for (uint32_t len = 0; len < 14 + 40 + 4; len++) {
		make_frame(frame, &c, 3);
		uint8_t *exact = malloc(len + 1);
		struct tcpstat_pkt pkt = { .linktype = 1, .ahead = exact, .ahead_len = len };

		memcpy(exact, frame, len);
		foresight_advance(&f, &table, &pkt);
		free(exact);
		cr_assert_not(f.has_hash, "%u bytes", len);
	}
	flow_table_fini(&table);
}
