#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/metrics_room.h"

static struct tcpstat_conn conn(uint32_t number, uint16_t port, int64_t packets)
{
	struct tcpstat_conn c = { .number = number, .port = { 40000, port },
		.handshake = { .rtt_ns = TCPSTAT_NULL, .outcome = TCPSTAT_HS_ESTABLISHED } };

	c.addr[0] = c.addr[1] = (struct tcpstat_addr){ .family = 4, .bytes = { 192, 0, 2, 1 } };
	c.half[0].packets = packets;
	c.half[1].rwnd.zero_ns = TCPSTAT_NULL;
	return c;
}

static void tell(struct metrics *m, enum tcpstat_event_type type, const struct tcpstat_conn *c)
{
	metrics_event(m, &(struct tcpstat_event){ .type = type, .conn = c->number, .connection = c });
}

/* The text has this line? */
static bool has(struct metrics *m, const char *line)
{
	static const struct tcpstat_counters counters;
	static const struct capture_facts facts;
	struct metrics_now now = { .counters = &counters, .facts = &facts };
	char whole[256];
	size_t len;
	char *text = metrics_text(m, &now, &len);
	bool found;

	cr_assert_not_null(text);
	cr_assert_eq(strlen(text), len);
	snprintf(whole, sizeof whole, "\n%s\n", line);
	found = strstr(text, whole);
	free(text);
	return found;
}

static struct metrics *make(const char *by)
{
	struct metrics_options options = { .by = METRICS_BY_NOTHING };
	struct metrics *m;

	if (by)
		cr_assert(metrics_parse_by(by, &options));
	m = metrics_new(&options, "1");
	cr_assert_not_null(m);
	return m;
}

/* Every figure as long as it can be, every group with its label. */
Test(metrics, the_text_stays_within_what_is_set_aside)
{
	static struct tcpstat_counters counters;
	static char name[] = "abcdefghijklmno";
	struct capture_interface interfaces[2] = { { 0 } };
	struct capture_facts facts = { .interfaces = interfaces, .n_interfaces = 2 };
	struct metrics_now now = { .counters = &counters, .facts = &facts };
	struct metrics_options options = { .by = METRICS_BY_SERVER };
	struct tcpstat_conn c = conn(1, 80, 0);
	struct metrics *m;
	size_t len;

	memset(&counters, 0xff, sizeof counters);
	memset(&now.gauges, 0xff, sizeof now.gauges);
	for (unsigned i = 0; i < 2; i++) {
		interfaces[i].name = name;
		interfaces[i].packets = UINT64_MAX;
		interfaces[i].dropped = interfaces[i].if_dropped = INT64_MAX;
	}
	for (options.n = 0; options.n < METRICS_GROUPS; options.n++) {
		struct metrics_network *n = &options.networks[options.n];

		n->addr = (struct tcpstat_addr){ .family = 4, .bytes = { 10, 0, 0, (uint8_t)options.n } };
		n->prefix = 32;
		memset(n->text, '1', sizeof n->text - 1);
	}
	m = metrics_new(&options, "1");
	for (size_t i = 0; i < METRICS_N_SUMS; i++)
		memcpy((char *)&c + metrics_members[i].offset, &(int64_t){ INT64_MAX }, sizeof(int64_t));
	for (unsigned i = 0; i < METRICS_GROUPS; i++) {
		c.addr[TCPSTAT_SERVER] = options.networks[i].addr;
		tell(m, TCPSTAT_EV_CONNECTION, &c);
	}
	for (unsigned i = 0; i < METRICS_FINDINGS; i++) {
		char id[48];

		snprintf(id, sizeof id, "%047u", i);
		metrics_event(m, &(struct tcpstat_event){ .type = TCPSTAT_EV_FINDING, .finding = { .id = id } });
	}
	free(metrics_text(m, &now, &len));
	cr_assert_leq(len, metrics_text_most(&options, 2), "%zu of %zu", len, metrics_text_most(&options, 2));
	cr_assert_geq(len, metrics_text_most(&options, 2) / 2, "not much more than needed is set aside");
	metrics_free(m);
}

Test(metrics, a_connection_counts_once_however_often_it_is_told)
{
	struct metrics *m = make(NULL);
	struct tcpstat_conn c = conn(1, 80, 10);

	tell(m, TCPSTAT_EV_PROGRESS, &c);
	cr_assert(has(m, "tcpstat_connection_packets_total{dir=\"c2s\"} 10"));
	c.half[0].packets = 25;
	tell(m, TCPSTAT_EV_PROGRESS, &c);
	c.half[0].packets = 30;
	tell(m, TCPSTAT_EV_CONNECTION, &c);
	cr_assert(has(m, "tcpstat_connection_packets_total{dir=\"c2s\"} 30"));
	cr_assert(has(m, "tcpstat_zero_window_seconds_total{dir=\"s2c\"} 0.000000000"), "unknown adds nothing");
	cr_assert(has(m, "tcpstat_handshakes_total{outcome=\"established\"} 1"));
	metrics_free(m);
}

Test(metrics, counters_do_not_fall)
{
	struct metrics *m = make(NULL);
	struct tcpstat_conn c = conn(1, 80, 10);

	c.half[0].retransmissions.by_cause[TCPSTAT_CAUSE_FAST] = 5;
	tell(m, TCPSTAT_EV_PROGRESS, &c);
	cr_assert(has(m, "tcpstat_retransmissions_total{dir=\"c2s\",cause=\"fast\"} 5"));
	c.half[0].retransmissions.by_cause[TCPSTAT_CAUSE_FAST] = 3;
	tell(m, TCPSTAT_EV_PROGRESS, &c);
	cr_assert(has(m, "tcpstat_retransmissions_total{dir=\"c2s\",cause=\"fast\"} 5"));
	c.half[0].retransmissions.by_cause[TCPSTAT_CAUSE_FAST] = 6;
	tell(m, TCPSTAT_EV_CONNECTION, &c);
	cr_assert(has(m, "tcpstat_retransmissions_total{dir=\"c2s\",cause=\"fast\"} 6"));
	metrics_free(m);
}

Test(metrics, labels_are_bounded)
{
	struct metrics *m = make("port");

	for (uint16_t port = 1; port <= 1000; port++) {
		struct tcpstat_conn c = conn(port, port, 1);

		tell(m, TCPSTAT_EV_CONNECTION, &c);
	}
	cr_assert(has(m, "tcpstat_connection_packets_total{port=\"64\",dir=\"c2s\"} 1"));
	cr_assert(has(m, "tcpstat_connection_packets_total{port=\"other\",dir=\"c2s\"} 936"));
	cr_assert_not(has(m, "tcpstat_connection_packets_total{port=\"65\",dir=\"c2s\"} 1"));
	metrics_free(m);
}

Test(metrics, a_scan_makes_no_labels)
{
	struct metrics *m = make("port");
	struct tcpstat_conn c = conn(1, 81, 1);

	c.handshake.outcome = TCPSTAT_HS_REFUSED;
	tell(m, TCPSTAT_EV_CONNECTION, &c);
	cr_assert(has(m, "tcpstat_connection_packets_total{port=\"other\",dir=\"c2s\"} 1"));
	metrics_free(m);
}

Test(metrics, by_network)
{
	struct metrics *m = make("client:198.51.100.0/24,192.0.2.0/28,2001:db8::/32");
	struct tcpstat_conn c = conn(1, 80, 7);

	tell(m, TCPSTAT_EV_CONNECTION, &c);
	cr_assert(has(m, "tcpstat_connection_packets_total{client=\"192.0.2.0/28\",dir=\"c2s\"} 7"));
	cr_assert(has(m, "tcpstat_connection_packets_total{client=\"other\",dir=\"c2s\"} 0"));
	metrics_free(m);
}

Test(metrics, many_that_go_on)
{
	struct metrics *m = make(NULL);

	for (uint32_t n = 1; n <= 70000; n++) {
		struct tcpstat_conn c = conn(n, 80, 2);

		tell(m, TCPSTAT_EV_PROGRESS, &c);
	}
	cr_assert(has(m, "tcpstat_connections_unsampled_total 4464"));
	cr_assert(has(m, "tcpstat_connection_packets_total{dir=\"c2s\"} 131072"));
	for (uint32_t n = 1; n <= 70000; n++) {
		struct tcpstat_conn c = conn(n, 80, 2);

		tell(m, TCPSTAT_EV_CONNECTION, &c);
	}
	cr_assert(has(m, "tcpstat_connection_packets_total{dir=\"c2s\"} 140000"));
	metrics_free(m);
}

Test(metrics, histogram)
{
	struct metrics *m = make(NULL);

	for (int64_t ms = 1; ms <= 3; ms++)
		metrics_event(m, &(struct tcpstat_event){ .type = TCPSTAT_EV_RTT, .dir = TCPSTAT_S2C,
			.rtt = { .sample_ns = ms * 1000000 } });
	cr_assert(has(m, "tcpstat_rtt_seconds_bucket{dir=\"s2c\",le=\"0.001\"} 1"));
	cr_assert(has(m, "tcpstat_rtt_seconds_bucket{dir=\"s2c\",le=\"0.0025\"} 2"));
	cr_assert(has(m, "tcpstat_rtt_seconds_bucket{dir=\"s2c\",le=\"+Inf\"} 3"));
	cr_assert(has(m, "tcpstat_rtt_seconds_sum{dir=\"s2c\"} 0.006000000"));
	metrics_free(m);
}

Test(metrics, what_is_no_label)
{
	static const char *const bad[] = { "", "ports", "port:", "port:0", "port:65536", "port:80,", "port:80x",
		"client", "client:", "client:192.0.2.0/33", "client:192.0.2/24", "server:2001:db8::/129", "server:x",
		"client:192.0.2.0/" };
	struct metrics_options options;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_not(metrics_parse_by(bad[i], &options), "%s", bad[i]);
}
