/* Community ID, version 1: one text for a connection that Zeek, Suricata, Wireshark and others compute alike.
 * Source: the Community ID flow hashing specification, version 1. */
#ifndef TCPSTAT_COMMUNITY_H
#define TCPSTAT_COMMUNITY_H

#include "core/tcpstat.h"

enum { COMMUNITY_SIZE = 32 };           /* "1:", 28 characters of base64, NUL */

/* The ID of a TCP connection, whichever end comes first. Returns its length; 0 if an address is unknown or the families
 * differ. */
size_t community_id(uint16_t seed, const struct tcpstat_addr addr[2], const uint16_t port[2],
	char text[COMMUNITY_SIZE]);

#endif
