/* What the views show, and jumps that turn pages. */
#include "screen.h"

static void finding(struct tui *t, const char *id, enum tcpstat_severity severity, uint64_t frame)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_FINDING, .conn = 2, .finding = { .id = id, .severity = severity,
		.title = "it went wrong", .advice = "look there", .man = id, .rule = "so it is", .cost_ns = 5 * MS,
		.frames = &frame, .n_frames = 1 } };

	tui_event(t, &ev);
}

static void measure(struct tui *t, enum tcpstat_dir dir, bool rtt, uint64_t frame, int64_t value)
{
	struct tcpstat_event ev = { .type = rtt ? TCPSTAT_EV_RTT : TCPSTAT_EV_SENDER, .dir = dir, .conn = 2,
		.frame = frame, .ts_ns = start + (int64_t)frame * MS };

	if (rtt)
		ev.rtt = (struct tcpstat_ev_rtt){ .sample_ns = value, .srtt_ns = value, .rto_ns = 20 * value };
	else
		ev.sender = (struct tcpstat_ev_sender){ .flight_bytes = value, .rwnd_bytes = 2 * value,
			.cwnd_bytes = value, .ssthresh_bytes = TCPSTAT_NULL };
	tui_load_event(t, &ev);
}

/* All that is wished for of connection 2: `n` packets, some of them repeated. */
static void load(struct tui *t, uint64_t n, uint64_t first_again, uint64_t last_again)
{
	uint64_t i;

	cr_assert_not(tui_load_done(t));
	tui_load_begin(t);
	for (i = 1; i <= n; i++) {
		if (i == first_again || i == last_again)
			retransmission(t, true, 2, i, i - 1);
		segment(t, true, 2, i, TCPSTAT_C2S, (int64_t)i, 1, 1);
		measure(t, TCPSTAT_C2S, false, i, 1000);
	}
	end(t, true, 2, 5);
	tui_load_end(t, NULL);
	while (tui_work(t))
		;
}

static const char *line(struct tui *t, int width, int height, int y)
{
	static char text[4096];
	const char *at = shown(t, width, height);

	while (y--)
		at = strchr(at, '\n') + 1;
	snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "\n"), at);
	return text;
}

/* --- connections ---------------------------------------------------------------------------------------------- */

Test(list, a_click_on_a_title_sorts)
{
	struct tui *t = three();
	const char *titles = line(t, 100, 30, 1);
	int down = (int)(strstr(titles, "down") - titles);

	keys(t, "g");
	tui_key(t, TK_CLICK, 1, down);
	cr_assert_eq(list_selected(&t->list)->number, 2, "the selection stays");
	keys(t, "g");
	cr_assert_eq(list_selected(&t->list)->number, 3, "most first");
	cr_assert_not_null(strstr(line(t, 100, 30, 1), "down\u25bc"));
	tui_key(t, TK_CLICK, 1, down);
	keys(t, "g");
	cr_assert_eq(list_selected(&t->list)->number, 1, "a second click turns it round");
	line(t, 250, 30, 1);
	tui_key(t, TK_CLICK, 1, 249);
	cr_assert_not_null(strstr(line(t, 100, 30, 1), "down\u25b2"), "behind the last title nothing happens");
	tui_free(t);
}

Test(list, the_column_that_sorts_is_always_there)
{
	struct tui *t = three();
	int i;

	cr_assert_null(strstr(line(t, 80, 24, 1), "limited by"));
	for (i = 0; i < LIST_COLUMNS; i++) {
		keys(t, ">");
		cr_assert(strstr(line(t, 80, 24, 1), "\u25bc") || strstr(line(t, 80, 24, 1), "\u25b2"), "%s",
			line(t, 80, 24, 1));
	}
	tui_free(t);
}

Test(list, of_long_addresses_the_port_stays)
{
	static const uint8_t address[16] = { 0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	struct tui *t = screen(false);
	struct tcpstat_conn c = connection(1, 0);
	struct tcpstat_event ev = { .type = TCPSTAT_EV_CONNECTION, .conn = 1, .connection = &c };
	int i;

	for (i = 0; i < 2; i++) {
		c.addr[i].family = 6;
		memcpy(c.addr[i].bytes, address, 16);
	}
	tui_event(t, &ev);
	cr_assert_not_null(strstr(line(t, 200, 24, 2), "[2001:db8:102:304:506:708:90a:b0c]:40001"));
	cr_assert_not_null(strstr(line(t, 80, 24, 2), "\u2026"));
	cr_assert_not_null(strstr(line(t, 80, 24, 2), "]:40001"));
	cr_assert_not_null(strstr(line(t, 80, 24, 2), "c]:80"));
	cr_assert_leq(format_columns(line(t, 80, 24, 2)), 80);
	tui_free(t);
}

Test(list, the_name_that_was_looked_up_is_kept)
{
	struct tui *t = screen(false);
	struct tcpstat_conn c = connection(1, 0);
	struct tcpstat_event ev = { .type = TCPSTAT_EV_CONNECTION, .conn = 1, .connection = &c };
	char name[] = "www.example.org";

	c.latency.dns.name = name;
	tui_event(t, &ev);
	keys(t, "\n");
	tui_load_begin(t);
	tui_load_event(t, &ev);
	memset(name, '#', sizeof name - 1);
	tui_load_end(t, NULL);
	keys(t, "1/dns.name~example\n");
	cr_assert_eq(t->list.n_shown, 1);
	cr_assert_str_eq(t->story.record.latency.dns.name, "www.example.org");
	tui_free(t);
}

Test(list, words_are_those_of_the_row)
{
	static const struct { const char *words; uint32_t n; } tries[] = {
		{ "192.0.2.1:40002", 1 }, { "Established", 3 }, { "TIMEOUT", 0 }, { "nowhere", 0 }, { ":80", 3 },
		{ "timeout", 1 },
	};
	struct tui *t = three();
	size_t i;

	for (i = 0; i < sizeof tries / sizeof *tries; i++) {
		/* Only the last finds it: a finding that came meanwhile. */
		if (i == sizeof tries / sizeof *tries - 1)
			finding(t, "timeout", TCPSTAT_SEVERITY_PROBLEM, 7);
		keys(t, "/\025");
		keys(t, tries[i].words);
		list_update(&t->list);
		cr_assert_eq(t->list.n_shown, tries[i].n, "%s: %u", tries[i].words, t->list.n_shown);
		keys(t, "\n");
	}
	SHOWS(t, "timeout");
	keys(t, "/\025zzz\n");
	SHOWS(t, "no connection matches: Esc gives up the filter");
	tui_free(t);
}

/* --- pages ---------------------------------------------------------------------------------------------------- */

enum { LONG = 2 * STORY_ROWS + STORY_ROWS / 2 };

static struct tui *long_one(void)
{
	struct tui *t = three();

	keys(t, "\n");
	load(t, LONG, 1000, LONG - 1000);
	cr_assert_eq(t->story.rows.n, STORY_ROWS);
	return t;
}

Test(pages, a_number_is_found_on_its_page)
{
	struct tui *t = long_one();

	keys(t, ":450000\n");
	load(t, LONG, 1000, LONG - 1000);
	cr_assert_eq(flow_row(&t->flow)->frame, 450000);
	cr_assert_leq(t->story.rows.n, STORY_ROWS);
	cr_assert_geq(t->story.sample[0].frame, t->story.rows.row[0].frame, "samples are those of the page");
	cr_assert_eq(story_sample_at(&t->story, 450000, 0, false)->frame, 450000);
	cr_assert_null(story_sample_at(&t->story, 450000, 1, false));
	keys(t, ":450001\n");
	cr_assert(tui_load_done(t), "it is on this page");
	cr_assert_eq(flow_row(&t->flow)->frame, 450001);
	keys(t, "G");
	cr_assert(tui_load_done(t));
	cr_assert_eq(flow_row(&t->flow)->frame, LONG);
	keys(t, "g");
	load(t, LONG, 1000, LONG - 1000);
	cr_assert_eq(flow_row(&t->flow)->frame, 1);
	keys(t, "G");
	load(t, LONG, 1000, LONG - 1000);
	cr_assert_eq(flow_row(&t->flow)->frame, LONG);
	tui_free(t);
}

Test(pages, a_search_goes_on_through_them)
{
	struct tui *t = long_one();

	keys(t, "r");
	cr_assert_eq(flow_row(&t->flow)->frame, 1000);
	keys(t, "r");
	while (tui_work(t))
		;
	load(t, LONG, 1000, LONG - 1000);
	load(t, LONG, 1000, LONG - 1000);
	cr_assert(tui_load_done(t));
	cr_assert_eq(flow_row(&t->flow)->frame, LONG - 1000);
	keys(t, "R");
	while (tui_work(t))
		;
	while (!tui_load_done(t))
		load(t, LONG, 1000, LONG - 1000);
	cr_assert_eq(flow_row(&t->flow)->frame, 1000);
	/* Where there is nothing, back to where it began. */
	keys(t, "G");
	load(t, LONG, 1000, LONG - 1000);
	keys(t, ":499500\n/no such words\n");
	while (tui_work(t))
		;
	SHOWS(t, "no further match");
	cr_assert_eq(flow_row(&t->flow)->frame, 499500);
	keys(t, "\033g");
	load(t, LONG, 1000, LONG - 1000);
	keys(t, ":20\n/no such words\n");
	while (tui_work(t))
		;
	while (!tui_load_done(t))
		load(t, LONG, 1000, LONG - 1000);
	SHOWS(t, "no further match");
	cr_assert_eq(flow_row(&t->flow)->frame, 20);
	tui_free(t);
}

Test(pages, any_key_ends_a_search)
{
	struct tui *t = long_one();

	keys(t, "/zzzz\n");
	cr_assert(t->seek.on);
	keys(t, "j");
	cr_assert_not(t->seek.on);
	cr_assert_not(tui_work(t));
	tui_free(t);
}

Test(pages, evidence_may_be_far)
{
	struct tui *t = three();

	finding(t, "timeout", TCPSTAT_SEVERITY_PROBLEM, LONG - 1000);
	keys(t, "5\n");
	load(t, LONG, 1000, LONG - 1000);
	cr_assert_eq(t->view, VIEW_FLOW);
	cr_assert_eq(flow_row(&t->flow)->frame, LONG - 1000);
	SHOWS(t, "problem: it went wrong (timeout)");
	SHOWS(t, "499000!");
	keys(t, "q");
	cr_assert_eq(t->view, VIEW_FINDINGS, "back to where it came from");
	keys(t, "q");
	cr_assert_eq(t->view, VIEW_LIST);
	/* And while another page is being read. */
	keys(t, "\ng5\n");
	load(t, LONG, 1000, LONG - 1000);
	cr_assert_eq(flow_row(&t->flow)->frame, LONG - 1000);
	tui_free(t);
}

/* --- what is known of a packet, and of the connection --------------------------------------------------------- */

Test(evidence, holes_between_what_was_reported)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_SEGMENT, .dir = TCPSTAT_S2C, .conn = 2, .frame = 1,
		.ts_ns = start };
	struct tui *t = three();

	ev.segment = (struct tcpstat_ev_segment){ .flags = TH_ACK, .ack = 7001, .ack_rel = 1001, .seq_rel = 1,
		.wnd_bytes = 100, .n_sack = 2, .sack = { { 9001, 9501 }, { 7501, 8001 } },
		.state = { TCPSTAT_EP_ESTABLISHED, TCPSTAT_EP_ESTABLISHED } };
	keys(t, "\n");
	tui_load_begin(t);
	tui_load_event(t, &ev);
	end(t, true, 2, 5);
	tui_load_end(t, NULL);
	SHOWS(t, "missing  1001:1501 (500)  2001:3001 (1000)");
	tui_free(t);
}

Test(detail, has_the_findings)
{
	struct tui *t = three();

	finding(t, "timeout", TCPSTAT_SEVERITY_PROBLEM, 19);
	finding(t, "timeout", TCPSTAT_SEVERITY_PROBLEM, 19);
	keys(t, "6");
	load(t, 20, 19, 0);
	SHOWS(t, "problem: #2 it went wrong (packet 19)");
	HIDES(t, "Nothing wrong found");
	cr_assert_eq(t->chosen.n, 1, "once");
	keys(t, "1j6");
	load(t, 1, 0, 0);
	tui_free(t);
}

Test(findings, the_gravest_is_selected_until_another_is)
{
	struct tui *t = three();

	finding(t, "idle-restart", TCPSTAT_SEVERITY_INFO, 1);
	finding(t, "timeout", TCPSTAT_SEVERITY_PROBLEM, 2);
	cr_assert_str_eq(findings_selected(&t->findings)->id, "timeout");
	keys(t, "5");
	SHOWS(t, "because   so it is");
	SHOWS(t, "conn      2  192.0.2.1:40002 \u2192 192.0.2.2:80");
	keys(t, "j");
	finding(t, "zero-window", TCPSTAT_SEVERITY_PROBLEM, 3);
	cr_assert_str_eq(findings_selected(&t->findings)->id, "idle-restart", "it stays where the user went");
	tui_free(t);
}

/* --- the stream ----------------------------------------------------------------------------------------------- */

static struct tui *carried(const char *const *parts, size_t n)
{
	struct tui *t = three();
	uint64_t offset[2] = { 0 };
	size_t i;

	keys(t, "4");
	tui_load_begin(t);
	for (i = 0; i < n; i++) {
		size_t len = strlen(parts[i]);

		tui_load_bytes(t, 2, (enum tcpstat_dir)(i % 2), offset[i % 2], (const uint8_t *)parts[i], len);
		offset[i % 2] += len;
	}
	end(t, true, 2, 0);
	tui_load_end(t, NULL);
	return t;
}

Test(stream, long_lines_go_on_below)
{
	static const char *const parts[] = { "GET /a-long-name-that-does-not-fit HTTP/1.1\r\n",
		"a\tb\rc\n\n\xc3\xa9\xff" };
	struct tui *t = carried(parts, 2);

	cr_assert_str_eq(line(t, 20, 24, 2), "GET /a-long-name-tha");
	cr_assert_str_eq(line(t, 20, 24, 3), "t-does-not-fit HTTP/");
	cr_assert_str_eq(line(t, 20, 24, 4), "1.1");
	cr_assert_str_eq(line(t, 20, 24, 5), "--- server -> client");
	cr_assert_str_eq(line(t, 20, 24, 6), "a       b.c");
	cr_assert_str_eq(line(t, 20, 24, 7), "");
	cr_assert_str_eq(line(t, 20, 24, 8), "\u00e9\\xff");
	cr_assert_str_eq(line(t, 80, 24, 2), "GET /a-long-name-that-does-not-fit HTTP/1.1");
	tui_free(t);
}

Test(stream, what_was_carried_does_not_speak_for_others)
{
	static const char *const parts[] = { "--- server -> client\n[gap: 5 bytes missing: lost]\n" };
	struct tui *t = carried(parts, 1);
	struct canvas c;

	cr_assert(canvas_init(&c, 80, 24, true));
	tui_draw(t, &c);
	cr_assert_eq(c.cell[1 * 80].paint, TINT_RED | PAINT_STRONG);
	cr_assert_eq(c.cell[2 * 80].paint, TINT_RED);
	cr_assert_eq(c.cell[3 * 80].paint, TINT_RED);
	canvas_fini(&c);
	keys(t, "n");
	SHOWS(t, "no further gap");
	tui_free(t);
}

Test(stream, bytes_are_searched_in_a_dump)
{
	static const char *const parts[] = { "\x16\x03\x01zz16 03", "\x16\x03\x02" };
	struct tui *t = carried(parts, 2);

	keys(t, "x/16 03 02\n");
	cr_assert_eq(t->stream.found, 10);
	cr_assert_eq(t->stream.found_len, 3);
	keys(t, "/\02516 03\n");
	cr_assert_eq(t->stream.found, 0);
	keys(t, "n");
	cr_assert_eq(t->stream.found, 10);
	keys(t, "n");
	SHOWS(t, "no further match");
	keys(t, "N");
	cr_assert_eq(t->stream.found, 0);
	keys(t, "x/\02516 03\n");
	cr_assert_eq(t->stream.found, 5, "as text it is text");
	keys(t, "\033d");
	SHOWS(t, "client to server");
	cr_assert_eq(t->stream.found, SIZE_MAX, "Esc gives up the search");
	tui_free(t);
}

Test(stream, is_bounded)
{
	struct tui *t = three();
	static uint8_t bytes[1 << 16];
	uint64_t at;

	memset(bytes, '\n', sizeof bytes);
	keys(t, "4");
	tui_load_begin(t);
	for (at = 0; at < STORY_BYTES + (1 << 20); at += sizeof bytes)
		tui_load_bytes(t, 2, TCPSTAT_C2S, at, bytes, sizeof bytes);
	end(t, true, 2, 0);
	tui_load_end(t, NULL);
	cr_assert_eq(t->story.n_bytes, STORY_BYTES);
	cr_assert_eq(t->story.bytes_unseen, 1 << 20);
	keys(t, "G");
	SHOWS(t, "more lines than are shown: --follow 2 writes all of them");
	cr_assert_eq(t->stream.n, STREAM_LINES);
	keys(t, "xG");
	SHOWS(t, "1048576 more bytes are not shown: --follow 2 writes all of them");
	tui_free(t);
}

/* --- graphs --------------------------------------------------------------------------------------------------- */

Test(graphs, scales_are_round_and_far_values_are_both_read)
{
	struct tui *t = three();
	uint64_t i;

	keys(t, "3");
	tui_load_begin(t);
	for (i = 1; i <= 100; i++) {
		segment(t, true, 2, i, TCPSTAT_C2S, (int64_t)i * 1000, 1000, 1);
		measure(t, TCPSTAT_C2S, true, i, 10 * MS);
		measure(t, TCPSTAT_C2S, false, i, (int64_t)i * 1000);
	}
	end(t, true, 2, 5);
	tui_load_end(t, NULL);
	SHOWS(t, "20,000 \u2524");
	SHOWS(t, "0.04 s");
	keys(t, "v");
	SHOWS(t, "sequence numbers, client to server");
	SHOWS(t, "20,000 \u2524");
	keys(t, "v");
	SHOWS(t, "10.0 ms \u2524");
	SHOWS(t, "100 ms \u2524");
	keys(t, "v");
	SHOWS(t, "50.0 kB \u2524");
	SHOWS(t, "200 kB \u2524");
	keys(t, "d");
	SHOWS(t, "nothing to draw here: no data in this direction");
	cr_assert_not_null(strstr(shown(t, 20, 5), "no room for a graph"));
	/* Another connection is shown the same way. */
	keys(t, "1j3");
	cr_assert_eq(t->plot.kind, PLOT_WINDOW);
	tui_free(t);
}

/* --- small screens, and what stands around -------------------------------------------------------------------- */

Test(frame, every_view_says_how_to_leave_it)
{
	struct tui *t = flow();
	const char *views = "123456?";

	for (; *views; views++) {
		keys(t, (char[]){ *views, '\0' });
		cr_assert_not_null(strstr(line(t, 80, 24, 23), "? help  q "), "view %c: %s", *views,
			line(t, 80, 24, 23));
		cr_assert_leq(format_columns(line(t, 80, 24, 23)), 80);
		shown(t, 20, 5);
		cr_assert_leq(format_columns(line(t, 20, 5, 0)), 20);
	}
	tui_free(t);
}

Test(frame, a_click_on_a_name_shows_the_view_at_any_width)
{
	static const int widths[] = { 120, 80, 40 };
	struct tui *t = flow();
	size_t i;
	int view;

	for (i = 0; i < sizeof widths / sizeof *widths; i++)
		for (view = VIEW_LIST; view < VIEW_HELP; view++) {
			char number[] = { ' ', (char)('1' + view), '\0' };
			const char *bar = line(t, widths[i], 24, 0), *at = strstr(bar, number);

			cr_assert_not_null(at, "%s", bar);
			tui_key(t, TK_CLICK, 0, (int)(at - bar) + 1);
			cr_assert_eq(t->view, view, "%d at %d", view, widths[i]);
		}
	tui_free(t);
}

Test(frame, narrow_flow_graphs_have_packets)
{
	struct tui *t = flow();

	keys(t, "n");
	cr_assert_not_null(strstr(shown(t, 20, 5), "19"));
	cr_assert_not_null(strstr(shown(t, 20, 5), "700:8"));
	cr_assert_not_null(strstr(shown(t, 50, 12), "700:800"));
	cr_assert_not_null(strstr(shown(t, 200, 12), "flight     cwnd     rwnd"));
	tui_free(t);
}
