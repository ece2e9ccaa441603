/* IP fragments made whole again (RFC 791, RFC 8200 section 4.5), within bounds of memory, number and time. */
#ifndef TCPSTAT_FRAG_H
#define TCPSTAT_FRAG_H

#include "core/pool.h"

struct frag_table {
	struct budget *budget;
};

#endif
