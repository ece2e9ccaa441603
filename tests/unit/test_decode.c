/* What the decoder makes of a segment, beyond the layers around it (test_layers). */
#include "core/decode.h"

#include <criterion/criterion.h>

#include "hex.h"

/* IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [SEW], seq 1000,
 * win 502, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0 */
static const char syn_frame[] =
	"02000000 00020200 00000001 08004500 003c1234 40004006 14860a00 00010a00 00029c40 00500000 "
	"03e80000 07d0a0c2 01f688fe 00000204 05b40402 080a0000 00010000 00000103 0307";

/* IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [.], seq 1000:1002, ack 2000, win 502, length 2: HTTP */
static const char padded_frame[] =
	"02000000 00020200 00000001 08004500 002a1234 40004006 14980a00 00010a00 00029c40 00500000 "
	"03e80000 07d05010 01f6902f 00006162 00000000";

/* IP bad-len 0 */
static const char zero_length_frame[] =
	"02000000 00020200 00000001 08004500 00001234 40004006 14c20a00 00010a00 00029c40 00500000 "
	"03e80000 07d05010 01f6902f 00006162";

/* IP truncated-ip - 1458 bytes missing! 10.0.0.1.40000 > 10.0.0.2.80: Flags [.], seq 1000:2460, ack 2000,
 * win 502, len ... */
static const char long_claim_frame[] =
	"02000000 00020200 00000001 08004500 05dc1234 40004006 0ee60a00 00010a00 00029c40 00500000 "
	"03e80000 07d05010 01f6902f 00006162";

/* IP6 2001:db8::1.40000 > 2001:db8::2.80: [.], with a payload length of 0 (tcpdump: [|tcp]) */
static const char zero_payload_frame[] =
	"02000000 00020200 00000001 86dd6000 00000000 06402001 0db80000 00000000 00000000 00012001 "
	"0db80000 00000000 00000000 00029c40 00500000 03e80000 07d05010 01f648bd 00006162";

/* IP6 2001:db8::1 > 2001:db8::2: HBH [No valid Jumbo Payload Hop-by-Hop option found] (invalid) */
static const char jumbo_frame[] =
	"02000000 00020200 00000001 86dd6000 00000000 00402001 0db80000 00000000 00000000 00012001 "
	"0db80000 00000000 00000000 00020600 c2040000 001e9c40 00500000 03e80000 07d05010 01f648bd "
	"00006162";

/* IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [.], seq 1000:1002, ack 2000, win 502, length 2: HTTP */
static const char bad_sum_frame[] =
	"02000000 00020200 00000001 08004500 002a1234 40004006 14980a00 00010a00 00029c40 00500000 "
	"03e80000 07d05010 01f61234 00006162";

/* IP 10.0.0.254 > 10.0.0.1: ICMP 10.0.0.2 unreachable - need to frag (mtu 1400), length 36 */
static const char icmp_frame[] =
	"02000000 00020200 00000001 08004500 00381234 40004001 13930a00 00fe0a00 00010304 00000000 "
	"05784500 002a1234 40004006 14980a00 00010a00 00029c40 00500000 03e8";

/* IP6 2001:db8::fe > 2001:db8::1: ICMP6, packet too big, mtu 1280, length 78 */
static const char icmp6_frame[] =
	"02000000 00020200 00000001 86dd6000 0000004e 3a402001 0db80000 00000000 00000000 00fe2001 "
	"0db80000 00000000 00000000 00010200 00000000 05006000 0000001e 2c402001 0db80000 00000000 "
	"00000000 00012001 0db80000 00000000 00000000 00020600 00010000 00079c40 00500000 03e80000 "
	"07d05010 01f648bd 00006162";

/* IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 50 */
static const char echo_frame[] =
	"02000000 00020200 00000001 08004500 00461234 40004001 14810a00 00010a00 00020800 00000001 "
	"00014500 002a1234 40004006 14980a00 00010a00 00029c40 00500000 03e80000 07d05010 01f6902f "
	"00006162";

/* IP 10.0.0.1.50001 > 10.0.0.2.53: 0 [0q] (12) */
static const char dns_frame[] =
	"02000000 00020200 00000001 08004500 00281234 40004011 148f0a00 00010a00 0002c351 00350014 "
	"00000000 00000000 00000000 0000";

/* ARP, Request who-has 0.0.0.0 tell 0.0.0.0, length 28 */
static const char arp_frame[] =
	"02000000 00020200 00000001 08060001 08000604 00010000 00000000 00000000 00000000 00000000 "
	"0000";

/* IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [P.], seq 1000:1020, ack 2000, win 502, length 20: HTTP */
static const char fragment_1[] =
	"02000000 00020200 00000001 08004500 003c1234 20004006 34860a00 00010a00 00029c40 00500000 "
	"03e80000 07d05018 01f62d96 00007878 78787878 78787878 78787878 78787878 7878";

/* IP 10.0.0.1 > 10.0.0.2: ip-proto-6 */
static const char fragment_2[] =
	"02000000 00020200 00000001 08004500 00321234 00054006 548b0a00 00010a00 00027878 78787878 "
	"78787878 78787878 78787878 78787878 78787878 78787878";

/* IP6 2001:db8::1 > 2001:db8::2: frag (0|40) 40000 > 80: Flags [P.], seq 1000:1020, ack 2000,
 * win 502, length 20: HTTP */
static const char fragment6_1[] =
	"02000000 00020200 00000001 86dd6000 00000030 2c402001 0db80000 00000000 00000000 00012001 "
	"0db80000 00000000 00000000 00020600 00010000 00079c40 00500000 03e80000 07d05018 01f6e623 "
	"00007878 78787878 78787878 78787878 78787878 7878";

/* IP6 2001:db8::1 > 2001:db8::2: frag (40|30) */
static const char fragment6_2[] =
	"02000000 00020200 00000001 86dd6000 00000026 2c402001 0db80000 00000000 00000000 00012001 "
	"0db80000 00000000 00000000 00020600 00280000 00077878 78787878 78787878 78787878 78787878 "
	"78787878 78787878 78787878";

static struct budget budget;
static struct tcpstat_counters c;
static struct decoder *d;
static uint8_t frame[2048];
static struct decoded out;

static void setup(void)
{
	budget = (struct budget){ .limit = 1 << 20 };
	memset(&c, 0, sizeof c);
	d = decoder_new(&budget, &c);
	cr_assert_not_null(d);
}

static void teardown(void)
{
	decoder_free(d);
	cr_assert_eq(budget.used, 0);
}

TestSuite(decode, .init = setup, .fini = teardown);

static enum decode_verdict decode_bytes(const uint8_t *bytes, size_t caplen, size_t wirelen)
{
	struct tcpstat_pkt pkt = {
		.frame = 1, .data = bytes, .caplen = (uint32_t)caplen, .wirelen = (uint32_t)wirelen, .linktype = 1
	};

	memset(&out, 0xee, sizeof out);
	decode_frame(d, &pkt, &out);
	return out.verdict;
}

static enum decode_verdict decode(const char *text)
{
	size_t len = hex_append(frame, 0, sizeof frame, text);

	return decode_bytes(frame, len, len);
}

Test(decode, syn)
{
	const struct tcp_view *v = &out.tcp;

	cr_assert_eq(decode(syn_frame), DECODE_TCP);
	cr_assert_eq(v->flags, TH_SYN | TH_ECE | TH_CWR);
	cr_assert_eq(v->seq, 1000);
	cr_assert_eq(v->len, 0);
	cr_assert(v->opts.has_mss && v->opts.sack_permitted && v->opts.has_ts && v->opts.has_wscale);
	cr_assert_eq(v->opts.mss, 1460);
	cr_assert_eq(v->opts.wscale, 7);
	cr_assert_eq(v->ttl, 64);
	cr_assert(v->has_ip_id && v->df);
	cr_assert_eq(v->ip_id, 0x1234);
	cr_assert_eq(v->ecn, 0);
	cr_assert_eq(v->wire_bytes, 74);
	cr_assert_eq(v->cksum, CKSUM_GOOD);
	cr_assert_eq(v->vlan[0], 0xffff);
	cr_assert_null(v->tunnel);
}

Test(decode, nine_flags_and_ecn_bits)
{
	hex_append(frame, 0, sizeof frame, syn_frame);
	frame[14 + 20 + 12] |= 1;
	frame[14 + 20 + 13] = 0xff;
	frame[14 + 1] = 0xb9;
	cr_assert_eq(decode_bytes(frame, 74, 74), DECODE_TCP);
	cr_assert_eq(out.tcp.flags, 0x1ff);
	cr_assert_eq(out.tcp.ecn, 1);
	cr_assert_eq(c.ip_cksum_bad, 1);
	cr_assert_eq(c.tcp_cksum_bad, 1);
}

Test(decode, padding_is_no_payload)
{
	cr_assert_eq(decode(padded_frame), DECODE_TCP);
	cr_assert_eq(out.tcp.len, 2);
	cr_assert_eq(out.tcp.caplen, 2);
	cr_assert_arr_eq(out.tcp.payload, "ab", 2);
	cr_assert_eq(out.tcp.cksum, CKSUM_GOOD);
	cr_assert_eq(out.tcp.wire_bytes, 60);
}

Test(decode, length_zero_is_taken_from_the_frame)
{
	cr_assert_eq(decode(zero_length_frame), DECODE_TCP);
	cr_assert_eq(out.tcp.len, 2);
	cr_assert_eq(out.tcp.cksum, CKSUM_GOOD);
	cr_assert_eq(decode(zero_payload_frame), DECODE_TCP);
	cr_assert_eq(out.tcp.len, 2);
	cr_assert_eq(out.tcp.cksum, CKSUM_GOOD);
	cr_assert_not(out.tcp.has_ip_id || out.tcp.df);
	cr_assert_eq(c.zero_ip_length, 2);
	/* more on the wire than 16 bits can say, most of it not captured */
	size_t len = hex_append(frame, 0, sizeof frame, zero_length_frame);
	cr_assert_eq(decode_bytes(frame, len, 100054), DECODE_TCP);
	cr_assert_eq(out.tcp.len, 100000);
	cr_assert_eq(out.tcp.caplen, 2);
	cr_assert_eq(out.tcp.wire_bytes, 100054);
}

Test(decode, jumbo_payload_option)
{
	cr_assert_eq(decode(jumbo_frame), DECODE_TCP);
	cr_assert_eq(out.tcp.len, 2);
	cr_assert_eq(out.tcp.cksum, CKSUM_GOOD);
	cr_assert_eq(c.zero_ip_length, 0);
	frame[14 + 40 + 5] = 1; /* 65536 bytes more */
	cr_assert_eq(decode_bytes(frame, 84, 84), DECODE_TCP);
	cr_assert_eq(out.tcp.len, 65538);
	cr_assert_eq(out.tcp.caplen, 2);
}

Test(decode, a_length_beyond_the_frame_is_believed_and_counted)
{
	cr_assert_eq(decode(long_claim_frame), DECODE_TCP);
	cr_assert_eq(out.tcp.len, 1460);
	cr_assert_eq(out.tcp.caplen, 2);
	cr_assert_eq(out.tcp.cksum, CKSUM_UNKNOWN);
	cr_assert_eq(c.ip_short, 1);
	cr_assert_eq(c.ip_malformed, 0);
	cr_assert_eq(c.snapped, 0);
}

/* The same bytes of a frame that was longer: the snapshot length cut it, and its header does not lie. */
Test(decode, a_frame_that_was_cut_is_not_short)
{
	size_t len = hex_append(frame, 0, sizeof frame, long_claim_frame);

	cr_assert_eq(decode_bytes(frame, len, 14 + 1500), DECODE_TCP);
	cr_assert_eq(out.tcp.len, 1460);
	cr_assert_eq(out.tcp.caplen, 2);
	cr_assert_eq(c.ip_short, 0);
	cr_assert_eq(c.snapped, 1);
}

Test(decode, checksums)
{
	cr_assert_eq(decode(bad_sum_frame), DECODE_TCP);
	cr_assert_eq(out.tcp.cksum, CKSUM_BAD);
	frame[50] = frame[51] = 0;
	cr_assert_eq(decode_bytes(frame, 56, 56), DECODE_TCP);
	cr_assert_eq(out.tcp.cksum, CKSUM_OFFLOADED);
	cr_assert_eq(c.tcp_cksum_bad, 1);
	cr_assert_eq(c.tcp_cksum_offloaded, 1);
	frame[24] ^= 1;
	decode_bytes(frame, 56, 56);
	cr_assert_eq(c.ip_cksum_bad, 1);
	decoder_set_checksums(d, false);
	cr_assert_eq(decode_bytes(frame, 56, 56), DECODE_TCP);
	cr_assert_eq(out.tcp.cksum, CKSUM_UNKNOWN);
	cr_assert_eq(decode(bad_sum_frame), DECODE_TCP);
	cr_assert_eq(out.tcp.cksum, CKSUM_UNKNOWN);
	cr_assert_eq(c.tcp_cksum_bad, 1);
	cr_assert_eq(c.ip_cksum_bad, 1);
}

Test(decode, header_lengths_that_lie)
{
	size_t len = hex_append(frame, 0, sizeof frame, padded_frame);

	frame[46] = 0x40; /* TCP header of 16 bytes */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	frame[46] = 0x60; /* 24, but only 22 are there */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	cr_assert_eq(c.tcp_malformed, 2);
	frame[46] = 0x50;
	frame[14] = 0x44; /* IP header of 16 bytes */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	frame[14] = 0x65; /* version 6 */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	frame[14] = 0x45;
	frame[17] = 19; /* total length */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	cr_assert_eq(c.ip_malformed, 3);
	frame[17] = 20 + 19; /* a TCP header of 19 bytes */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	cr_assert_eq(c.tcp_malformed, 3);
	cr_assert_eq(c.tcp, 0);
}

Test(decode, options_that_lie)
{
	size_t len = hex_append(frame, 0, sizeof frame, syn_frame);

	frame[14 + 20 + 20 + 1] = 40; /* the MSS option runs past the end */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_TCP);
	cr_assert(out.tcp.opts.malformed);
	cr_assert_eq(c.tcp_options_malformed, 1);
}

Test(decode, options_that_are_cut)
{
	size_t len = hex_append(frame, 0, sizeof frame, syn_frame);

	cr_assert_eq(decode_bytes(frame, len - 8, len), DECODE_TCP); /* in the timestamp */
	cr_assert(out.tcp.opts.has_mss && out.tcp.opts.sack_permitted && !out.tcp.opts.has_ts &&
			!out.tcp.opts.malformed);
	cr_assert_eq(out.tcp.len, 0);
	cr_assert_eq(c.snapped, 1);
}

Test(decode, icmp_that_quotes_eight_bytes)
{
	const struct icmp_view *v = &out.icmp;
	const uint8_t from[] = { 10, 0, 0, 254 }, src[] = { 10, 0, 0, 1 }, dst[] = { 10, 0, 0, 2 };

	cr_assert_eq(decode(icmp_frame), DECODE_ICMP);
	cr_assert_eq(v->family, 4);
	cr_assert_eq(v->kind, 3);
	cr_assert_eq(v->code, 4);
	cr_assert_eq(v->mtu, 1400);
	cr_assert_arr_eq(v->from.bytes, from, 4);
	cr_assert_arr_eq(v->src.bytes, src, 4);
	cr_assert_arr_eq(v->dst.bytes, dst, 4);
	cr_assert_eq(v->src_port, 40000);
	cr_assert_eq(v->dst_port, 80);
	cr_assert(v->has_seq);
	cr_assert_eq(v->seq, 1000);
	cr_assert_eq(c.icmp, 1);
	cr_assert_eq(c.tcp, 0);
}

Test(decode, icmp_cut_in_the_quote)
{
	size_t len = hex_append(frame, 0, sizeof frame, icmp_frame);

	for (size_t cut = 0; cut <= len; cut++) {
		uint8_t *copy = exact_copy(frame, cut);
		enum decode_verdict verdict = decode_bytes(copy, cut, len);
		cr_assert_eq(verdict, cut < len - 4 ? DECODE_NOTHING : DECODE_ICMP, "cut at %zu", cut);
		cr_assert(verdict != DECODE_ICMP || out.icmp.has_seq == (cut == len));
		free(copy);
	}
}

Test(decode, icmp6_that_quotes_a_first_fragment)
{
	cr_assert_eq(decode(icmp6_frame), DECODE_ICMP);
	cr_assert_eq(out.icmp.family, 6);
	cr_assert_eq(out.icmp.kind, 2);
	cr_assert_eq(out.icmp.mtu, 1280);
	cr_assert_eq(out.icmp.from.bytes[15], 0xfe);
	cr_assert_eq(out.icmp.src.bytes[15], 1);
	cr_assert_eq(out.icmp.dst.bytes[15], 2);
	cr_assert_eq(out.icmp.src_port, 40000);
	cr_assert(out.icmp.has_seq && out.icmp.seq == 1000);
}

Test(decode, icmp6_cut_at_every_byte)
{
	size_t len = hex_append(frame, 0, sizeof frame, icmp6_frame), ports = 14 + 40 + 8 + 40 + 8 + 4;

	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = exact_copy(frame, cut);
		cr_assert_eq(decode_bytes(copy, cut, len), cut < ports ? DECODE_NOTHING : DECODE_ICMP, "cut at %zu",
				cut);
		free(copy);
	}
}

Test(decode, an_echo_quotes_nothing)
{
	cr_assert_eq(decode(echo_frame), DECODE_NOTHING);
	cr_assert_eq(c.icmp, 1);
}

Test(decode, datagrams_of_names)
{
	size_t len = hex_append(frame, 0, sizeof frame, dns_frame), headers = 14 + 20 + 8;

	cr_assert_eq(decode_bytes(frame, len, len), DECODE_DNS);
	cr_assert_eq(c.udp, 1);
	cr_assert(out.dns.dst_port == 53 && out.dns.src_port != 53);
	cr_assert_eq(out.dns.src.family, 4);
	cr_assert_arr_eq(out.dns.dst.bytes, frame + 30, 4);
	cr_assert_eq(out.dns.bytes, frame + headers);
	cr_assert_eq(out.dns.len, len - headers);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = exact_copy(frame, cut);
		enum decode_verdict verdict = decode_bytes(copy, cut, len);
		cr_assert_eq(verdict, cut < headers ? DECODE_NOTHING : DECODE_DNS, "cut at %zu", cut);
		cr_assert(verdict != DECODE_DNS || out.dns.len == cut - headers);
		free(copy);
	}
	frame[37] = 54; /* to another port */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
}

Test(decode, other_traffic_is_counted)
{
	cr_assert_eq(decode(arp_frame), DECODE_NOTHING);
	cr_assert_eq(c.not_ip, 1);
	size_t len = hex_append(frame, 0, sizeof frame, padded_frame);
	frame[23] = 132; /* SCTP */
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	cr_assert_eq(c.other_ip, 1);
	struct tcpstat_pkt usb = { .data = frame, .caplen = 60, .wirelen = 60, .linktype = 189 };
	decode_frame(d, &usb, &out);
	cr_assert_eq(out.verdict, DECODE_NOTHING);
	cr_assert_eq(c.link_unsupported, 1);
	cr_assert_eq(decode_bytes(NULL, 0, 0), DECODE_NOTHING);
	cr_assert_eq(c.link_truncated, 1);
	cr_assert_eq(c.tcp, 0);
}

/* "tunnel" ports carry other things too. */
Test(decode, no_tunnel_on_a_tunnel_port)
{
	const uint8_t ports[][2] = { { 0x12, 0xb5 }, { 0x08, 0x68 }, { 0x06, 0xa5 }, { 0x0d, 0xd8 }, { 0x10, 0xf5 } };
	size_t len = hex_append(frame, 0, sizeof frame, dns_frame);

	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		memcpy(frame + 36, ports[i], 2);
		cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	}
	cr_assert_eq(c.udp, sizeof ports / sizeof *ports);
	cr_assert_eq(c.tunnelled, 0);
}

Test(decode, nesting_is_bounded)
{
	size_t len = hex_append(frame, 0, sizeof frame, "020000000002 020000000001");

	while (len + 8 < sizeof frame) /* VLAN tags without end */
		len = hex_append(frame, len, sizeof frame, "8100 0007");
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	cr_assert_eq(c.too_deep, 1);
	len = hex_append(frame, 0, sizeof frame, "020000000002 020000000001 0800");
	while (len + 20 < sizeof frame) /* IP in IP in IP */
		len = hex_append(frame, len, sizeof frame, "45000000 12340000 40040000 0a000001 0a000002");
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	cr_assert_eq(c.too_deep, 2);
	len = hex_append(frame, 0, sizeof frame, "020000000002 020000000001 86dd 60000000 0780 3c 40"
			"20010db8000000000000000000000001 20010db8000000000000000000000002");
	while (len + 8 < sizeof frame) /* extension headers */
		len = hex_append(frame, len, sizeof frame, "3c00010400000000");
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	cr_assert_eq(c.too_deep, 3);
	len = hex_append(frame, 0, sizeof frame, "020000000002 020000000001 8847");
	while (len + 4 < sizeof frame) /* labels */
		len = hex_append(frame, len, sizeof frame, "00010040");
	cr_assert_eq(decode_bytes(frame, len, len), DECODE_NOTHING);
	cr_assert_eq(c.too_deep, 4);
}

static void check_reassembled(uint32_t wire_bytes)
{
	cr_assert_eq(out.verdict, DECODE_TCP);
	cr_assert_eq(out.tcp.len, 50);
	cr_assert_eq(out.tcp.caplen, 50);
	for (uint32_t i = 0; i < 50; i++)
		cr_assert_eq(out.tcp.payload[i], 'x');
	cr_assert_eq(out.tcp.cksum, CKSUM_GOOD);
	cr_assert_eq(out.tcp.wire_bytes, wire_bytes);
	cr_assert_eq(c.fragments, 2);
	cr_assert_eq(c.reassembled, 1);
	cr_assert_eq(c.tcp, 1);
}

Test(decode, fragments)
{
	cr_assert_eq(decode(fragment_1), DECODE_NOTHING);
	decode(fragment_2);
	check_reassembled(74 + 64);
}

Test(decode, fragments_in_the_other_order)
{
	cr_assert_eq(decode(fragment_2), DECODE_NOTHING);
	decode(fragment_1);
	check_reassembled(74 + 64);
}

Test(decode, fragments_of_ipv6)
{
	cr_assert_eq(decode(fragment6_2), DECODE_NOTHING);
	decode(fragment6_1);
	check_reassembled(102 + 92);
}

Test(decode, fragments_that_wait_at_the_end_are_counted)
{
	decode(fragment_1);
	decode(fragment6_1);
	cr_assert_eq(c.fragments_dropped, 0);
	decoder_finish(d);
	cr_assert_eq(c.fragments_dropped, 2);
}

Test(decode, no_memory_for_a_decoder)
{
	struct budget none = { .limit = 0 };

	cr_assert_null(decoder_new(&none, &c));
	decoder_free(NULL);
}
