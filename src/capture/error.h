/* Texts of errors. Names and what libraries say may carry any byte: what comes out is printable UTF-8. */
#ifndef TCPSTAT_CAPTURE_ERROR_H
#define TCPSTAT_CAPTURE_ERROR_H

#include <stdarg.h>

#include "capture/capture.h"

/* Fills in code and text; returns code. */
int capture_fail(struct capture_error *, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int capture_vfail(struct capture_error *, int code, const char *format, va_list) __attribute__((format(printf, 3, 0)));

#endif
