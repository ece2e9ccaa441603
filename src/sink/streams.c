#include "sink/streams.h"

#include "sink/extract.h"
#include "sink/follow.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_SIZE = 2 * SHA256_DIGEST_SIZE + 1, TABLE_FIRST = 256 };

/* An open connection of which bytes came. */
struct entry {
	struct entry *next;
	uint32_t conn;
	struct {
		struct sha256_ctx sha256;
		struct extract_file *file;
	} side[2];
};

struct streams {
	struct streams_options options;
	struct follow follow;
	struct extract *extract;        /* NULL: not asked for */
	struct entry **table;           /* by number, chained */
	struct entry *last;             /* found last */
	struct entry *spare;            /* not in use; NULL none */
	size_t n, size;                 /* size: a power of two */
	enum streams_status status;
	char error[512];
	char hex[2][HEX_SIZE];
};

static void fail(struct streams *s, const char *text)
{
	if (s->status == STREAMS_OK)
		snprintf(s->error, sizeof s->error, "%s", text);
	s->status = STREAMS_FAILED;
}

/* Did the last write to `out` go well? */
static void check_out(struct streams *s)
{
	if (s->status != STREAMS_OK || !ferror(s->options.out))
		return;
	if (errno == EPIPE) {
		s->status = STREAMS_CLOSED;
		return;
	}
	char text[256];
	snprintf(text, sizeof text, "cannot write the stream: %s", strerror(errno));
	fail(s, text);
}

static void check_extract(struct streams *s)
{
	if (s->extract && *extract_error(s->extract))
		fail(s, extract_error(s->extract));
}

/* ------------------------------------------------------------------------------------------------------ table */

static struct entry **bucket(const struct streams *s, uint32_t conn)
{
	return &s->table[conn & (s->size - 1)];
}

static void grow_table(struct streams *s)
{
	size_t old_size = s->size;
	struct entry **old = s->table, **p = calloc(old_size * 2, sizeof *p);

	if (!p)
		return;
	s->table = p;
	s->size = old_size * 2;
	for (size_t i = 0; i < old_size; i++) {
		while (old[i]) {
			struct entry *e = old[i];
			old[i] = e->next;
			e->next = *bucket(s, e->conn);
			*bucket(s, e->conn) = e;
		}
	}
	free(old);
}

static struct entry *find(struct streams *s, uint32_t conn)
{
	if (s->last && s->last->conn == conn)
		return s->last;
	for (struct entry *e = *bucket(s, conn); e; e = e->next) {
		if (e->conn == conn) {
			s->last = e;
			return e;
		}
	}
	return NULL;
}

static struct entry *get(struct streams *s, uint32_t conn)
{
	struct entry *e = find(s, conn);

	if (e)
		return e;
	e = s->spare ? s->spare : malloc(sizeof *e);
	s->spare = NULL;
	if (!e) {
		fail(s, tcpstat_strerror(TCPSTAT_ENOMEM));
		return NULL;
	}
	if (s->n++ >= s->size)
		grow_table(s);
	*e = (struct entry){ .conn = conn };
	for (int dir = 0; s->options.hash && dir < 2; dir++)
		sha256_init(&e->side[dir].sha256);
	e->next = *bucket(s, conn);
	*bucket(s, conn) = e;
	s->last = e;
	return e;
}

static struct entry *take(struct streams *s, uint32_t conn)
{
	for (struct entry **link = bucket(s, conn); *link; link = &(*link)->next) {
		struct entry *e = *link;
		if (e->conn != conn)
			continue;
		*link = e->next;
		s->n--;
		s->last = NULL;
		return e;
	}
	return NULL;
}

/* ------------------------------------------------------------------------------------------------------ interface */

struct streams *streams_new(const struct streams_options *o, char *error, size_t size)
{
	struct streams *s = calloc(1, sizeof *s);

	if (!s || !(s->table = calloc(TABLE_FIRST, sizeof *s->table))) {
		snprintf(error, size, "%s", tcpstat_strerror(TCPSTAT_ENOMEM));
		free(s);
		return NULL;
	}
	s->options = *o;
	s->size = TABLE_FIRST;
	follow_init(&s->follow, o);
	if (o->extract_dir && !(s->extract = extract_new(o->extract_dir, o->extract_bytes, o->helper, error, size))) {
		streams_free(s);
		return NULL;
	}
	return s;
}

void streams_free(struct streams *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->size; i++) {
		while (s->table[i]) {
			struct entry *e = s->table[i];
			s->table[i] = e->next;
			free(e);
		}
	}
	extract_free(s->extract);
	free(s->spare);
	free(s->table);
	free(s);
}

uint32_t streams_events(const struct streams *s)
{
	uint32_t mask = 0;

	if (s->options.hash || s->extract)
		mask |= TCPSTAT_MASK(TCPSTAT_EV_CONNECTION);
	if (s->options.follow_conn || s->extract)
		mask |= TCPSTAT_MASK(TCPSTAT_EV_GAP);
	return mask;
}

/* The file of a stream, made with its first byte or gap. */
static struct extract_file *file_of(struct streams *s, uint32_t conn, enum tcpstat_dir dir)
{
	struct entry *e = get(s, conn);

	if (!e)
		return NULL;
	if (!e->side[dir].file && !(e->side[dir].file = extract_open(s->extract, conn, dir)))
		fail(s, tcpstat_strerror(TCPSTAT_ENOMEM));
	return e->side[dir].file;
}

void streams_event(struct streams *s, const struct tcpstat_event *ev)
{
	if (ev->type != TCPSTAT_EV_GAP || ev->dir == TCPSTAT_NODIR || s->status != STREAMS_OK)
		return;
	if (ev->conn == s->options.follow_conn) {
		follow_gap(&s->follow, ev->dir, &ev->gap);
		check_out(s);
	}
	if (s->extract) {
		struct extract_file *f = file_of(s, ev->conn, ev->dir);
		if (f)
			extract_gap(s->extract, f, &ev->gap);
		check_extract(s);
	}
}

void streams_bytes(struct streams *s, uint32_t conn, enum tcpstat_dir dir, uint64_t offset,
		   const uint8_t *data, size_t len)
{
	if (!len || s->status != STREAMS_OK)
		return;
	if (conn == s->options.follow_conn) {
		follow_bytes(&s->follow, dir, offset, data, len);
		check_out(s);
	}
	if (!s->options.hash && !s->extract)
		return;
	struct entry *e = get(s, conn);
	if (!e)
		return;
	if (s->options.hash)
		sha256_update(&e->side[dir].sha256, len, data);
	if (s->extract) {
		struct extract_file *f = file_of(s, conn, dir);
		if (f)
			extract_write(s->extract, f, data, len);
		check_extract(s);
	}
}

static void put_hex(struct sha256_ctx *sha256, char hex[HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_digest(sha256, sizeof digest, digest);
	for (size_t i = 0; i < sizeof digest; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[2 * sizeof digest] = '\0';
}

/* An entry that was taken serves the next connection. */
static void put_back(struct streams *s, struct entry *e)
{
	if (!e)
		return;
	free(s->spare);
	s->spare = e;
}

void streams_seal(struct streams *s, struct tcpstat_conn *conn)
{
	struct entry *e;

	if (!s->options.hash && !s->extract)
		return;
	e = take(s, conn->number);
	for (int dir = 0; dir < 2; dir++) {
		struct sha256_ctx empty;

		if (s->options.hash) {
			sha256_init(&empty);
			put_hex(e ? &e->side[dir].sha256 : &empty, s->hex[dir]);
			conn->half[dir].payload_sha256 = conn->half[dir].gaps.count ? NULL : s->hex[dir];
		}
		if (e && e->side[dir].file)
			extract_close(s->extract, e->side[dir].file, conn, s->options.hash ? s->hex[dir] : NULL);
	}
	put_back(s, e);
	check_extract(s);
}

enum streams_status streams_finish(struct streams *s)
{
	if (s->options.follow_conn && s->status == STREAMS_OK) {
		follow_finish(&s->follow);
		fflush(s->options.out);
		check_out(s);
	}
	if (s->extract) {
		extract_finish(s->extract);
		check_extract(s);
	}
	return s->status;
}

enum streams_status streams_status(const struct streams *s)
{
	return s->status;
}

const char *streams_error(const struct streams *s)
{
	return s->error;
}
