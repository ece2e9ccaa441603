/* Capture files built byte by byte, for the tests of src/capture. */
#ifndef CAPTURE_BYTES_H
#define CAPTURE_BYTES_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"

struct bytes {
	uint8_t *p;
	size_t len, size;
	bool big;
};

static inline void put_raw(struct bytes *b, const void *p, size_t len)
{
	if (b->len + len > b->size) {
		b->size = 2 * (b->len + len);
		b->p = realloc(b->p, b->size);
		cr_assert_not_null(b->p);
	}
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

static inline void put_uint(struct bytes *b, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = (uint8_t)(value >> 8 * (b->big ? n - 1 - i : i));

		put_raw(b, &byte, 1);
	}
}

static inline void put_fill(struct bytes *b, uint8_t byte, size_t n)
{
	while (n--)
		put_raw(b, &byte, 1);
}

static inline void put_pcap_header(struct bytes *b, uint32_t magic, uint32_t linktype)
{
	put_uint(b, magic, 4);
	put_uint(b, 2, 2);
	put_uint(b, 4, 2);
	put_uint(b, 0, 8);
	put_uint(b, 65535, 4);
	put_uint(b, linktype, 4);
}

/* `more` bytes of dialects that have longer packet headers; the data are `caplen` bytes of `fill`. */
static inline void put_pcap_packet(struct bytes *b, uint32_t sec, uint32_t frac, uint32_t caplen, uint32_t len,
		size_t more, uint8_t fill)
{
	put_uint(b, sec, 4);
	put_uint(b, frac, 4);
	put_uint(b, caplen, 4);
	put_uint(b, len, 4);
	put_fill(b, 0xee, more);
	put_fill(b, fill, caplen);
}

static inline void put_block(struct bytes *b, uint32_t type, const struct bytes *body)
{
	size_t padding = (4 - body->len % 4) % 4;

	put_uint(b, type, 4);
	put_uint(b, body->len + padding + 12, 4);
	put_raw(b, body->p, body->len);
	put_fill(b, 0, padding);
	put_uint(b, body->len + padding + 12, 4);
}

static inline void put_section(struct bytes *b)
{
	struct bytes body = { .big = b->big };

	put_uint(&body, 0x1a2b3c4d, 4);
	put_uint(&body, 1, 2);
	put_uint(&body, 0, 2);
	put_uint(&body, UINT64_MAX, 8);
	put_block(b, 0x0a0d0d0a, &body);
	free(body.p);
}

static inline void put_option_bytes(struct bytes *b, uint16_t code, const void *p, size_t len)
{
	put_uint(b, code, 2);
	put_uint(b, len, 2);
	put_raw(b, p, len);
	put_fill(b, 0, (4 - len % 4) % 4);
}

/* tsresol < 0: the option is absent. */
static inline void put_interface(struct bytes *b, uint16_t linktype, uint32_t snaplen, int tsresol, int64_t offset_s,
		const char *name)
{
	struct bytes body = { .big = b->big };
	uint8_t resolution = (uint8_t)tsresol;

	put_uint(&body, linktype, 2);
	put_uint(&body, 0, 2);
	put_uint(&body, snaplen, 4);
	if (name)
		put_option_bytes(&body, 2, name, strlen(name));
	if (tsresol >= 0)
		put_option_bytes(&body, 9, &resolution, 1);
	if (offset_s) {
		put_uint(&body, 14, 2);
		put_uint(&body, 8, 2);
		put_uint(&body, (uint64_t)offset_s, 8);
	}
	put_uint(&body, 0, 4);
	put_block(b, 1, &body);
	free(body.p);
}

static inline void put_epb(struct bytes *b, uint32_t interface, uint64_t ticks, uint32_t caplen, uint32_t len,
		uint8_t fill)
{
	struct bytes body = { .big = b->big };

	put_uint(&body, interface, 4);
	put_uint(&body, ticks >> 32, 4);
	put_uint(&body, ticks & UINT32_MAX, 4);
	put_uint(&body, caplen, 4);
	put_uint(&body, len, 4);
	put_fill(&body, fill, caplen);
	put_block(b, 6, &body);
	free(body.p);
}

/* The file's own copy on the heap, so that a sanitizer sees any read beyond its end. */
static inline uint8_t *heap_copy(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	cr_assert_not_null(copy);
	if (len)
		memcpy(copy, p, len);
	return copy;
}

struct outcome {
	uint64_t packets;
	int error;                      /* of opening, or the last of reading */
	bool truncated;
	struct capture_error text;
};

/* Reads it all, touching every byte that is handed out. */
static inline struct outcome read_all(const uint8_t *p, size_t len, const char *filter)
{
	struct capture_options options = { .filter = filter };
	struct outcome outcome = { 0 };
	uint8_t *copy = heap_copy(p, len);
	struct capture *c = capture_open_memory(copy, len, &options, &outcome.text);
	struct tcpstat_pkt pkt;
	volatile unsigned sum = 0;
	int rc;

	if (!c) {
		outcome.error = outcome.text.code;
		free(copy);
		return outcome;
	}
	while ((rc = capture_next(c, &pkt, &outcome.text)) != CAPTURE_END) {
		cr_assert_neq(rc, CAPTURE_IDLE);
		if (rc < 0)
			outcome.error = rc;
		if (rc == CAPTURE_EUSAGE)
			break;
		if (rc == CAPTURE_PACKET) {
			outcome.packets++;
			for (uint32_t i = 0; i < pkt.caplen; i++)
				sum += pkt.data[i];
			if (pkt.ahead && pkt.ahead_len) /* it has been read: sanitizers see it if not */
				sum += pkt.ahead[0] + pkt.ahead[pkt.ahead_len - 1];
		}
	}
	outcome.truncated = capture_facts(c)->truncated;
	capture_free(c);
	free(copy);
	return outcome;
}

#endif
