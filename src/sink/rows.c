#include "sink/rows.h"

#include <stdlib.h>
#include <string.h>

void rows_init(struct rows *r, uint32_t conn, size_t most)
{
	*r = (struct rows){ .conn = conn, .most = most };
}

void rows_fini(struct rows *r)
{
	free(r->row);
	*r = (struct rows){ .conn = r->conn, .most = r->most };
}

const char *rows_state_name(uint8_t state)
{
	const char *name = state < TCPSTAT_NSTATES ? tcpstat_state_name((enum tcpstat_state)state) : NULL;

	return name ? name : "";
}

size_t rows_find(const struct rows *r, uint64_t frame)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->row[mid].frame < frame)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool grow(struct rows *r)
{
	size_t room = r->room ? 2 * r->room : 256;
	struct label *row;

	room = room < r->most ? room : r->most;
	row = realloc(r->row, room * sizeof *row);
	if (!row) {
		r->no_memory = true;
		return false;
	}
	r->row = row;
	r->room = room;
	return true;
}

/* The oldest half makes room for what comes. */
static void forget(struct rows *r)
{
	size_t n = r->n / 2, i;

	for (i = 0; i < n; i++)
		r->skipped += r->row[i].segment;
	r->skipped_frame = r->row[n - 1].frame;
	memmove(r->row, r->row + n, (r->n - n) * sizeof *r->row);
	r->n -= n;
}

static struct label *append(struct rows *r, uint64_t frame, int64_t ts_ns)
{
	if (r->n == r->most && r->n > 1 && (r->last || r->row[r->n - 1].frame < r->until))
		forget(r);
	if (r->n == r->most || (r->n == r->room && !grow(r)))
		return NULL;
	r->row[r->n] = (struct label){ .frame = frame, .ts_ns = ts_ns, .spurious = -1, .since_ns = TCPSTAT_NULL,
		.original_frame = TCPSTAT_NULL };
	return &r->row[r->n++];
}

/* The row of a packet: an older one, the newest, or a new one. Frames never fall from row to row. */
static struct label *row_of(struct rows *r, const struct tcpstat_event *ev)
{
	size_t i = rows_find(r, ev->frame);

	while (i < r->n && r->row[i].frame == ev->frame && r->row[i].note)
		i++;
	if (i < r->n)
		return r->row[i].frame == ev->frame ? &r->row[i] : NULL;
	if (ev->frame <= r->skipped_frame)
		return NULL;
	if (r->skipped < r->skip) {
		r->skipped++;
		r->skipped_frame = ev->frame;
		return NULL;
	}
	return append(r, ev->frame, ev->ts_ns);
}

static void take_segment(struct label *row, const struct tcpstat_event *ev)
{
	const struct tcpstat_ev_segment *s = &ev->segment;

	row->segment = true;
	row->ts_ns = ev->ts_ns;
	row->dir = ev->dir == TCPSTAT_S2C;
	row->flags = s->flags;
	row->seq = s->seq;
	row->ack = s->ack;
	row->seq_rel = s->seq_rel;
	row->ack_rel = s->ack_rel;
	row->len = s->len;
	row->wnd = s->wnd;
	row->wnd_bytes = s->wnd_bytes;
	memcpy(row->state, s->state, sizeof row->state);
	row->has_mss = s->has_mss;
	row->mss = s->mss;
	row->has_wscale = s->has_wscale;
	row->wscale = s->wscale;
	row->sack_permitted = s->sack_permitted;
	row->has_ts = s->has_ts;
	row->ts_val = s->ts_val;
	row->ts_ecr = s->ts_ecr;
	row->n_sack = s->n_sack < 4 ? s->n_sack : 4;
	memcpy(row->sack, s->sack, sizeof row->sack);
}

/* At most one of the verdicts holds for a packet; the latest does. */
static void take_verdict(struct label *row, const struct tcpstat_event *ev)
{
	row->cause = row->lost = row->where = 0;
	row->backoff = 0;
	row->spurious = -1;
	row->since_ns = row->original_frame = TCPSTAT_NULL;
	if (ev->type == TCPSTAT_EV_RETRANSMISSION) {
		const struct tcpstat_ev_retransmission *e = &ev->retransmission;

		row->verdict = LABEL_RETRANSMISSION;
		row->cause = (uint8_t)e->cause;
		row->backoff = e->backoff > 0 && e->backoff < 1000 ? (uint32_t)e->backoff : 0;
		row->spurious = e->spurious;
		row->lost = (uint8_t)e->lost;
		row->since_ns = e->after_ns;
		row->original_frame = e->original_frame;
	} else if (ev->type == TCPSTAT_EV_OUT_OF_ORDER) {
		row->verdict = LABEL_OUT_OF_ORDER;
		row->since_ns = ev->out_of_order.late_ns;
	} else {
		row->verdict = LABEL_DUPLICATE;
		row->original_frame = ev->duplicate.original_frame;
		row->where = (uint8_t)ev->duplicate.where;
	}
}

/* What comes of no packet of the connection has a line of its own. */
static void add_note(struct rows *r, const struct tcpstat_event *ev)
{
	uint64_t last = r->n ? r->row[r->n - 1].frame : 0;
	struct label *row = r->skipped < r->skip ? NULL : append(r, ev->frame > last ? ev->frame : last, ev->ts_ns);

	if (!row)
		return;
	row->note = true;
	row->state[0] = row->state[1] = ROWS_NO_STATE;
	if (ev->type == TCPSTAT_EV_ICMP) {
		row->icmp[0] = ev->icmp.kind;
		row->icmp[1] = ev->icmp.code;
		return;
	}
	row->timer = true;
	row->state[ev->state.endpoint & 1] = ev->state.to;
	snprintf(row->trigger, sizeof row->trigger, "%s", ev->state.trigger ? ev->state.trigger : "timer");
}

static void take(struct label *row, const struct tcpstat_event *ev)
{
	switch (ev->type) {
	case TCPSTAT_EV_SEGMENT: take_segment(row, ev); break;
	case TCPSTAT_EV_RETRANSMISSION:
	case TCPSTAT_EV_OUT_OF_ORDER:
	case TCPSTAT_EV_DUPLICATE: take_verdict(row, ev); break;
	case TCPSTAT_EV_DUP_ACK:
		row->dup_ack = ev->dup_ack.run;
		row->dsack = ev->dup_ack.dsack;
		break;
	case TCPSTAT_EV_WINDOW: row->window = (uint8_t)(ev->window.what + 1); break;
	case TCPSTAT_EV_KEEPALIVE:
		row->keepalive_what = (uint8_t)(ev->keepalive.what + 1);
		row->keepalive = ev->keepalive.count;
		break;
	default: break;
	}
}

void rows_event(struct rows *r, const struct tcpstat_event *ev)
{
	struct label *row;

	if (ev->conn != r->conn || r->ended)
		return;
	if (ev->type == TCPSTAT_EV_CONNECTION) {
		memcpy(r->addr, ev->connection->addr, sizeof r->addr);
		memcpy(r->port, ev->connection->port, sizeof r->port);
		r->ended = true;
	} else if (ev->type == TCPSTAT_EV_STATE || ev->type == TCPSTAT_EV_ICMP) {
		/* States that packets bring stand in their segments. */
		if (ev->type == TCPSTAT_EV_ICMP || !ev->frame)
			add_note(r, ev);
	} else if (ev->frame && (TCPSTAT_MASK(ev->type) & ROWS_EVENTS)) {
		row = row_of(r, ev);
		if (row)
			take(row, ev);
		else if (r->n == r->most && ev->type == TCPSTAT_EV_SEGMENT)
			r->unseen++;
	}
}
