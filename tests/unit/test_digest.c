/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/digest.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

/* The examples of FIPS 180-4's test vectors (NIST, "Secure Hash Standard": SHA-256). */
Test(digest, is_sha256_of_the_standards_examples)
{
	char *million = malloc(1000000), hex[65];

	digest_sha256("", 0, hex);
	cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_sha256("abc", 3, hex);
	cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
	cr_assert_str_eq(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', 1000000);
	digest_sha256(million, 1000000, hex);
	cr_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

#define CLUSTER(rest) "{\"schema\": \"lockkeeper.cluster/1\", \"flavors\": [], \"vms\": [], " rest "}"

static void digest_of(const char *text, char ret_hex[65])
{
	struct cluster cluster;

	cluster_from_text(&cluster, text);
	memcpy(ret_hex, cluster.digest, 65);
	cluster_free(&cluster);
}

Test(digest, of_a_cluster_is_that_of_its_canonical_bytes)
{
	static const char canonical[] =
		"{\"flavors\":[],\"hosts\":[{\"cpus\":4,\"memory_mib\":4096,\"name\":\"a\"}],"
		"\"name\":\"c\",\"schema\":\"lockkeeper.cluster/1\",\"vms\":[]}";
	char expected[65], hex[65];

	digest_sha256(canonical, strlen(canonical), expected);
	digest_of(
		CLUSTER("\"name\": \"c\", \"hosts\": [{\"name\": \"a\", \"cpus\": 4, \"memory_mib\": 4096}]"),
		hex);
	cr_assert_str_eq(hex, expected);
	digest_of(CLUSTER("\"hosts\":\n\t[{\"memory_mib\":4.096e3,\"cpus\":4.0,\"name\":\"\\u0061\"}],"
	                  "\"name\":\"c\""),
	          hex);
	cr_assert_str_eq(hex, expected);
	digest_of(CLUSTER("\"name\": \"c\", \"x-note\": [1, {\"x\": null}], \"hosts\": "
	                  "[{\"name\": \"a\", \"cpus\": 4, \"memory_mib\": 4096, \"x-rack\": \"r1\"}]"),
	          hex);
	cr_assert_str_eq(hex, expected);
}

Test(digest, changes_with_what_counts)
{
	char before[65], after[65];

	digest_of(
		CLUSTER("\"name\": \"c\", \"hosts\": [{\"name\": \"a\", \"cpus\": 4, \"memory_mib\": 4096}]"),
		before);
	digest_of(
		CLUSTER("\"name\": \"c\", \"hosts\": [{\"name\": \"a\", \"cpus\": 4, \"memory_mib\": 4097}]"),
		after);
	cr_assert_str_neq(before, after);
	digest_of(
		CLUSTER("\"name\": \"c\", \"hosts\": [{\"name\": \"a\", \"cpus\": 4, \"memory_mib\": 4096}, "
	                "{\"name\": \"b\", \"cpus\": 4, \"memory_mib\": 4096}]"),
		before);
	digest_of(
		CLUSTER("\"name\": \"c\", \"hosts\": [{\"name\": \"b\", \"cpus\": 4, \"memory_mib\": 4096}, "
	                "{\"name\": \"a\", \"cpus\": 4, \"memory_mib\": 4096}]"),
		after);
	cr_assert_str_neq(before, after, "the order of hosts counts");
}
