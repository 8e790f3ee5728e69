/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measuring: made-up measurements, for tests of what is fitted to measured ones. */
#ifndef TESTS_SUPPORT_MEASURING_H
#define TESTS_SUPPORT_MEASURING_H

#include "models/hypervisor.h"
#include "models/measured.h"

/* What holds a made-up migration back. */
enum measuring_by { MEASURING_BY_CAP, MEASURING_BY_LINK };

/* The n-th guest, always the same: some law, size and settings, on its way alone with qemu-7.2. Nothing came
 * of it yet. */
struct measured measuring_guest(uint32_t n, enum measuring_by by);

/*
 * Lets it happen once to a hypervisor with these constants and spreads: one draw of many, by n. The time is
 * longer by noise_s at most, evenly spread around 0.
 */
void measuring_happen(struct measured *row, const struct hypervisor *truth, uint32_t n, double noise_s);

/* Many of them, every other one held back by its link: n from 0. */
void measuring_make(struct measured *ret_rows, uint32_t count, const struct hypervisor *truth,
                    double noise_s);

#endif
