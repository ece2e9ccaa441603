/* Compressed captures. Only filters that libarchive has built in for common compressions are allowed: "all" would let
 * the content of a file choose helper programs to be run. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/error.h"
#include "capture/source.h"

#define RAW_BYTES ((size_t)128 << 10)

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

/* What libarchive calls for more compressed bytes. It has no "nothing yet", so this waits. */
static la_ssize_t give_raw(struct archive *a, void *ctx, const void **bytes)
{
	struct source *s = ctx;
	ssize_t n = (ssize_t)s->raw_len;

	*bytes = s->raw;
	s->raw_len = 0;                 /* the first call hands over what was read to recognise it */
	while (n == 0 || n == SOURCE_AGAIN) {
		n = source_read_stored(s, s->raw, RAW_BYTES);
		if (n == 0)
			return 0;
		if (n == SOURCE_AGAIN && s->opening && source_interrupted(s))
			n = s->error.code;
	}
	if (n < 0)
		archive_set_error(a, EIO, "%s", s->error.text);
	return n < 0 ? ARCHIVE_FATAL : n;
}

static int fail(struct source *s)
{
	const char *text = archive_error_string(s->archive);

	if (s->error.code)              /* the stored bytes could not be read: already told */
		return s->error.code;
	return capture_fail(&s->error, CAPTURE_EDAMAGED, "the %s data is damaged or cut short (%s)", s->compression,
			text ? text : "no reason given");
}

int archive_start(struct source *s)
{
	struct archive_entry *entry;
	struct archive *a;
	int rc;

	if (s->config.follow)
		return capture_fail(&s->error, CAPTURE_EUSAGE, "%s: a compressed file cannot be followed", s->name);
	s->raw_len = source_left(s);
	s->raw = malloc(s->raw_len > RAW_BYTES ? s->raw_len : RAW_BYTES);
	s->archive = a = archive_read_new();
	if (!s->raw || !a)
		return capture_fail(&s->error, CAPTURE_ENOMEM, "%s: out of memory", s->name);
	memcpy(s->raw, s->cur, s->raw_len);
	s->cur += s->raw_len;
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_compress(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	s->opening = true;
	rc = archive_read_open(a, s, NULL, give_raw, NULL);
	if (rc == ARCHIVE_OK)
		rc = archive_read_next_header(a, &entry);
	s->opening = false;
	if (rc == ARCHIVE_EOF) {
		s->at_end = true;
		return 0;
	}
	return rc == ARCHIVE_OK ? 0 : fail(s);
}

/* Block by block: archive_read_data would drop what it has when the next block is damaged. */
ssize_t archive_read_some(struct source *s, uint8_t *bytes, size_t len)
{
	while (s->block_len == 0) {
		la_int64_t offset;
		const void *block;
		int rc = archive_read_data_block(s->archive, &block, &s->block_len, &offset);

		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc < ARCHIVE_WARN)
			return fail(s);
		s->block = block;
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
	free(s->raw);
	s->archive = NULL;
	s->raw = NULL;
}
