#include <stdio.h>

#include "capture_bytes.h"
#include "scratch.h"

#define MAX_FILES 40

struct files {
	char dir[SCRATCH_SIZE], names[MAX_FILES][SCRATCH_SIZE + 24];
	const char *list[MAX_FILES];
	size_t n;
};

static void files_init(struct files *f)
{
	memset(f, 0, sizeof *f);
	scratch_make(f->dir);
}

static void files_add(struct files *f, const struct bytes *b, size_t len)
{
	char name[SCRATCH_SIZE + 24];
	FILE *file;

	snprintf(name, sizeof name, "%s/%zu", f->dir, f->n);
	strcpy(f->names[f->n], name);
	f->list[f->n] = f->names[f->n];
	file = fopen(f->names[f->n++], "wb");
	cr_assert_not_null(file);
	cr_assert_eq(fwrite(b->p, 1, len, file), len);
	cr_assert_eq(fclose(file), 0);
}

static void files_fini(struct files *f)
{
	scratch_remove(f->dir);
}

static void put_times(struct bytes *b, const char *times, uint8_t fill)
{
	put_pcap_header(b, 0xa1b2c3d4, 1);
	for (; *times; times++)
		put_pcap_packet(b, (uint32_t)(*times - '0'), 0, 1, 1, 0, fill);
}

/* The times of each file as digits -> "time file" of the merged stream. */
static void check(const char *const *times, size_t n, const char *expected)
{
	struct files f;
	struct capture_error error;
	struct capture *c;
	struct tcpstat_pkt pkt;
	char got[256] = "";
	size_t len = 0;

	files_init(&f);
	for (size_t i = 0; i < n; i++) {
		struct bytes b = { 0 };

		put_times(&b, times[i], (uint8_t)('a' + i));
		files_add(&f, &b, b.len);
		free(b.p);
	}
	c = capture_open_files(f.list, f.n, NULL, &error);
	cr_assert_not_null(c, "%s", error.text);
	while (capture_next(c, &pkt, &error) == CAPTURE_PACKET) {
		got[len++] = (char)('0' + pkt.ts_ns / 1000000000);
		got[len++] = (char)pkt.data[0];
		cr_assert_eq(pkt.frame, len / 2);
		cr_assert_eq(pkt.interface, (uint32_t)(pkt.data[0] - 'a'), "each file has its own interface");
	}
	cr_assert_str_eq(got, expected);
	cr_assert_eq(capture_facts(c)->packets, len / 2);
	capture_free(c);
	files_fini(&f);
}

Test(merge, time_order_across_files)
{
	check((const char *const[]){ "147", "2358", "069" }, 3, "0c1a2b3b4a5b6c7a8b9c");
	check((const char *const[]){ "56", "12", "34" }, 3, "1b2b3c4c5a6a");
	check((const char *const[]){ "", "12", "" }, 3, "1b2b");
}

Test(merge, equal_times_come_in_the_order_of_the_files)
{
	check((const char *const[]){ "112", "112", "11" }, 3, "1a1a1b1b1c1c2a2b");
}

Test(merge, a_file_keeps_its_order_when_its_time_goes_backwards)
{
	check((const char *const[]){ "315", "24" }, 2, "2b3a1a4b5a");
}

Test(merge, many_files)
{
	const char *times[MAX_FILES];
	char expected[2 * MAX_FILES + 1];

	for (size_t i = 0; i < MAX_FILES; i++) {
		times[i] = "5";
		expected[2 * i] = '5';
		expected[2 * i + 1] = (char)('a' + i);
	}
	expected[2 * MAX_FILES] = 0;
	check(times, MAX_FILES, expected);
}

/* The damaged file ends, the others go on; each error is told once, after all packets. */
Test(merge, damage_in_one_file_does_not_stop_the_others)
{
	struct files f;
	struct bytes a = { 0 }, b = { 0 };
	struct capture_error error;
	struct capture *c;
	struct tcpstat_pkt pkt;
	const struct capture_facts *facts;

	files_init(&f);
	put_times(&a, "135", 'a');
	put_times(&b, "2468", 'b');
	files_add(&f, &a, a.len - 1);
	files_add(&f, &b, b.len);
	files_add(&f, &a, 10);          /* cut in its header */
	c = capture_open_files(f.list, f.n, NULL, &error);
	cr_assert_not_null(c, "%s", error.text);
	for (int i = 0; i < 6; i++)
		cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(pkt.ts_ns, 8000000000);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_EDAMAGED);
	cr_assert_not_null(strstr(error.text, "/0: packet 3: the file ends in the middle of the packet"));
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_EDAMAGED);
	cr_assert_not_null(strstr(error.text, "/2: "));
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
	facts = capture_facts(c);
	cr_assert(facts->truncated);
	cr_assert_eq(facts->files[0].error, CAPTURE_EDAMAGED);
	cr_assert(facts->files[0].truncated);
	cr_assert_eq(facts->files[0].packets, 2);
	cr_assert_eq(facts->files[1].error, 0);
	cr_assert_not(facts->files[1].truncated);
	cr_assert_eq(facts->files[1].packets, 4);
	capture_free(c);
	free(a.p);
	free(b.p);
	files_fini(&f);
}

Test(merge, pcap_and_pcapng_together)
{
	struct files f;
	struct bytes a = { 0 }, b = { .big = true };
	struct capture_error error;
	struct capture *c;
	struct tcpstat_pkt pkt;

	files_init(&f);
	put_times(&a, "13", 'a');
	put_section(&b);
	put_interface(&b, 101, 0, 9, 0, "tun0");
	put_epb(&b, 0, 2000000000, 1, 1, 'b');
	files_add(&f, &a, a.len);
	files_add(&f, &b, b.len);
	c = capture_open_files(f.list, f.n, NULL, &error);
	cr_assert_not_null(c, "%s", error.text);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(pkt.linktype, 1);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(pkt.linktype, 101);
	cr_assert_eq(pkt.interface, 1);
	cr_assert_eq(capture_facts(c)->interfaces[1].file, 1);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
	capture_free(c);
	free(a.p);
	free(b.p);
	files_fini(&f);
}

Test(merge, stop_ends_it)
{
	struct files f;
	struct bytes a = { 0 };
	struct capture_error error;
	struct capture *c;
	struct tcpstat_pkt pkt;

	files_init(&f);
	put_times(&a, "123", 'a');
	files_add(&f, &a, a.len);
	c = capture_open_files(f.list, f.n, NULL, &error);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_PACKET);
	capture_stop(c);
	cr_assert_eq(capture_next(c, &pkt, &error), CAPTURE_END);
	capture_free(c);
	free(a.p);
	files_fini(&f);
}
