#include "sink/found.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 8, IDS = 64 };

/* The texts are its own. */
struct finding {
	uint32_t conn;
	enum tcpstat_severity severity;
	int64_t cost_ns;
	char *title, *detail;
	const char *id, *advice, *rule; /* of the library's table */
	uint64_t frames[FRAMES];
	uint32_t n_frames;
	bool ongoing;
	size_t about_len;               /* of the title: whom it is about, if ongoing */
};

/* How often something was found that only informs. */
struct tally {
	const char *id;
	uint64_t n;
};

struct found {
	struct style style;
	struct finding *list;           /* worst first */
	size_t n;
	uint64_t seen[TCPSTAT_SEVERITY_PROBLEM + 1];
	struct tally tally[IDS];
	size_t n_tally;
};

struct found *found_new(const struct style *style)
{
	struct found *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->style = *style;
	f->list = calloc(FOUND_MAX, sizeof *f->list);
	if (f->list)
		return f;
	free(f);
	return NULL;
}

static void finding_fini(struct finding *f)
{
	free(f->title);
	free(f->detail);
}

void found_free(struct found *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; i < f->n; i++)
		finding_fini(&f->list[i]);
	free(f->list);
	free(f);
}

struct found *found_copy(const struct found *from)
{
	struct found *f = found_new(&from->style);

	if (!f)
		return NULL;
	memcpy(f->seen, from->seen, sizeof f->seen);
	memcpy(f->tally, from->tally, sizeof f->tally);
	f->n_tally = from->n_tally;
	for (; f->n < from->n; f->n++) {
		struct finding *copy = &f->list[f->n];

		*copy = from->list[f->n];
		copy->title = copy->title ? strdup(copy->title) : NULL;
		copy->detail = copy->detail ? strdup(copy->detail) : NULL;
		if (!copy->title || (!copy->detail && from->list[f->n].detail)) {
			f->n++;
			found_free(f);
			return NULL;
		}
	}
	return f;
}

static bool worse(const struct finding *a, const struct finding *b)
{
	return a->severity != b->severity ? a->severity > b->severity : a->cost_ns > b->cost_ns;
}

bool found_is_last_word(const struct tcpstat_event *ev, const char *id, const char *title, size_t about_len)
{
	const char *about = ev->finding.about ? ev->finding.about : "";

	return !ev->conn && !ev->finding.ongoing && !strcmp(ev->finding.id, id) && strlen(about) == about_len &&
		!strncmp(title, about, about_len);
}

static void forget(struct found *f, size_t at)
{
	struct finding *old = &f->list[at];
	size_t i;

	f->seen[old->severity]--;
	for (i = 0; i < f->n_tally; i++)
		f->tally[i].n -= old->severity == TCPSTAT_SEVERITY_INFO && !strcmp(f->tally[i].id, old->id);
	finding_fini(old);
	f->n--;
	memmove(old, old + 1, (f->n - at) * sizeof *old);
}

static void replace(struct found *f, const struct tcpstat_event *ev)
{
	size_t i;

	if (ev->conn || ev->finding.ongoing) /* as most: no last word */
		return;
	for (i = f->n; i-- > 0;)
		if (f->list[i].ongoing && f->list[i].title &&
			found_is_last_word(ev, f->list[i].id, f->list[i].title, f->list[i].about_len))
			forget(f, i);
}

static void count(struct found *f, const struct tcpstat_ev_finding *ev)
{
	size_t i;

	f->seen[ev->severity]++;
	if (ev->severity != TCPSTAT_SEVERITY_INFO)
		return;
	for (i = 0; i < f->n_tally && strcmp(f->tally[i].id, ev->id); i++)
		;
	if (i == IDS)
		return;
	f->tally[i].id = ev->id;
	f->tally[i].n++;
	f->n_tally += i == f->n_tally;
}

/* Behind all that are no better. */
static size_t place(const struct found *f, const struct finding *new)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (worse(new, &f->list[middle]))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool found_event(struct found *f, const struct tcpstat_event *event)
{
	const struct tcpstat_ev_finding *ev = &event->finding;
	struct finding new = { .conn = event->conn, .severity = ev->severity, .cost_ns = ev->cost_ns, .id = ev->id,
		.advice = ev->advice, .rule = ev->rule, .ongoing = ev->ongoing,
		.about_len = ev->about ? strlen(ev->about) : 0 };

	replace(f, event);
	count(f, ev);
	size_t at = place(f, &new);
	if (at == FOUND_MAX)
		return true;
	new.title = strdup(ev->title ? ev->title : "");
	new.detail = ev->detail ? strdup(ev->detail) : NULL;
	new.n_frames = ev->n_frames < FRAMES ? ev->n_frames : FRAMES;
	if (new.n_frames)
		memcpy(new.frames, ev->frames, new.n_frames * sizeof *new.frames);
	if (f->n == FOUND_MAX)
		finding_fini(&f->list[--f->n]);
	memmove(&f->list[at + 1], &f->list[at], (f->n - at) * sizeof new);
	f->list[at] = new;
	f->n++;
	return new.title && (new.detail || !ev->detail);
}

uint64_t found_count(const struct found *f, enum tcpstat_severity severity)
{
	return f->seen[severity];
}

char *found_ids(const struct found *f, uint32_t conn, char *buf, size_t size)
{
	const char *first = NULL;
	size_t i, n = 0;

	for (i = 0; i < f->n && f->list[i].severity > TCPSTAT_SEVERITY_INFO; i++) {
		if (f->list[i].conn != conn)
			continue;
		first = first ? first : f->list[i].id;
		n++;
	}
	if (n > 1)
		snprintf(buf, size, "%s, %zu more", first, n - 1);
	else
		snprintf(buf, size, "%s", first ? first : "");
	return buf;
}

/* ------------------------------------------------------------------------------------------------------ the text */

/* " (packets 3, 5-8)" */
static void print_frames(const struct finding *f, FILE *out)
{
	uint32_t i, j;

	if (!f->n_frames)
		return;
	fprintf(out, " (packet%s ", format_s(f->n_frames));
	for (i = 0; i < f->n_frames; i = j) {
		for (j = i + 1; j < f->n_frames && f->frames[j] == f->frames[j - 1] + 1; j++)
			;
		fprintf(out, "%s%" PRIu64, i ? ", " : "", f->frames[i]);
		if (j - i > 1)
			fprintf(out, "%s%" PRIu64, j - i == 2 ? ", " : "-", f->frames[j - 1]);
	}
	fputc(')', out);
}

static void print_finding(const struct found *found, const struct finding *f)
{
	static const enum tint tints[] = { TINT_NONE, TINT_YELLOW, TINT_RED };
	const struct style *style = &found->style;
	char text[2048];
	FILE *out = style->out;

	fprintf(out, "%s%s%s: ", tint_on(style, tints[f->severity]), tcpstat_severity_name(f->severity),
		tint_off(style, tints[f->severity]));
	if (f->conn)
		fprintf(out, "#%" PRIu32 " ", f->conn);
	fputs(format_safe(text, sizeof text, style, f->title ? f->title : ""), out);
	print_frames(f, out);
	fprintf(out, "\n    %s (%s)\n", f->advice, f->id);
	if (!style->explain)
		return;
	if (f->detail)
		fprintf(out, "    evidence: %s\n", format_safe(text, sizeof text, style, f->detail));
	fprintf(out, "    rule: %s\n", f->rule);
}

static void print_tally(const struct found *f)
{
	size_t i;

	if (f->style.explain || !f->n_tally || f->style.verbose < 0)
		return;
	fputs("info: ", f->style.out);
	for (i = 0; i < f->n_tally; i++) {
		fprintf(f->style.out, "%s%s", i ? ", " : "", f->tally[i].id);
		if (f->tally[i].n > 1)
			fprintf(f->style.out, " (%" PRIu64 ")", f->tally[i].n);
	}
	fputs("; --explain tells more\n", f->style.out);
}

void found_print(const struct found *f, uint64_t max)
{
	uint64_t grave = f->seen[TCPSTAT_SEVERITY_WARNING] + f->seen[TCPSTAT_SEVERITY_PROBLEM], told = 0;
	char n[FORMAT_MAX];
	size_t i;

	for (i = 0; i < f->n && told < max; i++) {
		if (f->list[i].severity == TCPSTAT_SEVERITY_INFO && !f->style.explain)
			break;
		print_finding(f, &f->list[i]);
		told++;
	}
	if (!grave)
		fputs("Nothing wrong found.\n", f->style.out);
	else if (grave > told)
		fprintf(f->style.out, "%s lesser findings are not listed (--top)\n",
			format_count(n, (int64_t)(grave - told)));
	print_tally(f);
}
