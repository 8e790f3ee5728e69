/* SPDX-License-Identifier: GPL-3.0-or-later */
/* amounts: what hosts have a limited amount of, VM by VM, for proofs that there is too little of it. */
#ifndef PLANNER_AMOUNTS_H
#define PLANNER_AMOUNTS_H

#include "core/state.h"

/*
 * A resource: one of these, or FIXED_RESOURCES + g for the places that a strict anti-affinity group g has on
 * a host, or FIXED_RESOURCES + groups + i for the PCI devices of alias i of amounts.aliases.
 */
enum { RESOURCE_CPUS, RESOURCE_DEDICATED, RESOURCE_MEMORY, RESOURCE_DISK, FIXED_RESOURCES };

/* The most resources that one VM takes of. */
enum { RESOURCES_ASKED_MOST = FIXED_RESOURCES + 1 + 64 };

struct amounts {
	const struct cluster *cluster;
	const char **aliases; /* of PCI devices that flavors ask for, interned, each once */
	uint32_t alias_count;
};

void amounts_create(struct amounts *ret_amounts, const struct cluster *cluster);
void amounts_free(struct amounts *amounts);

/* How many resources there are: they are numbered from 0. */
static inline uint32_t amounts_count(const struct amounts *amounts)
{
	return FIXED_RESOURCES + amounts->cluster->group_count + amounts->alias_count;
}

/*
 * Exact integers: of vCPUs, MiB and GiB millionths, since ratios come in; whole numbers of what else there
 * is. No VM has more than it may take alone: the rules say so (docs/rules.md: ram, disk, cpu, pci,
 * anti-affinity-strict). A host without a limit on its disk has more than any sum.
 */
__int128 amount_of_host(const struct amounts *amounts, uint32_t host, uint32_t resource);
__int128 amount_of_vm(const struct amounts *amounts, uint32_t vm, uint32_t host, uint32_t resource);

/* How many of those units make one vCPU, MiB, GiB, place, device. */
double amount_unit(uint32_t resource);

/*
 * What is asked for when a VM comes to a host: what it takes anything of, and CPUs in any case
 * (docs/rules.md, cpu). Returns how many; at most RESOURCES_ASKED_MOST.
 */
uint32_t amounts_asked(const struct amounts *amounts, uint32_t vm, uint32_t host,
                       uint32_t ret_resources[RESOURCES_ASKED_MOST]);

/* For people: "MiB of memory", "places for members of anti-affinity group web". */
void amount_words(const struct amounts *amounts, uint32_t resource, char *text, size_t room);

/* As certificates call it: vcpus, dedicated_cpus, memory_mib, disk_gib, group:NAME, pci:ALIAS. */
void amount_name(const struct amounts *amounts, uint32_t resource, char *text, size_t room);

#endif
