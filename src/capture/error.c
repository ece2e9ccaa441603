#include "capture/error.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the well-formed, printable UTF-8 character at p (RFC 3629), 0 if there is none. C1 controls are refused:
 * some terminals obey them. */
static size_t printable_len(const unsigned char *p)
{
	size_t len;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static void make_printable(char *text)
{
	unsigned char *p = (unsigned char *)text;

	while (*p) {
		size_t len = printable_len(p);

		if (len == 0) {
			*p = '?';
			len = 1;
		}
		p += len;
	}
}

int capture_vfail(struct capture_error *error, int code, const char *format, va_list args)
{
	error->code = code;
	vsnprintf(error->text, sizeof error->text, format, args);
	make_printable(error->text);
	return code;
}

int capture_fail(struct capture_error *error, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	capture_vfail(error, code, format, args);
	va_end(args);
	return code;
}
