/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What extra specs mean. */
#include "core/flavor.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

/* One flavor of 4 vCPUs and 4097 MiB with these extra specs; the error's words in *error when it is refused.
 */
static int flavor_try(struct cluster *ret_cluster, const char *specs, struct error *error)
{
	char text[1024];

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"f\", \"hosts\": [], \"vms\": [], "
	         "\"flavors\": ["
	         "{\"name\": \"f\", \"vcpus\": 4, \"memory_mib\": 4097, \"disk_gib\": 10, "
	         "\"ephemeral_gib\": 3, "
	         "\"swap_mib\": 1025, \"extra_specs\": {%s}}]}",
	         specs);
	return cluster_try_text(ret_cluster, text, error);
}

static struct cluster flavor_with(const char *specs)
{
	struct cluster cluster;
	struct error error;

	cr_assert_eq(flavor_try(&cluster, specs, &error), 0, "%s: %s", specs, error.text);
	return cluster;
}

Test(flavor, without_extra_specs_nothing_binds)
{
	struct cluster cluster = flavor_with("");
	const struct flavor *flavor = &cluster.flavors[0];

	cr_assert(!flavor->dedicated && !flavor->passthrough && !flavor->cpu_model);
	cr_assert_eq(flavor->counted_vcpus, 4);
	cr_assert_eq(flavor->page_kib, PAGE_UNSAID);
	cr_assert_eq(flavor->storage, STORAGE_UNSAID);
	cr_assert(flavor->numa_count == 0 && flavor->pci_count == 0 && flavor->aggregate_spec_count == 0);
	cluster_free(&cluster);
}

Test(flavor, disk_is_root_unless_volume_and_ephemeral_and_swap_in_whole_gib)
{
	struct cluster cluster = flavor_with("");

	cr_assert_eq(flavor_disk_gib(&cluster.flavors[0], BOOT_IMAGE), 10 + 3 + 2);
	cr_assert_eq(flavor_disk_gib(&cluster.flavors[0], BOOT_VOLUME), 3 + 2);
	cluster_free(&cluster);
}

struct vcpus_case {
	const char *specs;
	int64_t shared, dedicated;
};

Test(flavor, vcpus_are_shared_or_dedicated)
{
	static const struct vcpus_case cases[] = {
		{ "", 4, 0 },
		{ "\"hw:cpu_policy\": \"shared\"", 4, 0 },
		{ "\"hw:cpu_policy\": \"dedicated\"", 0, 4 },
		{ "\"hw:cpu_policy\": \"mixed\"", 0, 4 },
		{ "\"hw:wrs:shared_vcpu\": \"0\"", 3, 0 },
		{ "\"hw:wrs:shared_vcpu\": 3, \"hw:cpu_policy\": \"dedicated\"", 0, 3 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cluster cluster = flavor_with(cases[i].specs);

		cr_expect_eq(flavor_shared_vcpus(&cluster.flavors[0]), cases[i].shared, "%s", cases[i].specs);
		cr_expect_eq(flavor_dedicated_vcpus(&cluster.flavors[0]), cases[i].dedicated, "%s",
		             cases[i].specs);
		cluster_free(&cluster);
	}
}

struct page_case {
	const char *specs;
	int32_t page_kib;
};

Test(flavor, page_sizes_have_names_and_units)
{
	static const struct page_case cases[] = {
		{ "\"hw:mem_page_size\": \"small\"", PAGE_SMALL },
		{ "\"hw:mem_page_size\": \"large\"", PAGE_LARGE },
		{ "\"hw:mem_page_size\": \"any\"", PAGE_ANY },
		{ "\"hw:mem_page_size\": 4", PAGE_SMALL },
		{ "\"hw:mem_page_size\": \"2048\"", PAGE_2M },
		{ "\"hw:mem_page_size\": \"2MB\"", PAGE_2M },
		{ "\"hw:mem_page_size\": \"2M\"", PAGE_2M },
		{ "\"hw:mem_page_size\": \"2MiB\"", PAGE_2M },
		{ "\"hw:mem_page_size\": 1048576", PAGE_1G },
		{ "\"hw:mem_page_size\": \"1GB\"", PAGE_1G },
		{ "\"hw:mem_page_size\": \"1048576KB\"", PAGE_1G },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cluster cluster = flavor_with(cases[i].specs);

		cr_expect_eq(cluster.flavors[0].page_kib, cases[i].page_kib, "%s", cases[i].specs);
		cr_expect_eq(cluster.flavors[0].numa_count, 1);
		cluster_free(&cluster);
	}
}

Test(flavor, guest_nodes_share_equally_unless_told)
{
	struct cluster cluster = flavor_with("\"hw:numa_nodes\": 3");
	const struct numa_demand *numa = cluster.flavors[0].numa;

	cr_assert_eq(cluster.flavors[0].numa_count, 3);
	cr_assert(numa[0].cpus == 2 && numa[1].cpus == 1 && numa[2].cpus == 1);
	cr_assert(numa[0].memory_mib == 1366 && numa[1].memory_mib == 1366 && numa[2].memory_mib == 1365);
	cluster_free(&cluster);
	cluster = flavor_with("\"hw:numa_nodes\": 2, \"hw:numa_cpus.0\": \"0,2-3\", \"hw:numa_cpus.1\": 1, "
	                      "\"hw:numa_mem.0\": 4000, \"hw:numa_mem.1\": 97");
	numa = cluster.flavors[0].numa;
	cr_assert(numa[0].cpus == 3 && numa[1].cpus == 1);
	cr_assert(numa[0].memory_mib == 4000 && numa[1].memory_mib == 97);
	cluster_free(&cluster);
}

Test(flavor, pci_aliases_are_counted)
{
	struct cluster cluster = flavor_with("\"pci_passthrough:alias\": \"gpu:2, nic, fpga: 3\"");
	const struct flavor *flavor = &cluster.flavors[0];

	cr_assert_eq(flavor->pci_count, 3);
	cr_assert_str_eq(flavor->pci[0].alias, "gpu");
	cr_assert_eq(flavor->pci[0].count, 2);
	cr_assert_str_eq(flavor->pci[1].alias, "nic");
	cr_assert_eq(flavor->pci[1].count, 1);
	cr_assert_str_eq(flavor->pci[2].alias, "fpga");
	cr_assert_eq(flavor->pci[2].count, 3);
	cluster_free(&cluster);
}

Test(flavor, aggregate_specs_have_their_scope_or_none)
{
	struct cluster cluster = flavor_with(
		"\"aggregate_instance_extra_specs:storage\": \"local_lvm\", \"ssd\": true, "
		"\"hw:cpu_sockets\": 1, \"quota:cpu_shares\": 5");
	const struct flavor *flavor = &cluster.flavors[0];

	cr_assert_eq(flavor->aggregate_spec_count, 2);
	cr_assert_str_eq(flavor->aggregate_specs[0].key, "storage");
	cr_assert_str_eq(flavor->aggregate_specs[1].key, "ssd");
	cr_assert_str_eq(flavor->aggregate_specs[1].value, "true");
	cr_assert_eq(flavor->storage, STORAGE_LOCAL_LVM);
	cluster_free(&cluster);
}

Test(flavor, cpu_models)
{
	struct cluster cluster = flavor_with("\"hw:cpu_model\": \"Haswell\"");

	cr_assert_str_eq(cluster.flavors[0].cpu_model, "Haswell");
	cluster_free(&cluster);
	cluster = flavor_with("\"hw:cpu_model\": \"Passthrough\"");
	cr_assert(cluster.flavors[0].passthrough && !cluster.flavors[0].cpu_model);
	cluster_free(&cluster);
}

struct wrong_case {
	const char *specs, *words;
};

Test(flavor, what_makes_no_sense_is_refused)
{
	static const struct wrong_case cases[] = {
		{ "\"hw:cpu_policy\": \"dedicate\"",
		  "hw:cpu_policy: \"dedicate\", expected shared or dedicated" },
		{ "\"hw:mem_page_size\": \"huge\"",
		  "hw:mem_page_size: \"huge\", expected small, large, any, 4, 2048 or 1048576" },
		{ "\"hw:mem_page_size\": 8",
		  "hw:mem_page_size: \"8\", expected small, large, any, 4, 2048 or 1048576" },
		{ "\"hw:mem_page_size\": -2048", "hw:mem_page_size: \"-2048\", expected" },
		{ "\"hw:mem_page_size\": \"2XB\"", "hw:mem_page_size: \"2XB\", expected" },
		{ "\"hw:numa_nodes\": 0", "hw:numa_nodes: \"0\", expected 1 to 16" },
		{ "\"hw:numa_nodes\": 17", "hw:numa_nodes: \"17\", expected 1 to 16" },
		{ "\"hw:numa_nodes\": \"two\"", "hw:numa_nodes: \"two\", expected 1 to 16" },
		{ "\"hw:numa_nodes\": 5", "hw:numa_nodes: more nodes than the flavor has vCPUs" },
		{ "\"hw:numa_nodes\": 2, \"hw:numa_cpus.0\": \"0-4\"",
		  "the nodes together are not the flavor" },
		{ "\"hw:numa_nodes\": 2, \"hw:numa_cpus.0\": \"a\"",
		  "hw:numa_cpus.0: \"a\", expected a set of vCPUs like 0-1" },
		{ "\"hw:numa_nodes\": 2, \"hw:numa_cpus.0\": \"3-1\"",
		  "hw:numa_cpus.0: \"3-1\", expected a set" },
		{ "\"hw:numa_nodes\": 2, \"hw:numa_mem.1\": \"1x\"", "hw:numa_mem.1: \"1x\", expected MiB" },
		{ "\"pci_passthrough:alias\": \"gpu:0\"",
		  "pci_passthrough:alias: \"gpu:0\", expected like gpu:1,nic:2" },
		{ "\"pci_passthrough:alias\": \"gpu:x\"", "pci_passthrough:alias: \"gpu:x\", expected" },
		{ "\"pci_passthrough:alias\": \":1\"", "pci_passthrough:alias: \":1\", expected" },
		{ "\"pci_passthrough:alias\": \",\"", "pci_passthrough:alias: \",\", expected" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cluster cluster;
		struct error error;

		cr_expect_eq(flavor_try(&cluster, cases[i].specs, &error), ERROR_INPUT, "%s", cases[i].specs);
		cr_expect(!strncmp(error.text, "c.json:1: flavors[0].extra_specs: ", 34), "%s", error.text);
		cr_expect(strstr(error.text, cases[i].words), "%s", error.text);
	}
}

struct spec_case {
	const char *value, *requirement;
	bool matches;
};

/* nova/scheduler/filters/extra_specs_ops.py. */
Test(flavor, extra_spec_operators)
{
	static const struct spec_case cases[] = {
		{ "true", "true", true },
		{ "true", "false", false },
		{ "12", "= 12", true },
		{ "13", "= 12", true },
		{ "11", "= 12", false },
		{ "12", "== 12", true },
		{ "12.5", "== 12", false },
		{ "12", ">= 12", true },
		{ "11", ">= 12", false },
		{ "11", "<= 12", true },
		{ "13", "<= 12", false },
		{ "13", "!= 12", true },
		{ "12", "!= 12", false },
		{ "ssd", "s== ssd", true },
		{ "ssd", "s== hdd", false },
		{ "ssd", "s!= hdd", true },
		{ "ssd", "s!= ssd", false },
		{ "a", "s< b", true },
		{ "b", "s< b", false },
		{ "b", "s<= b", true },
		{ "c", "s> b", true },
		{ "b", "s> b", false },
		{ "b", "s>= b", true },
		{ "nvme-ssd", "<in> ssd", true },
		{ "hdd", "<in> ssd", false },
		{ "hdd", "<or> ssd <or> hdd", true },
		{ "tape", "<or> ssd <or> hdd", false },
		{ "sd", "<or> ssd <or> hdd", false },
		{ "two words", "two words", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(spec_matches(cases[i].value, cases[i].requirement), cases[i].matches, "%s %s",
		             cases[i].value, cases[i].requirement);
}
