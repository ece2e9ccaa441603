/* The HTTP server of the exporter: /metrics, /healthz. It has no thread: http_work() does what is due, and http_fd()
 * can be polled.
 *
 * What a page says comes from the caller's function, called inside http_work(). Bounded: 16 connections at a time, 10
 * seconds each without anything said, and 4 of them with /metrics on the way. */
#ifndef TCPSTAT_HTTP_H
#define TCPSTAT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;

struct http_source {
	/* The text, to be freed; NULL: out of memory. */
	char *(*metrics)(void *ctx, size_t *len);
	bool (*healthy)(void *ctx);
	void *ctx;
};

/* "127.0.0.1:9478", "[::1]:9478", or ":9478" for every address. NULL: `error` says why. */
struct http *http_open(const char *address, char *error, size_t size);
/* Until then nobody is answered. */
void http_begin(struct http *, const struct http_source *);
/* The most memory that the server takes if the text of a scrape takes so much. */
uint64_t http_most_bytes(size_t text_bytes);
int http_fd(const struct http *);
void http_work(struct http *);
/* NULL is ignored. */
void http_close(struct http *);

#endif
