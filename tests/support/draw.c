/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/draw.h"

#include "core/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t draw_bits(struct draw *draw)
{
	uint64_t z = draw->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t draw_below(struct draw *draw, uint32_t below)
{
	return (uint32_t)((draw_bits(draw) >> 32) * below >> 32);
}

uint32_t draw_between(struct draw *draw, uint32_t low, uint32_t high)
{
	return low + draw_below(draw, high - low + 1);
}

bool draw_percent(struct draw *draw, uint32_t percent)
{
	return draw_below(draw, 100) < percent;
}

static const char *draw_word(struct draw *draw, const char *const *words, uint32_t count)
{
	return words[draw_below(draw, count)];
}

#define DRAW_WORD(draw, ...)                                  \
	draw_word(draw, (const char *const[]){ __VA_ARGS__ }, \
	          sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* What this cluster has. */
struct traits {
	bool numa, pci, zones, aggregates, networks, dedicated, apart, ratios, disks, states, hosts_off,
		models;
	bool plain; /* room enough but on the NUMA nodes */
	bool roomy; /* hosts have some memory left, and CPUs */
	bool alike; /* all hosts but h0 have about the same left: ties */
	uint32_t hosts, flavors, groups, group_percent;
	uint32_t fill_percent; /* how many of the places on the other hosts are taken */
	bool tight;            /* little CPU is left beside the little memory */
};

enum { FLAVORS_MOST = 4, VMS_MOST = 256 };

/* What is drawn before anything is written, so that hosts can be made just large enough, or not quite. */
struct plan {
	uint32_t vcpus[FLAVORS_MOST], gib[FLAVORS_MOST];
	uint32_t vm_host[VMS_MOST], vm_flavor[VMS_MOST], vm_count;
};

static struct traits draw_traits(struct draw *draw, const struct draw_size *size)
{
	return (struct traits){
		.numa = size->numa || draw_percent(draw, 20),
		.plain = size->numa,
		.roomy = size->roomy,
		.alike = draw_percent(draw, 15),
		.pci = draw_percent(draw, 15),
		.zones = draw_percent(draw, 20),
		.aggregates = draw_percent(draw, 15),
		.networks = draw_percent(draw, 10),
		.dedicated = draw_percent(draw, 20),
		.apart = draw_percent(draw, 10),
		.ratios = draw_percent(draw, 25),
		.disks = draw_percent(draw, 25),
		.states = !size->moves || draw_percent(draw, 5),
		.hosts_off = draw_percent(draw, 10),
		.models = draw_percent(draw, 10),
		.hosts = draw_percent(draw, 3)
		                 ? 1
		                 : draw_between(draw, size->hosts_most > 2 ? 3 : 2, size->hosts_most),
		.flavors = draw_between(draw, 1, FLAVORS_MOST),
		.groups = draw_percent(draw, 70) ? draw_between(draw, 1, 3) : 0,
		.group_percent = draw_between(draw, 20, 80),
		.fill_percent = draw_between(draw, 0, 100),
		.tight = draw_percent(draw, 30),
	};
}

static void plan_vm(struct draw *draw, const struct traits *traits, struct plan *plan, uint32_t host)
{
	if (plan->vm_count == VMS_MOST)
		return;
	plan->vm_host[plan->vm_count] = host;
	plan->vm_flavor[plan->vm_count++] = draw_below(draw, traits->flavors);
}

static struct plan draw_plan(struct draw *draw, const struct traits *traits, const struct draw_size *size)
{
	uint32_t here = draw_between(draw, 1, size->first_host_vms_most);
	struct plan plan = { .vm_count = 0 };

	for (uint32_t i = 0; i < traits->flavors; i++) {
		plan.vcpus[i] = draw_between(draw, 1, 4);
		plan.gib[i] = draw_between(draw, 1, 4);
	}
	for (uint32_t i = 0; i < here; i++)
		plan_vm(draw, traits, &plan, 0);
	for (uint32_t host = 1; host < traits->hosts; host++) {
		for (uint32_t i = 0; i < size->other_host_vms_most; i++) {
			if (draw_percent(draw, traits->fill_percent))
				plan_vm(draw, traits, &plan, host);
		}
	}
	if (draw_percent(draw, 10))
		plan_vm(draw, traits, &plan, NONE);
	return plan;
}

/* Memory and CPUs of a host: what its VMs take and about its share of what those of h0 take. */
static void size_host(struct draw *draw, const struct traits *traits, const struct plan *plan, uint32_t host,
                      uint32_t *ret_gib, uint32_t *ret_cpus)
{
	uint32_t gib = 0, vcpus = 0, moving_gib = 0, largest_gib = 0, used_gib;

	for (uint32_t i = 0; i < plan->vm_count; i++) {
		if (plan->vm_host[i] == host) {
			gib += plan->gib[plan->vm_flavor[i]];
			vcpus += plan->vcpus[plan->vm_flavor[i]];
		} else if (plan->vm_host[i] == 0) {
			moving_gib += plan->gib[plan->vm_flavor[i]];
			if (plan->gib[plan->vm_flavor[i]] > largest_gib)
				largest_gib = plan->gib[plan->vm_flavor[i]];
		}
	}
	used_gib = gib;
	/* Enough for the largest alone as a rule, so that what fails is a matter of who comes first. */
	if (traits->plain)
		gib += 4 + moving_gib;
	else if (host > 0 && draw_percent(draw, 70))
		gib += largest_gib + draw_below(draw, 3);
	else if (host > 0)
		gib += draw_below(draw, 2 * moving_gib / (traits->hosts - 1) + 3);
	if (traits->alike && host > 0) {
		*ret_gib = used_gib + largest_gib + draw_percent(draw, 5);
		*ret_cpus = vcpus + 8;
		return;
	}
	if (traits->roomy)
		gib = used_gib + draw_between(draw, 1, 6);
	*ret_gib = gib > 0 ? gib : 1;
	*ret_cpus = traits->tight ? 1 + vcpus + draw_below(draw, 5) : 4 + vcpus + draw_below(draw, 20);
}

static void print_numa(FILE *file, struct draw *draw, uint32_t cpus, uint32_t gib, bool plain)
{
	uint32_t nodes = draw_between(draw, plain ? 2 : 1, plain ? 4 : 3);

	fputs(", \"numa\": [", file);
	for (uint32_t i = 0; i < nodes; i++)
		fprintf(file,
		        "%s{\"cpus\": %u, \"memory_mib\": %u, "
		        "\"hugepages\": {\"2048\": %u, \"1048576\": %u}}",
		        i ? ", " : "", cpus / nodes + draw_below(draw, 2),
		        (gib / nodes + draw_below(draw, 2)) * 1024, 512 * draw_below(draw, plain ? 8 : 5),
		        draw_below(draw, plain ? 8 : 5));
	fputs("]", file);
}

static void print_host(FILE *file, struct draw *draw, const struct traits *traits, const struct plan *plan,
                       uint32_t index)
{
	uint32_t cpus, gib;

	size_host(draw, traits, plan, index, &gib, &cpus);
	fprintf(file, "%s{\"name\": \"h%u\", \"cpus\": %u, \"memory_mib\": %u", index ? ",\n" : "", index,
	        cpus, gib * 1024);
	fprintf(file, ", \"cpu_ratio\": %s",
	        traits->alike   ? "1"
	        : traits->tight ? DRAW_WORD(draw, "1", "0.75", "1.5")
	                        : DRAW_WORD(draw, "1", "1.5", "2", "16"));
	if (traits->ratios && !traits->alike)
		fprintf(file, ", \"memory_ratio\": %s, \"reserved\": {\"memory_mib\": %u, \"cpus\": %u}",
		        DRAW_WORD(draw, "1", "1.25", "1.5"), 512 * draw_below(draw, 3), draw_below(draw, 2));
	if (traits->disks && draw_percent(draw, 85))
		fprintf(file, ", \"disk_gib\": %u, \"disk_ratio\": %s", draw_between(draw, 10, 60),
		        DRAW_WORD(draw, "1", "1.5"));
	if (traits->numa && draw_percent(draw, 80))
		print_numa(file, draw, cpus, gib, traits->plain);
	if (traits->pci)
		fprintf(file, ", \"pci\": {\"nic\": %u, \"gpu\": %u}", draw_below(draw, 7),
		        draw_below(draw, 5));
	if (traits->zones)
		fprintf(file, ", \"zone\": \"%s\"", DRAW_WORD(draw, "za", "zb"));
	if (traits->aggregates && draw_percent(draw, 60))
		fprintf(file,
		        ", \"aggregates\": [\"plain\", {\"name\": \"a\", \"metadata\": {\"disk\": \"%s\"}}]",
		        DRAW_WORD(draw, "ssd", "hdd", "ssd,hdd"));
	if (traits->networks && draw_percent(draw, 60))
		fprintf(file, ", \"networks\": [%s]", DRAW_WORD(draw, "\"n0\"", "\"n0\", \"n1\"", ""));
	if (traits->apart && draw_percent(draw, 60))
		fprintf(file, ", \"dedicated_cpus\": %u", draw_below(draw, 6));
	if (traits->models)
		fprintf(file, ", \"cpu_model\": \"%s\"",
		        DRAW_WORD(draw, "Haswell", "SandyBridge", "Broadwell"));
	if (draw_percent(draw, 20))
		fprintf(file, ", \"storage\": \"%s\"", DRAW_WORD(draw, "local_image", "local_lvm"));
	if (traits->hosts_off && index > 0 && draw_percent(draw, 40))
		fputs(DRAW_WORD(draw, ", \"administrative\": \"locked\", \"availability\": \"online\"",
		                ", \"operational\": \"disabled\"", ", \"availability\": \"offline\"",
		                ", \"availability\": \"failed\"", ", \"availability\": \"degraded\""),
		      file);
	fputs("}", file);
}

static void print_flavor(FILE *file, struct draw *draw, const struct traits *traits, const struct plan *plan,
                         uint32_t index)
{
	uint32_t vcpus = plan->vcpus[index], gib = plan->gib[index];
	const char *comma = "";

	fprintf(file, "%s{\"name\": \"f%u\", \"vcpus\": %u, \"memory_mib\": %u", index ? ",\n" : "", index,
	        vcpus, gib * 1024);
	if (traits->disks)
		fprintf(file, ", \"disk_gib\": %u, \"ephemeral_gib\": %u, \"swap_mib\": %u",
		        draw_below(draw, 25), draw_percent(draw, 30) ? draw_below(draw, 12) : 0,
		        draw_percent(draw, 20) ? 1500 : 0);
	fputs(", \"extra_specs\": {", file);
	if (traits->dedicated && draw_percent(draw, 60)) {
		fputs("\"hw:cpu_policy\": \"dedicated\"", file);
		comma = ", ";
	}
	if (traits->dedicated && draw_percent(draw, 15)) {
		fprintf(file, "%s\"hw:wrs:shared_vcpu\": 0", comma);
		comma = ", ";
	}
	if (traits->numa && draw_percent(draw, 70)) {
		fprintf(file, "%s\"hw:mem_page_size\": \"%s\"", comma,
		        DRAW_WORD(draw, "small", "large", "any", "2048", "1048576", "2MB"));
		comma = ", ";
	}
	if (traits->numa && vcpus > 1 && draw_percent(draw, 50)) {
		fprintf(file, "%s\"hw:numa_nodes\": \"2\"", comma);
		comma = ", ";
	}
	if (traits->pci && draw_percent(draw, 50)) {
		fprintf(file, "%s\"pci_passthrough:alias\": \"%s\"", comma,
		        DRAW_WORD(draw, "nic:1", "nic:2", "gpu:1"));
		comma = ", ";
	}
	if (traits->aggregates && draw_percent(draw, 40)) {
		fprintf(file, "%s\"aggregate_instance_extra_specs:disk\": \"%s\"", comma,
		        DRAW_WORD(draw, "ssd", "<or> ssd <or> hdd"));
		comma = ", ";
	}
	if (traits->models && draw_percent(draw, 50))
		fprintf(file, "%s\"hw:cpu_model\": \"%s\"", comma,
		        DRAW_WORD(draw, "SandyBridge", "Haswell", "Passthrough"));
	fputs("}}", file);
}

static void print_vm(FILE *file, struct draw *draw, const struct traits *traits, const struct plan *plan,
                     uint32_t index)
{
	uint32_t host = plan->vm_host[index];

	fprintf(file, "%s{\"name\": \"v%u\", \"flavor\": \"f%u\"", index ? ",\n" : "", index,
	        plan->vm_flavor[index]);
	if (host == NONE)
		fputs(", \"host\": null", file);
	else
		fprintf(file, ", \"host\": \"h%u\"", host);
	if (traits->groups && draw_percent(draw, traits->group_percent))
		fprintf(file, ", \"group\": \"g%u\"", draw_below(draw, traits->groups));
	if (traits->zones && draw_percent(draw, 20))
		fprintf(file, ", \"zone\": \"%s\"", DRAW_WORD(draw, "za", "zb"));
	if (traits->networks && draw_percent(draw, 40))
		fprintf(file, ", \"vifs\": [{\"model\": \"virtio\", \"network\": \"%s\"}]",
		        DRAW_WORD(draw, "n0", "n1"));
	else if (traits->states && draw_percent(draw, 5))
		fputs(", \"vifs\": [{\"model\": \"pci-sriov\"}]", file);
	if (draw_percent(draw, 30))
		fputs(", \"boot\": \"image\"", file);
	if (draw_percent(draw, 10))
		fprintf(file, ", \"state\": \"%s\"", DRAW_WORD(draw, "stopped", "error", "active"));
	else if (traits->states && draw_percent(draw, 20))
		fprintf(file, ", %s",
		        DRAW_WORD(draw, "\"state\": \"paused\"", "\"state\": \"suspended\"",
		                  "\"state\": \"rescued\"", "\"state\": \"verify-resize\"",
		                  "\"task\": \"migrating\"", "\"task\": \"rebuilding\"",
		                  "\"task\": \"powering-off\"", "\"heartbeat_vote\": \"reject\""));
	fputs("}", file);
}

static void print_groups(FILE *file, struct draw *draw, const struct traits *traits)
{
	for (uint32_t i = 0; i < traits->groups; i++) {
		uint32_t policy = draw_percent(draw, 60) ? draw_between(draw, 2, 7) : draw_below(draw, 8);

		fprintf(file, "%s{\"name\": \"g%u\"", i ? ", " : "", i);
		if (policy < 2)
			fprintf(file, ", \"policy\": \"affinity\", \"best_effort\": %s",
			        policy ? "true" : "false");
		else if (policy < 6)
			fprintf(file,
			        ", \"policy\": \"anti-affinity\", \"best_effort\": %s, \"max_per_host\": %u",
			        policy == 2 ? "true" : "false", policy > 3 ? draw_between(draw, 1, 3) : 1);
		else
			fprintf(file, ", \"policy\": \"%s\"",
			        policy == 6 ? "soft-affinity" : "soft-anti-affinity");
		fputs("}", file);
	}
}

char *draw_cluster_text(uint64_t seed, const struct draw_size *size)
{
	struct draw draw = { seed * 2 + 1 };
	struct traits traits;
	struct plan plan;
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	must(file);
	draw_bits(&draw);
	traits = draw_traits(&draw, size);
	plan = draw_plan(&draw, &traits, size);
	fprintf(file,
	        "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"drawn\", \"profile\": \"%s\",\n"
	        "\"hosts\": [",
	        DRAW_WORD(&draw, "titanium", "starlingx", "nova"));
	for (uint32_t i = 0; i < traits.hosts; i++)
		print_host(file, &draw, &traits, &plan, i);
	fputs("],\n\"flavors\": [", file);
	for (uint32_t i = 0; i < traits.flavors; i++)
		print_flavor(file, &draw, &traits, &plan, i);
	fputs("],\n\"groups\": [", file);
	print_groups(file, &draw, &traits);
	fputs("],\n\"vms\": [", file);
	for (uint32_t i = 0; i < plan.vm_count; i++)
		print_vm(file, &draw, &traits, &plan, i);
	fputs("]}\n", file);
	must(fclose(file) == 0);
	return text;
}

int cluster_try_text(struct cluster *ret_cluster, const char *text, struct error *error)
{
	size_t length = strlen(text);
	char *copy = memory_take(length + 1);
	struct json_doc *doc;
	int result;

	memcpy(copy, text, length + 1);
	result = json_doc_parse(&doc, "c.json", copy, length, error);
	if (result)
		return result;
	result = cluster_read(ret_cluster, doc, PROFILE_COUNT, error);
	json_doc_free(doc);
	return result;
}

void cluster_from_text(struct cluster *ret_cluster, const char *text)
{
	struct error error;

	if (cluster_try_text(ret_cluster, text, &error)) {
		fprintf(stderr, "%s\n%s\n", error.text, text);
		must(!"the cluster is refused");
	}
}
