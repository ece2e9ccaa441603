#include "sink/community.h"

#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha1.h>

static size_t put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return 2;
}

/* "1:" base64(SHA-1(seed, address, address, protocol, 0, port, port)), the smaller address (then port) first. */
size_t community_id(uint16_t seed, const struct tcpstat_addr addr[2], const uint16_t port[2],
	char text[COMMUNITY_SIZE])
{
	enum { IPPROTO_OF_TCP = 6 };
	size_t len = addr[0].family == 4 ? 4 : 16, n = 0;
	uint8_t msg[2 + 2 * 16 + 2 + 4], digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx ctx;
	int order, low;

	text[0] = 0;
	if (addr[0].family != addr[1].family || (addr[0].family != 4 && addr[0].family != 6))
		return 0;
	order = memcmp(addr[0].bytes, addr[1].bytes, len);
	low = order < 0 || (order == 0 && port[0] <= port[1]) ? 0 : 1;
	n += put16(msg + n, seed);
	memcpy(msg + n, addr[low].bytes, len);
	memcpy(msg + n + len, addr[!low].bytes, len);
	n += 2 * len;
	msg[n++] = IPPROTO_OF_TCP;
	msg[n++] = 0;
	n += put16(msg + n, port[low]);
	n += put16(msg + n, port[!low]);
	sha1_init(&ctx);
	sha1_update(&ctx, n, msg);
	sha1_digest(&ctx, sizeof digest, digest);
	memcpy(text, "1:", 2);
	base64_encode_raw(text + 2, sizeof digest, digest);
	n = 2 + BASE64_ENCODE_RAW_LENGTH(sizeof digest);
	text[n] = 0;
	return n;
}
