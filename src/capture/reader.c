#include "capture/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/error.h"

int interface_list_add(struct interface_list *list, uint32_t file, struct capture_interface **interface)
{
	struct capture_interface *added;

	if (list->n == CAPTURE_MAX_INTERFACES)
		return CAPTURE_EDAMAGED;
	if (list->n == list->size) {
		uint32_t size = list->size ? 2 * list->size : 4;
		struct capture_interface *all = realloc(list->all, size * sizeof *all);

		if (!all)
			return CAPTURE_ENOMEM;
		list->all = all;
		list->size = size;
	}
	added = &list->all[list->n++];
	memset(added, 0, sizeof *added);
	added->file = file;
	added->ticks_per_s = added->received = added->dropped = added->if_dropped = TCPSTAT_NULL;
	*interface = added;
	return 0;
}

struct capture_interface *reader_add_interface(struct reader *r)
{
	struct capture_interface *added;
	int rc = interface_list_add(r->interfaces, r->file_index, &added);

	if (rc == 0)
		return added;
	if (rc == CAPTURE_ENOMEM)
		reader_fail_file(r, rc, "out of memory");
	else
		reader_fail_file(r, rc, "damaged: it would have more than %u interfaces", CAPTURE_MAX_INTERFACES);
	return NULL;
}

void interface_list_fini(struct interface_list *list)
{
	for (uint32_t i = 0; i < list->n; i++) {
		free(list->all[i].name);
		free(list->all[i].description);
	}
	free(list->all);
	memset(list, 0, sizeof *list);
}

int reader_fail(struct reader *r, int code, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return capture_fail(&r->error, code, "%s: packet %llu: %s", r->source.name, (unsigned long long)r->packets + 1,
			text);
}

int reader_fail_file(struct reader *r, int code, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return capture_fail(&r->error, code, "%s: %s", r->source.name, text);
}

int reader_stopped(struct reader *r, int rc, const char *in_what)
{
	if (rc == SOURCE_IDLE)
		return CAPTURE_IDLE;
	if (rc < 0) {                   /* from the source, which knows no packets */
		r->file->truncated = rc == CAPTURE_EDAMAGED;
		return reader_fail(r, rc, "%s", r->source.error.text);
	}
	if (r->source.config.stop && *r->source.config.stop)
		return CAPTURE_END;     /* it does not end here: nobody wants to know more */
	r->file->truncated = true;
	return reader_fail(r, CAPTURE_EDAMAGED, "the file ends in the middle of %s", in_what);
}

int64_t reader_time(struct reader *r, int64_t ts_ns)
{
	if (ts_ns <= CAPTURE_TS_MAX && ts_ns >= -CAPTURE_TS_MAX)
		return ts_ns;
	r->file->bad_times++;
	return ts_ns < 0 ? -CAPTURE_TS_MAX : CAPTURE_TS_MAX;
}

/* Formats that are often taken for ours. */
static const char *foreign_format(const uint8_t *bytes, size_t len)
{
	static const struct {
		const char *magic, *name;
	} foreign[] = {
		{ "snoop", "a Solaris snoop file" }, { "GMBU", "a Microsoft Network Monitor file" },
		{ "RTSS", "a Microsoft Network Monitor file" }, { "TRSNIFF", "a Sniffer file" },
		{ "XCP", "a NetXRay file" }, { "PK\3\4", "a zip archive: unpack it first" },
	};

	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
		if (len >= strlen(foreign[i].magic) && memcmp(bytes, foreign[i].magic, strlen(foreign[i].magic)) == 0)
			return foreign[i].name;
	return NULL;
}

static int not_a_capture(struct reader *r)
{
	const uint8_t *p = r->source.cur;
	size_t len = source_left(&r->source);
	const char *foreign = foreign_format(p, len);

	if (len == 0)
		return reader_fail_file(r, CAPTURE_EOPEN, "is empty");
	if (foreign)
		return reader_fail_file(r, CAPTURE_EOPEN, "is no pcap or pcapng file but %s", foreign);
	if (len < 4)
		return reader_fail_file(r, CAPTURE_EOPEN, "is no capture: it has %zu byte%s", len, len == 1 ? "" : "s");
	return reader_fail_file(r, CAPTURE_EOPEN, "is neither pcap nor pcapng (it begins with %02x %02x %02x %02x)",
			p[0], p[1], p[2], p[3]);
}

int reader_need_at_opening(struct reader *r, size_t n)
{
	int rc;

	while ((rc = source_need(&r->source, n)) == SOURCE_IDLE)
		if (source_interrupted(&r->source))
			return r->source.error.code;
	return rc;
}

int reader_open(struct reader *r, struct capture_file *file, uint32_t file_index, struct interface_list *interfaces)
{
	int rc = r->source.error.code;

	r->file = file;
	r->file_index = file_index;
	r->interfaces = interfaces;
	r->file->compression = r->source.compression;
	if (rc == 0)
		rc = reader_need_at_opening(r, 4);
	if (rc < 0) {
		file->truncated = rc == CAPTURE_EDAMAGED;
		return reader_fail_file(r, rc, "%s", r->source.error.text);
	}
	if (pcap_reader_recognise(r->source.cur, source_left(&r->source)))
		return pcap_reader_open(r);
	if (pcapng_reader_recognise(r->source.cur, source_left(&r->source)))
		return pcapng_reader_open(r);
	return not_a_capture(r);
}

void reader_close(struct reader *r)
{
	free(r->pcapng.interfaces);
	source_close(&r->source);
}
