/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cpu_model: which CPU model can run a guest of which other, by generation. */
#ifndef CORE_CPU_MODEL_H
#define CORE_CPU_MODEL_H

#include <stdbool.h>

/*
 * Whether a host of model `host` runs a guest that asks for model `guest` (libvirt's names, case ignored):
 * the same maker, and a generation at least as new. Names that are in no list run only themselves. Source of
 * the orders: the makers' launch years, as libvirt's cpu map lists the models.
 */
bool cpu_model_runs(const char *host, const char *guest);

#endif
