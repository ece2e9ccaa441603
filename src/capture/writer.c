/* Writes a capture file: pcap-savefile(5) or draft-ietf-opsawg-pcapng. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/error.h"
#include "capture/room.h"

#define SNAPLEN_NONE 262144u
#define NS_PER_S 1000000000
#define NOT_WRITTEN UINT32_MAX

struct capture_writer {
	struct capture *capture;
	char *name;
	FILE *file;
	bool pcapng, nanoseconds;       /* pcapng always has nanoseconds */
	bool big;                       /* as the first file read: some pseudo headers stand in its byte order */
	uint32_t linktype;              /* pcap: of all packets */
	uint32_t *numbers;              /* pcapng: of the capture's interfaces in this file; NOT_WRITTEN */
	uint32_t n_numbers, n_written;
	uint64_t bytes;
	struct capture_error error;
	bool told;                      /* who writes knows of the error */
};

/* ------------------------------------------------------------------------------------------------ fields */

/* A block or a header being put together. */
struct record {
	uint8_t bytes[1024];
	size_t len;
	bool big;
};

static void put(struct record *r, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		r->bytes[r->len++] = (uint8_t)(value >> 8 * (r->big ? bytes - 1 - i : i));
}

static void put_padded(struct record *r, const void *bytes, size_t len)
{
	memcpy(r->bytes + r->len, bytes, len);
	r->len += len;
	while (r->len % 4)
		r->bytes[r->len++] = 0;
}

static void put_option(struct record *r, uint16_t code, const void *bytes, size_t len)
{
	put(r, code, 2);
	put(r, len, 2);
	put_padded(r, bytes, len);
}

static void put_text_option(struct record *r, uint16_t code, const char *text)
{
	if (text)                       /* readers keep at most 255 bytes; so do live interfaces' names */
		put_option(r, code, text, strnlen(text, 255));
}

static void put_count_option(struct record *r, uint16_t code, int64_t value)
{
	if (value == TCPSTAT_NULL)
		return;
	put(r, code, 2);
	put(r, 8, 2);
	put(r, (uint64_t)value, 8);
}

static void begin_block(struct record *r, uint32_t type)
{
	put(r, type, 4);
	put(r, 0, 4);
}

/* `more` bytes of data are part of the block but not of the record. */
static void end_block(struct record *r, size_t more)
{
	struct record length = { .big = r->big };

	put(&length, r->len + more + 4, 4);
	memcpy(r->bytes + 4, length.bytes, 4);
	if (!more)
		put_padded(r, length.bytes, 4);
}

/* ------------------------------------------------------------------------------------------------ output */

static int fail_errno(struct capture_writer *w, int number)
{
	return capture_fail(&w->error, CAPTURE_EWRITE, "%s: cannot be written: %s", w->name, strerror(number));
}

static int emit(struct capture_writer *w, const void *bytes, size_t len)
{
	if (len && fwrite(bytes, 1, len, w->file) != len)
		return fail_errno(w, errno);
	w->bytes += len;
	return 0;
}

static uint32_t greatest_snaplen(const struct capture_writer *w)
{
	uint32_t greatest = 0;

	for (uint32_t i = 0; i < w->capture->interfaces.n; i++) {
		uint32_t snaplen = w->capture->interfaces.all[i].snaplen;

		if (snaplen == 0)
			snaplen = SNAPLEN_NONE;
		if (snaplen > greatest)
			greatest = snaplen;
	}
	return greatest ? greatest : SNAPLEN_NONE;
}

static int emit_file_header(struct capture_writer *w)
{
	struct record r = { .big = w->big };

	if (w->pcapng) {
		begin_block(&r, 0x0a0d0d0a);
		put(&r, 0x1a2b3c4d, 4);
		put(&r, 1, 2);
		put(&r, 0, 2);
		put(&r, UINT64_MAX, 8);
		end_block(&r, 0);
	} else {
		put(&r, w->nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 4);
		put(&r, 2, 2);
		put(&r, 4, 2);
		put(&r, 0, 8);
		put(&r, greatest_snaplen(w), 4);
		put(&r, w->linktype, 4);
	}
	return emit(w, r.bytes, r.len);
}

static int emit_interface(struct capture_writer *w, uint32_t index)
{
	const struct capture_interface *interface = &w->capture->interfaces.all[index];
	struct record r = { .big = w->big };

	begin_block(&r, 1);
	put(&r, interface->linktype, 2);
	put(&r, 0, 2);
	put(&r, interface->snaplen, 4);
	put_text_option(&r, 2, interface->name);
	put_text_option(&r, 3, interface->description);
	put_option(&r, 9, "\x09", 1);   /* if_tsresol: 10^-9 s */
	put(&r, 0, 4);
	end_block(&r, 0);
	w->numbers[index] = w->n_written++;
	return emit(w, r.bytes, r.len);
}

/* What is known of drops in the interfaces written. */
static int emit_statistics(struct capture_writer *w, uint32_t index)
{
	const struct capture_interface *interface = &w->capture->interfaces.all[index];
	int64_t ts_ns = capture_last_ts_ns(w->capture);
	struct record r = { .big = w->big };
	uint64_t ticks = ts_ns > 0 ? (uint64_t)ts_ns : 0;

	begin_block(&r, 5);
	put(&r, w->numbers[index], 4);
	put(&r, ticks >> 32, 4);
	put(&r, ticks & UINT32_MAX, 4);
	put_count_option(&r, 4, interface->received);
	put_count_option(&r, 5, interface->if_dropped);
	put_count_option(&r, 7, interface->dropped);
	put(&r, 0, 4);
	end_block(&r, 0);
	return emit(w, r.bytes, r.len);
}

/* ------------------------------------------------------------------------------------------------ packets */

/* The interfaces of a pcapng capture come to be known while it is read. */
static int need_interface(struct capture_writer *w, uint32_t index)
{
	if (index >= w->n_numbers) {
		uint32_t n = w->capture->interfaces.n;
		uint32_t *numbers = realloc(w->numbers, n * sizeof *numbers);

		if (!numbers)
			return capture_fail(&w->error, CAPTURE_ENOMEM, "out of memory");
		w->numbers = numbers;
		while (w->n_numbers < n)
			w->numbers[w->n_numbers++] = NOT_WRITTEN;
	}
	return w->numbers[index] == NOT_WRITTEN ? emit_interface(w, index) : 0;
}

static int put_pcapng(struct capture_writer *w, const struct tcpstat_pkt *pkt)
{
	static const uint8_t zeros[4];
	uint64_t ticks = pkt->ts_ns > 0 ? (uint64_t)pkt->ts_ns : 0; /* files know no time before 1970 */
	size_t padding = (4 - pkt->caplen % 4) % 4;
	struct record r = { .big = w->big };
	struct record trailer = { .big = w->big };
	int rc = need_interface(w, pkt->interface);

	if (rc < 0)
		return rc;
	begin_block(&r, 6);
	put(&r, w->numbers[pkt->interface], 4);
	put(&r, ticks >> 32, 4);
	put(&r, ticks & UINT32_MAX, 4);
	put(&r, pkt->caplen, 4);
	put(&r, pkt->wirelen, 4);
	put(&trailer, r.len + pkt->caplen + padding + 4, 4);
	memcpy(r.bytes + 4, trailer.bytes, 4);
	if (emit(w, r.bytes, r.len) < 0 || emit(w, pkt->data, pkt->caplen) < 0 || emit(w, zeros, padding) < 0)
		return w->error.code;
	return emit(w, trailer.bytes, trailer.len);
}

static int put_pcap(struct capture_writer *w, const struct tcpstat_pkt *pkt)
{
	int64_t ts_ns = pkt->ts_ns > 0 ? pkt->ts_ns : 0;
	struct record r = { .big = w->big };

	put(&r, (uint64_t)(ts_ns / NS_PER_S), 4);
	put(&r, (uint64_t)(ts_ns % NS_PER_S / (w->nanoseconds ? 1 : 1000)), 4);
	put(&r, pkt->caplen, 4);
	put(&r, pkt->wirelen, 4);
	return emit(w, r.bytes, r.len) < 0 ? w->error.code : emit(w, pkt->data, pkt->caplen);
}

static int tell(struct capture_writer *w, struct capture_error *error)
{
	if (w->error.code) {
		*error = w->error;
		w->told = true;
	}
	return w->error.code;
}

int capture_writer_put(struct capture_writer *w, const struct tcpstat_pkt *pkt, struct capture_error *error)
{
	if (!w->error.code) {
		if (w->pcapng)
			put_pcapng(w, pkt);
		else
			put_pcap(w, pkt);
	}
	return tell(w, error);
}

int capture_writer_flush(struct capture_writer *w, struct capture_error *error)
{
	if (!w->error.code && fflush(w->file) != 0)
		fail_errno(w, errno);
	return tell(w, error);
}

/* ------------------------------------------------------------------------------------------------ open, close */

/* pcap if nothing is lost by it. */
static void choose_format(struct capture_writer *w)
{
	const struct capture *c = w->capture;

	w->pcapng = c->live && c->interfaces.n > 1;
	for (size_t i = 0; i < c->n_files; i++)
		w->pcapng = w->pcapng || !c->files[i].format || strcmp(c->files[i].format, "pcap") != 0;
	for (uint32_t i = 0; i < c->interfaces.n; i++) {
		const struct capture_interface *interface = &c->interfaces.all[i];

		w->nanoseconds = w->nanoseconds || interface->ticks_per_s > 1000000;
		w->pcapng = w->pcapng || interface->linktype != c->interfaces.all[0].linktype;
	}
	w->linktype = c->interfaces.n ? c->interfaces.all[0].linktype : 0;
	w->big = c->n_files && c->files[0].byte_order && strcmp(c->files[0].byte_order, "big") == 0;
	if (c->live)
		w->big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

static bool is_input(const struct capture *c, const struct stat *output)
{
	for (size_t i = 0; i < c->n_files; i++) {
		int fd = c->merge.inputs[i].reader.source.fd;
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == output->st_dev && st.st_ino == output->st_ino)
			return true;
	}
	return false;
}

/* Nothing is cut off before it is sure that the file is not one of those being read. */
static int open_output(struct capture_writer *w)
{
	struct stat st;
	int fd;

	if (strcmp(w->name, "-") == 0) {
		w->file = stdout;
		return 0;
	}
	fd = open(w->name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		return fail_errno(w, errno);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if (is_input(w->capture, &st)) {
			close(fd);
			return capture_fail(&w->error, CAPTURE_EUSAGE,
				"%s: is being read, so it cannot be written", w->name);
		}
		if (ftruncate(fd, 0) != 0) {
			fail_errno(w, errno);
			close(fd);
			return w->error.code;
		}
	}
	w->file = fdopen(fd, "wb");
	if (!w->file) {
		fail_errno(w, errno);
		close(fd);
	}
	return w->error.code;
}

struct capture_writer *capture_writer_open(const char *name, struct capture *c, struct capture_error *error)
{
	struct capture_writer *w = calloc(1, sizeof *w);

	memset(error, 0, sizeof *error);
	if (w)
		w->name = strdup(name);
	if (!w || !w->name) {
		free(w);
		capture_fail(error, CAPTURE_ENOMEM, "out of memory");
		return NULL;
	}
	w->capture = c;
	choose_format(w);
	if (open_output(w) == 0 && emit_file_header(w) == 0)
		return w;
	capture_writer_close(w, error);
	return NULL;
}

uint64_t capture_writer_bytes(const struct capture_writer *w)
{
	return w->bytes;
}

int capture_writer_close(struct capture_writer *w, struct capture_error *error)
{
	int rc;

	for (uint32_t i = 0; i < w->n_numbers && !w->error.code; i++) {
		const struct capture_interface *interface = &capture_facts(w->capture)->interfaces[i];

		if (w->numbers[i] != NOT_WRITTEN && (interface->received != TCPSTAT_NULL ||
		    interface->dropped != TCPSTAT_NULL || interface->if_dropped != TCPSTAT_NULL))
			emit_statistics(w, i);
	}
	if (w->file && (w->file == stdout ? fflush(w->file) : fclose(w->file)) != 0 && !w->error.code)
		fail_errno(w, errno);
	rc = w->told ? 0 : tell(w, error);
	free(w->numbers);
	free(w->name);
	free(w);
	return rc;
}
