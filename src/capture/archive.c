/* Compressed captures: gzip by gunzip.c, the others by libarchive. Only filters that libarchive has built in for common
 * compressions are allowed: "all" would let the content of a file choose helper programs to be run. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/error.h"
#include "capture/gunzip.h"
#include "capture/source.h"

static const struct {
	const char *name;
	uint8_t len, magic[ARCHIVE_MAGIC_BYTES];
} compressions[] = {
	{ "gzip", 3, { 0x1f, 0x8b, 0x08 } },
	{ "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0x00 } },
	{ "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd } },
	{ "lz4", 4, { 0x04, 0x22, 0x4d, 0x18 } },
	{ "lz4", 4, { 0x02, 0x21, 0x4c, 0x18 } },       /* legacy frame */
	{ "bzip2", 3, { 'B', 'Z', 'h' } },
	{ "compress", 2, { 0x1f, 0x9d } },
};

const char *archive_recognise(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++)
		if (len >= compressions[i].len && memcmp(bytes, compressions[i].magic, compressions[i].len) == 0)
			return compressions[i].name;
	return NULL;
}

/* Compressed bytes, waiting for them: neither decompressor has a "nothing yet". */
static ssize_t wait_stored(struct source *s, uint8_t *bytes, size_t len)
{
	ssize_t n;

	do {
		n = source_read_stored(s, bytes, len);
		if (n == SOURCE_AGAIN && s->opening && source_interrupted(s))
			return s->error.code;
	} while (n == SOURCE_AGAIN);
	return n;
}

static la_ssize_t give_archive(struct archive *a, void *ctx, const void **bytes)
{
	struct source *s = ctx;
	ssize_t n = (ssize_t)s->raw_len;

	*bytes = s->raw;
	s->raw_len = 0;                 /* the first call hands over what was read to recognise it */
	if (n == 0)
		n = wait_stored(s, s->raw, s->raw_size);
	if (n < 0)
		archive_set_error(a, EIO, "%s", s->error.text);
	return n < 0 ? ARCHIVE_FATAL : n;
}

static ssize_t give_gunzip(void *ctx, uint8_t *bytes, size_t len)
{
	struct source *s = ctx;

	if (s->raw_len == 0)
		return wait_stored(s, bytes, len);
	if (len > s->raw_len)
		len = s->raw_len;
	memcpy(bytes, s->raw, len);
	s->raw_len -= len;
	memmove(s->raw, s->raw + len, s->raw_len);
	return (ssize_t)len;
}

static int fail(struct source *s, const char *text)
{
	if (s->error.code)              /* the stored bytes could not be read: already told */
		return s->error.code;
	return capture_fail(&s->error, CAPTURE_EDAMAGED, "the %s data is damaged or cut short (%s)", s->compression,
			text ? text : "no reason given");
}

static int out_of_memory(struct source *s)
{
	return capture_fail(&s->error, CAPTURE_ENOMEM, "out of memory");
}

static int start_archive(struct source *s)
{
	struct archive_entry *entry;
	struct archive *a = archive_read_new();
	int rc;

	s->archive = a;
	if (!a)
		return out_of_memory(s);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_compress(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	s->opening = true;
	rc = archive_read_open(a, s, NULL, give_archive, NULL);
	if (rc == ARCHIVE_OK)
		rc = archive_read_next_header(a, &entry);
	s->opening = false;
	if (rc == ARCHIVE_EOF) {
		s->at_end = true;
		return 0;
	}
	return rc == ARCHIVE_OK ? 0 : fail(s, archive_error_string(a));
}

int archive_start(struct source *s)
{
	if (s->config.follow)
		return capture_fail(&s->error, CAPTURE_EUSAGE, "a compressed file cannot be followed");
	s->at_end = false;              /* if those were all stored bytes, that was not the end of what is in them */
	s->raw = s->buf;                /* what was read is in it; decompressed bytes get another one */
	s->raw_size = s->buf_size;
	s->raw_len = source_left(s);
	s->buf = NULL;
	s->buf_size = 0;
	s->cur = s->end = NULL;
	if (strcmp(s->compression, "gzip") != 0)
		return start_archive(s);
	s->gunzip = gunzip_new(give_gunzip, s);
	return s->gunzip ? 0 : out_of_memory(s);
}

/* The next decompressed block: 1, 0 at the end, CAPTURE_E*. */
static int next_block(struct source *s)
{
	la_int64_t offset;
	const void *block;
	size_t len;
	int rc;

	if (s->gunzip) {
		rc = gunzip_block(s->gunzip, &s->block, &s->block_len);
		if (rc == GUNZIP_ENOMEM)
			return out_of_memory(s);
		return rc < 0 ? fail(s, gunzip_strerror(rc)) : rc;
	}
	/* Not archive_read_data: it would drop what it has when the next block is damaged. */
	rc = archive_read_data_block(s->archive, &block, &len, &offset);
	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc < ARCHIVE_WARN)
		return fail(s, archive_error_string(s->archive));
	s->block = block;
	s->block_len = len;
	return 1;
}

ssize_t archive_read_some(struct source *s, uint8_t *bytes, size_t len)
{
	while (s->block_len == 0) {
		int rc = next_block(s);

		if (rc <= 0)
			return rc;
	}
	if (len > s->block_len)
		len = s->block_len;
	memcpy(bytes, s->block, len);
	s->block += len;
	s->block_len -= len;
	return (ssize_t)len;
}

void archive_stop(struct source *s)
{
	if (s->archive)
		archive_read_free(s->archive);
	gunzip_free(s->gunzip);
	free(s->raw);
	s->archive = NULL;
	s->gunzip = NULL;
	s->raw = NULL;
}
