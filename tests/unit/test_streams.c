#include "sink/streams.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

/* --follow writes into `text`, --extract into `dir`. */
static struct streams *s;
static char *text, dir[SCRATCH_SIZE], error[256];
static size_t text_len;
static struct streams_options options;

static void begin(void)
{
	options = (struct streams_options){ .follow_conn = 1, .follow_dir = TCPSTAT_NODIR, .utf8 = true };
}

static void open_streams(void)
{
	if (options.follow_conn)
		options.out = open_memstream(&text, &text_len);
	s = streams_new(&options, error, sizeof error);
	cr_assert(s, "%s", error);
}

static void open_dir(void)
{
	options.follow_conn = 0;
	scratch_make(dir);
	options.extract_dir = dir;
	open_streams();
}

static void bytes(uint32_t conn, enum tcpstat_dir d, uint64_t offset, const char *what)
{
	streams_bytes(s, conn, d, offset, (const uint8_t *)what, strlen(what));
}

static void gap(uint32_t conn, enum tcpstat_dir d, uint64_t offset, uint64_t len)
{
	streams_event(s, &(struct tcpstat_event){ .type = TCPSTAT_EV_GAP, .conn = conn, .dir = d,
						  .gap = { .offset = offset, .len = len, .why = TCPSTAT_GAP_LOST } });
}

static struct tcpstat_conn connection(uint32_t number)
{
	return (struct tcpstat_conn){ .number = number,
				      .addr = { { 4, { 10, 0, 0, 1 } }, { 6, { 0x20, 1, 0xd, 0xb8 } } },
				      .port = { 40000, 80 } };
}

static void followed(const char *want)
{
	cr_assert_eq(streams_finish(s), STREAMS_OK, "%s", streams_error(s));
	streams_free(s);
	fclose(options.out);
	cr_assert_str_eq(text, want);
	free(text);
}

static char *file(const char *name)
{
	static char content[1 << 16];
	char path[512];
	size_t n = 0;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	cr_assert(f, "no %s", path);
	n = fread(content, 1, sizeof content - 1, f);
	content[n] = '\0';
	fclose(f);
	return content;
}

TestSuite(streams, .init = begin);

/* ---------------------------------------------------------------------------------------------------- --hash */

Test(streams, hash_of_each_direction)
{
	struct tcpstat_conn c = connection(1);

	options = (struct streams_options){ .hash = true };
	open_streams();
	bytes(1, TCPSTAT_C2S, 0, "a");
	bytes(2, TCPSTAT_C2S, 0, "other");
	bytes(1, TCPSTAT_C2S, 1, "bc");
	streams_seal(s, &c);
	/* FIPS 180-2 appendix B.1, and the empty string */
	cr_assert_str_eq(c.half[0].payload_sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	cr_assert_str_eq(c.half[1].payload_sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	streams_free(s);
}

Test(streams, a_gap_makes_the_hash_unknown)
{
	struct tcpstat_conn c = connection(1);

	options = (struct streams_options){ .hash = true };
	open_streams();
	c.half[0].gaps.count = 1;
	bytes(1, TCPSTAT_C2S, 0, "abc");
	streams_seal(s, &c);
	cr_assert_null(c.half[0].payload_sha256);
	cr_assert_not_null(c.half[1].payload_sha256);
	streams_free(s);
}

/* ---------------------------------------------------------------------------------------------------- --follow */

Test(streams, text_marks_who_speaks_and_what_is_missing)
{
	open_streams();
	bytes(1, TCPSTAT_C2S, 0, "GET /\r\n\r\n");
	bytes(2, TCPSTAT_C2S, 0, "other");
	bytes(1, TCPSTAT_S2C, 0, "HTTP/1.0 200");
	gap(1, TCPSTAT_S2C, 12, 1448);
	gap(2, TCPSTAT_S2C, 12, 1448);
	bytes(1, TCPSTAT_S2C, 1460, "rest");
	gap(1, TCPSTAT_S2C, 1464, 1);
	followed("--- client -> server\nGET /\n\n--- server -> client\nHTTP/1.0 200\n"
		 "[gap: 1448 bytes missing: lost]\nrest\n[gap: 1 byte missing: lost]\n");
}

Test(streams, nothing_in_a_stream_acts_on_the_terminal)
{
	char all[256];

	options.follow_dir = TCPSTAT_C2S;
	open_streams();
	/* ESC ]0;x BEL, a C1 control, DEL, a right-to-left override, a lone CR, and CR LF across two calls */
	bytes(1, TCPSTAT_C2S, 0, "\033]0;x\007 \xc2\x9b" "31m \x7f \xe2\x80\xae a\rb\r");
	bytes(1, TCPSTAT_C2S, 30, "\n\t.\n");
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	streams_bytes(s, 1, TCPSTAT_C2S, 34, (uint8_t *)all, sizeof all);
	streams_finish(s);
	cr_assert_eq(strncmp(text, ".]0;x. .31m . . a.b\n\t.\n", 23), 0, "%s", text);
	for (size_t i = 0; i < text_len; i++)
		cr_assert((text[i] >= 0x20 && text[i] < 0x7f) || text[i] == '\n' || text[i] == '\t',
			  "byte %zu: %02x", i, text[i]);
	streams_free(s);
	fclose(options.out);
	free(text);
}

Test(streams, characters_cut_by_segments_stay_whole)
{
	options.follow_dir = TCPSTAT_C2S;
	open_streams();
	bytes(1, TCPSTAT_C2S, 0, "gr\xc3");
	bytes(1, TCPSTAT_C2S, 3, "\xbc\xc3\x9f \xe2\x82");
	bytes(1, TCPSTAT_C2S, 8, "\xac \xf0\x9f\x98\x80 \xc3( \xe2\x82 \xed\xa0\x80\xff \xe2");
	followed("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \\xc3( \\xe2\\x82 \\xed\\xa0\\x80\\xff \\xe2\n");
}

Test(streams, without_utf8_every_high_byte_is_escaped)
{
	options.follow_dir = TCPSTAT_C2S;
	options.utf8 = false;
	open_streams();
	bytes(1, TCPSTAT_C2S, 0, "\xc3\xbc");
	followed("\\xc3\\xbc\n");
}

Test(streams, colour_begins_and_ends_with_each_speaker)
{
	options.color = true;
	open_streams();
	bytes(1, TCPSTAT_C2S, 0, "a");
	bytes(1, TCPSTAT_S2C, 0, "b");
	followed("\033[31m--- client -> server\na\n\033[0m\033[34m--- server -> client\nb\n\033[0m");
}

Test(streams, raw_is_the_bytes_alone)
{
	options.follow_dir = TCPSTAT_S2C;
	options.format = STREAMS_RAW;
	options.color = true;
	open_streams();
	bytes(1, TCPSTAT_C2S, 0, "not this");
	bytes(1, TCPSTAT_S2C, 0, "\033\r\n");
	gap(1, TCPSTAT_S2C, 3, 5);
	bytes(1, TCPSTAT_S2C, 8, "\xff");
	followed("\033\r\n\xff");
}

Test(streams, dump_has_offsets_of_the_stream)
{
	options.format = STREAMS_HEX;
	options.follow_dir = TCPSTAT_C2S;
	open_streams();
	bytes(1, TCPSTAT_C2S, 0, "0123456789");
	bytes(1, TCPSTAT_C2S, 10, "abcdefgh\033");
	gap(1, TCPSTAT_C2S, 19, 13);
	bytes(1, TCPSTAT_C2S, 32, "z");
	followed("00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
		 "00000010  67 68 1b                                          |gh.|\n"
		 "[gap: 13 bytes missing: lost]\n"
		 "00000020  7a                                                |z|\n");
}

Test(streams, a_closed_pipe_is_a_good_end)
{
	int fd[2];

	cr_assert_eq(pipe(fd), 0);
	close(fd[0]);
	signal(SIGPIPE, SIG_IGN);
	options.out = fdopen(fd[1], "w");
	s = streams_new(&options, error, sizeof error);
	bytes(1, TCPSTAT_C2S, 0, "abc");
	cr_assert_eq(streams_finish(s), STREAMS_CLOSED);
	cr_assert_str_empty(streams_error(s));
	streams_free(s);
	fclose(options.out);
}

Test(streams, a_full_disk_is_an_error)
{
	options.out = fopen("/dev/full", "w");
	if (!options.out)
		cr_skip_test("no /dev/full");
	s = streams_new(&options, error, sizeof error);
	bytes(1, TCPSTAT_C2S, 0, "abc");
	cr_assert_eq(streams_finish(s), STREAMS_FAILED);
	cr_assert(strstr(streams_error(s), "No space left"), "%s", streams_error(s));
	streams_free(s);
	fclose(options.out);
}

/* ---------------------------------------------------------------------------------------------------- --extract */

Test(streams, every_stream_has_its_file_and_line)
{
	struct tcpstat_conn c = connection(3);

	options.hash = true;
	open_dir();
	bytes(3, TCPSTAT_C2S, 0, "abc");
	gap(3, TCPSTAT_S2C, 0, 7);
	bytes(3, TCPSTAT_S2C, 7, "x");
	streams_seal(s, &c);
	cr_assert_eq(streams_finish(s), STREAMS_OK);
	streams_free(s);
	cr_assert_str_eq(file("3-10.0.0.1_40000-2001-db8--_80.c2s"), "abc");
	cr_assert_str_eq(file("3-10.0.0.1_40000-2001-db8--_80.s2c"), "x");
	cr_assert_str_eq(file("index.jsonl"),
		"{\"conn\":3,\"dir\":\"c2s\",\"file\":\"3-10.0.0.1_40000-2001-db8--_80.c2s\",\"bytes\":3,"
		"\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\","
		"\"gaps\":{\"count\":0,\"bytes\":0,\"list\":[]}}\n"
		"{\"conn\":3,\"dir\":\"s2c\",\"file\":\"3-10.0.0.1_40000-2001-db8--_80.s2c\",\"bytes\":1,"
		"\"sha256\":\"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\","
		"\"gaps\":{\"count\":1,\"bytes\":7,\"list\":[{\"offset\":0,\"len\":7,\"why\":\"lost\"}]}}\n");
	cr_assert_eq(scratch_remove(dir), 3);
}

/* 300 streams of 300,000 bytes in turn, with 40 descriptors: more than buffers hold and than may be open */
Test(streams, many_long_streams_share_buffers_and_descriptors, .timeout = 60)
{
	enum { STREAMS = 300, CHUNK = 3000, CHUNKS = 100 };
	static uint8_t chunk[CHUNK];
	struct rlimit few = { 40, 40 };

	open_dir();
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < CHUNKS; i++) {
		for (uint32_t conn = 1; conn <= STREAMS; conn++) {
			memset(chunk, (int)(conn + (uint32_t)i), CHUNK);
			streams_bytes(s, conn, TCPSTAT_C2S, (uint64_t)i * CHUNK, chunk, CHUNK);
		}
	}
	for (uint32_t conn = 1; conn <= STREAMS; conn++) {
		struct tcpstat_conn c = connection(conn);
		streams_seal(s, &c);
	}
	cr_assert_eq(streams_finish(s), STREAMS_OK, "%s", streams_error(s));
	streams_free(s);
	for (int conn = 1; conn <= STREAMS; conn++) {
		char path[512];
		snprintf(path, sizeof path, "%s/%d-10.0.0.1_40000-2001-db8--_80.c2s", dir, conn);
		FILE *f = fopen(path, "r");
		cr_assert(f, "%s", path);
		for (int i = 0; i < CHUNKS; i++) {
			cr_assert_eq(fread(chunk, 1, CHUNK, f), CHUNK);
			for (int k = 0; k < CHUNK; k += CHUNK - 1)
				cr_assert_eq(chunk[k], (uint8_t)(conn + i), "stream %d chunk %d", conn, i);
		}
		cr_assert_eq(fgetc(f), EOF);
		fclose(f);
	}
	cr_assert_eq(scratch_remove(dir), STREAMS + 1);
}

Test(streams, no_directory_is_an_error)
{
	options.follow_conn = 0;
	options.extract_dir = "/dev/null/x";
	cr_assert_null(streams_new(&options, error, sizeof error));
	cr_assert(strstr(error, "/dev/null/x: "), "%s", error);
}

/* what stands in the way is not followed */
Test(streams, a_link_in_the_directory_is_refused)
{
	struct tcpstat_conn c = connection(1);
	char path[512];

	open_dir();
	snprintf(path, sizeof path, "%s/1-10.0.0.1_40000-2001-db8--_80.c2s", dir);
	cr_assert_eq(symlink("index.jsonl", path), 0);
	bytes(1, TCPSTAT_C2S, 0, "abc");
	streams_seal(s, &c);
	cr_assert_eq(streams_finish(s), STREAMS_FAILED);
	cr_assert(strstr(streams_error(s), "1-10.0.0.1_40000-2001-db8--_80.c2s: "), "%s", streams_error(s));
	streams_free(s);
	cr_assert_str_empty(file("index.jsonl"));
	scratch_remove(dir);
}
