/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every row of the table of hosts, on both sides, in every profile that it holds for. */
#include "core/rules.h"
#include "core/schedule.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

/*
 * One question: may VM v, which is on host a, go to host b (c is a third one)? Members of the objects are
 * given as JSON text, each with a comma before it.
 */
struct question {
	const char *rule;
	unsigned profiles;
	const char *why; /* NULL: the host is allowed */
	const char *a, *b, *flavor, *v, *groups, *others;
	int a_mib, b_mib, b_cpus; /* 0: enough; -1: none */
	const char *target;       /* NULL: b */
	enum move_kind kind;
	enum block block;
	bool forced, forgotten;
	const char *moving; /* this VM is on its way to host c */
};

static const char *or_nothing(const char *text)
{
	return text ? text : "";
}

static int size_of(int wanted, int otherwise)
{
	return wanted < 0 ? 0 : wanted ? wanted : otherwise;
}

static void ask_cluster(struct cluster *ret_cluster, const struct question *question, enum profile profile)
{
	char text[4096];

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"q\", \"profile\": \"%s\", \"hosts\": ["
	         "{\"name\": \"a\", \"cpus\": 16, \"memory_mib\": %d%s},"
	         "{\"name\": \"b\", \"cpus\": %d, \"memory_mib\": %d%s},"
	         "{\"name\": \"c\", \"cpus\": 16, \"memory_mib\": 16384}],"
	         "\"flavors\": [{\"name\": \"f\", \"vcpus\": 2, \"memory_mib\": 2048%s},"
	         "{\"name\": \"half\", \"vcpus\": 4, \"memory_mib\": 4096, \"disk_gib\": 50},"
	         "{\"name\": \"pinned\", \"vcpus\": 4, \"memory_mib\": 64, "
	         "\"extra_specs\": {\"hw:cpu_policy\": \"dedicated\"}}],"
	         "\"groups\": [%s],"
	         "\"vms\": [{\"name\": \"v\", \"flavor\": \"f\", \"host\": \"a\"%s}%s]}",
	         profile_words[profile], size_of(question->a_mib, 16384), or_nothing(question->a),
	         size_of(question->b_cpus, 8), size_of(question->b_mib, 8192), or_nothing(question->b),
	         or_nothing(question->flavor), or_nothing(question->groups), or_nothing(question->v),
	         or_nothing(question->others));
	cluster_from_text(ret_cluster, text);
}

#define SPECS(text) ", \"extra_specs\": {" text "}"
#define GROUP(name, rest) "{\"name\": \"" name "\", \"policy\": " rest "}"
#define IN_G ", \"group\": \"g\""
#define OTHER(name, flavor, host, rest) \
	", {\"name\": \"" name "\", \"flavor\": \"" flavor "\", \"host\": \"" host "\"" rest "}"
#define AGGREGATE(metadata) ", \"aggregates\": [\"x\", {\"name\": \"y\", \"metadata\": {" metadata "}}]"
#define NUMA(nodes) ", \"numa\": [" nodes "]"
#define NODE(cpus, mib, pages) "{\"cpus\": " cpus ", \"memory_mib\": " mib ", \"hugepages\": {" pages "}}"

static const struct question questions[] = {
	/* The current host. */
	{ .rule = "current-host", EVERY, "a is the current host", .target = "a" },
	{ .rule = "current-host", EVERY, "a is the current host", .target = "a", .kind = MOVE_COLD },
	{ .rule = "current-host", EVERY, NULL },
	{ .rule = "current-host", EVERY, NULL, .target = "a", .kind = MOVE_RESIZE },

	/* Up, and enabled. */
	{ .rule = "host-down", EVERY, "b is down (offline)", .b = ", \"availability\": \"offline\"" },
	{ .rule = "host-down", EVERY, "b is down (failed)", .b = ", \"availability\": \"failed\"" },
	{ .rule = "host-down", EVERY, "b is down (power-off)", .b = ", \"availability\": \"power-off\"" },
	{ .rule = "host-down",
	  NOVA,
	  "b is down (failed)",
	  .b = ", \"availability\": \"failed\"",
	  .forced = true },
	{ .rule = "host-down", EVERY, NULL, .b = ", \"availability\": \"degraded\"" },
	{ .rule = "host-down", EVERY, NULL, .b = ", \"availability\": \"intest\"" },
	{ .rule = "host-down", EVERY, NULL, .b = ", \"availability\": \"online\"" },
	{ .rule = "host-down",
	  EVERY,
	  NULL,
	  .a = ", \"administrative\": \"locked\", \"availability\": \"online\"" },
	{ .rule = "host-disabled",
	  EVERY,
	  "b takes no VMs (locked, enabled)",
	  .b = ", \"administrative\": \"locked\"" },
	{ .rule = "host-disabled",
	  EVERY,
	  "b takes no VMs (unlocked, disabled)",
	  .b = ", \"operational\": \"disabled\"" },
	{ .rule = "host-disabled", EVERY, NULL },
	{ .rule = "host-disabled", NOVA, NULL, .b = ", \"operational\": \"disabled\"", .forced = true },

	/* Zones bind only a VM that asked for one. */
	{ .rule = "zone", EVERY, "b is in zone nova, the VM asked for az1", .v = ", \"zone\": \"az1\"" },
	{ .rule = "zone",
	  EVERY,
	  "b is in zone az2, the VM asked for az1",
	  .v = ", \"zone\": \"az1\"",
	  .b = ", \"zone\": \"az2\"" },
	{ .rule = "zone", EVERY, NULL, .v = ", \"zone\": \"az1\"", .b = ", \"zone\": \"az1\"" },
	{ .rule = "zone",
	  EVERY,
	  NULL,
	  .v = ", \"zone\": null",
	  .a = ", \"zone\": \"az1\"",
	  .b = ", \"zone\": \"az2\"" },
	{ .rule = "zone", NOVA, NULL, .v = ", \"zone\": \"az1\"", .forced = true },

	/* Aggregates. */
	{ .rule = "aggregate",
	  EVERY,
	  "b is in no aggregate with ssd = true, which flavor f requires",
	  .flavor = SPECS("\"aggregate_instance_extra_specs:ssd\": \"true\"") },
	{ .rule = "aggregate",
	  EVERY,
	  "b is in no aggregate with ssd = true, which flavor f requires",
	  .flavor = SPECS("\"ssd\": true"),
	  .b = AGGREGATE("\"ssd\": \"false\"") },
	{ .rule = "aggregate",
	  EVERY,
	  NULL,
	  .flavor = SPECS("\"aggregate_instance_extra_specs:ssd\": \"true\""),
	  .b = AGGREGATE("\"ssd\": \"true\"") },
	{ .rule = "aggregate",
	  EVERY,
	  NULL,
	  .flavor = SPECS("\"aggregate_instance_extra_specs:ssd\": \"b\""),
	  .b = AGGREGATE("\"ssd\": \"a, b ,c\"") },
	{ .rule = "aggregate", EVERY, NULL, .flavor = SPECS("\"hw:unknown_scope\": \"true\"") },
	{ .rule = "aggregate",
	  EVERY,
	  NULL,
	  .flavor = SPECS("\"aggregate_instance_extra_specs:storage\": \"local_image\""),
	  .b = ", \"storage\": \"local_image\"" },
	{ .rule = "aggregate",
	  EVERY,
	  "b is in no aggregate with storage = local_image, which flavor f requires",
	  .flavor = SPECS("\"aggregate_instance_extra_specs:storage\": \"local_image\"") },
	{ .rule = "aggregate", NOVA, NULL, .flavor = SPECS("\"ssd\": \"true\""), .forced = true },

	/* Memory: 8192 MiB, of which "half" takes 4096. */
	{ .rule = "ram", EVERY, NULL, .others = OTHER("h", "half", "b", "") OTHER("i", "f", "b", "") },
	{ .rule = "ram",
	  EVERY,
	  "b has 0 MiB of memory left, 2048 MiB are needed",
	  .others = OTHER("h", "half", "b", "") OTHER("i", "half", "b", ", \"state\": \"stopped\"") },
	{ .rule = "ram",
	  EVERY,
	  "b has 2047 MiB of memory left, 2048 MiB are needed",
	  .b = ", \"reserved\": {\"memory_mib\": 6145}" },
	{ .rule = "ram", EVERY, NULL, .b = ", \"reserved\": {\"memory_mib\": 6144}" },
	{ .rule = "ram",
	  EVERY,
	  NULL,
	  .others = OTHER("h", "half", "b", "") OTHER("i", "half", "b", ""),
	  .b = ", \"memory_ratio\": 1.25" },
	{ .rule = "ram", EVERY, "b has 2047 MiB of memory, one VM alone needs 2048", .b_mib = 2047 },
	{ .rule = "ram",
	  EVERY,
	  "b has 2047 MiB of memory, one VM alone needs 2048",
	  .b_mib = 2047,
	  .b = ", \"memory_ratio\": 10" },
	{ .rule = "ram",
	  EVERY,
	  "b has 0 MiB of memory left, 2048 MiB are needed",
	  .b = ", \"memory_ratio\": 0.5",
	  .others = OTHER("h", "half", "b", "") OTHER("i", "half", "b", "") },
	{ .rule = "ram",
	  NOVA,
	  "b has 2048 MiB of memory left, 2048 MiB are needed",
	  .others = OTHER("h", "half", "b", "") OTHER("i", "f", "b", ""),
	  .forced = true },
	{ .rule = "ram", NOVA, NULL, .others = OTHER("h", "half", "b", ""), .forced = true },
	{ .rule = "ram", EVERY, NULL, .target = "a", .kind = MOVE_RESIZE, .a_mib = 2048 },

	/* Local disk: a volume's root takes none, swap counts in whole GiB. */
	{ .rule = "disk",
	  EVERY,
	  "b has 100 GiB of disk, one VM alone needs 101",
	  .b = ", \"disk_gib\": 100",
	  .flavor = ", \"disk_gib\": 80, \"ephemeral_gib\": 20, \"swap_mib\": 1",
	  .v = ", \"boot\": \"image\"" },
	{ .rule = "disk",
	  EVERY,
	  NULL,
	  .b = ", \"disk_gib\": 100",
	  .flavor = ", \"disk_gib\": 79, \"ephemeral_gib\": 20, \"swap_mib\": 1024",
	  .v = ", \"boot\": \"image\"" },
	{ .rule = "disk", EVERY, NULL, .b = ", \"disk_gib\": 100", .flavor = ", \"disk_gib\": 500" },
	{ .rule = "disk",
	  EVERY,
	  NULL,
	  .b = ", \"disk_gib\": 10",
	  .flavor = ", \"disk_gib\": 500",
	  .others = OTHER("h", "half", "b", ", \"boot\": \"image\"") },
	{ .rule = "disk",
	  EVERY,
	  "b has 50 GiB of disk left, 60 GiB are needed",
	  .b_mib = 16384,
	  .b = ", \"disk_gib\": 100, \"disk_ratio\": 1.5, \"reserved\": {\"disk_gib\": 0}",
	  .flavor = ", \"disk_gib\": 60",
	  .v = ", \"boot\": \"image\"",
	  .others = OTHER("h", "half", "b", ", \"boot\": \"image\"")
	          OTHER("i", "half", "b", ", \"boot\": \"image\"") },
	{ .rule = "disk",
	  EVERY,
	  "b has 5 GiB of disk left, 60 GiB are needed",
	  .b = ", \"disk_gib\": 100, \"reserved\": {\"disk_gib\": 45}",
	  .flavor = ", \"disk_gib\": 60",
	  .v = ", \"boot\": \"image\"",
	  .others = OTHER("h", "half", "b", ", \"boot\": \"image\"") },
	{ .rule = "disk",
	  EVERY,
	  NULL,
	  .b = ", \"disk_gib\": null",
	  .flavor = ", \"disk_gib\": 100000",
	  .v = ", \"boot\": \"image\"" },
	{ .rule = "disk",
	  EVERY,
	  "b has 100 GiB of disk, one VM alone needs 120",
	  .b = ", \"disk_gib\": 100, \"disk_ratio\": 1.5",
	  .flavor = ", \"disk_gib\": 120",
	  .v = ", \"boot\": \"image\"" },

	/* vCPUs: the ratio is 16 unless said. */
	{ .rule = "cpu", EVERY, "b has 1 CPUs, one VM alone needs 2", .b_cpus = 1 },
	{ .rule = "cpu", EVERY, NULL, .b_cpus = 2, .b = ", \"cpu_ratio\": 1" },
	{ .rule = "cpu",
	  EVERY,
	  "b has 1 vCPUs left, 2 are needed",
	  .b_cpus = 5,
	  .b = ", \"cpu_ratio\": 1",
	  .others = OTHER("h", "half", "b", "") },
	{ .rule = "cpu",
	  EVERY,
	  NULL,
	  .b_cpus = 4,
	  .b = ", \"cpu_ratio\": 1.5",
	  .others = OTHER("h", "half", "b", "") },
	{ .rule = "cpu",
	  EVERY,
	  "b has 1 vCPUs left, 2 are needed",
	  .b_cpus = 4,
	  .b = ", \"cpu_ratio\": 1.25",
	  .others = OTHER("h", "half", "b", "") },
	{ .rule = "cpu",
	  EVERY,
	  "b has 0 vCPUs left, 2 are needed",
	  .b_cpus = 5,
	  .b = ", \"reserved\": {\"cpus\": 1}",
	  .others = OTHER("p", "pinned", "b", "") },
	{ .rule = "cpu",
	  EVERY,
	  "b has 0 vCPUs left, 2 are needed",
	  .b_cpus = 4,
	  .others = OTHER("p", "pinned", "b", "") },
	{ .rule = "cpu", EVERY, NULL, .b_cpus = 5, .others = OTHER("p", "pinned", "b", "") },
	{ .rule = "cpu",
	  EVERY,
	  "b has 1 whole CPUs left, 2 dedicated are needed",
	  .b_cpus = 5,
	  .others = OTHER("p", "pinned", "b", ""),
	  .flavor = SPECS("\"hw:cpu_policy\": \"dedicated\"") },
	{ .rule = "cpu",
	  EVERY,
	  NULL,
	  .b_cpus = 6,
	  .others = OTHER("p", "pinned", "b", ""),
	  .flavor = SPECS("\"hw:cpu_policy\": \"dedicated\"") },
	{ .rule = "cpu",
	  EVERY,
	  "b has 1 whole CPUs left, 2 dedicated are needed",
	  .b_cpus = 2,
	  .others = OTHER("h", "half", "b", ""),
	  .flavor = SPECS("\"hw:cpu_policy\": \"dedicated\"") },
	{ .rule = "cpu",
	  EVERY,
	  "b has 1 dedicated CPUs left, 2 are needed",
	  .b = ", \"dedicated_cpus\": 5",
	  .others = OTHER("p", "pinned", "b", ""),
	  .flavor = SPECS("\"hw:cpu_policy\": \"dedicated\"") },
	{ .rule = "cpu",
	  EVERY,
	  NULL,
	  .b_cpus = -1,
	  .b = ", \"dedicated_cpus\": 6",
	  .others = OTHER("p", "pinned", "b", ""),
	  .flavor = SPECS("\"hw:cpu_policy\": \"dedicated\"") },
	{ .rule = "cpu",
	  EVERY,
	  NULL,
	  .b_cpus = 2,
	  .b = ", \"cpu_ratio\": 1, \"dedicated_cpus\": 4",
	  .others = OTHER("p", "pinned", "b", "") },
	{ .rule = "cpu", EVERY, NULL, .b_cpus = 1, .flavor = SPECS("\"hw:wrs:shared_vcpu\": \"0\"") },

	/* CPU models. */
	{ .rule = "cpu-model",
	  EVERY,
	  "b has CPU model SandyBridge, the guest needs at least Haswell",
	  .b = ", \"cpu_model\": \"SandyBridge\"",
	  .flavor = SPECS("\"hw:cpu_model\": \"Haswell\"") },
	{ .rule = "cpu-model",
	  EVERY,
	  NULL,
	  .b = ", \"cpu_model\": \"Haswell\"",
	  .flavor = SPECS("\"hw:cpu_model\": \"Haswell\"") },
	{ .rule = "cpu-model",
	  EVERY,
	  NULL,
	  .b = ", \"cpu_model\": \"Broadwell\"",
	  .flavor = SPECS("\"hw:cpu_model\": \"Haswell\"") },
	{ .rule = "cpu-model", EVERY, NULL, .flavor = SPECS("\"hw:cpu_model\": \"Haswell\"") },
	{ .rule = "cpu-model",
	  EVERY,
	  "b has CPU model Haswell, the guest needs its present host's, Broadwell",
	  .a = ", \"cpu_model\": \"Broadwell\"",
	  .b = ", \"cpu_model\": \"Haswell\"",
	  .flavor = SPECS("\"hw:cpu_model\": \"Passthrough\"") },
	{ .rule = "cpu-model",
	  EVERY,
	  "b has CPU model Broadwell, the guest needs its present host's, Haswell",
	  .a = ", \"cpu_model\": \"Haswell\"",
	  .b = ", \"cpu_model\": \"Broadwell\"",
	  .flavor = SPECS("\"hw:cpu_model\": \"passthrough\"") },
	{ .rule = "cpu-model",
	  EVERY,
	  "b has other CPU features than the guest's present host",
	  .a = ", \"cpu_model\": \"Haswell\", \"cpu_features\": [\"aes\", \"avx2\"]",
	  .b = ", \"cpu_model\": \"Haswell\", \"cpu_features\": [\"aes\"]",
	  .flavor = SPECS("\"hw:cpu_model\": \"Passthrough\"") },
	{ .rule = "cpu-model",
	  EVERY,
	  NULL,
	  .a = ", \"cpu_model\": \"Haswell\", \"cpu_features\": [\"aes\", \"avx2\"]",
	  .b = ", \"cpu_model\": \"Haswell\", \"cpu_features\": [\"avx2\", \"aes\", \"aes\"]",
	  .flavor = SPECS("\"hw:cpu_model\": \"Passthrough\"") },

	/* NUMA and pages bind only flavors that have such keys. */
	{ .rule = "numa", EVERY, NULL, .b = NUMA(NODE("1", "1024", "")) },
	{ .rule = "numa",
	  EVERY,
	  "b has no room on its NUMA nodes for 2 guest node(s) of flavor f",
	  .flavor = SPECS("\"hw:numa_nodes\": 2") },
	{ .rule = "numa",
	  EVERY,
	  NULL,
	  .flavor = SPECS("\"hw:numa_nodes\": 2"),
	  .b = NUMA(NODE("1", "1024", "") "," NODE("1", "1024", "")) },
	{ .rule = "numa",
	  EVERY,
	  "b has not enough pages of the size that flavor f asks for (hw:mem_page_size=2048) on 1 node(s)",
	  .flavor = SPECS("\"hw:mem_page_size\": 2048"),
	  .b = NUMA(NODE("8", "8192", "\"2048\": 1023")) },
	{ .rule = "numa",
	  EVERY,
	  NULL,
	  .flavor = SPECS("\"hw:mem_page_size\": 2048"),
	  .b = NUMA(NODE("8", "8192", "\"2048\": 1024")) },
	{ .rule = "numa",
	  EVERY,
	  "b has not enough pages of the size that flavor f asks for (hw:mem_page_size=1GB) on 1 node(s)",
	  .flavor = SPECS("\"hw:mem_page_size\": \"1GB\""),
	  .b = NUMA(NODE("8", "8192", "\"1048576\": 1") "," NODE("8", "8192", "\"1048576\": 1")) },

	/* PCI devices. */
	{ .rule = "pci",
	  EVERY,
	  "b has 0 PCI devices gpu left, 1 are needed",
	  .flavor = SPECS("\"pci_passthrough:alias\": \"gpu:1\"") },
	{ .rule = "pci",
	  EVERY,
	  "b has 1 PCI devices gpu left, 2 are needed",
	  .b = ", \"pci\": {\"nic\": 9, \"gpu\": 1}",
	  .flavor = SPECS("\"pci_passthrough:alias\": \"nic, gpu:2\"") },
	{ .rule = "pci",
	  EVERY,
	  NULL,
	  .b = ", \"pci\": {\"nic\": 1, \"gpu\": 2}",
	  .flavor = SPECS("\"pci_passthrough:alias\": \"nic, gpu:2\"") },
	{ .rule = "pci",
	  EVERY,
	  "b has 0 PCI devices gpu left, 1 are needed",
	  .b = ", \"pci\": {\"gpu\": 1}",
	  .flavor = SPECS("\"pci_passthrough:alias\": \"gpu:1\""),
	  .others = OTHER("o", "f", "b", ", \"state\": \"stopped\"") },

	/* Networks. */
	{ .rule = "network",
	  EVERY,
	  "b does not reach provider network n2",
	  .b = ", \"networks\": [\"n1\"]",
	  .v = ", \"vifs\": [{\"model\": \"virtio\", \"network\": \"n1\"}, {\"model\": \"avp\", "
	       "\"network\": \"n2\"}]" },
	{ .rule = "network",
	  EVERY,
	  NULL,
	  .b = ", \"networks\": [\"n2\", \"n1\"]",
	  .v = ", \"vifs\": [{\"model\": \"virtio\", \"network\": \"n1\"}, {\"model\": \"avp\", "
	       "\"network\": \"n2\"}]" },
	{ .rule = "network", EVERY, NULL, .v = ", \"vifs\": [{\"model\": \"virtio\", \"network\": \"n1\"}]" },
	{ .rule = "network",
	  EVERY,
	  NULL,
	  .v = ", \"vifs\": [{\"model\": \"virtio\"}]",
	  .b = ", \"networks\": [\"x\"]" },
	{ .rule = "network", EVERY, "b reaches no provider network at all", .b = ", \"networks\": []" },

	/* `block`. */
	{ .rule = "block-migration",
	  EVERY,
	  "block migration was asked for, but v is on volume-booted, shared storage",
	  .block = BLOCK_YES,
	  .a = ", \"storage\": \"local_image\"" },
	{ .rule = "block-migration",
	  EVERY,
	  "block migration was asked for, but v is on shared storage",
	  .block = BLOCK_YES,
	  .v = ", \"boot\": \"image\"" },
	{ .rule = "block-migration",
	  EVERY,
	  NULL,
	  .block = BLOCK_YES,
	  .v = ", \"boot\": \"image\"",
	  .a = ", \"storage\": \"local_image\"" },
	{ .rule = "block-migration",
	  EVERY,
	  "v has local disks, which only a block migration takes along",
	  .block = BLOCK_NO,
	  .v = ", \"boot\": \"image\"",
	  .a = ", \"storage\": \"local_image\"" },
	{ .rule = "block-migration", EVERY, NULL, .block = BLOCK_NO, .a = ", \"storage\": \"local_image\"" },
	{ .rule = "block-migration", EVERY, NULL, .block = BLOCK_NO, .v = ", \"boot\": \"image\"" },
	{ .rule = "block-migration", EVERY, NULL, .block = BLOCK_AUTO, .v = ", \"boot\": \"image\"" },

	/* Strict affinity: a group of one, a group on one host, a split group. */
	{ .rule = "affinity-strict",
	  TITANIUM,
	  "v is in strict affinity group g, whose members cannot be migrated",
	  .groups = GROUP("g", "\"affinity\""),
	  .v = IN_G },
	{ .rule = "affinity-strict",
	  TITANIUM,
	  "v is in strict affinity group g, whose members cannot be migrated",
	  .groups = GROUP("g", "\"affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "affinity-strict",
	  STARLINGX | NOVA,
	  "the only host of strict affinity group g is a, where v already is",
	  .groups = GROUP("g", "\"affinity\""),
	  .v = IN_G },
	{ .rule = "affinity-strict",
	  STARLINGX | NOVA,
	  "the only host of strict affinity group g is a, where v already is",
	  .groups = GROUP("g", "\"affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "a", IN_G),
	  .kind = MOVE_COLD },
	{ .rule = "affinity-strict",
	  STARLINGX | NOVA,
	  "b holds no other member of strict affinity group g",
	  .groups = GROUP("g", "\"affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "c", IN_G) },
	{ .rule = "affinity-strict",
	  STARLINGX | NOVA,
	  NULL,
	  .groups = GROUP("g", "\"affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G ", \"state\": \"stopped\"") },
	{ .rule = "affinity-strict",
	  STARLINGX | NOVA,
	  "b holds no other member of strict affinity group g",
	  .groups = GROUP("g", "\"affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "c", IN_G),
	  .kind = MOVE_EVACUATE },
	{ .rule = "affinity-strict",
	  EVERY,
	  NULL,
	  .groups = GROUP("g", "\"affinity\""),
	  .others = OTHER("w", "f", "c", IN_G) },
	{ .rule = "affinity-strict",
	  EVERY,
	  NULL,
	  .groups = GROUP("g", "\"affinity\""),
	  .v = IN_G,
	  .target = "a",
	  .kind = MOVE_RESIZE },

	/* Strict anti-affinity. */
	{ .rule = "anti-affinity-strict",
	  TITANIUM | STARLINGX,
	  "b already holds 1 member(s) of strict anti-affinity group g",
	  .groups = GROUP("g", "\"anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G ", \"state\": \"stopped\"") },
	{ .rule = "anti-affinity-strict",
	  TITANIUM | STARLINGX,
	  "b already holds 1 member(s) of strict anti-affinity group g",
	  .groups = GROUP("g", "\"anti-affinity\", \"max_per_host\": 2"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "anti-affinity-strict",
	  EVERY,
	  NULL,
	  .groups = GROUP("g", "\"anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "c", IN_G) },
	{ .rule = "anti-affinity-strict",
	  EVERY,
	  NULL,
	  .groups = GROUP("g", "\"anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "a", IN_G) },
	{ .rule = "anti-affinity-strict",
	  TITANIUM | STARLINGX,
	  "b already holds 1 member(s) of strict anti-affinity group g",
	  .groups = GROUP("g", "\"anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G),
	  .moving = "w" },
	{ .rule = "anti-affinity-strict",
	  TITANIUM | STARLINGX,
	  "c already holds 1 member(s) of strict anti-affinity group g",
	  .groups = GROUP("g", "\"anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G),
	  .moving = "w",
	  .target = "c" },
	{ .rule = "anti-affinity-strict",
	  NOVA,
	  "b already holds 1 member(s) of strict anti-affinity group g (at most 1 a host)",
	  .groups = GROUP("g", "\"anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "anti-affinity-strict",
	  NOVA,
	  NULL,
	  .groups = GROUP("g", "\"anti-affinity\", \"max_per_host\": 2"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "anti-affinity-strict",
	  NOVA,
	  "b already holds 2 member(s) of strict anti-affinity group g (at most 2 a host)",
	  .groups = GROUP("g", "\"anti-affinity\", \"max_per_host\": 2"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) OTHER("x", "f", "b", IN_G) },
	{ .rule = "anti-affinity-strict",
	  NOVA,
	  NULL,
	  .groups = GROUP("g", "\"anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G),
	  .moving = "w",
	  .target = "c" },
	{ .rule = "anti-affinity-strict",
	  NOVA,
	  NULL,
	  .groups = GROUP("g", "\"anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G),
	  .forced = true },

	/* Best effort: a first pass only, and none with titanium. */
	{ .rule = "affinity-best-effort",
	  STARLINGX | NOVA,
	  "b holds no other member of affinity group g (best effort)",
	  .groups = GROUP("g", "\"affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "c", IN_G) },
	{ .rule = "affinity-best-effort",
	  STARLINGX | NOVA,
	  NULL,
	  .groups = GROUP("g", "\"affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "affinity-best-effort",
	  STARLINGX | NOVA,
	  NULL,
	  .groups = GROUP("g", "\"affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "a", IN_G) },
	{ .rule = "affinity-best-effort",
	  STARLINGX | NOVA,
	  NULL,
	  .forgotten = true,
	  .groups = GROUP("g", "\"affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "c", IN_G) },
	{ .rule = "affinity-best-effort",
	  TITANIUM,
	  NULL,
	  .groups = GROUP("g", "\"affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "c", IN_G) },
	{ .rule = "anti-affinity-best-effort",
	  STARLINGX | NOVA,
	  "b already holds 1 member(s) of anti-affinity group g (best effort)",
	  .groups = GROUP("g", "\"anti-affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "anti-affinity-best-effort",
	  STARLINGX | NOVA,
	  NULL,
	  .groups = GROUP("g", "\"anti-affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "c", IN_G) },
	{ .rule = "anti-affinity-best-effort",
	  STARLINGX | NOVA,
	  NULL,
	  .forgotten = true,
	  .groups = GROUP("g", "\"anti-affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "anti-affinity-best-effort",
	  TITANIUM,
	  NULL,
	  .groups = GROUP("g", "\"anti-affinity\", \"best_effort\": true"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "anti-affinity-best-effort",
	  NOVA,
	  NULL,
	  .groups = GROUP("g", "\"anti-affinity\", \"best_effort\": true, \"max_per_host\": 2"),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },

	/* Soft policies forbid nothing. */
	{ .rule = "anti-affinity-strict",
	  EVERY,
	  NULL,
	  .groups = GROUP("g", "\"soft-anti-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "b", IN_G) },
	{ .rule = "affinity-strict",
	  EVERY,
	  NULL,
	  .groups = GROUP("g", "\"soft-affinity\""),
	  .v = IN_G,
	  .others = OTHER("w", "f", "c", IN_G) },
};

enum { QUESTIONS = sizeof(questions) / sizeof(questions[0]) };

static struct request question_request(const struct question *question, const struct state *state)
{
	struct request request = request_for(state, question->kind, 0);

	request.block = question->block;
	request.forced = question->forced;
	request.group_forgotten = question->forgotten;
	return request;
}

static void check_answer(int number, const struct question *question, enum profile profile)
{
	struct cluster cluster;
	struct state state;
	struct request request;
	struct reason reasons[8] = { { .rule = NULL } };
	uint32_t target;
	size_t count;

	ask_cluster(&cluster, question, profile);
	state_create(&state, &cluster);
	if (question->moving)
		state_claim(&state, cluster_vm(&cluster, question->moving), cluster_host(&cluster, "c"));
	request = question_request(question, &state);
	target = cluster_host(&cluster, question->target ? question->target : "b");
	count = rules_explain(&request, target, reasons, 8);
	cr_expect_eq(rules_allow(&request, target), question->why == NULL, "question %d (%s), %s", number,
	             question->rule, profile_words[profile]);
	cr_expect_eq(rules_allow(&request, target),
	             rules_allow_shape(&request, target) && rules_allow_group(&request, target));
	cr_expect_eq(count, question->why ? 1 : 0, "question %d (%s), %s: %zu reasons, the first is %s",
	             number, question->rule, profile_words[profile], count, count ? reasons[0].why : "");
	if (count && question->why) {
		cr_expect_str_eq(reasons[0].rule, question->rule, "question %d", number);
		cr_expect_str_eq(reasons[0].why, question->why, "question %d: %s", number, reasons[0].why);
	}
	state_free(&state);
	cluster_free(&cluster);
}

Test(rules, hosts_are_allowed_and_refused_by_the_rule_in_question)
{
	for (int i = 0; i < QUESTIONS; i++) {
		for (int profile = 0; profile < PROFILE_COUNT; profile++) {
			if (questions[i].profiles >> profile & 1)
				check_answer(i, &questions[i], (enum profile)profile);
		}
	}
}

Test(rules, every_row_has_questions_on_both_sides_in_each_of_its_profiles)
{
	size_t count;
	const struct host_rule *rows = rules_host(&count);

	cr_assert(count >= 18);
	for (size_t row = 0; row < count; row++) {
		unsigned allowed = 0, refused = 0;

		for (int i = 0; i < QUESTIONS; i++) {
			if (strcmp(questions[i].rule, rows[row].id))
				continue;
			if (questions[i].why)
				refused |= questions[i].profiles;
			else
				allowed |= questions[i].profiles;
		}
		cr_expect_eq(allowed & rows[row].profiles, rows[row].profiles, "%s is not asked with a yes",
		             rows[row].id);
		cr_expect_eq(refused & rows[row].profiles, rows[row].profiles, "%s is not asked with a no",
		             rows[row].id);
		cr_expect(strlen(rows[row].law) > 10 && strlen(rows[row].source) > 3);
	}
}

Test(rules, questions_name_rows_that_there_are)
{
	size_t count;
	const struct host_rule *rows = rules_host(&count);

	for (int i = 0; i < QUESTIONS; i++) {
		bool found = false;

		for (size_t row = 0; row < count; row++)
			found |= !strcmp(rows[row].id, questions[i].rule);
		cr_expect(found, "%s", questions[i].rule);
	}
}

/* An admin may name a host that a first pass leaves out; a strict group refuses it all the same. */
Test(rules, named_hosts_need_no_first_pass)
{
	static const struct question best = { .groups = GROUP("g", "\"affinity\", \"best_effort\": true"),
		                              .v = IN_G,
		                              .others = OTHER("w", "f", "c", IN_G) };
	static const struct question strict = { .groups = GROUP("g", "\"anti-affinity\""),
		                                .v = IN_G,
		                                .others = OTHER("w", "f", "b", IN_G) };

	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct cluster cluster;
		struct state state;
		struct request request;

		ask_cluster(&cluster, &best, (enum profile)profile);
		state_create(&state, &cluster);
		request = request_for(&state, MOVE_LIVE, 0);
		cr_assert(schedule_allows_named(&request, 1));
		state_free(&state);
		cluster_free(&cluster);
		ask_cluster(&cluster, &strict, (enum profile)profile);
		state_create(&state, &cluster);
		request = request_for(&state, MOVE_LIVE, 0);
		cr_assert(!schedule_allows_named(&request, 1));
		state_free(&state);
		cluster_free(&cluster);
	}
}

/* While a VM moves, both ends are claimed: a host that it leaves is still full. */
Test(rules, both_ends_are_claimed_while_a_vm_moves)
{
	static const struct question full = { .b_mib = 4096, .others = OTHER("h", "half", "b", "") };
	struct cluster cluster;
	struct state state;
	struct request request;

	ask_cluster(&cluster, &full, PROFILE_STARLINGX);
	state_create(&state, &cluster);
	request = request_for(&state, MOVE_LIVE, 0);
	cr_assert(!rules_allow(&request, 1));
	state_claim(&state, 1, 2);
	cr_assert(!rules_allow(&request, 1));
	state_arrive(&state, 1);
	cr_assert(rules_allow(&request, 1));
	state_free(&state);
	cluster_free(&cluster);
}
