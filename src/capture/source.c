#include "capture/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/error.h"

#define FOLLOW_POLL_MS 100              /* how often the end of a growing file is looked at */

static int fail_shorter(struct source *s)
{
	return capture_fail(&s->error, CAPTURE_EDAMAGED, "the file became shorter while it was read");
}

/* ------------------------------------------------------------------------------------------------ stored bytes */

static bool stopped(const struct source *s)
{
	return s->config.stop && *s->config.stop;
}

/* Sleeps, or waits until fd can be read. Returns true if reading is worth a try. */
static bool wait_input(struct source *s, int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = poll(&p, fd < 0 ? 0 : 1, ms);

	s->interrupted = n < 0 && errno == EINTR;
	return n != 0 && !s->interrupted;
}

/* The end of a followed file: it may have grown, stayed, or been cut. */
static ssize_t follow_wait(struct source *s)
{
	struct stat st;
	int ms = s->config.wait_ms < FOLLOW_POLL_MS ? s->config.wait_ms : FOLLOW_POLL_MS;

	if (fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < s->done_bytes)
		return fail_shorter(s);
	wait_input(s, -1, ms);
	return SOURCE_AGAIN;
}

static ssize_t read_fd(struct source *s, uint8_t *bytes, size_t len)
{
	bool waits = !s->total_bytes && !s->config.follow;
	ssize_t n;

	if (waits && !wait_input(s, s->fd, s->config.wait_ms))
		return SOURCE_AGAIN;
	n = read(s->fd, bytes, len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
		s->interrupted = errno == EINTR;
		return SOURCE_AGAIN;
	}
	if (n < 0)
		return capture_fail(&s->error, CAPTURE_EREAD, "cannot read on: %s", strerror(errno));
	if (n == 0 && s->config.follow)
		return follow_wait(s);
	if (n == 0 && s->done_bytes < s->whole_bytes)
		return fail_shorter(s);
	s->done_bytes += (uint64_t)n;
	return n;
}

ssize_t source_read_stored(struct source *s, uint8_t *bytes, size_t len)
{
	if (stopped(s))
		return 0;
	if (!s->memory)
		return read_fd(s, bytes, len);
	if (len > s->memory_len)
		len = s->memory_len;
	assert(bytes);
	memcpy(bytes, s->memory, len);
	s->memory += len;
	s->memory_len -= len;
	s->done_bytes += len;
	return (ssize_t)len;
}

bool source_interrupted(struct source *s)
{
	if (s->interrupted || stopped(s))
		capture_fail(&s->error, CAPTURE_EREAD, "interrupted");
	return s->error.code != 0;
}

/* ------------------------------------------------------------------------------------------------ the buffer */

/* Room for n bytes from cur on, with as much as there is moved to the front. */
static int make_room(struct source *s, size_t n)
{
	size_t have = source_left(s), size = s->buf_size ? s->buf_size : s->config.buffer_bytes;
	uint8_t *buf = s->buf;

	assert(size);
	while (size < n)
		size *= 2;
	if (size != s->buf_size) {
		buf = malloc(size);
		if (!buf)
			return capture_fail(&s->error, CAPTURE_ENOMEM, "out of memory");
	}
	assert(buf); /* there is one as soon as it has a size */
	if (have)
		memmove(buf, s->cur, have);
	if (buf != s->buf) {
		free(s->buf);
		s->buf = buf;
		s->buf_size = size;
	}
	s->cur = buf;
	s->end = buf + have;
	return 0;
}

static int fill(struct source *s, size_t n)
{
	while (source_left(s) < n) {
		uint8_t *to;
		ssize_t got;

		if (s->error.code && !s->block_len)
			return s->error.code;
		if (s->at_end)
			return SOURCE_END;
		if ((!s->buf || (size_t)(s->buf + s->buf_size - s->cur) < n || source_left(s) == 0) &&
			make_room(s, n) < 0)
			return s->error.code;
		to = s->buf + (s->end - s->buf);
		if (s->compression)
			got = archive_read_some(s, to, (size_t)(s->buf + s->buf_size - to));
		else
			got = source_read_stored(s, to, (size_t)(s->buf + s->buf_size - to));
		if (got == SOURCE_AGAIN)
			return SOURCE_IDLE;
		if (got < 0)
			return s->error.code;
		if (got == 0)
			s->at_end = true;
		s->end += got;
	}
	return SOURCE_OK;
}

/* Passes over what is owed. */
static int settle(struct source *s)
{
	while (s->owed) {
		size_t left = source_left(s), step = s->owed < left ? (size_t)s->owed : left;
		int rc;

		s->cur += step;
		s->owed -= step;
		if (s->owed == 0)
			break;
		rc = fill(s, 1);
		if (rc != SOURCE_OK)
			return rc;
	}
	return SOURCE_OK;
}

int source_fill(struct source *s, size_t n)
{
	int rc;

	assert(n <= SOURCE_MAX_NEED);
	rc = settle(s);
	return rc == SOURCE_OK ? fill(s, n) : rc;
}

void source_pass(struct source *s, uint64_t n)
{
	size_t left = source_left(s), step = n < left ? (size_t)n : left;

	s->cur += step;
	s->owed += n - step;
}

uint64_t source_done(const struct source *s)
{
	return s->compression ? s->done_bytes : s->done_bytes - source_left(s);
}

/* ------------------------------------------------------------------------------------------------ open, close */

/* Waits for the first bytes and looks whether they are compressed. */
static int begin(struct source *s)
{
	int rc;

	while ((rc = fill(s, ARCHIVE_MAGIC_BYTES)) == SOURCE_IDLE)
		if (source_interrupted(s))
			return s->error.code;
	if (rc < 0)
		return rc;
	s->compression = archive_recognise(s->cur, source_left(s));
	return s->compression ? archive_start(s) : 0;
}

/* A regular file, and how long it is. It may grow, and is read to its end then. */
static void expect(struct source *s, uint64_t len)
{
	s->total_bytes = len;
	if (s->config.follow)
		return;
	if (s->own_fd)                  /* else somebody may have read its beginning */
		s->whole_bytes = len;
	if (len < s->config.buffer_bytes)
		s->config.buffer_bytes = (size_t)len;
	posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

int source_open(struct source *s, const char *name, const struct source_config *config)
{
	bool is_stdin = strcmp(name, "-") == 0;
	struct stat st;

	memset(s, 0, sizeof *s);
	s->name = is_stdin ? "standard input" : name;
	s->config = *config;
	s->own_fd = !is_stdin;
	s->fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return capture_fail(&s->error, CAPTURE_EOPEN, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return capture_fail(&s->error, CAPTURE_EOPEN, "is a directory");
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		expect(s, (uint64_t)st.st_size);
	return begin(s);
}

int source_from_memory(struct source *s, const uint8_t *bytes, size_t len, const struct source_config *config)
{
	memset(s, 0, sizeof *s);
	s->name = "memory";
	s->config = *config;
	s->config.follow = false;
	s->fd = -1;
	s->total_bytes = len;
	s->memory = bytes;
	s->memory_len = len;
	if (archive_recognise(bytes, len))
		return begin(s);
	s->cur = bytes ? bytes : (const uint8_t *)"";
	s->end = s->cur + len;
	s->done_bytes = len;
	s->at_end = true;
	return 0;
}

void source_close(struct source *s)
{
	archive_stop(s);
	free(s->buf);
	if (s->own_fd && s->fd >= 0)
		close(s->fd);
	memset(s, 0, sizeof *s);
	s->fd = -1;
}
