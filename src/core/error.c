#include "core/tcpstat.h"

const char *tcpstat_strerror(int error)
{
	switch (error) {
	case 0: return "no error";
#define X(name, number, text) case name: return text;
	TCPSTAT_ERRORS(X)
#undef X
	default: return "unknown error";
	}
}
