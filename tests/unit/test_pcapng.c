#include "capture_bytes.h"

static struct capture *open_bytes(const struct bytes *b)
{
	struct capture_error error;
	struct capture *c = capture_open_memory(b->p, b->len, NULL, &error);

	cr_assert_not_null(c, "%s", error.text);
	return c;
}

static struct tcpstat_pkt next_packet(struct capture *c)
{
	struct tcpstat_pkt pkt = { 0 };
	struct capture_error error = { 0 };

	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET, "%s", error.text);
	return pkt;
}

static void expect_end(struct capture *c)
{
	struct tcpstat_pkt pkt;
	struct capture_error error = { 0 };

	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END, "%s", error.text);
	capture_free(c);
}

/* What libpcap refuses: interfaces of different link types and resolutions in one file. */
static void check_mixed(bool big)
{
	struct bytes b = { .big = big };
	struct capture *c;
	struct tcpstat_pkt pkt;
	const struct capture_facts *facts;

	put_section(&b);
	put_interface(&b, 1, 96, -1, 0, "eth0");
	put_interface(&b, 101, 0, 9, 0, NULL);
	put_epb(&b, 0, 1500000, 5, 60, 0x11);
	put_epb(&b, 1, 2000000003, 2, 2, 0x22);
	put_interface(&b, 113, 0, 0x80 | 10, -1, "any");
	put_epb(&b, 2, 3 * 1024 + 512, 1, 1, 0x33);
	c = open_bytes(&b);
	pkt = next_packet(c);
	cr_assert_eq(pkt.ts_ns, 1500000000);
	cr_assert_eq(pkt.linktype, 1);
	cr_assert_eq(pkt.interface, 0);
	cr_assert_eq(pkt.caplen, 5);
	cr_assert_eq(pkt.wirelen, 60);
	cr_assert_eq(pkt.data[4], 0x11);
	pkt = next_packet(c);
	cr_assert_eq(pkt.ts_ns, 2000000003);
	cr_assert_eq(pkt.linktype, 101);
	cr_assert_eq(pkt.interface, 1);
	cr_assert_eq(pkt.frame, 2);
	pkt = next_packet(c);
	cr_assert_eq(pkt.ts_ns, 2500000000);
	cr_assert_eq(pkt.linktype, 113);
	cr_assert_eq(pkt.data[0], 0x33);
	facts = capture_facts(c);
	cr_assert_eq(facts->n_interfaces, 3);
	cr_assert_str_eq(facts->interfaces[0].name, "eth0");
	cr_assert_eq(facts->interfaces[0].snaplen, 96);
	cr_assert_eq(facts->interfaces[0].ticks_per_s, 1000000);
	cr_assert_null(facts->interfaces[1].name);
	cr_assert_eq(facts->interfaces[1].ticks_per_s, 1000000000);
	cr_assert_eq(facts->interfaces[2].ticks_per_s, 1024);
	cr_assert_eq(facts->interfaces[2].received, TCPSTAT_NULL);
	cr_assert_str_eq(facts->files[0].format, "pcapng");
	cr_assert_str_eq(facts->files[0].byte_order, big ? "big" : "little");
	expect_end(c);
	free(b.p);
}

Test(pcapng, interfaces_of_different_link_types_and_resolutions)
{
	check_mixed(false);
	check_mixed(true);
}

Test(pcapng, the_packet_after_the_next_is_ahead)
{
	for (int big = 0; big < 2; big++) {
		struct bytes b = { .big = big };

		put_section(&b);
		put_interface(&b, 1, 0, -1, 0, NULL);
		for (uint32_t k = 1; k <= 3; k++)
			put_epb(&b, 0, k, 10 * k, 10 * k, (uint8_t)k);
		put_interface(&b, 1, 0, -1, 0, NULL);
		struct capture *c = open_bytes(&b);
		struct tcpstat_pkt pkt = next_packet(c);
		cr_assert(pkt.ahead_len >= 30 && pkt.ahead[0] == 3 && pkt.ahead[29] == 3);
		cr_assert_null(next_packet(c).ahead, "no packet there");
		cr_assert_null(next_packet(c).ahead);
		expect_end(c);
		free(b.p);
	}
}

static int64_t time_of(int tsresol, int64_t offset_s, uint64_t ticks, uint64_t *bad)
{
	struct bytes b = { 0 };
	struct capture *c;
	int64_t ts_ns;

	put_section(&b);
	put_interface(&b, 1, 0, tsresol, offset_s, NULL);
	put_epb(&b, 0, ticks, 1, 1, 0);
	c = open_bytes(&b);
	ts_ns = next_packet(c).ts_ns;
	*bad = capture_facts(c)->files[0].bad_times;
	expect_end(c);
	free(b.p);
	return ts_ns;
}

Test(pcapng, every_resolution)
{
	static const struct {
		int tsresol;
		int64_t offset_s;
		uint64_t ticks;
		int64_t ts_ns;
		uint64_t bad;
	} cases[] = {
		{ -1, 0, 1, 1000, 0 },                          /* microseconds unless told */
		{ 0, 0, 3, 3000000000, 0 },
		{ 3, 0, 1700000000123, 1700000000123000000, 0 },
		{ 6, 0, 1700000000123456, 1700000000123456000, 0 },
		{ 9, 0, 1700000000123456789, 1700000000123456789, 0 },
		{ 12, 0, 1999, 1, 0 },
		{ 19, 0, UINT64_MAX, 1844674407, 0 },
		{ 127, 0, UINT64_MAX, 0, 0 },
		{ 0x80 | 0, 0, 5, 5000000000, 0 },
		{ 0x80 | 1, 0, 3, 1500000000, 0 },
		{ 0x80 | 20, 0, (UINT64_C(7) << 20) + 1, 7000000953, 0 },       /* 10^9 / 2^20 = 953.67 */
		{ 0x80 | 31, 0, UINT64_C(1) << 30, 500000000, 0 },
		{ 0x80 | 32, 0, UINT64_C(0xc0000000), 750000000, 0 },
		{ 0x80 | 33, 0, (UINT64_C(1) << 33) - 1, 999999999, 0 },
		{ 0x80 | 63, 0, UINT64_MAX, 1999999999, 0 },
		{ 0x80 | 64, 0, UINT64_C(1) << 63, 500000000, 0 },
		{ 0x80 | 96, 0, UINT64_MAX, 0, 0 },
		{ 0x80 | 127, 0, UINT64_MAX, 0, 0 },
		{ 6, 1700000000, 5, 1700000000000005000, 0 },
		{ 6, -1, 2000000, 1000000000, 0 },
		{ 6, -5, 0, -5000000000, 0 },
		/* absurd ones end at the bound, and are counted */
		{ 0, 0, UINT64_MAX, CAPTURE_TS_MAX, 1 },
		{ 6, 0, UINT64_MAX, CAPTURE_TS_MAX, 1 },
		{ 9, 0, UINT64_MAX, CAPTURE_TS_MAX, 1 },
		{ 9, 0, INT64_MAX, CAPTURE_TS_MAX, 1 },
		{ 0x80 | 0, 0, UINT64_MAX, CAPTURE_TS_MAX, 1 },
		{ 6, INT64_MAX, 0, CAPTURE_TS_MAX, 1 },
		{ 6, INT64_MIN, UINT64_MAX, -CAPTURE_TS_MAX, 1 },
		{ 6, 9223372036, UINT64_MAX, CAPTURE_TS_MAX, 1 },
		{ 6, -9223372036, 0, -CAPTURE_TS_MAX, 1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t bad;
		int64_t ts_ns = time_of(cases[i].tsresol, cases[i].offset_s, cases[i].ticks, &bad);

		cr_assert_eq(ts_ns, cases[i].ts_ns, "case %zu: %lld", i, (long long)ts_ns);
		cr_assert_eq(bad, cases[i].bad, "case %zu", i);
	}
}

static void put_statistics(struct bytes *b, uint32_t interface, uint64_t received, uint64_t dropped)
{
	struct bytes body = { .big = b->big };

	put_uint(&body, interface, 4);
	put_uint(&body, 0, 8);
	put_uint(&body, 4, 2);
	put_uint(&body, 8, 2);
	put_uint(&body, received, 8);
	put_uint(&body, 7, 2);
	put_uint(&body, 8, 2);
	put_uint(&body, dropped, 8);
	put_block(b, 5, &body);
	free(body.p);
}

/* Two captures appended to each other: the same interface again, in another byte order even; counts add up. */
Test(pcapng, sections)
{
	struct bytes b = { 0 };
	struct capture *c;
	struct tcpstat_pkt pkt;
	const struct capture_facts *facts;

	put_section(&b);
	put_interface(&b, 1, 0, 6, 0, "eth0");
	put_epb(&b, 0, 1, 1, 1, 0);
	put_statistics(&b, 0, 10, 1);
	put_statistics(&b, 0, 20, 2);
	b.big = true;
	put_section(&b);
	put_interface(&b, 1, 0, 6, 0, "eth0");
	put_interface(&b, 1, 0, 6, 0, "eth1");
	put_epb(&b, 1, 2, 1, 1, 0);
	put_epb(&b, 0, 3, 1, 1, 0);
	put_statistics(&b, 0, 5, 0);
	put_statistics(&b, 7, 5, 0);    /* nobody's */
	c = open_bytes(&b);
	cr_assert_eq(next_packet(c).interface, 0);
	pkt = next_packet(c);
	cr_assert_eq(pkt.interface, 1);
	cr_assert_eq(pkt.ts_ns, 2000);
	cr_assert_eq(next_packet(c).interface, 0);
	facts = capture_facts(c);
	cr_assert_eq(facts->n_interfaces, 2);
	cr_assert_eq(facts->interfaces[0].packets, 2);
	cr_assert_eq(facts->interfaces[0].received, 20);
	capture_next(c, &pkt, &(struct capture_error){ 0 });
	facts = capture_facts(c);
	cr_assert_eq(facts->interfaces[0].received, 25);
	cr_assert_eq(facts->interfaces[0].dropped, 2);
	cr_assert_eq(facts->interfaces[1].received, TCPSTAT_NULL);
	expect_end(c);
	free(b.p);
}

Test(pcapng, simple_and_obsolete_packets)
{
	struct bytes b = { 0 }, body = { 0 };
	struct capture *c;
	struct tcpstat_pkt pkt;

	put_section(&b);
	put_interface(&b, 1, 4, 6, 0, NULL);
	put_interface(&b, 9, 0, 6, 0, NULL);
	put_uint(&body, 1, 2);          /* obsolete: interface, drops, time, lengths */
	put_uint(&body, 3, 2);
	put_uint(&body, 0, 4);
	put_uint(&body, 7, 4);
	put_uint(&body, 2, 4);
	put_uint(&body, 2, 4);
	put_fill(&body, 0x44, 2);
	put_block(&b, 2, &body);
	body.len = 0;
	put_uint(&body, 100, 4);        /* simple: length on the wire; the snaplen of interface 0 cuts it */
	put_fill(&body, 0x55, 4);
	put_block(&b, 3, &body);
	c = open_bytes(&b);
	pkt = next_packet(c);
	cr_assert_eq(pkt.linktype, 9);
	cr_assert_eq(pkt.ts_ns, 7000);
	cr_assert_eq(pkt.data[1], 0x44);
	pkt = next_packet(c);
	cr_assert_eq(pkt.linktype, 1);
	cr_assert_eq(pkt.caplen, 4);
	cr_assert_eq(pkt.wirelen, 100);
	cr_assert_eq(pkt.ts_ns, 7000, "without a time it gets the former one's");
	cr_assert_eq(capture_facts(c)->files[0].untimed, 1);
	expect_end(c);
	free(b.p);
	free(body.p);
}

/* Names, secrets, unknown ones; journal and custom blocks have a number in Wireshark. */
Test(pcapng, other_blocks_are_passed_over)
{
	static const uint32_t types[] = { 4, 10, 0x0000beef, 0x80000001, 9, 0x0bad, 0x40000bad };
	struct bytes b = { 0 }, body = { 0 };
	struct capture *c;

	put_section(&b);
	put_interface(&b, 1, 0, 6, 0, NULL);
	put_fill(&body, 0xff, 30);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		put_block(&b, types[i], &body);
	put_epb(&b, 0, 1, 1, 1, 0);
	c = open_bytes(&b);
	cr_assert_eq(next_packet(c).frame, 4);
	cr_assert_eq(capture_facts(c)->packets, 1);
	expect_end(c);
	free(b.p);
	free(body.p);
}

/* A block of an unknown type may be longer than anything that is ever held in memory. */
Test(pcapng, long_unknown_block_is_passed_over)
{
	struct bytes b = { 0 }, body = { 0 };

	put_section(&b);
	put_interface(&b, 1, 0, 6, 0, NULL);
	put_fill(&body, 0xff, 17 << 20);
	put_block(&b, 0xbeef, &body);
	put_epb(&b, 0, 1, 1, 1, 0);
	cr_assert_eq(read_all(b.p, b.len, NULL).packets, 1);
	cr_assert_eq(read_all(b.p, b.len - 1000, NULL).error, CAPTURE_EDAMAGED);
	cr_assert(read_all(b.p, b.len - 1000, NULL).truncated);
	free(b.p);
	free(body.p);
}

/* Options are as long as their field can say, before and behind those that count: these are found, texts bounded. */
static void check_long_options(bool big)
{
	enum { LONG = 65535 };
	struct bytes b = { .big = big }, body = { .big = big };
	uint8_t resolution = 9, *text = malloc(LONG);

	cr_assert_not_null(text);
	memset(text, 'x', LONG);
	put_uint(&body, 0x1a2b3c4d, 4);
	put_uint(&body, 1, 2);
	put_uint(&body, 0, 2);
	put_uint(&body, UINT64_MAX, 8);
	put_option_bytes(&body, 1, text, LONG);
	put_block(&b, 0x0a0d0d0a, &body);
	body.len = 0;
	put_uint(&body, 1, 2);
	put_uint(&body, 0, 6);
	put_option_bytes(&body, 2, text, LONG);
	put_option_bytes(&body, 1, text, LONG);
	put_option_bytes(&body, 9, &resolution, 1);
	put_option_bytes(&body, 3, text, LONG);
	put_block(&b, 1, &body);
	body.len = 0;
	put_uint(&body, 0, 8);
	put_uint(&body, 7, 4);
	put_uint(&body, 2, 4);
	put_uint(&body, 2, 4);
	put_uint(&body, 0xabab, 2);
	put_uint(&body, 0, 2); /* padding */
	put_option_bytes(&body, 1, text, LONG);
	put_option_bytes(&body, 0xffff, text, LONG);
	put_block(&b, 6, &body);

	struct capture *c = open_bytes(&b);
	struct tcpstat_pkt pkt = next_packet(c);
	const struct capture_facts *facts = capture_facts(c);
	cr_assert_eq(pkt.ts_ns, 7);
	cr_assert_eq(pkt.caplen, 2);
	cr_assert_eq(facts->interfaces[0].ticks_per_s, 1000000000);
	cr_assert_eq(strlen(facts->interfaces[0].name), 255);
	expect_end(c);
	free(text);
	free(b.p);
	free(body.p);
}

Test(pcapng, options_of_65535_bytes)
{
	check_long_options(false);
	check_long_options(true);
}

Test(pcapng, truncated_at_every_byte)
{
	struct bytes b = { 0 };
	size_t ends[5];

	put_section(&b);
	ends[0] = b.len;
	put_interface(&b, 1, 0, 9, 5, "name");
	ends[1] = b.len;
	put_epb(&b, 0, 1, 5, 5, 1);
	ends[2] = b.len;
	put_statistics(&b, 0, 1, 2);
	ends[3] = b.len;
	put_epb(&b, 0, 2, 6, 9, 2);
	ends[4] = b.len;
	for (size_t len = 0; len <= b.len; len++) {
		struct outcome o = read_all(b.p, len, NULL);
		bool whole = false;
		int expected;

		for (size_t i = 0; i < 5; i++)
			whole = whole || len == ends[i];
		expected = len < 4 ? CAPTURE_EOPEN : whole ? 0 : CAPTURE_EDAMAGED;
		cr_assert_eq(o.error, expected, "cut at %zu: %d %s", len, o.error, o.text.text);
		cr_assert_eq(o.packets, (uint64_t)((len >= ends[2]) + (len >= ends[4])));
		cr_assert_eq(o.truncated, expected == CAPTURE_EDAMAGED);
	}
	free(b.p);
}

/* One wrong value anywhere: whatever comes out, no byte outside the file is read (the sanitizers watch), and the end is
 * reached. */
Test(pcapng, any_byte_wrong)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct bytes b = { 0 };

	put_section(&b);
	put_interface(&b, 1, 0, 9, 5, "name");
	put_epb(&b, 0, 1, 5, 5, 1);
	put_statistics(&b, 0, 1, 2);
	put_epb(&b, 0, 2, 6, 9, 2);
	for (size_t at = 0; at < b.len; at++)
		for (size_t v = 0; v < sizeof values; v++) {
			uint8_t saved = b.p[at];
			struct outcome o;

			b.p[at] = values[v];
			o = read_all(b.p, b.len, NULL);
			cr_assert_leq(o.packets, 2);
			b.p[at] = saved;
		}
	free(b.p);
}

static struct outcome read_damaged(size_t at, uint32_t value, bool truncate_to_first)
{
	struct bytes b = { 0 };
	struct outcome o;
	size_t block;

	put_section(&b);
	put_interface(&b, 1, 0, 6, 0, NULL);
	put_epb(&b, 0, 1, 4, 4, 0);
	block = b.len;
	put_epb(&b, 0, 2, 4, 4, 0);
	for (int i = 0; i < 4; i++)
		b.p[block + at + (size_t)i] = (uint8_t)(value >> 8 * i);
	o = read_all(b.p, truncate_to_first ? block : b.len, NULL);
	free(b.p);
	return o;
}

Test(pcapng, blocks_that_lie)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *text;
		bool truncated;
	} cases[] = {
		{ 4, 0, "memory: packet 2: damaged: a block claims to have 0 bytes", false },
		{ 4, 11, "memory: packet 2: damaged: a block claims to have 11 bytes", false },
		{ 4, UINT32_MAX, "memory: packet 2: damaged: a block claims to have 4294967295 bytes", false },
		{ 4, 40, "memory: packet 2: the file ends in the middle of a block", true },
		{ 4, 32, "memory: packet 2: damaged: the two lengths of a block differ", false },
		{ 32, 35, "memory: packet 2: damaged: the two lengths of a block differ", false },
		{ 8, 1, "memory: packet 2: damaged: there is no interface 1", false },
		{ 20, 5, "memory: packet 2: damaged: it claims 5 captured bytes", false },
		{ 20, UINT32_MAX, "memory: packet 2: damaged: it claims 4294967295 captured bytes", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome o = read_damaged(cases[i].at, cases[i].value, false);

		cr_assert_eq(o.error, CAPTURE_EDAMAGED, "case %zu", i);
		cr_assert_str_eq(o.text.text, cases[i].text);
		cr_assert_eq(o.packets, 1);
		cr_assert_eq(o.truncated, cases[i].truncated);
	}
	cr_assert_eq(read_damaged(4, 0, true).error, 0);
}

Test(pcapng, memory_for_interfaces_is_bounded)
{
	struct bytes b = { 0 };
	struct outcome o;

	put_section(&b);
	for (uint32_t i = 0; i < CAPTURE_MAX_INTERFACES; i++)
		put_interface(&b, 1, i, 6, 0, "x");
	put_epb(&b, CAPTURE_MAX_INTERFACES - 1, 1, 1, 1, 0);
	cr_assert_eq(read_all(b.p, b.len, NULL).packets, 1);
	put_interface(&b, 1, 0, 6, 0, "x");
	o = read_all(b.p, b.len, NULL);
	cr_assert_eq(o.error, CAPTURE_EDAMAGED);
	cr_assert_eq(o.packets, 1);
	free(b.p);
}

Test(pcapng, unknown_versions_are_refused)
{
	struct bytes b = { 0 };

	put_section(&b);
	b.p[12] = 2;
	cr_assert_eq(read_all(b.p, b.len, NULL).error, CAPTURE_EOPEN);
	b.p[12] = 1;
	b.p[14] = 1;
	cr_assert_eq(read_all(b.p, b.len, NULL).error, CAPTURE_EOPEN);
	b.p[14] = 2;
	cr_assert_eq(read_all(b.p, b.len, NULL).error, 0);
	b.p[8] = 0;
	cr_assert_eq(read_all(b.p, b.len, NULL).error, CAPTURE_EOPEN);
	free(b.p);
}
