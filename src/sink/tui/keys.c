#include "sink/tui/keys.h"

const struct key_row key_rows[] = {
#define K(action, views, names, a, b, c, help) { ACTION_##action, views, names, { a, b, c }, help },
#include "sink/tui/keys.def"
#undef K
};

const size_t n_key_rows = sizeof key_rows / sizeof *key_rows;

enum action key_action(enum tui_view view, int code)
{
	size_t i;
	int k;

	if (code == '\r')
		code = '\n';
	for (i = 0; code && i < n_key_rows; i++)
		for (k = 0; k < 3; k++)
			if (key_rows[i].code[k] == code && (key_rows[i].views & 1u << view))
				return key_rows[i].action;
	return ACTION_NONE;
}
