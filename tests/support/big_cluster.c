/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/big_cluster.h"

#include "tests/support/draw.h"

#include <stdlib.h>

enum { FLAVORS = 48, RACK = 40, GROUP_MEMBERS_MOST = 8 };

/* A host of one of three generations. */
struct big_host {
	uint32_t cpus, memory_mib, left_mib, left_cpus, rack;
};

struct big_flavor {
	uint32_t vcpus, memory_mib;
	bool plain; /* no extra specs: the kind that most VMs have */
};

static const char *const models[] = { "SandyBridge", "Haswell", "Cascadelake" };

static void write_switches(FILE *file, uint32_t racks)
{
	fputs("\"switches\": [{\"name\": \"core\"}", file);
	for (uint32_t i = 0; i < racks; i++)
		fprintf(file, ",\n{\"name\": \"tor-%u\", \"uplink\": \"core\", \"uplink_mbit_s\": 100000}",
		        i);
	fputs("],\n", file);
}

static void write_hosts(FILE *file, const struct big_cluster *big, struct draw *draw, struct big_host *hosts)
{
	fputs("\"hosts\": [", file);
	for (uint32_t i = 0; i < big->hosts; i++) {
		uint32_t generation = draw_below(draw, 3), cpus = 16u << generation, gib = 80u << generation;

		hosts[i] = (struct big_host){ cpus, gib * 1024, gib * 1024, cpus * 4, i / RACK };
		fprintf(file,
		        "%s{\"name\": \"compute-%u\", \"cpus\": %u, \"cpu_ratio\": 4, \"memory_mib\": %u, "
		        "\"disk_gib\": %u, \"reserved\": {\"memory_mib\": 4096},\n\"numa\": "
		        "[{\"cpus\": %u, \"memory_mib\": %u, \"hugepages\": {\"1048576\": %u}}, "
		        "{\"cpus\": %u, \"memory_mib\": %u}], \"zone\": \"az%u\", \"switch\": \"tor-%u\", "
		        "\"nic_mbit_s\": 25000, \"cpu_model\": \"%s\"",
		        i ? ",\n" : "", i, cpus, gib * 1024, gib * 20, cpus / 2, gib * 512, gib / 8, cpus / 2,
		        gib * 512, i / RACK % 3, i / RACK, models[generation]);
		if (i % 16 == 0)
			fputs(", \"pci\": {\"gpu\": 4}", file);
		if (i % 8 == 0)
			fputs(", \"aggregates\": [{\"name\": \"fast\", \"metadata\": {\"disk\": \"nvme\"}}]",
			      file);
		fputs("}", file);
	}
	fputs("],\n", file);
}

static void write_flavors(FILE *file, struct big_flavor *flavors)
{
	static const char *const specs[] = {
		"\"hw:cpu_policy\": \"dedicated\"",
		"\"hw:mem_page_size\": \"1048576\"",
		"\"pci_passthrough:alias\": \"gpu:1\"",
		"\"aggregate_instance_extra_specs:disk\": \"nvme\"",
		"\"hw:cpu_model\": \"Haswell\"",
		"\"hw:numa_nodes\": \"2\", \"hw:cpu_policy\": \"dedicated\"",
	};

	fputs("\"flavors\": [", file);
	for (uint32_t i = 0; i < FLAVORS; i++) {
		struct big_flavor *flavor = &flavors[i];

		flavor->plain = i % 4 != 3;
		flavor->vcpus = flavor->plain ? 1u << i % 3 : 2 + 2 * (i % 2);
		flavor->memory_mib = (2 + i % 12) * 1024;
		fprintf(file, "%s{\"name\": \"m%u\", \"vcpus\": %u, \"memory_mib\": %u, \"disk_gib\": %u",
		        i ? ",\n" : "", i, flavor->vcpus, flavor->memory_mib, 10 + i % 5 * 10);
		if (!flavor->plain)
			fprintf(file, ", \"extra_specs\": {%s}", specs[i / 4 % 6]);
		fputs("}", file);
	}
	fputs("],\n", file);
}

static const char *group_policy(uint32_t group)
{
	static const char *const policies[] = {
		"\"anti-affinity\"",
		"\"affinity\", \"best_effort\": true",
		"\"anti-affinity\", \"best_effort\": true",
		"\"affinity\"",
		"\"anti-affinity\"",
		"\"soft-anti-affinity\"",
		"\"anti-affinity\"",
		"\"soft-affinity\"",
	};

	return policies[group % 8];
}

static void write_groups(FILE *file, uint32_t groups)
{
	fputs("\"groups\": [", file);
	for (uint32_t i = 0; i < groups; i++)
		fprintf(file, "%s{\"name\": \"group-%u\", \"policy\": %s}", i ? ",\n" : "", i,
		        group_policy(i));
	fputs("],\n", file);
}

/* The first host from `from` on that has room; hosts are looked at at most once round. */
static uint32_t find_room(const struct big_cluster *big, struct big_host *hosts,
                          const struct big_flavor *flavor, uint32_t from)
{
	for (uint32_t i = 0; i < big->hosts; i++) {
		struct big_host *host = &hosts[(from + i) % big->hosts];
		uint64_t most = (uint64_t)host->memory_mib * (100 - big->fill_percent) / 100;

		if (host->left_mib >= most + flavor->memory_mib && host->left_cpus >= flavor->vcpus * 4)
			return (from + i) % big->hosts;
	}
	return from;
}

static void write_vm(FILE *file, struct draw *draw, uint32_t index, uint32_t flavor, uint32_t host,
                     uint32_t group)
{
	fprintf(file,
	        "%s{\"name\": \"vm-%06u\", \"id\": \"%08x-aaaa-4bbb-8ccc-%012u\", "
	        "\"flavor\": \"m%u\", \"host\": ",
	        index ? ",\n" : "", index, index * 2654435761u, index, flavor);
	if (host == NONE)
		fputs("null", file);
	else
		fprintf(file, "\"compute-%u\"", host);
	if (group != NONE)
		fprintf(file, ", \"group\": \"group-%u\"", group);
	if (draw_percent(draw, 3))
		fputs(", \"state\": \"stopped\"", file);
	if (draw_percent(draw, 20))
		fputs(", \"boot\": \"image\"", file);
	if (draw_percent(draw, 50))
		fprintf(file,
		        ", \"dirty\": {\"model\": \"uniform\", \"working_set_mib\": %u, "
		        "\"rate_pages_s\": %u}",
		        64 + draw_below(draw, 512), 100 + draw_below(draw, 20000));
	fputs(", \"vifs\": [{\"model\": \"virtio\", \"network\": \"tenant\"}]}", file);
}

/* Members of an affinity group share a host, those of an anti-affinity group stand apart; the rest are
 * anywhere. */
static void write_vms(FILE *file, const struct big_cluster *big, struct draw *draw, struct big_host *hosts,
                      const struct big_flavor *flavors, uint32_t groups)
{
	uint32_t group = 0, left = 0, at = 0;

	fputs("\"vms\": [", file);
	for (uint32_t i = 0; i < big->vms; i++) {
		uint32_t flavor = draw_below(draw, FLAVORS), own = NONE;

		/* Special flavors are rarer than plain ones, and not for group members: their hosts are few.
		 */
		while (!flavors[flavor].plain && !draw_percent(draw, left ? 0 : 20))
			flavor = draw_below(draw, FLAVORS);
		if (left == 0 && group < groups && draw_percent(draw, 5))
			left = draw_between(draw, 2, GROUP_MEMBERS_MOST);
		if (left > 0 && group < groups) {
			own = group;
			group += --left == 0;
		}
		if (own == NONE || group_policy(own)[1] != 'a' || group_policy(own)[2] != 'f')
			at = draw_below(draw, big->hosts);
		at = find_room(big, hosts, &flavors[flavor], at);
		hosts[at].left_mib -= flavors[flavor].memory_mib < hosts[at].left_mib
		                              ? flavors[flavor].memory_mib
		                              : hosts[at].left_mib;
		hosts[at].left_cpus -= flavors[flavor].vcpus < hosts[at].left_cpus ? flavors[flavor].vcpus
		                                                                   : hosts[at].left_cpus;
		write_vm(file, draw, i, flavor, at, own);
	}
	fputs("]}\n", file);
}

void big_cluster_write(FILE *file, const struct big_cluster *big)
{
	struct draw draw = { big->seed };
	struct big_host *hosts = calloc(big->hosts, sizeof(*hosts));
	struct big_flavor flavors[FLAVORS];
	uint32_t groups = big->vms / 40;

	fprintf(file, "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"big\", \"profile\": \"%s\",\n",
	        big->profile);
	write_switches(file, (big->hosts + RACK - 1) / RACK);
	write_hosts(file, big, &draw, hosts);
	write_flavors(file, flavors);
	write_groups(file, groups);
	write_vms(file, big, &draw, hosts, flavors, groups);
	free(hosts);
}
