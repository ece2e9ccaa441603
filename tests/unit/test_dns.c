/* Lookups: questions and answers from the wire, and which of them preceded a connection. */
#include "core/dns.h"
#include "hex.h"

#include <criterion/criterion.h>

static const int64_t second = 1000000000, ms = 1000000;

static struct budget budget;
static struct dns d;
static uint64_t frame;

static const struct tcpstat_addr client = { 4, { 10, 0, 0, 1 } }, other = { 4, { 10, 0, 0, 2 } },
	resolver = { 4, { 10, 0, 0, 53 } }, web = { 4, { 192, 0, 2, 80 } },
	web6 = { 6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x80 } };

/* IP 10.0.0.1.40000 > 10.0.0.53.53: 4660+ A? www.example. (29) */
static const char query[] = "1234 0100 0001 0000 0000 0000 0377777707 6578616d706c65 00 0001 0001";
/* IP 10.0.0.53.53 > 10.0.0.1.40000: 4660 2/0/0 CNAME w.example., A 192.0.2.80 (61) */
static const char answer[] = "1234 8180 0001 0002 0000 0000 0377777707 6578616d706c65 00 0001 0001"
	"c00c 0005 0001 0000012c 0004 0177 c010" "c029 0001 0001 0000012c 0004 c0000250";
/* IP 10.0.0.1.40000 > 10.0.0.53.53: 4661+ AAAA? www.example. (29), and the answer 2001:db8::80, time to live 1 s */
static const char query6[] = "1235 0100 0001 0000 0000 0000 0377777707 6578616d706c65 00 001c 0001";
static const char answer6[] = "1235 8180 0001 0001 0000 0000 0377777707 6578616d706c65 00 001c 0001"
	"c00c 001c 0001 00000001 0010 20010db8000000000000000000000080";

static void setup(void)
{
	budget = (struct budget){ .limit = 1 << 30 };
	d = (struct dns){ .budget = &budget };
	frame = 0;
}

static void teardown(void)
{
	dns_fini(&d);
	cr_assert_eq(budget.used, 0);
}

TestSuite(dns, .init = setup, .fini = teardown);

static void feed_bytes(const struct tcpstat_addr *from, const uint8_t *bytes, size_t len, int64_t ts)
{
	bool down = from->bytes[3] == 53;
	uint8_t *copy = exact_copy(bytes, len);
	struct dns_view v = { .src = *from, .dst = down ? client : resolver, .src_port = down ? 53 : 40000,
		.dst_port = down ? 40000 : 53, .bytes = copy, .len = (uint32_t)len };

	dns_message(&d, &v, ts, ++frame);
	free(copy);
}

static void feed(const struct tcpstat_addr *from, const char *hex, int64_t ts)
{
	uint8_t bytes[512];

	feed_bytes(from, bytes, hex_append(bytes, 0, sizeof bytes, hex), ts);
}

Test(dns, a_lookup_and_the_connection_after_it)
{
	char text[DNS_TEXT_MAX];

	feed(&client, query, second);
	cr_assert_null(dns_find(&d, &client, &web, second + ms));
	feed(&resolver, answer, second + 12 * ms);
	const struct dns_lookup *l = dns_find(&d, &client, &web, second + 13 * ms);
	cr_assert_not_null(l);
	cr_assert_eq(l->query_frame, 1);
	cr_assert_eq(l->answer_frame, 2);
	cr_assert_eq(l->queries, 1);
	cr_assert_eq(l->answer_ts - l->query_ts, 12 * ms);
	cr_assert_eq(dns_name_text(l, text), 11);
	cr_assert_str_eq(text, "www.example");
	/* another asked nothing, and nobody asked for another */
	cr_assert_null(dns_find(&d, &other, &web, second + 13 * ms));
	cr_assert_null(dns_find(&d, &client, &other, second + 13 * ms));
	cr_assert_null(dns_find(&d, &client, &web6, second + 13 * ms));
	/* before the answer; as long as it may be kept, 300 s, and after that */
	cr_assert_null(dns_find(&d, &client, &web, second + 11 * ms));
	cr_assert_not_null(dns_find(&d, &client, &web, 300 * second));
	cr_assert_null(dns_find(&d, &client, &web, 302 * second));
}

Test(dns, ipv6_and_a_short_time_to_live)
{
	feed(&client, query6, second);
	feed(&resolver, answer6, second);
	cr_assert_not_null(dns_find(&d, &client, &web6, second));
	cr_assert_not_null(dns_find(&d, &client, &web6, 60 * second)); /* a minute counts all the same */
	cr_assert_null(dns_find(&d, &client, &web6, 62 * second));
}

Test(dns, questions_sent_again)
{
	feed(&client, query, second);
	feed(&client, query, second);                   /* captured twice */
	feed(&client, query, 6 * second);
	feed(&resolver, answer, 6 * second + ms);
	const struct dns_lookup *l = dns_find(&d, &client, &web, 7 * second);
	cr_assert_eq(l->queries, 2);
	cr_assert_eq(l->answer_ts - l->query_ts, 5 * second + ms);
	/* the same number asks anew */
	feed(&client, query, 100 * second);
	cr_assert_null(dns_find(&d, &client, &web, 100 * second));
	feed(&resolver, answer, 100 * second + ms);
	cr_assert_eq(dns_find(&d, &client, &web, 101 * second)->queries, 1);
}

Test(dns, an_answer_alone)
{
	feed(&resolver, answer, second);
	const struct dns_lookup *l = dns_find(&d, &client, &web, 2 * second);
	cr_assert_not_null(l);
	cr_assert_eq(l->queries, 0);
	cr_assert_eq(l->query_frame, 0);
	cr_assert_eq(l->query_ts, TCPSTAT_NULL);
}

Test(dns, an_answer_to_another_question)
{
	feed(&client, query, second);
	/* the same number, the name ww0.example */
	feed(&resolver, "1234 8180 0001 0001 0000 0000 0377773007 6578616d706c65 00 0001 0001"
		"c00c 0001 0001 0000012c 0004 c0000250", second);
	cr_assert_null(dns_find(&d, &client, &web, second));
	feed(&resolver, answer, second);
	cr_assert_not_null(dns_find(&d, &client, &web, second));
}

Test(dns, an_error_holds_no_address)
{
	uint8_t bytes[128];
	size_t len = hex_append(bytes, 0, sizeof bytes, answer);

	bytes[3] |= 3; /* NXDomain */
	feed(&client, query, second);
	feed_bytes(&resolver, bytes, len, second);
	cr_assert_null(dns_find(&d, &client, &web, second));
}

/* Cut anywhere, and every byte set to what hurts: nothing is read behind the end, nothing goes on for ever. */
Test(dns, damaged_messages)
{
	static const uint8_t bad[] = { 0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff };
	uint8_t bytes[128], hurt[128];
	size_t len = hex_append(bytes, 0, sizeof bytes, answer);

	for (size_t cut = 0; cut < len; cut++) {
		feed_bytes(&resolver, bytes, cut, second);
		cr_assert_null(dns_find(&d, &client, &web, second), "cut at %zu", cut);
		dns_fini(&d);
	}
	for (size_t at = 0; at < len; at++)
		for (size_t i = 0; i < sizeof bad; i++) {
			memcpy(hurt, bytes, len);
			hurt[at] = bad[i];
			feed_bytes(&resolver, hurt, len, second);
			dns_fini(&d);
		}
}

Test(dns, names_are_made_harmless)
{
	struct dns_lookup l = { .name_len = 9, .name = { 3, 'a', 0x1b, '.', 3, 0xc3, '\\', 'b', 0 } };
	char text[DNS_TEXT_MAX];

	cr_assert_eq(dns_name_text(&l, text), strlen(text));
	cr_assert_str_eq(text, "a\\027\\046.\\195\\092b");
	l = (struct dns_lookup){ .name_len = 1 };
	dns_name_text(&l, text);
	cr_assert_str_eq(text, ".");
	/* the longest: four labels of 63, 63, 63 and 61 bytes, each byte as four characters */
	l = (struct dns_lookup){ .name_len = 255 };
	for (unsigned i = 0; i < 4; i++)
		l.name[i * 64] = i < 3 ? 63 : 61;
	cr_assert_eq(dns_name_text(&l, text), 4 * (63 * 3 + 61) + 3);
}

Test(dns, the_table_is_bounded)
{
	uint8_t bytes[128];
	size_t len = hex_append(bytes, 0, sizeof bytes, answer);
	uint64_t used = 0;

	feed(&resolver, answer, second);
	dns_use(&d, &client, &web, second); /* it stays for another round */
	for (unsigned id = 1; id <= 3 * DNS_LOOKUPS; id++) {
		bytes[0] = 0x80 | (uint8_t)(id >> 8);
		bytes[1] = (uint8_t)id;
		bytes[len - 1] = 81;
		feed_bytes(&resolver, bytes, len, second);
		if (id == 1)
			used = budget.used;
		cr_assert_eq(budget.used, used);
		if (id == DNS_LOOKUPS)
			cr_assert_not_null(dns_find(&d, &client, &web, second));
	}
	cr_assert_not_null(d.table);
}

Test(dns, without_memory_nothing_is_kept)
{
	budget.limit = 1000;
	feed(&resolver, answer, second);
	cr_assert_null(d.table);
	cr_assert_null(dns_find(&d, &client, &web, second));
}
