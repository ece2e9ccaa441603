/* A capture file of any format and compression: read to its end and analysed; the bytes are the file. */
#include "capture/capture.h"
#include "fuzz.h"

#ifndef PACKETS_MAX
#define PACKETS_MAX 2000
#endif

static void on_event(void *ctx, const struct tcpstat_event *ev)
{
	uint64_t *events = ctx;

	FUZZ_CHECK(ev->type < TCPSTAT_NEVENTS, "event %d", (int)ev->type);
	++*events;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture_options options = { 0 };
	struct capture_error error = { 0 };
	struct capture *c = capture_open_memory(data, size, &options, &error);
	struct tcpstat_config config;
	struct tcpstat_pkt pkt;
	uint64_t frame = 0, events = 0;
	volatile unsigned touched = 0;
	int rc = 0;

	if (!c) {
		FUZZ_CHECK(error.code < 0 && error.text[0], "failed without a reason");
		return 0;
	}
	tcpstat_config_init(&config);
	config.memory_bytes = 4 << 20;
	config.events = ~0u;
	config.event = on_event;
	config.ctx = &events;
	struct tcpstat *t = tcpstat_new(&config);

	for (int i = 0; t && i < PACKETS_MAX && (rc = capture_next(c, &pkt, &error)) != CAPTURE_END; i++) {
		if (rc < 0) {
			FUZZ_CHECK(error.code == rc && error.text[0], "error %d without a reason", rc);
			for (const char *p = error.text; *p; p++)
				FUZZ_CHECK((uint8_t)*p >= 32 && (uint8_t)*p < 127, "error text: %02x", (uint8_t)*p);
			continue;
		}
		if (rc != CAPTURE_PACKET)
			continue;
		FUZZ_CHECK(pkt.caplen <= CAPTURE_MAX_CAPLEN, "%u bytes", pkt.caplen);
		FUZZ_CHECK(pkt.ts_ns <= CAPTURE_TS_MAX && pkt.ts_ns >= -CAPTURE_TS_MAX, "time %" PRId64, pkt.ts_ns);
		FUZZ_CHECK(pkt.frame > frame, "frame %" PRIu64 " after %" PRIu64, pkt.frame, frame);
		FUZZ_CHECK(pkt.interface < capture_facts(c)->n_interfaces, "interface %u", pkt.interface);
		frame = pkt.frame;
		if (pkt.ahead && pkt.ahead_len)
			touched += pkt.ahead[0] + pkt.ahead[pkt.ahead_len - 1];
		tcpstat_packet(t, &pkt);
	}
	if (t)
		tcpstat_finish(t);
	tcpstat_free(t);
	capture_free(c);
	return 0;
}
