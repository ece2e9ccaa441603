#include "capture_bytes.h"

static const struct {
	uint32_t magic;
	size_t more_file, more_packet;
	int64_t unit_ns;
} dialects[] = {
	{ 0xa1b2c3d4, 0, 0, 1000 }, { 0xa1b23c4d, 0, 0, 1 }, { 0xa1b2cd34, 0, 8, 1000 }, { 0xa1e2cb12, 0, 8, 1 },
	{ 0x1c0001ac, 4, 0, 1 }, { 0x1c0001ab, 4, 0, 1000 },
};

static struct bytes build(size_t dialect, bool big)
{
	struct bytes b = { .big = big };

	put_pcap_header(&b, dialects[dialect].magic, 101);
	put_fill(&b, 0, dialects[dialect].more_file);
	put_pcap_packet(&b, 1700000000, 999999, 5, 60, dialects[dialect].more_packet, 0xaa);
	put_pcap_packet(&b, 4294967295u, 1, 3, 2, dialects[dialect].more_packet, 0xbb);
	return b;
}

static void check_dialect(size_t dialect, bool big)
{
	struct bytes b = build(dialect, big);
	struct capture_error error;
	struct capture *c = capture_open_memory(b.p, b.len, NULL, &error);
	const struct capture_facts *facts;
	struct tcpstat_pkt pkt;

	cr_assert_not_null(c, "%s", error.text);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(pkt.ts_ns, 1700000000000000000 + 999999 * dialects[dialect].unit_ns);
	cr_assert_eq(pkt.frame, 1);
	cr_assert_eq(pkt.caplen, 5);
	cr_assert_eq(pkt.wirelen, 60);
	cr_assert_eq(pkt.linktype, 101);
	cr_assert_eq(pkt.interface, 0);
	cr_assert_eq(pkt.data[0], 0xaa);
	cr_assert_eq(pkt.data[4], 0xaa);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(pkt.ts_ns, 4294967295000000000 + dialects[dialect].unit_ns);
	cr_assert_eq(pkt.wirelen, 3, "the length on the wire is at least what was captured");
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
	facts = capture_facts(c);
	cr_assert_str_eq(facts->files[0].format, "pcap");
	cr_assert_str_eq(facts->files[0].byte_order, big ? "big" : "little");
	cr_assert_null(facts->files[0].compression);
	cr_assert_eq(facts->interfaces[0].ticks_per_s, 1000000000 / dialects[dialect].unit_ns);
	cr_assert_eq(facts->interfaces[0].snaplen, 65535);
	cr_assert_eq(facts->packets, 2);
	cr_assert_eq(facts->bytes, 8);
	cr_assert_eq(facts->wire_bytes, 63);
	cr_assert_eq(facts->files[0].snapped, 1);
	cr_assert_eq(facts->first_ts_ns, 1700000000000000000 + 999999 * dialects[dialect].unit_ns);
	cr_assert_eq(facts->last_ts_ns, pkt.ts_ns);
	cr_assert_not(facts->truncated);
	capture_free(c);
	free(b.p);
}

Test(pcap, every_magic_in_both_byte_orders)
{
	for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
		check_dialect(i, false);
		check_dialect(i, true);
	}
}

/* Cut at every byte: what is whole before the cut is read, and the cut is told unless it is between two packets. */
Test(pcap, the_packet_after_the_next_is_ahead)
{
	for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
		struct bytes b = { .big = i % 2 };
		struct capture_error error;
		struct tcpstat_pkt pkt;

		put_pcap_header(&b, dialects[i].magic, 1);
		put_fill(&b, 0, dialects[i].more_file);
		for (uint32_t k = 1; k <= 4; k++)
			put_pcap_packet(&b, k, 0, 10 * k, 10 * k, dialects[i].more_packet, (uint8_t)k);
		struct capture *c = capture_open_memory(b.p, b.len, NULL, &error);
		cr_assert_not_null(c, "%s", error.text);
		for (uint32_t k = 1; k <= 4; k++) {
			cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
			if (k + 2 <= 4)
				cr_assert(pkt.ahead_len >= 10 * (k + 2) && pkt.ahead[0] == k + 2 &&
					pkt.ahead[10 * (k + 2) - 1] == k + 2);
			else
				cr_assert_null(pkt.ahead);
		}
		capture_free(c);
		free(b.p);
	}
}

Test(pcap, truncated_at_every_byte)
{
	for (size_t d = 0; d < sizeof dialects / sizeof dialects[0]; d++) {
		struct bytes b = build(d, d % 2);
		size_t header = 24 + dialects[d].more_file, first = header + 16 + dialects[d].more_packet + 5;

		for (size_t len = 0; len <= b.len; len++) {
			struct outcome o = read_all(b.p, len, NULL);
			bool whole = len == header || len == first || len == b.len;
			int expected = len < 4 ? CAPTURE_EOPEN : whole ? 0 : CAPTURE_EDAMAGED;

			cr_assert_eq(o.error, expected, "cut at %zu: %d %s", len, o.error, o.text.text);
			cr_assert_eq(o.packets, (uint64_t)((len >= first) + (len >= b.len)));
			cr_assert_eq(o.truncated, expected == CAPTURE_EDAMAGED);
		}
		free(b.p);
	}
}

Test(pcap, message_names_file_and_packet)
{
	struct bytes b = build(0, false);
	struct outcome o = read_all(b.p, b.len - 1, NULL);

	cr_assert_str_eq(o.text.text, "memory: packet 2: the file ends in the middle of the packet");
	free(b.p);
}

static struct outcome read_with_caplen(uint32_t caplen, size_t present)
{
	struct bytes b = { 0 };
	struct outcome o;

	put_pcap_header(&b, 0xa1b2c3d4, 1);
	put_pcap_packet(&b, 1, 0, 4, 4, 0, 1);
	put_uint(&b, 2, 4);
	put_uint(&b, 0, 4);
	put_uint(&b, caplen, 4);
	put_uint(&b, caplen, 4);
	put_fill(&b, 7, present);
	o = read_all(b.p, b.len, NULL);
	free(b.p);
	return o;
}

Test(pcap, lengths_that_lie)
{
	struct outcome o = read_with_caplen(UINT32_MAX, 100);

	cr_assert_eq(o.error, CAPTURE_EDAMAGED);
	cr_assert_eq(o.packets, 1);
	cr_assert_not(o.truncated);
	cr_assert_str_eq(o.text.text, "memory: packet 2: damaged: its header claims 4294967295 captured bytes");
	o = read_with_caplen(CAPTURE_MAX_CAPLEN + 1, CAPTURE_MAX_CAPLEN + 1);
	cr_assert_eq(o.error, CAPTURE_EDAMAGED);
	cr_assert_eq(o.packets, 1);
	o = read_with_caplen(524288 + 100, 524288 + 100); /* BIG TCP, beyond what libpcap accepts */
	cr_assert_eq(o.error, 0);
	cr_assert_eq(o.packets, 2);
	o = read_with_caplen(1000, 999);
	cr_assert_eq(o.error, CAPTURE_EDAMAGED);
	cr_assert_eq(o.packets, 1);
	cr_assert(o.truncated);
}

Test(pcap, lengths_of_old_versions_stand_the_other_way_round)
{
	for (uint16_t minor = 2; minor <= 4; minor++) {
		struct bytes b = { 0 };
		struct tcpstat_pkt pkt;
		struct capture_error error;
		struct capture *c;

		put_pcap_header(&b, 0xa1b2c3d4, 1);
		b.p[6] = (uint8_t)minor;
		put_uint(&b, 1, 4);
		put_uint(&b, 0, 4);
		put_uint(&b, minor == 4 ? 4 : 9, 4);
		put_uint(&b, minor == 4 ? 9 : 4, 4);
		put_fill(&b, 1, 4);
		c = capture_open_memory(b.p, b.len, NULL, &error);
		cr_assert_not_null(c);
		cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
		cr_assert_eq(pkt.caplen, 4);
		cr_assert_eq(pkt.wirelen, 9);
		cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
		capture_free(c);
		free(b.p);
	}
}

Test(pcap, fraction_beyond_a_second_is_carried_and_counted)
{
	struct bytes b = { 0 };
	struct capture_error error;
	struct capture *c;
	struct tcpstat_pkt pkt;

	put_pcap_header(&b, 0xa1b2c3d4, 1);
	put_pcap_packet(&b, 10, 4294967295u, 1, 1, 0, 0);
	c = capture_open_memory(b.p, b.len, NULL, &error);
	cr_assert_not_null(c);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(pkt.ts_ns, 10000000000 + 4294967295000);
	cr_assert_eq(capture_facts(c)->files[0].bad_times, 1);
	capture_free(c);
	free(b.p);
}

Test(pcap, what_is_no_capture)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = {
		{ "", "memory: is empty" },
		{ "ab", "memory: is no capture: it has 2 bytes" },
		{ "root:x:0", "memory: is neither pcap nor pcapng (it begins with 72 6f 6f 74)" },
		{ "snoop\0\0\0", "memory: is no pcap or pcapng file but a Solaris snoop file" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome o = read_all((const uint8_t *)cases[i].bytes, strlen(cases[i].bytes), NULL);

		cr_assert_eq(o.error, CAPTURE_EOPEN);
		cr_assert_str_eq(o.text.text, cases[i].text);
	}
}

Test(pcap, unknown_versions_and_reserved_bits_are_refused)
{
	struct bytes b = { 0 };

	put_pcap_header(&b, 0xa1b2c3d4, 0x00300001);
	cr_assert_eq(read_all(b.p, b.len, NULL).error, CAPTURE_EOPEN);
	b.p[22] = 0;
	cr_assert_eq(read_all(b.p, b.len, NULL).error, 0);
	b.p[23] = 0xf4;                 /* an FCS of 15 * 2 bytes is present: no part of the link type */
	cr_assert_eq(read_all(b.p, b.len, NULL).error, 0);
	b.p[4] = 1;
	cr_assert_eq(read_all(b.p, b.len, NULL).error, CAPTURE_EOPEN);
	free(b.p);
}

/* IP 10.0.0.1.1000 > 10.0.0.2.80: Flags [S] */
static const uint8_t syn[] = {
	0x45, 0x00, 0x00, 0x28, 0x00, 0x01, 0x00, 0x00, 0x40, 0x06, 0x00, 0x00, 10, 0, 0, 1, 10, 0, 0, 2,
	0x03, 0xe8, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0x20, 0x00, 0, 0, 0, 0
};

static struct bytes build_for_filter(uint32_t linktype, bool big)
{
	struct bytes b = { .big = big };

	put_pcap_header(&b, 0xa1b2c3d4, linktype);
	put_uint(&b, 1, 4);
	put_uint(&b, 0, 4);
	put_uint(&b, sizeof syn + (linktype == 0 ? 4 : 0), 4);
	put_uint(&b, sizeof syn + (linktype == 0 ? 4 : 0), 4);
	if (linktype == 0)
		put_uint(&b, 2, 4);     /* AF_INET, in the byte order of the file */
	put_raw(&b, syn, sizeof syn);
	return b;
}

Test(pcap, filter)
{
	/* LINKTYPE_RAW is 101 in files and another number inside libpcap; NULL depends on the byte order of the file */
	static const uint32_t linktypes[] = { 101, 0 };

	for (size_t i = 0; i < 4; i++) {
		struct bytes b = build_for_filter(linktypes[i / 2], i % 2);

		cr_assert_eq(read_all(b.p, b.len, "tcp port 80").packets, 1, "link type %u", linktypes[i / 2]);
		cr_assert_eq(read_all(b.p, b.len, "tcp port 81").packets, 0);
		cr_assert_eq(read_all(b.p, b.len, "udp").packets, 0);
		cr_assert_eq(read_all(b.p, b.len, "tcp prot 80").error, CAPTURE_EUSAGE);
		cr_assert_eq(read_all(b.p, b.len, "").packets, 1);
		free(b.p);
	}
}

Test(pcap, filter_that_does_not_suit_the_link_type_passes_nothing)
{
	struct bytes b = { 0 };
	struct capture_options options = { .filter = "tcp port 80" };
	struct capture_error error;
	struct tcpstat_pkt pkt;
	struct capture *c;

	put_pcap_header(&b, 0xa1b2c3d4, 4711);
	put_pcap_packet(&b, 1, 0, 4, 4, 0, 1);
	c = capture_open_memory(b.p, b.len, &options, &error);
	cr_assert_not_null(c, "%s", error.text);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
	cr_assert_eq(capture_facts(c)->packets, 1);
	cr_assert_eq(capture_facts(c)->filtered, 1);
	cr_assert_eq(capture_facts(c)->unfit, 1);
	capture_free(c);
	free(b.p);
}
