#include "core/segment.h"
#include "core/tcpstat.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const int64_t MS = 1000000;

static struct {
	char id[16][32], about[16][64], title[16][200];
	bool ongoing[16];
	unsigned n;
} told;

static void hear(void *ctx, const struct tcpstat_event *ev)
{
	(void)ctx;
	if (ev->conn || told.n == 16 || !strcmp(ev->finding.id, "offload-segments")) /* there are no checksums */
		return;
	snprintf(told.id[told.n], 32, "%s", ev->finding.id);
	snprintf(told.about[told.n], 64, "%s", ev->finding.about ? ev->finding.about : "");
	snprintf(told.title[told.n], 200, "%s", ev->finding.title);
	told.ongoing[told.n++] = ev->finding.ongoing;
}

static uint64_t frame;

static struct tcpstat *begin(bool live)
{
	struct tcpstat_config config;

	tcpstat_config_init(&config);
	config.events = TCPSTAT_MASK(TCPSTAT_EV_FINDING);
	config.event = hear;
	config.live = live;
	memset(&told, 0, sizeof told);
	frame = 0;
	return tcpstat_new(&config);
}

enum { LINKTYPE_RAW = 101 };

/* Between client 10.0.`client` and 192.0.2.80:80, without payload and checksums. */
static void packet(struct tcpstat *t, int64_t ms, bool up, unsigned client, uint16_t port, uint8_t flags, uint32_t seq,
	uint32_t ack)
{
	uint8_t p[40] = { 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, [32] = 0x50, flags, 0xff, 0xff };
	const uint8_t c[4] = { 10, 0, (uint8_t)(client >> 8), (uint8_t)client }, s[4] = { 192, 0, 2, 80 };
	struct tcpstat_pkt pkt = { .ts_ns = ms * MS, .frame = ++frame, .data = p, .caplen = 40, .wirelen = 40,
		.linktype = LINKTYPE_RAW };

	memcpy(p + 12, up ? c : s, 4);
	memcpy(p + 16, up ? s : c, 4);
	for (int i = 0; i < 2; i++) {
		p[(up ? 20 : 22) + i] = (uint8_t)(port >> (8 - 8 * i));
		p[(up ? 22 : 20) + i] = (uint8_t)(80 >> (8 - 8 * i));
	}
	for (int i = 0; i < 4; i++) {
		p[24 + i] = (uint8_t)(seq >> (24 - 8 * i));
		p[28 + i] = (uint8_t)(ack >> (24 - 8 * i));
	}
	cr_assert_eq(tcpstat_packet(t, &pkt), 0);
}

static unsigned count(const char *id, bool ongoing)
{
	unsigned n = 0;

	for (unsigned i = 0; i < told.n; i++)
		n += !strcmp(told.id[i], id) && told.ongoing[i] == ongoing;
	return n;
}

static void flood(struct tcpstat *t, unsigned syns)
{
	for (unsigned i = 0; i < syns; i++)
		packet(t, 10 * i, true, i, (uint16_t)(2000 + i), TH_SYN, 100, 0);
}

Test(survey, a_flood_is_told_while_it_goes_on_and_amended_at_the_end)
{
	struct tcpstat *t = begin(true);

	flood(t, 1500);
	cr_assert_eq(count("syn-flood", true), 1, "%u", count("syn-flood", true));
	cr_assert_eq(told.n, 1);
	cr_assert_str_eq(told.about[0], "192.0.2.80:80");
	cr_assert(!strncmp(told.title[0], told.about[0], strlen(told.about[0])));
	tcpstat_tick(t, 100000 * MS);
	cr_assert_eq(told.n, 1);
	tcpstat_finish(t);
	cr_assert_eq(count("syn-flood", true), 1);
	cr_assert_eq(count("syn-flood", false), 1);
	cr_assert_str_eq(told.about[told.n - 1], "192.0.2.80:80");
	cr_assert_not_null(strstr(told.title[told.n - 1], "1500 half-open"), "%s", told.title[told.n - 1]);
	tcpstat_free(t);
}

Test(survey, of_a_file_it_is_told_at_the_end)
{
	struct tcpstat *t = begin(false);

	flood(t, 1500);
	cr_assert_eq(told.n, 0);
	tcpstat_finish(t);
	cr_assert_eq(count("syn-flood", false), 1);
	cr_assert_eq(told.n, 1);
	tcpstat_free(t);
}

/* Many at once, each of them completed a second later. */
Test(survey, a_rush_of_clients_is_no_flood)
{
	struct tcpstat *t = begin(true);

	for (unsigned s = 0; s < 10; s++)
		for (unsigned step = 0; step < 3; step++)
			for (unsigned i = 0; i < 150; i++)
				packet(t, 1000 * s + 300 * step + i, step != 1, i, (uint16_t)(2000 + s),
					step == 0 ? TH_SYN : step == 1 ? TH_SYN | TH_ACK : TH_ACK,
					step == 1 ? 500 : step == 0 ? 100 : 101, step == 0 ? 0 : step == 1 ? 101 : 501);
	tcpstat_finish(t);
	cr_assert_eq(told.n, 0, "%s", told.id[0]);
	tcpstat_free(t);
}

static void answered(struct tcpstat *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		packet(t, 100 * i, true, i, 2000, TH_SYN, 100, 0);
		packet(t, 100 * i + 1, false, i, 2000, TH_SYN | TH_ACK, 500, 101);
	}
	tcpstat_tick(t, 10000 * MS);
}

Test(survey, half_open_connections_pile_up)
{
	struct tcpstat *t = begin(true);

	answered(t, 25);
	cr_assert_eq(count("half-open-pileup", true), 1);
	tcpstat_finish(t);
	cr_assert_eq(count("half-open-pileup", false), 1);
	tcpstat_free(t);
}

Test(survey, a_few_half_open_ones_are_no_pile)
{
	struct tcpstat *t = begin(true);

	answered(t, 19);
	tcpstat_finish(t);
	cr_assert_eq(told.n, 0, "%s", told.id[0]);
	tcpstat_free(t);
}

Test(survey, a_host_that_resets)
{
	struct tcpstat *t = begin(true);

	for (unsigned i = 0; i < 12; i++) {
		packet(t, 100 * i, true, i, 2000, TH_SYN, 100, 0);
		packet(t, 100 * i + 1, false, i, 2000, TH_SYN | TH_ACK, 500, 101);
		packet(t, 100 * i + 2, true, i, 2000, TH_ACK, 101, 501);
		packet(t, 100 * i + 3, false, i, 2000, TH_RST | TH_ACK, 501, 101);
	}
	tcpstat_tick(t, 10000 * MS);
	cr_assert_eq(count("rst-abort", true), 1);
	cr_assert_str_eq(told.about[0], "192.0.2.80");
	tcpstat_finish(t);
	cr_assert_eq(count("rst-abort", false), 1);
	tcpstat_free(t);
}

/* Clients that open and close first, one in a millisecond. */
static void closed(struct tcpstat *t, int64_t ms, unsigned n, uint16_t port)
{
	for (unsigned i = 0; i < n; i++) {
		packet(t, ms + i, true, 1, (uint16_t)(port + i), TH_SYN, 100, 0);
		packet(t, ms + i, false, 1, (uint16_t)(port + i), TH_SYN | TH_ACK, 500, 101);
		packet(t, ms + i, true, 1, (uint16_t)(port + i), TH_ACK, 101, 501);
		packet(t, ms + i, true, 1, (uint16_t)(port + i), TH_FIN | TH_ACK, 101, 501);
		packet(t, ms + i, false, 1, (uint16_t)(port + i), TH_FIN | TH_ACK, 501, 102);
		packet(t, ms + i, true, 1, (uint16_t)(port + i), TH_ACK, 102, 502);
	}
}

static const int64_t CENTURY = (int64_t)36525 * 86400 * 1000; /* ms */

/* Times before 1970 are times, too. */
Test(survey, time_wait_at_any_time)
{
	for (int64_t begin_ms = -CENTURY; begin_ms <= CENTURY; begin_ms += CENTURY) {
		struct tcpstat *t = begin(false);

		closed(t, begin_ms - 20000, 1200, 2000);
		tcpstat_finish(t);
		cr_assert_eq(count("time-wait-pileup", false), 1);
		cr_assert_not_null(strstr(told.title[0], "1200 connections"), "%s", told.title[0]);
		tcpstat_free(t);
	}
}

/* It is over when others begin, a century later as well as a minute. (That the time between costs none is for
 * tests/attack to see.) */
Test(survey, time_wait_ends)
{
	static const int64_t later_ms[] = { 8000, 68000, CENTURY };

	for (int i = 0; i < 3; i++) {
		struct tcpstat *t = begin(false);

		closed(t, 0, 600, 2000);
		closed(t, later_ms[i], 600, 4000);
		tcpstat_finish(t);
		cr_assert_eq(count("time-wait-pileup", false), i == 0, "%s", told.title[0]);
		tcpstat_free(t);
	}
}
