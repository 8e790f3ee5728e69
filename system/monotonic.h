/* SPDX-License-Identifier: GPL-3.0-or-later */
/* monotonic: a clock that never goes back, for what lasts so long; not the time of the day. */
#ifndef SYSTEM_MONOTONIC_H
#define SYSTEM_MONOTONIC_H

#include <pthread.h>
#include <stdint.h>

/* Since some moment in the past. */
double monotonic_s(void);
int64_t monotonic_ms(void);

/* A condition that is waited for by this clock; destroy it as any other. */
void monotonic_condition(pthread_cond_t *ret_condition);

/* Waits, with the mutex held, until it is signalled or so many seconds have passed. */
void monotonic_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int seconds);

#endif
