/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/import.h"
#include "core/cluster.h"
#include "import/openstack.h"
#include "import/openstack_value.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT "scenarios/exports/nova-zed"

/* One import under test: documents given as text or as paths, what came out, and its notes in one text. */
struct trial {
	struct openstack *import;
	struct import_files files;
	struct json_doc *docs[32];
	size_t count;
	struct error error;
	json_t *cluster;
	char *text;
	char notes[16384];
};

static struct trial trial_new(void)
{
	return (struct trial){ .import = openstack_new() };
}

static void give(struct trial *trial, const char *name, const char *json)
{
	char *text = strdup(json);

	for (char *c = text; *c; c++)
		*c = *c == '`' ? '"' : *c;
	cr_assert_eq(json_doc_parse(&trial->docs[trial->count], name, text, strlen(text), &trial->error), 0,
	             "%s: %s", name, trial->error.text);
	openstack_add(trial->import, trial->docs[trial->count++]);
}

static void give_path(struct trial *trial, const char *path)
{
	cr_assert_eq(import_openstack_read(trial->import, path, &trial->files, &trial->error), 0, "%s",
	             trial->error.text);
}

static int make(struct trial *trial, const char *profile)
{
	int result = openstack_cluster(trial->import, &(struct openstack_options){ .profile = profile },
	                               &trial->cluster, &trial->error);
	size_t count;
	const struct openstack_note *notes = openstack_notes(trial->import, &count);

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(trial->notes);

		snprintf(trial->notes + length, sizeof(trial->notes) - length, "%s: %s\n",
		         notes[i].severity == OPENSTACK_WARNING ? "warning" : "note", notes[i].text);
	}
	if (!result)
		trial->text = json_print(trial->cluster, true, NULL);
	return result;
}

static void made(struct trial *trial)
{
	cr_assert_eq(make(trial, NULL), 0, "%s", trial->error.text);
}

static void trial_free(struct trial *trial)
{
	free(trial->text);
	json_free(trial->cluster);
	openstack_free(trial->import);
	for (size_t i = 0; i < trial->count; i++)
		json_doc_free(trial->docs[i]);
	import_files_free(&trial->files);
}

/* The entry of an array of the cluster's root that has a name. */
static const json_t *entity(const struct trial *trial, const char *array, const char *name)
{
	for (const json_t *at = json_first(json_get(trial->cluster, array)); at; at = json_next(at)) {
		if (!strcmp(json_text(json_get(at, "name")), name))
			return at;
	}
	cr_assert_fail("no %s in %s of %s", name, array, trial->text);
	return NULL;
}

/* A member's value as JSON without spaces, with ` for "; "-" when it isn't there. */
static const char *member(const json_t *object, const char *name)
{
	static char text[1024];
	const json_t *value = json_get(object, name);
	char *json;

	if (!value)
		return "-";
	json = json_print(value, false, NULL);
	snprintf(text, sizeof(text), "%.*s", (int)strlen(json) - 1, json);
	free(json);
	for (char *c = text; *c; c++)
		*c = *c == '"' ? '`' : *c;
	return text;
}

#define is_member(trial, array, name, key, expected)                                                    \
	cr_expect_str_eq(member(entity(trial, array, name), key), expected, "%s %s: got %s", name, key, \
	                 member(entity(trial, array, name), key))
#define notes_have(trial, text) \
	cr_expect(strstr((trial)->notes, text), "no \"%s\" in\n%s", text, (trial)->notes)
#define notes_lack(trial, text) \
	cr_expect(!strstr((trial)->notes, text), "\"%s\" in\n%s", text, (trial)->notes)

static const char services[] =
	"[{`Binary`:`nova-compute`,`Host`:`a`,`Zone`:`nova`,`Status`:`enabled`,`State`:`up`},"
	"{`Binary`:`nova-compute`,`Host`:`b`,`Zone`:`nova`,`Status`:`enabled`,`State`:`up`}]";
static const char flavors[] =
	"[{`ID`:`1`,`Name`:`small`,`RAM`:2048,`Disk`:20,`Ephemeral`:0,`VCPUs`:1,`Swap`:``,"
	"`Properties`:{}}]";
static const char hypervisors[] =
	"{`hypervisors`:[{`hypervisor_hostname`:`a`,`vcpus`:8,`memory_mb`:16384,`local_gb`:500,"
	"`cpu_info`:``},"
	"{`hypervisor_hostname`:`b`,`vcpus`:8,`memory_mb`:16384,`local_gb`:500,`cpu_info`:``}]}";

/* ------------------------------------------------------------------------------------------- the bundled
 * export */

/* The export in parts: the client's lists at one microversion, or REST's bodies; with Placement. */
static struct trial import_cli(const char *directory)
{
	struct trial trial = trial_new();

	give_path(&trial, directory);
	give_path(&trial, EXPORT "/placement");
	made(&trial);
	return trial;
}

static struct trial import_rest(const char *microversion)
{
	static const char *const bodies[] = {
		"flavors-detail",        "os-aggregates", "os-availability-zone-detail",
		"os-hypervisors-detail", "os-migrations", "os-server-groups",
		"os-services",           "servers-detail"
	};
	struct trial trial = trial_new();
	char path[256];

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		snprintf(path, sizeof(path), EXPORT "/rest/%s-%s.json", bodies[i], microversion);
		give_path(&trial, path);
	}
	give_path(&trial, EXPORT "/rest/flavor-extra-specs.json");
	give_path(&trial, EXPORT "/placement");
	made(&trial);
	return trial;
}

Test(openstack, client_and_rest_give_the_same_bytes_from_2_92)
{
	struct trial cli = import_cli(EXPORT "/cli-2.92"), rest = import_rest("2.93");

	cr_expect_str_eq(cli.text, rest.text);
	trial_free(&cli);
	trial_free(&rest);
}

/* A copy of a cluster without members of its hosts. */
static char *without_host_members(const struct trial *trial, const char *const *names)
{
	json_t *copy = json_object_new(), *hosts = json_array_new();
	char *text;

	for (const json_t *at = json_first(trial->cluster); at; at = json_next(at)) {
		if (strcmp(json_key(at), "hosts"))
			json_add(copy, json_key(at), json_copy(at));
	}
	for (const json_t *at = json_first(json_get(trial->cluster, "hosts")); at; at = json_next(at)) {
		json_t *host = json_push(hosts, json_object_new());

		for (const json_t *in = json_first(at); in; in = json_next(in)) {
			bool kept = true;

			for (size_t i = 0; names[i]; i++)
				kept &= strcmp(names[i], json_key(in)) != 0;
			if (kept)
				json_add(host, json_key(in), json_copy(in));
		}
	}
	json_add(copy, "hosts", hosts);
	text = json_print(copy, true, NULL);
	json_free(copy);
	return text;
}

/* All that differs at the old microversions: the client tells the CPU only of hypervisors that were shown one
 * by one. */
Test(openstack, client_and_rest_differ_only_in_cpu_models_before)
{
	static const char *const differ[] = { "cpu_model", "cpu_features", NULL };
	struct trial cli = import_cli(EXPORT "/cli-2.1"), rest = import_rest("2.53");
	char *a = without_host_members(&cli, differ), *b = without_host_members(&rest, differ);

	cr_expect_str_eq(a, b);
	is_member(&rest, "hosts", "cmp2", "cpu_model", "`Nehalem`");
	is_member(&rest, "hosts", "cmp2", "cpu_features", "[`clflush`,`pge`]");
	is_member(&cli, "hosts", "cmp1", "cpu_model", "`Nehalem`");
	is_member(&cli, "hosts", "cmp2", "cpu_model", "-");
	notes_have(&cli, "CPU model unknown");
	free(a);
	free(b);
	trial_free(&cli);
	trial_free(&rest);
}

/* And between microversions: CPU models, and the groups' rules (from 2.64). */
Test(openstack, microversions_differ_only_in_cpu_models_and_rules)
{
	static const char *const differ[] = { "cpu_model", "cpu_features", NULL };
	struct trial old = import_rest("2.53"), new = import_rest("2.93");
	char *a = without_host_members(&old, differ), *b = without_host_members(&new, differ);
	char *rule = strstr(b, ", \"max_per_host\": 2");

	cr_assert_not_null(rule);
	memmove(rule, rule + strlen(", \"max_per_host\": 2"),
	        strlen(rule + strlen(", \"max_per_host\": 2")) + 1);
	cr_expect_str_eq(a, b);
	notes_have(&old, "max_server_per_host unknown, 1 assumed: db-ha, kafka");
	notes_have(&old, "share a host, so the groups count as violated unless their rules allow it: kafka");
	notes_lack(&new, "max_server_per_host");
	free(a);
	free(b);
	trial_free(&old);
	trial_free(&new);
}

Test(openstack, the_whole_folder_at_once)
{
	struct trial trial = trial_new();

	give_path(&trial, EXPORT);
	made(&trial);
	notes_lack(&trial, "contradict");
	notes_have(&trial, "hypervisor-show-cmp1.json: empty, skipped");
	notes_have(&trial, "os-keypairs-2.53.json: nothing that is recognised, skipped");
	notes_lack(&trial, "Placement's usage is not");
	notes_lack(&trial, "allocations that are not");
	is_member(&trial, "hosts", "cmp3", "administrative", "`locked`");
	is_member(&trial, "hosts", "cmp3", "availability", "`online`");
	is_member(&trial, "hosts", "cmp3", "memory_ratio", "1.5");
	is_member(&trial, "hosts", "cmp5", "cpus", "6");
	is_member(&trial, "hosts", "cmp5", "dedicated_cpus", "4");
	is_member(&trial, "hosts", "cmp4", "zone", "`az-b`");
	is_member(&trial, "hosts", "cmp4", "reserved", "{`memory_mib`:1024}");
	is_member(
		&trial, "hosts", "cmp4", "aggregates",
		"[{`name`:`rack-b`,`metadata`:{`rack`:`b`}},{`name`:`ssd-hosts`,`metadata`:{`ssd`:`true`}}]");
	is_member(&trial, "vms", "too-big", "host", "null");
	is_member(&trial, "vms", "too-big", "state", "`error`");
	is_member(&trial, "vms", "plain-2", "state", "`stopped`");
	is_member(&trial, "vms", "web-0", "state", "`paused`");
	is_member(&trial, "vms", "db-0", "group", "`db-ha`");
	is_member(&trial, "groups", "kafka", "max_per_host", "2");
	trial_free(&trial);
}

/* Clears whatever else tells of hosts: lists without names, hosts and states still make the same cluster. */
Test(openstack, lists_without_names_give_the_same)
{
	static const char *const files[] = { "flavor-list", "aggregate-list", "compute-service-list",
		                             "hypervisor-list", "server-group-list" };
	struct trial named = trial_new(), nameless = trial_new();
	char path[256];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), EXPORT "/cli-2.1/%s.json", files[i]);
		give_path(&named, path);
		give_path(&nameless, path);
	}
	give_path(&named, EXPORT "/cli-2.1/server-list.json");
	give_path(&nameless, EXPORT "/cli-2.1/server-list-noname.json");
	made(&named);
	made(&nameless);
	cr_expect_str_eq(named.text, nameless.text);
	trial_free(&named);
	trial_free(&nameless);
}

/* Without --long hosts, states' tasks and metadata are missing: Placement tells the hosts. */
Test(openstack, a_short_list_with_placement)
{
	struct trial trial = trial_new();

	give_path(&trial, EXPORT "/cli-2.92/server-list-short.json");
	give_path(&trial, EXPORT "/cli-2.92/flavor-list.json");
	give_path(&trial, EXPORT "/cli-2.92/compute-service-list.json");
	give_path(&trial, EXPORT "/placement");
	made(&trial);
	is_member(&trial, "vms", "db-1", "host", "`cmp6`");
	is_member(&trial, "vms", "too-big", "host", "null");
	notes_have(&trial, "THE HOST OF VMS IS UNKNOWN, written as without one: too-big;");
	notes_have(&trial, "no list of server groups");
	notes_lack(&trial, "Placement's usage is not");
	trial_free(&trial);
}

enum resource { VCPU, PCPU, MEMORY, DISK, RESOURCES };

/* What the VMs of the cluster file take from a host, counted anew from the file alone. */
static void count_host(const struct trial *trial, const char *host, int64_t ret_used[RESOURCES])
{
	memset(ret_used, 0, sizeof(int64_t) * RESOURCES);
	for (const json_t *vm = json_first(json_get(trial->cluster, "vms")); vm; vm = json_next(vm)) {
		const json_t *on = json_get(vm, "host"), *specs, *flavor, *swap;
		bool dedicated,
			image = json_get(vm, "boot") && !strcmp(json_text(json_get(vm, "boot")), "image");

		if (json_type(on) != JSON_TEXT || strcmp(json_text(on), host))
			continue;
		flavor = entity(trial, "flavors", json_text(json_get(vm, "flavor")));
		specs = json_get(flavor, "extra_specs");
		swap = json_get(flavor, "swap_mib");
		dedicated = specs && json_get(specs, "hw:cpu_policy");
		ret_used[dedicated ? PCPU : VCPU] += (int64_t)json_number(json_get(flavor, "vcpus"));
		ret_used[MEMORY] += (int64_t)json_number(json_get(flavor, "memory_mib"));
		ret_used[DISK] += image ? (int64_t)json_number(json_get(flavor, "disk_gib")) : 0;
		ret_used[DISK] += swap ? ((int64_t)json_number(swap) + 1023) / 1024 : 0;
	}
}

Test(openstack, usage_is_what_placement_counts)
{
	static const char *const classes[RESOURCES] = { "VCPU", "PCPU", "MEMORY_MB", "DISK_GB" };
	struct trial trial = import_rest("2.93");

	for (int host = 1; host <= 6; host++) {
		char name[16], path[256], *text;
		struct json_doc *doc;
		int64_t used[RESOURCES];
		FILE *file;
		size_t length;

		snprintf(name, sizeof(name), "cmp%d", host);
		snprintf(path, sizeof(path), EXPORT "/placement/%s-usages.json", name);
		text = calloc(1, 4096);
		file = fopen(path, "r");
		cr_assert_not_null(file);
		length = fread(text, 1, 4095, file);
		fclose(file);
		cr_assert_eq(json_doc_parse(&doc, path, text, length, &trial.error), 0);
		count_host(&trial, name, used);
		for (int i = 0; i < RESOURCES; i++) {
			const json_t *usage = json_get(json_get(json_doc_root(doc), "usages"), classes[i]);

			cr_expect_eq(used[i], usage ? (int64_t)json_number(usage) : 0, "%s %s", name,
			             classes[i]);
		}
		json_doc_free(doc);
	}
	trial_free(&trial);
}

Test(openstack, the_cluster_reader_takes_it)
{
	struct trial trial = import_rest("2.93");
	char *copy = strdup(trial.text);
	struct json_doc *doc;
	struct cluster cluster;

	cr_assert_eq(json_doc_parse(&doc, "imported", copy, strlen(copy), &trial.error), 0);
	cr_assert_eq(cluster_read(&cluster, doc, PROFILE_COUNT, &trial.error), 0, "%s", trial.error.text);
	cr_expect_eq(cluster.host_count, 6);
	cr_expect_eq(cluster.vm_count, 28);
	cr_expect_eq(cluster.group_count, 7);
	cr_expect_eq(cluster.warning_count, 0);
	cluster_free(&cluster);
	json_doc_free(doc);
	trial_free(&trial);
}

/* --------------------------------------------------------------------------------------------------- hosts
 */

Test(openstack, states_of_hosts)
{
	struct trial trial = trial_new();

	give(&trial, "s",
	     "{`services`:["
	     "{`binary`:`nova-compute`,`host`:`h10`,`status`:`enabled`,`state`:`up`},"
	     "{`binary`:`nova-compute`,`host`:`h2`,`status`:`disabled`,`state`:`up`},"
	     "{`binary`:`nova-compute`,`host`:`h3`,`status`:`enabled`,`state`:`down`},"
	     "{`binary`:`nova-compute`,`host`:`h4`,`status`:`disabled`,`state`:`down`},"
	     "{`binary`:`nova-compute`,`host`:`h5`,`status`:`enabled`,`state`:`up`,`forced_down`:true},"
	     "{`binary`:`nova-scheduler`,`host`:`ctl`,`status`:`enabled`,`state`:`up`}]}");
	made(&trial);
	is_member(&trial, "hosts", "h10", "administrative", "-");
	is_member(&trial, "hosts", "h10", "operational", "-");
	is_member(&trial, "hosts", "h2", "administrative", "`locked`");
	is_member(&trial, "hosts", "h2", "operational", "`disabled`");
	is_member(&trial, "hosts", "h2", "availability", "`online`");
	is_member(&trial, "hosts", "h3", "administrative", "-");
	is_member(&trial, "hosts", "h3", "operational", "`disabled`");
	is_member(&trial, "hosts", "h3", "availability", "`failed`");
	is_member(&trial, "hosts", "h4", "administrative", "`locked`");
	is_member(&trial, "hosts", "h4", "availability", "`offline`");
	is_member(&trial, "hosts", "h5", "availability", "`failed`");
	cr_expect_null(strstr(trial.text, "ctl"));
	/* Numbers in names count as numbers. */
	cr_expect_lt((uintptr_t)strstr(trial.text, "\"h2\""), (uintptr_t)strstr(trial.text, "\"h10\""));
	notes_have(&trial, "CAPACITY UNKNOWN and no VMs, assumed 0");
	notes_have(&trial, "no list of servers");
	trial_free(&trial);
}

/* Without services: hypervisors' status, zones, traits, and what servers say of their hosts. */
Test(openstack, states_from_other_witnesses)
{
	struct trial trial = trial_new();

	give(&trial, "h",
	     "{`hypervisors`:[{`hypervisor_hostname`:`a`,`status`:`disabled`,`state`:`up`},"
	     "{`hypervisor_hostname`:`b`},{`hypervisor_hostname`:`c`},{`hypervisor_hostname`:`d`},"
	     "{`hypervisor_hostname`:`e`}]}");
	give(&trial, "z",
	     "{`availabilityZoneInfo`:[{`zoneName`:`west`,`hosts`:{`b`:{`nova-compute`:"
	     "{`available`:false,`active`:true}}}}]}");
	give(&trial, "c-traits.json", "{`traits`:[`COMPUTE_STATUS_DISABLED`]}");
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "{`servers`:[{`id`:`1`,`name`:`v`,`status`:`ACTIVE`,`flavor`:{`id`:`1`},`image`:``,"
	     "`OS-EXT-SRV-ATTR:host`:`d`,`host_status`:`MAINTENANCE`}]}");
	made(&trial);
	is_member(&trial, "hosts", "a", "availability", "`online`");
	is_member(&trial, "hosts", "b", "availability", "`failed`");
	is_member(&trial, "hosts", "b", "zone", "`west`");
	is_member(&trial, "hosts", "c", "administrative", "`locked`");
	is_member(&trial, "hosts", "d", "administrative", "`locked`");
	notes_have(&trial, "status or state of the compute service unknown, assumed enabled and up: c, e");
	trial_free(&trial);
}

/* A node's name may be the full domain name of its service's host; an aggregate may name what is gone. */
Test(openstack, nodes_with_other_names)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h",
	     "[{`ID`:1,`Hypervisor Hostname`:`a.example.org`,`State`:`up`,`vCPUs`:8,`Memory MB`:16384},"
	     "{`ID`:2,`Hypervisor Hostname`:`node-7`,`State`:`up`,`vCPUs`:8,`Memory MB`:16384}]");
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "{`servers`:[{`id`:`1`,`name`:`v`,`status`:`ACTIVE`,`flavor`:{`id`:`1`},`image`:{`id`:`i`},"
	     "`OS-EXT-SRV-ATTR:host`:`b`,`OS-EXT-SRV-ATTR:hypervisor_hostname`:`node-7`}]}");
	give(&trial, "w",
	     "[{`ID`:`2`,`Name`:`w`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a.example.org`}]");
	give(&trial, "node-7-inventories.json",
	     "{`inventories`:{`MEMORY_MB`:{`total`:4096},`VCPU`:{`total`:2}}}");
	give(&trial, "a", "[{`Name`:`fast`,`Availability Zone`:null,`Properties`:{},`Hosts`:[`a`,`gone`]}]");
	made(&trial);
	cr_expect_eq(json_count(json_get(trial.cluster, "hosts")), 2);
	is_member(&trial, "vms", "v", "host", "`b`");
	is_member(&trial, "vms", "w", "host", "`a`");
	is_member(&trial, "hosts", "b", "memory_mib", "4096");
	is_member(&trial, "hosts", "a", "aggregates", "[`fast`]");
	notes_have(&trial, "1 hosts of aggregates are no compute host here, left out");
	trial_free(&trial);
}

Test(openstack, a_service_without_a_hypervisor)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", "[{`Hypervisor Hostname`:`a`,`vCPUs`:8,`Memory MB`:16384}]");
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "[{`ID`:`1`,`Name`:`v`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`b`,`Image ID`:`i`}]");
	made(&trial);
	notes_have(&trial, "compute services without a hypervisor in the list: b");
	notes_have(&trial,
	           "CAPACITY UNKNOWN, assumed just what the VMs there use, so that nothing more fits: b;");
	is_member(&trial, "hosts", "b", "memory_mib", "2048");
	is_member(&trial, "hosts", "b", "cpus", "1");
	trial_free(&trial);
}

/* What hypervisors count beyond the VMs is the reserve; Placement knows better and says ratios. */
Test(openstack, reserves_and_ratios)
{
	static const char vms[] =
		"[{`ID`:`1`,`Name`:`v`,`Status`:`ACTIVE`,`Task State`:null,`Flavor`:`small`,"
		"`Host`:`a`,`Image ID`:`i`}]";
	static const char known[] =
		"{`hypervisor_hostname`:`a`,`service_host`:`a`,`vcpus`:8,`memory_mb`:16384,"
		"`memory_mb_used`:2560,`local_gb`:500,`local_gb_used`:22,"
		"`cpu_info`:`{\\`model\\`:\\`Haswell\\`,\\`features\\`:[\\`vmx\\`,\\`avx\\`]}`}";
	struct trial trial = trial_new(), placement = trial_new();

	give(&trial, "s", services);
	give(&trial, "f", flavors);
	give(&trial, "v", vms);
	give(&trial, "h", known);
	made(&trial);
	is_member(&trial, "hosts", "a", "reserved", "{`memory_mib`:512,`disk_gib`:2}");
	is_member(&trial, "hosts", "a", "cpu_ratio", "-");
	is_member(&trial, "hosts", "a", "cpu_model", "`Haswell`");
	is_member(&trial, "hosts", "a", "cpu_features", "[`avx`,`vmx`]");
	notes_have(&trial, "no Placement inventories for a: overcommit ratios unknown");
	trial_free(&trial);
	give(&placement, "s", services);
	give(&placement, "f", flavors);
	give(&placement, "v", vms);
	give(&placement, "h", known);
	give(&placement, "x/a/inventories.json",
	     "{`inventories`:{`VCPU`:{`total`:6,`reserved`:1,`allocation_ratio`:2.5},`PCPU`:{`total`:2,"
	     "`reserved`:1},"
	     "`MEMORY_MB`:{`total`:16000,`reserved`:256,`allocation_ratio`:1.25},"
	     "`DISK_GB`:{`total`:400,`reserved`:9,`allocation_ratio`:0.0}}}");
	made(&placement);
	is_member(&placement, "hosts", "a", "cpus", "6");
	is_member(&placement, "hosts", "a", "cpu_ratio", "2.5");
	is_member(&placement, "hosts", "a", "dedicated_cpus", "1");
	is_member(&placement, "hosts", "a", "memory_mib", "16000");
	is_member(&placement, "hosts", "a", "memory_ratio", "1.25");
	is_member(&placement, "hosts", "a", "disk_gib", "400");
	is_member(&placement, "hosts", "a", "disk_ratio", "-");
	is_member(&placement, "hosts", "a", "reserved", "{`cpus`:1,`memory_mib`:256,`disk_gib`:9}");
	trial_free(&placement);
}

/* Placement's files by a provider's UUID, as the client's tables, and in one object of bodies. */
Test(openstack, what_placement_is_about)
{
	static const char uuid[] = "c9d5a3a4-acd2-452d-8bfa-cd2bdc24189e";
	struct trial trial = trial_new();
	char name[128];

	give(&trial, "s", services);
	give(&trial, "p", "[{`uuid`:`c9d5a3a4-acd2-452d-8bfa-cd2bdc24189e`,`name`:`a`,`generation`:1}]");
	snprintf(name, sizeof(name), "%s.json", uuid);
	give(&trial, name,
	     "[{`resource_class`:`VCPU`,`total`:5,`reserved`:0,`allocation_ratio`:4.0},"
	     "{`resource_class`:`MEMORY_MB`,`total`:1000,`reserved`:0,`allocation_ratio`:1.0}]");
	give(&trial, "all",
	     "{`placement`:{`b`:{`inventories`:{`VCPU`:{`total`:3},`MEMORY_MB`:{`total`:2000}}},"
	     "`nobody-usages`:{`usages`:{`VCPU`:1}}}}");
	made(&trial);
	is_member(&trial, "hosts", "a", "cpus", "5");
	is_member(&trial, "hosts", "a", "memory_mib", "1000");
	is_member(&trial, "hosts", "b", "cpus", "3");
	notes_have(&trial, "files of Placement whose names name no host or provider, skipped: "
	                   "all/placement/nobody-usages");
	trial_free(&trial);
}

Test(openstack, placement_alone_makes_hosts)
{
	struct trial trial = trial_new();

	give_path(&trial, EXPORT "/placement");
	made(&trial);
	cr_expect_eq(json_count(json_get(trial.cluster, "hosts")), 6);
	is_member(&trial, "hosts", "cmp3", "administrative", "`locked`");
	trial_free(&trial);
}

Test(openstack, usage_and_allocations_that_differ)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "[{`ID`:`1`,`Name`:`v`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`,`Image ID`:`i`},"
	     "{`ID`:`2`,`Name`:`w`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`b`,`Image ID`:`i`},"
	     "{`ID`:`3`,`Name`:`x`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`b`,`Image ID`:`i`}]");
	give(&trial, "a-inventories.json",
	     "{`inventories`:{`VCPU`:{`total`:8},`MEMORY_MB`:{`total`:16384},"
	     "`DISK_GB`:{`total`:100}}}");
	give(&trial, "a-usages.json", "{`usages`:{`VCPU`:2,`MEMORY_MB`:2048,`DISK_GB`:20}}");
	give(&trial, "a-allocations.json",
	     "{`allocations`:{`1`:{`resources`:{`VCPU`:2,`MEMORY_MB`:2048,`DISK_GB`:20}},"
	     "`3`:{`resources`:{`VCPU`:1,`MEMORY_MB`:2048,`DISK_GB`:20}},"
	     "`orphan`:{`resources`:{`VCPU`:1}}}}");
	made(&trial);
	notes_have(&trial, "a: Placement's usage is not what its VMs' flavors come to: VCPU 2 (here 1)");
	notes_have(&trial, "allocations that are not what the flavor says: v; the first: VCPU 2 (here 1)");
	notes_have(&trial, "VMs on a host without an allocation in Placement: w");
	notes_have(&trial, "VMs with allocations on another host than theirs, not counted there: x");
	notes_have(&trial, "no server here (a migration under way, or left behind), not counted: orphan");
	trial_free(&trial);
}

/* -------------------------------------------------------------------------------------------------- flavors
 */

Test(openstack, shapes_of_flavors)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f",
	     "[{`ID`:`1`,`Name`:`a`,`RAM`:1024,`Disk`:5,`Ephemeral`:3,`VCPUs`:1,`Swap`:1500,"
	     "`Properties`:`hw:cpu_policy='dedicated', note='x, y'`}]");
	give(&trial, "v",
	     "[{`id`:`1`,`name`:`one`,`status`:`ACTIVE`,`image`:`cirros (9)`,`flavor`:`a (1)`},"
	     "{`id`:`2`,`name`:`two`,`status`:`ACTIVE`,`image`:`cirros (9)`,`flavor`:"
	     "`disk='7', ephemeral='0', extra_specs.hw:mem_page_size='large', original_name='b', ram='2048', "
	     "swap='0', vcpus='2'`},"
	     "{`id`:`3`,`name`:`three`,`status`:`ACTIVE`,`image`:{},`flavor`:{`id`:`1`,`links`:[]}},"
	     "{`id`:`4`,`name`:`four`,`status`:`ACTIVE`,`flavor`:{`original_name`:`c`,`vcpus`:4,`ram`:512,"
	     "`disk`:0,`swap`:0,`ephemeral`:0,`extra_specs`:{}}}]");
	made(&trial);
	is_member(&trial, "flavors", "a", "swap_mib", "1500");
	is_member(&trial, "flavors", "a", "ephemeral_gib", "3");
	is_member(&trial, "flavors", "a", "extra_specs", "{`hw:cpu_policy`:`dedicated`,`note`:`x, y`}");
	is_member(&trial, "flavors", "b", "extra_specs", "{`hw:mem_page_size`:`large`}");
	is_member(&trial, "flavors", "b", "vcpus", "2");
	is_member(&trial, "flavors", "c", "memory_mib", "512");
	is_member(&trial, "vms", "one", "flavor", "`a`");
	is_member(&trial, "vms", "two", "flavor", "`b`");
	is_member(&trial, "vms", "three", "flavor", "`a`");
	is_member(&trial, "vms", "three", "boot", "-");
	notes_have(&trial, "flavors that are in no list, taken from their VMs: b, c");
	trial_free(&trial);
}

/* A flavor was deleted and made anew under its name: the older VM keeps what it was built with. */
Test(openstack, flavors_of_one_name)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "{`servers`:[{`id`:`1`,`name`:`old`,`status`:`ACTIVE`,`image`:``,`flavor`:"
	     "{`original_name`:`small`,`vcpus`:1,`ram`:1024,`disk`:20,`swap`:0,`ephemeral`:0,"
	     "`extra_specs`:{}}},"
	     "{`id`:`2`,`name`:`new`,`status`:`ACTIVE`,`image`:``,`flavor`:{`original_name`:`small`,"
	     "`vcpus`:1,`ram`:2048,`disk`:20,`swap`:0,`ephemeral`:0,`extra_specs`:{}}}]}");
	made(&trial);
	is_member(&trial, "vms", "old", "flavor", "`small (2)`");
	is_member(&trial, "vms", "new", "flavor", "`small`");
	is_member(&trial, "flavors", "small (2)", "memory_mib", "1024");
	notes_have(&trial, "earlier content of a flavor of that name, kept apart: small (2)");
	trial_free(&trial);
}

Test(openstack, flavors_that_no_file_describes)
{
	struct trial trial = trial_new(), hopeless = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "{`servers`:[{`id`:`1`,`name`:`v`,`status`:`ACTIVE`,`image`:``,`flavor`:{`id`:`77`}},"
	     "{`id`:`2`,`name`:`w`,`status`:`ACTIVE`,`image`:``,`flavor`:{`id`:`88`}}]}");
	give(&trial, "a-allocations.json", "{`allocations`:{`2`:{`resources`:{`VCPU`:3,`MEMORY_MB`:512}}}}");
	made(&trial);
	is_member(&trial, "flavors", "77", "memory_mib", "2048");
	is_member(&trial, "flavors", "88", "memory_mib", "512");
	is_member(&trial, "flavors", "88", "vcpus", "3");
	notes_have(&trial, "FLAVORS THAT NO FILE DESCRIBES, assumed as large as the largest: 77");
	notes_have(&trial, "flavors that no file describes: 88; their size is what Placement has allocated");
	trial_free(&trial);
	give(&hopeless, "s", services);
	give(&hopeless, "v",
	     "{`servers`:[{`id`:`1`,`name`:`v`,`status`:`ACTIVE`,`image`:``,`flavor`:{`id`:`77`}}]}");
	cr_expect_eq(make(&hopeless, NULL), ERROR_INPUT);
	cr_expect(strstr(hopeless.error.text, "no file says how large flavors are"), "%s",
	          hopeless.error.text);
	trial_free(&hopeless);
}

Test(openstack, huge_pages_and_nodes_are_inferred_from_use)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f",
	     "[{`ID`:`1`,`Name`:`page`,`RAM`:2048,`Disk`:0,`VCPUs`:1,`Swap`:0,"
	     "`Properties`:{`hw:mem_page_size`:`1GB`}},"
	     "{`ID`:`2`,`Name`:`wide`,`RAM`:2048,`Disk`:0,`VCPUs`:2,`Swap`:0,"
	     "`Properties`:{`hw:numa_nodes`:`2`}}]");
	give(&trial, "v",
	     "[{`ID`:`1`,`Name`:`p`,`Status`:`ACTIVE`,`Flavor`:`page`,`Host`:`a`,`Image`:`i`},"
	     "{`ID`:`2`,`Name`:`q`,`Status`:`SHUTOFF`,`Flavor`:`page`,`Host`:`a`,`Image`:`i`},"
	     "{`ID`:`3`,`Name`:`r`,`Status`:`ACTIVE`,`Flavor`:`wide`,`Host`:`b`,`Image`:`i`}]");
	made(&trial);
	is_member(&trial, "hosts", "a", "numa",
	          "[{`cpus`:4,`memory_mib`:8192,`hugepages`:{`1048576`:2}},"
	          "{`cpus`:4,`memory_mib`:8192,`hugepages`:{`1048576`:2}}]");
	is_member(&trial, "hosts", "b", "numa",
	          "[{`cpus`:4,`memory_mib`:8192,`hugepages`:{`1048576`:2}},"
	          "{`cpus`:4,`memory_mib`:8192,`hugepages`:{`1048576`:2}}]");
	notes_have(&trial, "where p, q, r may go depends on it");
	trial_free(&trial);
}

/* ---------------------------------------------------------------------------------------------- VMs and
 * groups */

Test(openstack, states_and_tasks)
{
	static const struct {
		const char *status, *task, *state, *becomes;
	} rows[] = {
		{ "ACTIVE", "null", "-", "-" },
		{ "PAUSED", "null", "`paused`", "-" },
		{ "SUSPENDED", "null", "`suspended`", "-" },
		{ "SHUTOFF", "null", "`stopped`", "-" },
		{ "SHELVED", "null", "`stopped`", "-" },
		{ "ERROR", "null", "`error`", "-" },
		{ "RESCUE", "null", "`rescued`", "-" },
		{ "VERIFY_RESIZE", "null", "`verify-resize`", "-" },
		{ "MIGRATING", "`migrating`", "-", "`migrating`" },
		{ "MIGRATING", "null", "-", "`migrating`" },
		{ "RESIZE", "`resize_migrating`", "-", "`resizing`" },
		{ "REBUILD", "`rebuild_spawning`", "-", "`rebuilding`" },
		{ "BUILD", "`spawning`", "-", "`spawning`" },
		{ "BUILD", "null", "-", "`building`" },
		{ "ACTIVE", "`image_snapshot`", "-", "`image_snapshot`" },
		{ "ACTIVE", "`None`", "-", "-" },
		{ "NEWFANGLED", "null", "-", "-" },
	};
	char list[8192] = "[", *at = list + 1;
	struct trial trial = trial_new();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		at += snprintf(at, (size_t)(list + sizeof(list) - at),
		               "%s{`ID`:`%zu`,`Name`:`v%zu`,`Status`:`%s`,`Task State`:%s,`Flavor`:`small`,"
		               "`Host`:`a`,"
		               "`Image ID`:`N/A (booted from volume)`}",
		               i ? "," : "", i, i, rows[i].status, rows[i].task);
	snprintf(at, (size_t)(list + sizeof(list) - at), "]");
	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&trial, "v", list);
	made(&trial);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%zu", i);
		is_member(&trial, "vms", name, "state", rows[i].state);
		is_member(&trial, "vms", name, "task", rows[i].becomes);
		is_member(&trial, "vms", name, "boot", "-");
	}
	notes_have(&trial, "status unknown, assumed active: v16");
	trial_free(&trial);
}

Test(openstack, vms_that_are_nowhere)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "[{`ID`:`1`,`Name`:`shelved`,`Status`:`SHELVED_OFFLOADED`,`Flavor`:`small`,`Host`:null},"
	     "{`ID`:`2`,`Name`:`failed`,`Status`:`ERROR`,`Flavor`:`small`,`Host`:null},"
	     "{`ID`:`3`,`Name`:`hidden`,`Status`:`ACTIVE`,`Flavor`:`small`},"
	     "{`ID`:`4`,`Name`:`gone`,`Status`:`DELETED`,`Flavor`:`small`,`Host`:`a`},"
	     "{`ID`:`5`,`Name`:`lost`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`zz`}]");
	made(&trial);
	is_member(&trial, "vms", "shelved", "state", "`stopped`");
	is_member(&trial, "vms", "shelved", "host", "null");
	is_member(&trial, "vms", "failed", "host", "null");
	is_member(&trial, "vms", "lost", "host", "`zz`");
	cr_expect_eq(json_count(json_get(trial.cluster, "vms")), 4);
	notes_have(&trial, "shelved and offloaded, written as stopped without a host: shelved");
	notes_have(&trial, "THE HOST OF VMS IS UNKNOWN, written as without one: hidden;");
	notes_have(&trial, "hosts with VMs that no list of services or hypervisors has: zz");
	trial_free(&trial);
}

Test(openstack, names_that_stand_twice)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "[{`ID`:`3ec19648-1`,`Name`:`web`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`},"
	     "{`ID`:`3ec19648-2`,`Name`:`web`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`},"
	     "{`ID`:`7aa`,`Name`:`web`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`},"
	     "{`ID`:`8`,`Name`:`tab\\there`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`}]");
	give(&trial, "g",
	     "{`server_groups`:[{`id`:`g1`,`name`:`g`,`policy`:`affinity`,`members`:[`7aa`]},"
	     "{`id`:`g2`,`name`:`g`,`policy`:`affinity`,`members`:[]}]}");
	made(&trial);
	is_member(&trial, "vms", "web (3ec19648)", "id", "`3ec19648-1`");
	is_member(&trial, "vms", "web (3ec19648-2)", "id", "`3ec19648-2`");
	is_member(&trial, "vms", "web (7aa)", "group", "`g (g1)`");
	is_member(&trial, "groups", "g (g2)", "policy", "`affinity`");
	is_member(&trial, "vms", "tab?here", "id", "`8`");
	notes_have(&trial, "several VMs of one name");
	notes_have(&trial, "several server groups of one name");
	trial_free(&trial);
}

Test(openstack, shapes_of_groups)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "[{`ID`:`1`,`Name`:`one`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`},"
	     "{`ID`:`2`,`Name`:`two`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`},"
	     "{`ID`:`3`,`Name`:`three`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`,"
	     "`server_groups`:[`e`]}]");
	give(&trial, "g",
	     "[{`ID`:`a`,`Name`:`old`,`Policies`:`anti-affinity`,`Members`:`1, 99`},"
	     "{`ID`:`b`,`Name`:`named`,`Policy`:`soft-affinity`,`Members`:[`two`,`one`]},"
	     "{`id`:`c`,`name`:`legacy`,`policies`:[],`members`:[]},"
	     "{`id`:`d`,`name`:`wrong`,`policy`:`affinity`,`rules`:{`max_server_per_host`:3},`members`:[]},"
	     "{`id`:`e`,`name`:`mine`,`policies`:[`affinity`],`members`:[],"
	     "`metadata`:{`wrs-sg:best_effort`:`true`,`wrs-sg:group_size`:`4`}}]");
	made(&trial);
	is_member(&trial, "vms", "one", "group", "`named`");
	is_member(&trial, "vms", "two", "group", "`named`");
	is_member(&trial, "vms", "three", "group", "`mine`");
	is_member(&trial, "groups", "wrong", "max_per_host", "-");
	is_member(&trial, "groups", "mine", "best_effort", "true");
	is_member(&trial, "groups", "mine", "size", "4");
	cr_expect_null(strstr(trial.text, "legacy"));
	notes_have(&trial, "server groups without a policy that is known, left out: legacy");
	notes_have(&trial, "in several server groups, only the first by name counts: one");
	notes_have(&trial, "1 members of server groups are no server here, left out");
	notes_have(&trial, "--profile starlingx would follow its rules");
	trial_free(&trial);
}

/* What is pinned since microversion 2.96 was asked for; where a VM is says nothing. */
Test(openstack, requested_zones)
{
	struct trial trial = trial_new();

	give(&trial, "s",
	     "[{`Binary`:`nova-compute`,`Host`:`a`,`Zone`:`east`},"
	     "{`Binary`:`nova-compute`,`Host`:`b`,`Zone`:`nova`}]");
	give(&trial, "f", flavors);
	give(&trial, "v",
	     "[{`ID`:`1`,`Name`:`one`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`,"
	     "`Availability Zone`:`east`,`Pinned Availability Zone`:`east`},"
	     "{`ID`:`2`,`Name`:`two`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`,"
	     "`Availability Zone`:`east`,`Pinned Availability Zone`:null}]");
	made(&trial);
	is_member(&trial, "vms", "one", "zone", "`east`");
	is_member(&trial, "vms", "two", "zone", "-");
	is_member(&trial, "hosts", "b", "zone", "-");
	notes_lack(&trial, "asked for");
	trial_free(&trial);
}

Test(openstack, contradictions_are_said)
{
	struct trial trial = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&trial, "v1", "[{`ID`:`1`,`Name`:`one`,`Status`:`ACTIVE`,`Flavor`:`small`,`Host`:`a`}]");
	give(&trial, "v2", "[{`ID`:`1`,`Name`:`one`,`Status`:`SHUTOFF`,`Flavor`:`small`,`Host`:`b`}]");
	made(&trial);
	is_member(&trial, "vms", "one", "host", "`a`");
	is_member(&trial, "vms", "one", "state", "-");
	notes_have(&trial, "2 times files contradict each other");
	notes_have(&trial, "the first: status of 1: \"ACTIVE\" was taken, \"SHUTOFF\" in v2 was not");
	trial_free(&trial);
}

Test(openstack, one_document_with_all_bodies)
{
	static const char *const shapes[] = {
		"{`servers`:[{`id`:`1`,`name`:`v`,`status`:`ACTIVE`,`flavor`:{`id`:`1`},`image`:``,"
		"`OS-EXT-SRV-ATTR:host`:`a`}],`services`:[{`binary`:`nova-compute`,`host`:`a`,"
		"`status`:`enabled`,"
		"`state`:`up`}],`flavors`:[{`id`:`1`,`name`:`f`,`vcpus`:1,`ram`:64,`disk`:0,`swap`:``}],"
		"`a`:{`inventories`:{`VCPU`:{`total`:2},`MEMORY_MB`:{`total`:128}}}}",
		"[[{`ID`:`1`,`Name`:`v`,`Status`:`ACTIVE`,`Flavor`:`f`,`Image ID`:``,`Host`:`a`}],"
		"{`services`:[{`binary`:`nova-compute`,`host`:`a`,`status`:`enabled`,`state`:`up`}]},"
		"{`flavor`:{`id`:`1`,`name`:`f`,`vcpus`:1,`ram`:64,`disk`:0,`swap`:``,`extra_specs`:{}}},"
		"{`a`:{`inventories`:{`VCPU`:{`total`:2},`MEMORY_MB`:{`total`:128}}}}]",
	};
	struct trial one = trial_new(), two = trial_new();

	give(&one, "<stdin>", shapes[0]);
	give(&two, "<stdin>", shapes[1]);
	made(&one);
	made(&two);
	cr_expect_str_eq(one.text, two.text);
	is_member(&one, "hosts", "a", "memory_mib", "128");
	is_member(&one, "vms", "v", "host", "`a`");
	trial_free(&one);
	trial_free(&two);
}

Test(openstack, nothing_to_go_by)
{
	struct trial trial = trial_new();

	give(&trial, "x", "{`keypairs`:[]}");
	give(&trial, "y", "[]");
	give(&trial, "z", "[1, `two`, null, [[[]]]]");
	cr_expect_eq(make(&trial, NULL), ERROR_INPUT);
	cr_expect(strstr(trial.error.text, "no host is described"), "%s", trial.error.text);
	notes_have(&trial, "x: nothing that is recognised, skipped");
	notes_have(&trial, "y: an empty list: nothing in it");
	notes_have(&trial, "z: nothing that is recognised, skipped");
	trial_free(&trial);
}

Test(openstack, profiles_and_order_of_documents)
{
	struct trial trial = trial_new(), reversed = trial_new();

	give(&trial, "s", services);
	give(&trial, "h", hypervisors);
	give(&trial, "f", flavors);
	give(&reversed, "f", flavors);
	give(&reversed, "h", hypervisors);
	give(&reversed, "s", services);
	cr_assert_eq(make(&trial, "starlingx"), 0);
	cr_assert_eq(make(&reversed, "starlingx"), 0);
	cr_expect(strstr(trial.text, "\"profile\": \"starlingx\""));
	cr_expect_str_eq(trial.text, reversed.text);
	trial_free(&trial);
	trial_free(&reversed);
}

/* ----------------------------------------------------------------------------------------- files and values
 */

Test(openstack, unreadable_files)
{
	struct trial trial = trial_new();

	cr_expect_eq(import_openstack_read(trial.import, "tests/none-such", &trial.files, &trial.error),
	             ERROR_IO);
	cr_expect_eq(import_openstack_read(trial.import, EXPORT "/README.md", &trial.files, &trial.error),
	             ERROR_INPUT);
	cr_expect(strstr(trial.error.text, "README.md:1: not valid JSON"), "%s", trial.error.text);
	trial_free(&trial);
}

Test(openstack, natural_order)
{
	cr_expect_lt(openstack_natural("cmp2", "cmp10"), 0);
	cr_expect_gt(openstack_natural("cmp10", "cmp9"), 0);
	cr_expect_lt(openstack_natural("cmp", "cmp1"), 0);
	cr_expect_lt(openstack_natural("a1b2", "a1b10"), 0);
	cr_expect_neq(openstack_natural("a01", "a1"), 0);
	cr_expect_eq(openstack_natural("a01", "a01"), 0);
	cr_expect_lt(openstack_natural("b", "c"), 0);
}
