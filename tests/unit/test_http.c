#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sink/http.h"

enum { TEXT_BYTES = 32 << 20, TEXTS = 4 }; /* more than the system keeps for a reader */

static unsigned made;

static char *on_metrics(void *ctx, size_t *len)
{
	char *text = malloc(TEXT_BYTES);

	(void)ctx;
	made++;
	memset(text, 'x', TEXT_BYTES);
	*len = TEXT_BYTES;
	return text;
}

static bool on_healthy(void *ctx)
{
	(void)ctx;
	return true;
}

/* The one socket of this process that listens. */
static struct sockaddr_in listener(void)
{
	struct sockaddr_in addr = { 0 };
	socklen_t len = sizeof addr;

	for (int fd = 3; fd < 64; fd++) {
		int on = 0;
		socklen_t size = sizeof on;

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on) {
			cr_assert_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
			return addr;
		}
	}
	cr_assert_fail("nothing listens");
	return addr;
}

/* Asks; the answer is there, but for what the reader has no room for. */
static int ask(struct http *h, const struct sockaddr_in *addr, const char *request)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), room = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	cr_assert_eq(connect(fd, (const struct sockaddr *)addr, sizeof *addr), 0);
	cr_assert_eq(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	for (int i = 0; i < 20; i++) {
		http_work(h);
		usleep(1000);
	}
	return fd;
}

static bool answers(int fd, const char *status)
{
	char text[256] = "";

	cr_assert_gt(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 0);
	return strstr(text, status);
}

Test(http, readers_that_do_not_read_hold_few_texts)
{
	static const char metrics[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char health[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	char error[256];
	struct http *h = http_open("127.0.0.1:0", error, sizeof error);
	struct sockaddr_in addr;
	int lazy[TEXTS], fd;

	cr_assert_not_null(h, "%s", error);
	addr = listener();
	http_begin(h, &(struct http_source){ on_metrics, on_healthy, NULL });
	for (unsigned i = 0; i < TEXTS; i++) {
		lazy[i] = ask(h, &addr, metrics);
		cr_assert(answers(lazy[i], " 200 "));
	}
	cr_assert_eq(made, TEXTS);
	fd = ask(h, &addr, metrics);
	cr_assert(answers(fd, " 503 "), "the fifth is to come back");
	cr_assert_eq(made, TEXTS);
	close(fd);
	fd = ask(h, &addr, health);
	cr_assert(answers(fd, " 200 "), "the state of health is told all the same");
	close(fd);
	for (unsigned i = 0; i < TEXTS; i++)
		close(lazy[i]);
	fd = ask(h, &addr, health);
	close(fd);
	fd = ask(h, &addr, metrics);
	cr_assert(answers(fd, " 200 "), "when they have gone there is room again");
	close(fd);
	http_close(h);
}

Test(http, what_it_cannot_have_says_what_to_do)
{
	char error[256], again[64];
	struct http *h = http_open("127.0.0.1:0", error, sizeof error);
	struct sockaddr_in addr;

	cr_assert_not_null(h, "%s", error);
	addr = listener();
	snprintf(again, sizeof again, "127.0.0.1:%u", ntohs(addr.sin_port));
	cr_assert_null(http_open(again, error, sizeof error));
	cr_assert_not_null(strstr(error, "ss -ltnp"), "%s", error);
	cr_assert_null(http_open("198.51.100.77:9", error, sizeof error));
	cr_assert_not_null(strstr(error, "ip addr"), "%s", error);
	cr_assert_null(http_open("9478", error, sizeof error));
	cr_assert_not_null(strstr(error, "ADDRESS:PORT"), "%s", error);
	http_close(h);
}
