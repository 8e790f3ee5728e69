/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is where, what is left, and that every change can be taken back. */
#include "core/flavor.h"
#include "core/state.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

/* Everything in a state that can change, as bytes. */
struct picture {
	unsigned char *bytes;
	size_t length, room;
};

static void picture_add(struct picture *picture, const void *bytes, size_t length)
{
	if (length == 0)
		return;
	if (picture->length + length > picture->room) {
		picture->room = 2 * picture->room + length;
		picture->bytes = memory_resize(picture->bytes, picture->room, 1);
	}
	memcpy(picture->bytes + picture->length, bytes, length);
	picture->length += length;
}

static struct picture picture_take(const struct state *state)
{
	const struct cluster *cluster = state->cluster;
	struct picture picture = { 0 };
	uint32_t vms = cluster->vm_count, hosts = cluster->host_count;

	picture_add(&picture, state->vm_host, sizeof(*state->vm_host) * vms);
	picture_add(&picture, state->vm_target, sizeof(*state->vm_target) * vms);
	picture_add(&picture, state->vm_flavor, sizeof(*state->vm_flavor) * vms);
	picture_add(&picture, state->vm_state, sizeof(*state->vm_state) * vms);
	picture_add(&picture, state->vm_busy, sizeof(*state->vm_busy) * vms);
	picture_add(&picture, state->hosts, sizeof(*state->hosts) * hosts);
	picture_add(&picture, state->uses, sizeof(*state->uses) * hosts);
	picture_add(&picture, state->numa, sizeof(*state->numa) * cluster->numa_count);
	picture_add(&picture, state->pci, sizeof(*state->pci) * cluster->pci_pool_count);
	picture_add(&picture, state->groups, sizeof(*state->groups) * cluster->group_count);
	if (state->numa_here) {
		picture_add(&picture, state->numa_here, sizeof(*state->numa_here) * vms);
		picture_add(&picture, state->numa_coming, sizeof(*state->numa_coming) * vms);
	}
	for (uint32_t host = 0; host < hosts; host++) {
		for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm))
			picture_add(&picture, &vm, sizeof(vm));
		picture_add(&picture, &state->host_vms_last[host], sizeof(uint32_t));
		for (uint32_t group = 0; group < cluster->group_count; group++) {
			uint32_t members[] = { state_members(state, group, host),
				               state_members_claimed(state, group, host) };

			picture_add(&picture, members, sizeof(members));
		}
	}
	for (uint32_t group = 0; group < cluster->group_count; group++) {
		uint32_t totals[] = { state_group_placed(state, group), state_group_hosts(state, group) };

		picture_add(&picture, totals, sizeof(totals));
	}
	return picture;
}

static bool picture_same(const struct picture *a, const struct picture *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

/* What the lists and counts must be, counted anew from who is where. */
static void check_sums(const struct state *state, uint64_t seed)
{
	const struct cluster *cluster = state->cluster;

	for (uint32_t host = 0; host < cluster->host_count; host++) {
		struct host_use use = { .under_way = state->uses[host].under_way };
		uint32_t listed = 0, here = 0;

		for (uint32_t vm = state_vms_first(state, host); vm != NONE;
		     vm = state_vms_next(state, vm), listed++)
			cr_assert_eq(state->vm_host[vm], host);
		for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
			const struct flavor *flavor = state_flavor(state, vm);
			int64_t times = (state->vm_host[vm] == host) + (state->vm_target[vm] == host);

			here += state->vm_host[vm] == host;
			use.vms += (uint32_t)times;
			use.memory_mib += times * flavor->memory_mib;
			use.disk_gib += times * flavor_disk_gib(flavor, cluster->vms[vm].boot);
			use.shared_vcpus += times * flavor_shared_vcpus(flavor);
			use.dedicated_vcpus += times * flavor_dedicated_vcpus(flavor);
		}
		cr_assert_eq(listed, here, "seed %llu", (unsigned long long)seed);
		cr_assert(!memcmp(&use, &state->uses[host], sizeof(use)), "seed %llu, host %u",
		          (unsigned long long)seed, host);
	}
}

/* One random change that is allowed in the state; most are. */
static void change_something(struct state *state, struct draw *draw)
{
	const struct cluster *cluster = state->cluster;
	uint32_t vm = draw_below(draw, cluster->vm_count), host = draw_below(draw, cluster->host_count);
	struct host_status status = { (uint8_t)draw_below(draw, 2), (uint8_t)draw_below(draw, 2),
		                      (uint8_t)draw_below(draw, 7), draw_percent(draw, 10) };
	bool placed = state->vm_host[vm] != NONE, moving = state->vm_target[vm] != NONE;

	switch (draw_below(draw, 10)) {
	case 0:
	case 1:
		if (placed && !moving && state->vm_host[vm] != host)
			state_claim(state, vm, host);
		break;
	case 2:
		if (moving)
			state_arrive(state, vm);
		break;
	case 3:
		if (moving)
			state_unclaim(state, vm);
		break;
	case 4:
		if (placed && !moving && state->vm_host[vm] != host)
			state_move(state, vm, host);
		break;
	case 5:
		if (placed && !moving)
			state_remove(state, vm);
		else if (!placed)
			state_place(state, vm, host);
		break;
	case 6:
		state_set_flavor(state, vm, draw_below(draw, cluster->flavor_count));
		break;
	case 7:
		state_set_vm_state(state, vm, (enum vm_state)draw_below(draw, 7));
		state_set_vm_busy(state, vm, draw_percent(draw, 50));
		break;
	case 8:
		state_set_host(state, host, status);
		break;
	default:
		state_under_way(state, host, state->uses[host].under_way && draw_percent(draw, 50) ? -1 : 1);
	}
}

static void check_rollbacks(uint64_t seed)
{
	static const struct draw_size size = { .hosts_most = 6,
		                               .first_host_vms_most = 6,
		                               .other_host_vms_most = 4 };
	struct draw draw = { seed };
	char *text = draw_cluster_text(seed, &size);
	struct cluster cluster;
	struct state state;
	struct picture pictures[4], after;
	uint32_t marks[4];

	cluster_from_text(&cluster, text);
	state_create(&state, &cluster);
	for (int i = 0; i < 4; i++) {
		pictures[i] = picture_take(&state);
		marks[i] = state_mark(&state);
		for (int k = 0; k < 25; k++)
			change_something(&state, &draw);
		check_sums(&state, seed);
	}
	for (int i = 3; i >= 0; i--) {
		state_rollback(&state, marks[i]);
		after = picture_take(&state);
		cr_assert(picture_same(&pictures[i], &after), "seed %llu, mark %d\n%s",
		          (unsigned long long)seed, i, text);
		free(after.bytes);
		free(pictures[i].bytes);
	}
	cr_assert(!state.undo_on && state.undo_count == 0);
	state_free(&state);
	cluster_free(&cluster);
	free(text);
}

Test(state, a_rollback_restores_everything)
{
	for (uint64_t seed = 1; seed < 2000; seed++)
		check_rollbacks(seed);
}

#define TWO_HOSTS                                                                                          \
	"{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"s\", \"hosts\": ["                             \
	"{\"name\": \"a\", \"cpus\": 8, \"memory_mib\": 8192, \"pci\": {\"gpu\": 4}},"                     \
	"{\"name\": \"b\", \"cpus\": 8, \"memory_mib\": 8192, \"pci\": {\"nic\": 1, \"gpu\": 4}}],"        \
	"\"flavors\": [{\"name\": \"f\", \"vcpus\": 2, \"memory_mib\": 2048, \"disk_gib\": 10,"            \
	"\"swap_mib\": 1,"                                                                                 \
	"\"extra_specs\": {\"pci_passthrough:alias\": \"gpu:2\"}}],"                                       \
	"\"groups\": [{\"name\": \"g\", \"policy\": \"anti-affinity\"}],"                                  \
	"\"vms\": [{\"name\": \"v\", \"flavor\": \"f\", \"host\": \"a\", \"group\": \"g\","                \
	"\"boot\": \"image\"},"                                                                            \
	"{\"name\": \"w\", \"flavor\": \"f\", \"host\": \"a\", \"group\": \"g\", \"state\": \"stopped\"}," \
	"{\"name\": \"x\", \"flavor\": \"f\", \"host\": null}]}"

Test(state, a_move_claims_both_ends_until_it_arrives)
{
	struct cluster cluster;
	struct state state;

	cluster_from_text(&cluster, TWO_HOSTS);
	state_create(&state, &cluster);
	cr_assert_eq(state.uses[0].memory_mib, 4096, "stopped VMs count");
	cr_assert_eq(state.uses[0].disk_gib, 11 + 1);
	cr_assert_eq(state.uses[1].vms, 0);
	cr_assert_eq(state_members(&state, 0, 0), 2);
	cr_assert_eq(state_pci_left(&state, 0, cluster_intern(&cluster, "gpu")), 0);
	state_claim(&state, 0, 1);
	cr_assert_eq(state.uses[0].memory_mib, 4096);
	cr_assert_eq(state.uses[1].memory_mib, 2048);
	cr_assert_eq(state.vm_host[0], 0);
	cr_assert_eq(state_members(&state, 0, 1), 0);
	cr_assert_eq(state_members_claimed(&state, 0, 1), 1);
	cr_assert_eq(state_pci_left(&state, 1, cluster_intern(&cluster, "gpu")), 2);
	cr_assert_eq(state_pci_left(&state, 1, cluster_intern(&cluster, "nic")), 1);
	cr_assert_eq(state_pci_left(&state, 1, cluster_intern(&cluster, "tpu")), 0);
	state_arrive(&state, 0);
	cr_assert_eq(state.uses[0].memory_mib, 2048);
	cr_assert_eq(state.vm_host[0], 1);
	cr_assert_eq(state_members(&state, 0, 1), 1);
	cr_assert_eq(state_members(&state, 0, 0), 1);
	cr_assert_eq(state_group_hosts(&state, 0), 2);
	state_claim(&state, 0, 0);
	state_unclaim(&state, 0);
	cr_assert_eq(state.uses[0].memory_mib, 2048);
	cr_assert_eq(state.vm_host[0], 1);
	state_place(&state, 2, 1);
	cr_assert_eq(state.uses[1].memory_mib, 4096);
	state_remove(&state, 2);
	cr_assert_eq(state.uses[1].memory_mib, 2048);
	state_free(&state);
	cluster_free(&cluster);
}

Test(state, hosts_are_up_and_enabled_by_their_three_states)
{
	static const bool up[] = { true, true, false, false, true, true, false };
	struct cluster cluster;
	struct state state;

	cluster_from_text(&cluster, TWO_HOSTS);
	state_create(&state, &cluster);
	for (uint8_t availability = 0; availability < 7; availability++) {
		state_set_host(&state, 0, (struct host_status){ .availability = availability });
		cr_assert_eq(state_host_up(&state, 0), up[availability], "%s",
		             availability_words[availability]);
		cr_assert(state_host_enabled(&state, 0));
	}
	state_set_host(&state, 0, (struct host_status){ .administrative = ADMIN_LOCKED });
	cr_assert(state_host_up(&state, 0) && !state_host_enabled(&state, 0));
	state_set_host(&state, 0, (struct host_status){ .operational = OPER_DISABLED });
	cr_assert(state_host_up(&state, 0) && !state_host_enabled(&state, 0));
	state_set_host(&state, 0, (struct host_status){ .absent = true });
	cr_assert(!state_host_up(&state, 0) && !state_host_enabled(&state, 0));
	state_free(&state);
	cluster_free(&cluster);
}
