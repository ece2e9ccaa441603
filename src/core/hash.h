/* Seeded hashing of keys that strangers choose: pairs of words, each hidden by a secret, are multiplied and folded (as
 * wyhash and its kin do). Who does not know the secrets cannot choose keys that collide. */
#ifndef TCPSTAT_HASH_H
#define TCPSTAT_HASH_H

#include <stdint.h>

/* Both halves of the product of two 64-bit numbers, folded: every bit of the result hangs on every bit of both. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ typedef unsigned __int128 both_halves;
	both_halves product = (both_halves)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
	uint64_t low = a_low * b_low, mid = a_high * b_low + (low >> 32), other = a_low * b_high + (uint32_t)mid;

	return (other << 32 | (uint32_t)low) ^ (a_high * b_high + (mid >> 32) + (other >> 32));
#endif
}

/* SplitMix64 (Steele, Lea, Flood 2014): the next of a row of secrets from a seed. */
static inline uint64_t hash_secret(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#endif
