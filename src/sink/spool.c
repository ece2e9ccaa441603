#include "sink/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <unistd.h>

enum { JOBS = 512, SIZES = 7, FILES_MAX = 256, FILES_MIN = 8 };

_Static_assert((int)SPOOL_SMALLEST << (SIZES - 1) == (int)SPOOL_BUFFER, "so many sizes");

_Static_assert((int)JOBS <= (int)TCPSTAT_ERRANDS, "a helper takes so many");

/* Of whoever does the jobs, but for `part` and `begun`. */
struct spool_file {
	TAILQ_ENTRY(spool_file) link;
	bool begun;                     /* some of it was given to be written */
	int fd;                         /* -1: closed, so in no list */
	bool made;                      /* there is one called `part` */
	char part[SPOOL_PART_SIZE];
};

/* Kept to be used again. */
struct idle {
	struct idle *next;
};

struct job {
	struct spool *spool;
	struct spool_file *file;
	uint8_t *buffer;
	size_t size, n;
	struct spool_ending *ending;    /* NULL: it goes on */
	bool stored;                    /* the file has all it gets, and its last name */
};

TAILQ_HEAD(open_files, spool_file);

struct spool {
	const char *dir;
	const struct tcpstat_helper *helper;
	/* of whoever gives jobs */
	struct job jobs[JOBS];          /* a ring */
	uint64_t given, reclaimed;
	size_t waiting;                 /* bytes of their buffers */
	struct idle *kept[SIZES];       /* by size, the smallest first */
	size_t kept_bytes;
	/* of whoever does them */
	int dir_fd;
	FILE *index;
	struct open_files open;         /* the most recently used first */
	unsigned n_open, max_open;
	/* of both */
	atomic_flag failing;
	atomic_bool failed;             /* `error` can be read */
	char error[512];
};

void spool_fail(struct spool *s, const char *name, int number)
{
	if (atomic_flag_test_and_set(&s->failing))
		return;
	snprintf(s->error, sizeof s->error, "%s/%s: %s", s->dir, name, strerror(number));
	atomic_store(&s->failed, true);
}

const char *spool_error(const struct spool *s)
{
	return atomic_load_explicit(&s->failed, memory_order_acquire) ? s->error : "";
}

static unsigned descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur / 2 >= FILES_MAX)
		return FILES_MAX;
	return limit.rlim_cur / 2 > FILES_MIN ? (unsigned)(limit.rlim_cur / 2) : FILES_MIN;
}

struct spool *spool_new(const char *dir, int dir_fd, FILE *index, const struct tcpstat_helper *helper)
{
	struct spool *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->dir = dir;
	s->dir_fd = dir_fd;
	s->index = index;
	s->helper = helper;
	s->max_open = descriptors();
	TAILQ_INIT(&s->open);
	atomic_flag_clear(&s->failing);
	return s;
}

/* ------------------------------------------------------------------------------------------------------ the jobs */

static void close_fd(struct spool *s, struct spool_file *f, const char *name)
{
	if (f->fd < 0)
		return;
	if (close(f->fd))
		spool_fail(s, name, errno);
	f->fd = -1;
	TAILQ_REMOVE(&s->open, f, link);
	s->n_open--;
}

enum { OPEN_FLAGS = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, NEW_FLAGS = OPEN_FLAGS | O_CREAT | O_TRUNC };

/* Opens `name` for appending; a new file is empty. */
static bool open_fd(struct spool *s, struct spool_file *f, const char *name)
{
	if (f->fd >= 0) {
		TAILQ_REMOVE(&s->open, f, link);
		TAILQ_INSERT_HEAD(&s->open, f, link);
		return true;
	}
	for (;;) {
		while (s->n_open >= s->max_open)
			close_fd(s, TAILQ_LAST(&s->open, open_files), TAILQ_LAST(&s->open, open_files)->part);
		f->fd = openat(s->dir_fd, name, f->made ? OPEN_FLAGS : NEW_FLAGS, 0666);
		if (f->fd >= 0)
			break;
		if ((errno != EMFILE && errno != ENFILE) || !s->n_open) {
			spool_fail(s, name, errno);
			return false;
		}
		s->max_open = s->n_open;
	}
	s->n_open++;
	TAILQ_INSERT_HEAD(&s->open, f, link);
	f->made = true;
	return true;
}

static void write_all(struct spool *s, int fd, const char *name, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			spool_fail(s, name, errno);
			return;
		}
		data += n;
		len -= (size_t)n;
	}
}

static void append(struct spool *s, const struct job *job, const char *name)
{
	if (open_fd(s, job->file, name))
		write_all(s, job->file->fd, name, job->buffer, job->n);
}

/* A file that was not written yet has its last name from the start. */
static void end_file(struct spool *s, const struct job *job)
{
	struct spool_file *f = job->file;
	const struct spool_ending *e = job->ending;
	bool rename_it = f->made;

	if (!job->stored && !*spool_error(s) && (job->n || !rename_it))
		append(s, job, rename_it ? f->part : e->name);
	close_fd(s, f, e->name);
	if (!*spool_error(s) && rename_it && renameat(s->dir_fd, f->part, s->dir_fd, e->name))
		spool_fail(s, e->name, errno);
	if (!*spool_error(s) && fwrite(e->line, 1, e->len, s->index) != e->len)
		spool_fail(s, "index.jsonl", errno);
}

static void run(void *arg, void *next)
{
	struct job *job = arg;
	struct spool *s = job->spool;

	(void)next;

	if (job->ending)
		end_file(s, job);
	else if (!*spool_error(s))
		append(s, job, job->file->part);
}

/* ------------------------------------------------------------------------------------------------------ their giver */

/* Which of the sizes has so many bytes? */
static unsigned size_of(size_t bytes)
{
	unsigned i = 0;

	while ((size_t)SPOOL_SMALLEST << i < bytes)
		i++;
	return i;
}

void spool_keep(struct spool *s, uint8_t *buffer, size_t size)
{
	struct idle *idle = (struct idle *)(void *)buffer, **kept;

	if (!buffer)
		return;
	if (s->kept_bytes + size > SPOOL_WAITING) {
		free(buffer);
		return;
	}
	kept = &s->kept[size_of(size)];
	idle->next = *kept;
	*kept = idle;
	s->kept_bytes += size;
}

uint8_t *spool_buffer(struct spool *s, size_t size)
{
	struct idle **kept = &s->kept[size_of(size)], *idle = *kept;

	if (!idle)
		return malloc(size);
	*kept = idle->next;
	s->kept_bytes -= size;
	return (uint8_t *)idle;
}

/* Takes back what jobs that are done have left. */
static void reclaim(struct spool *s, uint64_t done)
{
	for (; s->reclaimed < done; s->reclaimed++) {
		struct job *job = &s->jobs[s->reclaimed % JOBS];

		s->waiting -= job->size;
		spool_keep(s, job->buffer, job->size);
		if (job->ending)
			free(job->file);
		free(job->ending);
	}
}

static void wait_for(struct spool *s, uint64_t n)
{
	if (s->helper)
		s->helper->wait(s->helper->ctx, n);
	reclaim(s, n);
}

void spool_wait(struct spool *s)
{
	wait_for(s, s->given);
}

/* A slot in the ring; there may be less room than that when the disk is slow. */
static void make_room(struct spool *s)
{
	if (s->helper)
		reclaim(s, s->helper->done(s->helper->ctx));
	if (s->given - s->reclaimed == JOBS || s->waiting > SPOOL_WAITING)
		wait_for(s, s->given - (s->given - s->reclaimed) / 2);
}

/* The helper is so far behind that some should be done here. */
static bool is_behind(struct spool *s)
{
	if (!s->helper)
		return false;
	reclaim(s, s->helper->done(s->helper->ctx));
	return s->given - s->reclaimed >= JOBS / 2;
}

/* A file of which nothing was given before, at once. False: the helper may find a descriptor for it. */
static bool store(struct spool *s, const char *name, const uint8_t *data, size_t len)
{
	int fd = openat(s->dir_fd, name, NEW_FLAGS, 0666);

	if (fd < 0)
		return false;
	write_all(s, fd, name, data, len);
	if (close(fd))
		spool_fail(s, name, errno);
	return true;
}

static void give(struct spool *s, struct job job)
{
	struct job *slot;

	make_room(s);
	slot = &s->jobs[s->given++ % JOBS];
	*slot = job;
	s->waiting += job.size;
	if (s->helper) {
		s->helper->give(s->helper->ctx, run, slot);
		return;
	}
	run(slot, NULL);
	reclaim(s, s->given);
}

void spool_append(struct spool *s, struct spool_file *f, uint8_t *buffer, size_t size, size_t n)
{
	f->begun = true;
	give(s, (struct job){ .spool = s, .file = f, .buffer = buffer, .size = size, .n = n });
}

void spool_close(struct spool *s, struct spool_file *f, uint8_t *buffer, size_t size, size_t n,
		 struct spool_ending *ending)
{
	bool stored = !f->begun && !*spool_error(s) && is_behind(s) && store(s, ending->name, buffer, n);

	if (stored) { /* what is left is its line: the index keeps its order */
		spool_keep(s, buffer, size);
		buffer = NULL;
		size = n = 0;
	}
	give(s, (struct job){ .spool = s, .file = f, .buffer = buffer, .size = size, .n = n, .ending = ending,
		.stored = stored });
}

struct spool_file *spool_open(const char part[SPOOL_PART_SIZE])
{
	struct spool_file *f = malloc(sizeof *f);

	if (!f)
		return NULL;
	*f = (struct spool_file){ .fd = -1 };
	memcpy(f->part, part, sizeof f->part);
	return f;
}

size_t spool_bytes(const struct spool *s)
{
	return s->waiting + s->kept_bytes;
}

void spool_shrink(struct spool *s)
{
	spool_wait(s);
	for (unsigned i = 0; i < SIZES; i++)
		while (s->kept[i]) {
			struct idle *idle = s->kept[i];
			s->kept[i] = idle->next;
			free(idle);
		}
	s->kept_bytes = 0;
}

void spool_drop(struct spool *s, struct spool_file *f)
{
	if (!f)
		return;
	spool_wait(s);
	if (f->fd >= 0) {
		TAILQ_REMOVE(&s->open, f, link);
		s->n_open--;
		close(f->fd);
	}
	free(f);
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	spool_shrink(s);
	free(s);
}
