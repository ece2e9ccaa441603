#include "sink/tui/filter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 32 };

struct parser {
	struct filter *filter;
	const char *at;
	char *error;
	unsigned depth;
};

static int parse_or(struct parser *p);

static int fail(struct parser *p, const char *what, const char *word, size_t len)
{
	if (!*p->error)
		snprintf(p->error, FILTER_ERROR, "%s%s%.*s%s", what, len ? " '" : "", (int)(len < 40 ? len : 40),
			word,
			len ? "'" : "");
	return -1;
}

static int add(struct parser *p, enum filter_op op, int left, int right)
{
	struct filter *f = p->filter;

	if (left < 0 || right < 0)
		return -1;
	if (f->n == FILTER_MAX_NODES)
		return fail(p, "the expression is too long", "", 0);
	f->node[f->n] = (struct filter_node){ .op = op, .left = (uint8_t)left, .right = (uint8_t)right };
	return (int)f->n++;
}

static void skip(struct parser *p)
{
	p->at += strspn(p->at, " \t");
}

/* A word ends where an operator or a blank begins. */
static size_t word(const struct parser *p)
{
	return strcspn(p->at, " \t()=!<>~&|\"'");
}

static bool accept(struct parser *p, const char *name, const char *sign)
{
	size_t len = strlen(name);

	skip(p);
	if (!strncmp(p->at, sign, strlen(sign)) && !(*sign == '!' && (p->at[1] == '=' || p->at[1] == '~'))) {
		p->at += strlen(sign);
		return true;
	}
	if (word(p) != len || strncasecmp(p->at, name, len))
		return false;
	p->at += len;
	return true;
}

static int parse_value(struct parser *p, struct filter_node *node)
{
	static const struct { const char *suffix; double factor; } units[] = {
		{ "", 1 }, { "k", 1e3 }, { "M", 1e6 }, { "G", 1e9 }, { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 },
			{ "%", 0.01 },
	};
	char quote, *end;
	size_t len, i;

	skip(p);
	quote = *p->at == '"' || *p->at == '\'' ? *p->at : '\0';
	p->at += quote != '\0';
	len = quote ? strcspn(p->at, quote == '"' ? "\"" : "'") : word(p);
	if (quote && p->at[len] != quote)
		return fail(p, "a quote is missing after", p->at, len);
	if (!len && !quote)
		return fail(p, *p->at ? "a value is missing before" : "a value is missing at the end", p->at,
			strlen(p->at));
	if (len >= sizeof node->text)
		return fail(p, "too long:", p->at, len);
	memcpy(node->text, p->at, len);
	node->text[len] = '\0';
	p->at += len + (quote != '\0');
	if (quote || strchr("+-.0123456789", node->text[0]) == NULL)
		return 0;
	node->number = strtod(node->text, &end);
	for (i = 0; i < sizeof units / sizeof *units; i++) {
		bool time = units[i].suffix[0] && strchr("ums", units[i].suffix[0]) &&
			units[i].suffix[strlen(units[i].suffix) - 1] == 's';

		if (end == node->text || strcmp(end, units[i].suffix))
			continue;
		node->has_number = true;
		/* Times stand in microseconds, or in what the name of the field says. */
		node->number *= time ? units[i].factor * node->field.scale : units[i].factor;
	}
	return 0;
}

static int no_field(struct parser *p, size_t len)
{
	char other[64];

	fail(p, "no field", p->at, len);
	if (field_suggest(p->at, len, other, sizeof other))
		snprintf(p->error + strlen(p->error), FILTER_ERROR - strlen(p->error), ": %s?", other);
	return -1;
}

static int parse_comparison(struct parser *p)
{
	static const struct { const char *sign; enum filter_op op; } ops[] = {
		{ "==", FILTER_EQ }, { "!=", FILTER_NE }, { "<=", FILTER_LE }, { ">=", FILTER_GE }, { "=",
			FILTER_EQ },
		{ "<", FILTER_LT }, { ">", FILTER_GT }, { "~", FILTER_CONTAINS },
	};
	struct filter_node *node;
	int place;
	size_t len, i;

	skip(p);
	len = word(p);
	if (!len)
		return fail(p, *p->at ? "a field is missing before" : "a field is missing", p->at, *p->at ? 1 : 0);
	place = add(p, FILTER_KNOWN, 0, 0);
	if (place < 0)
		return -1;
	node = &p->filter->node[place];
	if (!field_find(p->at, len, &node->field))
		return no_field(p, len);
	p->at += len;
	skip(p);
	for (i = 0; i < sizeof ops / sizeof *ops; i++) {
		if (strncmp(p->at, ops[i].sign, strlen(ops[i].sign)))
			continue;
		p->at += strlen(ops[i].sign);
		node->op = ops[i].op;
		if (parse_value(p, node))
			return -1;
		if (!node->field.text && !node->has_number && node->op != FILTER_CONTAINS)
			return fail(p, "not a number:", node->text, strlen(node->text));
		return place;
	}
	return place;
}

static int parse_not(struct parser *p)
{
	int inner;

	if (++p->depth > MAX_DEPTH)
		return fail(p, "nested too deep", "", 0);
	if (accept(p, "not", "!")) {
		inner = parse_not(p);
		inner = add(p, FILTER_NOT, inner, 0);
	} else if (skip(p), *p->at == '(') {
		p->at++;
		inner = parse_or(p);
		skip(p);
		if (inner >= 0 && *p->at != ')')
			return fail(p, "a ) is missing", "", 0);
		p->at += inner >= 0;
	} else {
		inner = parse_comparison(p);
	}
	p->depth--;
	return inner;
}

static int parse_and(struct parser *p)
{
	int left = parse_not(p);

	while (left >= 0 && accept(p, "and", "&&"))
		left = add(p, FILTER_AND, left, parse_not(p));
	return left;
}

static int parse_or(struct parser *p)
{
	int left = parse_and(p);

	while (left >= 0 && accept(p, "or", "||"))
		left = add(p, FILTER_OR, left, parse_and(p));
	return left;
}

int filter_parse(struct filter *f, const char *text, char error[FILTER_ERROR])
{
	struct parser p = { .filter = f, .at = text, .error = error };
	int root;

	*error = '\0';
	f->n = 0;
	root = parse_or(&p);
	if (root >= 0 && (skip(&p), *p.at))
		return fail(&p, "not understood:", p.at, strlen(p.at));
	f->root = root < 0 ? 0 : (unsigned)root;
	return root < 0 ? -1 : 0;
}

static bool compare(enum filter_op op, double difference)
{
	switch (op) {
	case FILTER_EQ: return difference == 0;
	case FILTER_NE: return difference != 0;
	case FILTER_LT: return difference < 0;
	case FILTER_LE: return difference <= 0;
	case FILTER_GT: return difference > 0;
	case FILTER_GE: return difference >= 0;
	default: return false;
	}
}

static bool contains(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (; *text; text++)
		if (!strncasecmp(text, part, len))
			return true;
	return !len;
}

static bool test(const struct filter_node *node, const struct tcpstat_conn *c)
{
	char text[FIELD_TEXT];
	double number;

	if (!node->field.text && node->op != FILTER_CONTAINS) {
		number = field_number(&node->field, c);
		if (isnan(number))
			return false;
		return node->op == FILTER_KNOWN ? number != 0 : compare(node->op, number - node->number);
	}
	field_text(&node->field, c, text);
	if (node->op == FILTER_CONTAINS)
		return *text && contains(text, node->text);
	return *text && (node->op == FILTER_KNOWN || compare(node->op, strcasecmp(text, node->text)));
}

static bool matches(const struct filter *f, unsigned place, const struct tcpstat_conn *c)
{
	const struct filter_node *node = &f->node[place];

	switch (node->op) {
	case FILTER_OR: return matches(f, node->left, c) || matches(f, node->right, c);
	case FILTER_AND: return matches(f, node->left, c) && matches(f, node->right, c);
	case FILTER_NOT: return !matches(f, node->left, c);
	default: return test(node, c);
	}
}

bool filter_matches(const struct filter *f, const struct tcpstat_conn *c)
{
	return matches(f, f->root, c);
}
