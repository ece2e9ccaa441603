#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "capture/error.h"
#include "capture/room.h"

#define WAIT_MS 250
#define BUFFERS_BYTES ((size_t)16 << 20) /* of all files together, as long as each has the least */
#define BUFFER_LEAST_BYTES ((size_t)16 << 10)
#define BUFFER_MOST_BYTES ((size_t)512 << 10) /* no faster beyond */
#define DESCRIPTORS_ELSE 64             /* that a program has open beside captures */

/* ------------------------------------------------------------------------------------------------ open, close */

static struct capture *out_of_memory(struct capture *c, struct capture_error *error)
{
	capture_free(c);
	capture_fail(error, CAPTURE_ENOMEM, "out of memory");
	return NULL;
}

static struct capture *capture_new(const struct capture_options *options)
{
	struct capture *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	if (options)
		c->options = *options;
	c->options.filter = NULL;
	if (c->options.wait_ms <= 0)
		c->options.wait_ms = WAIT_MS;
	if (c->options.snaplen == 0)
		c->options.snaplen = CAPTURE_SNAPLEN_DEFAULT;
	if (c->options.buffer_bytes == 0)
		c->options.buffer_bytes = CAPTURE_BUFFER_DEFAULT;
	c->facts.first_ts_ns = c->facts.last_ts_ns = TCPSTAT_NULL;
	return c;
}

static bool new_files(struct capture *c, const char *const *names, size_t n)
{
	c->names = calloc(n, sizeof *c->names);
	c->files = calloc(n, sizeof *c->files);
	if (!c->names || !c->files)
		return false;
	c->n_files = n;
	for (size_t i = 0; i < n; i++) {
		c->names[i] = strdup(names[i]);
		if (!c->names[i])
			return false;
		c->files[i].name = c->names[i];
		c->files[i].first_ts_ns = c->files[i].last_ts_ns = TCPSTAT_NULL;
	}
	c->facts.files = c->files;
	c->facts.n_files = n;
	return merge_init(&c->merge, n) == 0;
}

/* Every file stays open until its end: a long list of rotated captures may need more than the usual 1024. */
static void allow_descriptors(size_t n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= n + DESCRIPTORS_ELSE)
		return;
	limit.rlim_cur = limit.rlim_max < n + DESCRIPTORS_ELSE ? limit.rlim_max : n + DESCRIPTORS_ELSE;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void note_error(struct capture *c, size_t i)
{
	c->files[i].error = c->merge.inputs[i].reader.error.code;
	if (c->files[i].truncated)
		c->facts.truncated = true;
}

/* A capture cut in its header counts as one without packets; everything worse ends it all. */
static int open_reader(struct capture *c, size_t i, struct capture_error *error)
{
	struct reader *r = &c->merge.inputs[i].reader;
	int rc = reader_open(r, &c->files[i], (uint32_t)i, &c->interfaces);

	note_error(c, i);
	if (rc == 0)
		merge_add(&c->merge, (uint32_t)i);
	if (rc == 0 || rc == CAPTURE_EDAMAGED)
		return 0;
	*error = r->error;
	return rc;
}

size_t capture_buffer_bytes(size_t n)
{
	size_t each = n ? BUFFERS_BYTES / n : BUFFER_MOST_BYTES;

	if (each > BUFFER_MOST_BYTES)
		return BUFFER_MOST_BYTES;
	return each > BUFFER_LEAST_BYTES ? each : BUFFER_LEAST_BYTES;
}

static struct source_config source_config(struct capture *c, size_t n)
{
	struct source_config config = {
		.follow = c->options.follow,
		.wait_ms = c->options.wait_ms,
		.buffer_bytes = capture_buffer_bytes(n),
		.stop = &c->stop,
	};

	return config;
}

/* A mistake in the expression shows at opening where link types are known by then. */
static int open_filter(struct capture *c, const struct capture_options *options, struct capture_error *error)
{
	if (!options || !options->filter || !options->filter[0])
		return 0;
	c->filter = filter_new(options->filter);
	if (!c->filter)
		return capture_fail(error, CAPTURE_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < c->interfaces.n; i++) {
		const struct capture_interface *interface = &c->interfaces.all[i];
		int rc = filter_prepare(c->filter, interface->linktype, c->merge.inputs[interface->file].reader.big,
				error);

		if (rc < 0)
			return rc;
	}
	return 0;
}

struct capture *capture_open_files(const char *const *names, size_t n, const struct capture_options *options,
		struct capture_error *error)
{
	struct capture *c;
	int rc = 0;

	memset(error, 0, sizeof *error);
	if (n == 0 || n > UINT32_MAX || (options && options->follow && n > 1)) {
		capture_fail(error, CAPTURE_EUSAGE, n ? "only one file can be followed" : "no file");
		return NULL;
	}
	c = capture_new(options);
	if (!c || !new_files(c, names, n))
		return out_of_memory(c, error);
	allow_descriptors(n);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct source_config config = source_config(c, n);

		source_open(&c->merge.inputs[i].reader.source, c->names[i], &config);
		rc = open_reader(c, i, error);
	}
	if (rc == 0)
		rc = open_filter(c, options, error);
	if (rc == 0)
		return c;
	capture_free(c);
	return NULL;
}

struct capture *capture_open_memory(const uint8_t *bytes, size_t len, const struct capture_options *options,
		struct capture_error *error)
{
	static const char *const name = "memory";
	struct capture *c = capture_new(options);
	struct source_config config;

	memset(error, 0, sizeof *error);
	if (!c || !new_files(c, &name, 1))
		return out_of_memory(c, error);
	config = source_config(c, 1);
	source_from_memory(&c->merge.inputs[0].reader.source, bytes, len, &config);
	if (open_reader(c, 0, error) == 0 && open_filter(c, options, error) == 0)
		return c;
	capture_free(c);
	return NULL;
}

struct capture *capture_open_live(const char *const *interfaces, size_t n, const struct capture_options *options,
		struct capture_error *error)
{
	struct capture *c;

	memset(error, 0, sizeof *error);
	if (n == 0) {
		capture_fail(error, CAPTURE_EUSAGE, "no interface");
		return NULL;
	}
	c = capture_new(options);
	if (!c)
		return out_of_memory(c, error);
	c->facts.live = true;
	c->live = live_open(c, interfaces, n, options ? options->filter : NULL, error);
	if (c->live)
		return c;
	capture_free(c);
	return NULL;
}

struct capture_notice capture_notice(const struct capture *c)
{
	return c->notice;
}

int capture_socket(const struct capture *c, size_t interface)
{
	return c->live ? live_socket(c->live, interface) : -1;
}

int64_t capture_now_ns(const struct capture *c)
{
	return c->live ? live_now_ns(c->live) : capture_last_ts_ns(c);
}

void capture_stop(struct capture *c)
{
	c->stop = 1;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	live_close(c->live);
	merge_fini(&c->merge);
	interface_list_fini(&c->interfaces);
	filter_free(c->filter);
	for (size_t i = 0; c->names && i < c->n_files; i++)
		free(c->names[i]);
	free(c->names);
	free(c->files);
	free(c);
}

/* ------------------------------------------------------------------------------------------------ packets */

static void widen(int64_t *first, int64_t *last, int64_t ts_ns)
{
	if (*first == TCPSTAT_NULL || ts_ns < *first)
		*first = ts_ns;
	if (ts_ns > *last) /* TCPSTAT_NULL is the least there is */
		*last = ts_ns;
}

/* Of a live capture; those of files are summed up when they are asked for. */
static void count(struct capture_facts *facts, const struct tcpstat_pkt *pkt)
{
	facts->packets++;
	facts->bytes += pkt->caplen;
	facts->wire_bytes += pkt->wirelen;
	widen(&facts->first_ts_ns, &facts->last_ts_ns, pkt->ts_ns);
}

static void count_in_file(struct capture_file *file, const struct tcpstat_pkt *pkt)
{
	file->packets++;
	file->bytes += pkt->caplen;
	file->wire_bytes += pkt->wirelen;
	file->snapped += pkt->caplen < pkt->wirelen;
	widen(&file->first_ts_ns, &file->last_ts_ns, pkt->ts_ns);
}

static uint64_t number(struct capture *c, struct reader *r)
{
	c->frames += r->other_frames + 1;
	r->other_frames = 0;
	return c->frames;
}

/* The errors of the files, one a call, when all packets are out. */
static int report(struct capture *c, struct capture_error *error)
{
	while (c->n_reported < c->n_files) {
		size_t i = c->n_reported++;

		note_error(c, i);
		if (c->files[i].error) {
			*error = c->merge.inputs[i].reader.error;
			return error->code;
		}
	}
	return CAPTURE_END;
}

static int next_of_files(struct capture *c, struct tcpstat_pkt *pkt, struct capture_error *error)
{
	uint32_t input = 0;
	int rc;

	do {
		if (c->stop)
			return CAPTURE_END;
		rc = merge_next(&c->merge, pkt, &input);
		if (rc == CAPTURE_END)
			return report(c, error);
		if (rc != CAPTURE_PACKET)
			return rc;
		pkt->frame = number(c, &c->merge.inputs[input].reader);
		c->interfaces.all[pkt->interface].packets++;
		count_in_file(&c->files[input], pkt);
		rc = FILTER_PASSED;
		if (c->filter)
			rc = filter_match(c->filter, pkt, c->merge.inputs[input].reader.big, error);
		if (rc < 0)
			return rc;
		c->facts.filtered += rc != FILTER_PASSED;
		c->facts.unfit += rc == FILTER_UNFIT;
	} while (rc != FILTER_PASSED);
	return CAPTURE_PACKET;
}

int capture_next(struct capture *c, struct tcpstat_pkt *pkt, struct capture_error *error)
{
	int rc;

	if (!c->live)
		return next_of_files(c, pkt, error);
	if (c->stop)
		return CAPTURE_END;
	rc = live_next(c->live, pkt, error);
	if (rc < 0)
		c->stop = 1;            /* an interface that failed once is not asked again */
	if (rc == CAPTURE_PACKET) {
		pkt->frame = ++c->frames;
		c->interfaces.all[pkt->interface].packets++;
		count(&c->facts, pkt);
	}
	return rc;
}

/* ------------------------------------------------------------------------------------------------ facts */

int64_t capture_last_ts_ns(const struct capture *c)
{
	int64_t last_ns = c->facts.last_ts_ns;

	for (size_t i = 0; i < c->n_files; i++)
		if (c->files[i].last_ts_ns > last_ns)
			last_ns = c->files[i].last_ts_ns;
	return last_ns;
}

static void sum_up(struct capture_facts *facts)
{
	facts->packets = facts->bytes = facts->wire_bytes = 0;
	for (size_t i = 0; i < facts->n_files; i++) {
		const struct capture_file *file = &facts->files[i];

		facts->packets += file->packets;
		facts->bytes += file->bytes;
		facts->wire_bytes += file->wire_bytes;
		if (file->packets) {
			widen(&facts->first_ts_ns, &facts->last_ts_ns, file->first_ts_ns);
			widen(&facts->first_ts_ns, &facts->last_ts_ns, file->last_ts_ns);
		}
	}
}

const struct capture_facts *capture_facts(struct capture *c)
{
	if (c->live)
		live_stats(c->live);
	else
		sum_up(&c->facts);
	c->facts.interfaces = c->interfaces.all;
	c->facts.n_interfaces = c->interfaces.n;
	return &c->facts;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct capture_progress capture_progress(const struct capture *c)
{
	struct capture_progress progress = { 0, 0 };
	bool unknown = false;

	for (size_t i = 0; i < c->n_files; i++) {
		const struct source *s = &c->merge.inputs[i].reader.source;

		/* it may have grown meanwhile */
		progress.done_bytes += s->total_bytes ? least(source_done(s), s->total_bytes) : source_done(s);
		progress.total_bytes += s->total_bytes;
		unknown = unknown || s->total_bytes == 0;
	}
	if (unknown)
		progress.total_bytes = 0;
	return progress;
}
