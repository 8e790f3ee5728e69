/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cluster.h"

static const char *const profiles[] = { "titanium", "starlingx", "nova", NULL };
static const char *const administratives[] = { "unlocked", "locked", NULL };
static const char *const operationals[] = { "enabled", "disabled", NULL };
static const char *const availabilities[] = { "available", "degraded", "failed",    "offline",
	                                      "online",    "intest",   "power-off", NULL };
static const char *const storages[] = { "remote", "local_image", "local_lvm", NULL };
static const char *const policies[] = { "affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity",
	                                NULL };
static const char *const vm_states[] = { "active", "paused",  "suspended",     "stopped",
	                                 "error",  "rescued", "verify-resize", NULL };
static const char *const boots[] = { "volume", "image", NULL };
static const char *const vif_models[] = { "virtio",  "avp",       "avp-dpdk",        "e1000",
	                                  "rtl8139", "pci-sriov", "pci-passthrough", NULL };
static const char *const dirty_models[] = { "idle",       "uniform",  "hotcold", "zipf",
	                                    "sequential", "measured", NULL };

_Static_assert(sizeof(profiles) / sizeof(profiles[0]) == PROFILE_COUNT + 1, "a word a profile");

const char *const *const profile_words = profiles;
const char *const *const administrative_words = administratives;
const char *const *const operational_words = operationals;
const char *const *const availability_words = availabilities;
const char *const *const storage_words = storages;
const char *const *const policy_words = policies;
const char *const *const vm_state_words = vm_states;
const char *const *const boot_words = boots;
const char *const *const vif_model_words = vif_models;
const char *const *const dirty_model_words = dirty_models;
