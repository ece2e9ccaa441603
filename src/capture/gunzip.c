#include "capture/gunzip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct gunzip {
	ssize_t (*read)(void *ctx, uint8_t *bytes, size_t len);
	void *ctx;
	z_stream z;
	bool within, later;             /* a member has begun; one has ended */
	int error;                      /* what ends it, given when every byte before it was */
	bool ended;
	uint8_t in[65536], out[65536];
};

struct gunzip *gunzip_new(ssize_t (*read)(void *ctx, uint8_t *bytes, size_t len), void *ctx)
{
	struct gunzip *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->read = read;
	g->ctx = ctx;
	if (inflateInit2(&g->z, 15 + 16) == Z_OK) /* the largest window, gzip only */
		return g;
	free(g);
	return NULL;
}

void gunzip_free(struct gunzip *g)
{
	if (g)
		inflateEnd(&g->z);
	free(g);
}

/* More compressed bytes behind those left over. False: there are none, or an error. */
static bool refill(struct gunzip *g)
{
	size_t left = g->z.avail_in;
	ssize_t n;

	if (left)
		memmove(g->in, g->z.next_in, left);
	n = g->read(g->ctx, g->in + left, sizeof g->in - left);
	if (n < 0)
		g->error = (int)n;
	if (n <= 0)
		return false;
	g->z.next_in = g->in;
	g->z.avail_in = (uInt)(left + (size_t)n);
	return true;
}

/* A member follows? Anything else behind the last one, zeros of a tape for instance, is not data. */
static bool begin_member(struct gunzip *g)
{
	while (g->z.avail_in < 2)
		if (!refill(g)) {
			if (!g->later && !g->error)
				g->error = GUNZIP_ECUT;
			return false;
		}
	if (g->later && (g->z.next_in[0] != 0x1f || g->z.next_in[1] != 0x8b))
		return false;
	g->within = true;
	return inflateReset(&g->z) == Z_OK;
}

/* One call of zlib. False: nothing comes after what is in `out` now. */
static bool step(struct gunzip *g)
{
	if (!g->within && !begin_member(g))
		return false;
	if (!g->z.avail_in && !refill(g)) {
		if (!g->error)
			g->error = GUNZIP_ECUT;
		return false;
	}
	switch (inflate(&g->z, Z_NO_FLUSH)) {
	case Z_OK:
	case Z_BUF_ERROR:
		return true;
	case Z_STREAM_END:
		g->within = false;
		g->later = true;
		return true;
	case Z_MEM_ERROR: /* the window is allocated when it is first needed */
		g->error = GUNZIP_ENOMEM;
		return false;
	default:
		/* zlib names only by its text what was wrong */
		g->error = g->z.msg && strstr(g->z.msg, "incorrect") && strstr(g->z.msg, " check") && g->z.total_out
				   ? GUNZIP_ECHECK : GUNZIP_EDAMAGED;
		return false;
	}
}

int gunzip_block(struct gunzip *g, const uint8_t **bytes, size_t *len)
{
	g->z.next_out = g->out;
	g->z.avail_out = sizeof g->out;
	while (!g->ended && g->z.avail_out)
		g->ended = !step(g);
	*bytes = g->out;
	*len = sizeof g->out - g->z.avail_out;
	return *len ? 1 : g->error;
}

const char *gunzip_strerror(int error)
{
	switch (error) {
	case GUNZIP_ECUT: return "it is cut short";
	case GUNZIP_ECHECK: return "its checksum is wrong";
	case GUNZIP_ENOMEM: return "out of memory";
	default: return "it is damaged";
	}
}
