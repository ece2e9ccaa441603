#include "core/seq.h"

#include <criterion/criterion.h>

Test(seq, diff_is_signed_across_the_wrap)
{
	cr_assert_eq(seq_diff(5, 3), 2);
	cr_assert_eq(seq_diff(3, 5), -2);
	cr_assert_eq(seq_diff(0x00000010, 0xfffffff0), 0x20);
	cr_assert_eq(seq_diff(0xfffffff0, 0x00000010), -0x20);
	cr_assert_eq(seq_diff(0x80000000, 0), INT32_MIN);
}

Test(seq, unwrap_goes_on_past_the_wrap)
{
	uint64_t near = SEQ_ISN;
	uint32_t raw = 0xffffff00;

	/* 5,000 steps of 1 MiB: more than one turn of the 32 bits */
	for (int i = 0; i < 5000; i++) {
		uint64_t next = seq_unwrap(raw + 0x100000, near, raw);

		cr_assert_eq(next, near + 0x100000, "step %d", i);
		near = next;
		raw += 0x100000;
	}
}

Test(seq, unwrap_reaches_below_the_first_number)
{
	cr_assert_eq(seq_unwrap(0xffffffff, SEQ_ISN, 0), SEQ_ISN - 1);
	cr_assert_eq(seq_unwrap(0x7fffffff, SEQ_ISN, 0), SEQ_ISN + 0x7fffffff);
	cr_assert_eq(seq_unwrap(0x80000000, SEQ_ISN, 0), SEQ_ISN - 0x80000000ull);
}
