#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/source.h"
#include "capture_bytes.h"

#define PACKETS 3000u

/* Packets whose bytes do not compress to nothing. */
static struct bytes build(uint32_t packets)
{
	struct bytes b = { 0 };
	uint32_t random = 1;

	put_pcap_header(&b, 0xa1b2c3d4, 1);
	for (uint32_t i = 0; i < packets; i++) {
		put_pcap_packet(&b, i, 0, 100, 100, 0, (uint8_t)i);
		for (size_t k = 1; k <= 20; k++) {
			random = random * 1103515245 + 12345;
			b.p[b.len - k] = (uint8_t)(random >> 16);
		}
	}
	return b;
}

static struct bytes compress_with(int (*filter)(struct archive *), const struct bytes *plain)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	struct bytes b = { .p = malloc(plain->len + 65536), .size = plain->len + 65536 };

	cr_assert(a && entry && b.p);
	archive_write_set_format_raw(a);
	cr_assert_eq(filter(a), ARCHIVE_OK);
	archive_write_set_bytes_per_block(a, 0);
	cr_assert_eq(archive_write_open_memory(a, b.p, b.size, &b.len), ARCHIVE_OK);
	archive_entry_set_pathname(entry, "x");
	archive_entry_set_filetype(entry, AE_IFREG);
	cr_assert_eq(archive_write_header(a, entry), ARCHIVE_OK);
	cr_assert_eq(archive_write_data(a, plain->p, plain->len), (la_ssize_t)plain->len);
	cr_assert_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	archive_entry_free(entry);
	return b;
}

static const struct {
	const char *name;
	int (*filter)(struct archive *);
} compressions[] = {
	{ "gzip", archive_write_add_filter_gzip }, { "xz", archive_write_add_filter_xz },
	{ "zstd", archive_write_add_filter_zstd }, { "lz4", archive_write_add_filter_lz4 },
	{ "bzip2", archive_write_add_filter_bzip2 }, { "compress", archive_write_add_filter_compress },
};

static const char *compression_of(const struct bytes *b)
{
	struct capture_error error;
	struct capture *c = capture_open_memory(b->p, b->len, NULL, &error);
	const char *name;

	cr_assert_not_null(c, "%s", error.text);
	name = capture_facts(c)->files[0].compression;
	capture_free(c);
	return name;
}

Test(source, every_compression_by_content)
{
	struct bytes plain = build(PACKETS);

	for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++) {
		struct bytes b = compress_with(compressions[i].filter, &plain);
		struct outcome o = read_all(b.p, b.len, NULL);

		cr_assert_eq(o.error, 0, "%s: %s", compressions[i].name, o.text.text);
		cr_assert_eq(o.packets, PACKETS);
		cr_assert_str_eq(compression_of(&b), compressions[i].name);
		free(b.p);
	}
	free(plain.p);
}

Test(source, compressed_data_cut_short)
{
	struct bytes plain = build(PACKETS);

	for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++) {
		struct bytes b = compress_with(compressions[i].filter, &plain);
		struct outcome o = read_all(b.p, b.len * 3 / 4, NULL);

		/* compress(1) has no end mark, so its data just end in the middle of a packet */
		cr_assert_eq(o.error, CAPTURE_EDAMAGED, "%s", compressions[i].name);
		cr_assert(o.truncated);
		cr_assert_lt(o.packets, PACKETS);
		free(b.p);
	}
	free(plain.p);
}

/* However short what is left: each packet before the break is read. */
Test(source, gzip_cut_at_every_byte)
{
	struct bytes plain = build(40);
	struct bytes b = compress_with(archive_write_add_filter_gzip, &plain);
	uint64_t packets = 0;

	for (size_t len = 4; len < b.len; len++) {
		struct outcome o = read_all(b.p, len, NULL);

		cr_assert_eq(o.error, CAPTURE_EDAMAGED, "cut at %zu", len);
		cr_assert(o.truncated);
		cr_assert_geq(o.packets, packets);
		packets = o.packets;
	}
	cr_assert_eq(packets, 40, "all, when only the checksum is missing");
	cr_assert_eq(read_all(b.p, b.len, NULL).error, 0);
	free(b.p);
	free(plain.p);
}

Test(source, gzip_with_any_byte_wrong)
{
	struct bytes plain = build(20);
	struct bytes b = compress_with(archive_write_add_filter_gzip, &plain);
	size_t header = 10;

	for (size_t at = header; at < b.len; at++) {
		struct outcome o;

		b.p[at] ^= 0x55;
		o = read_all(b.p, b.len, NULL);
		/* the first bytes are the magic of what is inside: then it is no capture any more */
		cr_assert(o.error == CAPTURE_EDAMAGED || (o.error == CAPTURE_EOPEN && o.packets == 0), "byte %zu", at);
		b.p[at] ^= 0x55;
	}
	free(b.p);
	free(plain.p);
}

/* Two members in a row, and what a tape adds. */
Test(source, gzip_of_several_members)
{
	struct bytes plain = build(100), more = { 0 }, both = { 0 };
	struct bytes first = compress_with(archive_write_add_filter_gzip, &plain), second;

	put_pcap_packet(&more, 1, 0, 50, 50, 0, 1);
	second = compress_with(archive_write_add_filter_gzip, &more);
	put_raw(&both, first.p, first.len);
	put_raw(&both, second.p, second.len);
	cr_assert_eq(read_all(both.p, both.len, NULL).packets, 101);
	put_fill(&both, 0, 1000);
	cr_assert_eq(read_all(both.p, both.len, NULL).packets, 101);
	cr_assert_eq(read_all(both.p, both.len, NULL).error, 0);
	free(plain.p);
	free(more.p);
	free(both.p);
	free(first.p);
	free(second.p);
}

static void write_file(const char *name, const struct bytes *b)
{
	FILE *file = fopen(name, "wb");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(b->p, 1, b->len, file), b->len);
	cr_assert_eq(fclose(file), 0);
}

/* A new file of `n` bytes, which `b` has, too; `name` as mkstemp takes it. */
static void make_file(char *name, struct bytes *b, size_t n)
{
	close(mkstemp(name));
	put_fill(b, 1, n);
	write_file(name, b);
}

static void append(const char *name, const uint8_t *p, size_t len)
{
	FILE *file = fopen(name, "ab");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(p, 1, len, file), len);
	cr_assert_eq(fclose(file), 0);
}

static struct capture *open_file(const char *name, bool follow, struct capture_error *error)
{
	struct capture_options options = { .follow = follow, .wait_ms = 20 };

	return capture_open_files(&name, 1, &options, error);
}

Test(source, what_cannot_be_opened)
{
	struct capture_error error;
	char dir[] = "/tmp/test_source.XXXXXX";

	cr_assert_not_null(mkdtemp(dir));
	cr_assert_null(open_file(dir, false, &error));
	cr_assert_eq(error.code, CAPTURE_EOPEN);
	cr_assert_not_null(strstr(error.text, ": is a directory"));
	rmdir(dir);
	cr_assert_null(open_file(dir, false, &error));
	cr_assert_eq(error.code, CAPTURE_EOPEN);
	cr_assert_not_null(strstr(error.text, "No such file"));
	cr_assert_null(open_file("/dev/null", false, &error));
	cr_assert_eq(error.code, CAPTURE_EOPEN);
	cr_assert_not_null(strstr(error.text, "is empty"));
	cr_assert_null(open_file("no\x1b[31m\xff name", false, &error));
	cr_assert_str_eq(error.text, "no?[31m? name: No such file or directory");
}

/* What is asked for is more and less than the buffer has, which grows. */
Test(source, file_larger_than_its_buffer)
{
	char name[] = "/tmp/test_source.XXXXXX";
	const volatile sig_atomic_t stop = 0;
	struct source_config config = { .wait_ms = 20, .buffer_bytes = 10000, .stop = &stop };
	struct source s;
	struct bytes b = { 0 };
	size_t at = 0;

	close(mkstemp(name));
	for (uint32_t i = 0; i < 100000; i++)
		put_uint(&b, i, 4);
	write_file(name, &b);
	cr_assert_eq(source_open(&s, name, &config), 0);
	cr_assert_eq(s.total_bytes, b.len);
	while (at < b.len) {
		size_t n = (at / 4) % 7000 + 1, left = b.len - at;

		cr_assert_eq(source_need(&s, n), n <= left ? SOURCE_OK : SOURCE_END);
		if (n > left)
			n = left;
		cr_assert_eq(memcmp(s.cur, b.p + at, n), 0);
		source_skip(&s, n);
		at += n;
		cr_assert_eq(source_done(&s), at);
		cr_assert_leq(s.buf_size, 40000);
		if (at < b.len / 2) {   /* far beyond what has been seen */
			source_pass(&s, 30000);
			at += 30000;
		}
	}
	cr_assert_eq(source_need(&s, 1), SOURCE_END);
	cr_assert_not(source_owes(&s));
	source_pass(&s, 1);
	cr_assert_eq(source_need(&s, 0), SOURCE_END);
	cr_assert(source_owes(&s));
	source_close(&s);
	free(b.p);
	unlink(name);
}

Test(source, file_cut_while_it_is_read)
{
	char name[] = "/tmp/test_source.XXXXXX";
	const volatile sig_atomic_t stop = 0;
	struct source_config config = { .wait_ms = 20, .buffer_bytes = 4096, .stop = &stop };
	struct source s;
	struct bytes b = { 0 };

	make_file(name, &b, 100000);
	cr_assert_eq(source_open(&s, name, &config), 0);
	cr_assert_eq(source_need(&s, 100), SOURCE_OK);
	source_skip(&s, 100);
	cr_assert_eq(truncate(name, 100), 0);
	cr_assert_eq(source_need(&s, 8000), CAPTURE_EDAMAGED);
	cr_assert_eq(source_left(&s), 4096 - 100);
	cr_assert_eq(memcmp(s.cur, b.p + 100, 4096 - 100), 0);
	source_close(&s);
	free(b.p);
	unlink(name);
}

/* No more than the file has. */
Test(source, small_file_small_buffer)
{
	char name[] = "/tmp/test_source.XXXXXX";
	struct source_config config = { .buffer_bytes = 1 << 20 };
	struct source s;
	struct bytes b = { 0 };

	make_file(name, &b, 5000);
	cr_assert_eq(source_open(&s, name, &config), 0);
	cr_assert_eq(source_need(&s, 5000), SOURCE_OK);
	cr_assert_eq(s.buf_size, 5000);
	source_skip(&s, 5000);
	cr_assert_eq(source_need(&s, 1), SOURCE_END);
	cr_assert_eq(s.buf_size, 5000);
	source_close(&s);
	free(b.p);
	unlink(name);
}

/* Of many files, each has less. */
Test(source, buffers_of_many_files)
{
	cr_assert_geq(capture_buffer_bytes(1), 256 << 10);
	cr_assert_leq(capture_buffer_bytes(1), 1 << 20);
	for (size_t n = 1; n < 100000; n += n / 3 + 1) {
		cr_assert_leq(capture_buffer_bytes(n + 1), capture_buffer_bytes(n));
		cr_assert_geq(capture_buffer_bytes(n), 4096);
		cr_assert_leq(n * capture_buffer_bytes(n), (n > 1024 ? n << 14 : 16 << 20));
	}
}

/* pcap or pcapng of so many packets, all of the same size in the file; *first: where the first begins. */
static struct bytes build_plain(bool ng, uint32_t packets, size_t *first)
{
	struct bytes b = { 0 };

	if (ng) {
		put_section(&b);
		put_interface(&b, 1, 0, -1, 0, NULL);
	} else {
		put_pcap_header(&b, 0xa1b2c3d4, 1);
	}
	*first = b.len;
	for (uint32_t i = 0; i < packets; i++)
		if (ng)
			put_epb(&b, 0, 1000 + i, 100, 100, 7);
		else
			put_pcap_packet(&b, 1 + i, 0, 100, 100, 0, 7);
	return b;
}

/* Reads `before` packets, lets the file end in packet `end_packet` (from 0), at its byte `end_byte`, and reads on: each
 * packet that is left comes, and those that had been read already, and the error names the one behind. */
static void check_shorter(bool ng, uint64_t before, size_t end_packet, size_t end_byte)
{
	const uint32_t all = 3 * (uint32_t)capture_buffer_bytes(1) / 100;
	char name[] = "/tmp/test_source.XXXXXX", text[128];
	struct capture_error error;
	struct tcpstat_pkt pkt;
	const size_t was_read = capture_buffer_bytes(1);
	size_t first, each, end;
	struct bytes b = build_plain(ng, all, &first);
	struct capture *c;
	uint64_t n, expected;
	int rc;

	each = (b.len - first) / all;
	end = first + end_packet * each + end_byte;
	expected = ((end > was_read ? end : was_read) - first) / each;
	close(mkstemp(name));
	write_file(name, &b);
	c = open_file(name, false, &error);
	cr_assert(c, "%s", error.text);
	for (n = 0; n < before; n++)
		cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(truncate(name, (off_t)end), 0);
	while ((rc = capture_next(c, &pkt, &error)) == CAPTURE_PACKET) {
		cr_assert_eq(pkt.caplen, 100);
		cr_assert(pkt.data[0] == 7 && pkt.data[99] == 7);
		n++;
	}
	cr_assert_eq(rc, CAPTURE_EDAMAGED);
	cr_assert_eq(n, expected, "%lu packets, not %lu", n, expected);
	snprintf(text, sizeof text, "%s: packet %lu: the file became shorter while it was read", name, n + 1);
	cr_assert_str_eq(error.text, text);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
	cr_assert(capture_facts(c)->truncated);
	cr_assert_eq(capture_facts(c)->packets, n);
	capture_free(c);
	free(b.p);
	unlink(name);
}

Test(source, file_that_becomes_shorter)
{
	size_t far = 2 * capture_buffer_bytes(1) / 100;

	for (int ng = 0; ng < 2; ng++) {
		check_shorter(ng, 10, far, 0);
		for (size_t byte = 1; byte < 116; byte += 23)
			check_shorter(ng, 10, far, byte);
		/* of what was read already, nothing is lost */
		check_shorter(ng, 50, 100, 0);
		check_shorter(ng, 200, 100, 30);
		check_shorter(ng, 200, 0, 0);
	}
}

/* It is read to its end, and never more than all of it is done. */
Test(source, file_that_becomes_longer)
{
	char name[] = "/tmp/test_source.XXXXXX";
	struct capture_error error;
	struct tcpstat_pkt pkt;
	size_t first;
	struct bytes b = build_plain(false, 2000, &first);
	struct capture *c;
	uint64_t n = 0;

	close(mkstemp(name));
	append(name, b.p, b.len / 2 + 5); /* in the middle of a packet */
	c = open_file(name, false, &error);
	cr_assert_not_null(c, "%s", error.text);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	append(name, b.p + b.len / 2 + 5, b.len - b.len / 2 - 5);
	do {
		struct capture_progress progress = capture_progress(c);

		n++;
		cr_assert_eq(progress.total_bytes, b.len / 2 + 5);
		cr_assert_leq(progress.done_bytes, progress.total_bytes);
	} while (capture_next(c, &pkt, &error) == CAPTURE_PACKET);
	cr_assert_eq(n, 2000);
	cr_assert_eq(capture_facts(c)->files[0].error, 0);
	cr_assert_eq(capture_progress(c).done_bytes, b.len / 2 + 5);
	capture_free(c);
	free(b.p);
	unlink(name);
}

/* A compressed one as well: what could be decompressed comes first. */
Test(source, compressed_file_that_becomes_shorter)
{
	char name[] = "/tmp/test_source.XXXXXX";
	struct bytes plain = build(60000);
	struct bytes gzip = compress_with(archive_write_add_filter_gzip, &plain);
	struct capture_error error;
	struct tcpstat_pkt pkt;
	struct outcome cut;
	struct capture *c;
	uint64_t n = 0;
	int rc;

	cr_assert_gt(gzip.len, capture_buffer_bytes(1) + (256 << 10));
	close(mkstemp(name));
	write_file(name, &gzip);
	c = open_file(name, false, &error);
	cr_assert_not_null(c, "%s", error.text);
	cr_assert_eq(truncate(name, (off_t)gzip.len - 50000), 0);
	while ((rc = capture_next(c, &pkt, &error)) == CAPTURE_PACKET)
		n++;
	cr_assert_eq(rc, CAPTURE_EDAMAGED);
	cr_assert_not_null(strstr(error.text, "became shorter while it was read"));
	cut = read_all(gzip.p, gzip.len - 50000, NULL);
	cr_assert_eq(cut.error, CAPTURE_EDAMAGED);
	cr_assert_eq(n, cut.packets, "%lu packets, not %lu", n, cut.packets);
	cr_assert_lt(n, 60000);
	capture_free(c);
	free(plain.p);
	free(gzip.p);
	unlink(name);
}

/* Whoever ends the reading is told nothing more. */
Test(source, stopped)
{
	char name[] = "/tmp/test_source.XXXXXX";
	volatile sig_atomic_t stop = 0;
	struct source_config config = { .buffer_bytes = 4096, .stop = &stop };
	struct source s;
	struct bytes b = { 0 };

	make_file(name, &b, 100000);
	cr_assert_eq(source_open(&s, name, &config), 0);
	cr_assert_eq(source_need(&s, 5000), SOURCE_OK);
	stop = 1;
	source_skip(&s, 5000);
	cr_assert_eq(source_need(&s, 50000), SOURCE_END);
	cr_assert_eq(s.error.code, 0);
	source_close(&s);
	free(b.p);
	unlink(name);
}

Test(source, followed_file_grows)
{
	char name[] = "/tmp/test_source.XXXXXX";
	struct bytes b = build(3);
	struct capture_error error;
	struct capture *c;
	struct tcpstat_pkt pkt;

	close(mkstemp(name));
	append(name, b.p, 24 + 116 + 20);
	c = open_file(name, true, &error);
	cr_assert_not_null(c, "%s", error.text);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_IDLE);
	append(name, b.p + 160, 95);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_IDLE);
	append(name, b.p + 255, b.len - 255);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(memcmp(pkt.data, b.p + 24 + 116 + 16, 100), 0);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_IDLE);
	cr_assert_eq(truncate(name, 24), 0);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_EDAMAGED);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
	capture_free(c);
	free(b.p);
	unlink(name);
}

/* A pipe that gives a byte now and then, plain and compressed. */
static void check_pipe(const struct bytes *b, uint64_t packets)
{
	char name[] = "/tmp/test_source.XXXXXX", fifo[64];
	struct capture_error error;
	struct tcpstat_pkt pkt;
	struct capture *c;
	uint64_t n = 0;
	pid_t child;
	int rc;

	cr_assert_not_null(mkdtemp(name));
	snprintf(fifo, sizeof fifo, "%s/fifo", name);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	child = fork();
	if (child == 0) {
		int fd = open(fifo, O_WRONLY);
		size_t at = 0;

		while (at < b->len) {
			size_t step = at < 60 ? 7 : b->len - at;

			if (write(fd, b->p + at, step) != (ssize_t)step)
				_exit(1);
			at += step;
			usleep(5000);
		}
		_exit(0);
	}
	c = open_file(fifo, false, &error);
	cr_assert_not_null(c, "%s", error.text);
	while ((rc = capture_next(c, &pkt, &error)) != CAPTURE_END) {
		cr_assert_geq(rc, 0, "%s", error.text);
		n += rc == CAPTURE_PACKET;
	}
	cr_assert_eq(n, packets);
	cr_assert_eq(capture_progress(c).total_bytes, 0);
	cr_assert_eq(capture_progress(c).done_bytes, b->len);
	capture_free(c);
	waitpid(child, NULL, 0);
	unlink(fifo);
	rmdir(name);
}

Test(source, pipes)
{
	struct bytes plain = build(500);
	struct bytes gzip = compress_with(archive_write_add_filter_gzip, &plain);
	struct bytes zstd = compress_with(archive_write_add_filter_zstd, &plain);

	check_pipe(&plain, 500);
	check_pipe(&gzip, 500);
	check_pipe(&zstd, 500);
	free(plain.p);
	free(gzip.p);
	free(zstd.p);
}

Test(source, compressed_file_cannot_be_followed)
{
	char name[] = "/tmp/test_source.XXXXXX";
	struct bytes plain = build(1);
	struct bytes gzip = compress_with(archive_write_add_filter_gzip, &plain);
	struct capture_error error;

	close(mkstemp(name));
	write_file(name, &gzip);
	cr_assert_null(open_file(name, true, &error));
	cr_assert_eq(error.code, CAPTURE_EUSAGE);
	unlink(name);
	free(plain.p);
	free(gzip.p);
}

/* What is written is read again, byte by byte the same packets; and no file that is being read is cut. */
static void check_written(const struct bytes *b, const char *format)
{
	char in[] = "/tmp/test_source.XXXXXX", out[] = "/tmp/test_source.XXXXXX";
	struct capture_error error;
	struct capture *a, *c;
	struct capture_writer *w;
	struct tcpstat_pkt pkt, again;

	close(mkstemp(in));
	close(mkstemp(out));
	write_file(in, b);
	a = open_file(in, false, &error);
	cr_assert_not_null(a, "%s", error.text);
	cr_assert_null(capture_writer_open(in, a, &error));
	cr_assert_eq(error.code, CAPTURE_EUSAGE);
	w = capture_writer_open(out, a, &error);
	cr_assert_not_null(w, "%s", error.text);
	while (capture_next(a, &pkt, &error) == CAPTURE_PACKET)
		cr_assert_eq(capture_writer_put(w, &pkt, &error), 0);
	cr_assert_eq(capture_writer_close(w, &error), 0);
	capture_free(a);
	a = open_file(in, false, &error);
	c = open_file(out, false, &error);
	cr_assert_not_null(c, "%s", error.text);
	while (capture_next(a, &pkt, &error) == CAPTURE_PACKET) {
		cr_assert_eq(capture_next(c, &again, &error), CAPTURE_PACKET);
		cr_assert_eq(pkt.ts_ns, again.ts_ns);
		cr_assert_eq(pkt.caplen, again.caplen);
		cr_assert_eq(pkt.wirelen, again.wirelen);
		cr_assert_eq(pkt.linktype, again.linktype);
		cr_assert_eq(memcmp(pkt.data, again.data, pkt.caplen), 0);
	}
	cr_assert_eq(capture_next(c, &again, &error), CAPTURE_END);
	cr_assert_str_eq(capture_facts(c)->files[0].format, format);
	capture_free(a);
	capture_free(c);
	unlink(in);
	unlink(out);
}

Test(source, writer)
{
	struct bytes pcap = build(10), mixed = { .big = true };

	check_written(&pcap, "pcap");
	put_section(&mixed);
	put_interface(&mixed, 1, 96, 6, 0, "eth0");
	put_interface(&mixed, 101, 0, 9, 0, "tun0");
	put_epb(&mixed, 1, 1700000000123456789, 3, 3, 1);
	put_epb(&mixed, 0, 1700000000123456, 7, 99, 2);
	check_written(&mixed, "pcapng");
	free(pcap.p);
	free(mixed.p);
}
