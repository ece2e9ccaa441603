/* A row of capture files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/error.h"
#include "capture/room.h"

#define NS_PER_S 1000000000

struct capture_files {
	struct capture *capture;
	struct capture_rotation rotation;
	bool rotates;
	char *name;
	struct capture_writer *writer;  /* NULL: the next packet opens a file */
	char **names;                   /* of the last keep_files, around the end; NULL: all stay */
	uint32_t number;                /* of files so far */
	uint64_t packets;               /* in this file */
	int64_t first_ts_ns;
};

/* NAME.EXT -> NAME_00001_20261121024500.EXT; the time of day is that of the first packet. */
static char *file_name(const struct capture_files *f, int64_t ts_ns)
{
	const char *slash = strrchr(f->name, '/'), *dot = strrchr(slash ? slash : f->name, '.');
	size_t stem = dot && dot != (slash ? slash + 1 : f->name) ? (size_t)(dot - f->name) : strlen(f->name);
	size_t size = strlen(f->name) + 64;
	char *text = malloc(size), when[32] = "";
	time_t s = (time_t)(ts_ns / NS_PER_S);
	struct tm tm;

	if (!text)
		return NULL;
	if (localtime_r(&s, &tm))
		strftime(when, sizeof when, "%Y%m%d%H%M%S", &tm);
	snprintf(text, size, "%.*s_%05u_%s%s", (int)stem, f->name, f->number + 1, when, f->name + stem);
	return text;
}

/* The name is kept as long as the file may still have to go. */
static void remember(struct capture_files *f, char *name)
{
	uint32_t place = f->number % (f->rotation.keep_files ? f->rotation.keep_files : 1);

	if (!f->names) {
		free(name);
		return;
	}
	if (f->names[place])
		unlink(f->names[place]); /* somebody may have moved it away: not ours to complain */
	free(f->names[place]);
	f->names[place] = name;
}

static int open_next(struct capture_files *f, const struct tcpstat_pkt *pkt, struct capture_error *error)
{
	char *name = file_name(f, pkt->ts_ns);

	if (!name)
		return capture_fail(error, CAPTURE_ENOMEM, "out of memory");
	f->writer = capture_writer_open(name, f->capture, error);
	if (!f->writer) {
		free(name);
		return error->code;
	}
	remember(f, name);
	f->number++;
	f->packets = 0;
	f->first_ts_ns = pkt->ts_ns;
	return 0;
}

static bool is_full(const struct capture_files *f, const struct tcpstat_pkt *pkt)
{
	const struct capture_rotation *r = &f->rotation;

	return f->rotates && f->packets && ((r->file_packets && f->packets >= r->file_packets) ||
		(r->file_bytes && capture_writer_bytes(f->writer) >= r->file_bytes) ||
		(r->file_ns && pkt->ts_ns - f->first_ts_ns >= r->file_ns));
}

int capture_files_put(struct capture_files *f, const struct tcpstat_pkt *pkt, struct capture_error *error)
{
	int rc;

	if (f->writer && is_full(f, pkt)) {
		rc = capture_writer_close(f->writer, error);
		f->writer = NULL;
		if (rc < 0)
			return rc;
	}
	if (!f->writer) {
		if (f->rotation.max_files && f->number >= f->rotation.max_files)
			return CAPTURE_END;
		rc = open_next(f, pkt, error);
		if (rc < 0)
			return rc;
	}
	f->packets++;
	rc = capture_writer_put(f->writer, pkt, error);
	return rc < 0 ? rc : CAPTURE_PACKET;
}

int capture_files_flush(struct capture_files *f, struct capture_error *error)
{
	return f->writer ? capture_writer_flush(f->writer, error) : 0;
}

struct capture_files *capture_files_open(const char *name, const struct capture_rotation *rotation, struct capture *c,
		struct capture_error *error)
{
	struct capture_files *f = calloc(1, sizeof *f);

	memset(error, 0, sizeof *error);
	if (f) {
		f->capture = c;
		f->rotation = *rotation;
		f->rotates = rotation->file_bytes || rotation->file_packets || rotation->file_ns;
		f->name = strdup(name);
	}
	if (f && rotation->keep_files)
		f->names = calloc(rotation->keep_files, sizeof *f->names);
	if (!f || !f->name || (rotation->keep_files && !f->names)) {
		capture_fail(error, CAPTURE_ENOMEM, "out of memory");
	} else if (f->rotates && !strcmp(name, "-")) {
		capture_fail(error, CAPTURE_EUSAGE, "standard output cannot be a row of files");
	} else {
		/* One file is opened at once: what is wrong with it shows before anything is captured. */
		f->writer = f->rotates ? NULL : capture_writer_open(name, c, error);
		if (f->writer || f->rotates)
			return f;
	}
	if (f)
		capture_files_close(f, &(struct capture_error){ 0 });
	return NULL;
}

int capture_files_close(struct capture_files *f, struct capture_error *error)
{
	int rc = f->writer ? capture_writer_close(f->writer, error) : 0;

	for (uint32_t i = 0; f->names && i < f->rotation.keep_files; i++)
		free(f->names[i]);
	free(f->names);
	free(f->name);
	free(f);
	return rc;
}
