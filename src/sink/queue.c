#include "config.h"
#include "sink/queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000L

enum { WAIT_MS = 5000, WRITE_MAX = 1 << 16 };

struct queue {
	int fd;
	FILE *stream;
	char *ring;
	size_t size;
	enum queue_manner manner;
	/* the line that is not complete yet; only the writing side knows it */
	char *line;
	size_t line_len, line_size;
	bool too_long;                  /* what is left of it goes the way of its beginning */
	bool started;
	pthread_t thread;
	/* shared */
	pthread_mutex_t lock;
	pthread_cond_t filled, taken;
	size_t head, used;              /* bytes [head, head + used) wait, around the end */
	uint64_t dropped;
	int error;
	bool ending, given_up;
};

/* ---------------------------------------------------------------------------------------------- the thread */

static void take(struct queue *q, size_t n)
{
	q->head = (q->head + n) % q->size;
	q->used -= n;
	pthread_cond_signal(&q->taken);
}

/* Writes what waits, a piece at a time: outside the lock, since the reader may keep it waiting. */
static void *run(void *ctx)
{
	struct queue *q = ctx;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		size_t n;
		ssize_t wrote;

		while (!q->used && !q->ending)
			pthread_cond_wait(&q->filled, &q->lock);
		if (!q->used || q->given_up || q->error)
			break;
		n = q->used < q->size - q->head ? q->used : q->size - q->head;
		n = n < WRITE_MAX ? n : WRITE_MAX;
		pthread_mutex_unlock(&q->lock);
		wrote = write(q->fd, q->ring + q->head, n);
		pthread_mutex_lock(&q->lock);
		if (wrote >= 0)
			take(q, (size_t)wrote);
		else if (errno != EINTR && errno != EAGAIN)
			q->error = errno;
	}
	pthread_cond_signal(&q->taken);
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

int queue_start(struct queue *q)
{
	sigset_t all, old;
	int error;

	sigfillset(&all); /* signals are for the other thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&q->thread, NULL, run, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	q->started = !error;
	return error;
}

/* ---------------------------------------------------------------------------------------------- lines in */

static struct timespec after_ms(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * (NS_PER_S / 1000);
	ts.tv_sec += ts.tv_nsec / NS_PER_S;
	ts.tv_nsec %= NS_PER_S;
	return ts;
}

static bool fits(const struct queue *q, size_t len)
{
	size_t limit = q->manner == QUEUE_DROP ? q->size - QUEUE_RESERVE : q->size;

	return q->used + len <= limit;
}

/* Locked. False: the reader has taken nothing for so long. */
static bool wait_taken(struct queue *q, int ms)
{
	struct timespec until = after_ms(ms);
	size_t used = q->used;

	while (q->used == used && !q->error)
		if (pthread_cond_timedwait(&q->taken, &q->lock, &until) == ETIMEDOUT)
			return q->used != used;
	return !q->error;
}

static void copy_in(struct queue *q, const char *bytes, size_t len)
{
	size_t at = (q->head + q->used) % q->size, first = len < q->size - at ? len : q->size - at;

	memcpy(q->ring + at, bytes, first);
	memcpy(q->ring, bytes + first, len - first);
	q->used += len;
	pthread_cond_signal(&q->filled);
}

/* Whole lines, as many as `lines`: all or none. */
static bool put(struct queue *q, const char *bytes, size_t len, uint64_t lines)
{
	bool good;

	pthread_mutex_lock(&q->lock);
	while (!fits(q, len) && q->manner == QUEUE_WAIT && len <= q->size && q->started && !q->error)
		if (!wait_taken(q, WAIT_MS))
			q->manner = QUEUE_URGENT; /* once is enough: it will not come back */
	good = q->error || fits(q, len);
	if (good && !q->error)
		copy_in(q, bytes, len);
	if (!good && lines == 1)
		q->dropped++;
	pthread_mutex_unlock(&q->lock);
	return good;
}

static uint64_t count_lines(const char *bytes, size_t len)
{
	uint64_t n = 0;

	for (const char *end = bytes + len; (bytes = memchr(bytes, '\n', (size_t)(end - bytes))); bytes++)
		n++;
	return n;
}

/* If not all of it fits then as many lines of it as do. */
static void put_lines(struct queue *q, const char *bytes, size_t len)
{
	uint64_t lines = count_lines(bytes, len);

	if (!lines || (len < q->size / 4 && put(q, bytes, len, lines)) || lines == 1)
		return;
	for (const char *end = bytes + len, *next; bytes < end; bytes = next) {
		next = (const char *)memchr(bytes, '\n', (size_t)(end - bytes)) + 1;
		put(q, bytes, (size_t)(next - bytes), 1);
	}
}

static void drop_line(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->dropped++;
	pthread_mutex_unlock(&q->lock);
	q->line_len = 0;
}

static void keep_part(struct queue *q, const char *bytes, size_t len)
{
	size_t size = q->line_size ? q->line_size : 4096;
	char *line;

	while (size < q->line_len + len)
		size *= 2;
	if (size > QUEUE_LINE_MAX || q->too_long) {
		q->too_long = true;
		return;
	}
	if (size > q->line_size) {
		line = realloc(q->line, size);
		if (!line) {
			q->too_long = true;
			return;
		}
		q->line = line;
		q->line_size = size;
	}
	memcpy(q->line + q->line_len, bytes, len);
	q->line_len += len;
}

static ssize_t on_write(void *ctx, const char *bytes, size_t len)
{
	struct queue *q = ctx;
	const char *first = memchr(bytes, '\n', len), *last = memrchr(bytes, '\n', len);
	size_t rest = len;

	if (first && (q->line_len || q->too_long)) {
		keep_part(q, bytes, (size_t)(first + 1 - bytes));
		if (q->too_long)
			drop_line(q);
		else
			put_lines(q, q->line, q->line_len);
		q->line_len = 0;
		q->too_long = false;
		rest -= (size_t)(first + 1 - bytes);
		bytes = first + 1;
	}
	if (first && last >= bytes) {
		put_lines(q, bytes, (size_t)(last + 1 - bytes));
		rest -= (size_t)(last + 1 - bytes);
		bytes = last + 1;
	}
	if (rest)
		keep_part(q, bytes, rest);
	return (ssize_t)len;
}

/* ---------------------------------------------------------------------------------------------- the rest */

struct queue *queue_new(int fd, size_t size)
{
	static const cookie_io_functions_t functions = { .write = on_write };
	struct queue *q = calloc(1, sizeof *q);
	pthread_condattr_t attr;

	if (!q)
		return NULL;
	q->fd = fd;
	q->size = size;
	q->ring = malloc(size);
	q->stream = fopencookie(q, "w", functions);
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->filled, &attr);
	pthread_cond_init(&q->taken, &attr);
	pthread_condattr_destroy(&attr);
	if (q->ring && q->stream) {
		memset(q->ring, 0, size); /* it takes its memory now, not when it fills for the first time */
		return q;
	}
	queue_close(q, 0, &(int){ 0 });
	return NULL;
}

FILE *queue_stream(struct queue *q)
{
	return q->stream;
}

void queue_manner(struct queue *q, enum queue_manner manner)
{
	fflush(q->stream);
	q->manner = manner;
}

uint64_t queue_dropped(struct queue *q)
{
	uint64_t n;

	pthread_mutex_lock(&q->lock);
	n = q->dropped;
	pthread_mutex_unlock(&q->lock);
	return n;
}

bool queue_has_room(struct queue *q)
{
	bool room;

	pthread_mutex_lock(&q->lock);
	room = q->used + QUEUE_RESERVE <= q->size;
	pthread_mutex_unlock(&q->lock);
	return room;
}

int queue_error(struct queue *q)
{
	int error;

	pthread_mutex_lock(&q->lock);
	error = q->error;
	pthread_mutex_unlock(&q->lock);
	return error;
}

static uint64_t lines_left(const struct queue *q)
{
	size_t first = q->used < q->size - q->head ? q->used : q->size - q->head;

	return count_lines(q->ring + q->head, first) + count_lines(q->ring, q->used - first);
}

uint64_t queue_close(struct queue *q, int wait_ms, int *error)
{
	uint64_t left = 0;

	if (!q)
		return 0;
	if (q->stream)
		fclose(q->stream);
	pthread_mutex_lock(&q->lock);
	while (q->started && q->used && !q->error && wait_taken(q, wait_ms))
		;
	q->ending = true;
	q->given_up = q->used > 0;
	if (q->ring && q->given_up && !q->error)
		left = lines_left(q);
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
	/* A thread that is held by a reader who reads no more cannot be waited for; it holds nothing but this. */
	if (q->started && q->given_up && !q->error) {
		pthread_detach(q->thread);
		*error = 0;
		return left;
	}
	if (q->started)
		pthread_join(q->thread, NULL);
	*error = q->error;
	pthread_cond_destroy(&q->filled);
	pthread_cond_destroy(&q->taken);
	pthread_mutex_destroy(&q->lock);
	free(q->ring);
	free(q->line);
	free(q);
	return left;
}
