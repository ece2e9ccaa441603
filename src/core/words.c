#include "core/words.h"

#include <arpa/inet.h>
#include <string.h>

void words_put(struct words *w, const char *text, size_t len)
{
	size_t room = sizeof w->text - 1 - w->len;

	if (len > room)
		len = room;
	memcpy(w->text + w->len, text, len);
	w->len += len;
	w->text[w->len] = '\0';
}

static void add_char(struct words *w, char c)
{
	words_put(w, &c, 1);
}

static void add_unsigned(struct words *w, uint64_t n, unsigned width)
{
	char digits[24], *end = digits + sizeof digits, *p = end;

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (end - p < (ptrdiff_t)width)
		*--p = '0';
	words_put(w, p, (size_t)(end - p));
}

void words_number(struct words *w, int64_t n)
{
	if (n < 0)
		add_char(w, '-');
	add_unsigned(w, n < 0 ? -(uint64_t)n : (uint64_t)n, 1);
}

void words_count(struct words *w, int64_t n, const char *noun)
{
	words_number(w, n);
	add_char(w, ' ');
	words_add(w, noun);
	if (n != 1)
		add_char(w, 's');
}

/* n / unit with three digits that count, at least. */
static void add_scaled(struct words *w, uint64_t n, uint64_t unit)
{
	unsigned decimals = n >= 100 * unit ? 0 : n >= 10 * unit ? 1 : 2;
	uint64_t scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1, part = unit / scale;
	uint64_t rounded = (n + part / 2) / part;

	add_unsigned(w, rounded / scale, 1);
	if (decimals && rounded % scale) {
		add_char(w, '.');
		add_unsigned(w, rounded % scale, decimals);
		if (w->text[w->len - 1] == '0')
			w->text[--w->len] = '\0';
	}
}

void words_duration(struct words *w, int64_t ns)
{
	static const struct { uint64_t unit; const char *name; } units[] = {
		{ 86400000000000, " d" }, { 3600000000000, " h" }, { 60000000000, " min" }, { 1000000000, " s" },
		{ 1000000, " ms" }, { 1000, " us" }
	};
	uint64_t n = ns < 0 ? 0 : (uint64_t)ns;
	size_t i = 0, last = sizeof units / sizeof *units - 1;

	if (ns == TCPSTAT_NULL) {
		words_add(w, "?");
		return;
	}
	while (i < last && n < (i < 3 ? 2 * units[i].unit : units[i].unit))
		i++;
	add_scaled(w, n, units[i].unit);
	words_add(w, units[i].name);
}

void words_bytes(struct words *w, int64_t bytes)
{
	uint64_t n = bytes < 0 ? 0 : (uint64_t)bytes;

	if (n < 1000) {
		words_count(w, (int64_t)n, "byte");
	} else if (n < 1000000) {
		add_scaled(w, n, 1000);
		words_add(w, " kB");
	} else if (n < 1000000000) {
		add_scaled(w, n, 1000000);
		words_add(w, " MB");
	} else {
		add_scaled(w, n, 1000000000);
		words_add(w, " GB");
	}
}

void words_share(struct words *w, double ratio)
{
	double hundredths = ratio * 10000;

	if (!(hundredths >= 0))
		hundredths = 0;
	if (hundredths > 1e15)
		hundredths = 1e15;
	add_scaled(w, (uint64_t)(hundredths + 0.5), 100);
	words_add(w, " %");
}

void words_addr(struct words *w, const struct tcpstat_addr *a)
{
	char text[INET6_ADDRSTRLEN];

	if (a->family && inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->bytes, text, sizeof text))
		words_add(w, text);
}
