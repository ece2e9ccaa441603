#include "core/words.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *duration(struct words *w, int64_t ns)
{
	memset(w, 0, sizeof *w);
	words_duration(w, ns);
	return w->text;
}

Test(words, durations_have_three_digits)
{
	struct words w;

	cr_assert_str_eq(duration(&w, 0), "0 us");
	cr_assert_str_eq(duration(&w, 999), "1 us");
	cr_assert_str_eq(duration(&w, 35211000), "35.2 ms");
	cr_assert_str_eq(duration(&w, 1500000000), "1.5 s");
	cr_assert_str_eq(duration(&w, 90 * (int64_t)1000000000), "90 s");
	cr_assert_str_eq(duration(&w, 600 * (int64_t)1000000000), "10 min");
	cr_assert_str_eq(duration(&w, TCPSTAT_NULL), "?");
	cr_assert_str_eq(duration(&w, INT64_MAX), "106752 d");
}

Test(words, plurals_and_signs)
{
	struct words w = { .len = 0 };

	words_count(&w, 1, "packet");
	words_add(&w, ", ");
	words_count(&w, 2, "packet");
	words_add(&w, ", ");
	words_number(&w, INT64_MIN);
	cr_assert_str_eq(w.text, "1 packet, 2 packets, -9223372036854775808");
}

Test(words, sizes_and_shares)
{
	struct words w = { .len = 0 };

	words_bytes(&w, 999);
	words_add(&w, ", ");
	words_bytes(&w, 18321);
	words_add(&w, ", ");
	words_share(&w, 0.0308);
	words_add(&w, ", ");
	words_share(&w, 0.0 / 0.0);
	cr_assert_str_eq(w.text, "999 bytes, 18.3 kB, 3.08 %, 0 %");
}

Test(words, addresses)
{
	struct words w = { .len = 0 };

	words_addr(&w, &(struct tcpstat_addr){ 4, { 192, 0, 2, 80 } });
	words_add(&w, " ");
	words_addr(&w, &(struct tcpstat_addr){ 6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } });
	words_add(&w, " ");
	words_addr(&w, &(struct tcpstat_addr){ 6, { 0 } });
	cr_assert_str_eq(w.text, "192.0.2.80 2001:db8::1 ::");
}

Test(words, what_does_not_fit_is_cut)
{
	struct words w = { .len = 0 };

	for (int i = 0; i < 1000; i++)
		words_add(&w, "abcdefg");
	cr_assert_eq(w.len, WORDS_MAX - 1);
	cr_assert_eq(strlen(w.text), (size_t)WORDS_MAX - 1);
}
