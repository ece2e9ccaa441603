/* Numbers, times, addresses and foreign bytes as the text that records carry. No locale, no allocation. */
#include "sink/record.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

size_t record_uint_text(uint64_t value, char *text)
{
	uint64_t bound = 10;
	size_t n = 1;

	/* 20 digits have no greater bound in 64 bits. */
	for (; value >= bound && n < 19; n++)
		bound *= 10;
	n += value >= bound;
	text[n] = 0;
	for (char *p = text + n; p > text; value /= 10)
		*--p = (char)('0' + value % 10);
	return n;
}

size_t record_int_text(int64_t value, char *text)
{
	if (value >= 0)
		return record_uint_text((uint64_t)value, text);
	text[0] = '-';
	return 1 + record_uint_text(-(uint64_t)value, text + 1);
}

/* Six decimals without the zeros at the end, always with a point: a reader may tell it from an integer. */
size_t record_ratio_text(double value, char *text)
{
	const double most = 1e12;       /* what is exact in millionths; ratios are small */
	uint64_t millionths;
	size_t n;
	unsigned rest;

	if (!isfinite(value))
		return 0;
	if (value > most)
		value = most;
	if (value < -most)
		value = -most;
	millionths = (uint64_t)llround(fabs(value) * 1e6);
	n = value < 0 && millionths ? 1 : 0;
	text[0] = '-';
	n += record_uint_text(millionths / 1000000, text + n);
	rest = (unsigned)(millionths % 1000000);
	text[n++] = '.';
	do {
		text[n++] = (char)('0' + rest / 100000);
		rest = rest % 100000 * 10;
	} while (rest);
	text[n] = 0;
	return n;
}

static char *digits(char *p, unsigned value, int width)
{
	for (int i = width; i-- > 0; value /= 10)
		p[i] = (char)('0' + value % 10);
	return p + width;
}

/* Days since 1970 -> year, month, day of the Gregorian calendar; years begin in March, so that the leap day is last. */
static void civil(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	uint64_t z = days + 719468;     /* from 0000-03-01 */
	unsigned era = (unsigned)(z / 146097), doe = (unsigned)(z % 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

/* 64-bit nanoseconds end in 2262, so a year has four digits. */
size_t record_time_text(int64_t ns, char text[RECORD_TIME_SIZE])
{
	unsigned year, month, day, s;
	char *p = text;

	text[0] = 0;
	if (ns < 0)
		return 0;
	civil((uint64_t)ns / 86400000000000u, &year, &month, &day);
	s = (unsigned)((uint64_t)ns / 1000000000u % 86400);
	p = digits(p, year, 4);
	*p++ = '-';
	p = digits(p, month, 2);
	*p++ = '-';
	p = digits(p, day, 2);
	*p++ = 'T';
	p = digits(p, s / 3600, 2);
	*p++ = ':';
	p = digits(p, s / 60 % 60, 2);
	*p++ = ':';
	p = digits(p, s % 60, 2);
	*p++ = '.';
	p = digits(p, (unsigned)((uint64_t)ns % 1000000000u), 9);
	*p++ = 'Z';
	*p = 0;
	return (size_t)(p - text);
}

size_t record_addr_text(const struct tcpstat_addr *a, char text[RECORD_ADDR_SIZE])
{
	int family = a->family == 4 ? AF_INET : AF_INET6;

	if (!a->family || !inet_ntop(family, a->bytes, text, RECORD_ADDR_SIZE))
		text[0] = 0;
	return strlen(text);
}

/* Length of the UTF-8 character at `p`, 0 if it is none: overlong forms, surrogates and what lies beyond U+10FFFF are
 * none (RFC 3629). The NUL at the end stops every check. */
static size_t utf8_len(const unsigned char *p)
{
	unsigned c = p[0], low = 0x80, high = 0xbf;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (c == 0xe0)
		low = 0xa0;
	if (c == 0xed)
		high = 0x9f;
	if (c == 0xf0)
		low = 0x90;
	if (c == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < n; i++, low = 0x80, high = 0xbf)
		if (p[i] < low || p[i] > high)
			return 0;
	return n;
}

size_t record_utf8(const char *bytes, char *text, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)bytes;
	size_t n = 0;

	while (*p) {
		size_t len = utf8_len(p);
		bool safe = len && *p != 0x7f && !(*p == 0xc2 && p[1] < 0xa0);

		if (n + (safe ? len : 4) >= size)
			break;
		if (safe) {
			memcpy(text + n, p, len);
			n += len;
			p += len;
		} else {
			text[n++] = '\\';
			text[n++] = 'x';
			text[n++] = hex[*p >> 4];
			text[n++] = hex[*p & 15];
			p++;
		}
	}
	if (size)
		text[n] = 0;
	return n;
}
