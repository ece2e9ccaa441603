/* Runs an entry point on files, without a fuzzer: the corpus in `make check`, a crash under a debugger.
 *
 *     fuzz_X FILE|FOLDER...         TAP, one test a file; a folder stands for the files in it */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static unsigned n_tests;

static void run_file(const char *name)
{
	FILE *f = fopen(name, "rb");
	uint8_t *data = NULL;
	size_t size = 0, room = 0, got = 1;

	while (f && got) {
		if (size == room) {
			room = room ? 2 * room : 4096;
			uint8_t *more = realloc(data, room);
			if (!more)
				break;
			data = more;
		}
		got = fread(data + size, 1, room - size, f);
		size += got;
	}
	bool failed = !f || ferror(f);

	if (f)
		fclose(f);
	/* Exactly the size, so that a sanitizer sees a read behind it. */
	uint8_t *exact = malloc(size ? size : 1);

	printf("# %s, %zu bytes\n", name, size);
	fflush(stdout);
	if (exact && size)
		memcpy(exact, data, size);
	if (exact && !failed)
		LLVMFuzzerTestOneInput(exact, size);
	printf("%s %u - %s\n", exact && !failed ? "ok" : "not ok", ++n_tests, name);
	free(exact);
	free(data);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_path(const char *name)
{
	struct dirent **entries;
	struct stat st;
	int n;

	if (stat(name, &st) || !S_ISDIR(st.st_mode)) {
		run_file(name);
		return;
	}
	n = scandir(name, &entries, visible, alphasort);
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", name, entries[i]->d_name);
		run_file(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	printf("1..%u\n", n_tests);
	return 0;
}
