/* Every link header, tag and tunnel, around one and the same segment, whole and cut at every byte. */
#include "core/decode.h"

#include <criterion/criterion.h>

#include "hex.h"

/* IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ack 2000, win 502,
 * options [nop,nop,TS val 1 ecr 2], length 8 */
#define SEGMENT_V4 \
	"9c400050 000003e8 000007d0 801801f6 1dee0000 0101080a 00000001 00000002 47455420 2f616263"
#define INNER_V4 "4500003c 12344000 4006a734 c0a80001 c0a80002" SEGMENT_V4

/* IP6 2001:db8::1.40000 > 2001:db8::2.80: Flags [P.], seq 1000:1008, ack 2000, win 502,
 * options [nop,nop,TS val 1 ecr 2], length 8 */
#define SEGMENT_V6 \
	"9c400050 000003e8 000007d0 801801f6 43cd0000 0101080a 00000001 00000002 47455420 2f616263"
#define INNER_V6 \
	"60000000 00280640 20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 00000002" \
	SEGMENT_V6

struct layers {
	const char *name;
	uint32_t linktype;
	uint16_t vlan[2];
	const char *tunnel;
	const char *before, *packet, *after; /* of the frame */
};

/* What tcpdump says of the outer layers stands above; where nothing stands, it shows the inner segment alone or bytes.
 * */
static const struct layers layers[] = {
	{ "Ethernet", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 0800",
		INNER_V4, "" },
	{ "Ethernet, IPv6", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 86dd",
		INNER_V6, "" },
	{ "VLAN", 1, { 7, 0xffff }, NULL,
		"02000000 00020200 00000001 81000007 0800",
		INNER_V4, "" },
	{ "QinQ", 1, { 100, 200 }, NULL,
		"02000000 00020200 00000001 88a80064 810060c8 86dd",
		INNER_V6, "" },
	{ "three tags", 1, { 1, 3 }, NULL,
		"02000000 00020200 00000001 91000001 81000002 81000003 0800",
		INNER_V4, "" },
	{ "LLC and SNAP", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 0044aaaa 03000000 0800",
		INNER_V4, "" },
	{ "LLC, IP", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 003f0606 03",
		INNER_V4, "" },
	/* MPLS (label 16, tc 0, ttl 64) (label 17, tc 0, [S], ttl 64) IP 192.168.0.1.40000 > 192.168.0.2.80: Fl... */
	{ "MPLS", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 88470001 00400001 1140",
		INNER_V4, "" },
	{ "MPLS, Ethernet with control word", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 88470001 11400000 00000200 00000002 02000000 00010800",
		INNER_V4, "" },
	{ "MPLS, Ethernet alone", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 88470001 11400200 00000002 02000000 000186dd",
		INNER_V6, "" },
	/* PPPoE [ses 0x1] IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ack 2000, win 502, ... */
	{ "PPPoE session", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 88641100 0001003e 0021",
		INNER_V4, "" },
	{ "VN tag", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 89260001 00020800",
		INNER_V4, "" },
	{ "backbone bridge", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 88e70000 00640200 00000002 02000000 00010800",
		INNER_V4, "" },
	{ "Cisco metadata", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 89090101 00010064 0800",
		INNER_V4, "" },
	{ "MACsec without encryption", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 88e52000 00000001 01020304 05060001 0800",
		INNER_V4, "00000000000000000000000000000000" },
	{ "network service header", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 894f0fc2 01010000 0100",
		INNER_V4, "" },
	{ "TRILL", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 22f3003f 00010002 02000000 00020200 00000001 0800",
		INNER_V4, "" },
	{ "BSD loopback", 0, { 0xffff, 0xffff }, NULL,
		"02000000",
		INNER_V4, "" },
	{ "BSD loopback", 0, { 0xffff, 0xffff }, NULL,
		"00000002",
		INNER_V4, "" },
	{ "BSD loopback", 108, { 0xffff, 0xffff }, NULL,
		"00000002",
		INNER_V4, "" },
	{ "BSD loopback, IPv6", 0, { 0xffff, 0xffff }, NULL,
		"0a000000",
		INNER_V6, "" },
	/* IPX 00000000.00:01:20:01:0d:b8.0000 > 06402001.0d:b8:00:00:00:00.0000: [length 0 < 30] (invalid) */
	{ "BSD loopback, IPv6", 0, { 0xffff, 0xffff }, NULL,
		"17000000",
		INNER_V6, "" },
	{ "BSD loopback, IPv6", 0, { 0xffff, 0xffff }, NULL,
		"18000000",
		INNER_V6, "" },
	{ "BSD loopback, IPv6", 0, { 0xffff, 0xffff }, NULL,
		"1c000000",
		INNER_V6, "" },
	{ "BSD loopback, IPv6", 0, { 0xffff, 0xffff }, NULL,
		"1e000000",
		INNER_V6, "" },
	{ "BSD loopback, IPv6, big-endian", 0, { 0xffff, 0xffff }, NULL,
		"0000001e",
		INNER_V6, "" },
	{ "raw", 12, { 0xffff, 0xffff }, NULL,
		"",
		INNER_V4, "" },
	/*  */
	{ "raw", 14, { 0xffff, 0xffff }, NULL,
		"",
		INNER_V4, "" },
	{ "raw", 101, { 0xffff, 0xffff }, NULL,
		"",
		INNER_V4, "" },
	{ "raw", 228, { 0xffff, 0xffff }, NULL,
		"",
		INNER_V4, "" },
	{ "raw, IPv6", 101, { 0xffff, 0xffff }, NULL,
		"",
		INNER_V6, "" },
	{ "raw, IPv6", 229, { 0xffff, 0xffff }, NULL,
		"",
		INNER_V6, "" },
	{ "Linux cooked", 113, { 0xffff, 0xffff }, NULL,
		"00000001 00060200 00000001 00000800",
		INNER_V4, "" },
	/* ethertype IPv6, IP6 2001:db8::1.40000 > 2001:db8::2.80: Flags [P.], seq 1000:1008, ack 2000, win 502,... */
	{ "Linux cooked, VLAN", 113, { 7, 0xffff }, NULL,
		"00000001 00060200 00000001 00008100 000786dd",
		INNER_V6, "" },
	/* ifb0 Out IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ack 2000, win 502, options... */
	{ "Linux cooked 2", 276, { 0xffff, 0xffff }, NULL,
		"08000000 00000002 00010406 02000000 00010000",
		INNER_V4, "" },
	{ "PPP", 9, { 0xffff, 0xffff }, NULL,
		"ff030021",
		INNER_V4, "" },
	{ "PPP, compressed", 9, { 0xffff, 0xffff }, NULL,
		"21",
		INNER_V4, "" },
	{ "PPP, IPv6", 9, { 0xffff, 0xffff }, NULL,
		"0057",
		INNER_V6, "" },
	/* MPLS (label 17, tc 0, [S], ttl 64) IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ... */
	{ "PPP, MPLS", 9, { 0xffff, 0xffff }, NULL,
		"ff030281 00011140",
		INNER_V4, "" },
	/* IP: IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ack 2000, win 502, options [nop... */
	{ "HDLC", 50, { 0xffff, 0xffff }, NULL,
		"ff030021",
		INNER_V4, "" },
	{ "Cisco HDLC", 104, { 0xffff, 0xffff }, NULL,
		"0f000800",
		INNER_V4, "" },
	{ "Cisco HDLC as PPP", 50, { 0xffff, 0xffff }, NULL,
		"8f0086dd",
		INNER_V6, "" },
	/* PPPoE [ses 0x1] IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ack 2000, win 502, ... */
	{ "PPPoE", 51, { 0xffff, 0xffff }, NULL,
		"11000001 003e0021",
		INNER_V4, "" },
	{ "frame relay", 107, { 0xffff, 0xffff }, NULL,
		"184103cc",
		INNER_V4, "" },
	/* Pad! IP6 2001:db8::1.40000 > 2001:db8::2.80: Flags [P.], seq 1000:1008, ack 2000, win 502, options [n... */
	{ "frame relay, SNAP", 107, { 0xffff, 0xffff }, NULL,
		"18410300 80000000 86dd",
		INNER_V6, "" },
	{ "frame relay, Cisco", 107, { 0xffff, 0xffff }, NULL,
		"18410800",
		INNER_V4, "" },
	{ "802.11", 105, { 0xffff, 0xffff }, NULL,
		"08020000 02000000 00010200 00000001 02000000 00011000 aaaa0300 00000800",
		INNER_V4, "" },
	{ "802.11, QoS and four addresses", 105, { 0xffff, 0xffff }, NULL,
		"88030000 02000000 00010200 00000001 02000000 00011000 02000000 00010000 aaaa0300 00000800",
		INNER_V4, "" },
	{ "802.11, QoS and HT control", 105, { 0xffff, 0xffff }, NULL,
		"88810000 02000000 00010200 00000001 02000000 00011000 00000000 0000aaaa 03000000 86dd",
		INNER_V6, "" },
	{ "802.11, aggregate", 105, { 0xffff, 0xffff }, NULL,
		"88010000 02000000 00010200 00000001 02000000 00011000 80000200 00000001 02000000 00010044 "
		"aaaa0300 00000800",
		INNER_V4, "" },
	/* 0us tsft 1.0 Mb/s 0 MHz 0dBm signal antenna 0 IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq ... */
	{ "radiotap", 127, { 0xffff, 0xffff }, NULL,
		"00001a00 2f480000 00000000 00000000 10020000 00000000 00000802 00000200 00000001 02000000 "
		"00010200 00000001 1000aaaa 03000000 0800",
		INNER_V4, "01020304" },
	{ "radiotap, padded header", 127, { 0xffff, 0xffff }, NULL,
		"00000900 02000000 20880200 00020000 00000102 00000000 01020000 00000110 00000000 00aaaa03 "
		"00000008 00",
		INNER_V4, "" },
	{ "AVS", 163, { 0xffff, 0xffff }, NULL,
		"80211001 00000040 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000000 00000000 00000000 00000000 00000000 00000000 08020000 02000000 00010200 00000001 "
		"02000000 00011000 aaaa0300 00000800",
		INNER_V4, "" },
	{ "Prism", 119, { 0xffff, 0xffff }, NULL,
		"44000000 90000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000000 00000000 00000000 00000000 00000000 00000000 08020000 02000000 00010200 00000001 "
		"02000000 00011000 aaaa0300 00000800",
		INNER_V4, "" },
	{ "per-packet information", 192, { 0xffff, 0xffff }, NULL,
		"00000800 69000000 08020000 02000000 00010200 00000001 02000000 00011000 aaaa0300 00000800",
		INNER_V4, "" },
	{ "FDDI", 10, { 0xffff, 0xffff }, NULL,
		"50020000 00000102 00000000 01aaaa03 00000008 00",
		INNER_V4, "" },
	/* rt = 630:11:20 (4472) IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ack 2000, win... */
	{ "token ring with a route", 6, { 0xffff, 0xffff }, NULL,
		"10400200 00000001 82000000 00010630 00110020 aaaa0300 00000800",
		INNER_V4, "" },
	{ "ARCNET", 129, { 0xffff, 0xffff }, NULL,
		"01020000 d4000001",
		INNER_V4, "" },
	{ "ARCNET, RFC 1051", 129, { 0xffff, 0xffff }, NULL,
		"01020000 f0",
		INNER_V4, "" },
	{ "SLIP", 8, { 0xffff, 0xffff }, NULL,
		"00000000 00000000 00000000 00000000",
		INNER_V4, "" },
	{ "IP over Fibre Channel", 122, { 0xffff, 0xffff }, NULL,
		"00000000 00000000 00000000 00000000 aaaa0300 00000800",
		INNER_V4, "" },
	{ "ATM", 123, { 0xffff, 0xffff }, NULL,
		"02000020 aaaa0300 00000800",
		INNER_V4, "" },
	{ "ATM, bridged", 100, { 0xffff, 0xffff }, NULL,
		"aaaa0300 80c20007 00000200 00000002 02000000 00010800",
		INNER_V4, "" },
	{ "IP over 1394", 138, { 0xffff, 0xffff }, NULL,
		"00000000 00000000 00000000 00000000 0800",
		INNER_V4, "" },
	{ "IPNET", 226, { 0xffff, 0xffff }, NULL,
		"01020001 00000000 00000000 00000000 00000000 00000000",
		INNER_V4, "" },
	{ "InfiniBand", 242, { 0xffff, 0xffff }, NULL,
		"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"86dd0000",
		INNER_V6, "" },
	{ "OpenBSD encapsulation", 109, { 0xffff, 0xffff }, NULL,
		"02000000 00000000 00000000",
		INNER_V4, "" },
	{ "firewall log", 117, { 0xffff, 0xffff }, NULL,
		"3d020000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000000 00000000 00000000 00000000 00000000 00000000",
		INNER_V4, "" },
	{ "netfilter log", 239, { 0xffff, 0xffff }, NULL,
		"02000000 08000100 08000000 40000900",
		INNER_V4, "" },
	/* (packet too short, 86 < 108) (invalid) */
	{ "Apple", 258, { 0xffff, 0xffff }, NULL,
		"0c000000 01000000 01000000 02000000 00020200 00000001 0800",
		INNER_V4, "" },
	{ "MPLS link", 219, { 0xffff, 0xffff }, NULL,
		"00011140",
		INNER_V4, "" },
	/* BRCM tag OP: IG, TC: 0, TE: None, TS: 0, DST map: 0x0001, IP 192.168.0.1.40000 > 192.168.0.2.80: Flag... */
	{ "Broadcom switch", 281, { 0xffff, 0xffff }, NULL,
		"02000000 00010200 00000001 20000001 0800",
		INNER_V4, "" },
	/* EDSA 0xdada, Forward port 0.0, VLAN 0u, IP6 2001:db8::1.40000 > 2001:db8::2.80: Flags [P.], seq 1000:... */
	{ "Marvell switch", 285, { 0xffff, 0xffff }, NULL,
		"02000000 00010200 00000001 dada0000 c0010000 86dd",
		INNER_V6, "" },
	{ "EPON", 259, { 0xffff, 0xffff }, NULL,
		"00000000 00000000 02000000 00020200 00000001 0800",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ack 2000, w... */
	{ "IP in IP", 1, { 0xffff, 0xffff }, "ipip",
		"02000000 00020200 00000001 08004500 00501234 40004004 14740a00 00010a00 0002",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: IP6 2001:db8::1.40000 > 2001:db8::2.80: Flags [P.], seq 1000:1008, ack 2000, ... */
	{ "6in4", 1, { 0xffff, 0xffff }, "6in4",
		"02000000 00020200 00000001 08004500 00641234 40004029 143b0a00 00010a00 0002",
		INNER_V6, "" },
	/* IP6 2001:db8::1 > 2001:db8::2: IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000:1008, ack ... */
	{ "4in6", 1, { 0xffff, 0xffff }, "4in6",
		"02000000 00020200 00000001 86dd6000 0000003c 04402001 0db80000 00000000 00000000 00012001 "
		"0db80000 00000000 00000000 0002",
		INNER_V4, "" },
	/* IP6 2001:db8::1 > 2001:db8::2: IP6 2001:db8::1.40000 > 2001:db8::2.80: Flags [P.], seq 1000:1008, ack... */
	{ "6in6", 1, { 0xffff, 0xffff }, "6in6",
		"02000000 00020200 00000001 86dd6000 00000050 29402001 0db80000 00000000 00000000 00012001 "
		"0db80000 00000000 00000000 0002",
		INNER_V6, "" },
	/* IP 10.0.0.1 > 10.0.0.2: GREv0, length 64: IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], seq 1000... */
	{ "GRE", 1, { 0xffff, 0xffff }, "gre",
		"02000000 00020200 00000001 08004500 00541234 4000402f 14450a00 00010a00 00020000 0800",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: GREv0, off 0x0, key=0x7, seq 1, length 96: IP6 2001:db8::1.40000 > 2001:db8::... */
	{ "GRE, checksum, key, sequence", 1, { 0xffff, 0xffff }, "gre",
		"02000000 00020200 00000001 08004500 00741234 4000402f 14250a00 00010a00 0002b000 86dd0000 "
		"00000000 00070000 0001",
		INNER_V6, "" },
	/* IP 10.0.0.1 > 10.0.0.2: GREv0, key=0x64, length 86: IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.]... */
	{ "GRE, bridging, inner VLAN", 1, { 7, 9 }, "gre",
		"02000000 00020200 00000001 81000007 08004500 006a1234 4000402f 142f0a00 00010a00 00022000 "
		"65580000 00640200 00000002 02000000 00018100 00090800",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: GREv1, call 1, seq 1, ack 2, length 80: IP 192.168.0.1.40000 > 192.168.0.2.80... */
	{ "PPTP", 1, { 0xffff, 0xffff }, "pptp",
		"02000000 00020200 00000001 08004500 00641234 4000402f 14350a00 00010a00 00023081 880b0040 "
		"00010000 00010000 0002ff03 0021",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: GREv0, length 78: gre-proto-0x88be */
	{ "ERSPAN I", 1, { 0xffff, 0xffff }, "erspan",
		"02000000 00020200 00000001 08004500 00621234 4000402f 14370a00 00010a00 00020000 88be0200 "
		"00000002 02000000 00010800",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: GREv0, seq 1, length 90: gre-proto-0x88be */
	{ "ERSPAN II", 1, { 0xffff, 0xffff }, "erspan",
		"02000000 00020200 00000001 08004500 006e1234 4000402f 142b0a00 00010a00 00021000 88be0000 "
		"00011001 00000000 00000200 00000002 02000000 00010800",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: GREv0, seq 1, length 122: gre-proto-0x22eb */
	{ "ERSPAN III with subheader", 1, { 0xffff, 0xffff }, "erspan",
		"02000000 00020200 00000001 08004500 008e1234 4000402f 140b0a00 00010a00 00021000 22eb0000 "
		"00012001 00000000 00010000 00010000 00000000 00000200 00000002 02000000 000186dd",
		INNER_V6, "" },
	/* IP 10.0.0.1 > 10.0.0.2: GREv0, length 96: gre-proto-0x8200 */
	{ "GRE, 802.11", 1, { 0xffff, 0xffff }, "gre",
		"02000000 00020200 00000001 08004500 00741234 4000402f 14250a00 00010a00 00020000 82000802 "
		"00000200 00000001 02000000 00010200 00000001 1000aaaa 03000000 0800",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: ip-proto-97 76 */
	{ "EtherIP", 1, { 0xffff, 0xffff }, "etherip",
		"02000000 00020200 00000001 08004500 00601234 40004061 14070a00 00010a00 00023000 02000000 "
		"00020200 00000001 0800",
		INNER_V4, "" },
	/* IP 10.0.0.1 > 10.0.0.2: ip-proto-137 64 */
	{ "MPLS in IP", 1, { 0xffff, 0xffff }, "mpls",
		"02000000 00020200 00000001 08004500 00541234 40004089 13eb0a00 00010a00 00020001 1140",
		INNER_V4, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.4789: VXLAN, flags [I] (0x08), vni 100 IP 192.168.0.1.40000 > 192.168.0.... */
	{ "VXLAN", 1, { 0xffff, 0xffff }, "vxlan",
		"02000000 00020200 00000001 08004500 006e1234 40004011 14490a00 00010a00 0002c351 12b5005a "
		"00000800 00000000 64000200 00000002 02000000 00010800",
		INNER_V4, "" },
	/* IP6 2001:db8::1.50001 > 2001:db8::2.8472: OTV, flags [I] (0x08), overlay 0, instance 100 IP6 2001:db8... */
	{ "VXLAN of old Linux", 1, { 0xffff, 0xffff }, "vxlan",
		"02000000 00020200 00000001 86dd6000 0000006e 11402001 0db80000 00000000 00000000 00012001 "
		"0db80000 00000000 00000000 0002c351 2118006e 00000800 00000000 64000200 00000002 02000000 "
		"000186dd",
		INNER_V6, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.4790: VXLAN-GPE, flags [IP], vni 100: IP 192.168.0.1.40000 > 192.168.0.2... */
	{ "VXLAN-GPE", 1, { 0xffff, 0xffff }, "vxlan",
		"02000000 00020200 00000001 08004500 00601234 40004011 14570a00 00010a00 0002c351 12b6004c "
		"00000c00 00010000 6400",
		INNER_V4, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.6081: Geneve, Flags [C], vni 0x64, options [8 bytes]: IP 192.168.0.1.400... */
	{ "GENEVE with an option", 1, { 0xffff, 0xffff }, "geneve",
		"02000000 00020200 00000001 08004500 00761234 40004011 14410a00 00010a00 0002c351 17c10062 "
		"00000240 65580000 64000102 00010000 00010200 00000002 02000000 00010800",
		INNER_V4, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.6081: Geneve, Flags [none], vni 0x64: IP6 2001:db8::1.40000 > 2001:db8::... */
	{ "GENEVE, IPv6", 1, { 0xffff, 0xffff }, "geneve",
		"02000000 00020200 00000001 08004500 00741234 40004011 14430a00 00010a00 0002c351 17c10060 "
		"00000000 86dd0000 6400",
		INNER_V6, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.2152: UDP, length 68 */
	{ "GTP-U", 1, { 0xffff, 0xffff }, "gtpu",
		"02000000 00020200 00000001 08004500 00601234 40004011 14570a00 00010a00 0002c351 0868004c "
		"000030ff 003c0000 0001",
		INNER_V4, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.2152: UDP, length 96 */
	{ "GTP-U, extension", 1, { 0xffff, 0xffff }, "gtpu",
		"02000000 00020200 00000001 08004500 007c1234 40004011 143b0a00 00010a00 0002c351 08680068 "
		"000034ff 00580000 00010000 00850100 0900",
		INNER_V6, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.3386: UDP, length 80 */
	{ "GTP 0", 1, { 0xffff, 0xffff }, "gtp",
		"02000000 00020200 00000001 08004500 006c1234 40004011 144b0a00 00010a00 0002c351 0d3a0058 "
		"00001eff 003c0000 00000000 00000000 00000000 0000",
		INNER_V4, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.1701: l2tp:[L](1/1) {IP 192.168.0.1.40000 > 192.168.0.2.80: Flags [P.], ... */
	{ "L2TP", 1, { 0xffff, 0xffff }, "l2tp",
		"02000000 00020200 00000001 08004500 00641234 40004011 14530a00 00010a00 0002c351 06a50050 "
		"00004002 00480001 0001ff03 0021",
		INNER_V4, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.3544: UDP, length 101 */
	{ "Teredo, authentication and origin", 1, { 0xffff, 0xffff }, "teredo",
		"02000000 00020200 00000001 08004500 00811234 40004011 14360a00 00010a00 0002c351 0dd8006d "
		"00000001 00000000 00000000 00000000 003ffff5 fffffd",
		INNER_V6, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.4341: UDP, length 68 */
	{ "LISP", 1, { 0xffff, 0xffff }, "lisp",
		"02000000 00020200 00000001 08004500 00601234 40004011 14570a00 00010a00 0002c351 10f5004c "
		"00008000 00010000 0000",
		INNER_V4, "" },
	/* IP 10.0.0.1.50001 > 10.0.0.2.6635: MPLS (label 17, tc 0, [S], ttl 64) IP 192.168.0.1.40000 > 192.168.... */
	{ "MPLS over UDP", 1, { 0xffff, 0xffff }, "mpls",
		"02000000 00020200 00000001 08004500 005c1234 40004011 145b0a00 00010a00 0002c351 19eb0048 "
		"00000001 1140",
		INNER_V4, "" },
	{ "AH", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 08004500 00541234 40004033 a6efc0a8 0001c0a8 00020604 00000000 "
		"00010000 00010000 00000000 00000000 0000",
		SEGMENT_V4, "" },
	{ "hop-by-hop, destination options, AH", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 86dd6000 00000050 00402001 0db80000 00000000 00000000 00012001 "
		"0db80000 00000000 00000000 00023c00 01040000 00003300 01040000 00000604 00000000 00010000 "
		"00010000 00000000 00000000 0000",
		SEGMENT_V6, "" },
	/* IP6 2001:db8::1 > 2001:db8::2: RT6 (len=2, type=0 [Deprecated], segleft=0, [0]2001:db8::2) 40000 > 80... */
	{ "routing, no segments left", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 86dd6000 00000040 2b402001 0db80000 00000000 00000000 00012001 "
		"0db80000 00000000 00000000 00020602 00000000 00002001 0db80000 00000000 00000000 0002",
		SEGMENT_V6, "" },
	/* IP6 2001:db8::1 > 2001:db8::99: RT6 (len=2, type=4, segleft=1, last-entry=0, tag=0, [0]2001:db8::2) 4... */
	{ "routing, final destination", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 86dd6000 00000040 2b402001 0db80000 00000000 00000000 00012001 "
		"0db80000 00000000 00000000 00990602 04010000 00002001 0db80000 00000000 00000000 0002",
		SEGMENT_V6, "" },
	/* IP6 2001:db8::98 > 2001:db8::2: DSTOPT 40000 > 80: Flags [P.], seq 1000:1008, ack 2000, win 502, opti... */
	{ "home address", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 86dd6000 00000040 3c402001 0db80000 00000000 00000000 00982001 "
		"0db80000 00000000 00000000 00020602 01020000 c9102001 0db80000 00000000 00000000 0001",
		SEGMENT_V6, "" },
	/* IP6 2001:db8::1 > 2001:db8::2: frag (0|40) 40000 > 80: Flags [P.], seq 1000:1008, ack 2000, win 502, ... */
	{ "atomic fragment", 1, { 0xffff, 0xffff }, NULL,
		"02000000 00020200 00000001 86dd6000 00000030 2c402001 0db80000 00000000 00000000 00012001 "
		"0db80000 00000000 00000000 00020600 00000000 0001",
		SEGMENT_V6, "" },
};

enum { N_LAYERS = sizeof layers / sizeof *layers, SEGMENT = 40, HEADER_MIN = 20, HEADER = 32, DATA = 8, ROOM = 512 };

/* How many bytes of `l` are before the segment. */
static size_t segment_at(const struct layers *l, uint8_t *frame, size_t *len)
{
	size_t end = hex_append(frame, hex_append(frame, 0, ROOM, l->before), ROOM, l->packet);

	*len = hex_append(frame, end, ROOM, l->after);
	return end - SEGMENT;
}

static void decode_cut(struct decoder *d, const struct layers *l, const uint8_t *frame, size_t cut, size_t len,
		struct decoded *out)
{
	struct tcpstat_pkt pkt = {
		.frame = 1, .data = frame, .caplen = (uint32_t)cut, .wirelen = (uint32_t)len, .linktype = l->linktype
	};

	memset(out, 0xee, sizeof *out); /* what is not written shows */
	decode_frame(d, &pkt, out);
}

static void check_addresses(const struct layers *l, const struct tcp_view *v)
{
	const uint8_t src4[16] = { 192, 168, 0, 1 }, dst4[16] = { 192, 168, 0, 2 };
	const uint8_t src6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 }, dst6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };

	cr_assert(v->src.family == 4 || v->src.family == 6);
	cr_assert_eq(v->src.family, v->dst.family);
	cr_assert_arr_eq(v->src.bytes, v->src.family == 4 ? src4 : src6, 16, "%s", l->name);
	cr_assert_arr_eq(v->dst.bytes, v->src.family == 4 ? dst4 : dst6, 16, "%s", l->name);
}

static void check_view(const struct layers *l, const struct tcp_view *v)
{
	check_addresses(l, v);
	cr_assert_eq(v->src_port, 40000, "%s", l->name);
	cr_assert_eq(v->dst_port, 80);
	cr_assert_eq(v->seq, 1000);
	cr_assert_eq(v->ack, 2000);
	cr_assert_eq(v->flags, TH_PSH | TH_ACK);
	cr_assert_eq(v->wnd, 502);
	cr_assert_eq(v->urgent, 0);
	cr_assert_eq(v->len, DATA, "%s: len %u", l->name, (unsigned)v->len);
	cr_assert(!v->opts.malformed && !v->opts.has_mss && !v->opts.n_sack);
	cr_assert_eq(v->vlan[0], l->vlan[0], "%s: outer VLAN %u", l->name, v->vlan[0]);
	cr_assert_eq(v->vlan[1], l->vlan[1], "%s: inner VLAN %u", l->name, v->vlan[1]);
	cr_assert(l->tunnel ? v->tunnel && !strcmp(v->tunnel, l->tunnel) : !v->tunnel, "%s: tunnel %s", l->name,
			v->tunnel);
}

Test(layers, lead_to_the_segment)
{
	for (size_t i = 0; i < N_LAYERS; i++) {
		const struct layers *l = &layers[i];
		struct budget budget = { .limit = 1 << 20 };
		struct tcpstat_counters c = { 0 };
		struct decoder *d = decoder_new(&budget, &c);
		uint8_t frame[ROOM];
		struct decoded out;
		size_t len;

		segment_at(l, frame, &len);
		decode_cut(d, l, frame, len, len, &out);
		cr_assert_eq(out.verdict, DECODE_TCP, "%s", l->name);
		check_view(l, &out.tcp);
		cr_assert_eq(out.tcp.caplen, DATA);
		cr_assert_arr_eq(out.tcp.payload, "GET /abc", DATA);
		cr_assert(out.tcp.opts.has_ts && out.tcp.opts.ts_val == 1 && out.tcp.opts.ts_ecr == 2);
		cr_assert_eq(out.tcp.cksum, CKSUM_GOOD, "%s", l->name);
		cr_assert_eq(out.tcp.wire_bytes, len);
		cr_assert_eq(out.tcp.ttl, 64);
		cr_assert_eq(c.tcp, 1);
		cr_assert_eq(c.tunnelled, l->tunnel ? 1 : 0);
		cr_assert_eq(c.ip_malformed + c.ip_cksum_bad + c.tcp_malformed + c.link_truncated + c.not_ip, 0, "%s",
				l->name);
		decoder_free(d);
		cr_assert_eq(budget.used, 0);
	}
}

/* Without its 20 bytes there is no segment; with them there is one, whatever else is missing. */
Test(layers, cut_at_every_byte)
{
	for (size_t i = 0; i < N_LAYERS; i++) {
		const struct layers *l = &layers[i];
		struct budget budget = { .limit = 1 << 20 };
		struct tcpstat_counters c = { 0 };
		struct decoder *d = decoder_new(&budget, &c);
		uint8_t frame[ROOM];
		struct decoded out;
		size_t len, at = segment_at(l, frame, &len);

		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy = exact_copy(frame, cut);
			uint64_t segments = c.tcp;
			decode_cut(d, l, copy, cut, len, &out);
			cr_assert_eq(out.verdict, cut < at + HEADER_MIN ? DECODE_NOTHING : DECODE_TCP, "%s cut at %zu",
					l->name, cut);
			cr_assert_eq(c.tcp - segments, out.verdict == DECODE_TCP);
			if (out.verdict == DECODE_TCP) {
				size_t cap = cut < at + HEADER ? 0 : cut - at - HEADER;
				check_view(l, &out.tcp);
				cr_assert_eq(out.tcp.caplen, cap < DATA ? cap : DATA);
				cr_assert_eq(out.tcp.cksum, cut < at + SEGMENT ? CKSUM_UNKNOWN : CKSUM_GOOD);
			}
			free(copy);
		}
		cr_assert_eq(c.snapped, len);
		decoder_free(d);
		cr_assert_eq(budget.used, 0);
	}
}

/* Bytes that lie: each one of the frame, set to what lengths and flags break on. */
Test(layers, any_byte_may_lie)
{
	const uint8_t values[] = { 0x00, 0x01, 0x7f, 0xff };

	for (size_t i = 0; i < N_LAYERS; i++) {
		const struct layers *l = &layers[i];
		struct budget budget = { .limit = 1 << 20 };
		struct tcpstat_counters c = { 0 };
		struct decoder *d = decoder_new(&budget, &c);
		uint8_t frame[ROOM];
		struct decoded out;
		size_t len;

		segment_at(l, frame, &len);
		for (size_t at = 0; at < len; at++)
			for (size_t n = 0; n < sizeof values; n++) {
				uint8_t *copy = exact_copy(frame, len);
				copy[at] = values[n];
				decode_cut(d, l, copy, len, len, &out);
				if (out.verdict == DECODE_TCP) {
					cr_assert(out.tcp.caplen <= out.tcp.len);
					cr_assert(out.tcp.payload >= copy && out.tcp.payload + out.tcp.caplen <=
							copy + len);
				}
				free(copy);
			}
		decoder_free(d);
		cr_assert_eq(budget.used, 0);
	}
}
