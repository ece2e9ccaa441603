/* Several readers, one stream of packets in time order. Packets of equal times come in the order of the files; within
 * a file the order stays as it is. */
#ifndef TCPSTAT_MERGE_H
#define TCPSTAT_MERGE_H

#include "capture/reader.h"

struct merge_input {
	struct reader reader;
	struct tcpstat_pkt pkt;         /* the next one, when in the heap */
};

struct merge {
	struct merge_input *inputs;     /* in the order of the files */
	size_t n;
	uint32_t *heap;                 /* indices of inputs whose next packet is known, earliest first */
	size_t in_heap;
	uint32_t *waiting;              /* indices of inputs to be asked for their next packet */
	size_t n_waiting;
};

/* Takes `n` opened readers' storage, zeroed, from the heap: fill inputs[i].reader and call merge_add for each that is
 * worth reading. 0 or CAPTURE_ENOMEM. */
int merge_init(struct merge *, size_t n);
void merge_add(struct merge *, uint32_t input);
/* The next packet and the input it is of. CAPTURE_PACKET, _IDLE or _END; an input that fails ends, its error stays in
 * its reader. */
int merge_next(struct merge *, struct tcpstat_pkt *, uint32_t *input);
/* Closes the readers. */
void merge_fini(struct merge *);

#endif
