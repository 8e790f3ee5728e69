/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock: times that never go back, and how threads wait for them. */
#ifndef REAL_DRIVER_CLOCK_H
#define REAL_DRIVER_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Of CLOCK_MONOTONIC, so many seconds from now: for conditions of clock_condition. */
struct timespec clock_deadline(double seconds);

/* A condition whose deadlines are of CLOCK_MONOTONIC. */
void clock_condition(pthread_cond_t *ret_condition);

/* CLOCK_MONOTONIC in ns. */
int64_t clock_ns(void);

/* What lies between CLOCK_MONOTONIC and the time of day, now. */
int64_t clock_offset_ns(void);

/* A deadline of CLOCK_MONOTONIC in ns as conditions want it. */
struct timespec clock_timespec(int64_t ns);

#endif
