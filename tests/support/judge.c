/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/judge.h"

#include "core/must.h"

#include <stdlib.h>
#include <string.h>

bool judge_movable(const struct state *state, uint32_t vm)
{
	const struct vm *of = &state->cluster->vms[vm];
	enum method method = move_method(state, vm);
	enum storage backing = vm_backing(state, vm);
	bool local = vm_has_local_disks(state, vm) && backing != STORAGE_REMOTE;
	bool live = !vm_has_pci(state, vm) &&
	            (!local || (state->profile != PROFILE_TITANIUM && backing == STORAGE_LOCAL_IMAGE));

	if ((of->state != VM_ACTIVE && of->state != VM_PAUSED) || of->task ||
	    !state_host_up(state, state->vm_host[vm]) || (of->vote_reject && of->state == VM_ACTIVE))
		return false;
	if (live)
		return true;
	if (method != METHOD_COLD || of->state == VM_PAUSED)
		return false;
	return of->boot != BOOT_IMAGE ||
	       state_flavor(state, vm)->disk_gib <= (backing == STORAGE_LOCAL_IMAGE ? 60
	                                             : backing == STORAGE_LOCAL_LVM ? 20
	                                                                            : INT64_MAX);
}

bool judge_must_leave(const struct state *state, const bool *goal, uint32_t vm)
{
	return goal[state->vm_host[vm]] && state->vm_state[vm] != VM_STOPPED &&
	       state->vm_state[vm] != VM_ERROR;
}

/* A placement, and the move that led to it. */
struct met {
	uint32_t before, vm, to;
};

struct walk {
	struct state *state;
	const bool *goal;
	bool fail;
	struct met *met;
	uint8_t *keys;
	uint32_t *slots, slot_count; /* met + 1; 0: free */
	uint32_t count, most;
	size_t key_length;
	uint32_t *path;
};

static bool runs(const struct state *state, uint32_t vm)
{
	uint8_t vm_state = state->vm_state[vm];

	return vm_state == VM_ACTIVE || vm_state == VM_PAUSED || vm_state == VM_RESCUED ||
	       vm_state == VM_VERIFY_RESIZE;
}

static bool must_go(const struct walk *walk, uint32_t vm)
{
	const struct state *state = walk->state;

	if (state->vm_host[vm] == NONE || !walk->goal[state->vm_host[vm]])
		return false;
	return walk->fail ? runs(state, vm) : judge_must_leave(state, walk->goal, vm);
}

/* Whether the VM may go to the host now. */
static bool may_go(const struct walk *walk, uint32_t vm, uint32_t host)
{
	struct request request = request_for(walk->state, walk->fail ? MOVE_EVACUATE : MOVE_LIVE, vm);

	request.group_forgotten = true;
	if (walk->fail ? !must_go(walk, vm) || walk->goal[host] : !judge_movable(walk->state, vm))
		return false;
	return rules_allow(&request, host);
}

static bool is_done(const struct walk *walk)
{
	for (uint32_t vm = 0; vm < walk->state->cluster->vm_count; vm++) {
		if (must_go(walk, vm))
			return false;
	}
	return true;
}

static void fill_key(const struct walk *walk, uint8_t *key)
{
	const struct state *state = walk->state;

	*key++ = 0; /* there may be no VMs */
	for (uint32_t vm = 0; vm < state->cluster->vm_count; vm++) {
		*key++ = (uint8_t)state->vm_host[vm];
		if (state->numa_here) {
			memcpy(key, state->numa_here[vm].nodes, NUMA_GUEST_MAX);
			key += NUMA_GUEST_MAX;
		}
	}
}

/* Where a placement is noted, or would be. */
static uint32_t *slot_of(const struct walk *walk, const uint8_t *key)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint32_t at;

	for (size_t i = 0; i < walk->key_length; i++)
		hash = (hash ^ key[i]) * UINT64_C(0x100000001b3);
	at = (uint32_t)(hash ^ hash >> 32) & (walk->slot_count - 1);
	for (; walk->slots[at]; at = (at + 1) & (walk->slot_count - 1)) {
		if (!memcmp(walk->keys + (walk->slots[at] - 1) * walk->key_length, key, walk->key_length))
			break;
	}
	return &walk->slots[at];
}

/* Room for twice as many. */
static void grow(struct walk *walk)
{
	walk->slot_count *= 2;
	walk->met = memory_resize(walk->met, walk->slot_count / 2, sizeof(*walk->met));
	walk->path = memory_resize(walk->path, walk->slot_count / 2, sizeof(*walk->path));
	walk->keys = memory_resize(walk->keys, walk->slot_count / 2, walk->key_length);
	free(walk->slots);
	walk->slots = MEMORY_ARRAY(uint32_t, walk->slot_count);
	for (uint32_t i = 0; i < walk->count; i++)
		*slot_of(walk, walk->keys + i * walk->key_length) = i + 1;
}

/* Notes the present placement if it is new. */
static void note(struct walk *walk, struct met met)
{
	uint8_t *key;
	uint32_t *slot;

	if (walk->count + 1 >= walk->slot_count / 2)
		grow(walk);
	key = walk->keys + walk->count * walk->key_length;
	fill_key(walk, key);
	slot = slot_of(walk, key);
	if (*slot)
		return;
	walk->met[walk->count++] = met;
	*slot = walk->count;
}

/* Goes to a placement by the moves that led there, from the start. */
static void enter(struct walk *walk, uint32_t index)
{
	uint32_t length = 0;

	for (; index > 0; index = walk->met[index].before)
		walk->path[length++] = index;
	while (length-- > 0)
		state_move(walk->state, walk->met[walk->path[length]].vm, walk->met[walk->path[length]].to);
}

static enum judgement search(struct walk *walk)
{
	const struct cluster *cluster = walk->state->cluster;
	uint32_t start = state_mark(walk->state);
	bool done = false;

	note(walk, (struct met){ 0, NONE, NONE });
	for (uint32_t at = 0; at < walk->count && walk->count <= walk->most && !done; at++) {
		enter(walk, at);
		done = is_done(walk);
		for (uint32_t vm = 0; vm < cluster->vm_count && !done; vm++) {
			for (uint32_t host = 0; host < cluster->host_count; host++) {
				uint32_t mark = state_mark(walk->state);

				if (walk->state->vm_host[vm] == NONE || !may_go(walk, vm, host))
					continue;
				state_move(walk->state, vm, host);
				note(walk, (struct met){ at, vm, host });
				state_rollback(walk->state, mark);
				state_mark(walk->state);
			}
		}
		state_rollback(walk->state, start);
		state_mark(walk->state);
	}
	return done ? JUDGED_YES : walk->count > walk->most ? JUDGED_TOO_LARGE : JUDGED_NO;
}

static enum judgement judge(struct state *state, const bool *goal, bool fail, uint32_t most)
{
	struct walk walk = { .state = state, .goal = goal, .fail = fail, .most = most, .slot_count = 64 };
	uint32_t mark = state_mark(state);
	enum judgement answer;

	must(state->cluster->host_count < 255);
	walk.key_length = 1 +
	                  state->cluster->vm_count * (1 + (state->numa_here ? (size_t)NUMA_GUEST_MAX : 0));
	grow(&walk);
	answer = search(&walk);
	state_rollback(state, mark);
	free(walk.met);
	free(walk.keys);
	free(walk.slots);
	free(walk.path);
	return answer;
}

enum judgement judge_empty(struct state *state, const bool *goal, uint32_t most)
{
	return judge(state, goal, false, most);
}

enum judgement judge_fail(struct state *state, const bool *gone, uint32_t most)
{
	uint32_t mark = state_mark(state);
	enum judgement answer;

	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		struct host_status status = state->hosts[host];

		status.operational = OPER_DISABLED;
		status.availability = AVAIL_FAILED;
		if (gone[host])
			state_set_host(state, host, status);
	}
	answer = judge(state, gone, true, most);
	state_rollback(state, mark);
	return answer;
}
