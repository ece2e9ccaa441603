#include "sink/extract.h"

#include "sink/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUFFER_FIRST_BYTES = 4 * 1024, BUFFER_BYTES = 64 * 1024,
	FILES_MAX = 256, FILES_MIN = 8,
	NAME_SIZE = 160
};

static const char *const suffix[2] = { "c2s", "s2c" };

/* Files that hold a buffer or a descriptor stand in the list `warm`, the most recently used first. */
struct extract_file {
	TAILQ_ENTRY(extract_file) warm, all;
	bool is_warm, made;             /* made: the .part file exists */
	uint32_t conn;
	enum tcpstat_dir dir;
	int fd;                         /* -1: closed */
	uint8_t *buffer;
	size_t n, size;
	uint64_t bytes, n_gaps, gap_bytes;
	struct tcpstat_ev_gap *gaps;    /* the first ones */
	size_t gaps_listed, gaps_size;
};

TAILQ_HEAD(file_list, extract_file);

struct extract {
	char *dir;
	int dir_fd;
	FILE *index;
	struct file_list warm, all;
	size_t most;                    /* bytes for buffers, and a quarter of it for lists of gaps */
	size_t buffered;                /* bytes of all buffers */
	size_t listed;                  /* bytes of all lists of gaps */
	unsigned n_open, max_open;
	char error[512];
};

static void fail(struct extract *e, const char *name)
{
	if (!*e->error)
		snprintf(e->error, sizeof e->error, "%s/%s: %s", e->dir, name, strerror(errno));
}

static unsigned descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur / 2 >= FILES_MAX)
		return FILES_MAX;
	return limit.rlim_cur / 2 > FILES_MIN ? (unsigned)(limit.rlim_cur / 2) : FILES_MIN;
}

struct extract *extract_new(const char *dir, size_t most_bytes, char *error, size_t size)
{
	struct extract *e = calloc(1, sizeof *e);
	int fd = -1;

	if (!e || !(e->dir = strdup(dir))) {
		snprintf(error, size, "%s", tcpstat_strerror(TCPSTAT_ENOMEM));
		free(e);
		return NULL;
	}
	TAILQ_INIT(&e->warm);
	TAILQ_INIT(&e->all);
	e->most = most_bytes ? most_bytes : EXTRACT_BYTES;
	e->max_open = descriptors();
	e->dir_fd = -1;
	if (!mkdir(dir, 0777) || errno == EEXIST)
		e->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->dir_fd >= 0)
		fd = openat(e->dir_fd, "index.jsonl", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd >= 0)
		e->index = fdopen(fd, "w");
	if (e->index)
		return e;
	snprintf(error, size, "%s: %s", dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	extract_free(e);
	return NULL;
}

const char *extract_error(const struct extract *e)
{
	return e->error;
}

/* ------------------------------------------------------------------------------------------------------ one file */

static void part_name(const struct extract_file *f, char name[NAME_SIZE])
{
	stpcpy(stpcpy(stpcpy(name + record_uint_text(f->conn, name), "."), suffix[f->dir]), ".part");
}

static void close_fd(struct extract *e, struct extract_file *f, const char *name)
{
	if (f->fd < 0)
		return;
	if (close(f->fd))
		fail(e, name);
	f->fd = -1;
	e->n_open--;
}

static void free_buffer(struct extract *e, struct extract_file *f)
{
	free(f->buffer);
	e->buffered -= f->size;
	f->buffer = NULL;
	f->size = f->n = 0;
}

/* Everything goes to the disk, nothing stays open. */
static void cool(struct extract *e, struct extract_file *f);

static void warm_up(struct extract *e, struct extract_file *f)
{
	if (f->is_warm && TAILQ_FIRST(&e->warm) == f)
		return;
	if (f->is_warm)
		TAILQ_REMOVE(&e->warm, f, warm);
	TAILQ_INSERT_HEAD(&e->warm, f, warm);
	f->is_warm = true;
}

/* The least recently used file that is open; there is one. */
static struct extract_file *last_open(struct extract *e)
{
	struct extract_file *f;

	TAILQ_FOREACH_REVERSE(f, &e->warm, file_list, warm)
		if (f->fd >= 0)
			break;
	return f;
}

/* Opens `name` for appending; a new file is empty. */
static bool open_fd(struct extract *e, struct extract_file *f, const char *name)
{
	int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (f->made ? 0 : O_CREAT | O_TRUNC);

	for (;;) {
		while (e->n_open >= e->max_open)
			cool(e, last_open(e));
		f->fd = openat(e->dir_fd, name, flags, 0666);
		if (f->fd >= 0)
			break;
		if ((errno != EMFILE && errno != ENFILE) || !e->n_open) {
			fail(e, name);
			return false;
		}
		e->max_open = e->n_open;
	}
	e->n_open++;
	f->made = true;
	return true;
}

static void write_all(struct extract *e, struct extract_file *f, const char *name, const uint8_t *data, size_t len)
{
	if (*e->error || (f->fd < 0 && !open_fd(e, f, name)))
		return;
	while (len) {
		ssize_t n = write(f->fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail(e, name);
			return;
		}
		data += n;
		len -= (size_t)n;
	}
}

static void flush(struct extract *e, struct extract_file *f, const char *name)
{
	if (f->n)
		write_all(e, f, name, f->buffer, f->n);
	f->n = 0;
}

static void cool(struct extract *e, struct extract_file *f)
{
	char name[NAME_SIZE];

	part_name(f, name);
	TAILQ_REMOVE(&e->warm, f, warm);
	f->is_warm = false;
	flush(e, f, name);
	free_buffer(e, f);
	close_fd(e, f, name);
}

/* Room for `want` more bytes in the buffer, or as much as a buffer has. */
static bool grow(struct extract *e, struct extract_file *f, size_t want)
{
	size_t size = f->size ? f->size : BUFFER_FIRST_BYTES;

	while (size < BUFFER_BYTES && size - f->n < want)
		size *= 2;
	if (size == f->size)
		return true;
	while (e->buffered + (size - f->size) > e->most / 4 * 3 && TAILQ_LAST(&e->warm, file_list) != f)
		cool(e, TAILQ_LAST(&e->warm, file_list));
	uint8_t *p = realloc(f->buffer, size);
	if (!p)
		return false;
	e->buffered += size - f->size;
	f->buffer = p;
	f->size = size;
	return true;
}

struct extract_file *extract_open(struct extract *e, uint32_t conn, enum tcpstat_dir dir)
{
	struct extract_file *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->conn = conn;
	f->dir = dir;
	f->fd = -1;
	TAILQ_INSERT_TAIL(&e->all, f, all);
	return f;
}

void extract_write(struct extract *e, struct extract_file *f, const uint8_t *data, size_t len)
{
	char name[NAME_SIZE];

	if (*e->error)
		return;
	f->bytes += len;
	warm_up(e, f);
	while (len) {
		if (f->size - f->n < len && !grow(e, f, len)) {
			errno = ENOMEM;
			part_name(f, name);
			fail(e, name);
			return;
		}
		size_t n = f->size - f->n < len ? f->size - f->n : len;
		memcpy(f->buffer + f->n, data, n);
		f->n += n;
		data += n;
		len -= n;
		if (f->n == BUFFER_BYTES) {
			part_name(f, name);
			flush(e, f, name);
		}
	}
}

void extract_gap(struct extract *e, struct extract_file *f, const struct tcpstat_ev_gap *gap)
{
	f->n_gaps++;
	f->gap_bytes += gap->len;
	if (f->n_gaps > EXTRACT_GAPS || f->gaps_listed + 1 < f->n_gaps)
		return;
	if (f->n_gaps > f->gaps_size) {
		size_t size = f->gaps_size ? f->gaps_size * 2 : 4, more = (size - f->gaps_size) * sizeof *f->gaps;
		struct tcpstat_ev_gap *p;

		if (e->listed + more > e->most / 4)
			return;
		p = realloc(f->gaps, size * sizeof *p);
		if (!p) {
			errno = ENOMEM;
			fail(e, "index.jsonl");
			f->n_gaps--;
			return;
		}
		e->listed += more;
		f->gaps = p;
		f->gaps_size = size;
	}
	f->gaps[f->gaps_listed++] = *gap;
}

/* ------------------------------------------------------------------------------------------------------ the end */

/* Where the text goes on; an IPv6 address with its scope or a long number still leaves room. */
static char *append_endpoint(char *to, const struct tcpstat_addr *a, uint16_t port)
{
	char *c = to;

	*c++ = '-';
	to = record_addr_text(a, c) ? c + strlen(c) : stpcpy(c, "unknown");
	for (; c < to; c++)
		if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || *c == '.'))
			*c = '-';
	*to++ = '_';
	return to + record_uint_text(port, to);
}

static void final_name(const struct extract_file *f, const struct tcpstat_conn *c, char name[NAME_SIZE])
{
	char *to = name + record_uint_text(f->conn, name);

	to = append_endpoint(to, &c->addr[TCPSTAT_CLIENT], c->port[TCPSTAT_CLIENT]);
	to = append_endpoint(to, &c->addr[TCPSTAT_SERVER], c->port[TCPSTAT_SERVER]);
	stpcpy(stpcpy(to, "."), suffix[f->dir]);
}

_Static_assert(2 * (RECORD_ADDR_SIZE + RECORD_NUMBER_SIZE) <= NAME_SIZE, "names fit");

static char *put_number(char *to, const char *key, uint64_t n)
{
	to = stpcpy(to, key);
	return to + record_uint_text(n, to);
}

static void list(struct extract *e, const struct extract_file *f, const char *name, const char *sha256)
{
	char line[NAME_SIZE + 512], *to;

	to = put_number(line, "{\"conn\":", f->conn);
	to = stpcpy(stpcpy(stpcpy(to, ",\"dir\":\""), suffix[f->dir]), "\",\"file\":\"");
	to = put_number(stpcpy(to, name), "\",\"bytes\":", f->bytes);
	to = stpcpy(stpcpy(to, sha256 ? ",\"sha256\":\"" : ",\"sha256\":null"), sha256 ? sha256 : "");
	to = put_number(stpcpy(to, sha256 ? "\"," : ","), "\"gaps\":{\"count\":", f->n_gaps);
	to = stpcpy(put_number(to, ",\"bytes\":", f->gap_bytes), ",\"list\":[");
	fwrite(line, 1, (size_t)(to - line), e->index);
	for (size_t i = 0; i < f->gaps_listed; i++)
		fprintf(e->index, "%s{\"offset\":%" PRIu64 ",\"len\":%" PRIu64 ",\"why\":\"%s\"}", i ? "," : "",
			f->gaps[i].offset, f->gaps[i].len, tcpstat_gap_why_name(f->gaps[i].why));
	fputs("]}}\n", e->index);
	if (ferror(e->index))
		fail(e, "index.jsonl");
}

static void free_file(struct extract *e, struct extract_file *f)
{
	if (f->is_warm)
		TAILQ_REMOVE(&e->warm, f, warm);
	TAILQ_REMOVE(&e->all, f, all);
	free_buffer(e, f);
	e->listed -= f->gaps_size * sizeof *f->gaps;
	free(f->gaps);
	free(f);
}

void extract_close(struct extract *e, struct extract_file *f, const struct tcpstat_conn *c, const char *sha256)
{
	char name[NAME_SIZE], part[NAME_SIZE];
	bool rename_it = f->made;

	final_name(f, c, name);
	part_name(f, part);
	warm_up(e, f);
	if (f->n || !rename_it)
		write_all(e, f, rename_it ? part : name, f->buffer, f->n);
	close_fd(e, f, name);
	if (!*e->error && rename_it && renameat(e->dir_fd, part, e->dir_fd, name))
		fail(e, name);
	if (!*e->error)
		list(e, f, name, sha256);
	free_file(e, f);
}

void extract_finish(struct extract *e)
{
	if (fflush(e->index))
		fail(e, "index.jsonl");
}

void extract_free(struct extract *e)
{
	if (!e)
		return;
	while (!TAILQ_EMPTY(&e->all)) {
		struct extract_file *f = TAILQ_FIRST(&e->all);
		close_fd(e, f, "");
		free_file(e, f);
	}
	if (e->index)
		fclose(e->index);
	if (e->dir_fd >= 0)
		close(e->dir_fd);
	free(e->dir);
	free(e);
}
