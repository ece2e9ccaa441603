/*
 * emulator.c - moves packets between two namespaces' tun devices and writes down what happened to each.
 *
 *	emulator NAMESPACE-A NAMESPACE-B DEVICE DIRECTORY
 *
 * reads its configuration from standard input, one "key value" a line (`dir ab` or `dir ba` names the path that the
 * following lines are about), up to a line `go`; answers `ready` when the devices exist; runs until standard input
 * ends; then writes A.pcap, B.pcap, M.pcap and packets.csv into DIRECTORY and its statistics as JSON to standard
 * output. */
#define _GNU_SOURCE
#include "emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_LEN = 65536, LINKTYPE_RAW = 101 };

struct record {
	uint64_t t_ns;
	uint32_t packet;	/* index */
	uint8_t copy;
	bool ce;
};

struct log {
	struct record *r;
	size_t n, room;
};

struct arrival {
	uint64_t t_ns;
	uint32_t packet;
	uint8_t copy;
};

static struct path paths[DIRS];
static int tun[DIRS];			/* tun[DIR_AB] belongs to A: what is read there goes a to b */
static struct packet *packets;
static size_t n_packets, room_packets;
static struct log logs[PLACES];
static struct arrival *heap;
static size_t n_heap, room_heap;
static uint64_t start_ns, offset_ns;
static uint64_t late_sum_ns, late_max_ns;
static unsigned n_late, write_errors;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *grow(void *p, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return p;
	*room = *room ? *room * 2 : 4096;
	p = realloc(p, *room * size);
	if (!p)
		die("emulator: memory");
	return p;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- times to come */

static void heap_push(struct arrival a)
{
	size_t i = n_heap;

	heap = grow(heap, n_heap, &room_heap, sizeof *heap);
	n_heap++;
	while (i && heap[(i - 1) / 2].t_ns > a.t_ns) {
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = a;
}

static struct arrival heap_pop(void)
{
	struct arrival top = heap[0], last = heap[--n_heap];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c + 1 < n_heap && heap[c + 1].t_ns < heap[c].t_ns)
			c++;
		if (c >= n_heap || heap[c].t_ns >= last.t_ns)
			break;
		heap[i] = heap[c];
		i = c;
	}
	heap[i] = last;
	return top;
}

/* ---- moving packets */

static void record(int place, uint64_t t_ns, uint32_t packet, uint8_t copy, bool ce)
{
	struct log *l = &logs[place];

	l->r = grow(l->r, l->n, &l->room, sizeof *l->r);
	l->r[l->n++] = (struct record){t_ns, packet, copy, ce};
}

static void take(int dir, const uint8_t *bytes, uint32_t len)
{
	struct tcp_view v;
	struct passage pass = {0};
	struct packet *p;
	bool fresh, first_ack;
	uint32_t index = (uint32_t)n_packets;

	if (!tcp_view(bytes, len, &v))
		return;
	packets = grow(packets, n_packets, &room_packets, sizeof *packets);
	p = &packets[n_packets++];
	*p = (struct packet){.sent_ns = now_ns(), .len = len, .id = index + 1, .dir = (uint8_t)dir};
	p->bytes = malloc(len);
	if (!p->bytes)
		die("emulator: memory");
	memcpy(p->bytes, bytes, len);
	if (!start_ns)
		start_ns = p->sent_ns;
	p->flow = flow_of(&v, dir, &fresh, &first_ack);
	record(dir == DIR_AB ? AT_A : AT_B, p->sent_ns, index, 0, false);
	path_pass(&paths[dir], p, &v, fresh, first_ack, p->sent_ns - start_ns, &pass);
	if (p->past_m)
		record(AT_M, pass.m_ns, index, 0, p->ce && paths[dir].m_after);
	for (uint8_t i = 0; i < p->copies; i++)
		heap_push((struct arrival){pass.arrive_ns[i], index, i});
}

static void deliver(struct arrival a)
{
	static uint8_t marked[MAX_LEN];
	struct packet *p = &packets[a.packet];
	const uint8_t *bytes = p->bytes;
	uint64_t t = now_ns(), late = t - a.t_ns;

	if (p->ce) {
		memcpy(marked, p->bytes, p->len);
		mark_ce(marked, p->len);
		bytes = marked;
	}
	late_sum_ns += late;
	late_max_ns = late > late_max_ns ? late : late_max_ns;
	n_late++;
	record(p->dir == DIR_AB ? AT_B : AT_A, t, a.packet, a.copy, p->ce);
	p->fate = FATE_DELIVERED;
	paths[p->dir].n_delivered += a.copy == 0;
	if (write(tun[!p->dir], bytes, p->len) != (ssize_t)p->len)
		write_errors++;
}

static void deliver_due(void)
{
	while (n_heap && heap[0].t_ns <= now_ns())
		deliver(heap_pop());
}

static void run(void)
{
	static uint8_t buf[MAX_LEN];
	struct pollfd fds[3] = {{.fd = tun[0], .events = POLLIN}, {.fd = tun[1], .events = POLLIN}, {.events = POLLIN}};
	struct timespec ts;
	uint64_t now, wait;

	for (;;) {
		deliver_due();
		now = now_ns();
		wait = !n_heap ? 1000000000 : heap[0].t_ns > now ? heap[0].t_ns - now : 0;
		ts = (struct timespec){(time_t)(wait / 1000000000), (long)(wait % 1000000000)};
		if (ppoll(fds, 3, &ts, NULL) < 0 && errno != EINTR)
			die("emulator: poll");
		for (int dir = 0; dir < DIRS; dir++) {
			for (int i = 0; i < 16 && fds[dir].revents; i++) {
				ssize_t n = read(tun[dir], buf, sizeof buf);

				if (n <= 0)
					break;
				take(dir, buf, (uint32_t)n);
			}
		}
		if (fds[2].revents)
			return;
	}
}

/* ---- the devices */

static int open_tun(const char *ns, const char *device)
{
	char path[128];
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int ns_fd, fd;

	snprintf(path, sizeof path, "/run/netns/%s", ns);
	ns_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ns_fd < 0 || setns(ns_fd, CLONE_NEWNET) < 0)
		die(path);
	close(ns_fd);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die("/dev/net/tun");
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", device);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		die("TUNSETIFF");
	return fd;
}

/* ---- what is written at the end */

static int by_time(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->packet < y->packet ? -1 : x->packet > y->packet;
}

static void put32(FILE *f, uint32_t v)
{
	fwrite(&v, 4, 1, f);
}

static void write_capture(const char *name, int place)
{
	static uint8_t marked[MAX_LEN];
	struct log *l = &logs[place];
	FILE *f = fopen(name, "wb");

	if (!f)
		die(name);
	put32(f, 0xa1b23c4d);
	put32(f, 2 | 4 << 16);
	put32(f, 0);
	put32(f, 0);
	put32(f, MAX_LEN);
	put32(f, LINKTYPE_RAW);
	if (place == AT_M)
		qsort(l->r, l->n, sizeof *l->r, by_time);
	for (size_t i = 0; i < l->n; i++) {
		struct record *r = &l->r[i];
		struct packet *p = &packets[r->packet];
		uint64_t t = r->t_ns + offset_ns;

		if (r->copy)
			p->copy_frame = (uint32_t)i + 1;
		else
			p->frame[place] = (uint32_t)i + 1;
		put32(f, (uint32_t)(t / 1000000000));
		put32(f, (uint32_t)(t % 1000000000));
		put32(f, p->len);
		put32(f, p->len);
		memcpy(marked, p->bytes, p->len);
		if (r->ce)
			mark_ce(marked, p->len);
		fwrite(marked, 1, p->len, f);
	}
	if (fclose(f))
		die(name);
}

static void write_fates(const char *name)
{
	static const char *const fates[] = {"delivered", "drop-rule", "drop-random", "drop-queue", "drop-blackout",
		"in-flight-at-end"};
	FILE *f = fopen(name, "w");

	if (!f)
		die(name);
	fprintf(f, "id,dir,flow,src_frame,m_frame,dst_frame,copy,fate\n");
	for (size_t i = 0; i < n_packets; i++) {
		struct packet *p = &packets[i];
		int src = p->dir == DIR_AB ? AT_A : AT_B, dst = p->dir == DIR_AB ? AT_B : AT_A;

		fprintf(f, "%u,%s,%u,%u,%u,%u,0,%s\n", p->id, p->dir == DIR_AB ? "ab" : "ba", p->flow, p->frame[src],
			p->frame[AT_M], p->frame[dst], fates[p->frame[dst] ? FATE_DELIVERED : p->fate]);
		if (p->copy_frame)
			fprintf(f, "%u,%s,%u,%u,%u,%u,1,dup-copy\n", p->id, p->dir == DIR_AB ? "ab" : "ba", p->flow,
				p->frame[src], p->frame[AT_M], p->copy_frame);
	}
	if (fclose(f))
		die(name);
}

static void print_statistics(void)
{
	printf("{\"lateness\": {\"n\": %u, \"mean_us\": %.1f, \"max_us\": %.1f, \"write_errors\": %u}", n_late,
		n_late ? (double)late_sum_ns / n_late / 1e3 : 0, (double)late_max_ns / 1e3, write_errors);
	for (int d = 0; d < DIRS; d++) {
		const struct path *p = &paths[d];
		unsigned drops = p->n_drop[FATE_DROP_RULE] + p->n_drop[FATE_DROP_RANDOM] + p->n_drop[FATE_DROP_QUEUE] +
			p->n_drop[FATE_DROP_BLACKOUT];

		printf(", \"%s\": {\"in\": %u, \"delivered\": %u, \"drops\": %u", d == DIR_AB ? "ab" : "ba", p->n_in,
			p->n_delivered, drops);
		printf(", \"drop_rule\": %u, \"drop_random\": %u, \"drop_queue\": %u, \"drop_blackout\": %u",
			p->n_drop[FATE_DROP_RULE], p->n_drop[FATE_DROP_RANDOM], p->n_drop[FATE_DROP_QUEUE],
			p->n_drop[FATE_DROP_BLACKOUT]);
		printf(", \"dup\": %u, \"hold\": %u, \"ce\": %u, \"max_queue\": %u}", p->n_dup, p->n_hold, p->n_ce,
			p->longest);
	}
	printf("}\n");
}

/* ---- */

static void configure(void)
{
	static char line[4096];
	int dir = DIR_AB;

	while (fgets(line, sizeof line, stdin) && strcmp(line, "go\n")) {
		char *value = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (value)
			*value++ = '\0';
		else
			value = line + strlen(line);
		if (!strcmp(line, "dir")) {
			dir = strcmp(value, "ab") ? DIR_BA : DIR_AB;
		} else if (!strcmp(line, "seed")) {
			random_seed(strtoull(value, NULL, 10));
		} else if (!strcmp(line, "offset_ns")) {
			offset_ns = strtoull(value, NULL, 10);
		} else if (!path_configure(&paths[dir], line, value)) {
			fprintf(stderr, "emulator: bad line: %s %s\n", line, value);
			exit(2);
		}
	}
	for (dir = 0; dir < DIRS; dir++) {
		if (!paths[dir].queue_limit)
			paths[dir].queue_limit = 2000;
		paths[dir].departs = calloc(paths[dir].queue_limit, sizeof *paths[dir].departs);
		if (!paths[dir].departs)
			die("emulator: memory");
	}
}

int main(int argc, char **argv)
{
	struct sched_param rt = {.sched_priority = 10};

	if (argc != 5) {
		fprintf(stderr, "usage: emulator NAMESPACE-A NAMESPACE-B DEVICE DIRECTORY\n");
		return 2;
	}
	setvbuf(stdin, NULL, _IONBF, 0);
	configure();
	tun[DIR_AB] = open_tun(argv[1], argv[3]);
	tun[DIR_BA] = open_tun(argv[2], argv[3]);
	if (sched_setscheduler(0, SCHED_FIFO, &rt) < 0 || mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		perror("emulator: no real-time priority");
	printf("ready\n");
	fflush(stdout);
	run();
	if (chdir(argv[4]) < 0)
		die(argv[4]);
	write_capture("A.pcap", AT_A);
	write_capture("B.pcap", AT_B);
	write_capture("M.pcap", AT_M);
	write_fates("packets.csv");
	print_statistics();
	return 0;
}
