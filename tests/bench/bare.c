/* bare FILE: what reading a capture costs without looking at it: a loop of pcap_next_ex that counts. */
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const unsigned char *bytes;
	unsigned long packets = 0;
	unsigned long long total = 0;
	pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
	int rc;

	if (!p) {
		fprintf(stderr, "usage: bare FILE%s%s\n", argc == 2 ? ": " : "", argc == 2 ? error : "");
		return 2;
	}
	while ((rc = pcap_next_ex(p, &head, &bytes)) == 1) {
		packets++;
		total += head->len;
	}
	pcap_close(p);
	printf("%lu packets, %llu bytes\n", packets, total);
	return rc != PCAP_ERROR_BREAK;
}
