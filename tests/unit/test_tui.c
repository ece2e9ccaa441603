#include "screen.h"

Test(list, worst_first_and_any_other_way)
{
	struct tui *t = three();

	cr_assert_eq(list_selected(&t->list)->number, 2);
	keys(t, "j");
	cr_assert_eq(list_selected(&t->list)->number, 1);
	keys(t, "G");
	cr_assert_eq(list_selected(&t->list)->number, 3);
	keys(t, "r");
	cr_assert_eq(list_selected(&t->list)->number, 3, "the selection stays on its connection");
	keys(t, "g");
	cr_assert_eq(list_selected(&t->list)->number, 1, "least trouble first, then by number");
	tui_free(t);
}

Test(list, the_selection_stays_while_rows_come)
{
	struct tui *t = three();

	keys(t, "j");
	end(t, false, 9, 50);
	cr_assert_eq(list_selected(&t->list)->number, 1);
	cr_assert_eq(t->list.cursor, 2);
	tui_free(t);
}

Test(list, words_and_expressions_choose_rows_as_they_are_typed)
{
	struct tui *t = three();

	keys(t, "/retx>0");
	cr_assert_eq(t->list.n_shown, 1);
	keys(t, "\n");
	SHOWS(t, "/retx>0: 1 shown");
	cr_assert(tui_key(t, TK_ESC, 0, 0), "gives up the filter, not the screen");
	SHOWS(t, "192.0.2.1:40003");
	keys(t, "/:40003");
	list_update(&t->list);
	cr_assert_eq(t->list.n_shown, 1);
	tui_key(t, TK_ESC, 0, 0);
	list_update(&t->list);
	cr_assert_eq(t->list.n_shown, 3, "Esc takes back what was typed");
	keys(t, "/retx>>\n");
	SHOWS(t, "a value is missing");
	list_update(&t->list);
	cr_assert_eq(t->list.n_shown, 3, "an expression that is not finished chooses all");
	cr_assert(tui_key(t, TK_ESC, 0, 0));
	cr_assert_not(tui_key(t, 'q', 0, 0));
	tui_free(t);
}

Test(list, rows_are_bounded_and_trouble_stays)
{
	struct style style = { .utf8 = true };
	struct list l;
	uint32_t i;

	list_init(&l, &style);
	for (i = 1; i <= LIST_MAX_ROWS + 100; i++) {
		struct tcpstat_conn c = connection(i, i > LIST_MAX_ROWS && i % 2);
		struct tcpstat_event ev = { .type = TCPSTAT_EV_CONNECTION, .conn = i, .connection = &c };

		list_event(&l, &ev);
	}
	cr_assert_eq(l.n, LIST_MAX_ROWS);
	cr_assert_eq(l.unlisted, 100);
	cr_assert_not_null(list_find(&l, LIST_MAX_ROWS + 1));
	cr_assert_null(list_find(&l, LIST_MAX_ROWS + 2));
	list_update(&l);
	cr_assert_eq(l.n_shown, LIST_MAX_ROWS);
	cr_assert_eq(list_selected(&l)->conn.half[0].retransmissions.total, 1);
	list_fini(&l);
}

Test(flow, plain_packets_fold_and_events_are_found)
{
	struct tui *t = flow();

	SHOWS(t, "17 packets: \u2192 1.70 kB");
	SHOWS(t, "700:800 retransmission (timeout, after 200 ms)");
	cr_assert_eq(t->flow.n_lines, 4, "the first tells the states: %zu", t->flow.n_lines);
	keys(t, "n");
	cr_assert_eq(flow_row(&t->flow)->frame, 19);
	SHOWS(t, "cause: retransmission timeout: nothing acknowledged it for 200 ms");
	SHOWS(t, "first copy: packet 7, 12.0 ms before");
	keys(t, "n");
	SHOWS(t, "no further event");
	keys(t, "g ");
	cr_assert_eq(t->flow.n_lines, 4);
	keys(t, "j ");
	cr_assert_eq(t->flow.n_lines, 20, "%zu", t->flow.n_lines);
	keys(t, " ");
	cr_assert_eq(t->flow.n_lines, 4, "%zu", t->flow.n_lines);
	keys(t, "z");
	cr_assert_eq(t->flow.n_lines, 20);
	tui_free(t);
}

Test(flow, goes_to_packets_by_number_and_by_words)
{
	struct tui *t = flow();

	keys(t, ":12\n");
	cr_assert_eq(flow_row(&t->flow)->frame, 12);
	keys(t, ":999\n");
	cr_assert_eq(flow_row(&t->flow)->frame, 20, "the last");
	keys(t, "g/timeout\n");
	cr_assert_eq(flow_row(&t->flow)->frame, 19);
	keys(t, ":x\n");
	SHOWS(t, "not a number");
	tui_free(t);
}

Test(flow, the_graphs_show_the_packet_of_the_flow_graph)
{
	struct tui *t = flow();

	keys(t, "r3");
	SHOWS(t, "time-sequence, client to server");
	SHOWS(t, "#19  0.018000 s  client to server  700:800 ack 1 retransmission");
	keys(t, "h");
	SHOWS(t, "#18  0.017000 s");
	keys(t, "v");
	SHOWS(t, "sequence numbers, client to server");
	keys(t, "v");
	SHOWS(t, "round-trip time, client to server");
	keys(t, "vv");
	SHOWS(t, "throughput, client to server");
	keys(t, "d");
	SHOWS(t, "throughput, server to client");
	keys(t, "++++++++++++++++++++++++++++++----HL0");
	SHOWS(t, "throughput");
	tui_free(t);
}

Test(flow, a_long_connection_comes_in_pages)
{
	struct tui *t = three();
	uint64_t i;

	keys(t, "\n");
	tui_load_begin(t);
	for (i = 1; i <= STORY_ROWS + 50; i++)
		segment(t, true, 2, i, TCPSTAT_C2S, (int64_t)i, 1, 1);
	end(t, true, 2, 0);
	tui_load_end(t, NULL);
	cr_assert_eq(t->story.rows.n, STORY_ROWS);
	cr_assert_eq(t->story.rows.unseen, 50);
	keys(t, "]");
	cr_assert_not(tui_load_done(t));
	cr_assert_eq(t->story.rows.skip, STORY_ROWS);
	tui_load_begin(t);
	for (i = 1; i <= STORY_ROWS + 50; i++)
		segment(t, true, 2, i, TCPSTAT_C2S, (int64_t)i, 1, 1);
	end(t, true, 2, 0);
	tui_load_end(t, NULL);
	cr_assert_eq(t->story.rows.n, 50);
	cr_assert_eq(t->story.rows.row[0].frame, STORY_ROWS + 1);
	keys(t, "]");
	SHOWS(t, "there are no more packets");
	keys(t, "[");
	cr_assert_eq(t->story.rows.until, STORY_ROWS);
	tui_free(t);
}

Test(live, the_last_packets_of_a_connection_are_there)
{
	struct tcpstat_conn c = connection(1, 0);
	struct tcpstat_event now = { .type = TCPSTAT_EV_PROGRESS, .conn = 1, .connection = &c };
	struct tui *t = screen(true);
	uint64_t i;

	for (i = 1; i <= 2 * TUI_RING; i++)
		segment(t, false, 1 + i % 2, i, TCPSTAT_C2S, (int64_t)i, 1, 1);
	tui_event(t, &now);
	keys(t, "\n");
	cr_assert_eq(t->story.conn, 1);
	cr_assert_eq(t->story.rows.n, TUI_RING / 2);
	cr_assert(t->flow.follow);
	segment(t, false, 1, i, TCPSTAT_C2S, (int64_t)i, 1, 1);
	SHOWS(t, "192.0.2.1:40001");
	cr_assert_eq(flow_row(&t->flow)->frame, i, "the cursor stays on the newest");
	keys(t, "k");
	segment(t, false, 1, i + 1, TCPSTAT_C2S, (int64_t)i, 1, 1);
	SHOWS(t, "192.0.2.1:40001");
	cr_assert_lt(flow_row(&t->flow)->frame, i + 1);
	for (i += 2; i <= 4 * TUI_RING; i++)
		segment(t, false, 1, i, TCPSTAT_C2S, (int64_t)i, 1, 1);
	cr_assert_leq(t->story.rows.n, STORY_LIVE_ROWS);
	cr_assert_eq(t->story.rows.row[t->story.rows.n - 1].frame, i - 1);
	SHOWS(t, "192.0.2.1:40001");
	tui_free(t);
}

Test(live, held_lists_stand_still)
{
	struct tcpstat_conn c = connection(1, 0);
	struct tcpstat_event now = { .type = TCPSTAT_EV_PROGRESS, .conn = 1, .connection = &c };
	struct tui *t = screen(true);

	tui_event(t, &now);
	SHOWS(t, "1.00 kB");
	keys(t, "p");
	c.half[1].payload_bytes = 77000;
	tui_event(t, &now);
	SHOWS(t, "held");
	HIDES(t, "77.0 kB");
	keys(t, "p");
	tui_event(t, &now);
	SHOWS(t, "77.0 kB");
	tui_free(t);
}

Test(stream, both_directions_gaps_and_search)
{
	struct tui *t = three();
	struct tcpstat_event gap = { .type = TCPSTAT_EV_GAP, .dir = TCPSTAT_S2C, .conn = 2 };

	keys(t, "4");
	SHOWS(t, "waiting for the end of the input");
	tui_load_begin(t);
	SHOWS(t, "reading");
	tui_load_bytes(t, 2, TCPSTAT_C2S, 0, (const uint8_t *)"GET /\r\n", 7);
	tui_load_bytes(t, 2, TCPSTAT_S2C, 0, (const uint8_t *)"one\n\033[31mtwo\n", 13);
	gap.gap = (struct tcpstat_ev_gap){ .offset = 13, .len = 5, .why = TCPSTAT_GAP_LOST };
	tui_load_event(t, &gap);
	tui_load_bytes(t, 1, TCPSTAT_S2C, 18, (const uint8_t *)"other", 5);
	end(t, true, 2, 0);
	tui_load_end(t, NULL);
	SHOWS(t, "--- client -> server\nGET /\n--- server -> client\none\n.[31mtwo\n[gap: 5 bytes missing: lost]");
	HIDES(t, "other");
	keys(t, "d");
	HIDES(t, "two");
	keys(t, "ddx");
	SHOWS(t, "00000000  6f 6e 65 0a 1b 5b 33 31  6d 74 77 6f 0a           |one..[31mtwo.|");
	keys(t, "x/TWO\n");
	cr_assert_eq(t->stream.found, 16);
	cr_assert_eq(t->stream.found_len, 3);
	keys(t, "/nowhere\n");
	SHOWS(t, "not found");
	tui_free(t);
}

Test(findings, enter_goes_to_the_evidence)
{
	static const uint64_t frames[] = { 19, 20 };
	struct tcpstat_event ev = { .type = TCPSTAT_EV_FINDING, .conn = 2, .finding = { .id = "timeout",
		.severity = TCPSTAT_SEVERITY_PROBLEM, .title = "1 timeout\033[2J", .detail = "cost time",
			.advice = "look", .man = "timeout",
		.frames = frames, .n_frames = 2, .cost_ns = 200 * MS } };
	struct tui *t = flow();

	tui_event(t, &ev);
	ev.finding.severity = TCPSTAT_SEVERITY_INFO;
	ev.finding.title = "a remark";
	tui_event(t, &ev);
	keys(t, "15");
	SHOWS(t, "problem        2    200 ms  1 timeout\u00b7[2J\ninfo           2    200 ms  a remark");
	SHOWS(t, "packets   19, 20");
	SHOWS(t, "tcpstat-troubleshooting(7), timeout");
	keys(t, "\n");
	cr_assert_eq(t->view, VIEW_FLOW);
	cr_assert_eq(flow_row(&t->flow)->frame, 19);
	keys(t, "f");
	cr_assert_eq(flow_row(&t->flow)->frame, 20);
	keys(t, "f");
	SHOWS(t, "no further packet that a finding rests on");
	tui_free(t);
}

Test(findings, live_the_last_word_takes_the_place_of_what_was_told_before)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_FINDING, .finding = { .id = "syn-flood",
		.severity = TCPSTAT_SEVERITY_PROBLEM, .title = "10.0.0.1:80 is flooded: 100", .advice = "look",
		.man = "syn-flood", .cost_ns = TCPSTAT_NULL, .about = "10.0.0.1:80", .ongoing = true } };
	struct tui *t = flow();
	size_t before = t->findings.n;

	tui_event(t, &ev);
	keys(t, "15");
	SHOWS(t, "10.0.0.1:80 is flooded: 100");
	ev.finding.ongoing = false;
	ev.finding.title = "10.0.0.1:80 is flooded: 900";
	tui_event(t, &ev);
	SHOWS(t, "10.0.0.1:80 is flooded: 900");
	cr_assert_eq(t->findings.n, before + 1);
	tui_free(t);
}

Test(keys, any_key_in_any_view_at_any_size)
{
	static const int sizes[][2] = { { 1, 1 }, { 3, 2 }, { 20, 5 }, { 80, 24 }, { 500, 100 } };
	struct tui *all[] = { screen(false), screen(true), three(), flow() };
	unsigned seed = 1;
	size_t i, k;
	int n;

	for (i = 0; i < 4; i++) {
		for (n = 0; n < 4000; n++) {
			int code;

			seed = seed * 1103515245u + 12345u;
			code = seed >> 16 & 1 ? 32 + (int)(seed >> 17) % 95 : TK_UP + (int)(seed >> 17) % 17;
			code = (seed >> 20) % 40 ? code : (seed >> 26) & 1 ? '\n' : TK_ESC;
			/* Nothing is to be written here. */
			if (code != 'w' || all[i]->prompt)
				tui_key(all[i], code, (int)(seed >> 8) % 30, (int)(seed >> 9) % 90);
			k = (seed >> 12) % 5;
			shown(all[i], sizes[k][0], sizes[k][1]);
		}
		tui_free(all[i]);
	}
}

Test(keys, the_help_has_every_key)
{
	struct tui *t = three();
	size_t i;

	keys(t, "?");
	shown(t, 200, 30);
	for (i = 0; i < n_key_rows; i++) {
		size_t line;
		bool found = false;

		for (line = 0; line < t->help.n; line++)
			found |= strstr(t->help.text + t->help.line[line].at, key_rows[i].help) &&
				strstr(t->help.text + t->help.line[line].at, key_rows[i].names);
		cr_assert(found, "%s", key_rows[i].help);
	}
	keys(t, "q");
	cr_assert_eq(t->view, VIEW_LIST);
	tui_free(t);
}
