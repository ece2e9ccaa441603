#include "config.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sink/queue.h"

enum { SIZE = QUEUE_RESERVE + 4096 };

static int ends[2];
static struct queue *q;
static FILE *out;

/* A pipe of one page in front of a reader that does not read yet. */
static void init(void)
{
	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_gt(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
	q = queue_new(ends[1], SIZE);
	cr_assert_not_null(q);
	out = queue_stream(q);
}

static size_t drain(char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size && (n = read(ends[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return len;
}

TestSuite(queue, .init = init);

Test(queue, lines_come_as_they_were)
{
	char text[256];
	int error;

	cr_assert_eq(queue_start(q), 0);
	fputs("one\ntw", out);
	fflush(out);
	fputs("o\nthree\n", out);
	fflush(out);
	cr_assert_eq(queue_close(q, 1000, &error), 0);
	cr_assert_eq(error, 0);
	close(ends[1]);
	drain(text, sizeof text);
	cr_assert_str_eq(text, "one\ntwo\nthree\n");
}

/* 100 bytes a line: the pipe takes 40, the queue 40 more; then a line goes whole or not at all. */
Test(queue, what_has_no_room_is_dropped_whole_and_counted)
{
	static char text[1 << 16];
	uint64_t dropped;
	unsigned lines = 0;
	int error, status;
	pid_t reader;

	cr_assert_eq(queue_start(q), 0);
	for (unsigned i = 1; i <= 500; i++) {
		fprintf(out, "%099u\n", i);
		fflush(out);
	}
	dropped = queue_dropped(q);
	cr_assert_gt(dropped, 300);
	cr_assert_lt(dropped, 500);
	queue_manner(q, QUEUE_URGENT);
	fprintf(out, "%099u\n", 501u);
	queue_manner(q, QUEUE_DROP);
	cr_assert_eq(queue_dropped(q), dropped, "the reserve is for this one");
	reader = fork();
	if (reader == 0) {
		close(ends[1]);
		drain(text, sizeof text);
		for (const char *at = text; *at; at += 100, lines++)
			if (strspn(at, "0123456789") != 99 || at[99] != '\n')
				_exit(255);
		_exit(lines == 501 - dropped ? 0 : 1);
	}
	cr_assert_eq(queue_close(q, 3000, &error), 0);
	close(ends[1]);
	cr_assert_eq(waitpid(reader, &status, 0), reader);
	cr_assert_eq(status, 0);
}

Test(queue, a_line_longer_than_all_is_dropped)
{
	int error;

	for (int i = 0; i <= QUEUE_LINE_MAX; i++)
		fputc('x', out);
	fputs("\nshort\n", out);
	fflush(out);
	cr_assert_eq(queue_dropped(q), 1);
	cr_assert_eq(queue_start(q), 0);
	cr_assert_eq(queue_close(q, 1000, &error), 0);
}

Test(queue, a_reader_that_has_gone_is_an_error)
{
	int error;

	close(ends[0]);
	cr_assert_eq(queue_start(q), 0);
	fputs("line\n", out);
	fflush(out);
	for (int i = 0; i < 200 && !queue_error(q); i++)
		usleep(10000);
	cr_assert_eq(queue_error(q), EPIPE);
	cr_assert_eq(queue_close(q, 1000, &error), 0);
	cr_assert_eq(error, EPIPE);
}

Test(queue, a_reader_that_never_reads_is_given_up)
{
	int error;

	cr_assert_eq(queue_start(q), 0);
	queue_manner(q, QUEUE_URGENT);
	for (unsigned i = 0; i < 500; i++)
		fprintf(out, "%099u\n", i);
	fflush(out);
	cr_assert_gt(queue_close(q, 200, &error), 0);
	cr_assert_eq(error, 0);
}
