/* Live interfaces, with libpcap. Each is asked without blocking; of what they have, the earliest packet comes first.
 * Order between interfaces is therefore as good as the kernel's buffering allows, not strict. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "capture/error.h"
#include "capture/room.h"

#define NO_DESCRIPTOR_POLL_MS 20

struct device {
	pcap_t *handle;
	uint32_t linktype;
	int64_t unit_ns;                /* of the fraction of a time */
	struct tcpstat_pkt pkt;         /* the next one, if there */
	bool has_pkt;
};

struct live {
	struct capture *capture;
	struct device *devices;
	struct pollfd *polls;
	size_t n;
};

/* ------------------------------------------------------------------------------------------------ open */

/* The numbers of captured link types differ from those in files in a few old cases (pcap-linktype(7)). */
static uint32_t linktype_of_dlt(int dlt)
{
	switch (dlt) {
	case DLT_ATM_RFC1483: return 100;
	case DLT_RAW: return 101;
	case DLT_SLIP_BSDOS: return 102;
	case DLT_PPP_BSDOS: return 103;
	case DLT_ATM_CLIP: return 106;
	default: return (uint32_t)dlt;
	}
}

static int fail_open(const char *name, pcap_t *handle, int status, struct capture_error *error)
{
	const char *text = pcap_geterr(handle);

	if (status == PCAP_ERROR_PERM_DENIED)
		return capture_fail(error, CAPTURE_EOPEN, "%s: no permission to capture; run as root, or give the "
			"program "
				"cap_net_raw (setcap cap_net_raw+ep)", name);
	return capture_fail(error, CAPTURE_EOPEN, "%s: %s", name, text[0] ? text : pcap_statustostr(status));
}

static void configure(pcap_t *handle, const struct capture_options *options)
{
	pcap_set_snaplen(handle, (int)(options->snaplen > INT32_MAX ? INT32_MAX : options->snaplen));
	pcap_set_promisc(handle, !options->not_promiscuous);
	pcap_set_timeout(handle, options->wait_ms);
	pcap_set_immediate_mode(handle, options->immediate);
	if (options->buffer_bytes)
		pcap_set_buffer_size(handle,
			(int)(options->buffer_bytes > INT32_MAX ? INT32_MAX : options->buffer_bytes));
	/* Refused where the system has microseconds only; what it gives is asked for afterwards. */
	pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
}

static int set_filter(const char *name, pcap_t *handle, const char *filter, struct capture_error *error)
{
	struct bpf_program program;
	int rc;

	if (!filter || !filter[0])
		return 0;
	if (pcap_compile(handle, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return capture_fail(error, CAPTURE_EUSAGE, "%s: filter \"%s\": %s", name, filter, pcap_geterr(handle));
	rc = pcap_setfilter(handle, &program);
	pcap_freecode(&program);
	return rc == 0 ? 0 : capture_fail(error, CAPTURE_EOPEN, "%s: %s", name, pcap_geterr(handle));
}

static int open_device(struct live *l, struct device *d, const char *name, const char *filter,
		struct capture_error *error)
{
	struct capture *c = l->capture;
	char text[PCAP_ERRBUF_SIZE] = "";
	struct capture_interface *interface;
	int rc;

	d->handle = pcap_create(name, text);
	if (!d->handle)
		return capture_fail(error, CAPTURE_EOPEN, "%s: %s", name, text);
	configure(d->handle, &c->options);
	rc = pcap_activate(d->handle);
	if (rc < 0)
		return fail_open(name, d->handle, rc, error);
	rc = set_filter(name, d->handle, filter, error);
	if (rc < 0)
		return rc;
	if (pcap_setnonblock(d->handle, 1, text) != 0)
		return capture_fail(error, CAPTURE_EOPEN, "%s: %s", name, text);
	if (interface_list_add(&c->interfaces, 0, &interface) < 0 || !(interface->name = strdup(name)))
		return capture_fail(error, CAPTURE_ENOMEM, "out of memory");
	d->unit_ns = pcap_get_tstamp_precision(d->handle) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
	d->linktype = linktype_of_dlt(pcap_datalink(d->handle));
	interface->linktype = d->linktype;
	interface->snaplen = (uint32_t)pcap_snapshot(d->handle);
	interface->ticks_per_s = 1000000000 / d->unit_ns;
	l->polls[d - l->devices].fd = pcap_get_selectable_fd(d->handle);
	l->polls[d - l->devices].events = POLLIN;
	return 0;
}

struct live *live_open(struct capture *c, const char *const *interfaces, size_t n, const char *filter,
		struct capture_error *error)
{
	struct live *l = calloc(1, sizeof *l);

	if (l) {
		l->capture = c;
		l->devices = calloc(n, sizeof *l->devices);
		l->polls = calloc(n, sizeof *l->polls);
	}
	if (!l || !l->devices || !l->polls) {
		capture_fail(error, CAPTURE_ENOMEM, "out of memory");
		live_close(l);
		return NULL;
	}
	for (; l->n < n; l->n++)
		if (open_device(l, &l->devices[l->n], interfaces[l->n], filter, error) < 0) {
			l->n++;
			live_close(l);
			return NULL;
		}
	return l;
}

void live_close(struct live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (l->devices[i].handle)
			pcap_close(l->devices[i].handle);
	free(l->devices);
	free(l->polls);
	free(l);
}

/* ------------------------------------------------------------------------------------------------ packets */

/* 1: the device has a packet, 0: none now, or CAPTURE_EREAD. */
static int ask(struct live *l, size_t i, struct capture_error *error)
{
	struct device *d = &l->devices[i];
	struct pcap_pkthdr *header;
	const u_char *data;
	int rc = pcap_next_ex(d->handle, &header, &data);

	if (rc < 0)
		return capture_fail(error, CAPTURE_EREAD, "%s: %s", l->capture->interfaces.all[i].name,
				pcap_geterr(d->handle));
	if (rc == 0)
		return 0;
	d->has_pkt = true;
	d->pkt.ts_ns = (int64_t)header->ts.tv_sec * 1000000000 + (int64_t)header->ts.tv_usec * d->unit_ns;
	d->pkt.data = data;
	d->pkt.caplen = header->caplen;
	d->pkt.wirelen = header->len > header->caplen ? header->len : header->caplen;
	d->pkt.linktype = d->linktype;
	d->pkt.interface = (uint32_t)i;
	return 1;
}

/* Waits until a device is worth asking. False: it is time to tell that nothing came. */
static bool wait_devices(struct live *l)
{
	int ms = l->capture->options.wait_ms;
	bool pollable = true;

	for (size_t i = 0; i < l->n; i++)
		pollable = pollable && l->polls[i].fd >= 0;
	if (!pollable && ms > NO_DESCRIPTOR_POLL_MS)
		ms = NO_DESCRIPTOR_POLL_MS;
	return poll(l->polls, l->n, ms) > 0;
}

int live_next(struct live *l, struct tcpstat_pkt *pkt, struct capture_error *error)
{
	for (int tries = 0; ; tries++) {
		struct device *first = NULL;

		for (size_t i = 0; i < l->n; i++) {
			struct device *d = &l->devices[i];
			int rc = d->has_pkt ? 1 : ask(l, i, error);

			if (rc < 0)
				return rc;
			if (rc && (!first || d->pkt.ts_ns < first->pkt.ts_ns))
				first = d;
		}
		if (first) {
			*pkt = first->pkt;
			first->has_pkt = false;
			return CAPTURE_PACKET;
		}
		if (tries || !wait_devices(l))
			return CAPTURE_IDLE;
	}
}

/* The kernel's counts are 32 bits wide and wrap; asked often enough, the sums do not. */
static int64_t unwrap(int64_t sum, u_int now)
{
	return sum == TCPSTAT_NULL ? now : sum + (u_int)(now - (u_int)sum);
}

void live_stats(struct live *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct capture_interface *interface = &l->capture->interfaces.all[i];
		struct pcap_stat stat;

		if (pcap_stats(l->devices[i].handle, &stat) != 0)
			continue;
		interface->received = unwrap(interface->received, stat.ps_recv);
		interface->dropped = unwrap(interface->dropped, stat.ps_drop);
		interface->if_dropped = unwrap(interface->if_dropped, stat.ps_ifdrop);
	}
}

/* ------------------------------------------------------------------------------------------------ devices */

int capture_devices(void (*each)(void *ctx, const struct capture_device *), void *ctx, struct capture_error *error)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_if_t *all = NULL;

	if (pcap_findalldevs(&all, text) != 0)
		return capture_fail(error, CAPTURE_EOPEN, "cannot list the interfaces: %s", text);
	for (const pcap_if_t *i = all; i; i = i->next) {
		const struct capture_device device = {
			.name = i->name,
			.description = i->description,
			.up = i->flags & PCAP_IF_UP,
			.running = i->flags & PCAP_IF_RUNNING,
			.loopback = i->flags & PCAP_IF_LOOPBACK,
			.wireless = i->flags & PCAP_IF_WIRELESS,
		};

		each(ctx, &device);
	}
	pcap_freealldevs(all);
	return 0;
}
