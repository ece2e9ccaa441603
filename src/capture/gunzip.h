/* gzip (RFC 1952) by zlib, several members in a row included.
 *
 * Beside libarchive because captures are cut short more often than anything else, and libarchive then drops up to
 * 64 KiB of what it has decompressed: for most captures that is all. Here every byte before the break comes out. */
#ifndef TCPSTAT_GUNZIP_H
#define TCPSTAT_GUNZIP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gunzip;

/* `read` gives compressed bytes: how many, 0 at the end, < 0 an error that gunzip_block hands on. NULL: out of
 * memory. */
struct gunzip *gunzip_new(ssize_t (*read)(void *ctx, uint8_t *bytes, size_t len), void *ctx);
void gunzip_free(struct gunzip *);

/* The next bytes, borrowed until the next call. 1; 0 at the end; < 0 what `read` returned, or GUNZIP_E*: the bytes
 * before it have all been given. */
int gunzip_block(struct gunzip *, const uint8_t **bytes, size_t *len);

enum { GUNZIP_ECUT = -1000, GUNZIP_EDAMAGED = -1001, GUNZIP_ECHECK = -1002, GUNZIP_ENOMEM = -1003 };
const char *gunzip_strerror(int error);

#endif
