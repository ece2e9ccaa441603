/* tcpstat: what TCP did, from packets. */
#include "config.h"
#include "cli/memory.h"
#include "cli/options.h"
#include "cli/run.h"

#include <locale.h>

int main(int argc, char **argv)
{
	struct options options;
	int code;

	memory_init();
	/* Only for what the terminal can show: figures stay the same everywhere. */
	setlocale(LC_CTYPE, "");
	code = options_parse(&options, argc, argv);
	if (code < 0)
		code = run(&options);
	options_fini(&options);
	return code;
}
