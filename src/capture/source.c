#include "capture/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/error.h"

#define BUFFER_BYTES ((size_t)256 << 10)
#define FOLLOW_POLL_MS 100              /* how often the end of a growing file is looked at */
#define TOUCH_BYTES ((size_t)256 << 10) /* of a mapped file are touched before they are shown */

static int fail_errno(struct source *s, int code, const char *what)
{
	int number = errno;

	return capture_fail(&s->error, code, "%s: %s%s%s", s->name, what, what[0] ? ": " : "", strerror(number));
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
		return capture_fail(&s->error, CAPTURE_EDAMAGED, "the file became shorter while it was read");
	wait_input(s, -1, ms);
	return SOURCE_AGAIN;
}

static ssize_t read_fd(struct source *s, uint8_t *bytes, size_t len)
{
	bool regular = s->total_bytes || s->config.follow;
	ssize_t n;

	if (!regular && !wait_input(s, s->fd, s->config.wait_ms))
		return SOURCE_AGAIN;
	n = read(s->fd, bytes, len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
		s->interrupted = errno == EINTR;
		return SOURCE_AGAIN;
	}
	if (n < 0)
		return fail_errno(s, CAPTURE_EREAD, "cannot read on");
	if (n == 0 && s->config.follow)
		return follow_wait(s);
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
		capture_fail(&s->error, CAPTURE_EREAD, "%s: interrupted", s->name);
	return s->error.code != 0;
}

/* ------------------------------------------------------------------------------------------------ mapped files */

/* Gives back whole pages before `pos`; the file still has them. */
static void map_release(struct source *s, size_t pos)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	pos -= pos % page;
	if (s->mapped && pos > s->released) {
		madvise((void *)(uintptr_t)(s->map + s->released), pos - s->released, MADV_DONTNEED);
		s->released = pos;
	}
}

/* Before this, bytes are those of the file. */
static const uint8_t *whole_end(const struct source *s)
{
	const uint8_t *end = atomic_load_explicit(&s->whole, memory_order_relaxed);

	return end ? end : s->map + s->map_len;
}

static void lose(struct source *s, const uint8_t *from)
{
	const uint8_t *end = atomic_load_explicit(&s->whole, memory_order_relaxed);

	while ((!end || from < end) && !atomic_compare_exchange_weak_explicit(&s->whole, &end, from,
		memory_order_relaxed, memory_order_relaxed))
		;
}

bool source_look(struct source *s, size_t n)
{
	struct stat st;

	if (s->mapped && fstat(s->fd, &st) == 0 && st.st_size >= 0 && (uint64_t)st.st_size < s->map_len)
		lose(s, s->map + st.st_size);
	return source_lost(s, n);
}

static int fail_lost(struct source *s)
{
	struct stat st;
	bool shorter = fstat(s->fd, &st) == 0 && (uint64_t)st.st_size < s->map_len;

	s->end = s->cur;
	return capture_fail(&s->error, CAPTURE_EDAMAGED, shorter ? "the file became shorter while it was read" :
		"the file could not be read on");
}

/* Each page, so that those that are not there are found out before somebody relies on them. */
static void touch(const struct source *s, const uint8_t *from, const uint8_t *to)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!s->mapped || from >= to)
		return;
	for (from -= (uintptr_t)from % page; from < to; from += page)
		(void)*(const volatile uint8_t *)from;
}

/* Moves what can be read by a step, of which every page is touched before. Pages left behind are given back a window at
 * a time. */
static int map_fill(struct source *s, size_t n)
{
	size_t pos = (size_t)(s->cur - s->map), left = s->map_len - pos, window = s->config.window_bytes;
	size_t step = window < TOUCH_BYTES ? window : TOUCH_BYTES;

	if (stopped(s)) {
		s->end = s->cur;
		return SOURCE_END;
	}
	step = step > n ? step : n;
	step = step < left ? step : left;
	if (pos > s->released + window)
		map_release(s, pos);
	touch(s, s->end, s->cur + step);
	source_look(s, 0);
	s->end = s->cur + step;
	if (s->end > whole_end(s))
		s->end = whole_end(s) > s->cur ? whole_end(s) : s->cur;
	if (source_left(s) >= n)
		return SOURCE_OK;
	return whole_end(s) < s->map + s->map_len ? fail_lost(s) : SOURCE_END;
}

/* ------------------------------------------------------------------------------------------------ pages that go */

/* A signal handler has nothing else to turn to than what is static. */
static struct {
	_Atomic(struct source *) first; /* mapped files */
	struct sigaction before;        /* what is done about pages of others */
} mapped;

/* In any thread: where a page of a mapped file is gone, it and what follows become zeros, and the source knows. */
static void on_lost_page(int signal, siginfo_t *info, void *context)
{
	const uint8_t *at = info->si_addr;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int error = errno;
	(void)context;

	for (struct source *s = info->si_code > 0 ? mapped.first : NULL; s; s = s->next_mapped) {
		if ((uintptr_t)at - (uintptr_t)s->map >= s->map_len)
			continue;
		at -= (uintptr_t)at % page;
		if (mmap((void *)(uintptr_t)at, (size_t)(s->map + s->map_len - at), PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			break;
		lose(s, at);
		errno = error;
		return;
	}
	/* Then what would have happened without us: the instruction fails again, or, if there is none, the signal
	 * comes. */
	sigaction(signal, &mapped.before, NULL);
	mapped.before = (struct sigaction){ .sa_handler = SIG_DFL };
	if (info->si_code <= 0)
		raise(signal);
}

void capture_guard(void)
{
	struct sigaction ours = { .sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO | SA_ONSTACK }, now;

	if (sigaction(SIGBUS, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_lost_page)) {
		mapped.before = now;
		sigaction(SIGBUS, &ours, NULL);
	}
}

static void enlist(struct source *s)
{
	s->next_mapped = mapped.first;
	mapped.first = s;
	capture_guard();
}

static void strike_off(const struct source *s)
{
	if (mapped.first == s) {
		mapped.first = s->next_mapped;
		return;
	}
	for (struct source *before = mapped.first; before; before = before->next_mapped)
		if (before->next_mapped == s)
			before->next_mapped = s->next_mapped;
}

/* ------------------------------------------------------------------------------------------------ streams */

/* Room for n bytes from cur on, with as much as there is moved to the front. */
static int make_room(struct source *s, size_t n)
{
	size_t have = source_left(s), size = s->buf_size ? s->buf_size : BUFFER_BYTES;
	uint8_t *buf = s->buf;

	while (size < n)
		size *= 2;
	if (size != s->buf_size) {
		buf = malloc(size);
		if (!buf)
			return capture_fail(&s->error, CAPTURE_ENOMEM, "%s: out of memory", s->name);
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

static int stream_fill(struct source *s, size_t n)
{
	while (source_left(s) < n) {
		size_t have = source_left(s);
		ssize_t got;

		if (s->error.code)
			return s->error.code;
		if (s->at_end)
			return SOURCE_END;
		if ((!s->buf || (size_t)(s->buf + s->buf_size - s->cur) < n || have == 0) && make_room(s, n) < 0)
			return s->error.code;
		if (s->compression)
			got = archive_read_some(s, s->buf + (s->end - s->buf), (size_t)(s->buf + s->buf_size - s->end));
		else
			got = source_read_stored(s, s->buf + (s->end - s->buf),
				(size_t)(s->buf + s->buf_size - s->end));
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
		rc = s->map ? map_fill(s, 1) : stream_fill(s, 1);
		if (rc != SOURCE_OK)
			return rc;
	}
	return SOURCE_OK;
}

int source_fill(struct source *s, size_t n)
{
	int rc;

	assert(n <= SOURCE_MAX_NEED);
	if (s->error.code)
		return s->error.code;
	if (source_lost(s, n))
		return fail_lost(s);
	rc = settle(s);
	if (rc != SOURCE_OK || source_left(s) >= n)
		return rc;
	return s->map ? map_fill(s, n) : stream_fill(s, n);
}

void source_pass(struct source *s, uint64_t n)
{
	size_t left = source_left(s), step = n < left ? (size_t)n : left;

	s->cur += step;
	s->owed += n - step;
}

uint64_t source_done(const struct source *s)
{
	return s->map ? (uint64_t)(s->cur - s->map) : s->done_bytes;
}

/* ------------------------------------------------------------------------------------------------ open, close */

/* False: mapping is not possible, reading may be. */
static bool map_file(struct source *s, const struct stat *st)
{
	void *map;

	if (st->st_size <= 0 || (uint64_t)st->st_size > SIZE_MAX / 2)
		return false;
	map = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, s->fd, 0);
	if (map == MAP_FAILED)
		return false;
	madvise(map, (size_t)st->st_size, MADV_SEQUENTIAL);
	s->map = s->cur = s->end = map;
	s->map_len = (size_t)st->st_size;
	s->mapped = true;
	enlist(s);
	return true;
}

/* Waits for the first bytes of a stream and looks whether they are compressed. */
static int begin_stream(struct source *s)
{
	int rc;

	while ((rc = stream_fill(s, ARCHIVE_MAGIC_BYTES)) == SOURCE_IDLE)
		if (source_interrupted(s))
			return s->error.code;
	if (rc < 0)
		return rc;
	s->compression = archive_recognise(s->cur, source_left(s));
	return s->compression ? archive_start(s) : 0;
}

static int begin_file(struct source *s, const struct stat *st)
{
	uint8_t magic[ARCHIVE_MAGIC_BYTES];
	ssize_t n = pread(s->fd, magic, sizeof magic, 0);

	s->total_bytes = st->st_size > 0 ? (uint64_t)st->st_size : 0;
	if (n < 0)
		return fail_errno(s, CAPTURE_EOPEN, "cannot be read");
	if (!s->config.follow && !archive_recognise(magic, (size_t)n) && map_file(s, st))
		return 0;
	return begin_stream(s);
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
		return fail_errno(s, CAPTURE_EOPEN, "");
	if (S_ISDIR(st.st_mode))
		return capture_fail(&s->error, CAPTURE_EOPEN, "%s: is a directory", s->name);
	if (S_ISREG(st.st_mode) && !is_stdin)
		return begin_file(s, &st);
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		s->total_bytes = (uint64_t)st.st_size;
	return begin_stream(s);
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
		return begin_stream(s);
	s->map = s->cur = s->end = bytes ? bytes : (const uint8_t *)"";
	s->map_len = len;
	return 0;
}

void source_close(struct source *s)
{
	archive_stop(s);
	if (s->mapped) {
		strike_off(s);
		munmap((void *)(uintptr_t)s->map, s->map_len);
	}
	free(s->buf);
	if (s->own_fd && s->fd >= 0)
		close(s->fd);
	memset(s, 0, sizeof *s);
	s->fd = -1;
}
