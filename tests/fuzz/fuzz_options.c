/* TCP options: the first byte says whether the area was cut, the others are the area, of any length. */
#include "core/tcp_opt.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcp_opts opts;

	if (!size)
		return 0;
	memset(&opts, 0xa5, sizeof opts);
	tcp_opt_clear(&opts);
	tcp_opt_parse(data + 1, size - 1, data[0] & 1, &opts);
	FUZZ_CHECK(opts.n_sack <= 4, "%u SACK blocks", opts.n_sack);
	FUZZ_CHECK(opts.has_mss || !opts.mss, "MSS without the option");
	FUZZ_CHECK(opts.has_ts || (!opts.ts_val && !opts.ts_ecr), "timestamps without the option");
	return 0;
}
