/* What a connection carried, as lines: text wrapped at the width, or a hex dump. The bytes stay in the story; only the
 * lines that are visible become text, so that megabytes scroll as fast as a page.
 *
 *     --- client -> server            who speaks, when that changes
 *     GET / HTTP/1.1
 *     [gap: 1448 bytes missing: lost]
 *
 * Foreign bytes do nothing to the terminal: controls are '.', what is no UTF-8 is \xHH. */
#ifndef SINK_TUI_STREAM_H
#define SINK_TUI_STREAM_H

#include "sink/tui/canvas.h"
#include "sink/tui/story.h"

enum { STREAM_LINES = 1 << 20, STREAM_NEEDLE = 128 };

enum stream_kind { STREAM_TEXT, STREAM_SPEAKER, STREAM_GAP, STREAM_MORE };

struct stream_line {
	uint32_t chunk, at, len;        /* at: in the bytes of the story */
	uint8_t kind;                   /* enum stream_kind */
};

struct stream {
	bool utf8, hex;
	enum tcpstat_dir only;          /* TCPSTAT_NODIR: both */
	const struct story *story;
	struct stream_line *line;
	size_t n, room, top;
	uint64_t version;               /* of the story that `line` is made of */
	int width;                      /* that it is wrapped at */
	bool dirty, cut;                /* cut: more lines than are kept, or no memory */
	char words[STREAM_NEEDLE];      /* searched for; "" nothing */
	size_t found, found_len;        /* bytes of the story that were found; SIZE_MAX none */
	size_t gap;                     /* line of the gap that was gone to; SIZE_MAX none */
};

void stream_init(struct stream *, const struct style *, const struct story *);
void stream_fini(struct stream *);
void stream_restart(struct stream *);   /* another connection: to its beginning */
void stream_turn(struct stream *);      /* both directions, then one, then the other */
void stream_toggle_hex(struct stream *);
/* Brings the lines up to date for a screen of that width; the place stays where it was. */
void stream_update(struct stream *, int width);
void stream_move(struct stream *, int64_t lines, int rows);
void stream_go(struct stream *, size_t line, int rows);
/* Words to search for from what is visible on; in a dump hex pairs too. Case makes no difference. False: nowhere. */
bool stream_search(struct stream *, const char *words, int rows);
/* The next (1) or last (-1) place of the words or, without words, gap. False: there is none. */
bool stream_seek(struct stream *, int step, int rows);
/* `loaded`: nothing more is to come. */
void stream_draw(struct stream *, struct canvas *, int y, int rows);
/* "12.0 kB of text, 3 gaps" and the like. */
void stream_status(const struct stream *, int rows, char *text, size_t size);

#endif
