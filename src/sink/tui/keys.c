#include "sink/tui/keys.h"

#include <assert.h>
#include <string.h>

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

const char *key_names(enum tui_view view, enum action action)
{
	size_t i;

	for (i = 0; i < n_key_rows; i++)
		if (key_rows[i].action == action && (key_rows[i].views & 1u << view))
			return key_rows[i].names;
	assert(!"a key that the view does not have");
	return "";
}

int key_first_len(const char *names)
{
	return (int)strcspn(names, " ");
}
