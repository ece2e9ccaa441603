#include "config.h"
#include "cli/options.h"
#include "cli/say.h"
#include "sink/record.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NS_PER_S INT64_C(1000000000)

enum { DEFAULT_TOP = 25, DEFAULT_INTERVAL_S = 10 };

struct option_row {
	int key;                        /* what getopt_long returns; 0: heading of a group */
	char letter;                    /* 0 none */
	const char *name, *argument, *help;
};

/* Keys: the place in the table, beyond every character. */
enum {
	OPT_FIRST = 0x100,
#define GROUP(heading)
#define O(id, letter, name, argument, help) OPT_##id,
#include "cli/options.def"
#undef O
#undef GROUP
	OPT_END
};

static const struct option_row rows[] = {
#define GROUP(heading) { 0, 0, NULL, NULL, heading },
#define O(id, letter, name, argument, help) { OPT_##id, letter, name, argument, help },
#include "cli/options.def"
#undef O
#undef GROUP
};

enum { N_ROWS = sizeof rows / sizeof *rows };

static int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int usage_error(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	say(text);
	fputs("Try 'tcpstat --help'.\n", stderr);
	return EXIT_USAGE;
}

static int no_memory(void)
{
	say("out of memory");
	return EXIT_RUNTIME;
}

void options_help(FILE *out)
{
	enum { HELP_COLUMN = 32 };
	size_t i;

	fputs("Usage: tcpstat [OPTION]... FILE... [FILTER]\n"
	      "       tcpstat [OPTION]... -i INTERFACE [FILTER]\n"
	      "       tcpstat --merge FILE...\n"
	      "What TCP did: every connection with both endpoints' states, losses and delays, from packets.\n", out);
	for (i = 0; i < N_ROWS; i++) {
		const struct option_row *row = &rows[i];
		const char *line = row->help;
		int used;

		if (!row->key) {
			fprintf(out, "\n%s:\n", row->help);
			continue;
		}
		used = row->letter ? fprintf(out, "  -%c, ", row->letter) : fprintf(out, "      ");
		used += fprintf(out, "--%s", row->name);
		if (row->argument)
			used += fprintf(out, "%s%s", row->letter ? " " : "=", row->argument);
		if (used >= HELP_COLUMN)
			used = (fputc('\n', out), 0);
		for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL, used = 0)
			fprintf(out, "%*s%.*s\n", HELP_COLUMN - used, "", (int)strcspn(line, "\n"), line);
	}
	fputs("\nThe words after the last file are the filter: tcpstat trace.pcap port 443\n"
	      "Exit: 0 fine, 1 failure, 2 wrong usage or filter, 3 damaged input, 4 --fail-on. See tcpstat(1).\n",
		out);
}

static void version(void)
{
	printf("tcpstat %s, with %s\n", PACKAGE_VERSION, pcap_lib_version());
}

/* A whole decimal number in [least, most]. */
static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *n)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*n = strtoull(text, &end, 10);
	return !errno && !*end && *n >= least && *n <= most;
}

static bool parse_size(const char *text, uint64_t *size)
{
	static const char suffixes[] = "kMG";
	size_t len = strlen(text);
	char digits[24];
	const char *suffix;
	unsigned shift = 0;

	if (!len || len >= sizeof digits)
		return false;
	memcpy(digits, text, len + 1);
	suffix = strchr(suffixes, digits[len - 1] == 'K' ? 'k' : digits[len - 1]);
	if (suffix) {
		shift = 10 * (unsigned)(suffix - suffixes + 1);
		digits[len - 1] = '\0';
	}
	if (!parse_number(digits, 1, UINT64_MAX >> shift, size))
		return false;
	*size <<= shift;
	return true;
}

/* "KEY:NUMBER" of this key? */
static bool parse_condition(const char *text, const char *key, uint64_t most, uint64_t *n)
{
	size_t len = strlen(key);

	return !strncmp(text, key, len) && text[len] == ':' && parse_number(text + len + 1, 1, most, n);
}

/* "duration:SECONDS", fractions allowed. */
static bool parse_duration(const char *text, int64_t *ns)
{
	double s;
	char *end;

	if (strncmp(text, "duration:", 9) || text[9] < '0' || text[9] > '9')
		return false;
	s = strtod(text + 9, &end);
	if (*end || !(s > 0) || s >= 1e9)
		return false;
	*ns = (int64_t)(s * (double)NS_PER_S);
	return *ns > 0;
}

static int parse_autostop(struct options *o, const char *text)
{
	uint64_t n;

	if (parse_condition(text, "packets", UINT64_MAX, &n))
		o->max_packets = n;
	else if (parse_condition(text, "files", UINT32_MAX, &n))
		o->rotation.max_files = (uint32_t)n;
	else if (!parse_duration(text, &o->max_ns))
		return usage_error("--autostop %s: expected duration:SECONDS, packets:NUMBER or files:NUMBER", text);
	return -1;
}

static int parse_ring(struct options *o, const char *text)
{
	uint64_t n;

	if (parse_condition(text, "filesize", UINT64_MAX / 1000, &n))
		o->rotation.file_bytes = n * 1000;
	else if (parse_condition(text, "packets", UINT64_MAX, &n))
		o->rotation.file_packets = n;
	else if (parse_condition(text, "files", 100000, &n))
		o->rotation.keep_files = (uint32_t)n;
	else if (!parse_duration(text, &o->rotation.file_ns))
		return usage_error("--ring-buffer %s: expected filesize:KB, duration:SECONDS, packets:NUMBER or "
			"files:NUMBER", text);
	return -1;
}

static int parse_overlap(struct options *o, const char *text)
{
	int i;

	for (i = 0; i < TCPSTAT_NOVERLAPS; i++) {
		if (!strcmp(text, tcpstat_overlap_name((enum tcpstat_overlap)i))) {
			o->overlap = (enum tcpstat_overlap)i;
			return -1;
		}
	}
	return usage_error("--overlap %s: no such policy", text);
}

static int parse_shard(struct options *o, const char *text)
{
	enum { SHARDS_MAX = 65536 };
	const char *slash = strchr(text, '/');
	char number[16];
	uint64_t k, n;

	snprintf(number, sizeof number, "%.*s", slash ? (int)(slash - text) : 0, text);
	if (!slash || slash - text >= (int)sizeof number || !parse_number(slash + 1, 1, SHARDS_MAX, &n) ||
	    !parse_number(number, 1, n, &k))
		return usage_error("--shard %s: expected K/N, K from 1 to N, N at most %d", text, SHARDS_MAX);
	o->shard = (uint32_t)k;
	o->shards = (uint32_t)n;
	return -1;
}

static int parse_fail_on(struct options *o, const char *text)
{
	if (!strcmp(text, "warning"))
		o->fail_on = TCPSTAT_SEVERITY_WARNING;
	else if (!strcmp(text, "problem"))
		o->fail_on = TCPSTAT_SEVERITY_PROBLEM;
	else
		return usage_error("--fail-on %s: expected warning or problem", text);
	return -1;
}

static int parse_color(struct options *o, const char *text)
{
	static const char *const names[] = { "auto", "always", "never" };
	int i;

	for (i = 0; i < 3; i++) {
		if (!strcmp(text, names[i])) {
			o->color = (enum color)i;
			return -1;
		}
	}
	return usage_error("--color %s: expected auto, always or never", text);
}

static int set_mode(struct options *o, enum mode mode)
{
	if (o->mode != MODE_REPORT && o->mode != mode)
		return usage_error("only one of --conn --flow --follow --json --jsonl --csv --tsv --explain-diff "
			"--tui --merge -D at a time");
	o->mode = mode;
	return -1;
}

static int parse_conn(struct options *o, enum mode mode, const char *text)
{
	uint64_t n;

	if (!parse_number(text, 1, UINT32_MAX, &n))
		return usage_error("'%s': expected the number of a connection", text);
	if (o->conn && o->conn != n)
		return usage_error("only one connection at a time");
	o->conn = (uint32_t)n;
	return set_mode(o, mode);
}

static int parse_follow(struct options *o, const char *text)
{
	const char *colon = strchr(text, ':');
	char number[16];

	o->follow_dir = TCPSTAT_NODIR;
	if (!colon)
		return parse_conn(o, MODE_FOLLOW, text);
	if (!strcmp(colon, ":c2s"))
		o->follow_dir = TCPSTAT_C2S;
	else if (!strcmp(colon, ":s2c"))
		o->follow_dir = TCPSTAT_S2C;
	else
		return usage_error("--follow %s: expected N, N:c2s or N:s2c", text);
	snprintf(number, sizeof number, "%.*s", (int)(colon - text), text);
	return parse_conn(o, MODE_FOLLOW, number);
}

static int parse_events(struct options *o, const char *text)
{
	const char *bad;
	size_t len;

	if (record_parse_events(text, &o->events, &bad, &len) < 0)
		return usage_error("--events: no record type '%.*s'", (int)len, bad);
	o->has_events = true;
	return -1;
}

static int parse_top(struct options *o, const char *text)
{
	if (!strcmp(text, "all"))
		o->top = UINT64_MAX;
	else if (!parse_number(text, 0, UINT32_MAX, &o->top))
		return usage_error("--top %s: expected a number or all", text);
	return -1;
}

static int set_filter(struct options *o, const char *text)
{
	if (o->filter)
		return usage_error("two filters: '%s' and '%s'", o->filter, text);
	o->filter = strdup(text);
	return o->filter ? -1 : no_memory();
}

/* One option; -1, or the exit code. */
static int take(struct options *o, int key, const char *arg)
{
	uint64_t n;

	switch (key) {
	case OPT_READ: o->files[o->n_files++] = arg; break;
	case OPT_INTERFACE: o->interfaces[o->n_interfaces++] = arg; break;
	case OPT_FILTER: return set_filter(o, arg);
	case OPT_COUNT:
		if (!parse_number(arg, 1, UINT64_MAX, &o->max_packets))
			return usage_error("--count %s: expected a number of packets", arg);
		break;
	case OPT_AUTOSTOP: return parse_autostop(o, arg);
	case OPT_RING: return parse_ring(o, arg);
	case OPT_INTERVAL:
		if (!parse_number(arg, 0, 86400, &o->interval_s))
			return usage_error("--interval %s: expected seconds", arg);
		break;
	case OPT_BUFFER:
		if (!parse_number(arg, 1, INT32_MAX / 1024, &n))
			return usage_error("--buffer-size %s: expected KiB", arg);
		o->buffer_bytes = (uint32_t)n * 1024;
		break;
	case OPT_TAIL: o->tail = true; break;
	case OPT_SNAPLEN:
		if (!parse_number(arg, 0, 1u << 20, &n))
			return usage_error("--snapshot-length %s: expected 0 (everything) to 1048576 bytes", arg);
		o->snaplen = (uint32_t)n;
		break;
	case OPT_NO_PROMISCUOUS: o->not_promiscuous = true; break;
	case OPT_LIST_INTERFACES: return set_mode(o, MODE_INTERFACES);
	case OPT_CONN: return parse_conn(o, MODE_CONN, arg);
	case OPT_FLOW: return parse_conn(o, MODE_FLOW, arg);
	case OPT_FOLLOW: return parse_follow(o, arg);
	case OPT_HEX: o->hex = true; break;
	case OPT_RAW: o->raw = true; break;
	case OPT_EXTRACT: o->extract = arg; break;
	case OPT_HASH: o->hash = true; break;
	case OPT_JSON: return set_mode(o, MODE_JSON);
	case OPT_JSONL: return set_mode(o, MODE_JSONL);
	case OPT_EVENTS: return parse_events(o, arg);
	case OPT_CSV: return set_mode(o, MODE_CSV);
	case OPT_TSV: return set_mode(o, MODE_TSV);
	case OPT_TUI: return set_mode(o, MODE_TUI);
	case OPT_TOP: return parse_top(o, arg);
	case OPT_EXPLAIN: o->explain = true; break;
	case OPT_EXPLAIN_DIFF:
		if (!parse_number(arg, 1, UINT64_MAX, &o->frame))
			return usage_error("--explain-diff %s: expected the number of a packet", arg);
		return set_mode(o, MODE_DIFF);
	case OPT_WRITE: o->write = arg; break;
	case OPT_NAMES: o->names = true; break;
	case OPT_NUMERIC: o->names = false; break;
	case OPT_ASCII: o->ascii = true; break;
	case OPT_COLOR: return parse_color(o, arg);
	case OPT_QUIET: o->verbose = -1; break;
	case OPT_VERBOSE: o->verbose = 1; break;
	case OPT_OVERLAP: return parse_overlap(o, arg);
	case OPT_KEY_VLAN: o->key_vlan = true; break;
	case OPT_MEMORY:
		if (!parse_size(arg, &o->memory_bytes))
			return usage_error("--memory %s: expected a number of bytes, with suffix k, M or G", arg);
		break;
	case OPT_USER: o->user = arg; break;
	case OPT_METRICS: o->metrics = arg; break;
	case OPT_METRICS_BY:
		if (!metrics_parse_by(arg, &o->metrics_by))
			return usage_error("--metrics-by %s: expected port, port:N,... client:NETWORK,... or "
				"server:NETWORK,... (64 at most)", arg);
		break;
	case OPT_SHARD: return parse_shard(o, arg);
	case OPT_MERGE: return set_mode(o, MODE_MERGE);
	case OPT_FAIL_ON: return parse_fail_on(o, arg);
	case OPT_HELP: options_help(stdout); return EXIT_OK;
	case OPT_VERSION: version(); return EXIT_OK;
	}
	return -1;
}

static int read_options(struct options *o, int argc, char **argv)
{
	struct option longs[N_ROWS + 1];
	char shorts[3 * N_ROWS + 1];
	size_t i, n_longs = 0, n_shorts = 0;
	int key, code;

	for (i = 0; i < N_ROWS; i++) {
		const struct option_row *row = &rows[i];

		if (!row->key)
			continue;
		longs[n_longs++] = (struct option){ row->name, row->argument ? required_argument : no_argument, NULL,
			row->key };
		if (row->letter) {
			shorts[n_shorts++] = row->letter;
			if (row->argument)
				shorts[n_shorts++] = ':';
		}
	}
	longs[n_longs] = (struct option){ 0 };
	shorts[n_shorts] = '\0';
	while ((key = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (key == '?') {
			fputs("Try 'tcpstat --help'.\n", stderr);
			return EXIT_USAGE;
		}
		for (i = 0; key < OPT_FIRST && i < N_ROWS; i++)
			if (rows[i].key && rows[i].letter == key)
				key = rows[i].key;
		code = take(o, key, optarg);
		if (code >= 0)
			return code;
	}
	return -1;
}

static bool is_file(const char *word)
{
	struct stat st;

	return !strcmp(word, "-") || !stat(word, &st);
}

static int join_filter(struct options *o, char *const *words)
{
	size_t len = 0, i;
	char *to;

	if (!*words)
		return -1;
	if (o->filter)
		return usage_error("two filters: '%s', and the words from '%s' on (which is no file)", o->filter,
			*words);
	for (i = 0; words[i]; i++)
		len += strlen(words[i]) + 1;
	to = o->filter = malloc(len);
	if (!to)
		return no_memory();
	for (i = 0; words[i]; i++)
		to = stpcpy(stpcpy(to, i ? " " : ""), words[i]);
	return -1;
}

/* Without -r and -i the words up to the first that names no file are files; the rest is the filter. */
static int take_words(struct options *o, char *const *words)
{
	char text[1024];

	if (!o->n_files && !o->n_interfaces) {
		if (!*words) {
			options_help(stderr);
			return EXIT_USAGE;
		}
		if (o->mode != MODE_MERGE && !is_file(*words)) {
			snprintf(text, sizeof text, "%.800s: %s", *words, strerror(errno));
			say(text);
			return EXIT_RUNTIME;
		}
		while (*words && (o->mode == MODE_MERGE || is_file(*words)))
			o->files[o->n_files++] = *words++;
		o->filter_word = *words;
	}
	return join_filter(o, words);
}

static int check_rotation(const struct options *o)
{
	const struct capture_rotation *r = &o->rotation;

	if ((r->file_bytes || r->file_packets || r->file_ns || r->keep_files) && !o->write)
		return usage_error("-b needs -w");
	if ((r->keep_files || r->max_files) && !r->file_bytes && !r->file_packets && !r->file_ns)
		return usage_error("files: needs -b filesize:, duration: or packets:");
	if (r->keep_files && r->max_files > r->keep_files)
		return usage_error("-a files: beyond -b files: would write files to remove them");
	return -1;
}

/* --merge reads no packets. */
static int check_merge(const struct options *o)
{
	const struct { bool given; const char *name; } foreign[] = {
		{ o->n_interfaces, "-i" }, { o->filter, "a filter" }, { o->max_packets, "--count" },
		{ o->max_ns, "-a" }, { o->tail, "--tail" }, { o->write, "-w" }, { o->extract, "--extract" },
		{ o->hash, "--hash" },
		{ o->shards, "--shard" }, { o->fail_on >= 0, "--fail-on" }, { o->memory_bytes, "--memory" },
		{ o->key_vlan, "--key-vlan" }, { o->metrics, "--metrics" }, { o->has_events, "--events" },
	};

	for (size_t i = 0; o->mode == MODE_MERGE && i < sizeof foreign / sizeof *foreign; i++)
		if (foreign[i].given)
			return usage_error("--merge reads no packets: %s says nothing to it", foreign[i].name);
	return -1;
}

static int check_shard(const struct options *o)
{
	if (!o->shards)
		return -1;
	if (o->mode != MODE_JSON && o->mode != MODE_JSONL)
		return usage_error("--shard needs --json or --jsonl, for --merge to join");
	if (o->n_interfaces || o->tail)
		return usage_error("--shard reads files that are complete");
	if (o->extract)
		return usage_error("--extract names files by the numbers of connections, which a shard does not know");
	return -1;
}

static int share_memory(struct options *o)
{
	char error[512];

	if (memory_plan(o, &o->memory, error, sizeof error))
		return -1;
	return usage_error("--memory: %s", error);
}

static int check(const struct options *o)
{
	int code;

	code = check_merge(o);
	if (code < 0)
		code = check_shard(o);
	if (code >= 0)
		return code;

	if (o->n_files && o->n_interfaces)
		return usage_error("either files or interfaces, not both");
	if (o->tail && o->n_files != 1)
		return usage_error("--tail needs one file");
	if (!o->n_interfaces && (o->snaplen || o->not_promiscuous || o->buffer_bytes))
		return usage_error("%s is for live capture (-i)", o->snaplen ? "-s" : o->buffer_bytes ? "-B" : "-p");
	code = check_rotation(o);
	if (code >= 0)
		return code;
	if (o->user && !o->n_interfaces)
		return usage_error("--user is for live capture (-i)");
	if (o->metrics && !o->n_interfaces)
		return usage_error("--metrics is for live capture (-i)");
	if (o->metrics_by.by != METRICS_BY_NOTHING && !o->metrics)
		return usage_error("--metrics-by needs --metrics");
	if ((o->hex || o->raw) && o->mode != MODE_FOLLOW)
		return usage_error("%s is for --follow", o->hex ? "--hex" : "--raw");
	if (o->hex + o->raw + (o->ascii && o->mode == MODE_FOLLOW) > 1)
		return usage_error("only one of --ascii, --hex and --raw");
	if (o->has_events && o->mode != MODE_JSONL)
		return usage_error("--events is for --jsonl");
	if (o->hash && (o->mode == MODE_REPORT || o->mode == MODE_FLOW || o->mode == MODE_FOLLOW ||
		o->mode == MODE_TUI))
		return usage_error("--hash needs --conn, --json, --jsonl, --csv or --tsv");
	if (o->extract && o->mode == MODE_TUI)
		return usage_error("--extract cannot be had with --tui");
	if (o->write && !strcmp(o->write, "-") && o->mode != MODE_REPORT)
		return usage_error("-w - writes packets to standard output: there is no room for anything else");
	return -1;
}

int options_parse(struct options *o, int argc, char **argv)
{
	int code;

	*o = (struct options){ .top = DEFAULT_TOP, .fail_on = -1, .events = RECORD_EVENTS_DEFAULT,
		.interval_s = DEFAULT_INTERVAL_S };
	o->files = calloc((size_t)argc + 1, sizeof *o->files);
	o->interfaces = calloc((size_t)argc + 1, sizeof *o->interfaces);
	if (!o->files || !o->interfaces)
		return no_memory();
	code = read_options(o, argc, argv);
	if (code < 0 && o->mode != MODE_INTERFACES)
		code = take_words(o, argv + optind);
	if (code < 0 && o->mode != MODE_INTERFACES)
		code = check(o);
	if (code < 0 && o->mode != MODE_INTERFACES)
		code = share_memory(o);
	return code;
}

void options_fini(struct options *o)
{
	free(o->files);
	free(o->interfaces);
	free(o->filter);
}
