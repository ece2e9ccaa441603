#include "sink/spool.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

/* A helper that does nothing until somebody waits for it. */
static struct {
	void (*run[TCPSTAT_ERRANDS])(void *arg, void *next);
	void *arg[TCPSTAT_ERRANDS];
	uint64_t given, done;
} lazy;

static void give(void *ctx, void (*run)(void *arg, void *next), void *arg)
{
	(void)ctx;
	lazy.run[lazy.given % TCPSTAT_ERRANDS] = run;
	lazy.arg[lazy.given++ % TCPSTAT_ERRANDS] = arg;
}

static uint64_t done(void *ctx)
{
	(void)ctx;
	return lazy.done;
}

static void wait_for(void *ctx, uint64_t n)
{
	(void)ctx;
	for (; lazy.done < n; lazy.done++)
		lazy.run[lazy.done % TCPSTAT_ERRANDS](lazy.arg[lazy.done % TCPSTAT_ERRANDS], NULL);
}

static const struct tcpstat_helper helper = { .give = give, .done = done, .wait = wait_for };
static char dir[SCRATCH_SIZE], *index_text;
static size_t index_len;
static int dir_fd;
static FILE *index_file;
static struct spool *s;

static void begin(void)
{
	scratch_make(dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	cr_assert(dir_fd >= 0);
	index_file = open_memstream(&index_text, &index_len);
	s = spool_new(dir, dir_fd, index_file, &helper);
	cr_assert(s);
}

static void end(void)
{
	spool_free(s);
	fclose(index_file);
	free(index_text);
	close(dir_fd);
	scratch_remove(dir);
}

TestSuite(spool, .init = begin, .fini = end);

static struct spool_ending *ending(unsigned n)
{
	struct spool_ending *e = malloc(sizeof *e + 16);

	cr_assert(e);
	snprintf(e->name, sizeof e->name, "file-%u", n);
	e->len = (size_t)snprintf(e->line, 16, "%u\n", n);
	return e;
}

static struct spool_file *open_part(unsigned n)
{
	char part[SPOOL_PART_SIZE];

	snprintf(part, sizeof part, "%u.part", n);
	struct spool_file *f = spool_open(part);
	cr_assert(f);
	return f;
}

static uint8_t *filled(size_t size, int with)
{
	uint8_t *buffer = spool_buffer(s, size);

	cr_assert(buffer);
	return memset(buffer, with, size);
}

static void close_file(struct spool_file *f, unsigned n, size_t bytes)
{
	spool_close(s, f, bytes ? filled(SPOOL_SMALLEST, 'a' + (int)(n % 26)) : NULL, bytes ? SPOOL_SMALLEST : 0, bytes,
		ending(n));
}

static off_t size_of(unsigned n)
{
	struct stat st;
	char name[32];

	snprintf(name, sizeof name, "file-%u", n);
	return fstatat(dir_fd, name, &st, 0) ? -1 : st.st_size;
}

Test(spool, what_a_busy_helper_would_do_late_is_done_at_once)
{
	unsigned n = 0;

	for (; size_of(n ? n - 1 : 0) < 0; n++) {
		cr_assert_lt(n, 500, "nobody stores anything");
		close_file(open_part(n), n, n % 7);
	}
	cr_expect_gt(n, 100, "a helper that is hardly behind does it itself");
	cr_expect_eq(size_of(0), -1, "the helper stands still");
	cr_expect_eq(size_of(n - 1), (n - 1) % 7);
	spool_wait(s);
	fflush(index_file);
	const char *line = index_text;
	for (unsigned i = 0; i < n; i++) {
		cr_expect_eq(size_of(i), i % 7, "file %u", i);
		cr_expect_eq(strtoul(line, (char **)&line, 10), i, "the index is in order");
	}
	cr_expect_str_eq(line, "\n", "each once");
	cr_expect_str_empty(spool_error(s));
}

Test(spool, a_file_that_was_begun_is_finished_by_who_began_it)
{
	struct spool_file *first = open_part(0);
	char got[SPOOL_SMALLEST + 1];

	spool_append(s, first, filled(SPOOL_SMALLEST, 'x'), SPOOL_SMALLEST, SPOOL_SMALLEST);
	for (unsigned n = 1; n < 400; n++)
		close_file(open_part(n), n, 1);
	close_file(first, 416, 1);      /* of which the byte is an a */
	cr_expect_eq(faccessat(dir_fd, "0.part", F_OK, 0), -1, "the helper stands still");
	spool_wait(s);
	cr_expect_eq(faccessat(dir_fd, "0.part", F_OK, 0), -1, "it has its last name");
	int fd = openat(dir_fd, "file-416", O_RDONLY);
	cr_assert_eq(read(fd, got, sizeof got), SPOOL_SMALLEST + 1);
	close(fd);
	cr_expect_eq(got[0], 'x');
	cr_expect_eq(got[SPOOL_SMALLEST], 'a');
	cr_expect_str_empty(spool_error(s));
}

Test(spool, a_file_that_cannot_be_made_is_an_error_whoever_makes_it)
{
	for (unsigned n = 0; n < 300; n++)
		close_file(open_part(n), n, 1);
	cr_assert_eq(mkdirat(dir_fd, "file-300", 0777), 0);
	close_file(open_part(300), 300, 1);
	spool_wait(s);
	cr_expect(strstr(spool_error(s), "file-300"), "%s", spool_error(s));
}

Test(spool, buffers_are_used_again)
{
	uint8_t *small = spool_buffer(s, SPOOL_SMALLEST), *large = spool_buffer(s, SPOOL_BUFFER);

	spool_keep(s, small, SPOOL_SMALLEST);
	spool_keep(s, large, SPOOL_BUFFER);
	spool_keep(s, NULL, 0);
	cr_expect_eq(spool_bytes(s), SPOOL_SMALLEST + SPOOL_BUFFER);
	cr_expect_eq(spool_buffer(s, SPOOL_BUFFER), large);
	cr_expect_eq(spool_buffer(s, SPOOL_SMALLEST), small);
	cr_expect_eq(spool_bytes(s), 0);
	spool_keep(s, small, SPOOL_SMALLEST);
	spool_keep(s, large, SPOOL_BUFFER);
	spool_shrink(s);
	cr_expect_eq(spool_bytes(s), 0);
}
