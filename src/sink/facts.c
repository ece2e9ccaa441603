#include "sink/facts.h"

#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

static int64_t known(bool final, uint64_t value)
{
	return final ? (int64_t)value : TCPSTAT_NULL;
}

static void file_init(struct record_file *out, const struct capture_file *f, bool final)
{
	*out = (struct record_file){
		.name = f->name, .format = f->format, .byte_order = f->byte_order, .compression = f->compression,
		.packets = known(final, f->packets), .bytes = known(final, f->wire_bytes),
		.captured_bytes = known(final, f->bytes), .snapped = known(final, f->snapped),
		.untimed = known(final, f->untimed), .bad_times = known(final, f->bad_times),
		.first_ts_ns = final ? f->first_ts_ns : TCPSTAT_NULL,
		.last_ts_ns = final ? f->last_ts_ns : TCPSTAT_NULL,
		.truncated = known(final, f->truncated || f->error)
	};
}

/* libpcap names DLT_ numbers; where LINKTYPE_, which files carry, differs: */
static const char *link_type_name(uint32_t linktype)
{
	enum { LINKTYPE_RAW = 101, LINKTYPE_MAX = 0xffff };

	if (linktype > LINKTYPE_MAX)
		return NULL;
	return pcap_datalink_val_to_name(linktype == LINKTYPE_RAW ? DLT_RAW : (int)linktype);
}

static void interface_init(struct record_interface *out, const struct capture_interface *i, bool live, bool final)
{
	*out = (struct record_interface){
		.name = i->name, .description = i->description,
		.link_type = link_type_name(i->linktype),
		.link_type_number = i->linktype, .snaplen = i->snaplen ? i->snaplen : TCPSTAT_NULL,
		.file = live ? TCPSTAT_NULL : i->file, .packets = known(final, i->packets),
		.received = final ? i->received : TCPSTAT_NULL, .dropped = final ? i->dropped : TCPSTAT_NULL,
		.if_dropped = final ? i->if_dropped : TCPSTAT_NULL
	};
}

/* What is unknown adds nothing; nothing but unknown is unknown. */
static void add_drops(int64_t *sum, int64_t value)
{
	if (value != TCPSTAT_NULL)
		*sum = *sum == TCPSTAT_NULL ? value : (int64_t)((uint64_t)*sum + (uint64_t)value);
}

static void totals_init(struct record_capture *out, const struct capture_facts *facts, bool final)
{
	out->packets = known(final, facts->packets);
	out->bytes = known(final, facts->wire_bytes);
	out->captured_bytes = known(final, facts->bytes);
	out->filtered = known(final, facts->filtered);
	out->unfit = known(final, facts->unfit);
	out->first_ts_ns = final ? facts->first_ts_ns : TCPSTAT_NULL;
	out->last_ts_ns = final ? facts->last_ts_ns : TCPSTAT_NULL;
	out->truncated = known(final, facts->truncated);
	out->drops.kernel = out->drops.interface = TCPSTAT_NULL;
	for (size_t i = 0; final && i < facts->n_interfaces; i++) {
		add_drops(&out->drops.kernel, facts->interfaces[i].dropped);
		add_drops(&out->drops.interface, facts->interfaces[i].if_dropped);
	}
}

int facts_init(struct record_capture *out, const struct capture_facts *facts, const char *filter, const char *version,
	bool final)
{
	struct record_file *files = calloc(facts->n_files + 1, sizeof *files);
	struct record_interface *interfaces = calloc(facts->n_interfaces + 1, sizeof *interfaces);

	if (!files || !interfaces) {
		free(files);
		free(interfaces);
		return -1;
	}
	*out = (struct record_capture){ .version = version, .filter = filter, .live = facts->live };
	for (size_t i = 0; i < facts->n_files; i++)
		file_init(&files[i], &facts->files[i], final);
	for (size_t i = 0; i < facts->n_interfaces; i++)
		interface_init(&interfaces[i], &facts->interfaces[i], facts->live, final);
	out->files = (struct record_array){ files, facts->n_files };
	out->interfaces = (struct record_array){ interfaces, facts->n_interfaces };
	totals_init(out, facts, final);
	return 0;
}

void facts_fini(struct record_capture *c)
{
	free((void *)c->files.items);
	free((void *)c->interfaces.items);
	c->files = c->interfaces = (struct record_array){ NULL, 0 };
}
