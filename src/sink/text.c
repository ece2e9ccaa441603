/* Numbers, times, addresses and foreign bytes as the text that records carry. No locale, no allocation. */
#include "sink/record.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* 00 to 99 */
static const char pairs[201] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354"
	"555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static size_t n_digits(uint64_t value)
{
	static const uint64_t power[20] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
		10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
		10000000000000000, 100000000000000000, 1000000000000000000, 10000000000000000000u };
	unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
	unsigned n = bits * 1233 >> 12; /* by log10(2) */

	return n + (value >= power[n]);
}

size_t record_uint_text(uint64_t value, char *text)
{
	size_t n = value ? n_digits(value) : 1;
	char *p = text + n;
	uint32_t rest;

	*p = 0;
	for (; value > UINT32_MAX; value /= 100)
		memcpy(p -= 2, pairs + value % 100 * 2, 2);
	for (rest = (uint32_t)value; rest >= 100; rest /= 100)
		memcpy(p -= 2, pairs + rest % 100 * 2, 2);
	if (rest >= 10)
		memcpy(p - 2, pairs + rest * 2, 2);
	else
		p[-1] = (char)('0' + rest);
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

	if (value == 0) {
		memcpy(text, "0.0", 4);
		return 3;
	}
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

/* A number below 100, and what stands behind it. */
static char *two(char *p, unsigned value, char after)
{
	memcpy(p, pairs + value * 2, 2);
	p[2] = after;
	return p + 3;
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
	unsigned year, month, day, s, rest;
	char *p = text;

	text[0] = 0;
	if (ns < 0)
		return 0;
	civil((uint64_t)ns / 86400000000000u, &year, &month, &day);
	s = (unsigned)((uint64_t)ns / 1000000000u % 86400);
	rest = (unsigned)((uint64_t)ns % 1000000000u);
	memcpy(p, pairs + year / 100 * 2, 2);
	p = two(p + 2, year % 100, '-');
	p = two(p, month, '-');
	p = two(p, day, 'T');
	p = two(p, s / 3600, ':');
	p = two(p, s / 60 % 60, ':');
	p = two(p, s % 60, '.');
	*p++ = (char)('0' + rest / 100000000);
	for (unsigned unit = 1000000; unit; unit /= 100, p += 2)
		memcpy(p, pairs + rest / unit % 100 * 2, 2);
	*p++ = 'Z';
	*p = 0;
	return (size_t)(p - text);
}

static size_t addr4_text(const uint8_t *bytes, char *text)
{
	char *p = text;

	for (unsigned i = 0; i < 4; i++) {
		p += record_uint_text(bytes[i], p);
		*p++ = i < 3 ? '.' : '\0';
	}
	return (size_t)(p - text) - 1;
}

size_t record_addr_text(const struct tcpstat_addr *a, char text[RECORD_ADDR_SIZE])
{
	if (a->family == 4)
		return addr4_text(a->bytes, text);
	if (!a->family || !inet_ntop(AF_INET6, a->bytes, text, RECORD_ADDR_SIZE))
		text[0] = 0;
	return strlen(text);
}

size_t record_utf8_len(const unsigned char *p)
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
		size_t len = record_utf8_len(p);
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
