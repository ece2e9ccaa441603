#include "script.h"

#include "core/segment.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IP_HEADER = 20, TCP_HEADER = 20, MAX_OPTIONS = 40 };

void script_init(struct script *s)
{
	*s = (struct script){
		.isn = { 1000, 5000 }, .addr = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 } }, .port = { 40000, 80 },
		.now_ns = INT64_C(1700000000000000000),
	};
}

uint8_t script_byte(enum tcpstat_dir dir, uint32_t seq)
{
	return (uint8_t)((seq * 2654435761u >> 24) + dir);
}

static enum script_what fail(struct script *s, const char *error)
{
	s->error = error;
	return SCRIPT_ERROR;
}

static char *skip_blank(char *p)
{
	return p + strspn(p, " \t");
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* RFC 1071; `sum` holds what was summed before */
static uint16_t cksum(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)(p[0] << 8 | p[1]);
	if (len)
		sum += (uint32_t)(p[0] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static int endpoint(const char *word)
{
	return !strcmp(word, "client") ? TCPSTAT_CLIENT : !strcmp(word, "server") ? TCPSTAT_SERVER : -1;
}

/* ---------------------------------------------------------------------------------------------------- options */

struct options {
	uint8_t bytes[MAX_OPTIONS];
	size_t len;
};

static bool option_put(struct options *o, uint8_t kind, const uint8_t *data, size_t len)
{
	if (o->len + 2 + len > MAX_OPTIONS)
		return false;
	o->bytes[o->len++] = kind;
	o->bytes[o->len++] = (uint8_t)(len + 2);
	if (len)
		memcpy(o->bytes + o->len, data, len);
	o->len += len;
	return true;
}

static bool option_sack(struct options *o, const char *text, uint32_t peer_isn)
{
	uint8_t data[32];
	size_t len = 0;
	unsigned left, right;
	int used;

	for (; sscanf(text, "%u:%u%n", &left, &right, &used) == 2; text += used, len += 8) {
		if (len == sizeof data)
			return false;
		put32(data + len, left + peer_isn);
		put32(data + len + 4, right + peer_isn);
	}
	return len && option_put(o, 5, data, len);
}

static bool option_raw(struct options *o, const char *text)
{
	unsigned byte;
	int used;

	for (; sscanf(text, "%2x%n", &byte, &used) == 1; text += used) {
		if (o->len == MAX_OPTIONS)
			return false;
		o->bytes[o->len++] = (uint8_t)byte;
	}
	return true;
}

static bool option_parse(struct options *o, char *text, uint32_t peer_isn)
{
	uint8_t data[8];
	unsigned a, b;

	text = skip_blank(text);
	if (sscanf(text, "mss %u", &a) == 1) {
		put16(data, a);
		return option_put(o, 2, data, 2);
	}
	if (sscanf(text, "wscale %u", &a) == 1) {
		data[0] = (uint8_t)a;
		return option_put(o, 3, data, 1);
	}
	if (sscanf(text, "TS val %u ecr %u", &a, &b) == 2) {
		put32(data, a);
		put32(data + 4, b);
		return option_put(o, 8, data, 8);
	}
	if (!strcmp(text, "sackOK"))
		return option_put(o, 4, NULL, 0);
	if (!strcmp(text, "nop"))
		return option_raw(o, "01");
	if (!strncmp(text, "sack ", 5))
		return option_sack(o, text + 5, peer_isn);
	if (!strncmp(text, "raw ", 4))
		return option_raw(o, text + 4);
	return false;
}

/* `text` is what stands between < and > */
static bool options_parse(struct options *o, char *text, uint32_t peer_isn)
{
	for (char *next; text; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = '\0';
		if (!option_parse(o, text, peer_isn))
			return false;
	}
	while (o->len % 4)
		o->bytes[o->len++] = 1;
	return true;
}

/* ---------------------------------------------------------------------------------------------------- packets */

static int flags_parse(const char *word)
{
	static const char letters[] = "FSRP.UEWA"; /* bit 0 on */
	int flags = 0;

	for (; *word; word++) {
		const char *at = strchr(letters, *word);

		if (!at)
			return -1;
		flags |= 1 << (at - letters);
	}
	return flags;
}

struct tcp_line {
	enum tcpstat_dir dir;
	int flags;
	unsigned seq, len, ack, win, id, ttl;
	bool bad, other;
	const char *literal;            /* the payload; NULL: script_byte */
	struct options options;
};

static void build(struct script *s, const struct tcp_line *l)
{
	uint8_t *ip = s->packet, *tcp = ip + IP_HEADER, *payload;
	uint32_t head = TCP_HEADER + (uint32_t)l->options.len, size = head + l->len;

	memset(ip, 0, IP_HEADER + TCP_HEADER);
	ip[0] = 0x45;
	put16(ip + 2, IP_HEADER + size);
	put16(ip + 4, l->id);
	ip[6] = 0x40; /* DF */
	ip[8] = (uint8_t)l->ttl;
	ip[9] = 6;
	memcpy(ip + 12, s->addr[l->dir], 4);
	memcpy(ip + 16, s->addr[!l->dir], 4);
	put16(ip + 10, cksum(0, ip, IP_HEADER));
	put16(tcp, s->port[l->dir]);
	put16(tcp + 2, s->port[!l->dir]);
	put32(tcp + 4, s->isn[l->dir] + l->seq);
	if (l->flags & TH_ACK)
		put32(tcp + 8, s->isn[!l->dir] + l->ack);
	put16(tcp + 12, head / 4 << 12 | (unsigned)l->flags);
	put16(tcp + 14, l->win);
	memcpy(tcp + TCP_HEADER, l->options.bytes, l->options.len);
	payload = tcp + head;
	for (uint32_t i = 0; i < l->len; i++)
		payload[i] = l->literal ? (uint8_t)l->literal[i] :
			script_byte(l->dir, l->seq + i) ^ (l->other ? 0x55 : 0);
	put16(tcp + 16, cksum((uint32_t)cksum(6 + size, ip + 12, 8) ^ 0xffff, tcp, size) ^ (l->bad ? 0x5a5a : 0u));
	s->packet_len = IP_HEADER + size;
}

static bool take_word(char **text, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*text, word, len) || isalnum((unsigned char)(*text)[len]))
		return false;
	*text = skip_blank(*text + len);
	return true;
}

/* Text between quotes, whose length is that of the payload; cuts it out of `text`. */
static bool take_literal(char **text, struct tcp_line *l)
{
	char *close = strchr(*text + 1, '"');

	if (!close || (size_t)(close - *text - 1) != l->len)
		return false;
	*close = '\0';
	l->literal = *text + 1;
	*text = skip_blank(close + 1);
	return true;
}

static enum script_what packet_parse(struct script *s, char *text)
{
	struct tcp_line l = { .dir = *text == '>' ? TCPSTAT_C2S : TCPSTAT_S2C, .win = 65535, .ttl = 64 };
	char flags[12];
	unsigned end;
	int used;

	if (sscanf(text + 1, " %11s %u:%u(%u)%n", flags, &l.seq, &end, &l.len, &used) != 4)
		return fail(s, "expected flags and seq:end(len)");
	l.flags = flags_parse(flags);
	if (l.flags < 0)
		return fail(s, "unknown flag");
	if (end - l.seq != l.len || l.len > SCRIPT_MAX_PACKET - IP_HEADER - TCP_HEADER - MAX_OPTIONS)
		return fail(s, "end - seq is not len, or len is too large");
	text = skip_blank(text + 1 + used);
	if (sscanf(text, "ack %u%n", &l.ack, &used) == 1)
		text = skip_blank(text + used);
	else if (l.flags & TH_ACK)
		return fail(s, "flag ACK without an ack number");
	if (sscanf(text, "win %u%n", &l.win, &used) == 1)
		text = skip_blank(text + used);
	l.id = s->ip_id[l.dir];
	if (sscanf(text, "id %u%n", &l.id, &used) == 1)
		text = skip_blank(text + used);
	else
		s->ip_id[l.dir]++;
	if (sscanf(text, "ttl %u%n", &l.ttl, &used) == 1)
		text = skip_blank(text + used);
	l.bad = take_word(&text, "bad");
	l.other = take_word(&text, "other");
	if (*text == '"' && !take_literal(&text, &l))
		return fail(s, "the text is not as long as the payload");
	if (*text == '<') {
		char *close = strchr(text, '>');

		if (!close)
			return fail(s, "options without >");
		*close = '\0';
		if (!options_parse(&l.options, text + 1, s->isn[!l.dir]))
			return fail(s, "unknown option, or more than 40 bytes of options");
		text = skip_blank(close + 1);
	}
	if (*text)
		return fail(s, "something follows the packet");
	build(s, &l);
	return SCRIPT_PACKET;
}

static enum script_what timed_line(struct script *s, char *text)
{
	char *rest;
	double delay = strtod(text + 1, &rest);

	if (rest == text + 1 || delay < 0)
		return fail(s, "expected +SECONDS");
	s->now_ns += (int64_t)(delay * 1e9 + 0.5);
	rest = skip_blank(rest);
	if (!strcmp(rest, "tick"))
		return SCRIPT_TICK;
	if (*rest == '<' || *rest == '>')
		return packet_parse(s, rest);
	return fail(s, "expected <, > or tick");
}

static enum script_what setting(struct script *s, const char *text)
{
	char who[8], host[16];
	unsigned number;

	if (sscanf(text, "isn %7s %u", who, &number) == 2 && endpoint(who) >= 0) {
		s->isn[endpoint(who)] = number;
		s->isn_set = true;
		return SCRIPT_NOTHING;
	}
	if (sscanf(text, "addr %7s %15[0-9.]:%u", who, host, &number) == 3 && endpoint(who) >= 0 && number < 65536 &&
	    inet_pton(AF_INET, host, s->addr[endpoint(who)]) == 1) {
		s->port[endpoint(who)] = (uint16_t)number;
		return SCRIPT_NOTHING;
	}
	return fail(s, "unknown line");
}

enum script_what script_line(struct script *s, char *line)
{
	line[strcspn(line, "#\r\n")] = '\0';
	for (size_t len = strlen(line); len && isblank((unsigned char)line[len - 1]); len--)
		line[len - 1] = '\0';
	line = skip_blank(line);
	switch (*line) {
	case '\0':
		return SCRIPT_NOTHING;
	case '+':
		return timed_line(s, line);
	case '=':
	case '!':
		s->text = skip_blank(line + 1);
		return *line == '=' ? SCRIPT_EXPECT : SCRIPT_FORBID;
	default:
		if (strncmp(line, "overlap ", 8))
			return !strcmp(line, "end") ? SCRIPT_END : setting(s, line);
		s->text = skip_blank(line + 8);
		return SCRIPT_OVERLAP;
	}
}
