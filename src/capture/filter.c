#include "capture/filter.h"

#include <pcap/pcap.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/error.h"

#define LINKTYPE_ETHERNET 1u
#define SNAPLEN 262144u

struct program {
	uint32_t linktype;
	bool big;
	bool no_memory;                 /* to compile it */
	bool fits;                      /* false: nothing to run, no packet passes */
	struct bpf_program code;
};

struct filter {
	char *expression;
	struct program *programs;
	size_t n, size;
	size_t last;                    /* the one used last */
};

struct filter *filter_new(const char *expression)
{
	struct filter *f = calloc(1, sizeof *f);

	if (f)
		f->expression = strdup(expression);
	if (f && !f->expression) {
		free(f);
		return NULL;
	}
	return f;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		if (f->programs[i].fits)
			pcap_freecode(&f->programs[i].code);
	free(f->programs);
	free(f->expression);
	free(f);
}

static void put32(uint8_t *p, uint32_t value, bool big)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (big ? 24 - 8 * i : 8 * i));
}

/* A handle to compile for. It reads an empty capture, and not pcap_open_dead, because libpcap then translates the
 * number of the link type as for a file, and minds the byte order of the pseudo headers. */
static pcap_t *open_empty(uint32_t linktype, bool big, char *error)
{
	uint8_t header[24] = { 0 };
	pcap_t *handle = NULL;
	FILE *file;

	put32(header, 0xa1b2c3d4, big);
	header[big ? 5 : 4] = 2;        /* version 2.4 */
	header[big ? 7 : 6] = 4;
	put32(header + 16, SNAPLEN, big);
	put32(header + 20, linktype, big);
	file = fmemopen(header, sizeof header, "rb");
	if (file)
		handle = pcap_fopen_offline(file, error);
	else
		snprintf(error, PCAP_ERRBUF_SIZE, "out of memory");
	if (file && !handle)
		fclose(file);
	return handle;
}

static bool compile(const struct filter *f, struct program *program, char *error)
{
	pcap_t *handle;
	int rc;

	errno = 0;                      /* libpcap's texts do not tell a wrong expression from want of memory */
	handle = open_empty(program->linktype, program->big, error);
	program->no_memory = !handle && errno == ENOMEM;
	if (!handle)
		return false;
	rc = pcap_compile(handle, &program->code, f->expression, 1, PCAP_NETMASK_UNKNOWN);
	program->no_memory = rc != 0 && errno == ENOMEM;
	if (rc != 0)
		snprintf(error, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(handle));
	pcap_close(handle);
	return rc == 0;
}

/* Is it the expression that is wrong, or does it only not suit this link type? */
static bool compiles_elsewhere(const struct filter *f)
{
	struct program ethernet = { .linktype = LINKTYPE_ETHERNET };
	char error[PCAP_ERRBUF_SIZE];

	for (size_t i = 0; i < f->n; i++)
		if (f->programs[i].fits)
			return true;
	if (!compile(f, &ethernet, error))
		return false;
	pcap_freecode(&ethernet.code);
	return true;
}

static struct program *find(struct filter *f, uint32_t linktype, bool big)
{
	for (size_t i = 0, at = f->last; i < f->n; i++, at = at + 1 == f->n ? 0 : at + 1)
		if (f->programs[at].linktype == linktype && f->programs[at].big == big) {
			f->last = at;
			return &f->programs[at];
		}
	return NULL;
}

int filter_prepare(struct filter *f, uint32_t linktype, bool big, struct capture_error *error)
{
	struct program program = { .linktype = linktype, .big = big };
	char text[PCAP_ERRBUF_SIZE];

	if (find(f, linktype, big))
		return 0;
	if (f->n == f->size) {
		size_t size = f->size ? 2 * f->size : 4;
		struct program *programs = realloc(f->programs, size * sizeof *programs);

		if (!programs)
			return capture_fail(error, CAPTURE_ENOMEM, "out of memory");
		f->programs = programs;
		f->size = size;
	}
	program.fits = compile(f, &program, text);
	if (program.no_memory)
		return capture_fail(error, CAPTURE_ENOMEM, "out of memory");
	if (!program.fits && !compiles_elsewhere(f))
		return capture_fail(error, CAPTURE_EUSAGE, "filter \"%s\": %s", f->expression, text);
	f->last = f->n;
	f->programs[f->n++] = program;
	return 0;
}

int filter_match(struct filter *f, const struct tcpstat_pkt *pkt, bool big, struct capture_error *error)
{
	struct program *program = find(f, pkt->linktype, big);
	struct pcap_pkthdr header = { .caplen = pkt->caplen, .len = pkt->wirelen };

	if (!program) {
		int rc = filter_prepare(f, pkt->linktype, big, error);

		if (rc < 0)
			return rc;
		program = &f->programs[f->last];
	}
	if (!program->fits)
		return FILTER_UNFIT;
	return pcap_offline_filter(&program->code, &header, pkt->data) ? FILTER_PASSED : FILTER_REFUSED;
}
