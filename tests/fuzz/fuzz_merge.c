/* Shards joined: the input is one to three files that claim to be shards of a capture, one after the other, parted by a
 * line "==". Whatever they say, what is written is UTF-8, as lines each a record and as a document one value where
 * joining went well, and nothing goes wrong without being told. What is read of them is what json-c's parser reads. */
#include "join/join.h"
#include "join/parse.h"
#include "fuzz.h"

#include <json-c/json.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PARTS = 3, SIZE_MAX_BYTES = 64 << 10 };

static void tell(void *ctx, const char *text)
{
	size_t *told = ctx;

	FUZZ_CHECK(text[0], "told without a reason");
	(*told)++;
}

/* The value of a text that has no other; NULL: it has none. */
static struct json_object *known_parser(const char *text, size_t len, const char **error)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	if (!tokener)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)len);
	*error = json_tokener_error_desc(json_tokener_get_error(tokener));
	json_tokener_free(tokener);
	return object;
}

static void check_value(const char *text, size_t len)
{
	const char *error;
	struct json_object *object = known_parser(text, len, &error);

	FUZZ_CHECK(object, "no JSON (%s): %.*s", error, (int)len, text);
	json_object_put(object);
}

/* Refused by us, and not by json-c, for good. (What it takes for UTF-8 may be longer than need be, or surrogates.) */
static bool is_stricter(const char *wrong)
{
	static const char *const more[] = { "half a character", "a zero byte in a name", "a name that is too long",
		"a name that is there twice", "a number out of range", "a number that is too long",
		"a number that is none", "nesting too deep", "too many values", "a control character in a string",
		"no UTF-8" };

	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
		if (!strcmp(more[i], wrong))
			return true;
	return false;
}

/* The arrays and objects of each line. */
static void check_parser(const char *text, size_t size)
{
	for (const char *line = text, *next; line < text + size; line = next) {
		const char *end = memchr(line, '\n', (size_t)(text + size - line)), *error;
		struct json_object *ours, *theirs;
		struct parse_end parsed;

		next = end ? end + 1 : text + size;
		enum parse_result result = parse_json(line, (size_t)(next - line), &ours, &parsed);
		FUZZ_CHECK(parsed.used <= (size_t)(next - line), "%zu bytes", parsed.used);
		FUZZ_CHECK((result == PARSE_WRONG) == (parsed.wrong != NULL), "result %d", (int)result);
		if (result == PARSE_OK && (json_object_is_type(ours, json_type_object) ||
			json_object_is_type(ours, json_type_array))) {
			theirs = known_parser(line, parsed.used, &error);
			FUZZ_CHECK(theirs && json_object_equal(ours, theirs), "%s: %.*s", error, (int)parsed.used,
				line);
			json_object_put(theirs);
		} else if (result != PARSE_OK && (*line == '{' || *line == '[')) {
			theirs = known_parser(line, (size_t)(next - line), &error);
			FUZZ_CHECK(!theirs || (result == PARSE_WRONG && is_stricter(parsed.wrong)), "%d, %s: %.*s",
				(int)result, parsed.wrong, (int)(next - line), line);
			json_object_put(theirs);
		}
		json_object_put(ours);
	}
}

/* A document that ends early is none; of lines each stands for itself. */
static void check_output(const char *text, size_t len, enum join_result result)
{
	static const char schema[] = "{\"schema\"";

	if (len >= sizeof schema - 1 && !memcmp(text, schema, sizeof schema - 1)) {
		if (result == JOIN_OK)
			check_value(text, len);
		return;
	}
	for (const char *line = text, *end; line < text + len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + len - line));
		FUZZ_CHECK(end, "the last line does not end");
		check_value(line, (size_t)(end - line));
	}
}

/* The end of the part that begins here. */
static size_t part_len(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 4 <= size; i++)
		if (!memcmp(data + i, "\n==\n", 4))
			return i + 1;
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char names[PARTS][64], *text = NULL;
	const char *name[PARTS];
	int fd[PARTS];
	size_t n = 0, len = 0, told = 0;

	if (size > SIZE_MAX_BYTES)
		return 0;
	check_parser((const char *)data, size);
	do {
		size_t used = n + 1 < PARTS ? part_len(data, size) : size;

		fd[n] = memfd_create("part", MFD_CLOEXEC);
		if (fd[n] < 0 || (used && write(fd[n], data, used) != (ssize_t)used))
			abort();
		snprintf(names[n], sizeof names[n], "/proc/self/fd/%d", fd[n]);
		name[n] = names[n];
		n++;
		used = used + 3 < size ? used + 3 : size;
		data += used;
		size -= used;
	} while (size && n < PARTS);

	FILE *out = open_memstream(&text, &len);
	if (!out)
		abort();
	enum join_result result = join_files(name, n, out, tell, &told);
	fclose(out);
	FUZZ_CHECK(result != JOIN_NOT_WRITTEN, "memory cannot be written");
	FUZZ_CHECK((result == JOIN_OK) == !told, "result %d, %zu complaints", (int)result, told);
	check_output(text, len, result);
	free(text);
	for (size_t i = 0; i < n; i++)
		close(fd[i]);
	return 0;
}
