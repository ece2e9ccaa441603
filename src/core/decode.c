#include "core/walk.h"

struct decoder *decoder_new(struct budget *budget, struct tcpstat_counters *counters)
{
	struct decoder *d = budget_resize(budget, NULL, 0, sizeof *d);

	if (!d)
		return NULL;
	d->budget = budget;
	d->counters = counters;
	d->checksums = true;
	frag_init(&d->frags, budget, counters);
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	frag_fini(&d->frags);
	budget_resize(d->budget, d, sizeof *d, 0);
}

void decoder_set_checksums(struct decoder *d, bool verify)
{
	d->checksums = verify;
}

void decoder_finish(struct decoder *d)
{
	frag_give_up(&d->frags);
}

void decode_frame(struct decoder *d, const struct tcpstat_pkt *pkt, struct decoded *out)
{
	uint32_t wire = pkt->wirelen > pkt->caplen ? pkt->wirelen : pkt->caplen;
	struct walk w = { .d = d, .pkt = pkt, .out = out, .s = { pkt->data, pkt->caplen, wire } };

	if (d->frags.held)
		frag_release(&d->frags);
	out->verdict = DECODE_NOTHING;
	out->tcp.vlan[0] = out->tcp.vlan[1] = 0xffff;
	out->tcp.tunnel = NULL;
	out->tcp.wire_bytes = wire;
	if (wire > pkt->caplen)
		WALK_COUNT(&w, snapped);
	link_frame(&w);
}
