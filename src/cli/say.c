#include "cli/say.h"
#include "sink/format.h"

#include <langinfo.h>
#include <stdio.h>
#include <string.h>

void say(const char *text)
{
	struct style style = { .utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8") };
	char safe[2048];

	fprintf(stderr, "tcpstat: %s\n", format_safe(safe, sizeof safe, &style, text));
}
