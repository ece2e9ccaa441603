#include "sink/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink/record.h"
#include "sink/spool.h"

enum { GAP_TEXT_SIZE = 96 };

static const char *const suffix[2] = { "c2s", "s2c" };

/* Files that hold a buffer stand in the list `warm`, the most recently used first. */
struct extract_file {
	TAILQ_ENTRY(extract_file) warm, all;
	bool is_warm;
	uint32_t conn;
	enum tcpstat_dir dir;
	struct spool_file *file;
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
	struct spool *spool;
	struct file_list warm, all;
	size_t most;                    /* bytes for buffers, and a quarter of it for lists of gaps */
	size_t buffered;                /* bytes of all buffers of files */
	size_t listed;                  /* bytes of all lists of gaps */
};

/* The directory, the index in it, and who writes. False: errno says why. */
static bool open_all(struct extract *e, const char *dir, const struct tcpstat_helper *helper)
{
	int fd = -1;

	if (!mkdir(dir, 0777) || errno == EEXIST)
		e->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->dir_fd >= 0)
		fd = openat(e->dir_fd, "index.jsonl", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return false;
	e->index = fdopen(fd, "w");
	if (!e->index) {
		close(fd);
		return false;
	}
	e->spool = spool_new(e->dir, e->dir_fd, e->index, helper);
	return e->spool;
}

struct extract *extract_new(const char *dir, size_t most_bytes, const struct tcpstat_helper *helper, char *error,
			    size_t size)
{
	struct extract *e = calloc(1, sizeof *e);

	if (!e || !(e->dir = strdup(dir))) {
		snprintf(error, size, "%s", tcpstat_strerror(TCPSTAT_ENOMEM));
		free(e);
		return NULL;
	}
	TAILQ_INIT(&e->warm);
	TAILQ_INIT(&e->all);
	e->most = most_bytes ? most_bytes : EXTRACT_BYTES;
	e->dir_fd = -1;
	if (open_all(e, dir, helper))
		return e;
	snprintf(error, size, "%s: %s", dir, strerror(errno));
	extract_free(e);
	return NULL;
}

const char *extract_error(const struct extract *e)
{
	return spool_error(e->spool);
}

/* ------------------------------------------------------------------------------------------------------ one file */

static void part_name(uint32_t conn, enum tcpstat_dir dir, char name[SPOOL_PART_SIZE])
{
	stpcpy(stpcpy(stpcpy(name + record_uint_text(conn, name), "."), suffix[dir]), ".part");
}

_Static_assert(sizeof "4294967295.c2s.part" <= SPOOL_PART_SIZE, "names fit");

static void fail_memory(struct extract *e, const struct extract_file *f)
{
	char name[SPOOL_PART_SIZE];

	part_name(f->conn, f->dir, name);
	spool_fail(e->spool, name, ENOMEM);
}

static void warm_up(struct extract *e, struct extract_file *f)
{
	if (f->is_warm && TAILQ_FIRST(&e->warm) == f)
		return;
	if (f->is_warm)
		TAILQ_REMOVE(&e->warm, f, warm);
	TAILQ_INSERT_HEAD(&e->warm, f, warm);
	f->is_warm = true;
}

/* The buffer is another's from now on. */
static void let_go(struct extract *e, struct extract_file *f)
{
	e->buffered -= f->size;
	f->buffer = NULL;
	f->size = f->n = 0;
}

static void flush(struct extract *e, struct extract_file *f)
{
	spool_append(e->spool, f->file, f->buffer, f->size, f->n);
	let_go(e, f);
}

static void cool(struct extract *e, struct extract_file *f)
{
	TAILQ_REMOVE(&e->warm, f, warm);
	f->is_warm = false;
	if (f->buffer)
		flush(e, f);
}

/* Buffers of files, and those that are on their way to them. */
static bool is_over(const struct extract *e, size_t more)
{
	return e->buffered + spool_bytes(e->spool) + more > e->most / 4 * 3;
}

/* Others give up theirs: at first those that nobody has, then those of files that were used least recently. */
static void make_room(struct extract *e, const struct extract_file *f, size_t more)
{
	if (is_over(e, more))
		spool_shrink(e->spool);
	while (is_over(e, more) && TAILQ_LAST(&e->warm, file_list) != f) {
		cool(e, TAILQ_LAST(&e->warm, file_list));
		spool_shrink(e->spool);
	}
}

/* Room for `want` more bytes in the buffer, or as much as a buffer has. */
static bool grow(struct extract *e, struct extract_file *f, size_t want)
{
	size_t size = f->size ? f->size : SPOOL_SMALLEST;
	uint8_t *p;

	if (f->bytes > SPOOL_BUFFER) /* one was full */
		size = SPOOL_BUFFER;
	while (size < SPOOL_BUFFER && size - f->n < want)
		size *= 2;
	if (size == f->size)
		return true;
	make_room(e, f, size - f->size);
	p = spool_buffer(e->spool, size);
	if (!p)
		return false;
	if (f->n)
		memcpy(p, f->buffer, f->n);
	spool_keep(e->spool, f->buffer, f->size);
	e->buffered += size - f->size;
	f->buffer = p;
	f->size = size;
	return true;
}

struct extract_file *extract_open(struct extract *e, uint32_t conn, enum tcpstat_dir dir)
{
	struct extract_file *f = calloc(1, sizeof *f);
	char name[SPOOL_PART_SIZE];

	part_name(conn, dir, name);
	if (!f || !(f->file = spool_open(name))) {
		free(f);
		return NULL;
	}
	f->conn = conn;
	f->dir = dir;
	TAILQ_INSERT_TAIL(&e->all, f, all);
	return f;
}

void extract_write(struct extract *e, struct extract_file *f, const uint8_t *data, size_t len)
{
	if (*extract_error(e))
		return;
	f->bytes += len;
	warm_up(e, f);
	while (len) {
		if (f->size - f->n < len && !grow(e, f, len)) {
			fail_memory(e, f);
			return;
		}
		size_t n = f->size - f->n < len ? f->size - f->n : len;
		memcpy(f->buffer + f->n, data, n);
		f->n += n;
		data += n;
		len -= n;
		if (f->n == SPOOL_BUFFER)
			flush(e, f);
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
			spool_fail(e->spool, "index.jsonl", ENOMEM);
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

static void final_name(const struct extract_file *f, const struct tcpstat_conn *c, char *name)
{
	char *to = name + record_uint_text(f->conn, name);

	to = append_endpoint(to, &c->addr[TCPSTAT_CLIENT], c->port[TCPSTAT_CLIENT]);
	to = append_endpoint(to, &c->addr[TCPSTAT_SERVER], c->port[TCPSTAT_SERVER]);
	stpcpy(stpcpy(to, "."), suffix[f->dir]);
}

enum { NAME_SIZE = sizeof ((struct spool_ending *)0)->name };
_Static_assert(2 * (RECORD_ADDR_SIZE + RECORD_NUMBER_SIZE) <= NAME_SIZE, "names fit");

static char *put_number(char *to, const char *key, uint64_t n)
{
	to = stpcpy(to, key);
	return to + record_uint_text(n, to);
}

static char *put_gap(char *to, const struct tcpstat_ev_gap *gap)
{
	to = put_number(put_number(to, "{\"offset\":", gap->offset), ",\"len\":", gap->len);
	return stpcpy(stpcpy(stpcpy(to, ",\"why\":\""), tcpstat_gap_why_name(gap->why)), "\"}");
}

static char *put_line(char *to, const struct extract_file *f, const char *name, const char *sha256)
{
	to = put_number(to, "{\"conn\":", f->conn);
	to = stpcpy(stpcpy(stpcpy(to, ",\"dir\":\""), suffix[f->dir]), "\",\"file\":\"");
	to = put_number(stpcpy(to, name), "\",\"bytes\":", f->bytes);
	to = stpcpy(stpcpy(to, sha256 ? ",\"sha256\":\"" : ",\"sha256\":null"), sha256 ? sha256 : "");
	to = put_number(stpcpy(to, sha256 ? "\"," : ","), "\"gaps\":{\"count\":", f->n_gaps);
	to = stpcpy(put_number(to, ",\"bytes\":", f->gap_bytes), ",\"list\":[");
	for (size_t i = 0; i < f->gaps_listed; i++) {
		if (i)
			*to++ = ',';
		to = put_gap(to, &f->gaps[i]);
	}
	return stpcpy(to, "]}}\n");
}

/* NULL: out of memory. */
static struct spool_ending *ending(const struct extract_file *f, const struct tcpstat_conn *c, const char *sha256)
{
	struct spool_ending *end = malloc(sizeof *end + NAME_SIZE + 512 + f->gaps_listed * GAP_TEXT_SIZE);

	if (!end)
		return NULL;
	final_name(f, c, end->name);
	end->len = (size_t)(put_line(end->line, f, end->name, sha256) - end->line);
	return end;
}

static void free_file(struct extract *e, struct extract_file *f)
{
	if (f->is_warm)
		TAILQ_REMOVE(&e->warm, f, warm);
	TAILQ_REMOVE(&e->all, f, all);
	spool_keep(e->spool, f->buffer, f->size);
	spool_drop(e->spool, f->file);
	let_go(e, f);
	e->listed -= f->gaps_size * sizeof *f->gaps;
	free(f->gaps);
	free(f);
}

void extract_close(struct extract *e, struct extract_file *f, const struct tcpstat_conn *c, const char *sha256)
{
	struct spool_ending *end = ending(f, c, sha256);

	if (end) {
		spool_close(e->spool, f->file, f->buffer, f->size, f->n, end);
		f->file = NULL;
		let_go(e, f);
	} else {
		fail_memory(e, f);
	}
	free_file(e, f);
}

void extract_finish(struct extract *e)
{
	spool_wait(e->spool);
	if (fflush(e->index))
		spool_fail(e->spool, "index.jsonl", errno);
}

void extract_free(struct extract *e)
{
	if (!e)
		return;
	while (!TAILQ_EMPTY(&e->all))
		free_file(e, TAILQ_FIRST(&e->all));
	spool_free(e->spool);
	if (e->index)
		fclose(e->index);
	if (e->dir_fd >= 0)
		close(e->dir_fd);
	free(e->dir);
	free(e);
}
