/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/exact.h"

#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* A placement, and the last move of a best way to it. */
struct node {
	uint32_t parent; /* NONE: the start */
	uint32_t mover, to;
	uint32_t depth, cold;
	int64_t bytes;
};

struct tree {
	struct state *state;
	const struct shapes *shapes;
	const struct goal *goal;
	const uint32_t *vms;
	const int64_t *bytes;
	uint32_t *targets, target_count;
	uint32_t count, most;
	uint32_t key_length; /* bytes of a placement's key */
	uint8_t *keys;       /* by node */
	struct node *nodes;
	uint32_t node_count, node_room;
	uint32_t *slots, slot_count;
	uint32_t *groups, *violations, group_count; /* best-effort groups of the VMs, and how they began */
	struct order *path;
	uint32_t path_room;
	uint8_t *key;
};

/* < 0: a is better, 0: the same, > 0: worse. */
static int cost_compare(const struct cost *a, const struct cost *b)
{
	if (a->broken != b->broken)
		return a->broken < b->broken ? -1 : 1;
	if (a->moves != b->moves)
		return a->moves < b->moves ? -1 : 1;
	if (a->cold != b->cold)
		return a->cold < b->cold ? -1 : 1;
	return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

/* The placement as bytes: each VM's host, and the nodes that NUMA-bound ones have there. */
static void fill_key(struct tree *tree)
{
	uint8_t *at = tree->key;

	for (uint32_t i = 0; i < tree->count; i++) {
		uint32_t vm = tree->vms[i], bound = state_flavor(tree->state, vm)->numa_count;

		memcpy(at, &tree->state->vm_host[vm], sizeof(uint32_t));
		at += sizeof(uint32_t);
		if (bound > 0)
			memcpy(at, tree->state->numa_here[vm].nodes, bound);
		at += bound;
	}
	must(at == tree->key + tree->key_length);
}

static const uint8_t *key_of(const struct tree *tree, uint32_t node)
{
	return tree->keys + (size_t)node * tree->key_length;
}

/* FNV-1a, 64 bits. */
static uint32_t hash_key(const uint8_t *key, uint32_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ key[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(hash ^ hash >> 32);
}

static uint32_t *slot_of(struct tree *tree, const uint8_t *key)
{
	uint32_t slot = hash_key(key, tree->key_length) & (tree->slot_count - 1);

	while (tree->slots[slot] && memcmp(key_of(tree, tree->slots[slot] - 1), key, tree->key_length))
		slot = (slot + 1) & (tree->slot_count - 1);
	return &tree->slots[slot];
}

static void grow(struct tree *tree)
{
	tree->node_room = tree->node_room ? tree->node_room * 2 : 256;
	tree->nodes = memory_resize(tree->nodes, tree->node_room, sizeof(*tree->nodes));
	tree->keys = memory_resize(tree->keys, tree->node_room, tree->key_length);
	free(tree->slots);
	tree->slot_count = tree->node_room * 2;
	tree->slots = MEMORY_ARRAY(uint32_t, tree->slot_count);
	for (uint32_t i = 0; i < tree->node_count; i++)
		*slot_of(tree, key_of(tree, i)) = i + 1;
}

/* Notes the state's placement as reached by a node; a known one keeps the better way of those as long. */
static void add_node(struct tree *tree, struct node node)
{
	uint32_t *slot;

	fill_key(tree);
	if (tree->node_count == tree->node_room)
		grow(tree);
	slot = slot_of(tree, tree->key);
	if (*slot) {
		struct node *known = &tree->nodes[*slot - 1];

		if (known->depth == node.depth &&
		    (node.cold < known->cold || (node.cold == known->cold && node.bytes < known->bytes)))
			*known = node;
		return;
	}
	memcpy(tree->keys + (size_t)tree->node_count * tree->key_length, tree->key, tree->key_length);
	tree->nodes[tree->node_count++] = node;
	*slot = tree->node_count;
}

/* The moves that lead to a node, in their order. `from` is not filled in. */
static void path_to(const struct tree *tree, uint32_t node, struct order *path)
{
	uint32_t depth = tree->nodes[node].depth;

	for (uint32_t i = depth; i > 0; i--) {
		const struct node *at = &tree->nodes[node];

		path[i - 1] = (struct order){ .vm = tree->vms[at->mover], .to = at->to };
		node = at->parent;
	}
}

/* Brings the state to a node's placement; the caller rolls it back. */
static void enter(struct tree *tree, uint32_t node)
{
	uint32_t length = tree->nodes[node].depth;

	if (length > tree->path_room) {
		tree->path_room = length * 2;
		tree->path = memory_resize(tree->path, tree->path_room, sizeof(*tree->path));
	}
	path_to(tree, node, tree->path);
	for (uint32_t i = 0; i < length; i++)
		state_move(tree->state, tree->path[i].vm, tree->path[i].to);
}

/* All that may be ordered in the state's placement. */
static void expand(struct tree *tree, uint32_t index)
{
	struct state *state = tree->state;
	const struct node from = tree->nodes[index];

	for (uint32_t i = 0; i < tree->count; i++) {
		uint32_t vm = tree->vms[i];
		enum method method = order_method(state, vm);

		if (method == METHOD_NONE)
			continue;
		for (uint32_t t = 0; t < tree->target_count; t++) {
			uint32_t mark, host = tree->targets[t];

			if (!order_allowed(state, vm, host))
				continue;
			mark = state_mark(state);
			state_move(state, vm, host);
			add_node(tree, (struct node){ index, i, host, from.depth + 1,
			                              from.cold + (method == METHOD_COLD),
			                              from.bytes + tree->bytes[i] });
			state_rollback(state, mark);
		}
	}
}

static bool is_empty(const struct tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++) {
		if (goal_must_leave(tree->goal, tree->state, tree->vms[i]))
			return false;
	}
	return true;
}

static uint32_t broken_groups(const struct tree *tree)
{
	uint32_t broken = 0;

	for (uint32_t i = 0; i < tree->group_count; i++)
		broken += group_violation(tree->shapes, tree->state, tree->groups[i]) > tree->violations[i];
	return broken;
}

/* The best-effort groups that the VMs are members of, each once. */
static void find_groups(struct tree *tree)
{
	tree->groups = MEMORY_ARRAY(uint32_t, tree->count);
	tree->violations = MEMORY_ARRAY(uint32_t, tree->count);
	for (uint32_t i = 0; i < tree->count; i++) {
		uint32_t group = tree->state->cluster->vms[tree->vms[i]].group;
		bool known = group == NONE || !tree->state->groups[group].best_effort;

		for (uint32_t j = 0; j < tree->group_count && !known; j++)
			known = tree->groups[j] == group;
		if (known)
			continue;
		tree->violations[tree->group_count] = group_violation(tree->shapes, tree->state, group);
		tree->groups[tree->group_count++] = group;
	}
}

/* The best of the nodes from[…] on by which the hosts are empty, if it is better than *best (NONE: none yet).
 */
static void take_best(struct tree *tree, uint32_t from, uint32_t *best, struct cost *best_cost)
{
	for (uint32_t i = from; i < tree->node_count; i++) {
		const struct node *node = &tree->nodes[i];
		uint32_t mark = state_mark(tree->state);
		struct cost cost;

		enter(tree, i);
		if (is_empty(tree)) {
			cost = (struct cost){ broken_groups(tree), node->depth, node->cold, node->bytes };
			if (*best == NONE || cost_compare(&cost, best_cost) < 0) {
				*best = i;
				*best_cost = cost;
			}
		}
		state_rollback(tree->state, mark);
	}
}

/* Placements of one depth after those of the one before, until nothing better can come. */
static enum exact_answer search(struct tree *tree, uint32_t *ret_best, struct cost *ret_cost)
{
	uint32_t layer = 0;

	add_node(tree, (struct node){ .parent = NONE });
	*ret_best = NONE;
	for (;;) {
		uint32_t end = tree->node_count;

		take_best(tree, layer, ret_best, ret_cost);
		if (layer == end || (*ret_best != NONE && ret_cost->broken == 0))
			return *ret_best == NONE ? EXACT_NONE : EXACT_FOUND;
		for (; layer < end; layer++) {
			uint32_t mark = state_mark(tree->state);

			enter(tree, layer);
			expand(tree, layer);
			state_rollback(tree->state, mark);
			if (tree->node_count > tree->most)
				return EXACT_UNKNOWN;
		}
	}
}

/* Fills in where each move starts, and how. */
static struct order *finish_path(struct tree *tree, uint32_t best, uint32_t length)
{
	struct order *orders = MEMORY_ARRAY(struct order, length);
	uint32_t mark = state_mark(tree->state);

	path_to(tree, best, orders);
	for (uint32_t i = 0; i < length; i++) {
		orders[i].from = tree->state->vm_host[orders[i].vm];
		orders[i].method = (uint8_t)order_method(tree->state, orders[i].vm);
		state_move(tree->state, orders[i].vm, orders[i].to);
	}
	state_rollback(tree->state, mark);
	return orders;
}

enum exact_answer exact_search(struct state *state, const struct shapes *shapes, const struct goal *goal,
                               const uint32_t *vms, uint32_t count, const int64_t *bytes, const bool *targets,
                               uint32_t most, struct exact *ret_exact)
{
	struct tree tree = { .state = state,
		             .shapes = shapes,
		             .goal = goal,
		             .vms = vms,
		             .bytes = bytes,
		             .count = count,
		             .most = most };
	enum exact_answer answer;
	uint32_t best;

	*ret_exact = (struct exact){ 0 };
	for (uint32_t i = 0; i < count; i++)
		tree.key_length += (uint32_t)sizeof(uint32_t) + state_flavor(state, vms[i])->numa_count;
	tree.key = memory_take(tree.key_length + 1);
	tree.targets = MEMORY_ARRAY(uint32_t, state->cluster->host_count);
	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		if (targets[host])
			tree.targets[tree.target_count++] = host;
	}
	find_groups(&tree);
	answer = search(&tree, &best, &ret_exact->cost);
	if (answer == EXACT_FOUND)
		ret_exact->orders = finish_path(&tree, best, ret_exact->cost.moves);
	ret_exact->states = tree.node_count;
	free(tree.key);
	free(tree.keys);
	free(tree.path);
	free(tree.targets);
	free(tree.nodes);
	free(tree.slots);
	free(tree.groups);
	free(tree.violations);
	return answer;
}
