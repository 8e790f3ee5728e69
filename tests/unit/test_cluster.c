/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cluster file: every member, what it may be, and the words when it is not. */
#include "core/cluster.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>
#include <math.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file line by line: 1 the root's beginning, 2 switches, 3 hosts, 4 flavors, 5 groups, 6 vms, 7 the end. */
struct file {
	const char *root, *switches, *host, *hosts, *flavor, *flavors, *groups, *vm, *vms;
};

static const char *or_text(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static int file_read(const struct file *file, struct cluster *ret_cluster, struct error *error)
{
	char text[4096];

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"c\"%s,\n"
	         "\"switches\": [%s],\n"
	         "\"hosts\": [{\"name\": \"a\", \"cpus\": 8, \"memory_mib\": 8192%s}%s],\n"
	         "\"flavors\": [{\"name\": \"f\", \"vcpus\": 2, \"memory_mib\": 2048%s}%s],\n"
	         "\"groups\": [%s],\n"
	         "\"vms\": [{\"name\": \"v\", \"host\": \"a\", \"flavor\": \"f\"%s}%s]\n"
	         "}\n",
	         or_text(file->root, ""), or_text(file->switches, ""), or_text(file->host, ""),
	         or_text(file->hosts, ""), or_text(file->flavor, ""), or_text(file->flavors, ""),
	         or_text(file->groups, ""), or_text(file->vm, ""), or_text(file->vms, ""));
	return cluster_try_text(ret_cluster, text, error);
}

static void file_good(const struct file *file, struct cluster *ret_cluster)
{
	struct error error;

	cr_assert_eq(file_read(file, ret_cluster, &error), 0, "%s", error.text);
}

struct wrong {
	struct file file;
	const char *words; /* the whole message without "c.json:" */
};

static void check_wrong(const struct wrong *wrong, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct cluster cluster;
		struct error error = { "no error" };

		cr_expect_eq(file_read(&wrong[i].file, &cluster, &error), ERROR_INPUT,
		             "expected: "
		             "%s",
		             wrong[i].words);
		cr_expect(!strncmp(error.text, "c.json:", 7), "%s", error.text);
		cr_expect_str_eq(error.text + 7, wrong[i].words);
	}
}

#define CHECK_WRONG(table) check_wrong(table, sizeof(table) / sizeof(table[0]))

Test(cluster, defaults_are_filled_in)
{
	static const struct file plain = { .groups = "{\"name\": \"g\", \"policy\": \"affinity\"}" };
	struct cluster cluster;
	const struct host *host;
	const struct flavor *flavor;
	const struct vm *vm;

	file_good(&plain, &cluster);
	host = &cluster.hosts[0];
	flavor = &cluster.flavors[0];
	vm = &cluster.vms[0];
	cr_assert_str_eq(cluster.name, "c");
	cr_assert_eq(cluster.profile, PROFILE_STARLINGX);
	cr_assert(isnan(cluster.migration.timeout_s) && cluster.migration.parallel_per_host == -1);
	cr_assert(host->administrative == ADMIN_UNLOCKED && host->operational == OPER_ENABLED);
	cr_assert(host->availability == AVAIL_AVAILABLE && host->storage == STORAGE_REMOTE);
	cr_assert_str_eq(host->zone, "nova");
	cr_assert(host->cpu_ratio == 16 * RATIO_ONE && host->memory_ratio == RATIO_ONE);
	cr_assert(host->disk_ratio == RATIO_ONE && host->disk_gib == UNLIMITED);
	cr_assert(host->dedicated_cpus == -1 && host->reserved_cpus == 0 && host->aggregate_count == 0);
	cr_assert(host->all_networks && !host->cpu_model && !host->uri && host->pci_count == 0);
	cr_assert(host->numa_count == 1 && host->numa[0].cpus == 8 && host->numa[0].memory_mib == 8192);
	cr_assert(host->nic_mbit_s == 10000 && host->switch_index == NONE);
	cr_assert(flavor->disk_gib == 0 && flavor->swap_mib == 0 && flavor->ephemeral_gib == 0);
	cr_assert_str_eq(vm->id, "v");
	cr_assert(vm->group == NONE && vm->state == VM_ACTIVE && !vm->task && vm->boot == BOOT_VOLUME);
	cr_assert(vm->vif_count == 0 && !vm->zone && !vm->vote_reject && !vm->migration);
	cr_assert(vm->used_mib == 2048 && vm->dirty->model == DIRTY_MODEL_UNIFORM);
	cr_assert(vm->dirty->background_pages_s == 40 && vm->dirty->duty_period_s == 0);
	cr_assert(cluster.groups[0].max_per_host == 1 && cluster.groups[0].size == UNLIMITED);
	cr_assert(!cluster.groups[0].best_effort);
	cr_assert_eq(cluster.warning_count, 0);
	cluster_free(&cluster);
}

Test(cluster, every_member_of_a_host)
{
	static const struct file file = {
		.switches = "{\"name\": \"tor\", \"uplink\": \"core\", \"uplink_mbit_s\": 40000}, {"
			    "\"name\": \"core\"}",
		.host = ", \"administrative\": \"locked\", \"operational\": \"disabled\", "
			"\"availability\": \"power-off\", "
			"\"zone\": \"z\", \"aggregates\": [\"one\", {\"name\": \"two\", \"metadata\": {"
			"\"k\": 1, \"t\": true}}], "
			"\"cpu_ratio\": 1.5, \"dedicated_cpus\": 4, \"memory_ratio\": 0.9, \"disk_gib\":"
			" 100, \"disk_ratio\": "
			"2, \"reserved\": {\"cpus\": 1, \"memory_mib\": 512, \"disk_gib\": 5}, \"numa\":"
			" [{\"cpus\": 4, "
			"\"memory_mib\": 4096, \"hugepages\": {\"2048\": 10, \"1048576\": 2}}, {"
			"\"cpus\": 8, \"memory_mib\": 1}], "
			"\"cpu_model\": \"Haswell\", \"cpu_features\": [\"b\", \"a\", \"b\"], "
			"\"storage\": \"local_lvm\", "
			"\"networks\": [\"n1\", \"n2\"], \"pci\": {\"gpu\": 2, \"nic\": 0}, "
			"\"nic_mbit_s\": 0.5, \"switch\": "
			"\"tor\", \"uri\": \"qemu+tls://a/system\", \"x-mine\": [{}]",
		.hosts = ", {\"name\": \"b\", \"cpus\": 0, \"memory_mib\": 0, \"networks\": [], "
			 "\"switch\": null}",
	};
	struct cluster cluster;
	const struct host *host, *other;

	file_good(&file, &cluster);
	host = &cluster.hosts[0];
	other = &cluster.hosts[1];
	cr_assert(host->administrative == ADMIN_LOCKED && host->operational == OPER_DISABLED);
	cr_assert(host->availability == AVAIL_POWER_OFF && host->storage == STORAGE_LOCAL_LVM);
	cr_assert_str_eq(host->zone, "z");
	cr_assert_eq(host->aggregate_count, 2);
	cr_assert_str_eq(pairs_get(&host->aggregates[1].metadata, "k"), "1");
	cr_assert_str_eq(pairs_get(&host->aggregates[1].metadata, "t"), "true");
	cr_assert(host->cpu_ratio == 1500000 && host->memory_ratio == 900000 && host->disk_ratio == 2000000);
	cr_assert(host->dedicated_cpus == 4 && host->disk_gib == 100);
	cr_assert(host->reserved_cpus == 1 && host->reserved_memory_mib == 512 &&
	          host->reserved_disk_gib == 5);
	cr_assert(host->numa_count == 2 && host->numa[0].pages_2m == 10 && host->numa[0].pages_1g == 2);
	cr_assert(host->numa_first == 0 && other->numa_first == 2 && cluster.numa_count == 3);
	cr_assert(host->feature_count == 2 && !strcmp(host->features[0], "a") &&
	          !strcmp(host->features[1], "b"));
	cr_assert(!host->all_networks && host->network_count == 2);
	cr_assert(host->pci_count == 2 && host->pci[0].count == 2 && host->pci[1].count == 0);
	cr_assert(host->nic_mbit_s == 0.5 && host->switch_index == 0);
	cr_assert_str_eq(host->uri, "qemu+tls://a/system");
	cr_assert(!other->all_networks && other->network_count == 0 && other->switch_index == 1);
	cr_assert(cluster.switches[0].uplink == 1 && cluster.switches[1].uplink == NONE);
	cluster_free(&cluster);
}

Test(cluster, every_member_of_a_vm)
{
	static const struct file file = {
		.groups = "{\"name\": \"g\", \"policy\": \"anti-affinity\", \"best_effort\": true, "
			  "\"max_per_host\": 3, "
			  "\"size\": 5}",
		.vm = ", \"id\": \"1-2\", \"group\": \"g\", \"state\": \"verify-resize\", \"task\": "
		      "\"resizing\", \"boot\": "
		      "\"image\", \"vifs\": [{\"model\": \"avp-dpdk\", \"network\": \"n\"}, {\"model\": "
		      "\"e1000\"}], \"zone\": "
		      "\"z\", \"metadata\": {\"m\": \"1\"}, \"image\": {\"i\": 2.5}, \"heartbeat_vote\":"
		      " \"reject\", "
		      "\"used_mib\": 0.5, \"dirty\": {\"model\": \"zipf\", \"working_set_mib\": 7, "
		      "\"rate_pages_s\": 8, "
		      "\"exponent\": 1.5, \"background_pages_s\": 0, \"duty\": {\"period_s\": 4, "
		      "\"on_fraction\": 0.25}}, "
		      "\"migration\": {\"timeout_s\": 9, \"auto_converge\": false, \"hypervisor\": "
		      "\"qemu-9.1\"}",
		.vms = ", {\"name\": \"w\", \"host\": null, \"flavor\": \"f\", \"group\": null, "
		       "\"task\": null, \"dirty\": "
		       "{\"model\": \"measured\", \"points\": [[0, 0], [1, 10], [2.5, 10]]}}",
	};
	struct cluster cluster;
	const struct vm *vm, *other;

	file_good(&file, &cluster);
	vm = &cluster.vms[0];
	other = &cluster.vms[1];
	cr_assert(vm->group == 0 && vm->state == VM_VERIFY_RESIZE && vm->boot == BOOT_IMAGE &&
	          vm->vote_reject);
	cr_assert(!strcmp(vm->id, "1-2") && !strcmp(vm->task, "resizing") && !strcmp(vm->zone, "z"));
	cr_assert(vm->vif_count == 2 && vm->vifs[0].model == VIF_AVP_DPDK && !vm->vifs[1].network);
	cr_assert_str_eq(pairs_get(&vm->metadata, "m"), "1");
	cr_assert_str_eq(pairs_get(&vm->image, "i"), "2.5");
	cr_assert_null(pairs_get(&vm->image, "m"));
	cr_assert(vm->used_mib == 0.5 && vm->dirty->model == DIRTY_MODEL_ZIPF && vm->dirty->exponent == 1.5);
	cr_assert(vm->dirty->background_pages_s == 0 && vm->dirty->duty_on_fraction == 0.25);
	cr_assert(vm->migration->timeout_s == 9 && vm->migration->auto_converge == 0);
	cr_assert(vm->migration->post_copy == -1 && isnan(vm->migration->setup_ms));
	cr_assert(other->host == NONE && other->group == NONE && !other->task);
	cr_assert(other->dirty->point_count == 2 && other->dirty->points[1][0] == 2.5);
	cr_assert(cluster.groups[0].size == 5 && cluster.groups[0].max_per_host == 3);
	cr_assert(cluster_vm(&cluster, "v") == 0 && cluster_vm(&cluster, "1-2") == 0 &&
	          cluster_vm(&cluster, "x") == NONE);
	cr_assert(cluster_host(&cluster, "a") == 0 && cluster_host(&cluster, "v") == NONE);
	cluster_free(&cluster);
}

Test(cluster, the_root_is_checked)
{
	static const struct wrong wrong[] = {
		{ { .root = ", \"profil\": \"nova\"" },
		  "1: profil: unknown member \"profil\" (did you "
		  "mean \"profile\"?)" },
		{ { .root = ", \"weather\": 1" },
		  "1: weather: unknown member \"weather\", expected one "
		  "of the format's" },
		{ { .root = ", \"profile\": \"novaa\"" },
		  "1: profile: unknown word \"novaa\" (did you mean \"nova\"?), expected one of "
		  "\"titanium\", \"starlingx\", "
		  "\"nova\"" },
		{ { .root = ", \"profile\": 1" }, "1: profile: a number, expected a string" },
		{ { .root = ", \"migration\": []" },
		  "1: migration: an array, expected migration "
		  "settings (an object)" },
		{ { .root = ", \"migration\": {\"hypervisor\": \"kvm\"}" },
		  "1: migration.hypervisor: unknown hypervisor, expected qemu-MAJOR.MINOR like "
		  "\"qemu-7.2\"" },
		{ { .root = ", \"migration\": {\"wire_efficiency\": 0}" },
		  "1: migration.wire_efficiency: 0 is out of range, expected more than 0 and at most 1" },
		{ { .root = ", \"migration\": {\"timeout_s\": -1}" },
		  "1: migration.timeout_s: -1 is out of range, expected at least 0 and at most 1000000000" },
		{ { .root = ", \"migration\": {\"downtime_steps\": 1.5}" },
		  "1: migration.downtime_steps: 1.5, expected an integer" },
		{ { .root = ", \"migration\": {\"post_copy\": 1}" },
		  "1: migration.post_copy: a number, expected true or false" },
		{ { .root = ", \"vms\": []" }, "6: vms: member \"vms\" stands twice, expected once" },
	};

	CHECK_WRONG(wrong);
}

Test(cluster, required_sections_and_the_schema)
{
	static const char *const texts[][2] = {
		{ "[]", "c.json:1: an array, expected a cluster (an object)" },
		{ "{}", "c.json:1: member \"schema\" is missing, expected in a cluster" },
		{ "{\"schema\": \"lockkeeper.cluster/2\", \"name\": \"c\", \"hosts\": [], \"flavors\": "
		  "[], \"vms\": []}",
		  "c.json:1: schema: \"lockkeeper.cluster/2\", expected \"lockkeeper.cluster/1\"" },
		{ "{\"schema\": \"lockkeeper.cluster/1\", \"hosts\": [], \"flavors\": [], \"vms\": []}",
		  "c.json:1: member \"name\" is missing, expected in a cluster" },
		{ "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"c\", \"flavors\": [], \"vms\": []}",
		  "c.json:1: member \"hosts\" is missing, expected in a cluster" },
		{ "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"c\", \"hosts\": [], \"vms\": []}",
		  "c.json:1: member \"flavors\" is missing, expected in a cluster" },
		{ "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"c\", \"hosts\": [], \"flavors\": []}",
		  "c.json:1: member \"vms\" is missing, expected in a cluster" },
		{ "{\"schema\": \"lockkeeper.cluster/1\",\n \"name\": \"\", \"hosts\": [], \"flavors\": "
		  "[], \"vms\": []}",
		  "c.json:2: name: an empty string, expected a text" },
		{ "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"a\\nb\", \"hosts\": [], "
		  "\"flavors\": [], \"vms\": []}",
		  "c.json:1: name: a control character, expected a text of one line" },
		{ "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"c\", \"hosts\": {}, \"flavors\": "
		  "[], \"vms\": []}",
		  "c.json:1: hosts: an object, expected an array of hosts" },
		{ "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"c\", \"hosts\": [], \"flavors\": "
		  "null, \"vms\": []}",
		  "c.json:1: flavors: null, expected an array of flavors" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct cluster cluster;
		struct error error = { "no error" };

		cr_expect_eq(cluster_try_text(&cluster, texts[i][0], &error), ERROR_INPUT);
		cr_expect_str_eq(error.text, texts[i][1]);
	}
}

Test(cluster, switches_are_a_tree)
{
	static const struct wrong wrong[] = {
		{ { .switches = "{\"name\": \"s\", \"uplink\": \"s\", \"uplink_mbit_s\": 1}" },
		  "2: switches[0].uplink: the uplinks from switch \"s\" go in a circle, expected a tree" },
		{ { .switches = "{\"name\": \"s\", \"uplink\": \"t\", \"uplink_mbit_s\": 1},\n"
		                "{\"name\": \"t\", \"uplink\": \"u\", \"uplink_mbit_s\": 1}, "
		                "{\"name\": \"u\", \"uplink\": \"t\", \"uplink_mbit_s\": 1}" },
		  "2: switches[0].uplink: the uplinks from switch \"s\" go in a circle, expected a tree" },
		{ { .switches = "{\"name\": \"s\", \"uplink\": \"t\", \"uplink_mbit_s\": 1}" },
		  "2: switches[0].uplink: no switch is named \"t\", expected one of the file's" },
		{ { .switches = "{\"name\": \"s\"}, {\"name\": \"s\"}" },
		  "2: switches[1].name: name \"s\" stands twice, expected unique names" },
		{ { .switches = "{\"name\": \"t\"}, {\"name\": \"s\", \"uplink\": \"t\"}" },
		  "2: switches[1]: member \"uplink_mbit_s\" is missing, expected the uplink's speed" },
		{ { .switches = "{\"name\": \"s\", \"uplink_mbit_s\": 5}" },
		  "2: switches[0]: \"uplink_mbit_s\" without \"uplink\", expected both or none" },
		{ { .switches = "{\"name\": \"t\"}, {\"name\": \"s\", \"uplink\": \"t\", "
		                "\"uplink_mbit_s\": 0}" },
		  "2: switches[1].uplink_mbit_s: 0 is out of range, expected more than 0 and at most "
		  "1000000000000" },
		{ { .switches = "7" }, "2: switches[0]: a number, expected a switch (an object)" },
		{ { .host = ", \"switch\": \"tor\"" },
		  "3: hosts[0].switch: no switch is named \"tor\", expected one of the file's" },
	};

	CHECK_WRONG(wrong);
}

Test(cluster, hosts_are_checked)
{
	static const struct wrong wrong[] = {
		{ { .hosts = ", {\"name\": \"b\", \"memory_mib\": 1}" },
		  "3: hosts[1]: member \"cpus\" is missing, expected in a host" },
		{ { .hosts = ",\n{\"name\": \"a\", \"cpus\": 1, \"memory_mib\": 1}" },
		  "4: hosts[1].name: name \"a\" stands twice, expected unique names" },
		{ { .hosts = ", {\"name\": null, \"cpus\": 1, \"memory_mib\": 1}" },
		  "3: hosts[1].name: null, expected a string" },
		{ { .host = ", \"cpu_ration\": 1" },
		  "3: hosts[0].cpu_ration: unknown member \"cpu_ration\" (did you mean \"cpu_ratio\"?)" },
		{ { .host = ", \"cpu_ratio\": 0" },
		  "3: hosts[0].cpu_ratio: 0 is out of range, expected at least 1e-06 and at most 10000" },
		{ { .host = ", \"disk_gib\": -1" },
		  "3: hosts[0].disk_gib: -1 is out of range, expected at least 0 and at most 1000000000" },
		{ { .host = ", \"disk_gib\": 1e308" },
		  "3: hosts[0].disk_gib: 1e+308 is out of range, expected at least 0 and at most "
		  "1000000000" },
		{ { .host = ", \"disk_gib\": 0.5" }, "3: hosts[0].disk_gib: 0.5, expected an integer" },
		{ { .host = ", \"disk_gib\": \"5\"" },
		  "3: hosts[0].disk_gib: a string, expected an "
		  "integer" },
		{ { .host = ", \"dedicated_cpus\": -1" },
		  "3: hosts[0].dedicated_cpus: -1 is out of range, expected at least 0 and at most 1000000" },
		{ { .host = ", \"zone\": null" }, "3: hosts[0].zone: null, expected a string" },
		{ { .host = ", \"administrative\": \"lock\"" },
		  "3: hosts[0].administrative: unknown word \"lock\", expected one of \"unlocked\", "
		  "\"locked\"" },
		{ { .host = ", \"storage\": \"local-lvm\"" },
		  "3: hosts[0].storage: unknown word \"local-lvm\" (did you mean \"local_lvm\"?), "
		  "expected one of \"remote\", "
		  "\"local_image\", \"local_lvm\"" },
		{ { .host = ", \"numa\": []" }, "3: hosts[0].numa: 0 NUMA nodes, expected 1 to 64" },
		{ { .host = ", \"numa\": [{\"cpus\": 1}]" },
		  "3: hosts[0].numa[0]: member \"memory_mib\" is missing, expected in a NUMA node" },
		{ { .host = ", \"numa\": [{\"cpus\": 1, \"memory_mib\": 1, \"hugepages\": {\"4096\": 1}}]" },
		  "3: hosts[0].numa[0].hugepages.4096: unknown member \"4096\", expected one of the "
		  "format's" },
		{ { .host = ", \"reserved\": {\"memory\": 1}" },
		  "3: hosts[0].reserved.memory: unknown member \"memory\", expected one of the format's" },
		{ { .host = ", \"aggregates\": [\"x\", 5]" },
		  "3: hosts[0].aggregates[1]: a number, expected an aggregate's name (an object)" },
		{ { .host = ", \"aggregates\": [{\"name\": \"x\", \"metadata\": {\"k\": null}}]" },
		  "3: hosts[0].aggregates[0].metadata.k: null, expected a string" },
		{ { .host = ", \"pci\": {\"gpu\": -1}" },
		  "3: hosts[0].pci.gpu: -1 is out of range, expected at least 0 and at most 1000000" },
		{ { .host = ", \"networks\": [1]" }, "3: hosts[0].networks[0]: a number, expected a string" },
		{ { .host = ", \"cpu_features\": \"aes\"" },
		  "3: hosts[0].cpu_features: a string, expected an array of CPU features" },
		{ { .host = ", \"nic_mbit_s\": 0" },
		  "3: hosts[0].nic_mbit_s: 0 is out of range, expected more than 0 and at most "
		  "1000000000000" },
	};

	CHECK_WRONG(wrong);
}

Test(cluster, flavors_and_groups_are_checked)
{
	static const struct wrong wrong[] = {
		{ { .flavors = ", {\"name\": \"f\", \"vcpus\": 1, \"memory_mib\": 1}" },
		  "4: flavors[1].name: name \"f\" stands twice, expected unique names" },
		{ { .flavors = ", {\"name\": \"g\", \"vcpus\": 0, \"memory_mib\": 1}" },
		  "4: flavors[1].vcpus: 0 is out of range, expected at least 1 and at most 1000000" },
		{ { .flavors = ", {\"name\": \"g\", \"vcpus\": 1}" },
		  "4: flavors[1]: member \"memory_mib\" is missing, expected in a flavor" },
		{ { .flavor = ", \"swap_mib\": -1" },
		  "4: flavors[0].swap_mib: -1 is out of range, expected at least 0 and at most "
		  "100000000000" },
		{ { .flavor = ", \"extra_specs\": []" },
		  "4: flavors[0].extra_specs: an array, expected an object of texts" },
		{ { .groups = "{\"name\": \"g\"}" },
		  "5: groups[0]: member \"policy\" is missing, "
		  "expected in a server group" },
		{ { .groups = "{\"name\": \"g\", \"policy\": \"antiaffinity\"}" },
		  "5: groups[0].policy: unknown word \"antiaffinity\" (did you mean \"anti-affinity\"?),"
		  " expected one of "
		  "\"affinity\", \"anti-affinity\", \"soft-affinity\", \"soft-anti-affinity\"" },
		{ { .groups = "{\"name\": \"g\", \"policy\": \"affinity\", \"max_per_host\": 2}" },
		  "5: groups[0].max_per_host: Only anti-affinity policy supports rules. (expected "
		  "policy anti-affinity)" },
		{ { .groups = "{\"name\": \"g\", \"policy\": \"anti-affinity\", \"max_per_host\": 0}" },
		  "5: groups[0].max_per_host: 0 is out of range, expected at least 1 and at most 1000000" },
		{ { .groups = "{\"name\": \"g\", \"policy\": \"soft-affinity\", \"best_effort\": true}" },
		  "5: groups[0].best_effort: best_effort with policy soft-affinity, expected affinity "
		  "or anti-affinity" },
		{ { .groups = "{\"name\": \"g\", \"policy\": \"affinity\", \"best_effort\": \"yes\"}" },
		  "5: groups[0].best_effort: a string, expected true or false" },
	};

	CHECK_WRONG(wrong);
}

Test(cluster, vms_are_checked)
{
	static const struct wrong wrong[] = {
		{ { .vms = ", {\"name\": \"w\", \"flavor\": \"f\"}" },
		  "6: vms[1]: member \"host\" is missing, expected in a VM" },
		{ { .vms = ", {\"name\": \"w\", \"host\": \"b\", \"flavor\": \"f\"}" },
		  "6: vms[1].host: no host is named \"b\", expected one of the file's" },
		{ { .vms = ", {\"name\": \"w\", \"host\": 5, \"flavor\": \"f\"}" },
		  "6: vms[1].host: a number, expected a name" },
		{ { .vms = ", {\"name\": \"w\", \"host\": null, \"flavor\": \"m\"}" },
		  "6: vms[1].flavor: no flavor is named \"m\", expected one of the file's" },
		{ { .vms = ", {\"name\": \"w\", \"host\": null, \"flavor\": null}" },
		  "6: vms[1].flavor: null, expected a name" },
		{ { .vm = ", \"group\": \"g\"" },
		  "6: vms[0].group: no group is named \"g\", expected "
		  "one of the file's" },
		{ { .vms = ", {\"name\": \"v\", \"host\": null, \"flavor\": \"f\"}" },
		  "6: vms[1].name: name \"v\" stands twice, expected unique names" },
		{ { .vm = ", \"id\": \"1\"",
		    .vms = ", {\"name\": \"w\", \"id\": \"1\", \"host\": null, "
		           "\"flavor\": \"f\"}" },
		  "6: vms[1].id: id \"1\" stands twice, expected unique ids" },
		{ { .vm = ", \"state\": \"deleted\"" },
		  "6: vms[0].state: unknown word \"deleted\", expected one of \"active\", \"paused\", "
		  "\"suspended\", "
		  "\"stopped\", \"error\", \"rescued\", \"verify-resize\"" },
		{ { .vm = ", \"used_mib\": 2048.5" },
		  "6: vms[0].used_mib: more than the flavor's "
		  "memory, expected at most 2048" },
		{ { .vm = ", \"used_mib\": -1" },
		  "6: vms[0].used_mib: -1 is out of range, expected at least 0 and at most 100000000000" },
		{ { .vm = ", \"heartbeat_vote\": \"no\"" },
		  "6: vms[0].heartbeat_vote: unknown word \"no\", expected one of \"allow\", \"reject\"" },
		{ { .vm = ", \"vifs\": [{\"network\": \"n\"}]" },
		  "6: vms[0].vifs[0]: member \"model\" is missing, expected in a vif" },
		{ { .vm = ", \"vifs\": [{\"model\": \"sriov\"}]" },
		  "6: vms[0].vifs[0].model: unknown word \"sriov\", expected one of \"virtio\", \"avp\","
		  " \"avp-dpdk\", "
		  "\"e1000\", \"rtl8139\", \"pci-sriov\", \"pci-passthrough\"" },
		{ { .vm = ", \"migration\": {\"bandwith_mib_s\": 1}" },
		  "6: vms[0].migration.bandwith_mib_s: unknown member \"bandwith_mib_s\" (did you mean "
		  "\"bandwidth_mib_s\"?)" },
		{ { .vm = ", \"metadata\": {\"k\": {}}" },
		  "6: vms[0].metadata.k: an object, expected a "
		  "string" },
		{ { .vms = ", []" }, "6: vms[1]: an array, expected a VM (an object)" },
	};

	CHECK_WRONG(wrong);
}

#define DIRTY(rest) ", \"dirty\": {" rest "}"

Test(cluster, dirty_models_are_checked)
{
	static const struct wrong wrong[] = {
		{ { .vm = ", \"dirty\": \"idle\"" },
		  "6: vms[0].dirty: a string, expected a dirty model "
		  "(an object)" },
		{ { .vm = DIRTY("") }, "6: vms[0].dirty: member \"model\" is missing, expected in dirty" },
		{ { .vm = DIRTY("\"model\": \"uniform\", \"rate_pages_s\": 1") },
		  "6: vms[0].dirty: member \"working_set_mib\" is missing, expected in a dirty model" },
		{ { .vm = DIRTY("\"model\": \"uniform\", \"rate_pages_s\": 1, \"working_set_mib\": 0") },
		  "6: vms[0].dirty.working_set_mib: 0 is out of range, expected more than 0 and at most "
		  "100000000000" },
		{ { .vm = DIRTY("\"model\": \"idle\", \"exponent\": 1") },
		  "6: vms[0].dirty.exponent: unknown member \"exponent\", expected one of the format's" },
		{ { .vm = DIRTY("\"model\": \"hotcold\", \"rate_pages_s\": 1, \"working_set_mib\": 1, "
		                "\"hot_fraction\": 1.1, "
		                "\"hot_probability\": 1") },
		  "6: vms[0].dirty.hot_fraction: 1.1 is out of range, expected at least 0 and at most 1" },
		{ { .vm = DIRTY("\"model\": \"idle\", \"duty\": {\"period_s\": 0, \"on_fraction\": 1}") },
		  "6: vms[0].dirty.duty.period_s: 0 is out of range, expected more than 0 and at most "
		  "1000000000" },
		{ { .vm = DIRTY("\"model\": \"measured\", \"points\": []") },
		  "6: vms[0].dirty.points: no point, expected at least one beside [0, 0]" },
		{ { .vm = DIRTY("\"model\": \"measured\", \"points\": [[1, 5], [1, 6]]") },
		  "6: vms[0].dirty.points[1]: expected more seconds than in the point before" },
		{ { .vm = DIRTY("\"model\": \"measured\", \"points\": [[1, 5], [2, 4]]") },
		  "6: vms[0].dirty.points[1]: expected at least the memory of the point before" },
		{ { .vm = DIRTY("\"model\": \"measured\", \"points\": [[1]]") },
		  "6: vms[0].dirty.points[0]: expected a pair [seconds, unique_mib]" },
	};

	CHECK_WRONG(wrong);
}

struct warning_case {
	struct file file;
	const char *warning; /* NULL: none */
};

#define OTHER(name, rest) ", {\"name\": \"" name "\", \"host\": \"a\", \"flavor\": \"f\"" rest "}"
#define ON(name, host, rest) ", {\"name\": \"" name "\", \"host\": \"" host "\", \"flavor\": \"f\"" rest "}"
#define IN_G ", \"group\": \"g\""
#define HOST_B ", {\"name\": \"b\", \"cpus\": 8, \"memory_mib\": 8192}"
#define SPECS(text) ", \"extra_specs\": {" text "}"

/* What real clusters have although rules forbid it: a warning, no error. */
static const struct warning_case warning_cases[] = {
	{ { .vms = OTHER("w", "") OTHER("x", "") OTHER("y", "") }, NULL },
	{ { .vms = OTHER("w", "") OTHER("x", "") OTHER("y", "") OTHER("z", ", \"state\": \"stopped\"") },
	  "host a is overfull: its VMs have 10240 MiB, it has 8192" },
	{ { .host = ", \"reserved\": {\"memory_mib\": 6145}" },
	  "host a is overfull: its VMs have 2048 MiB, it has 2047" },
	{ { .host = ", \"cpu_ratio\": 0.2" },
	  "host a is overfull: its VMs have 2 vCPUs (0 dedicated) "
	  "on 8 CPUs" },
	{ { .host = ", \"dedicated_cpus\": 1", .flavor = SPECS("\"hw:cpu_policy\": \"dedicated\"") },
	  "host a is overfull: its VMs have 2 dedicated vCPUs, it has 1" },
	{ { .host = ", \"disk_gib\": 9", .flavor = ", \"ephemeral_gib\": 10" },
	  "host a is overfull: its VMs have 10 GiB of disk, it has 9" },
	{ { .host = ", \"pci\": {\"gpu\": 1}", .flavor = SPECS("\"pci_passthrough:alias\": \"gpu:2\"") },
	  "host a is overfull: its VMs have 2 PCI devices gpu, it has 1" },
	{ { .flavor = SPECS("\"hw:mem_page_size\": \"1GB\"") },
	  "host a is overfull: NUMA node 0 has not the huge pages of its VMs" },
	{ { .groups = "{\"name\": \"g\", \"policy\": \"affinity\"}",
	    .hosts = HOST_B,
	    .vm = IN_G,
	    .vms = ON("w", "b", IN_G) },
	  "group g (affinity) is already violated: its 2 members are on 2 hosts" },
	{ { .groups = "{\"name\": \"g\", \"policy\": \"affinity\", \"best_effort\": "
	              "true}",
	    .hosts = HOST_B,
	    .vm = IN_G,
	    .vms = ON("w", "b", IN_G) },
	  NULL },
	{ { .groups = "{\"name\": \"g\", \"policy\": "
	              "\"anti-affinity\"}",
	    .vm = IN_G,
	    .vms = ON("w", "a", IN_G) },
	  "group g (anti-affinity) is already violated: its 2 members are on 1 host" },
	{ { .groups = "{\"name\": \"g\", \"policy\": \"anti-affinity\"}",
	    .hosts = HOST_B,
	    .vm = IN_G,
	    .vms = ON("w", "b", IN_G) },
	  NULL },
	{ { .groups = "{\"name\": \"g\", \"policy\": \"anti-affinity\", \"max_per_host\": 2}" },
	  "group g: max_per_host is ignored by profile starlingx" },
	{ { .root = ", \"profile\": \"nova\"",
	    .groups = "{\"name\": \"g\", \"policy\": \"anti-affinity\", "
	              "\"max_per_host\": 2}",
	    .vm = IN_G,
	    .vms = ON("w", "a", IN_G) },
	  NULL },
	{ { .root = ", \"profile\": \"nova\"",
	    .groups = "{\"name\": \"g\", \"policy\": \"anti-affinity\", "
	              "\"max_per_host\": 2}",
	    .vm = IN_G,
	    .vms = ON("w", "a", IN_G) ON("x", "a", IN_G) },
	  "group g (anti-affinity) is already violated: host a holds 3 members, at most 2 may be there" },
};

Test(cluster, what_real_clusters_have_is_a_warning)
{
	for (size_t i = 0; i < sizeof(warning_cases) / sizeof(warning_cases[0]); i++) {
		struct cluster cluster;

		file_good(&warning_cases[i].file, &cluster);
		cr_expect_eq(cluster.warning_count, warning_cases[i].warning ? 1 : 0, "case %zu: %s", i,
		             cluster.warning_count ? cluster.warnings[0] : "no warning");
		if (cluster.warning_count && warning_cases[i].warning)
			cr_expect_str_eq(cluster.warnings[0], warning_cases[i].warning);
		cluster_free(&cluster);
	}
}

Test(cluster, the_profile_can_be_overridden)
{
	static const char text[] = "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"c\", \"profile\":"
				   " \"nova\", "
				   "\"hosts\": [], \"flavors\": [], \"vms\": []}";
	struct json_doc *doc;
	struct cluster cluster;
	struct error error;

	for (int profile = 0; profile <= PROFILE_COUNT; profile++) {
		char *copy = memory_take(sizeof(text));

		memcpy(copy, text, sizeof(text));
		cr_assert_eq(json_doc_parse(&doc, "c.json", copy, sizeof(text) - 1, &error), 0);
		cr_assert_eq(cluster_read(&cluster, doc, (enum profile)profile, &error), 0);
		cr_assert_eq(cluster.profile,
		             profile == PROFILE_COUNT ? PROFILE_NOVA : (enum profile)profile);
		json_doc_free(doc);
		cluster_free(&cluster);
	}
}

Test(cluster, scenarios_add_hosts_and_vms)
{
	static const struct file plain = { 0 };
	static const char host_text[] = "{\"name\": \"b\", \"cpus\": 4, \"memory_mib\": 4096, \"pci\": {"
					"\"gpu\": 1}}";
	struct cluster cluster;
	char *copy = memory_take(sizeof(host_text));
	struct json_doc *doc;
	struct error error;
	uint32_t host;

	file_good(&plain, &cluster);
	memcpy(copy, host_text, sizeof(host_text));
	cr_assert_eq(json_doc_parse(&doc, "h.json", copy, sizeof(host_text) - 1, &error), 0);
	cr_assert_eq(cluster_add_host(&cluster, doc, json_doc_root(doc), NULL, &host, &error), 0);
	cr_assert(host == 1 && cluster.host_count == 2 && cluster_host(&cluster, "b") == 1);
	cr_assert(cluster.hosts[1].numa_first == 1 && cluster.numa_count == 2 && cluster.pci_pool_count == 1);
	cr_assert_eq(cluster_add_host(&cluster, doc, json_doc_root(doc), NULL, &host, &error), ERROR_INPUT);
	cr_assert_str_eq(error.text, "h.json:1: name: name \"b\" stands twice, expected unique names");
	json_doc_free(doc);
	cr_assert_eq(cluster_add_vm(&cluster, "w", 0, NONE), 1);
	cr_assert(cluster.vm_count == 2 && cluster_vm(&cluster, "w") == 1 && cluster.vms[1].host == NONE);
	cr_assert(!strcmp(cluster.vms[0].name, "v") && cluster.vms[1].used_mib == 2048);
	cluster_free(&cluster);
}
