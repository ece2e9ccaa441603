/* What is wrong with one connection that leaves, or noteworthy: detectors over what the trackers and the watch know.
 *
 *     findings_conn(&study);         before the connection event; emits EV_FINDING, in the order of finding.def
 *
 * A detector fills in a finding and emits it; id, severity, advice and rule come from the table. Its cost is time that
 * this cause took of the connection: as its owner in the budget of time, or as measured where no owner is so exact. */
#ifndef TCPSTAT_FINDINGS_H
#define TCPSTAT_FINDINGS_H

#include "core/emit.h"
#include "core/finding.def"
#include "core/watch.h"
#include "core/words.h"

enum finding_id {
#define X(constant, id, severity, advice, rule) FINDING_##constant,
	FINDINGS(X)
#undef X
	FINDING_NIDS
};

enum { FINDING_FRAMES = 8 };

struct finding {
	enum finding_id id;
	enum tcpstat_severity severity;
	enum tcpstat_dir dir;
	struct words title, detail, about;
	const char *advice;
	uint64_t frames[FINDING_FRAMES];
	uint32_t n_frames;
	int64_t cost_ns;
	bool ongoing;
};

/* What detectors look at. */
struct study {
	const struct emitter *emitter;
	const struct tcpstat_conn *conn; /* as it will be reported */
	const struct watch *watch;      /* what was seen; an empty one if nothing was kept */
	int64_t now_ns;                 /* how far the capture reaches */
	int64_t rtt_ns;                 /* least round trip of the path; NULL unknown */
	int64_t base_rtt_ns[2];         /* least sample of each direction; NULL unknown */
	int64_t rto_ns[2];              /* of each sender, without backoff; 1 s unknown */
	int64_t loss_ns;                /* what repairing losses took, timeouts included */
	bool established;
	bool ignored;                   /* by a full accept queue: what the client repeats is no loss */
	bool hole[2];                   /* segments too big never arrive: what is repeated for that is no loss */
	bool unheard[2];                /* the receiver was not captured, only what its peer says of it */
	bool refused_late;              /* by a full accept queue: the RST is told */
	uint8_t icmp_kind, icmp_code, icmp_family;
	uint64_t icmp_frame;            /* 0 none */
	int8_t worst;                   /* out: severity of what was found; -1 nothing */
};

void finding_begin(struct finding *, enum finding_id, enum tcpstat_dir);
/* Adds the packets of a mark, if it is one. */
void finding_show(struct finding *, const struct watch_mark *);
void finding_frame(struct finding *, uint64_t frame);
/* "client -> server: " */
void finding_place(struct finding *, enum tcpstat_dir);
/* ", which cost 35 ms" and the cost; nothing if it is not known. */
void finding_cost(struct finding *, int64_t ns);
void finding_emit(const struct finding *, const struct emitter *, int64_t ts_ns, uint64_t frame);

void findings_conn(struct study *);

/* Emits one of the connection under study. */
void study_tell(struct study *, const struct finding *);
/* The part of the connection's time that `owner` had, of both directions; NULL unknown. */
int64_t study_owned(const struct study *, enum tcpstat_limit owner);
/* 0 for what is not known or nothing. */
static inline int64_t known(int64_t n)
{
	return n > 0 ? n : 0;
}
static inline uint32_t watch_count(const struct watch *w, enum watch_kind kind, enum tcpstat_dir dir)
{
	const struct watch_mark *m = watch_get(w, kind, dir);

	return m ? m->count : 0;
}

/* The detectors, a subject a file. */
void findings_handshake(struct study *);
void findings_delivery(struct study *);
void findings_window(struct study *);
void findings_pace(struct study *);
void findings_end(struct study *);
void findings_path(struct study *);

#endif
