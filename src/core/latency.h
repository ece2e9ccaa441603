/* The times that a user asks for, of one connection.
 *
 * connect        from the first SYN to the first segment of the client that acknowledges the server's SYN: one round
 *                trip plus what the server took, wherever the capture was taken; unknown if the capture missed it
 * first_request  from the first SYN to the first data of the client
 * response       what the server took to answer: from the last byte of a request to the first byte of the answer as
 *                they pass the capture, less the round trip between capture and server (half_ns[TCPSTAT_SERVER])
 * client_wait    what the client took to go on: from the last byte of an answer to the first byte of the next
 *                request, less the round trip between capture and client (half_ns[TCPSTAT_CLIENT])
 *
 * Where the half round trip is unknown it stays in the figure. Data answers what the other side sent only if it
 * acknowledges all of that: pipelined requests and streams that run both ways give no samples. A request of
 * which bytes were repeated before they were acknowledged counts from the repetition: the loss is not the server's
 * time.
 *
 * A zeroed struct has seen nothing and owns nothing. */
#ifndef TCPSTAT_LATENCY_H
#define TCPSTAT_LATENCY_H

#include "core/dist.h"
#include "core/segment.h"

struct latency_turns;

struct latency {
	int64_t syn_ts;                 /* ns since the epoch; meaningless unless has_syn */
	int64_t connect_ns, first_request_ns; /* meaningless unless their has_ is set */
	struct latency_turns *turns;    /* NULL until data flows */
	bool has_syn, has_synack, has_connect, has_first_request;
};

/* half_ns[endpoint]: round trip between the capture and that endpoint; TCPSTAT_NULL unknown. Returns the response or
 * client_wait that ends with this segment; TCPSTAT_NULL: none does. */
int64_t latency_segment(struct latency *, struct budget *, const struct segment *, const int64_t half_ns[2]);
/* Fills in conn->latency. */
void latency_snapshot(const struct latency *, struct tcpstat_conn *);
/* Adds the responses to a histogram of the whole. */
void latency_pour(const struct latency *, struct tcpstat_histogram *response);
void latency_fini(struct latency *, struct budget *);

#endif
