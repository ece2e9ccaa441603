/* Live interfaces, with libpcap. Each is asked without blocking; of what they have, the earliest packet comes first.
 * Order between interfaces is therefore as good as the kernel's buffering allows, not strict. */
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "capture/clock.h"
#include "capture/error.h"
#include "capture/room.h"

#define NO_DESCRIPTOR_POLL_MS 20
#define NS_PER_S INT64_C(1000000000)
#define LOOK_NS (NS_PER_S / 10)         /* the clocks are compared, and interfaces that are down are asked, so often */

#define LOOK_PACKETS 256                /* under load, not at every packet */

enum standing { UP, DOWN, GONE, OTHER }; /* OTHER: its name is that of an interface of another kind now */

struct device {
	pcap_t *handle;
	uint32_t linktype;
	int64_t unit_ns;                /* of the fraction of a time */
	struct tcpstat_pkt pkt;         /* the next one, if there */
	bool has_pkt;
	bool drained;                   /* not up, and what it had heard before has been read */
	enum standing standing;
	enum standing told;             /* what the caller knows */
	unsigned index;                 /* of the system; 0: "any", or no interface of its own */
	int kind;                       /* ARPHRD_* */
};

struct live {
	struct capture *capture;
	struct device *devices;
	struct pollfd *polls;           /* of the devices, and wake_fd */
	size_t n;
	struct live_clock clock;
	int64_t steady_ns, next_look_ns;
	int64_t step_ns;                /* not told yet; 0 none */
	int control;                    /* a socket to ask about interfaces: later there may be no right to open one */
	uint32_t packets;
};

/* 0: none of this name. */
static unsigned index_of(const struct live *l, const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
	return ioctl(l->control, SIOCGIFINDEX, &request) == 0 ? (unsigned)request.ifr_ifindex : 0;
}

/* ARPHRD_*; -1: none of this name. */
static int kind_of(const struct live *l, const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
	return ioctl(l->control, SIOCGIFHWADDR, &request) == 0 ? request.ifr_hwaddr.sa_family : -1;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

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
			"program cap_net_raw (setcap cap_net_raw+ep)", name);
	if (status == PCAP_ERROR_NO_SUCH_DEVICE)
		return capture_fail(error, CAPTURE_EOPEN, "%s: there is no such interface; -D lists "
			"those that there are", name);
	return capture_fail(error, CAPTURE_EOPEN, "%s: %s", name, text[0] ? text : pcap_statustostr(status));
}

static void configure(pcap_t *handle, const struct capture_options *options)
{
	pcap_set_snaplen(handle, (int)(options->snaplen > INT32_MAX ? INT32_MAX : options->snaplen));
	pcap_set_promisc(handle, !options->not_promiscuous);
	pcap_set_timeout(handle, options->wait_ms);
	pcap_set_immediate_mode(handle, options->immediate);
	pcap_set_buffer_size(handle, (int)(options->buffer_bytes > INT32_MAX ? INT32_MAX : options->buffer_bytes));
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
	d->index = index_of(l, name);
	d->kind = kind_of(l, name);
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
		l->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		l->devices = calloc(n, sizeof *l->devices);
		l->polls = calloc(n + 1, sizeof *l->polls);
		l->steady_ns = clock_ns(CLOCK_BOOTTIME);
		live_clock_init(&l->clock, clock_ns(CLOCK_REALTIME), l->steady_ns);
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
	l->polls[n].fd = c->options.wake_fd ? c->options.wake_fd : -1;
	l->polls[n].events = POLLIN;
	return l;
}

void live_close(struct live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (l->devices[i].handle)
			pcap_close(l->devices[i].handle);
	if (l->control >= 0)
		close(l->control);
	free(l->devices);
	free(l->polls);
	free(l);
}

/* ------------------------------------------------------------------------------------------------ standing */

static bool is_up(const struct live *l, const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
	return ioctl(l->control, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_UP;
}

/* The socket of an interface that was removed hears nothing any more, but it can be bound to the one that has its name
 * now. That takes no privilege, unlike a new socket, and buffer, filter and counts remain. False: it cannot be. */
static bool bind_anew(const struct live *l, const struct device *d, unsigned index)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)index };
	struct packet_mreq all = { .mr_ifindex = (int)index, .mr_type = PACKET_MR_PROMISC };
	int fd = pcap_fileno(d->handle);

	if (bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0)
		return false;
	/* Refused, it hears less but does not fail; so does libpcap. */
	if (!l->capture->options.not_promiscuous)
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all);
	return true;
}

/* How the interface stands that has this name now. Between one and the next of a name it is gone for one look at
 * least, so that it is told. */
static enum standing standing_of(const struct live *l, struct device *d, const char *name)
{
	unsigned index = index_of(l, name);

	if (index && index == d->index)
		return is_up(l, name) ? UP : DOWN;
	if (!index || d->standing == UP || d->standing == DOWN || !d->drained)
		return GONE;
	if (kind_of(l, name) != d->kind)
		return OTHER;
	if (!bind_anew(l, d, index))
		return GONE;
	d->index = index;
	return is_up(l, name) ? UP : DOWN;
}

/* ------------------------------------------------------------------------------------------------ packets */

/* 1: the device has a packet, 0: none now, or CAPTURE_EREAD. */
static int ask(struct live *l, size_t i, struct capture_error *error)
{
	struct device *d = &l->devices[i];
	const char *name = l->capture->interfaces.all[i].name;
	struct pcap_pkthdr *header;
	const u_char *data;
	int rc = pcap_next_ex(d->handle, &header, &data);

	if (rc < 0) {
		if (rc != PCAP_ERROR || !d->index)
			return capture_fail(error, CAPTURE_EREAD, "%s: %s", name, pcap_geterr(d->handle));
		d->drained = true;
		d->standing = standing_of(l, d, name);
		if (d->standing == UP)
			d->standing = DOWN;
		l->polls[i].fd = -1;
		return 0;
	}
	if (rc == 0) {
		d->drained = d->standing != UP;
		return 0;
	}
	d->has_pkt = true;
	d->pkt.ts_ns = (int64_t)header->ts.tv_sec * NS_PER_S + (int64_t)header->ts.tv_usec * d->unit_ns;
	d->pkt.ts_ns = live_clock_fix(&l->clock, d->pkt.ts_ns, l->steady_ns);
	d->pkt.data = data;
	d->pkt.caplen = header->caplen;
	d->pkt.wirelen = header->len > header->caplen ? header->len : header->caplen;
	d->pkt.linktype = d->linktype;
	d->pkt.interface = (uint32_t)i;
	return 1;
}

/* What changes without packets. The socket of an interface that went down lives, and hears again when it is up.
 * libpcap tells neither that nor the end of an interface reliably. */
static void look(struct live *l)
{
	l->steady_ns = clock_ns(CLOCK_BOOTTIME);
	if (l->steady_ns < l->next_look_ns)
		return;
	l->next_look_ns = l->steady_ns + LOOK_NS;
	l->step_ns += live_clock_look(&l->clock, clock_ns(CLOCK_REALTIME), l->steady_ns);
	for (size_t i = 0; i < l->n; i++) {
		struct device *d = &l->devices[i];

		if (!d->index)
			continue;
		d->standing = standing_of(l, d, l->capture->interfaces.all[i].name);
		if (d->standing == UP)
			d->drained = false;
		l->polls[i].fd = d->standing == UP ? pcap_get_selectable_fd(d->handle) : -1;
	}
}

/* Is there something to tell? */
static bool notice(struct live *l)
{
	static const enum capture_notice_what what[] = { [UP] = CAPTURE_INTERFACE_UP, [DOWN] = CAPTURE_INTERFACE_DOWN,
		[GONE] = CAPTURE_INTERFACE_GONE, [OTHER] = CAPTURE_INTERFACE_OTHER };

	for (size_t i = 0; i < l->n; i++) {
		struct device *d = &l->devices[i];

		if (d->standing == d->told)
			continue;
		d->told = d->standing;
		l->capture->interfaces.all[i].down = d->standing != UP;
		l->capture->notice = (struct capture_notice){ .what = what[d->standing], .interface = (uint32_t)i };
		return true;
	}
	if (!l->step_ns)
		return false;
	l->capture->notice = (struct capture_notice){ .what = CAPTURE_CLOCK_STEP, .step_ns = l->step_ns };
	l->step_ns = 0;
	return true;
}

/* Waits until a device is worth asking. False: it is time to tell that nothing came. */
static bool wait_devices(struct live *l)
{
	int ms = l->capture->options.wait_ms;
	bool pollable = true;

	for (size_t i = 0; i < l->n; i++)
		pollable = pollable && (l->polls[i].fd >= 0 || l->devices[i].standing != UP);
	if (!pollable && ms > NO_DESCRIPTOR_POLL_MS)
		ms = NO_DESCRIPTOR_POLL_MS;
	if (poll(l->polls, l->n + 1, ms) <= 0 || l->polls[l->n].revents)
		return false;
	return true;
}

/* The earliest of the packets that wait. NULL: none does. */
static int earliest(struct live *l, struct device **first, struct capture_error *error)
{
	*first = NULL;
	for (size_t i = 0; i < l->n; i++) {
		struct device *d = &l->devices[i];
		int rc = d->has_pkt ? 1 : d->standing == UP || !d->drained ? ask(l, i, error) : 0;

		if (rc < 0)
			return rc;
		if (rc && (!*first || d->pkt.ts_ns < (*first)->pkt.ts_ns))
			*first = d;
	}
	return 0;
}

int live_next(struct live *l, struct tcpstat_pkt *pkt, struct capture_error *error)
{
	for (int tries = 0; ; ) {
		struct device *first;
		int rc = earliest(l, &first, error);

		if (rc < 0)
			return rc;
		if (first && ++l->packets % LOOK_PACKETS) {
			*pkt = first->pkt;
			first->has_pkt = false;
			return CAPTURE_PACKET;
		}
		look(l);
		if (notice(l))
			return CAPTURE_NOTICE;
		if (first)
			continue;
		if (tries++ || !wait_devices(l))
			return CAPTURE_IDLE;
	}
}

int live_socket(const struct live *l, size_t interface)
{
	return l->devices[interface].index ? pcap_fileno(l->devices[interface].handle) : -1;
}

int64_t live_now_ns(const struct live *l)
{
	return live_clock_now(&l->clock, clock_ns(CLOCK_REALTIME));
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
