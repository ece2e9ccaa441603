#include "core/tcp_opt.h"

#include <criterion/criterion.h>

#include "hex.h"

static struct tcp_opts parse_cut(const char *text, bool cut)
{
	uint8_t bytes[64];
	size_t len = hex_append(bytes, 0, sizeof bytes, text);
	uint8_t *copy = exact_copy(bytes, len);
	struct tcp_opts opts;

	memset(&opts, 0xff, sizeof opts);
	tcp_opt_clear(&opts);
	tcp_opt_parse(copy, len, cut, &opts);
	free(copy);
	return opts;
}

static struct tcp_opts parse(const char *text)
{
	return parse_cut(text, false);
}

Test(tcp_opt, nothing)
{
	struct tcp_opts o = parse("");

	cr_assert(!o.has_mss && !o.has_wscale && !o.sack_permitted && !o.has_ts && !o.tfo && !o.mptcp && !o.accecn &&
			!o.md5);
	cr_assert(!o.malformed);
	cr_assert_eq(o.n_sack, 0);
}

/* options [mss 1460,sackOK,TS val 305419896 ecr 0,nop,wscale 7] */
Test(tcp_opt, syn_of_linux)
{
	struct tcp_opts o = parse("020405b4 0402 080a 12345678 00000000 01 030307");

	cr_assert(o.has_mss && o.has_wscale && o.sack_permitted && o.has_ts && !o.malformed);
	cr_assert_eq(o.mss, 1460);
	cr_assert_eq(o.wscale, 7);
	cr_assert_eq(o.ts_val, 305419896);
	cr_assert_eq(o.ts_ecr, 0);
}

/* options [nop,nop,sack 3 {1:2}{3:4}{5:6}] */
Test(tcp_opt, sack_blocks)
{
	struct tcp_opts o = parse("0101 051a 00000001 00000002 00000003 00000004 00000005 00000006");

	cr_assert_eq(o.n_sack, 3);
	cr_assert_eq(o.sack[0][0], 1);
	cr_assert_eq(o.sack[1][1], 4);
	cr_assert_eq(o.sack[2][1], 6);
	cr_assert(!o.malformed);
}

Test(tcp_opt, at_most_four_sack_blocks)
{
	struct tcp_opts o = parse("0512 00000001 00000002 00000003 00000004 0512 00000005 00000006 00000007 00000008");

	cr_assert_eq(o.n_sack, 4);
	cr_assert_eq(o.sack[3][1], 8);
	o = parse("052a 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008 00000009 0000000a");
	cr_assert_eq(o.n_sack, 4);
	cr_assert_eq(o.sack[3][1], 8);
}

Test(tcp_opt, sack_of_a_wrong_length)
{
	cr_assert(parse("0502").malformed);
	struct tcp_opts o = parse("050c 00000001 00000002 0000");
	cr_assert(o.malformed);
	cr_assert_eq(o.n_sack, 1);
}

Test(tcp_opt, fast_open_as_standard_and_as_experiment)
{
	cr_assert(parse("2202").tfo);
	cr_assert(parse("220a 0102030405060708").tfo);
	cr_assert(parse("fe04 f989").tfo);
	cr_assert(parse("fe0c f989 0102030405060708").tfo);
	cr_assert(parse("fd04 f989").tfo);
	cr_assert(!parse("fe04 1234").tfo);
	cr_assert(!parse("fe03 f9").tfo);
	cr_assert(!parse("fe03 f9").malformed);
}

Test(tcp_opt, multipath_accecn_md5)
{
	cr_assert(parse("1e0c 0081 0102030405060708").mptcp);
	cr_assert(parse("ac0b 000001 000001 000001").accecn);
	cr_assert(parse("ae05 000001").accecn);
	cr_assert(parse("fe0d acc0 000001 000001 000001").accecn);
	cr_assert(parse("1312 00112233445566778899aabbccddeeff").md5);
	cr_assert(parse("1304 0011").malformed);
}

Test(tcp_opt, unknown_ones_are_skipped_by_length)
{
	struct tcp_opts o = parse("4d06 02040001 020405b4");

	cr_assert(o.has_mss && !o.malformed);
	cr_assert_eq(o.mss, 1460);
}

Test(tcp_opt, end_of_list_ends_it)
{
	struct tcp_opts o = parse("0402 00 020405b4");

	cr_assert(o.sack_permitted && !o.has_mss && !o.malformed);
}

Test(tcp_opt, lengths_that_lie)
{
	cr_assert(parse("0200").malformed);             /* would never end */
	cr_assert(parse("0201").malformed);
	cr_assert(parse("020405").malformed);           /* runs past the end */
	cr_assert(parse("02").malformed);               /* no length */
	struct tcp_opts o = parse("020505b400 030307"); /* an MSS of 5 bytes */
	cr_assert(o.malformed && !o.has_mss && o.has_wscale);
	cr_assert(parse("0304 0700").malformed);
	cr_assert(parse("0403 00").malformed);
	cr_assert(parse("0809 12345678 000000").malformed);
}

Test(tcp_opt, a_cut_area_is_no_fault)
{
	struct tcp_opts o = parse_cut("0402 080a 123456", true);

	cr_assert(o.sack_permitted && !o.has_ts && !o.malformed);
	cr_assert(!parse_cut("0402 08", true).malformed);
	cr_assert(parse_cut("0200", true).malformed);
}

Test(tcp_opt, scale_is_as_sent)
{
	cr_assert_eq(parse("0303ff").wscale, 255);
}

/* Any byte may be anything, and nothing is read behind the end. */
Test(tcp_opt, any_two_first_bytes)
{
	for (int kind = 0; kind < 256; kind++)
		for (int len = 0; len < 256; len++) {
			uint8_t *p = exact_copy((const uint8_t[]){ (uint8_t)kind, (uint8_t)len, 0, 0, 0, 0, 0, 0, 0, 0,
					0, 0 }, 12);
			struct tcp_opts opts;
			tcp_opt_clear(&opts);
			tcp_opt_parse(p, 12, false, &opts);
			cr_assert(opts.n_sack <= 4);
			if (kind > 1 && (len < 2 || len > 12))
				cr_assert(opts.malformed, "kind %d len %d", kind, len);
			free(p);
		}
}
