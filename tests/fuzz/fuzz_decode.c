/* From a frame to a segment, any link type: what is returned lies within what was captured.
 *
 *     2 bytes link type, then frames: 2 bytes length, 1 byte captured share (255: all), bytes */
#include "core/decode.h"
#include "fuzz.h"

static volatile uint8_t sink;

static void check_view(const struct tcp_view *v)
{
	FUZZ_CHECK(v->caplen <= v->len, "captured %u of %u", v->caplen, v->len);
	FUZZ_CHECK(v->len <= 1 << 20, "length %u", v->len);
	FUZZ_CHECK(v->src.family == 4 || v->src.family == 6, "family %u", v->src.family);
	FUZZ_CHECK(v->opts.n_sack <= 4, "options");
	for (uint32_t i = 0; i < v->caplen; i++)
		sink ^= v->payload[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct budget budget = { .limit = 1 << 20 };
	struct tcpstat_counters counters = { 0 };
	struct decoder *d = decoder_new(&budget, &counters);
	struct fuzz_bytes in = { data, size };
	uint16_t linktype = fuzz_u16(&in);
	struct decoded out;

	for (uint64_t frame = 1; d && in.n > 3; frame++) {
		uint32_t len = fuzz_u16(&in), share = fuzz_u8(&in);
		if (len > in.n)
			len = (uint32_t)in.n;
		uint32_t caplen = share == 255 ? len : len * share / 255;
		/* exactly the captured bytes, so that a sanitizer sees a read behind them */
		uint8_t *copy = malloc(caplen ? caplen : 1);
		struct tcpstat_pkt pkt = { .ts_ns = (int64_t)frame * 1000000,
					   .frame = frame,
					   .data = copy,
					   .caplen = caplen,
					   .wirelen = len,
					   .linktype = linktype };

		if (copy && caplen)
			memcpy(copy, in.p, caplen);
		if (copy)
			decode_frame(d, &pkt, &out);
		if (copy && out.verdict == DECODE_TCP)
			check_view(&out.tcp);
		free(copy);
		in.p += len;
		in.n -= len;
	}
	if (d)
		decoder_finish(d);
	decoder_free(d);
	FUZZ_CHECK(!budget.used, "%" PRIu64 " bytes not given back", budget.used);
	return 0;
}
