#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "core/backlog.h"

enum { MAX = 40 };

struct shown {
	unsigned n;
	struct segment segment[MAX];
	struct tcp_view view[MAX];
	struct scene scene[MAX];
};

static void note(void *ctx, struct segment *s, const struct scene *scene)
{
	struct shown *shown = ctx;

	cr_assert(lt(uint, shown->n, MAX));
	shown->segment[shown->n] = *s;
	shown->view[shown->n] = *s->view;
	shown->scene[shown->n] = *scene;
	shown->n++;
}

static struct segment plain(struct tcp_view *v, unsigned i)
{
	*v = (struct tcp_view){ .seq = 5000 + i, .ack = 77, .flags = TH_ACK | TH_PSH, .wnd = 501, .len = 100 + i,
		.caplen = 100 + i, .ttl = 63, .ecn = 2, .has_ip_id = true, .ip_id = (uint16_t)i, .cksum = CKSUM_GOOD,
		.opts = { .has_ts = true, .ts_val = 9 + i, .ts_ecr = 8 } };
	return (struct segment){ .view = v, .ts = 1000 + i, .frame = 10 + i, .dir = i & 1 ? TCPSTAT_S2C : TCPSTAT_C2S,
		.flags = v->flags, .len = v->len, .seq = SEQ_ISN + 5000 + i, .end = SEQ_ISN + 5100 + 2 * i,
		.ack = SEQ_ISN + 77, .wnd = 501u << 7, .wnd_shift = 7, .wnd_exact = true };
}

static struct budget budget;
static struct pool chunks;
static struct backlog backlog;
static struct shown shown;

static void set_up(void)
{
	budget = (struct budget){ .limit = 1 << 20 };
	pool_init(&chunks, BACKLOG_CHUNK_BYTES, &budget);
	backlog = (struct backlog){ 0 };
	shown.n = 0;
}

static void tear_down(void)
{
	backlog_drop(&backlog, &chunks);
	cr_assert(eq(sz, chunks.in_use, 0));
	pool_fini(&chunks);
	cr_assert(eq(u64, budget.used, 0));
}

TestSuite(backlog, .init = set_up, .fini = tear_down);

Test(backlog, hands_over_in_order_what_trackers_read)
{
	struct scene scene = { .kind = SCENE_SEGMENT, .state = { 4, 5 }, .history = 3 };

	for (unsigned i = 0; i < MAX; i++) {
		struct tcp_view v;
		struct segment s = plain(&v, i);
		cr_assert(backlog_put(&backlog, &chunks, &s, &scene));
	}
	cr_assert(eq(uint, backlog.slots, MAX));
	backlog_show(&backlog, note, &shown);
	cr_assert(eq(uint, shown.n, MAX));
	for (unsigned i = 0; i < MAX; i++) {
		struct tcp_view v;
		struct segment s = plain(&v, i);
		v.vlan[0] = v.vlan[1] = 0xffff; /* not there */
		s.view = shown.segment[i].view;
		cr_assert(not(memcmp(&s, &shown.segment[i], sizeof s)), "segment %u", i);
		cr_assert(eq(u32, shown.view[i].seq, v.seq));
		cr_assert(eq(u32, shown.view[i].ack, v.ack));
		cr_assert(eq(u16, shown.view[i].wnd, v.wnd));
		cr_assert(eq(u32, shown.view[i].len, v.len));
		cr_assert(eq(u32, shown.view[i].caplen, v.caplen));
		cr_assert(eq(u8, shown.view[i].ttl, 63));
		cr_assert(eq(u8, shown.view[i].ecn, 2));
		cr_assert(eq(u16, shown.view[i].ip_id, v.ip_id));
		cr_assert(eq(int, (int)shown.view[i].cksum, CKSUM_GOOD));
		cr_assert(eq(u32, shown.view[i].opts.ts_val, 9 + i));
		cr_assert(eq(u32, shown.view[i].opts.ts_ecr, 8));
		cr_assert(eq(u8, shown.scene[i].state[1], 5));
		cr_assert(eq(u8, shown.scene[i].history, 3));
		cr_assert(eq(u8, shown.scene[i].changes.n, 0));
	}
}

Test(backlog, keeps_the_options_of_a_syn_and_no_longer)
{
	struct scene scene = { .mss = { 1448, 536 }, .changes = { .n = 1, .of = { 0x13 } } }, none = { 0 };
	struct tcp_view v;
	struct segment s = plain(&v, 0);

	v.flags = s.flags = TH_SYN;
	v.opts.has_mss = v.opts.has_wscale = v.opts.sack_permitted = v.opts.tfo = true;
	v.opts.mss = 1460;
	v.opts.wscale = 9;
	cr_assert(backlog_put(&backlog, &chunks, &s, &scene));
	s = plain(&v, 1);
	cr_assert(backlog_put(&backlog, &chunks, &s, &none));
	backlog_show(&backlog, note, &shown);
	cr_assert(eq(uint, shown.n, 2));
	cr_assert(eq(u16, shown.view[0].opts.mss, 1460));
	cr_assert(eq(u8, shown.view[0].opts.wscale, 9));
	cr_assert(shown.view[0].opts.has_mss && shown.view[0].opts.has_wscale && shown.view[0].opts.sack_permitted);
	cr_assert(shown.view[0].opts.tfo && !shown.view[0].opts.mptcp);
	cr_assert(eq(u16, shown.scene[0].mss[1], 536));
	cr_assert(eq(u8, shown.scene[0].changes.n, 1));
	cr_assert(eq(u8, shown.scene[0].changes.of[0], 0x13));
	cr_assert(not(shown.view[1].opts.has_mss));
	cr_assert(not(shown.view[1].opts.sack_permitted));
	cr_assert(eq(u16, shown.scene[1].mss[0], 0));
	cr_assert(eq(u8, shown.scene[1].changes.n, 0));
}

Test(backlog, unwraps_sack_blocks_around_a_wrap)
{
	struct scene scene = { 0 };
	struct tcp_view v;
	struct segment s = plain(&v, 0);

	s.n_sack = v.opts.n_sack = 2;
	s.dsack = true;
	s.sack[0][0] = SEQ_ISN + 0xfffffff0u;
	s.sack[0][1] = SEQ_ISN + 0x100000010u;
	s.sack[1][0] = SEQ_ISN + 0x100000020u;
	s.sack[1][1] = SEQ_ISN + 0x100000030u;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < 2; k++)
			v.opts.sack[i][k] = (uint32_t)s.sack[i][k] + 12345;
	cr_assert(backlog_put(&backlog, &chunks, &s, &scene));
	backlog_show(&backlog, note, &shown);
	cr_assert(not(memcmp(shown.segment[0].sack, s.sack, sizeof s.sack)));
	cr_assert(not(memcmp(shown.view[0].opts.sack, v.opts.sack, sizeof v.opts.sack)));
	cr_assert(shown.segment[0].dsack);
}

Test(backlog, refuses_what_it_cannot_keep)
{
	struct scene scene = { 0 };
	struct tcp_view v;
	struct segment s = plain(&v, 0);

	s.n_sack = v.opts.n_sack = 2; /* blocks that nobody could unwrap from one another */
	s.sack[0][0] = SEQ_ISN;
	s.sack[1][0] = SEQ_ISN + ((uint64_t)3 << 32);
	cr_assert(not(backlog_put(&backlog, &chunks, &s, &scene)));
	s = plain(&v, 0);
	scene.changes.n = STATE_CHANGES_MAX;
	cr_assert(not(backlog_put(&backlog, &chunks, &s, &scene)));
	scene.changes.n = 0;
	budget.limit = budget.used;
	cr_assert(not(backlog_put(&backlog, &chunks, &s, &scene)));
	cr_assert(eq(uint, backlog.slots, 0));
}
