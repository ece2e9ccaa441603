#include "sink/tui/canvas.h"
#include "sink/tui/graph.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *written(const struct canvas *c)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	cr_assert_eq(canvas_write(c, out), 0);
	fclose(out);
	return text;
}

static void expect(const struct canvas *c, const char *text)
{
	char *got = written(c);

	cr_assert_str_eq(got, text);
	free(got);
}

Test(canvas, text_is_cut_at_its_width_and_at_the_edge)
{
	struct canvas c;

	cr_assert(canvas_init(&c, 10, 3, true));
	cr_assert_eq(canvas_text(&c, 0, 2, 4, 0, "abcdefgh"), 4);
	cr_assert_eq(canvas_text(&c, 1, 8, 20, TINT_RED, "xyz\u2500"), 4);
	canvas_text(&c, 7, 0, 4, 0, "below");
	canvas_text(&c, -1, 0, 4, 0, "above");
	canvas_right(&c, 2, 0, 5, 0, "12");
	expect(&c, "  abcd\n        xy\n   12\n");
	cr_assert_eq(c.cell[1 * 10 + 8].paint, TINT_RED);
	canvas_fini(&c);
}

Test(canvas, nothing_that_acts_on_a_terminal_gets_through)
{
	struct canvas c;

	canvas_init(&c, 30, 1, true);
	canvas_text(&c, 0, 0, 30, 0, "a\033[2J\007\x7f\xc2\x9b" "b\u202ec\u200bd\u4e2de\xff" "f\xc3");
	expect(&c, "a\u00b7[2J\u00b7\u00b7\u00b7b\u00b7c\u00b7d\u00b7e\u00b7f\u00b7\n");
	canvas_fini(&c);
	canvas_init(&c, 10, 1, false);
	canvas_text(&c, 0, 0, 10, 0, "\u00b5s \u2500");
	expect(&c, "?s ?\n");
	canvas_fini(&c);
}

Test(canvas, words_are_wrapped)
{
	struct canvas c;

	canvas_init(&c, 12, 4, true);
	cr_assert_eq(canvas_words(&c, 0, 3, 0, "hd  ", "one two three four five six"), 3);
	expect(&c, "hd  one two\n    three\n    four\n\n");
	canvas_fini(&c);
}

Test(graph, dots_of_braille)
{
	struct canvas c;
	struct graph g;

	canvas_init(&c, 3, 2, true);
	cr_assert(graph_init(&g, 3, 2));
	graph_dot(&g, 0, 0, TINT_NONE);
	graph_dot(&g, 1, 7, TINT_NONE);
	graph_line(&g, 2, 0, 5, 0, TINT_CYAN);
	graph_line(&g, 4, 4, 4, 7, TINT_RED);
	graph_draw(&g, &c, 0, 0);
	expect(&c, "\u2808 \u2847\n\u2840\u28c0\u28c0\n");
	cr_assert_eq(c.cell[2].paint, TINT_RED);
	graph_fini(&g);
	canvas_fini(&c);
}

Test(graph, of_two_colours_the_worse_stays)
{
	struct graph g;

	graph_init(&g, 1, 1);
	graph_dot(&g, 0, 0, TINT_RED);
	graph_dot(&g, 1, 1, TINT_NONE);
	cr_assert_eq(g.tint[0], TINT_RED);
	graph_dot(&g, 1, 1, TINT_DIM);
	cr_assert_eq(g.tint[0], TINT_RED);
	graph_fini(&g);
}

Test(graph, what_lies_outside_costs_nothing)
{
	struct canvas c;
	struct graph g;

	canvas_init(&c, 2, 1, false);
	graph_init(&g, 2, 1);
	graph_dot(&g, -1, 0, TINT_NONE);
	graph_dot(&g, 4, 0, TINT_NONE);
	graph_dot(&g, 0, 4, TINT_NONE);
	graph_line(&g, INT64_MIN / 4, -9, INT64_MAX / 4, -9, TINT_NONE);
	graph_draw(&g, &c, 0, 0);
	expect(&c, "\n");
	graph_line(&g, INT64_MIN / 4, 0, INT64_MAX / 4, 0, TINT_NONE);
	graph_draw(&g, &c, 0, 0);
	expect(&c, "..\n");
	graph_fini(&g);
	canvas_fini(&c);
}
