#include "config.h"
#include "sink/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 16, TIMEOUT_S = 10, MEMORY_BYTES = 32768, BACKLOG = 16, MAX_TEXTS = 4 };

struct http {
	struct MHD_Daemon *daemon;
	struct http_source source;
	int fd;
	unsigned texts;                 /* of /metrics that are on their way */
};

/* A text of /metrics, behind the server that counts it. */
struct text {
	struct http *http;
	char *bytes;
};

static void free_text(void *ctx)
{
	struct text *t = ctx;

	t->http->texts--;
	free(t->bytes);
	free(t);
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, struct MHD_Response *r)
{
	enum MHD_Result result;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer_plain(struct MHD_Connection *c, unsigned status, const char *text)
{
	return answer(c, status, "text/plain; charset=utf-8",
		MHD_create_response_from_buffer(strlen(text), (char *)text, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result answer_metrics(struct http *h, struct MHD_Connection *c)
{
	struct MHD_Response *r;
	struct text *t;
	size_t len = 0;

	if (h->texts == MAX_TEXTS)
		return answer_plain(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too many scrapes at a time\n");
	t = malloc(sizeof *t);
	if (t)
		*t = (struct text){ h, h->source.metrics(h->source.ctx, &len) };
	if (!t || !t->bytes) {
		free(t);
		return answer_plain(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	}
	h->texts++;
	r = MHD_create_response_from_buffer_with_free_callback_cls(len, t->bytes, free_text, t);
	if (!r)
		free_text(t);
	return answer(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", r);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
		const char *version, const char *upload, size_t *upload_size, void **request)
{
	struct http *h = ctx;

	(void)version, (void)upload, (void)request;
	if (*upload_size) {             /* nobody asked for it: it is passed over */
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return answer_plain(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
	if (!h->source.metrics)
		return answer_plain(c, MHD_HTTP_SERVICE_UNAVAILABLE, "not yet\n");
	if (!strcmp(url, "/healthz")) {
		if (h->source.healthy(h->source.ctx))
			return answer_plain(c, MHD_HTTP_OK, "ok\n");
		return answer_plain(c, MHD_HTTP_SERVICE_UNAVAILABLE, "no interface is up\n");
	}
	if (strcmp(url, "/metrics"))
		return answer_plain(c, MHD_HTTP_NOT_FOUND, "tcpstat: /metrics, /healthz\n");
	return answer_metrics(h, c);
}

/* "HOST:PORT" in two. */
static bool split(const char *address, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;

	if (!colon || !colon[1] || len >= size)
		return false;
	*port = colon + 1;
	if (len >= 2 && address[0] == '[' && colon[-1] == ']') {
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return false;           /* an IPv6 address without brackets */
	}
	memcpy(host, address, len);
	host[len] = '\0';
	return true;
}

static int listen_at(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, off = 0, error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int open_listener(const char *address, char *error, size_t size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *all = NULL;
	char host[256];
	const char *port;
	int rc, fd = -1;

	if (!split(address, host, sizeof host, &port)) {
		snprintf(error, size, "expected ADDRESS:PORT, [ADDRESS]:PORT or :PORT");
		return -1;
	}
	rc = getaddrinfo(*host ? host : NULL, port, &hints, &all);
	if (rc) {
		snprintf(error, size, "%s", gai_strerror(rc));
		return -1;
	}
	for (int family = AF_INET6; fd < 0; family = AF_INET) { /* every address: IPv6, which takes IPv4 too, first */
		for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
			if (a->ai_family == family)
				fd = listen_at(a);
		if (family == AF_INET)
			break;
	}
	if (fd < 0)
		snprintf(error, size, "%s%s", strerror(errno), errno == EADDRINUSE ? "; ss -ltnp shows who has it" :
			errno == EADDRNOTAVAIL ? "; it is none of this host (ip addr)" :
			errno == EACCES ? "; ports below 1024 are for root" : "");
	freeaddrinfo(all);
	return fd;
}

struct http *http_open(const char *address, char *error, size_t size)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	h->fd = open_listener(address, error, size);
	if (h->fd < 0) {
		free(h);
		return NULL;
	}
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h,
		MHD_OPTION_LISTEN_SOCKET, h->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)MEMORY_BYTES, MHD_OPTION_END);
	if (h->daemon)
		return h;
	snprintf(error, size, "the HTTP server does not start");
	close(h->fd);
	free(h);
	return NULL;
}

uint64_t http_most_bytes(size_t text_bytes)
{
	/* a text grows by doubling */
	return MAX_CONNECTIONS * (uint64_t)MEMORY_BYTES + MAX_TEXTS * 2 * (uint64_t)text_bytes;
}

void http_begin(struct http *h, const struct http_source *source)
{
	h->source = *source;
}

int http_fd(const struct http *h)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -1;
}

void http_work(struct http *h)
{
	MHD_run(h->daemon);
}

void http_close(struct http *h)
{
	if (!h)
		return;
	MHD_stop_daemon(h->daemon);     /* closes the socket */
	free(h);
}
