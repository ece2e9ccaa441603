#include "sink/format.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

const char *tint_on(const struct style *style, enum tint tint)
{
	static const char *const sgr[] = { "", "\033[1m", "\033[2m", "\033[31m", "\033[33m", "\033[32m", "\033[36m",
		"\033[35m" };

	return style->color ? sgr[tint] : "";
}

const char *tint_off(const struct style *style, enum tint tint)
{
	return style->color && tint != TINT_NONE ? "\033[0m" : "";
}

const char *format_s(int64_t n)
{
	return n == 1 ? "" : "s";
}

char *format_text(char buf[FORMAT_MAX], const char *text)
{
	snprintf(buf, FORMAT_MAX, "%s", text);
	return buf;
}

char *format_count(char buf[FORMAT_MAX], int64_t n)
{
	char digits[24];
	size_t len, from, to = 0;

	if (n == TCPSTAT_NULL)
		return format_text(buf, "-");
	len = (size_t)snprintf(digits, sizeof digits, "%" PRId64, n);
	for (from = 0; from < len; from++) {
		buf[to++] = digits[from];
		if ((len - from - 1) % 3 == 0 && from + 1 < len && digits[from] != '-')
			buf[to++] = ',';
	}
	buf[to] = '\0';
	return buf;
}

/* Three significant digits under the largest unit that leaves at least 1. */
static char *scaled(char buf[FORMAT_MAX], double value, const char *const units[], size_t n_units)
{
	size_t i = 0;

	while (i + 1 < n_units && value >= 999.5) {
		value /= 1000;
		i++;
	}
	if (i == 0)
		snprintf(buf, FORMAT_MAX, "%.0f %s", value, units[i]);
	else
		snprintf(buf, FORMAT_MAX, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[i]);
	return buf;
}

char *format_bytes(char buf[FORMAT_MAX], int64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };

	return bytes == TCPSTAT_NULL ? format_text(buf, "-") : scaled(buf, (double)bytes, units, 7);
}

char *format_rate(char buf[FORMAT_MAX], int64_t bps)
{
	static const char *const units[] = { "bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s" };

	return bps == TCPSTAT_NULL ? format_text(buf, "-") : scaled(buf, (double)bps, units, 5);
}

/* From a minute on: the two largest units. */
static char *long_duration(char buf[FORMAT_MAX], int64_t s)
{
	int64_t min = s / 60, h = min / 60, d = h / 24;

	if (d > 0)
		snprintf(buf, FORMAT_MAX, "%" PRId64 " d %" PRId64 " h", d, h % 24);
	else if (h > 0)
		snprintf(buf, FORMAT_MAX, "%" PRId64 " h %" PRId64 " min", h, min % 60);
	else
		snprintf(buf, FORMAT_MAX, "%" PRId64 " min %" PRId64 " s", min, s % 60);
	return buf;
}

char *format_duration(char buf[FORMAT_MAX], const struct style *style, int64_t ns)
{
	double v = (double)ns;

	if (ns == TCPSTAT_NULL)
		return format_text(buf, "-");
	if (ns >= 60 * NS_PER_S)
		return long_duration(buf, ns / NS_PER_S);
	if (ns == 0)
		return format_text(buf, "0 s");
	if (v >= 999.5e6)
		snprintf(buf, FORMAT_MAX, "%.*f s", v < 9.995e9 ? 2 : 1, v / 1e9);
	else if (v >= 999.5e3)
		snprintf(buf, FORMAT_MAX, "%.*f ms", v < 9.995e6 ? 2 : v < 99.95e6 ? 1 : 0, v / 1e6);
	else if (v >= 999.5)
		snprintf(buf, FORMAT_MAX, "%.0f %ss", v / 1e3, style->utf8 ? "\u00b5" : "u");
	else
		snprintf(buf, FORMAT_MAX, "%.0f ns", v);
	return buf;
}

char *format_share(char buf[FORMAT_MAX], double ratio)
{
	double percent = 100 * ratio;

	if (isnan(ratio))
		return format_text(buf, "-");
	if (percent > 0 && percent < 0.05)
		return format_text(buf, "<0.1 %");
	snprintf(buf, FORMAT_MAX, "%.*f %%", percent == 0 || percent >= 9.95 ? 0 : 1, percent);
	return buf;
}

char *format_time(char buf[FORMAT_MAX], int64_t ts_ns)
{
	int64_t ns = ts_ns % NS_PER_S;
	time_t s = (time_t)(ts_ns / NS_PER_S);
	char date[64], zone[16];
	struct tm tm;

	if (ts_ns == TCPSTAT_NULL)
		return format_text(buf, "-");
	if (ns < 0) {
		ns += NS_PER_S;
		s--;
	}
	if (!localtime_r(&s, &tm) || !strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm) ||
	    !strftime(zone, sizeof zone, "%z", &tm))
		return format_text(buf, "-");
	snprintf(buf, FORMAT_MAX, "%s.%06" PRId64 " %s", date, ns / 1000, zone);
	return buf;
}

char *format_seconds(char buf[FORMAT_MAX], int64_t ns)
{
	uint64_t us;

	if (ns == TCPSTAT_NULL)
		return format_text(buf, "-");
	us = (ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns) / 1000;
	snprintf(buf, FORMAT_MAX, "%s%" PRIu64 ".%06" PRIu64, ns < 0 ? "-" : "", us / 1000000, us % 1000000);
	return buf;
}

static bool resolve(char *name, size_t size, const struct tcpstat_addr *addr)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (addr->family == 4) {
		memcpy(&in4.sin_addr, addr->bytes, 4);
		return !getnameinfo((struct sockaddr *)&in4, sizeof in4, name, (socklen_t)size, NULL, 0, NI_NAMEREQD);
	}
	memcpy(&in6.sin6_addr, addr->bytes, 16);
	return !getnameinfo((struct sockaddr *)&in6, sizeof in6, name, (socklen_t)size, NULL, 0, NI_NAMEREQD);
}

char *format_endpoint(char *buf, size_t size, const struct style *style, const struct tcpstat_addr *addr, uint16_t port)
{
	static const struct style ascii;
	char text[INET6_ADDRSTRLEN], name[NI_MAXHOST], safe[2 * INET6_ADDRSTRLEN + 160];

	if ((addr->family != 4 && addr->family != 6) ||
	    !inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->bytes, text, sizeof text)) {
		snprintf(buf, size, "-");
		return buf;
	}
	if (style->resolve && resolve(name, sizeof name, addr))
		snprintf(buf, size, "%s:%u", format_safe(safe, sizeof safe, &ascii, name), port);
	else
		snprintf(buf, size, addr->family == 4 ? "%s:%u" : "[%s]:%u", text, port);
	return buf;
}

/* Bytes of the valid UTF-8 character at `s` that is no control character, or 0. */
static size_t utf8_char(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0xc0 || s[0] >= 0xf8 ? 0 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c;
	size_t i;

	if (!n)
		return 0;
	c = s[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c < 0xa0 || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	/* Marks that reorder text on a terminal. */
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ? 0 : n;
}

char *format_safe(char *buf, size_t size, const struct style *style, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t to = 0, n;

	while (*s && to + 5 < size) {
		n = *s >= 0x20 && *s < 0x7f ? 1 : style->utf8 ? utf8_char(s) : 0;
		if (n) {
			memcpy(buf + to, s, n);
			to += n;
			s += n;
		} else {
			to += (size_t)snprintf(buf + to, size - to, "\\x%02x", *s++);
		}
	}
	buf[to] = '\0';
	return buf;
}

char *format_trigger(char buf[FORMAT_MAX], const char *trigger)
{
	static const char *const words[][2] = {
		{ "snd", "sent" }, { "rcv", "received" }, { "syn", "SYN" }, { "synack", "SYN,ACK" }, { "ack", "ACK" },
		{ "fin", "FIN" }, { "rst", "RST" }, { "2msl", "of 2 MSL" }, { "rollback", "taken back:" },
	};
	size_t len = 0, i, n;

	*buf = '\0';
	for (; trigger && *trigger; trigger += n + (trigger[n] == '_')) {
		n = strcspn(trigger, "_");
		for (i = 0; i < sizeof words / sizeof *words; i++)
			if (strlen(words[i][0]) == n && !memcmp(words[i][0], trigger, n))
				break;
		if (i < sizeof words / sizeof *words)
			len += (size_t)snprintf(buf + len, FORMAT_MAX - len, "%s%s", len ? " " : "", words[i][1]);
		else
			len += (size_t)snprintf(buf + len, FORMAT_MAX - len, "%s%.*s", len ? " " : "", (int)n, trigger);
		if (len >= FORMAT_MAX)
			break;
	}
	return buf;
}

size_t format_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}
