/* A filter expression from anywhere: accepted or refused with a reason, never more. */
#include "capture/capture.h"
#include "fuzz.h"

/* An Ethernet header, IPv4, TCP SYN. */
static const uint8_t file[] = {
	0xd4, 0xc3, 0xb2, 0xa1, 2, 0,  4,    0, 0,  0,	0, 0, 0,  0, 0,	   0, 0xff, 0xff, 0,  0, 1, 0, 0,  0,
	0,    0,    0,	  0,	0, 0,  0,    0, 54, 0,	0, 0, 54, 0, 0,	   0, 0,    1,	  2,  3, 4, 5, 6,  7,
	8,    9,    10,	  11,	8, 0,  0x45, 0, 0,  40, 0, 1, 0,  0, 64,   6, 0,    0,	  10, 0, 0, 1, 10, 0,
	0,    2,    0x9c, 0x40, 0, 80, 0,    0, 0,  1,	0, 0, 0,  0, 0x50, 2, 0xff, 0xff, 0,  0, 0, 0,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *expression = malloc(size + 1);
	struct capture_options options = { .filter = expression };
	struct capture_error error = { 0 };
	struct tcpstat_pkt pkt;
	int rc;

	/* Names would ask the network. */
	if (!expression || size > 200)
		goto out;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = data[i];
		if (!c || c >= 128 || (c == '.' && i && ((data[i - 1] | 32) >= 'a' && (data[i - 1] | 32) <= 'z')))
			goto out;
		expression[i] = (char)c;
	}
	expression[size] = '\0';
	if (strstr(expression, "host") || strstr(expression, "net") || strstr(expression, "gateway"))
		goto out;
	struct capture *c = capture_open_memory(file, sizeof file, &options, &error);

	while (c && (rc = capture_next(c, &pkt, &error)) != CAPTURE_END) {
		if (rc < 0)
			FUZZ_CHECK(error.text[0], "refused without a reason");
		if (rc == CAPTURE_EUSAGE || rc == CAPTURE_ENOMEM)
			break;
	}
	if (c)
		capture_free(c);
	else
		FUZZ_CHECK(error.code < 0 && error.text[0], "refused without a reason");
out:
	free(expression);
	return 0;
}
