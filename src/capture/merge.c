#include "capture/merge.h"

#include <stdlib.h>
#include <string.h>

int merge_init(struct merge *m, size_t n)
{
	memset(m, 0, sizeof *m);
	m->inputs = calloc(n, sizeof *m->inputs);
	m->heap = calloc(n, sizeof *m->heap);
	m->waiting = calloc(n, sizeof *m->waiting);
	if (!m->inputs || !m->heap || !m->waiting) {
		merge_fini(m);
		return CAPTURE_ENOMEM;
	}
	m->n = n;
	for (size_t i = 0; i < n; i++)
		m->inputs[i].reader.source.fd = -1;
	return 0;
}

void merge_add(struct merge *m, uint32_t input)
{
	m->waiting[m->n_waiting++] = input;
}

static bool before(const struct merge *m, uint32_t a, uint32_t b)
{
	int64_t ts_a = m->inputs[a].pkt.ts_ns, ts_b = m->inputs[b].pkt.ts_ns;

	return ts_a != ts_b ? ts_a < ts_b : a < b;
}

static void heap_push(struct merge *m, uint32_t input)
{
	size_t at = m->in_heap++;

	while (at > 0 && before(m, input, m->heap[(at - 1) / 2])) {
		m->heap[at] = m->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	m->heap[at] = input;
}

static uint32_t heap_pop(struct merge *m)
{
	uint32_t top = m->heap[0], moved = m->heap[--m->in_heap];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < m->in_heap) {
		if (child + 1 < m->in_heap && before(m, m->heap[child + 1], m->heap[child]))
			child++;
		if (!before(m, m->heap[child], moved))
			break;
		m->heap[at] = m->heap[child];
		at = child;
	}
	m->heap[at] = moved;
	return top;
}

/* Asks the waiting inputs for their next packets. False: one has none yet. */
static bool refill(struct merge *m)
{
	while (m->n_waiting) {
		uint32_t i = m->waiting[m->n_waiting - 1];
		struct merge_input *input = &m->inputs[i];
		int rc = input->reader.next(&input->reader, &input->pkt);

		if (rc == CAPTURE_IDLE)
			return false;
		m->n_waiting--;
		if (rc == CAPTURE_PACKET)
			heap_push(m, i);
	}
	return true;
}

int merge_next(struct merge *m, struct tcpstat_pkt *pkt, uint32_t *input)
{
	if (m->n == 1 && m->n_waiting) { /* nothing to compare it with */
		int rc = m->inputs[0].reader.next(&m->inputs[0].reader, pkt);

		*input = 0;
		m->n_waiting = rc == CAPTURE_PACKET || rc == CAPTURE_IDLE;
		return rc == CAPTURE_PACKET || rc == CAPTURE_IDLE ? rc : CAPTURE_END;
	}
	if (!refill(m))
		return CAPTURE_IDLE;
	if (m->in_heap == 0)
		return CAPTURE_END;
	*input = heap_pop(m);
	*pkt = m->inputs[*input].pkt;
	merge_add(m, *input);           /* asked only with the next call: its bytes are borrowed until then */
	return CAPTURE_PACKET;
}

void merge_fini(struct merge *m)
{
	for (size_t i = 0; m->inputs && i < m->n; i++)
		reader_close(&m->inputs[i].reader);
	free(m->inputs);
	free(m->heap);
	free(m->waiting);
	memset(m, 0, sizeof *m);
}
