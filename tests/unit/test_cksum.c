#include "core/cksum.h"

#include <criterion/criterion.h>

#include "hex.h"

/* As RFC 1071 section 4.1 has it: 16 bits at a time, big-endian. */
static uint16_t reference(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* From the order in memory to a number. */
static uint16_t as_number(uint16_t sum)
{
	uint8_t bytes[2];

	memcpy(bytes, &sum, sizeof bytes);
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

Test(cksum, example_of_rfc_1071)
{
	const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	cr_assert_eq(as_number(cksum_fold(cksum_add(0, bytes, sizeof bytes))), 0xddf2);
}

Test(cksum, every_length_and_alignment)
{
	uint8_t bytes[300];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof bytes; i++) {
		x = x * 1103515245 + 12345;
		bytes[i] = (uint8_t)(x >> 16);
	}
	for (size_t start = 0; start < 9; start++)
		for (size_t len = 0; start + len <= sizeof bytes; len++)
			cr_assert_eq(as_number(cksum_fold(cksum_add(0, bytes + start, len))), reference(bytes + start,
					len),
					"start %zu, len %zu", start, len);
}

Test(cksum, carries_are_not_lost)
{
	static uint8_t bytes[65536];

	memset(bytes, 0xff, sizeof bytes);
	cr_assert_eq(cksum_fold(cksum_add(0, bytes, sizeof bytes)), 0xffff);
	cr_assert_eq(cksum_fold(cksum_add(cksum_add(UINT64_C(0xffffffffffff), bytes, 7), bytes, 0)),
			cksum_fold(cksum_add(0, bytes, 7)));
}

/* IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [P.], seq 1000:1003, ack 2000, win 502, length 3 */
static const char segment_hex[] = "9c400050 000003e8 000007d0 501801f6 0000 0000 616263";
static const struct tcpstat_addr src4 = { 4, { 10, 0, 0, 1 } }, dst4 = { 4, { 10, 0, 0, 2 } };
static const struct tcpstat_addr src6 = { 6, { 0x20, 1, 0xd, 0xb8, [15] = 1 } }, dst6 = { 6, { 0x20, 1, 0xd, 0xb8,
		[15] = 2 } };

/* Sets the checksum field to what makes `sum` of everything come out, as a sender does. */
static void set_field(uint8_t *segment, uint16_t value)
{
	memcpy(segment + 16, &value, sizeof value);
}

static void check_verdicts(const struct tcpstat_addr *src, const struct tcpstat_addr *dst)
{
	uint8_t segment[64];
	uint32_t len = (uint32_t)hex_append(segment, 0, sizeof segment, segment_hex);
	uint64_t pseudo = cksum_pseudo(src, dst, 6, len);
	uint16_t right = (uint16_t)~cksum_fold(cksum_add(pseudo, segment, len));

	set_field(segment, right);
	cr_assert_eq(cksum_tcp(src, dst, segment, len), CKSUM_GOOD);
	segment[len - 1] ^= 1;
	cr_assert_eq(cksum_tcp(src, dst, segment, len), CKSUM_BAD);
	set_field(segment, cksum_fold(pseudo));
	cr_assert_eq(cksum_tcp(src, dst, segment, len), CKSUM_OFFLOADED);
	set_field(segment, cksum_fold(cksum_pseudo(src, dst, 6, 0)));
	cr_assert_eq(cksum_tcp(src, dst, segment, len), CKSUM_OFFLOADED);
	set_field(segment, 0);
	cr_assert_eq(cksum_tcp(src, dst, segment, len), CKSUM_OFFLOADED);
	set_field(segment, (uint16_t)(cksum_fold(pseudo) + 1));
	cr_assert_eq(cksum_tcp(src, dst, segment, len), CKSUM_BAD);
}

Test(cksum, verdicts_for_ipv4)
{
	check_verdicts(&src4, &dst4);
}

Test(cksum, verdicts_for_ipv6)
{
	check_verdicts(&src6, &dst6);
}

Test(cksum, pseudo_header_has_addresses_protocol_and_length)
{
	const uint8_t v4[] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0, 23 };
	const uint8_t tail6[] = { 0, 1, 0, 23, 0, 0, 0, 6 };

	cr_assert_eq(cksum_fold(cksum_pseudo(&src4, &dst4, 6, 23)), cksum_fold(cksum_add(0, v4, sizeof v4)));
	uint64_t sum = cksum_add(cksum_add(0, src6.bytes, 16), dst6.bytes, 16);
	cr_assert_eq(cksum_fold(cksum_pseudo(&src6, &dst6, 6, 65536 + 23)), cksum_fold(cksum_add(sum, tail6,
			sizeof tail6)));
}
