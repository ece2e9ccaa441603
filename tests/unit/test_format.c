#include "sink/format.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const struct style ascii, utf8 = { .utf8 = true };

#define EQ(got, want) cr_assert_str_eq(got, want)

Test(format, unknown_is_a_dash)
{
	char b[FORMAT_MAX];

	EQ(format_count(b, TCPSTAT_NULL), "-");
	EQ(format_bytes(b, TCPSTAT_NULL), "-");
	EQ(format_rate(b, TCPSTAT_NULL), "-");
	EQ(format_duration(b, &utf8, TCPSTAT_NULL), "-");
	EQ(format_share(b, NAN), "-");
	EQ(format_time(b, TCPSTAT_NULL), "-");
	EQ(format_seconds(b, TCPSTAT_NULL), "-");
}

Test(format, counts_are_grouped)
{
	char b[FORMAT_MAX];

	EQ(format_count(b, 0), "0");
	EQ(format_count(b, 999), "999");
	EQ(format_count(b, 1000), "1,000");
	EQ(format_count(b, -123456), "-123,456");
	EQ(format_count(b, INT64_MAX), "9,223,372,036,854,775,807");
}

Test(format, bytes_have_three_digits)
{
	char b[FORMAT_MAX];

	EQ(format_bytes(b, 0), "0 B");
	EQ(format_bytes(b, 999), "999 B");
	EQ(format_bytes(b, 1000), "1.00 kB");
	EQ(format_bytes(b, 12345), "12.3 kB");
	EQ(format_bytes(b, 999499), "999 kB");
	EQ(format_bytes(b, 999501), "1.00 MB");
	EQ(format_bytes(b, INT64_MAX), "9.22 EB");
	EQ(format_rate(b, 12345678), "12.3 Mbit/s");
}

Test(format, durations_have_the_unit_that_suits)
{
	char b[FORMAT_MAX];

	EQ(format_duration(b, &ascii, 0), "0 s");
	EQ(format_duration(b, &ascii, 999), "999 ns");
	EQ(format_duration(b, &ascii, 37000), "37 us");
	EQ(format_duration(b, &utf8, 37000), "37 \u00b5s");
	EQ(format_duration(b, &ascii, 35211000), "35.2 ms");
	EQ(format_duration(b, &ascii, 1900000000), "1.90 s");
	EQ(format_duration(b, &ascii, 65000000000), "1 min 5 s");
	EQ(format_duration(b, &ascii, 7380000000000), "2 h 3 min");
	EQ(format_duration(b, &ascii, 90000000000000), "1 d 1 h");
}

Test(format, shares)
{
	char b[FORMAT_MAX];

	EQ(format_share(b, 0), "0 %");
	EQ(format_share(b, 0.0001), "<0.1 %");
	EQ(format_share(b, 0.0214), "2.1 %");
	EQ(format_share(b, 0.61), "61 %");
	EQ(format_share(b, 1), "100 %");
}

Test(format, seconds_before_and_after)
{
	char b[FORMAT_MAX];

	EQ(format_seconds(b, 35211000), "0.035211");
	EQ(format_seconds(b, -1500000000), "-1.500000");
	EQ(format_seconds(b, INT64_MAX), "9223372036.854775");
	EQ(format_seconds(b, INT64_MIN + 1), "-9223372036.854775");
}

Test(format, times_before_the_epoch)
{
	char b[FORMAT_MAX];

	EQ(format_time(b, 0), "1970-01-01 00:00:00.000000 +0000");
	EQ(format_time(b, -1000), "1969-12-31 23:59:59.999999 +0000");
}

Test(format, endpoints)
{
	struct tcpstat_addr v4 = { .family = 4, .bytes = { 192, 0, 2, 1 } }, none = { .family = 0 };
	struct tcpstat_addr v6 = { .family = 6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	char b[300];

	EQ(format_endpoint(b, sizeof b, &ascii, &v4, 80), "192.0.2.1:80");
	EQ(format_endpoint(b, sizeof b, &ascii, &v6, 65535), "[2001:db8::1]:65535");
	EQ(format_endpoint(b, sizeof b, &ascii, &none, 80), "-");
	EQ(format_endpoint(b, 8, &ascii, &v4, 80), "192.0.2");
}

Test(format, nothing_of_a_foreign_text_reaches_the_terminal)
{
	char b[64], small[10];

	EQ(format_safe(b, sizeof b, &utf8, "a\033[31mb\n\x7f"), "a\\x1b[31mb\\x0a\\x7f");
	EQ(format_safe(b, sizeof b, &utf8, "gr\u00fc\u00df"), "gr\u00fc\u00df");
	EQ(format_safe(b, sizeof b, &ascii, "gr\u00fc"), "gr\\xc3\\xbc");
	EQ(format_safe(b, sizeof b, &utf8, "\xc2\x9b" "31m"), "\\xc2\\x9b31m");
	EQ(format_safe(b, sizeof b, &utf8, "\xe2\x80\xae"), "\\xe2\\x80\\xae");
	EQ(format_safe(b, sizeof b, &utf8, "\xc0\x80\xed\xa0\x80\xf5"), "\\xc0\\x80\\xed\\xa0\\x80\\xf5");
	EQ(format_safe(b, sizeof b, &utf8, "\xe2\x82"), "\\xe2\\x82");
	cr_assert_lt(strlen(format_safe(small, sizeof small, &utf8, "\n\n\n\n\n\n")), sizeof small);
}

Test(format, triggers_in_words)
{
	char b[FORMAT_MAX];

	EQ(format_trigger(b, "snd_syn"), "sent SYN");
	EQ(format_trigger(b, "rcv_ack_of_fin"), "received ACK of FIN");
	EQ(format_trigger(b, "timeout_2msl"), "timeout of 2 MSL");
	EQ(format_trigger(b, ""), "");
	EQ(format_trigger(b, NULL), "");
}

Test(format, columns_are_characters)
{
	cr_assert_eq(format_columns(""), 0);
	cr_assert_eq(format_columns("\u25c0\u2500 x"), 4);
}
