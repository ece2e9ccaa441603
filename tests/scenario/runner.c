/* runner SCRIPT...: plays scenario scripts (script.h) to the library and compares the events; TAP on stdout. */
#include "render.h"
#include "script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024, MAX_EVENTS = 256, TEXT_MAX = 255 };

/* What the last action led to, and how far the expectations got through it. */
struct log {
	char event[MAX_EVENTS][LINE];
	int n, at;
};

struct run {
	struct script script;
	struct tcpstat *tcpstat;
	struct log log;
	uint64_t frame;
	int line;
	enum tcpstat_overlap policy;
	unsigned named;                 /* policies with an `overlap` line, bits */
	char sent[TEXT_MAX + 1];        /* by the client of the first connection, dots where it was not seen */
	bool ended, failed;
	char why[LINE * 2];
};

__attribute__((format(printf, 2, 3)))
static void fail(struct run *r, const char *format, ...)
{
	va_list ap;

	if (r->failed)
		return;
	r->failed = true;
	va_start(ap, format);
	vsnprintf(r->why, sizeof r->why, format, ap);
	va_end(ap);
}

/* Of the client's first bytes; a NULL source: they were not seen. */
static void keep(struct run *r, uint64_t offset, const uint8_t *bytes, uint64_t len)
{
	for (uint64_t i = 0; i < len && offset + i < TEXT_MAX; i++)
		r->sent[offset + i] = bytes ? (char)bytes[i] : '.';
}

static void on_event(void *ctx, const struct tcpstat_event *e)
{
	struct run *r = ctx;

	if (e->type == TCPSTAT_EV_GAP && e->conn == 1 && e->dir == TCPSTAT_C2S)
		keep(r, e->gap.offset, NULL, e->gap.len);
	if (r->log.n == MAX_EVENTS)
		fail(r, "more than %d events at once", MAX_EVENTS);
	else
		render_event(r->log.event[r->log.n++], LINE, e, r->script.isn);
}

/* The bytes of a stream appear as events of their own: stream conn=1 c2s offset=0 len=5 bytes=right. They are right if
 * they are what the sender of sequence number 1 + offset sent. */
static void on_stream(void *ctx, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct run *r = ctx;
	uint32_t seq = 1 + (uint32_t)offset;
	size_t good = 0;

	if (conn == 1 && dir == TCPSTAT_C2S)
		keep(r, offset, bytes, len);
	while (good < len && bytes[good] == script_byte(dir, seq + (uint32_t)good))
		good++;
	if (r->log.n == MAX_EVENTS)
		fail(r, "more than %d events at once", MAX_EVENTS);
	else
		snprintf(r->log.event[r->log.n++], LINE, "stream conn=%u %s offset=%llu len=%zu bytes=%s", conn,
		         dir == TCPSTAT_C2S ? "c2s" : "s2c", (unsigned long long)offset, len,
		         good == len ? "right" : "wrong");
}

/* Is `word` one of the words of `event`? */
static bool has_word(const char *event, const char *word, size_t len)
{
	for (const char *p = event; *p; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		if (strcspn(p, " ") == len && !strncmp(p, word, len))
			return true;
	}
	return false;
}

static bool matches(const char *event, const char *expected)
{
	size_t len = strcspn(expected, " ");

	/* the type comes first */
	if (strcspn(event, " ") != len || strncmp(event, expected, len))
		return false;
	for (const char *p = expected + len; *p; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		if (!has_word(event, p, strcspn(p, " ")))
			return false;
	}
	return true;
}

static void expect(struct run *r, const char *expected)
{
	for (int i = r->log.at; i < r->log.n; i++)
		if (matches(r->log.event[i], expected)) {
			r->log.at = i + 1;
			return;
		}
	fail(r, "line %d: no event `%s`", r->line, expected);
}

static void forbid(struct run *r, const char *expected)
{
	for (int i = 0; i < r->log.n; i++)
		if (matches(r->log.event[i], expected))
			fail(r, "line %d: there is an event `%s`", r->line, expected);
}

/* POLICY... "TEXT" */
static void overlap(struct run *r, const char *line)
{
	size_t len;

	for (; *line && *line != '"'; line += len + strspn(line + len, " ")) {
		int policy = 0;

		len = strcspn(line, " ");
		while (policy < TCPSTAT_NOVERLAPS &&
			(strlen(tcpstat_overlap_name((enum tcpstat_overlap)policy)) != len ||
		       strncmp(line, tcpstat_overlap_name((enum tcpstat_overlap)policy), len)))
			policy++;
		if (policy == TCPSTAT_NOVERLAPS || r->named & 1u << policy) {
			fail(r, "line %d: not a policy, or named twice: %.*s", r->line, (int)len, line);
			return;
		}
		r->named |= 1u << policy;
		const char *text = strchr(line, '"');
		size_t sent = strlen(r->sent);
		if ((enum tcpstat_overlap)policy == r->policy &&
		    (!text || strncmp(text + 1, r->sent, sent) || strcmp(text + 1 + sent, "\"")))
			fail(r, "line %d: %.*s, ISN %u: the stream is %s", r->line, (int)len, line, r->script.isn[0],
			     r->sent);
	}
}

static void feed(struct run *r)
{
	struct tcpstat_pkt pkt = {
		.ts_ns = r->script.now_ns, .frame = ++r->frame, .data = r->script.packet,
		.caplen = r->script.packet_len, .wirelen = r->script.packet_len, .linktype = 101 /* raw IP */
	};

	if (tcpstat_packet(r->tcpstat, &pkt))
		fail(r, "line %d: the packet is refused", r->line);
}

static void act(struct run *r, enum script_what what)
{
	r->log.n = r->log.at = 0;
	if (r->ended)
		fail(r, "line %d: after the end", r->line);
	else if (what == SCRIPT_PACKET)
		feed(r);
	else if (what == SCRIPT_TICK)
		tcpstat_tick(r->tcpstat, r->script.now_ns);
	else
		tcpstat_finish(r->tcpstat);
	r->ended = r->ended || what == SCRIPT_END;
}

static void play_line(struct run *r, char *line)
{
	enum script_what what = script_line(&r->script, line);

	switch (what) {
	case SCRIPT_NOTHING: break;
	case SCRIPT_PACKET:
	case SCRIPT_TICK:
	case SCRIPT_END: act(r, what); break;
	case SCRIPT_EXPECT: expect(r, r->script.text); break;
	case SCRIPT_FORBID: forbid(r, r->script.text); break;
	case SCRIPT_OVERLAP: overlap(r, r->script.text); break;
	case SCRIPT_ERROR: fail(r, "line %d: %s", r->line, r->script.error); break;
	}
}

static void play(struct run *r, FILE *f, enum tcpstat_overlap policy, uint32_t isn)
{
	struct tcpstat_config config;
	char line[LINE];

	tcpstat_config_init(&config);
	config.events = ~(TCPSTAT_MASK(TCPSTAT_EV_SEGMENT) | TCPSTAT_MASK(TCPSTAT_EV_PROGRESS));
	config.event = on_event;
	config.stream = on_stream;
	config.ctx = r;
	config.live = true;
	config.overlap = policy;
	*r = (struct run){ .policy = policy };
	script_init(&r->script);
	r->script.isn[0] = isn;
	rewind(f);
	r->tcpstat = tcpstat_new(&config);
	if (!r->tcpstat) {
		fail(r, "no analyzer");
		return;
	}
	while (!r->failed && fgets(line, sizeof line, f)) {
		r->line++;
		play_line(r, line);
	}
	if (!r->failed && !r->ended)
		fail(r, "the script does not come to its `end`");
	tcpstat_free(r->tcpstat);
}

/* What differs from one policy to the other, for each. */
static void play_policies(struct run *r, FILE *f)
{
	static const uint32_t isns[] = { 0, 1, UINT32_MAX - 10, UINT32_MAX, 1000 };

	if (r->named != (1u << TCPSTAT_NOVERLAPS) - 1)
		fail(r, "not every policy has an `overlap` line");
	for (int policy = 0; !r->failed && policy < TCPSTAT_NOVERLAPS; policy++)
		for (size_t i = r->script.isn_set ? sizeof isns / sizeof *isns - 1 : 0;
		     !r->failed && i < sizeof isns / sizeof *isns; i++)
			play(r, f, (enum tcpstat_overlap)policy, isns[i]);
}

static bool run_file(int number, const char *path)
{
	struct run *r = calloc(1, sizeof *r);
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	FILE *f = fopen(path, "r");
	bool good;

	if (!r || !f) {
		printf("not ok %d - %s # cannot be read\n", number, name);
		good = false;
	} else {
		play(r, f, TCPSTAT_OVERLAP_FIRST, 1000);
		if (!r->failed && r->named)
			play_policies(r, f);
		good = !r->failed;
		printf("%sok %d - %s\n", good ? "" : "not ", number, name);
		if (!good) {
			printf("# %s\n", r->why);
			printf("# what came instead:%s\n", r->log.n ? "" : " nothing");
			for (int i = 0; i < r->log.n; i++)
				printf("#   %s\n", r->log.event[i]);
		}
	}
	if (f)
		fclose(f);
	free(r);
	return good;
}

int main(int argc, char **argv)
{
	int bad = 0;

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++)
		bad += !run_file(i, argv[i]);
	return bad != 0;
}
