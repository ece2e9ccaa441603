#include "core/tcp_opt.h"

#include <string.h>

#include "core/bytes.h"

enum {
	OPT_EOL = 0, OPT_NOP = 1, OPT_MSS = 2, OPT_WSCALE = 3, OPT_SACK_PERMITTED = 4, OPT_SACK = 5, OPT_TS = 8,
	OPT_MD5 = 19, OPT_MPTCP = 30, OPT_TFO = 34, OPT_ACCECN_0 = 172, OPT_ACCECN_1 = 174, OPT_EXPERIMENT_1 = 253,
	OPT_EXPERIMENT_2 = 254
};

/* Experiment identifiers (RFC 6994), as IANA lists them. */
enum { EXID_ACCECN_0 = 0xacc0, EXID_ACCECN_1 = 0xacc1, EXID_TFO = 0xf989 };

enum { SACK_BLOCKS_MAX = 4 };

void tcp_opt_clear(struct tcp_opts *opts)
{
	memset(opts, 0, offsetof(struct tcp_opts, sack));
}

static void parse_sack(const uint8_t *p, size_t len, struct tcp_opts *opts)
{
	if (len < 10 || (len - 2) % 8)
		opts->malformed = true;
	for (size_t i = 2; i + 8 <= len && opts->n_sack < SACK_BLOCKS_MAX; i += 8) {
		opts->sack[opts->n_sack][0] = be32(p + i);
		opts->sack[opts->n_sack][1] = be32(p + i + 4);
		opts->n_sack++;
	}
}

static void parse_experiment(const uint8_t *p, size_t len, struct tcp_opts *opts)
{
	if (len < 4)
		return;
	switch (be16(p + 2)) {
	case EXID_TFO:
		opts->tfo = true;
		break;
	case EXID_ACCECN_0:
	case EXID_ACCECN_1:
		opts->accecn = true;
		break;
	}
}

/* Is the option as long as its kind wants it? If not, the area lies. */
static bool wants(size_t len, size_t wanted, struct tcp_opts *opts)
{
	if (len == wanted)
		return true;
	opts->malformed = true;
	return false;
}

/* One option of `len` bytes, kind and length included. */
static void parse_one(const uint8_t *p, size_t len, struct tcp_opts *opts)
{
	switch (p[0]) {
	case OPT_MSS:
		if (wants(len, 4, opts)) {
			opts->has_mss = true;
			opts->mss = be16(p + 2);
		}
		break;
	case OPT_WSCALE:
		if (wants(len, 3, opts)) {
			opts->has_wscale = true;
			opts->wscale = p[2];
		}
		break;
	case OPT_SACK_PERMITTED:
		if (wants(len, 2, opts))
			opts->sack_permitted = true;
		break;
	case OPT_SACK:
		parse_sack(p, len, opts);
		break;
	case OPT_TS:
		if (wants(len, 10, opts)) {
			opts->has_ts = true;
			opts->ts_val = be32(p + 2);
			opts->ts_ecr = be32(p + 6);
		}
		break;
	case OPT_MD5:
		if (wants(len, 18, opts))
			opts->md5 = true;
		break;
	case OPT_MPTCP:
		opts->mptcp = true;
		break;
	case OPT_TFO:
		opts->tfo = true;
		break;
	case OPT_ACCECN_0:
	case OPT_ACCECN_1:
		opts->accecn = true;
		break;
	case OPT_EXPERIMENT_1:
	case OPT_EXPERIMENT_2:
		parse_experiment(p, len, opts);
		break;
	}
}

void tcp_opt_parse(const uint8_t *p, size_t len, bool cut, struct tcp_opts *opts)
{
	for (size_t i = 0; i < len && p[i] != OPT_EOL;) {
		if (p[i] == OPT_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= len) {
			opts->malformed |= !cut;
			return;
		}
		size_t n = p[i + 1];
		if (n < 2) {            /* no way to find the next option */
			opts->malformed = true;
			return;
		}
		if (n > len - i) {
			opts->malformed |= !cut;
			return;
		}
		parse_one(p + i, n, opts);
		i += n;
	}
}
