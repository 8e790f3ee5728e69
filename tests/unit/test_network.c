/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The links of a switch tree, and the ways through it. */
#include "core/network.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#define HOST(name, at) "{\"name\":\"" name "\",\"cpus\":1,\"memory_mib\":1024" at "}"
#define CLUSTER(switches, hosts)                                                                  \
	"{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"t\",\"flavors\":[],\"vms\":[]," switches \
	"\"hosts\":[" hosts "]}"

static struct cluster cluster;
static struct network network;

static void begin(const char *text)
{
	cluster_from_text(&cluster, text);
	network_create(&network, &cluster);
}

static void end(void)
{
	network_free(&network);
	cluster_free(&cluster);
}

TestSuite(network, .fini = end);

/* The way as text: a host's link by its number, a switch's by s and its number, up ^ or down v. */
static const char *way(uint32_t source, uint32_t target)
{
	static char text[128];
	uint32_t links[16], count;

	cr_assert_leq(network.path_most, 16);
	count = network_path(&network, source, target, links);
	text[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		bool of_switch = links[i] / 2 >= cluster.host_count;

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%u%s", i ? " " : "",
		         of_switch ? "s" : "", links[i] / 2 - (of_switch ? cluster.host_count : 0),
		         links[i] % 2 ? "v" : "^");
	}
	return text;
}

Test(network, without_switches_nothing_is_between_two_hosts)
{
	begin(CLUSTER("", HOST("a", "") "," HOST("b", ",\"nic_mbit_s\":25000")));
	cr_assert_str_eq(way(0, 1), "0^ 1v");
	cr_assert_eq(network_bytes_s(&network, network_host(0, false)), 1.25e9);
	cr_assert_eq(network_bytes_s(&network, network_host(1, true)), 3.125e9);
}

Test(network, a_way_goes_up_to_the_first_switch_in_common)
{
	begin(CLUSTER("\"switches\":[{\"name\":\"t0\",\"uplink\":\"p0\",\"uplink_mbit_s\":4000},"
	              "{\"name\":\"t1\",\"uplink\":\"p0\",\"uplink_mbit_s\":4000},"
	              "{\"name\":\"t2\",\"uplink\":\"core\",\"uplink_mbit_s\":4000},"
	              "{\"name\":\"p0\",\"uplink\":\"core\",\"uplink_mbit_s\":8000},{\"name\":\"core\"}],",
	              HOST("a", ",\"switch\":\"t0\"") "," HOST("b", ",\"switch\":\"t0\"") "," HOST(
			      "c", ",\"switch\":\"t1\"") "," HOST("d", ",\"switch\":\"t2\"")));
	cr_assert_str_eq(way(0, 1), "0^ 1v");
	cr_assert_str_eq(way(0, 2), "0^ s0^ s1v 2v");
	cr_assert_str_eq(way(0, 3), "0^ s0^ s3^ s2v 3v");
	cr_assert_str_eq(way(3, 0), "3^ s0v s2^ s3v 0v");
	cr_assert_eq(network_bytes_s(&network, network_switch(&network, 3, false)), 1e9);
}

Test(network, roots_are_joined_without_limit)
{
	begin(CLUSTER("\"switches\":[{\"name\":\"x\"},{\"name\":\"y\"}],",
	              HOST("a", ",\"switch\":\"x\"") "," HOST("b", ",\"switch\":\"y\"")));
	cr_assert_str_eq(way(0, 1), "0^ 1v");
}
