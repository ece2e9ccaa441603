/* pcap files: pcap-savefile(5), draft-ietf-opsawg-pcap, and the dialects that put more into the headers.
 *
 *     file header    0 magic  4 major, minor version  8 (12 unused bytes)  16 snaplen  20 link type
 *     packet header  0 seconds  4 fraction  8 captured length  12 length on the wire */
#include "capture/endian.h"
#include "capture/reader.h"

#define FILE_HEADER_BYTES 24u

static const struct dialect {
	uint32_t magic;
	uint8_t more_file_bytes;        /* after the file header */
	uint8_t packet_header_bytes;
	uint32_t unit_ns;
} dialects[] = {
	{ 0xa1b2c3d4, 0, 16, 1000 },    /* libpcap */
	{ 0xa1b23c4d, 0, 16, 1 },       /* libpcap with nanoseconds */
	{ 0xa1b2cd34, 0, 24, 1000 },    /* Kuznetsov: interface, protocol, packet type follow */
	{ 0xa1e2cb12, 0, 24, 1 },       /* netsniff-ng: source of time, interface, protocol, hardware, packet type */
	{ 0x1c0001ac, 4, 16, 1 },       /* IXIA hardware: the length of all packets follows the header */
	{ 0x1c0001ab, 4, 16, 1000 },    /* IXIA software */
};

static const struct dialect *find_dialect(const uint8_t *bytes, bool big)
{
	for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
		if (order32(bytes, big) == dialects[i].magic)
			return &dialects[i];
	return NULL;
}

bool pcap_reader_recognise(const uint8_t *bytes, size_t len)
{
	return len >= 4 && (find_dialect(bytes, true) || find_dialect(bytes, false));
}

/* The packet after the one at hand, if both are there. */
static void look_ahead(const struct reader *r, struct tcpstat_pkt *pkt)
{
	const uint8_t *p = r->source.cur;
	size_t left = source_left(&r->source), headers = 2 * (size_t)r->pcap.header_bytes, next;

	pkt->ahead = NULL;
	if (left < headers || (next = order32(p + 8, r->big)) > left - headers)
		return;
	pkt->ahead = p + headers + next;
	pkt->ahead_len = (uint32_t)(left - headers - next);
}

static int pcap_next_packet(struct reader *r, struct tcpstat_pkt *pkt)
{
	const struct pcap_state *pcap = &r->pcap;
	uint32_t header_bytes = pcap->header_bytes, caplen, wirelen, fraction;
	const uint8_t *p;
	int rc = source_need(&r->source, header_bytes);

	if (rc != SOURCE_OK) {
		if (rc == SOURCE_END && source_left(&r->source) == 0)
			return CAPTURE_END;
		return reader_stopped(r, rc, "a packet header");
	}
	p = r->source.cur;
	caplen = order32(p + 8, r->big);
	wirelen = order32(p + 12, r->big);
	if (pcap->lengths == PCAP_LENGTHS_SWAPPED ||
	    (pcap->lengths == PCAP_LENGTHS_MAYBE_SWAPPED && caplen > wirelen)) {
		uint32_t other = caplen;

		caplen = wirelen;
		wirelen = other;
	}
	if (caplen > CAPTURE_MAX_CAPLEN)
		return reader_fail(r, CAPTURE_EDAMAGED, "damaged: its header claims %u captured bytes", caplen);
	rc = source_need(&r->source, header_bytes + caplen);
	if (rc != SOURCE_OK)
		return reader_stopped(r, rc, "the packet");
	p = r->source.cur;
	fraction = order32(p + 4, r->big);
	if (fraction >= pcap->units_per_s)
		r->file->bad_times++;
	/* At most 2^32 s and 2^32 us: far below INT64_MAX ns. */
	pkt->ts_ns = reader_time(r, (int64_t)order32(p, r->big) * 1000000000 + (int64_t)fraction * pcap->unit_ns);
	pkt->data = p + header_bytes;
	pkt->caplen = caplen;
	pkt->wirelen = wirelen > caplen ? wirelen : caplen;
	pkt->linktype = pcap->linktype;
	pkt->interface = pcap->interface;
	source_skip(&r->source, header_bytes + caplen);
	look_ahead(r, pkt);
	r->packets++;
	return CAPTURE_PACKET;
}

/* Before version 2.3 the two lengths stood the other way round; 2.3 was written both ways (libpcap, sf-pcap.c tells the
 * history); 543.0 is what DG/UX tcpdump writes. */
static int lengths_of_version(uint16_t major, uint16_t minor)
{
	if ((major == 2 && minor < 3) || major == 543)
		return PCAP_LENGTHS_SWAPPED;
	if (major == 2 && minor == 3)
		return PCAP_LENGTHS_MAYBE_SWAPPED;
	return PCAP_LENGTHS_NORMAL;
}

/* Bits 16 to 25 beside the link type are reserved; above them stands whether and how long an FCS is. */
static int check_header(struct reader *r, const uint8_t *p)
{
	uint16_t major = order16(p + 4, r->big), minor = order16(p + 6, r->big);
	uint32_t network = order32(p + 20, r->big);

	if (major != 2 && major != 543)
		return reader_fail_file(r, CAPTURE_EOPEN, "pcap version %u.%u is not known", major, minor);
	if (network & 0x03ff0000)
		return reader_fail_file(r, CAPTURE_EOPEN, "damaged: reserved bits of the link type are set (0x%08x)",
				network);
	return 0;
}

int pcap_reader_open(struct reader *r)
{
	const struct dialect *dialect = find_dialect(r->source.cur, true);
	struct capture_interface *interface;
	const uint8_t *p;
	int rc;

	r->big = dialect != NULL;
	if (!dialect)
		dialect = find_dialect(r->source.cur, false);
	r->file->format = "pcap";
	r->file->byte_order = r->big ? "big" : "little";
	rc = reader_need_at_opening(r, FILE_HEADER_BYTES + dialect->more_file_bytes);
	if (rc != SOURCE_OK)
		return reader_stopped(r, rc, "its header");
	p = r->source.cur;
	rc = check_header(r, p);
	if (rc < 0)
		return rc;
	interface = reader_add_interface(r);
	if (!interface)
		return r->error.code;
	r->pcap.interface = (uint32_t)(interface - r->interfaces->all);
	r->pcap.header_bytes = dialect->packet_header_bytes;
	r->pcap.unit_ns = dialect->unit_ns;
	r->pcap.units_per_s = 1000000000 / dialect->unit_ns;
	r->pcap.linktype = order32(p + 20, r->big) & 0xffff;
	r->pcap.lengths = lengths_of_version(order16(p + 4, r->big), order16(p + 6, r->big));
	interface->linktype = r->pcap.linktype;
	interface->snaplen = order32(p + 16, r->big);
	interface->ticks_per_s = r->pcap.units_per_s;
	source_skip(&r->source, FILE_HEADER_BYTES + dialect->more_file_bytes);
	r->next = pcap_next_packet;
	return 0;
}
