/* pcapng files: draft-ietf-opsawg-pcapng. Blocks follow each other:
 *
 *     0 type  4 length of the block  8 body ...  length-4 the length again
 *
 * A section header begins a section with its own byte order and interfaces. Interfaces of one capture may differ in
 * link type, resolution and snaplen. Blocks of no use here (names, secrets, journal, custom, unknown) are skipped. */
#include <stdlib.h>
#include <string.h>

#include "capture/endian.h"
#include "capture/reader.h"

#define NS_PER_S 1000000000u
#define MAX_NAME_BYTES 255u             /* of an interface's name or description; the rest is dropped */

enum {
	BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 2, BLOCK_SIMPLE_PACKET = 3,
	BLOCK_STATISTICS = 5, BLOCK_ENHANCED_PACKET = 6, BLOCK_JOURNAL = 9, BLOCK_CUSTOM = 0x0bad,
	BLOCK_CUSTOM_UNCOPIED = 0x40000bad
};

enum { OPTION_END = 0, IF_NAME = 2, IF_DESCRIPTION = 3, IF_TSRESOL = 9, IF_TSOFFSET = 14 };
enum { ISB_IFRECV = 4, ISB_IFDROP = 5, ISB_OSDROP = 7 };

/* A block without its type and both lengths. */
struct block {
	uint32_t type;
	const uint8_t *body;
	size_t len;                     /* of the body */
	uint32_t total;                 /* of it all */
};

/* ------------------------------------------------------------------------------------------------ options */

struct option {
	uint16_t code, len;
	const uint8_t *value;
};

/* The next option between *p and end. False at the end, also when the last one runs past it: options only add to what
 * is known, so a bad one spoils no packet. */
static bool next_option(const uint8_t **p, const uint8_t *end, bool big, struct option *option)
{
	size_t left = (size_t)(end - *p), padded;

	if (left < 4)
		return false;
	option->code = order16(*p, big);
	option->len = order16(*p + 2, big);
	option->value = *p + 4;
	padded = ((size_t)option->len + 3) & ~(size_t)3;
	if (option->code == OPTION_END || option->len > left - 4)
		return false;
	*p += padded > left - 4 ? left : 4 + padded;
	return true;
}

/* ------------------------------------------------------------------------------------------------ time */

/* floor(ticks * 10^9 / 2^shift), saturating. In halves, since the product has up to 94 bits. */
static uint64_t ns_of_binary(uint64_t ticks, unsigned shift)
{
	uint64_t seconds = shift < 64 ? ticks >> shift : 0;
	uint64_t fraction = shift < 64 ? ticks - (seconds << shift) : ticks;
	uint64_t high, low;

	if (seconds > INT64_MAX / NS_PER_S)
		return INT64_MAX;
	high = (fraction >> 32) * NS_PER_S;
	low = (fraction & UINT32_MAX) * NS_PER_S;
	if (shift < 32)                 /* then fraction < 2^31, so high is 0 */
		return seconds * NS_PER_S + (low >> shift);
	high += low >> 32;
	return seconds * NS_PER_S + (shift - 32 < 64 ? high >> (shift - 32) : 0);
}

static uint64_t ns_of_decimal(uint64_t ticks, unsigned exponent)
{
	for (; exponent < 9; exponent++) {
		if (ticks > INT64_MAX / 10)
			return INT64_MAX;
		ticks *= 10;
	}
	for (; exponent > 9 && ticks; exponent--)
		ticks /= 10;
	return ticks > INT64_MAX ? INT64_MAX : ticks;
}

static int64_t packet_time(struct reader *r, const struct pcapng_interface *interface, uint64_t ticks)
{
	unsigned exponent = interface->resolution & 0x7f;
	int64_t ns = (int64_t)(interface->resolution & 0x80 ? ns_of_binary(ticks, exponent) :
			ns_of_decimal(ticks, exponent));
	const int64_t most = INT64_MAX / NS_PER_S;
	int64_t offset = interface->offset_s;

	if (offset > most || (offset > 0 && ns > INT64_MAX - offset * (int64_t)NS_PER_S))
		return reader_time(r, INT64_MAX);
	if (offset < -most)
		return reader_time(r, INT64_MIN);
	return reader_time(r, ns + offset * (int64_t)NS_PER_S);
}

static int64_t ticks_per_s(uint8_t resolution)
{
	unsigned exponent = resolution & 0x7f;
	int64_t ticks = 1;

	if (resolution & 0x80)
		return exponent < 63 ? (int64_t)1 << exponent : TCPSTAT_NULL;
	if (exponent > 18)
		return TCPSTAT_NULL;
	while (exponent--)
		ticks *= 10;
	return ticks;
}

/* ------------------------------------------------------------------------------------------------ sections */

static int damaged(struct reader *r, const char *what)
{
	return reader_fail(r, CAPTURE_EDAMAGED, "damaged: %s", what);
}

/* 1.0; 1.2 was written by mistake and is the same. */
static bool is_known_version(const uint8_t *p, bool big)
{
	return order16(p, big) == 1 && (order16(p + 2, big) == 0 || order16(p + 2, big) == 2);
}

/* The interfaces of the former section stay to be compared with: files that were appended to each other repeat them. */
static int read_section(struct reader *r, const struct block *b)
{
	struct pcapng_state *ng = &r->pcapng;

	if (b->len < 16)
		return damaged(r, "a section header is too short");
	if (!is_known_version(b->body + 4, r->big))
		return damaged(r, "a section is of an unknown version");
	r->file->byte_order = r->big ? "big" : "little";
	if (ng->n > ng->n_former)
		ng->n_former = ng->n;
	ng->n = 0;
	ng->in_section = true;
	return 0;
}

static char *copy_text(const struct option *option)
{
	size_t len = option->len < MAX_NAME_BYTES ? option->len : MAX_NAME_BYTES;
	const uint8_t *nul = memchr(option->value, 0, len);
	char *text;

	if (nul)
		len = (size_t)(nul - option->value);
	text = len ? malloc(len + 1) : NULL;
	if (text) {
		memcpy(text, option->value, len);
		text[len] = 0;
	}
	return text;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

struct description {
	struct pcapng_interface interface;
	char *name, *description;
};

static void read_interface_options(struct description *d, const uint8_t *p, const uint8_t *end, bool big)
{
	struct option option;

	while (next_option(&p, end, big, &option)) {
		if (option.code == IF_NAME && !d->name)
			d->name = copy_text(&option);
		else if (option.code == IF_DESCRIPTION && !d->description)
			d->description = copy_text(&option);
		else if (option.code == IF_TSRESOL && option.len >= 1)
			d->interface.resolution = option.value[0];
		else if (option.code == IF_TSOFFSET && option.len >= 8)
			d->interface.offset_s = (int64_t)order64(option.value, big);
	}
}

static bool is_former(const struct reader *r, const struct description *d, const struct pcapng_interface *former)
{
	const struct capture_interface *known = &r->interfaces->all[former->index];

	return former->linktype == d->interface.linktype && former->snaplen == d->interface.snaplen &&
		former->resolution == d->interface.resolution && former->offset_s == d->interface.offset_s &&
		same_text(known->name, d->name) && same_text(known->description, d->description);
}

/* The interface is number n of its section. Takes the texts. */
static int add_interface(struct reader *r, struct description *d)
{
	struct pcapng_state *ng = &r->pcapng;
	struct capture_interface *added;

	if (ng->n < ng->n_former && is_former(r, d, &ng->interfaces[ng->n])) {
		added = &r->interfaces->all[ng->interfaces[ng->n].index];
		free(d->name);
		free(d->description);
	} else {
		added = reader_add_interface(r);
		if (!added) {
			free(d->name);
			free(d->description);
			return r->error.code;
		}
		added->linktype = d->interface.linktype;
		added->snaplen = d->interface.snaplen;
		added->ticks_per_s = ticks_per_s(d->interface.resolution);
		added->name = d->name;
		added->description = d->description;
	}
	d->interface.index = (uint32_t)(added - r->interfaces->all);
	d->interface.received = added->received;
	d->interface.dropped = added->dropped;
	d->interface.if_dropped = added->if_dropped;
	ng->interfaces[ng->n++] = d->interface;
	return 0;
}

static int read_interface(struct reader *r, const struct block *b)
{
	struct pcapng_state *ng = &r->pcapng;
	struct description d = { .interface = { .resolution = 6 } };

	if (b->len < 8)
		return damaged(r, "a description of an interface is too short");
	if (ng->n == CAPTURE_MAX_INTERFACES)
		return damaged(r, "a section has too many interfaces");
	if (ng->n == ng->size) {
		uint32_t size = ng->size ? 2 * ng->size : 4;
		struct pcapng_interface *interfaces = realloc(ng->interfaces, size * sizeof *interfaces);

		if (!interfaces)
			return reader_fail_file(r, CAPTURE_ENOMEM, "out of memory");
		ng->interfaces = interfaces;
		ng->size = size;
	}
	d.interface.linktype = order16(b->body, r->big);
	d.interface.snaplen = order32(b->body + 4, r->big);
	read_interface_options(&d, b->body + 8, b->body + b->len, r->big);
	return add_interface(r, &d);
}

static int64_t add_count(int64_t former, uint64_t value)
{
	int64_t sum = former == TCPSTAT_NULL ? 0 : former;

	return value > (uint64_t)(INT64_MAX - sum) ? INT64_MAX : sum + (int64_t)value;
}

/* Counts run from the beginning of the section; a later block of an interface replaces the earlier one. */
static int read_statistics(struct reader *r, const struct block *b)
{
	const struct pcapng_interface *interface;
	struct capture_interface *facts;
	const uint8_t *p = b->body + 12;
	struct option option;

	if (b->len < 12 || order32(b->body, r->big) >= r->pcapng.n)
		return 0;               /* no packet depends on it */
	interface = &r->pcapng.interfaces[order32(b->body, r->big)];
	facts = &r->interfaces->all[interface->index];
	while (next_option(&p, b->body + b->len, r->big, &option)) {
		if (option.len < 8)
			continue;
		if (option.code == ISB_IFRECV)
			facts->received = add_count(interface->received, order64(option.value, r->big));
		else if (option.code == ISB_IFDROP)
			facts->if_dropped = add_count(interface->if_dropped, order64(option.value, r->big));
		else if (option.code == ISB_OSDROP)
			facts->dropped = add_count(interface->dropped, order64(option.value, r->big));
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------ packets */

static int fill_packet(struct reader *r, uint32_t number, uint32_t caplen, uint32_t wirelen, const uint8_t *data,
		size_t room, struct tcpstat_pkt *pkt)
{
	if (number >= r->pcapng.n)
		return reader_fail(r, CAPTURE_EDAMAGED, "damaged: there is no interface %u", number);
	if (caplen > room || caplen > CAPTURE_MAX_CAPLEN)
		return reader_fail(r, CAPTURE_EDAMAGED, "damaged: it claims %u captured bytes", caplen);
	pkt->data = data;
	pkt->caplen = caplen;
	pkt->wirelen = wirelen > caplen ? wirelen : caplen;
	pkt->linktype = r->pcapng.interfaces[number].linktype;
	pkt->interface = r->pcapng.interfaces[number].index;
	return CAPTURE_PACKET;
}

/* Enhanced packets, and the obsolete ones that have a 16-bit interface number and a count of drops in its place. */
static int read_packet(struct reader *r, const struct block *b, struct tcpstat_pkt *pkt)
{
	const uint8_t *p = b->body;
	uint32_t number;
	int rc;

	if (b->len < 20)
		return damaged(r, "its block is too short");
	number = b->type == BLOCK_PACKET ? order16(p, r->big) : order32(p, r->big);
	rc = fill_packet(r, number, order32(p + 12, r->big), order32(p + 16, r->big), p + 20, b->len - 20, pkt);
	if (rc != CAPTURE_PACKET)
		return rc;
	pkt->ts_ns = packet_time(r, &r->pcapng.interfaces[number],
			(uint64_t)order32(p + 4, r->big) << 32 | order32(p + 8, r->big));
	r->pcapng.last_ts_ns = pkt->ts_ns;
	return rc;
}

/* Of interface 0, without time; the captured length follows from what limits it. */
static int read_simple_packet(struct reader *r, const struct block *b, struct tcpstat_pkt *pkt)
{
	uint32_t wirelen, caplen, snaplen;

	if (b->len < 4)
		return damaged(r, "its block is too short");
	wirelen = order32(b->body, r->big);
	snaplen = r->pcapng.n ? r->pcapng.interfaces[0].snaplen : 0;
	caplen = snaplen && wirelen > snaplen ? snaplen : wirelen;
	pkt->ts_ns = r->pcapng.last_ts_ns;
	r->file->untimed++;
	return fill_packet(r, 0, caplen, wirelen, b->body + 4, b->len - 4, pkt);
}

/* ------------------------------------------------------------------------------------------------ blocks */

static bool is_used(uint32_t type)
{
	return type == BLOCK_SECTION || type == BLOCK_INTERFACE || type == BLOCK_PACKET ||
		type == BLOCK_SIMPLE_PACKET ||
		type == BLOCK_STATISTICS || type == BLOCK_ENHANCED_PACKET;
}

/* Not of use here, but Wireshark gives them a frame number, and numbers shall agree. */
static bool is_numbered(uint32_t type)
{
	return type == BLOCK_JOURNAL || type == BLOCK_CUSTOM || type == BLOCK_CUSTOM_UNCOPIED;
}

static int read_block(struct reader *r, const struct block *b, struct tcpstat_pkt *pkt)
{
	switch (b->type) {
	case BLOCK_SECTION: return read_section(r, b);
	case BLOCK_INTERFACE: return read_interface(r, b);
	case BLOCK_STATISTICS: return read_statistics(r, b);
	case BLOCK_SIMPLE_PACKET: return read_simple_packet(r, b, pkt);
	default: return read_packet(r, b, pkt);
	}
}

/* The section header's type reads the same in both byte orders; its next word tells which it is. */
static int section_order(struct reader *r)
{
	const uint8_t *p;
	int rc = source_need(&r->source, 12);

	if (rc != SOURCE_OK)
		return rc;
	p = r->source.cur;
	if (order32(p + 8, true) != 0x1a2b3c4d && order32(p + 8, false) != 0x1a2b3c4d)
		return damaged(r, "a section header has no byte order mark");
	r->big = order32(p + 8, true) == 0x1a2b3c4d;
	return SOURCE_OK;
}

/* Brings the next block to hand. SOURCE_OK, SOURCE_END exactly between two blocks, or what capture_next returns. */
static int load_block(struct reader *r, struct block *b)
{
	struct source *s = &r->source;
	int rc = source_need(s, 8);

	if (rc == SOURCE_END && source_left(s) == 0 && !source_owes(s))
		return SOURCE_END;
	if (rc == SOURCE_OK && order32(s->cur, true) == BLOCK_SECTION)
		rc = section_order(r);
	if (rc == SOURCE_IDLE || rc == SOURCE_END || (rc < 0 && !r->error.code))
		return reader_stopped(r, rc, "a block");
	if (rc < 0)
		return rc;
	b->type = order32(s->cur, r->big);
	b->total = order32(s->cur + 4, r->big);
	if (b->total < 12 || (b->total > SOURCE_MAX_NEED && is_used(b->type)))
		return reader_fail(r, CAPTURE_EDAMAGED, "damaged: a block claims to have %u bytes", b->total);
	if (b->total > SOURCE_MAX_NEED) {
		b->body = NULL;
		return SOURCE_OK;
	}
	rc = source_need(s, b->total);
	if (rc != SOURCE_OK)
		return reader_stopped(r, rc, "a block");
	if (order32(s->cur + b->total - 4, r->big) != b->total)
		return damaged(r, "the two lengths of a block differ");
	b->body = s->cur + 8;
	b->len = b->total - 12;
	return SOURCE_OK;
}

/* The packet after the one at hand, if both are there. */
static void look_ahead(const struct reader *r, struct tcpstat_pkt *pkt)
{
	enum { DATA_AT = 28 };
	const uint8_t *p = r->source.cur;
	size_t left = source_left(&r->source), next;

	pkt->ahead = NULL;
	if (left < 8 || (next = order32(p + 4, r->big)) > left || left - next < DATA_AT ||
	    order32(p + next, r->big) != BLOCK_ENHANCED_PACKET)
		return;
	pkt->ahead = p + next + DATA_AT;
	pkt->ahead_len = (uint32_t)(left - next - DATA_AT);
}

static int pcapng_next_packet(struct reader *r, struct tcpstat_pkt *pkt)
{
	struct block b = { 0 };
	int rc;

	for (;;) {
		rc = load_block(r, &b);
		if (rc != SOURCE_OK)
			return rc;
		rc = 0;
		if (is_used(b.type)) {
			if (b.type != BLOCK_SECTION && !r->pcapng.in_section)
				return damaged(r, "it stands before any section");
			rc = read_block(r, &b, pkt);
		} else if (is_numbered(b.type)) {
			r->other_frames++;
		}
		if (rc < 0)
			return rc;
		source_pass(&r->source, b.total);
		if (rc == CAPTURE_PACKET) {
			look_ahead(r, pkt);
			r->packets++;
			return rc;
		}
	}
}

bool pcapng_reader_recognise(const uint8_t *bytes, size_t len)
{
	return len >= 4 && be32(bytes) == BLOCK_SECTION;
}

int pcapng_reader_open(struct reader *r)
{
	int rc = reader_need_at_opening(r, 16);
	const uint8_t *p = r->source.cur;

	r->file->format = "pcapng";
	if (rc != SOURCE_OK)
		return reader_stopped(r, rc, "its header");
	r->big = order32(p + 8, true) == 0x1a2b3c4d;
	if (!r->big && order32(p + 8, false) != 0x1a2b3c4d)
		return reader_fail_file(r, CAPTURE_EOPEN, "begins like pcapng, but has no byte order mark");
	if (!is_known_version(p + 12, r->big))
		return reader_fail_file(r, CAPTURE_EOPEN, "pcapng version %u.%u is not known",
				order16(p + 12, r->big), order16(p + 14, r->big));
	r->file->byte_order = r->big ? "big" : "little";
	r->next = pcapng_next_packet;
	return 0;
}
