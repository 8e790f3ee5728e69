/* SPDX-License-Identifier: GPL-3.0-or-later */
/* luck: numbers drawn by a key, not one after another. */
#ifndef MODELS_LUCK_H
#define MODELS_LUCK_H

#include <stdint.h>

/* The next of splitmix64 (Steele, Lea, Flood, OOPSLA 2014; constants of Stafford's variant 13). */
static inline uint64_t luck_mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* 53 of its bits as a number in [0, 1). */
static inline double luck_fraction(uint64_t x)
{
	return (double)(x >> 11) * 0x1p-53;
}

/* A number in [0, 1), always the same for the same key and n. */
static inline double luck_unit(uint64_t key, uint64_t n)
{
	return luck_fraction(luck_mix(key + n * UINT64_C(0x9e3779b97f4a7c15)));
}

#endif
