/* Filter expressions over the fields of a connection: `retx > 0 and (rtt_ms > 50 or client = 192.0.2.10)`.
 *
 *     or-expression:   and { or and }          also ||
 *     and-expression:  not { and not }         also &&
 *     not:             [not] ( expression )    also !
 *                      field                   known, and neither 0 nor ""
 *                      field operator value    = == != < <= > >= ~ (contains)
 *
 * Fields are those of field.h. A value is a number (with k M G, us ms s or % behind it), a word, or a text in
 * quotes; text is compared without regard to case. A comparison with what is not known is false. */
#ifndef SINK_TUI_FILTER_H
#define SINK_TUI_FILTER_H

#include "sink/tui/field.h"

enum { FILTER_MAX_NODES = 64, FILTER_ERROR = 96 };

enum filter_op {
	FILTER_OR, FILTER_AND, FILTER_NOT, FILTER_KNOWN, FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT,
		FILTER_GE,
	FILTER_CONTAINS
};

struct filter_node {
	enum filter_op op;
	uint8_t left, right;            /* places of nodes, of or, and, not */
	struct field field;
	bool has_number;
	double number;
	char text[64];
};

struct filter {
	struct filter_node node[FILTER_MAX_NODES];
	unsigned n, root;
};

/* 0; or -1: `error` says what is wrong. */
int filter_parse(struct filter *, const char *text, char error[FILTER_ERROR]);
bool filter_matches(const struct filter *, const struct tcpstat_conn *);

#endif
