/* What trackers keep of one connection; see conn.h. */
#ifndef TCPSTAT_CONN_REST_H
#define TCPSTAT_CONN_REST_H

#include "core/conn.h"
#include "core/reasm.h"

struct conn_rest {
	struct reasm reasm[2];
	struct replay *replay;          /* NULL: over the budget */
};

#endif
