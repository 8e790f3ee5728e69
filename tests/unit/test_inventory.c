/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cluster.h"
#include "real-driver/export.h"
#include "real-driver/hosts.h"
#include "real-driver/xml.h"
#include "tests/support/fake_libvirt.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static char notes_text[8192];
static struct error error;

static void note(void *context, const char *text)
{
	size_t used = strlen(notes_text);

	(void)context;
	snprintf(notes_text + used, sizeof(notes_text) - used, "%s\n", text);
}

static const struct inventory_notes notes = { NULL, note };

static void init(void)
{
	fake_reset();
	notes_text[0] = '\0';
}

static void fini(void)
{
	arena_free(&arena);
	cr_expect_eq(fake_open(), 0, "%u connections or handles are left open", fake_open());
}

TestSuite(inventory, .init = init, .fini = fini, .timeout = 60);

static int read_host(uint32_t host, struct inventory_host *ret_host)
{
	static const char *const shared[] = { "/srv" };
	virConnectPtr connection = fake_calls.virConnectOpen(fake_uri(host));
	int result = inventory_read(&fake_calls, connection, fake_uri(host),
	                            &(struct shared_paths){ shared, 1 }, &notes, &arena, ret_host, &error);

	fake_calls.virConnectClose(connection);
	return result;
}

static char *exported(const char *groups, uint32_t count)
{
	struct inventory_host hosts[FAKE_HOSTS];
	struct export_options options = { 0 };
	struct json_doc *doc = NULL;
	json_t *cluster;
	char *text = NULL, *copy;
	size_t length;

	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(read_host(i, &hosts[i]), 0, "%s", error.text);
	if (groups) {
		copy = memory_take(strlen(groups) + 1);
		memcpy(copy, groups, strlen(groups) + 1);
		cr_assert_eq(json_doc_parse(&doc, "groups", copy, strlen(groups), &error), 0);
		options.groups = doc;
	}
	if (!export_cluster(hosts, count, &options, &notes, &cluster, &error)) {
		text = json_print(cluster, false, &length);
		json_free(cluster);
	}
	if (doc)
		json_doc_free(doc);
	return text;
}

/* What is exported has to be readable. */
static void read_back(const char *text)
{
	char *copy = memory_take(strlen(text) + 1);
	struct cluster cluster;
	struct json_doc *doc;

	memcpy(copy, text, strlen(text) + 1);
	cr_assert_eq(json_doc_parse(&doc, "c", copy, strlen(text), &error), 0, "%s", error.text);
	cr_expect_eq(cluster_read(&cluster, doc, PROFILE_COUNT, &error), 0, "%s", error.text);
	cluster_free(&cluster);
	json_doc_free(doc);
}

#define expect_in(text, part) cr_expect(strstr(text, part), "\"%s\" is not in %s", part, text)
#define expect_not_in(text, part) cr_expect_not(strstr(text, part), "\"%s\" is in %s", part, text)

/* ------------------------------------------------------------------ XML */

Test(inventory, xml_is_asked_by_paths)
{
	struct xml *xml = xml_parse("<a><m unit='GiB'>2</m><n unit='KB'>10</n><o>7</o><p>x</p></a>");
	char *text;

	cr_expect_eq(xml_kib(xml, "/a/m"), 2097152);
	cr_expect_eq(xml_kib(xml, "/a/n"), 9);
	cr_expect_eq(xml_kib(xml, "/a/o"), 7);
	cr_expect_eq(xml_kib(xml, "/a/p"), -1);
	cr_expect_eq(xml_kib(xml, "/a/q"), -1);
	cr_expect_eq(xml_number(xml, "/a/p", 5), 5);
	cr_expect_null(xml_text(xml, "/a/q"));
	cr_expect_null(xml_text(xml, "///"), "a path that is none finds nothing");
	text = xml_part(xml, "/a/m");
	cr_expect_str_eq(text, "<m unit=\"GiB\">2</m>");
	free(text);
	cr_expect_null(xml_part(xml, "/a/m/@unit"));
	xml_free(xml);
	cr_expect_null(xml_parse("<a>"));
	cr_expect_null(xml_parse(""));
	xml_free(NULL);
}

/* ------------------------------------------------------------------ a host */

Test(inventory, a_host_and_its_guests)
{
	struct inventory_host host;
	struct fake_domain *paused = fake_add(0, "b");

	fake_add(0, "a")->rss_mib = 5000;
	fake_state(paused, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
	fake_hosts[0].capabilities =
		"<capabilities><host><topology><cells num='2'>"
		"<cell id='0'><memory unit='KiB'>1048576</memory><pages size='4'>131072</pages>"
		"<pages size='2048'>256</pages><cpus num='4'/></cell>"
		"<cell id='1'><memory unit='KiB'>1048576</memory><cpus num='2'/></cell>"
		"</cells></topology></host></capabilities>";
	cr_assert_eq(read_host(0, &host), 0);
	cr_expect_str_eq(host.name, "h0");
	cr_expect_eq(host.cpus, 6);
	cr_expect_eq(host.memory_mib, 512 + 1024);
	cr_expect_eq(host.cells[0].pages_2m, 256);
	cr_expect_str_eq(host.cpu_model, "Haswell");
	cr_assert_eq(host.feature_count, 1);
	cr_expect_str_eq(host.features[0], "aes");
	cr_assert_eq(host.network_count, 3, "vnet3 and lo are none, br0 is one");
	cr_expect_str_eq(host.networks[0], "br0");
	cr_expect_eq(host.qemu, 7002);
	cr_assert_eq(host.domain_count, 2);
	cr_expect_str_eq(host.domains[0].name, "a");
	cr_expect_eq(host.domains[0].used_mib, 1024, "no more than it has");
	cr_expect_eq(host.domains[1].state, VM_PAUSED);
	cr_expect_eq(host.domains[1].used_mib, 300);
	cr_expect_eq(host.domains[1].vif_count, 1);
	cr_expect_str_eq(host.domains[1].vifs[0].network, "br0");
}

Test(inventory, what_a_host_may_not_say)
{
	static const char *const needed[] = { "virConnectGetHostname", "virNodeGetInfo",
		                              "virConnectGetCapabilities", "virConnectListAllDomains" };
	struct inventory_host host;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		fake_fail(needed[i], VIR_ERR_RPC);
		cr_expect_eq(read_host(0, &host), ERROR_IO);
		expect_in(error.text, "fake://0: its ");
		fake_fail(needed[i], VIR_ERR_OK);
	}
	fake_hosts[0].capabilities = "<capabilities><host><cpu><model>Broadwell</model><feature name='aes'/>"
				     "</cpu></host></capabilities>";
	fake_fail("virConnectGetDomainCapabilities", VIR_ERR_NO_SUPPORT);
	fake_fail("virConnectListAllInterfaces", VIR_ERR_NO_SUPPORT);
	fake_fail("virConnectGetVersion", VIR_ERR_NO_SUPPORT);
	fake_fail("virConnectListAllNetworks", VIR_ERR_NO_SUPPORT);
	cr_assert_eq(read_host(0, &host), 0);
	cr_expect_str_eq(host.cpu_model, "Broadwell");
	cr_expect_not(host.networks_known);
	cr_expect_eq(host.qemu, 0);
	expect_in(notes_text, "h0: its interfaces cannot be listed");
	fake_add(0, "a");
	fake_fail("virDomainGetXMLDesc", VIR_ERR_NO_DOMAIN);
	cr_assert_eq(read_host(0, &host), 0);
	cr_expect_eq(host.domain_count, 0);
	expect_in(notes_text, "h0: a domain vanished while it was read");
}

Test(inventory, what_guests_are)
{
	static const struct {
		int state, reason;
		bool saved;
		uint8_t expected;
	} cases[] = {
		{ VIR_DOMAIN_RUNNING, 0, false, VM_ACTIVE },
		{ VIR_DOMAIN_BLOCKED, 0, false, VM_ACTIVE },
		{ VIR_DOMAIN_PMSUSPENDED, 0, false, VM_SUSPENDED },
		{ VIR_DOMAIN_SHUTOFF, 0, true, VM_SUSPENDED },
		{ VIR_DOMAIN_SHUTOFF, 0, false, VM_STOPPED },
		{ VIR_DOMAIN_CRASHED, 0, false, VM_ERROR },
	};
	struct fake_domain *domain = fake_add(0, "a");
	struct inventory_host host;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_state(domain, cases[i].state, cases[i].reason);
		domain->saved = cases[i].saved;
		cr_assert_eq(read_host(0, &host), 0);
		cr_expect_eq(host.domains[0].state, cases[i].expected, "case %zu", i);
	}
}

Test(inventory, dirty_memory_is_measured_over_several_times)
{
	static const unsigned periods_s[] = { 1, 2 };
	virConnectPtr connection = fake_calls.virConnectOpen(fake_uri(0));
	struct inventory_host host;

	fake_add(0, "a")->rss_mib = 12;
	fake_state(fake_add(0, "off"), VIR_DOMAIN_SHUTOFF, 0);
	cr_assert_eq(read_host(0, &host), 0);
	inventory_measure_dirty(&fake_calls, connection, periods_s, 2, &notes, &arena, &host);
	cr_assert_eq(host.domains[0].point_count, 2);
	cr_expect_eq(host.domains[0].points[0][1], 7);
	cr_expect_eq(host.domains[0].points[1][1], 12, "14 MiB, but it has only 12");
	cr_expect_eq(host.domains[1].point_count, 0);
	host.domains[0].point_count = 0;
	fake_fail("virDomainStartDirtyRateCalc", VIR_ERR_NO_SUPPORT);
	inventory_measure_dirty(&fake_calls, connection, periods_s, 1, &notes, &arena, &host);
	expect_in(notes_text, "a: its dirty memory cannot be measured: fake error 3");
	fake_fail("virDomainStartDirtyRateCalc", VIR_ERR_OK);
	fake_fail("virDomainListGetStats", VIR_ERR_NO_SUPPORT);
	inventory_measure_dirty(&fake_calls, connection, periods_s, 1, &notes, &arena, &host);
	expect_in(notes_text, "a: how much it dirties in 1 s was not measured in time");
	fake_calls.virConnectClose(connection);
}

/* ------------------------------------------------------------------ the cluster file */

Test(inventory, like_guests_share_a_flavor)
{
	char *text;

	fake_add(0, "b");
	fake_add(0, "a");
	fake_add(1, "c");
	text = exported(NULL, 2);
	read_back(text);
	expect_in(text, "\"migration\":{\"hypervisor\":\"qemu-7.2\"}");
	expect_in(text, "\"flavors\":[{\"name\":\"c2-m1024\",\"vcpus\":2,\"memory_mib\":1024}]");
	cr_expect_lt(strstr(text, "\"name\":\"a\""), strstr(text, "\"name\":\"b\""));
	expect_in(text, "\"uri\":\"fake://1\"");
	expect_in(text, "\"used_mib\":300");
	expect_in(notes_text, "the hosts' versions of QEMU differ");
	free(text);
}

Test(inventory, flavors_say_what_guests_are)
{
	char *text;

	fake_add(0, "big")->xml =
		"<domain><memory unit='MiB'>4096</memory><vcpu current='3'>8</vcpu>"
		"<memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages></memoryBacking>"
		"<cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='3'/>"
		"<vcpupin vcpu='2' cpuset='4'/></cputune><cpu mode='host-passthrough'><numa>"
		"<cell cpus='0,2' memory='2097152' unit='KiB'/>"
		"<cell cpus='1' memory='2097152' unit='KiB'/></numa>"
		"</cpu><devices><disk type='file'><source file='/a'/><target dev='vda'/></disk>"
		"<disk type='file'><source file='/srv/b'/><target dev='vdb'/></disk>"
		"<interface type='network'><source network='default'/><model type='e1000e'/></interface>"
		"<interface type='direct'><source dev='eth0'/><model type='rtl8139'/></interface>"
		"<interface type='hostdev'/></devices></domain>";
	text = exported(NULL, 1);
	read_back(text);
	expect_in(text, "\"c3-m4096-d10-pages-1048576-dedicated-host-cpu-numa-0,2-2048-numa-1-2048\"");
	expect_in(text, "\"hw:cpu_policy\":\"dedicated\",\"hw:cpu_model\":\"Passthrough\","
	                "\"hw:mem_page_size\":\"1048576\",\"hw:numa_nodes\":\"2\",\"hw:numa_cpus.0\":\"0,2\","
	                "\"hw:numa_mem.0\":\"2048\"");
	expect_in(text, "\"boot\":\"image\",\"vifs\":[{\"model\":\"e1000\",\"network\":\"default\"},"
	                "{\"model\":\"rtl8139\",\"network\":\"eth0\"},{\"model\":\"pci-sriov\"}]");
	expect_in(text, "\"storage\":\"local_image\"");
	expect_not_in(text, "used_mib");
	expect_in(notes_text, "big: whether /a is on a share cannot be told");
	free(text);
}

/* As found on machines that no test has: made by hand. */
Test(inventory, nodes_and_their_pages_and_measured_guests_are_exported)
{
	static const struct inventory_cell cells[] = { { .cpus = 4, .memory_mib = 2048, .pages_2m = 512 },
		                                       { .cpus = 4, .memory_mib = 4096, .pages_1g = 2 } };
	static const double points[][2] = { { 1, 10 }, { 2, 15.5 } };
	struct inventory_domain domain = { .name = "a",
		                           .uuid = "00000000-0000-0000-0000-000000000001",
		                           .state = VM_PAUSED,
		                           .active = true,
		                           .vcpus = 1,
		                           .memory_mib = 64,
		                           .used_mib = 32,
		                           .points = points,
		                           .point_count = 2 };
	struct inventory_host hosts[2] = { { .uri = "x://0",
		                             .name = "h",
		                             .cpus = 8,
		                             .memory_mib = 6144,
		                             .cells = cells,
		                             .cell_count = 2,
		                             .domains = &domain,
		                             .domain_count = 1 },
		                           { .uri = "x://1", .name = "h", .cpus = 1, .memory_mib = 64 } };
	json_t *cluster;
	size_t length;
	char *text;

	cr_assert_eq(export_cluster(hosts, 2, &(struct export_options){ 0 }, &notes, &cluster, &error), 0);
	text = json_print(cluster, false, &length);
	json_free(cluster);
	read_back(text);
	expect_in(text, "\"numa\":[{\"cpus\":4,\"memory_mib\":2048,\"hugepages\":{\"2048\":512}},"
	                "{\"cpus\":4,\"memory_mib\":4096,\"hugepages\":{\"1048576\":2}}]");
	expect_in(text, "\"state\":\"paused\"");
	expect_in(text, "\"dirty\":{\"model\":\"measured\",\"points\":[[1,10],[2,15.5]]}");
	expect_in(text, "\"name\":\"h-2\",\"uri\":\"x://1\"");
	expect_in(notes_text, "x://1 says that its name is h, as another does: h-2 here");
	free(text);
}

Test(inventory, one_guest_that_two_hosts_know)
{
	struct fake_domain *left;
	char *text;

	fake_add(1, "a");
	left = fake_add(0, "a");
	fake_state(left, VIR_DOMAIN_SHUTOFF, 0);
	text = exported(NULL, 2);
	expect_in(text, "\"host\":\"h1\"");
	expect_not_in(text, "\"host\":\"h0\"");
	expect_in(notes_text, "a is on h1; h0 has a definition of it too, left out");
	free(text);
	fake_state(left, VIR_DOMAIN_RUNNING, 0);
	text = exported(NULL, 2);
	expect_in(notes_text, "a runs on h0 and on h1 at once: a person must look");
	free(text);
	fake_state(left, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	fake_hosts[1].domains[0].job = VIR_DOMAIN_JOB_UNBOUNDED;
	text = exported(NULL, 2);
	expect_in(text, "\"host\":\"h1\"");
	expect_in(text, "\"task\":\"migrating\"");
	expect_in(notes_text, "a is migrating from h1 to h0");
	free(text);
}

Test(inventory, two_guests_of_one_name)
{
	char *text;

	fake_add(0, "a");
	fake_add(1, "a")->uuid[0] = 1;
	text = exported(NULL, 2);
	read_back(text);
	expect_in(text, "\"name\":\"a@h0\"");
	expect_in(text, "\"name\":\"a@h1\"");
	expect_in(notes_text, "a: another domain has that name: a@h0 here");
	free(text);
}

#define METADATA(attributes)                                                                              \
	"<domain><memory>1048576</memory><metadata><l:group xmlns:l='urn:lockkeeper:group:1' " attributes \
	"/>"                                                                                              \
	"</metadata></domain>"

Test(inventory, groups_of_metadata)
{
	char *text;

	fake_add(0, "a")->xml =
		METADATA("name='g' policy='anti-affinity' max_per_host='2' best_effort='true'");
	fake_add(0, "b")->xml = METADATA("name='g' policy='affinity'");
	fake_add(0, "c")->xml = METADATA("name='h' policy='nonsense'");
	fake_add(0, "d")->xml = METADATA("policy='affinity'");
	text = exported(NULL, 1);
	read_back(text);
	expect_in(text, "\"groups\":[{\"name\":\"g\",\"policy\":\"anti-affinity\",\"best_effort\":true,"
	                "\"max_per_host\":2}]");
	expect_in(notes_text, "b says that g is affinity, others say anti-affinity: that holds");
	expect_in(notes_text, "c: its group h has no policy that is known");
	free(text);
}

Test(inventory, groups_of_a_file)
{
	static const char *const wrong[][2] = {
		{ "{}", "expected an array of groups" },
		{ "[1]", "expected a group" },
		{ "[{\"name\": 1}]", "expected a group" },
		{ "[{\"name\": \"g\"}]", "expected members" },
		{ "[{\"name\": \"g\", \"members\": [1]}]", "[0].members[0]: expected a VM's name or UUID" },
		{ "[{\"name\": \"g\", \"members\": [\"z\"]}]", "no domain \"z\" on these hosts" },
		{ "[{\"name\": \"g\", \"members\": [\"a\", \"a\"]}]", "a is in g already" },
	};
	char groups[200], *text;

	fake_add(0, "a")->xml = METADATA("name='g' policy='affinity'");
	fake_add(0, "b")->xml = METADATA("name='g' policy='affinity'");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect_null(exported(wrong[i][0], 1));
		expect_in(error.text, wrong[i][1]);
	}
	snprintf(groups, sizeof(groups),
	         "[{\"name\": \"f\", \"policy\": \"soft-affinity\", \"members\": [\"a\"]}]");
	text = exported(groups, 1);
	read_back(text);
	expect_in(text, "\"groups\":[{\"name\":\"f\",\"policy\":\"soft-affinity\"},{\"name\":\"g\"");
	free(text);
}
