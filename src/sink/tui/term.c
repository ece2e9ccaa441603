/* cchar_t and wide input; SIGWINCH. */
#define _XOPEN_SOURCE_EXTENDED 1
#define _DEFAULT_SOURCE 1
#include "sink/tui/term.h"
#include "sink/tui/keys.h"

#include <curses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

enum { ESCAPE_MS = 25, N_CRASHES = 6, N_ENDS = 4 };

static const int crashes[N_CRASHES] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
static const int ends[N_ENDS] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* Handlers have nothing else to turn to than what is static. */
static struct {
	FILE *in;                       /* not standard input where packets come from there */
	bool color, at_exit;
	volatile sig_atomic_t open, signal, resized;
	struct termios before;
	struct sigaction old_crash[N_CRASHES], old_end[N_ENDS];
	char undo[256];                 /* what the terminal is sent to be as it was */
	size_t n_undo;
} term;

/* --- whatever happens ----------------------------------------------------------------------------------------- */

static void add_undo(const char *sequence)
{
	size_t len = sequence ? strlen(sequence) : 0;

	if (len && len < sizeof term.undo - term.n_undo) {
		memcpy(term.undo + term.n_undo, sequence, len);
		term.n_undo += len;
	}
}

/* Before curses is asked, so that a handler need not ask: what it says may have to be said while it is at work.
 * (tigetstr, which looks a name up, crashes where the table of names found no memory.) */
static void prepare_undo(void)
{
	const char *const sequence[] = { exit_attribute_mode, keypad_local, cursor_normal, exit_ca_mode };
	size_t i;

	term.n_undo = 0;
	add_undo("\033[?1000l\033[?1002l\033[?1006l");
	for (i = 0; i < sizeof sequence / sizeof *sequence; i++)
		add_undo(sequence[i] == (const char *)-1 ? NULL : sequence[i]);
}

static void put_back(void)
{
	ssize_t n = write(STDOUT_FILENO, term.undo, term.n_undo);

	(void)n;
	tcsetattr(STDOUT_FILENO, TCSANOW, &term.before);
}

static void on_crash(int signal, siginfo_t *info, void *context)
{
	int i;
	(void)context;

	if (term.open)
		put_back();
	term.open = 0;
	for (i = 0; i < N_CRASHES; i++)
		if (crashes[i] == signal)
			sigaction(signal, &term.old_crash[i], NULL);
	/* Then what would have happened without us: the instruction fails again, or, if there is none, the signal
	 * comes. */
	if (signal == SIGABRT || info->si_code <= 0)
		raise(signal);
}

static void on_end(int signal)
{
	/* The second time is meant. */
	if (term.signal) {
		if (term.open)
			put_back();
		_exit(128 + signal);
	}
	term.signal = signal;
}

static void on_resize(int signal)
{
	(void)signal;
	term.resized = 1;
}

static void handle_signals(void)
{
	struct sigaction crash = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO }, end = { .sa_handler = on_end },
		resize = { .sa_handler = on_resize };
	int i;

	for (i = 0; i < N_CRASHES; i++)
		sigaction(crashes[i], &crash, &term.old_crash[i]);
	for (i = 0; i < N_ENDS; i++)
		sigaction(ends[i], &end, &term.old_end[i]);
	sigaction(SIGWINCH, &resize, NULL);
}

static void give_signals_back(void)
{
	int i;

	for (i = 0; i < N_CRASHES; i++)
		sigaction(crashes[i], &term.old_crash[i], NULL);
	for (i = 0; i < N_ENDS; i++)
		sigaction(ends[i], &term.old_end[i], NULL);
	signal(SIGWINCH, SIG_DFL);
}

/* --- open and close ------------------------------------------------------------------------------------------- */

static void prepare_colors(void)
{
	static const short colors[] = {
		[TINT_RED] = COLOR_RED, [TINT_YELLOW] = COLOR_YELLOW, [TINT_GREEN] = COLOR_GREEN,
			[TINT_CYAN] = COLOR_CYAN,
		[TINT_MAGENTA] = COLOR_MAGENTA, [PAINT_BLUE] = COLOR_BLUE,
	};
	int i;

	start_color();
	use_default_colors();
	for (i = TINT_RED; i <= PAINT_BLUE; i++)
		if (colors[i])
			init_pair((short)i, colors[i], -1);
}

bool term_open(const struct style *style, char *error, size_t size)
{
	const char *name = getenv("TERM");

	term.in = isatty(STDIN_FILENO) ? stdin : fopen("/dev/tty", "r");
	if (!term.in || !isatty(STDOUT_FILENO)) {
		snprintf(error, size, "--tui needs a terminal");
		return false;
	}
	if (tcgetattr(STDOUT_FILENO, &term.before) < 0) {
		snprintf(error, size, "cannot use this terminal");
		return false;
	}
	/* curses may crash, too: before it begins there is only the state of the terminal to be put back. */
	term.n_undo = 0;
	term.signal = 0;
	term.open = 1;
	handle_signals();
	if (!newterm(NULL, stdout, term.in)) {
		term.open = 0;
		give_signals_back();
		snprintf(error, size, "cannot use a terminal of type '%.40s'", name ? name : "");
		return false;
	}
	prepare_undo();
	if (!term.at_exit)
		atexit(term_close);
	term.at_exit = true;
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	term.color = style->color && has_colors();
	if (term.color)
		prepare_colors();
	mouseinterval(200);
	mousemask(BUTTON1_CLICKED | BUTTON1_PRESSED | BUTTON1_DOUBLE_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED,
		NULL);
	return true;
}

void term_close(void)
{
	if (!term.open)
		return;
	endwin();
	/* What curses remembers as the state before is another one if memory was short. Freeing its screen would crash
	 * it then; the program ends soon, anyway. */
	tcsetattr(STDOUT_FILENO, TCSANOW, &term.before);
	term.open = 0;
	give_signals_back();
	if (term.in != stdin)
		fclose(term.in);
	term.in = NULL;
}

int term_signal(void)
{
	return term.signal;
}

/* --- keys ----------------------------------------------------------------------------------------------------- */

static int mouse_key(int *y, int *x)
{
	MEVENT event;

	if (getmouse(&event) != OK)
		return 0;
	*y = event.y;
	*x = event.x;
	if (event.bstate & BUTTON1_DOUBLE_CLICKED)
		return TK_DOUBLE;
	if (event.bstate & (BUTTON1_CLICKED | BUTTON1_PRESSED))
		return TK_CLICK;
	return event.bstate & BUTTON4_PRESSED ? TK_WHEEL_UP : event.bstate & BUTTON5_PRESSED ? TK_WHEEL_DOWN : 0;
}

static int special_key(wint_t key, int *y, int *x)
{
	static const struct { wint_t curses; int key; } keys[] = {
		{ KEY_UP, TK_UP }, { KEY_DOWN, TK_DOWN }, { KEY_LEFT, TK_LEFT }, { KEY_RIGHT, TK_RIGHT },
		{ KEY_SLEFT, TK_SLEFT }, { KEY_SRIGHT, TK_SRIGHT }, { KEY_PPAGE, TK_PAGEUP }, { KEY_NPAGE,
			TK_PAGEDOWN },
		{ KEY_HOME, TK_HOME }, { KEY_END, TK_END }, { KEY_BTAB, TK_BACKTAB }, { KEY_F(1), TK_F1 },
		{ KEY_ENTER, '\n' }, { KEY_BACKSPACE, TK_BACKSPACE }, { KEY_RESIZE, TK_RESIZE },
	};
	size_t i;

	if (key == KEY_MOUSE)
		return mouse_key(y, x);
	for (i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i].curses == key)
			return keys[i].key;
	return 0;
}

int term_key(int wait_ms, int *y, int *x)
{
	wint_t key;
	int kind;

	*y = *x = 0;
	if (term.resized) {
		term.resized = 0;
		endwin();
		refresh();
		return TK_RESIZE;
	}
	timeout(wait_ms);
	kind = get_wch(&key);
	if (kind == ERR)
		return 0;
	if (kind == KEY_CODE_YES)
		return special_key(key, y, x);
	/* What is typed is compared and looked up as ASCII. */
	return key < 0x80 ? (int)key : 0;
}

/* --- the picture ---------------------------------------------------------------------------------------------- */

void term_size(int *width, int *height)
{
	getmaxyx(stdscr, *height, *width);
}

void term_redraw(void)
{
	clearok(curscr, TRUE);
}

static attr_t attributes(uint8_t paint)
{
	attr_t a = A_NORMAL;

	if (paint & PAINT_REVERSE)
		a |= A_REVERSE;
	if (paint & PAINT_UNDERLINE)
		a |= A_UNDERLINE;
	if ((paint & PAINT_STRONG) || (paint & PAINT_TINT) == TINT_BOLD)
		a |= A_BOLD;
	if ((paint & PAINT_TINT) == TINT_DIM)
		a |= A_DIM;
	/* Without colours what would be red still stands out. */
	if (!term.color && (paint & PAINT_TINT) == TINT_RED)
		a |= A_BOLD;
	return a;
}

void term_draw(const struct canvas *c)
{
	int y, x;

	for (y = 0; y < c->height; y++)
		for (x = 0; x < c->width; x++) {
			const struct canvas_cell *cell = &c->cell[y * c->width + x];
			short pair = term.color && (cell->paint & PAINT_TINT) >= TINT_RED ?
				cell->paint & PAINT_TINT : 0;
			wchar_t text[2] = { L' ', 0 };
			cchar_t out;
			mbstate_t state = { 0 };

			if (*cell->text && mbrtowc(text, cell->text, strlen(cell->text), &state) > 4)
				text[0] = L'?';
			setcchar(&out, text, attributes(cell->paint), pair, NULL);
			mvadd_wch(y, x, &out);
		}
	refresh();
}
