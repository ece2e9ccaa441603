/* Names of the enumerators, from their lists in tcpstat.h. */
#include "core/tcpstat.h"

#define X(constant, name) name,
#define NAMES(function, type, list) \
	const char *tcpstat_##function##_name(enum tcpstat_##type value) \
	{ \
		static const char *const names[] = { list(X) }; \
		return (size_t)value < sizeof names / sizeof *names ? names[value] : NULL; \
	}

NAMES(state, state, TCPSTAT_STATES)
NAMES(outcome, outcome, TCPSTAT_OUTCOMES)
NAMES(close, close, TCPSTAT_CLOSES)
NAMES(vantage, vantage, TCPSTAT_VANTAGES)
NAMES(cause, cause, TCPSTAT_CAUSES)
NAMES(lost, lost, TCPSTAT_LOSSES)
NAMES(ca, ca, TCPSTAT_CA_STATES)
NAMES(phase, phase, TCPSTAT_PHASES)
NAMES(limit, limit, TCPSTAT_LIMITS)
NAMES(rtt_source, rtt_source, TCPSTAT_RTT_SOURCES)
NAMES(window_what, window_what, TCPSTAT_WINDOW_WHATS)
NAMES(keepalive_what, keepalive_what, TCPSTAT_KEEPALIVE_WHATS)
NAMES(duplicate_where, duplicate_where, TCPSTAT_DUPLICATE_WHERES)
NAMES(gap_why, gap_why, TCPSTAT_GAP_WHYS)
NAMES(cc, cc, TCPSTAT_CCS)
NAMES(dup_ack_then, dup_ack_then, TCPSTAT_DUP_ACK_THENS)
NAMES(ladder, ladder, TCPSTAT_LADDERS)
NAMES(severity, severity, TCPSTAT_SEVERITIES)
NAMES(overlap, overlap, TCPSTAT_OVERLAPS)
