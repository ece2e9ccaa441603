#include "sink/tui/story.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void story_init(struct story *s, uint32_t conn, bool last)
{
	*s = (struct story){ .conn = conn, .last = last };
	rows_init(&s->rows, conn, last ? STORY_LIVE_ROWS : STORY_ROWS);
	s->rows.last = last;
}

void story_fini(struct story *s)
{
	rows_fini(&s->rows);
	free(s->sample);
	free(s->chunk);
	free(s->bytes);
	*s = (struct story){ .conn = 0 };
}

/* Room for one more of `size` bytes, at most `most`. */
static bool reserve(struct story *s, void **items, size_t n, size_t *room, size_t size, size_t most)
{
	size_t wanted = *room ? 2 * *room : 256;
	void *grown;

	if (n < *room)
		return true;
	if (n >= most)
		return false;
	wanted = wanted < most ? wanted : most;
	grown = realloc(*items, wanted * size);
	if (!grown) {
		s->no_memory = true;
		return false;
	}
	*items = grown;
	*room = wanted;
	return true;
}

/* Samples of packets whose rows have given way go; without any, live, the older half of them. */
static void forget_samples(struct story *s)
{
	uint64_t first = s->rows.n ? s->rows.row[0].frame : 0;
	size_t gone = 0, i;
	int k;

	while (gone < s->n_samples && s->sample[gone].frame < first)
		gone++;
	if (gone < s->n_samples / 4 && s->last)
		gone = s->n_samples / 2;
	s->n_samples -= gone;
	memmove(s->sample, s->sample + gone, s->n_samples * sizeof *s->sample);
	for (i = 0; i < s->n_samples; i++)
		for (k = 0; k < 4; k++) {
			uint32_t *last = &s->sample[i].last[k / 2][k % 2];

			*last = *last > gone ? *last - (uint32_t)gone : 0;
		}
}

static void add_sample(struct story *s, const struct tcpstat_event *ev)
{
	void *items;
	uint64_t frame = s->rows.n ? s->rows.row[s->rows.n - 1].frame : 0;
	size_t most = 2 * s->rows.most;
	struct story_sample *to;

	/* Of packets before the page nothing is drawn, nor of those behind it. */
	if (s->rows.skipped < s->rows.skip || s->rows.unseen)
		return;
	if (s->n_samples == most)
		forget_samples(s);
	items = s->sample;
	if (!reserve(s, &items, s->n_samples, &s->sample_room, sizeof *s->sample, most))
		return;
	s->sample = items;
	to = &s->sample[s->n_samples++];
	*to = (struct story_sample){ .ts_ns = ev->ts_ns, .frame = ev->frame > frame ? ev->frame : frame,
		.dir = ev->dir == TCPSTAT_S2C, .is_rtt = ev->type == TCPSTAT_EV_RTT };
	if (s->n_samples > 1)
		memcpy(to->last, to[-1].last, sizeof to->last);
	to->last[to->dir][to->is_rtt] = (uint32_t)s->n_samples;
	if (to->is_rtt) {
		to->rtt.sample_ns = ev->rtt.sample_ns;
		to->rtt.srtt_ns = ev->rtt.srtt_ns;
		to->rtt.rto_ns = ev->rtt.rto_ns;
	} else {
		to->sender.flight = ev->sender.flight_bytes;
		to->sender.rwnd = ev->sender.rwnd_bytes;
		to->sender.cwnd = ev->sender.cwnd_bytes;
		to->sender.ssthresh = ev->sender.ssthresh_bytes;
	}
}

static struct story_chunk *add_chunk(struct story *s, uint8_t dir, uint64_t offset, uint64_t len)
{
	void *items = s->chunk;

	if (!reserve(s, &items, s->n_chunks, &s->chunk_room, sizeof *s->chunk, STORY_CHUNKS))
		return NULL;
	assert(items);
	s->chunk = items;
	s->chunk[s->n_chunks] = (struct story_chunk){ .offset = offset, .len = len, .at = s->n_bytes, .dir = dir };
	return &s->chunk[s->n_chunks++];
}

void story_record(struct story *s, const struct tcpstat_conn *c)
{
	s->record = *c;
	s->record.half[0].payload_sha256 = s->record.half[1].payload_sha256 = NULL;
	if (c->latency.dns.name) {
		snprintf(s->name, sizeof s->name, "%s", c->latency.dns.name);
		s->record.latency.dns.name = s->name;
	}
	s->has_record = true;
}

void story_event(struct story *s, const struct tcpstat_event *ev)
{
	struct story_chunk *gap;

	if (!s->conn || ev->conn != s->conn)
		return;
	s->version++;
	switch (ev->type) {
	case TCPSTAT_EV_RTT: case TCPSTAT_EV_SENDER: add_sample(s, ev); break;
	case TCPSTAT_EV_GAP:
		gap = s->bytes_unseen ? NULL : add_chunk(s, ev->dir == TCPSTAT_S2C, ev->gap.offset, ev->gap.len);
		if (gap) {
			gap->gap = true;
			gap->why = (uint8_t)ev->gap.why;
		}
		break;
	case TCPSTAT_EV_CONNECTION:
		story_record(s, ev->connection);
		rows_event(&s->rows, ev);
		break;
	default: rows_event(&s->rows, ev);
	}
}

/* Live, the first half of the bytes is given up with its chunks. */
static void forget_bytes(struct story *s)
{
	size_t gone = 0, at = s->n_bytes / 2, i;

	while (gone < s->n_chunks && (s->chunk[gone].at < at || gone < s->n_chunks / 2))
		gone++;
	at = gone < s->n_chunks ? s->chunk[gone].at : s->n_bytes;
	memmove(s->chunk, s->chunk + gone, (s->n_chunks - gone) * sizeof *s->chunk);
	s->n_chunks -= gone;
	memmove(s->bytes, s->bytes + at, s->n_bytes - at);
	s->n_bytes -= at;
	for (i = 0; i < s->n_chunks; i++)
		s->chunk[i].at -= at;
}

static bool has_room(struct story *s, size_t len)
{
	size_t room = s->bytes_room ? s->bytes_room : 65536;
	uint8_t *bytes;

	if (s->last && s->n_bytes && (s->n_bytes + len > STORY_BYTES || s->n_chunks == STORY_CHUNKS))
		forget_bytes(s);
	if (len > STORY_BYTES || s->n_bytes + len > STORY_BYTES)
		return false;
	while (room < s->n_bytes + len)
		room *= 2;
	if (room == s->bytes_room)
		return true;
	bytes = realloc(s->bytes, room);
	if (!bytes) {
		s->no_memory = true;
		return false;
	}
	s->bytes = bytes;
	s->bytes_room = room;
	return true;
}

void story_bytes(struct story *s, uint32_t conn, enum tcpstat_dir dir, uint64_t offset, const uint8_t *bytes,
	size_t len)
{
	struct story_chunk *c;

	if (!s->conn || conn != s->conn || !len)
		return;
	s->version++;
	if (s->bytes_unseen || !has_room(s, len)) {
		s->bytes_unseen += len;
		return;
	}
	c = s->n_chunks ? &s->chunk[s->n_chunks - 1] : NULL;
	if (c && !c->gap && c->dir == (dir == TCPSTAT_S2C) && c->offset + c->len == offset)
		c->len += len;
	else if (!add_chunk(s, dir == TCPSTAT_S2C, offset, len)) {
		s->bytes_unseen += len;
		return;
	}
	memcpy(s->bytes + s->n_bytes, bytes, len);
	s->n_bytes += len;
}

const struct story_sample *story_sample_at(const struct story *s, uint64_t frame, unsigned dir, bool is_rtt)
{
	size_t low = 0, high = s->n_samples;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->sample[mid].frame <= frame)
			low = mid + 1;
		else
			high = mid;
	}
	low = low ? s->sample[low - 1].last[dir & 1][is_rtt] : 0;
	return low ? &s->sample[low - 1] : NULL;
}
