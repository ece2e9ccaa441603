/* What trackers keep of one connection; see conn.h. */
#ifndef TCPSTAT_CONN_REST_H
#define TCPSTAT_CONN_REST_H

#include "core/conn.h"
#include "core/copy.h"
#include "core/dupack.h"
#include "core/latency.h"
#include "core/reasm.h"
#include "core/stack.h"
#include "core/timers.h"
#include "core/vantage.h"
#include "core/watch.h"
#include "core/window.h"

/* From the budget, sizeof and the name's text behind it. */
struct conn_dns {
	struct tcpstat_dns told;        /* its name is the text below */
	size_t size;                    /* bytes of it all */
	char name[];
};

struct conn_rest {
	struct reasm reasm[2];
	struct copy copy;
	struct vantage vantage;
	struct window window;
	struct dupack dupack;
	struct latency latency;
	struct timers timers;
	struct stack_sign sign[2];
	int64_t progress_ts;            /* when EV_PROGRESS was said last; 0: not yet */
	bool over_told;                 /* EV_PROGRESS said that the connection is over */
	struct watch *watch;            /* NULL: nobody asked for what it sees, or over the budget */
	struct conn_dns *dns;           /* the lookup of the server's name; NULL: none seen */
	struct replay *replay;          /* NULL: over the budget */
};

#endif
