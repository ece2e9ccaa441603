/* A replica fed by hand: segments of 1000 bytes from sequence number 1 on, times in milliseconds. */
#ifndef ONE_SENDER_H
#define ONE_SENDER_H

#include "core/sender.h"

#include <criterion/criterion.h>
#include <string.h>

enum { MSS = 1000 };

static const int64_t ms = 1000000, epoch = (int64_t)1700000000 * 1000000000;
static struct budget budget;
static struct sender s;
static struct ack_result result;

static inline void start_sender(bool sack)
{
	budget = (struct budget){ .limit = 16 << 20 };
	s = (struct sender){ 0 };
	sender_init(&s, &budget, &stack_linux);
	s.mss = MSS;
	s.sack_ok = sack;
	s.established = true;
}

static inline void end_sender(void)
{
	sender_fini(&s);
	cr_assert_eq(budget.used, 0);
}

static inline uint64_t seq_of(uint32_t segment)
{
	return 1 + (uint64_t)segment * MSS;
}

/* Segments [first, first + n) leave at once. */
static inline void send_new(int64_t at, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		cr_assert_not_null(sender_new_data(&s, seq_of(i), seq_of(i + 1), epoch + at * ms, 0, true));
}

static inline enum tcpstat_cause resend(int64_t at, uint32_t segment)
{
	enum tcpstat_cause cause = sender_cause(&s, seq_of(segment), seq_of(segment + 1), epoch + at * ms);

	sender_retransmit(&s, seq_of(segment), seq_of(segment + 1), epoch + at * ms, cause, (uint32_t)at);
	return cause;
}

/* All below `segment` is acknowledged; SACKed are [l, r), if l < r. */
static inline struct ack ack_of(int64_t at, uint32_t segment, uint32_t l, uint32_t r)
{
	struct ack a = { .now_ns = epoch + at * ms, .seen_ns = epoch + at * ms, .ack = seq_of(segment), .wnd = 1 << 20,
			 .flags = TH_ACK, .wnd_exact = true };

	if (l < r) {
		a.n_sack = 1;
		a.sack[0][0] = seq_of(l);
		a.sack[0][1] = seq_of(r);
	}
	return a;
}

static inline void receive(int64_t at, uint32_t segment, uint32_t l, uint32_t r)
{
	struct ack a = ack_of(at, segment, l, r);

	sender_ack(&s, &a, &result);
}

static inline void receive_dsack(int64_t at, uint32_t segment, uint32_t copy)
{
	struct ack a = ack_of(at, segment, copy, copy + 1);

	a.dsack = true;
	sender_ack(&s, &a, &result);
}

#endif
