/* SPDX-License-Identifier: GPL-3.0-or-later */
/* monotonic: a clock that never goes back, for what lasts so long; not the time of the day. */
#ifndef SYSTEM_MONOTONIC_H
#define SYSTEM_MONOTONIC_H

#include <stdint.h>

/* Since some moment in the past. */
double monotonic_s(void);
int64_t monotonic_ms(void);

#endif
