/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a VM takes of the memory: a million of them must fit into 4 GiB (tests/bench/bench_million.c). */
#include "core/cluster.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

enum { HOSTS = 500, VMS_A_HOST = 20, VMS = HOSTS * VMS_A_HOST };

/* Of 4295 bytes: the file's text and values, the text of which its digest is made, and the cluster. */
enum { DOC_MOST = 1700, CANONICAL_MOST = 300, CLUSTER_MOST = 700 };

_Static_assert(DOC_MOST + CANONICAL_MOST + CLUSTER_MOST <= (UINT64_C(4) << 30) / 1000000, "4 GiB");

/* As plausible VMs are written: with an identity, a network card, and a dirty model of their own. */
static char *cluster_text(size_t *ret_length)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, ret_length);

	fprintf(file, "{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"c\",\"flavors\":[{\"name\":\"m\","
	              "\"vcpus\":1,\"memory_mib\":2048}],\"hosts\":[");
	for (uint32_t i = 0; i < HOSTS; i++)
		fprintf(file, "%s{\"name\":\"compute-%u\",\"cpus\":64,\"memory_mib\":262144}", i ? "," : "",
		        i);
	fprintf(file, "],\"vms\":[");
	for (uint32_t i = 0; i < VMS; i++)
		fprintf(file,
		        "%s{\"name\":\"vm-%07u\",\"id\":\"00000000-aaaa-4bbb-8ccc-%012u\","
		        "\"host\":\"compute-%u\",\"flavor\":\"m\",\"used_mib\":%u,"
		        "\"vifs\":[{\"model\":\"virtio\",\"network\":\"tenant\"}],\"dirty\":"
		        "{\"model\":\"uniform\",\"working_set_mib\":%u,\"rate_pages_s\":%u}}",
		        i ? "," : "", i, i, i % HOSTS, 500 + i % 1500, 50 + i % 300, 100 + i % 4000);
	fprintf(file, "]}");
	fclose(file);
	return text;
}

Test(memory, of_a_million_vms_is_4_gib_at_most)
{
	struct json_doc *doc;
	struct cluster cluster;
	struct error error;
	size_t length;
	char *text = cluster_text(&length), *canonical;

	cr_assert_eq(json_doc_parse(&doc, "c.json", text, length, &error), 0);
	cr_assert_eq(cluster_read(&cluster, doc, PROFILE_COUNT, &error), 0);
	cr_expect_leq(json_doc_bytes(doc) / VMS, DOC_MOST, "%zu bytes a VM", json_doc_bytes(doc) / VMS);
	cr_expect_leq(cluster.arena.total / VMS, CLUSTER_MOST, "%zu bytes a VM", cluster.arena.total / VMS);
	canonical = json_canonical(json_doc_root(doc), &length);
	cr_expect_leq(length / VMS, CANONICAL_MOST, "%zu bytes a VM", length / VMS);
	free(canonical);
	json_doc_free(doc);
	cluster_free(&cluster);
}
