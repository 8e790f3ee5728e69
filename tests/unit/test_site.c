/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/site.h"

#include "core/must.h"
#include "system/files.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char text[] =
	"{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"s\", \"x-own\": {\"kept\": true}, \"hosts\": ["
	"{\"name\": \"h10\", \"cpus\": 8, \"memory_mib\": 8192},"
	"{\"name\": \"h2\", \"cpus\": 8, \"memory_mib\": 8192, \"x-rack\": 7}],"
	"\"flavors\": [{\"name\": \"f\", \"vcpus\": 1, \"memory_mib\": 1024}],"
	"\"vms\": ["
	"{\"name\": \"v10\", \"host\": \"h10\", \"flavor\": \"f\", \"x-note\": \"mine\"}, {\"name\": \"v2\", "
	"\"host\": \"h2\", \"flavor\": \"f\"}]}";

static char folder[] = "/tmp/lockkeeper-site.XXXXXX", file[64], state[64];

static void put(const char *bytes)
{
	struct error error;

	cr_assert_eq(file_write(file, bytes, strlen(bytes), true, &error), 0, "%s", error.text);
}

static void set_up(void)
{
	cr_assert(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/cluster.json", folder);
	snprintf(state, sizeof(state), "%s/state", folder);
	put(text);
}

static void empty(const char *path)
{
	DIR *all = opendir(path);
	const struct dirent *entry;

	while (all && (entry = readdir(all)))
		unlinkat(dirfd(all), entry->d_name, 0);
	if (all)
		closedir(all);
	rmdir(path);
}

static void tear_down(void)
{
	empty(state);
	empty(folder);
}

TestSuite(site, .init = set_up, .fini = tear_down);

static bool begin(struct site *site)
{
	struct error error;
	bool began;

	cr_assert_eq(site_open(site, file, state, PROFILE_COUNT, &began, &error), 0, "%s", error.text);
	return began;
}

static void change(struct site *site, uint8_t kind, uint32_t index, uint32_t value)
{
	struct site_change one = { kind, index, value };
	struct error error;

	cr_assert_eq(site_change(site, &one, 1, &error), 0, "%s", error.text);
}

Test(site, goes_on_where_it_was)
{
	struct site site;
	uint64_t revision;

	cr_assert(begin(&site));
	revision = site.revision;
	change(&site, SITE_VM_HOST, 0, 1);
	change(&site, SITE_HOST_ADMINISTRATIVE, 0, ADMIN_LOCKED);
	change(&site, SITE_VM_STATE, 1, VM_PAUSED);
	cr_assert_eq(site.revision, revision + 3);
	site_close(&site);
	cr_assert_not(begin(&site));
	cr_assert_eq(site.revision, revision + 3);
	cr_assert_eq(site.state.vm_host[0], 1);
	cr_assert_eq(site.state.vm_state[1], VM_PAUSED);
	cr_assert_eq(site.cluster.hosts[0].administrative, ADMIN_LOCKED);
	cr_assert_eq(site.cluster.hosts[0].operational, OPER_DISABLED);
	cr_assert_eq(site.cluster.hosts[0].availability, AVAIL_ONLINE);
	change(&site, SITE_HOST_ADMINISTRATIVE, 0, ADMIN_UNLOCKED);
	cr_assert_eq(site.state.hosts[0].availability, AVAIL_AVAILABLE);
	site_close(&site);
}

Test(site, what_is_so_already_is_no_change)
{
	struct site site;
	uint64_t revision;

	begin(&site);
	revision = site.revision;
	change(&site, SITE_VM_HOST, 0, 0);
	change(&site, SITE_HOST_ADMINISTRATIVE, 1, ADMIN_UNLOCKED);
	cr_assert_eq(site.revision, revision);
	site_close(&site);
}

Test(site, begins_anew_with_another_cluster)
{
	struct site site;
	char other[sizeof(text)];

	begin(&site);
	change(&site, SITE_VM_HOST, 0, 1);
	site_close(&site);
	memcpy(other, text, sizeof(text));
	memcpy(strstr(other, "\"name\": \"s\""), "\"name\": \"t\"", 11);
	put(other);
	cr_assert(begin(&site));
	cr_assert_eq(site.state.vm_host[0], 0);
	cr_assert_str_eq(site.cluster.name, "t");
	site_close(&site);
}

Test(site, keeps_what_it_does_not_know)
{
	struct error error;
	struct site site;
	size_t length;
	char *kept;

	begin(&site);
	change(&site, SITE_VM_HOST, 0, 1);
	change(&site, SITE_HOST_ADMINISTRATIVE, 1, ADMIN_LOCKED);
	cr_assert_eq(file_read(site.path, &kept, &length, &error), 0);
	cr_assert(strstr(kept, "x-own") && strstr(kept, "x-rack") && strstr(kept, "x-note"), "%s", kept);
	free(kept);
	site_close(&site);
}

Test(site, names_are_in_the_order_that_people_expect)
{
	struct site site;

	begin(&site);
	cr_assert_eq(site.hosts_by_name[0], 1);
	cr_assert_eq(site.vms_by_name[0], 1);
	site_close(&site);
}

Test(site, a_copy_stays_as_it_was)
{
	struct error error;
	struct site site;
	uint64_t revision;
	char path[96], *kept;
	size_t length;

	begin(&site);
	snprintf(path, sizeof(path), "%s/copy.json", state);
	cr_assert_eq(site_link(&site, path, &revision, &error), 0);
	cr_assert_eq(revision, site.revision);
	change(&site, SITE_VM_HOST, 0, 1);
	cr_assert_eq(file_read(path, &kept, &length, &error), 0);
	cr_assert(strstr(kept, "\"host\":\"h10\""), "%s", kept);
	free(kept);
	site_close(&site);
}
