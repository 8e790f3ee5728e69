/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names: which kinds of names the reader keeps apart, and what the parts of the reader share. */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#include "core/read.h"

enum name_kind { NAME_SWITCH, NAME_HOST, NAME_FLAVOR, NAME_GROUP, NAME_VM, NAME_VM_ID, NAME_LOAD };

/* Reads a `dirty` object; *into (const struct dirty_settings *) is set to a copy in the cluster's arena. */
int dirty_read(struct reader *reader, const json_t *value, void *into);

/*
 * How a guest of which nothing is known is taken to dirty memory: 1,000 writes a second, uniformly over 128
 * MiB, besides the background. An assumption, not a measurement: a server with little to do. docs/formats.md
 * states it.
 */
const struct dirty_settings *dirty_default(void);

#endif
