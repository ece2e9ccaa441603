/* Every stream to a file of its own, and an index.
 *
 * DIR/<conn>-<client>_<port>-<server>_<port>.c2s and .s2c; characters other than letters, digits, dot, dash and
 * underscore are written as a dash. Until the connection's end is known a file that does not fit into its buffer is
 * called DIR/<conn>.c2s.part. A gap leaves nothing in the file. DIR/index.jsonl has one line a stream:
 *
 *     {"conn":1,"dir":"c2s","file":"1-10.0.0.1_40000-10.0.0.2_80.c2s","bytes":120,"sha256":"...",
 *      "gaps":{"count":1,"bytes":1448,"list":[{"offset":64,"len":1448,"why":"lost"}]}}
 *
 * where sha256 (of the file as it is) is null unless hashes were asked for, and the list ends after EXTRACT_GAPS,
 * or earlier if the lists of all streams take too much.
 *
 * Few system calls: a stream that fits into its buffer costs open, write and close; longer ones are written a buffer at
 * a time (spool.h). Buffers together and open files are bounded; the least recently used goes first. */
#ifndef TCPSTAT_EXTRACT_H
#define TCPSTAT_EXTRACT_H

#include "core/tcpstat.h"

struct extract;
struct extract_file;

enum { EXTRACT_GAPS = 1000, EXTRACT_BYTES = 32 << 20 };

/* `most_bytes`: what buffers and lists may take; 0: EXTRACT_BYTES. `helper`: for this alone, who writes meanwhile;
 * NULL: none. NULL: `error` says why. */
struct extract *extract_new(const char *dir, size_t most_bytes, const struct tcpstat_helper *helper, char *error,
	size_t size);
/* Closes what is open, without naming it. */
void extract_free(struct extract *);
/* NULL: out of memory. Owned by the extract until extract_close or extract_free. */
struct extract_file *extract_open(struct extract *, uint32_t conn, enum tcpstat_dir);
void extract_write(struct extract *, struct extract_file *, const uint8_t *, size_t len);
void extract_gap(struct extract *, struct extract_file *, const struct tcpstat_ev_gap *);
/* Writes out, names and lists the file; `sha256`: hex or NULL. Frees it. */
void extract_close(struct extract *, struct extract_file *, const struct tcpstat_conn *, const char *sha256);
/* Flushes the index. */
void extract_finish(struct extract *);
/* What went wrong first; "" if nothing did. */
const char *extract_error(const struct extract *);

#endif
