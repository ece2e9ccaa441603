#include "core/history.h"

/* Zeek's letters, in the order in which one segment notes them. */
#define HISTORY_LETTERS(X) X(C) X(Q) X(S) X(H) X(I) X(A) X(D) X(F) X(R) X(W)

enum {
#define X(letter) HISTORY_##letter,
	HISTORY_LETTERS(X)
#undef X
	HISTORY_N
};

#define NOTE(letter, yes) ((yes) ? 1u << HISTORY_##letter : 0)

static unsigned letters_of(const struct segment *s)
{
	uint16_t f = s->flags;
	bool odd = f & TH_SYN && f & (TH_FIN | TH_RST);

	return NOTE(C, s->view->cksum == CKSUM_BAD) | NOTE(Q, odd) |
		NOTE(S, f & TH_SYN && !odd && !(f & TH_ACK)) | NOTE(H, f & TH_SYN && !odd && f & TH_ACK) |
		NOTE(I, f & TH_FIN && f & TH_RST) |
		NOTE(A, f & TH_ACK && !s->len && !(f & (TH_SYN | TH_FIN | TH_RST))) |
		NOTE(D, s->len && !(f & TH_RST)) | NOTE(F, f & TH_FIN) | NOTE(R, f & TH_RST) |
		NOTE(W, !s->view->wnd && f & TH_ACK && !(f & (TH_SYN | TH_RST)));
}

/* A segment like most: all that it could add was there before. */
static bool is_noted(const struct history *h, const struct segment *s, unsigned shift)
{
	bool plain = (s->flags & (TH_SYN | TH_FIN | TH_RST | TH_ACK)) == TH_ACK && s->view->wnd &&
		s->view->cksum != CKSUM_BAD;

	return plain && h->seen >> ((s->len ? HISTORY_D : HISTORY_A) + shift) & 1;
}

void history_note(struct history *h, const struct segment *s)
{
	static const char letters[HISTORY_N] = {
#define X(letter) #letter[0],
		HISTORY_LETTERS(X)
#undef X
	};
	unsigned shift = s->dir == TCPSTAT_S2C ? HISTORY_N : 0;

	if (is_noted(h, s, shift))
		return;
	unsigned fresh = letters_of(s) & ~(h->seen >> shift);

	if (!h->n && h->flipped)
		h->letter[h->n++] = '^';
	for (; fresh && h->n + 1u < sizeof h->letter; fresh &= fresh - 1) {
		unsigned i = (unsigned)__builtin_ctz(fresh);

		h->seen |= 1u << (i + shift);
		h->letter[h->n++] = s->dir == TCPSTAT_C2S ? letters[i] : (char)(letters[i] - 'A' + 'a');
	}
}
