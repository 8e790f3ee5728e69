/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/rules.h"

#include "core/cpu_model.h"
#include "core/flavor.h"
#include "core/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const methods[] = { "live", "cold", "none", NULL };
const char *const *const method_words = methods;

/* Fills a reason when there is one to fill; returns false, so that a rule can `return no(…)`. */
__attribute__((format(printf, 2, 3))) static bool no(struct reason *reason, const char *format, ...)
{
	if (reason) {
		va_list arguments;

		va_start(arguments, format);
		vsnprintf(reason->why, sizeof(reason->why), format, arguments);
		va_end(arguments);
	}
	return false;
}

static const struct host *host_of(const struct request *request, uint32_t host)
{
	return &request->state->cluster->hosts[host];
}

static const char *host_name(const struct request *request, uint32_t host)
{
	return host_of(request, host)->name;
}

static const struct vm *vm_of(const struct request *request)
{
	return &request->state->cluster->vms[request->vm];
}

static const struct flavor *flavor_of(const struct request *request)
{
	return &request->state->cluster->flavors[request->flavor];
}

/* What the VM itself takes of the host: a resize that stays must not count it twice. */
static const struct flavor *own_flavor(const struct request *request, uint32_t host)
{
	return request->kind == MOVE_RESIZE && host == request->source
	               ? state_flavor(request->state, request->vm)
	               : NULL;
}

static bool allow_not_current(const struct request *request, uint32_t host, struct reason *reason)
{
	if (host != request->source || request->kind == MOVE_RESIZE)
		return true;
	return no(reason, "%s is the current host", host_name(request, host));
}

static bool allow_up(const struct request *request, uint32_t host, struct reason *reason)
{
	if (state_host_up(request->state, host))
		return true;
	return no(reason, "%s is down (%s)", host_name(request, host),
	          availability_words[request->state->hosts[host].availability]);
}

static bool allow_enabled(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct host_status *status = &request->state->hosts[host];

	if (state_host_enabled(request->state, host))
		return true;
	return no(reason, "%s takes no VMs (%s, %s)", host_name(request, host),
	          administrative_words[status->administrative], operational_words[status->operational]);
}

static bool allow_zone(const struct request *request, uint32_t host, struct reason *reason)
{
	const char *zone = vm_of(request)->zone;

	if (!zone || zone == host_of(request, host)->zone)
		return true;
	return no(reason, "%s is in zone %s, the VM asked for %s", host_name(request, host),
	          host_of(request, host)->zone, zone);
}

/* Whether one of the comma-separated words of an aggregate's value satisfies the requirement. */
static bool words_match(const char *words, const char *requirement)
{
	char word[256];

	while (*words) {
		size_t length = strcspn(words, ","), from = strspn(words, " "), end = length;

		while (end > from && words[end - 1] == ' ')
			end--;
		if (end >= from && end - from < sizeof(word)) {
			memcpy(word, words + from, end - from);
			word[end - from] = '\0';
			if (spec_matches(word, requirement))
				return true;
		}
		words += length + (words[length] == ',');
	}
	return false;
}

/* What an aggregate requires of one key: a value of any of the host's aggregates must match. */
static bool spec_allows(const struct host *host, const struct pair *spec)
{
	bool found = false;

	for (uint32_t i = 0; i < host->aggregate_count; i++) {
		const char *value = pairs_get(&host->aggregates[i].metadata, spec->key);

		found |= value != NULL;
		if (value && words_match(value, spec->value))
			return true;
	}
	/* The platform keeps an aggregate per storage backing by itself: a host is in its own without being
	 * told. */
	return !found && !strcmp(spec->key, "storage") &&
	       spec_matches(storage_words[host->storage], spec->value);
}

static bool allow_aggregate(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct flavor *flavor = flavor_of(request);

	for (uint32_t i = 0; i < flavor->aggregate_spec_count; i++) {
		const struct pair *spec = &flavor->aggregate_specs[i];

		if (!spec_allows(host_of(request, host), spec))
			return no(reason, "%s is in no aggregate with %s = %s, which flavor %s requires",
			          host_name(request, host), spec->key, spec->value, flavor->name);
	}
	return true;
}

/* used + n <= (total - reserved) * ratio, and n <= total; docs/rules.md, "A request fits when". Ratio in
 * millionths. */
static bool amount_fits(int64_t used, int64_t n, int64_t total, int64_t reserved, int64_t ratio)
{
	/* Placement is not asked for what a VM takes nothing of: an overfull disk does not bar a VM without
	 * one. */
	if (total == UNLIMITED || n == 0)
		return true;
	return n <= total && (__int128)(used + n) * RATIO_ONE <= (__int128)(total - reserved) * ratio;
}

/* What is left of an amount, for words: never below 0. */
static long long amount_left(int64_t used, int64_t total, int64_t reserved, int64_t ratio)
{
	int64_t left = (int64_t)((__int128)(total - reserved) * ratio / RATIO_ONE) - used;

	return left > 0 ? left : 0;
}

static bool allow_ram(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct host *of = host_of(request, host);
	const struct flavor *own = own_flavor(request, host);
	int64_t used = request->state->uses[host].memory_mib - (own ? own->memory_mib : 0);
	int64_t n = flavor_of(request)->memory_mib;

	/* An exact fit is refused when forced (docs/rules.md, "force"). */
	if (amount_fits(used + (request->forced ? 1 : 0), n, of->memory_mib, of->reserved_memory_mib,
	                of->memory_ratio))
		return true;
	if (n > of->memory_mib)
		return no(reason, "%s has %lld MiB of memory, one VM alone needs %lld", of->name,
		          (long long)of->memory_mib, (long long)n);
	return no(reason, "%s has %lld MiB of memory left, %lld MiB are needed", of->name,
	          amount_left(used, of->memory_mib, of->reserved_memory_mib, of->memory_ratio), (long long)n);
}

static bool allow_disk(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct host *of = host_of(request, host);
	const struct flavor *own = own_flavor(request, host);
	enum boot boot = vm_of(request)->boot;
	int64_t used = request->state->uses[host].disk_gib - (own ? flavor_disk_gib(own, boot) : 0);
	int64_t n = flavor_disk_gib(flavor_of(request), boot);

	if (amount_fits(used, n, of->disk_gib, of->reserved_disk_gib, of->disk_ratio))
		return true;
	if (n > of->disk_gib)
		return no(reason, "%s has %lld GiB of disk, one VM alone needs %lld", of->name,
		          (long long)of->disk_gib, (long long)n);
	return no(reason, "%s has %lld GiB of disk left, %lld GiB are needed", of->name,
	          amount_left(used, of->disk_gib, of->reserved_disk_gib, of->disk_ratio), (long long)n);
}

/* A dedicated vCPU takes a whole CPU: the ratio's worth of shared ones, or one of the CPUs set apart. */
static bool allow_cpu(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct host *of = host_of(request, host);
	const struct host_use *use = &request->state->uses[host];
	const struct flavor *flavor = flavor_of(request), *own = own_flavor(request, host);
	int64_t shared = use->shared_vcpus - (own ? flavor_shared_vcpus(own) : 0);
	int64_t dedicated = use->dedicated_vcpus - (own ? flavor_dedicated_vcpus(own) : 0);
	int64_t n = flavor->counted_vcpus;
	__int128 room = (__int128)(of->cpus - of->reserved_cpus) * of->cpu_ratio, taken;

	if (flavor->dedicated && of->dedicated_cpus >= 0) {
		if (dedicated + n <= of->dedicated_cpus)
			return true;
		return no(reason, "%s has %lld dedicated CPUs left, %lld are needed", of->name,
		          (long long)(of->dedicated_cpus > dedicated ? of->dedicated_cpus - dedicated : 0),
		          (long long)n);
	}
	taken = (__int128)shared * RATIO_ONE +
	        (of->dedicated_cpus < 0 ? (__int128)dedicated * of->cpu_ratio : 0);
	if (n <= of->cpus && taken + (__int128)n * (flavor->dedicated ? of->cpu_ratio : RATIO_ONE) <= room)
		return true;
	if (n > of->cpus)
		return no(reason, "%s has %lld CPUs, one VM alone needs %lld", of->name, (long long)of->cpus,
		          (long long)n);
	if (flavor->dedicated)
		return no(reason, "%s has %lld whole CPUs left, %lld dedicated are needed", of->name,
		          taken < room ? (long long)((room - taken) / of->cpu_ratio) : 0, (long long)n);
	return no(reason, "%s has %lld vCPUs left, %lld are needed", of->name,
	          taken < room ? (long long)((room - taken) / RATIO_ONE) : 0, (long long)n);
}

/* hw:cpu_model=Passthrough: the guest saw its host's CPU, so it needs the very same. */
static bool allow_passthrough(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct host *to = host_of(request, host), *from;

	if (request->source == NONE || request->kind == MOVE_BOOT)
		return true;
	from = host_of(request, request->source);
	if (from->cpu_model != to->cpu_model)
		return no(reason, "%s has CPU model %s, the guest needs its present host's, %s", to->name,
		          to->cpu_model ? to->cpu_model : "any", from->cpu_model ? from->cpu_model : "any");
	if (from->feature_count == to->feature_count &&
	    (from->feature_count == 0 ||
	     !memcmp(from->features, to->features, sizeof(to->features[0]) * to->feature_count)))
		return true;
	return no(reason, "%s has other CPU features than the guest's present host", to->name);
}

static bool allow_cpu_model(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct flavor *flavor = flavor_of(request);
	const struct host *of = host_of(request, host);

	if (flavor->passthrough)
		return allow_passthrough(request, host, reason);
	if (!flavor->cpu_model || !of->cpu_model || cpu_model_runs(of->cpu_model, flavor->cpu_model))
		return true;
	return no(reason, "%s has CPU model %s, the guest needs at least %s", of->name, of->cpu_model,
	          flavor->cpu_model);
}

static bool allow_numa(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct flavor *flavor = flavor_of(request);

	if (flavor->numa_count == 0 || state_numa_fits(request->state, host, flavor, NULL))
		return true;
	/* A resize that stays frees its own nodes first; whether they suffice is not known before: it is
	 * refused. */
	if (flavor->page_kib == PAGE_UNSAID)
		return no(reason, "%s has no room on its NUMA nodes for %u guest node(s) of flavor %s",
		          host_name(request, host), flavor->numa_count, flavor->name);
	return no(reason,
	          "%s has not enough pages of the size that flavor %s asks for "
	          "(hw:mem_page_size=%s) on %u node(s)",
	          host_name(request, host), flavor->name, pairs_get(&flavor->extra_specs, "hw:mem_page_size"),
	          flavor->numa_count);
}

static bool allow_pci(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct flavor *flavor = flavor_of(request), *own = own_flavor(request, host);

	for (uint32_t i = 0; i < flavor->pci_count; i++) {
		int64_t left = state_pci_left(request->state, host, flavor->pci[i].alias);

		for (uint32_t j = 0; own && j < own->pci_count; j++)
			left += own->pci[j].alias == flavor->pci[i].alias ? own->pci[j].count : 0;
		if (left < flavor->pci[i].count)
			return no(reason, "%s has %lld PCI devices %s left, %lld are needed",
			          host_name(request, host), (long long)(left > 0 ? left : 0),
			          flavor->pci[i].alias, (long long)flavor->pci[i].count);
	}
	return true;
}

static bool allow_network(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct host *of = host_of(request, host);
	const struct vm *vm = vm_of(request);

	if (of->all_networks)
		return true;
	if (of->network_count == 0)
		return no(reason, "%s reaches no provider network at all", of->name);
	for (uint32_t i = 0; i < vm->vif_count; i++) {
		bool reached = !vm->vifs[i].network;

		for (uint32_t j = 0; j < of->network_count && !reached; j++)
			reached = of->networks[j] == vm->vifs[i].network;
		if (!reached)
			return no(reason, "%s does not reach provider network %s", of->name,
			          vm->vifs[i].network);
	}
	return true;
}

/* The VM's group when it has that policy and that strictness; NULL otherwise. */
static const struct group *group_with(const struct request *request, enum policy policy, bool best_effort)
{
	uint32_t index = vm_of(request)->group;
	const struct group *group = index == NONE ? NULL : &request->state->groups[index];

	return group && group->policy == policy && group->best_effort == best_effort ? group : NULL;
}

/* Members other than the VM itself that run or are stopped on a host. */
static uint32_t others_here(const struct request *request, uint32_t host)
{
	uint32_t here = state_members(request->state, vm_of(request)->group, host);

	return here - (request->state->vm_host[request->vm] == host ? 1 : 0);
}

/* The same, moves under way counted at both ends (starlingx; docs/rules.md, anti-affinity). */
static uint32_t others_claimed(const struct request *request, uint32_t host)
{
	uint32_t claimed = state_members_claimed(request->state, vm_of(request)->group, host);

	claimed -= request->state->vm_host[request->vm] == host ? 1 : 0;
	return claimed - (request->state->vm_target[request->vm] == host ? 1 : 0);
}

/* Other members anywhere but on the VM's own host. */
static uint32_t others_elsewhere(const struct request *request)
{
	uint32_t placed = state_group_placed(request->state, vm_of(request)->group);

	return request->source == NONE ? placed : placed - 1 - others_here(request, request->source);
}

static bool allow_affinity(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct group *group = group_with(request, POLICY_AFFINITY, false);

	if (!group)
		return true;
	if (request->kind == MOVE_BOOT || request->source == NONE)
		return others_elsewhere(request) == 0 || others_here(request, host) > 0 ||
		       no(reason, "%s holds no member of strict affinity group %s", host_name(request, host),
		          group->name);
	if (host == request->source)
		return true;
	if (request->state->profile == PROFILE_TITANIUM)
		return no(reason, "%s is in strict affinity group %s, whose members cannot be migrated",
		          vm_of(request)->name, group->name);
	if (others_here(request, host) > 0)
		return true;
	if (others_elsewhere(request) > 0)
		return no(reason, "%s holds no other member of strict affinity group %s",
		          host_name(request, host), group->name);
	return no(reason, "the only host of strict affinity group %s is %s, where %s already is", group->name,
	          host_name(request, request->source), vm_of(request)->name);
}

static bool allow_anti_affinity(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct group *group = group_with(request, POLICY_ANTI_AFFINITY, false);

	if (!group || others_claimed(request, host) == 0)
		return true;
	return no(reason, "%s already holds %u member(s) of strict anti-affinity group %s",
	          host_name(request, host), others_claimed(request, host), group->name);
}

/* nova schedules by where members are, not by where they are going: a late check on the target does the rest.
 */
static bool allow_anti_affinity_nova(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct group *group = group_with(request, POLICY_ANTI_AFFINITY, false);

	if (!group || others_here(request, host) < group->max_per_host)
		return true;
	return no(reason,
	          "%s already holds %u member(s) of strict anti-affinity group %s (at most %lld a host)",
	          host_name(request, host), others_here(request, host), group->name,
	          (long long)group->max_per_host);
}

static bool allow_best_affinity(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct group *group = group_with(request, POLICY_AFFINITY, true);

	if (!group || request->group_forgotten || others_elsewhere(request) == 0 ||
	    others_here(request, host) > 0)
		return true;
	return no(reason, "%s holds no other member of affinity group %s (best effort)",
	          host_name(request, host), group->name);
}

static bool allow_best_anti_affinity(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct group *group = group_with(request, POLICY_ANTI_AFFINITY, true);
	bool nova = request->state->profile == PROFILE_NOVA;
	uint32_t others;

	if (!group || request->group_forgotten)
		return true;
	/* As for the strict policy: nova counts by max_per_host, and where members are only. */
	others = nova ? others_here(request, host) : others_claimed(request, host);
	if (others < (nova ? group->max_per_host : 1))
		return true;
	return no(reason, "%s already holds %u member(s) of anti-affinity group %s (best effort)",
	          host_name(request, host), others, group->name);
}

/* `block` against the storage: libvirt's driver checks it on each target before anything moves. */
static bool allow_block(const struct request *request, uint32_t host, struct reason *reason)
{
	const struct vm *vm = vm_of(request);
	enum storage backing;

	(void)host;
	if (request->kind != MOVE_LIVE || request->block == BLOCK_AUTO)
		return true;
	backing = vm_backing(request->state, request->vm);
	if (request->block == BLOCK_YES && (backing == STORAGE_REMOTE || vm->boot == BOOT_VOLUME))
		return no(reason, "block migration was asked for, but %s is on %s storage", vm->name,
		          vm->boot == BOOT_VOLUME ? "volume-booted, shared" : "shared");
	if (request->block == BLOCK_NO && backing != STORAGE_REMOTE &&
	    vm_has_local_disks(request->state, request->vm))
		return no(reason, "%s has local disks, which only a block migration takes along", vm->name);
	return true;
}

/*
 * The rows, cheapest first where the order is free. `source` names where the rule is written down: "guide" is
 * the 2015 product's, "code" its open-source descendant's of 2018, "nova" what a Nova 26.2 was seen to do.
 * Rows up to the groups' are the shape: they are the same for two VMs of one flavor, boot, zone and networks.
 */
static const struct host_rule host_rules[] = {
	{ "current-host", EVERY, true, "The current host is never a target, except of a resize.",
	  "guide; nova", allow_not_current },
	{ "host-down", EVERY, true, "The target's services answer.", "nova: ComputeFilter", allow_up },
	{ "host-disabled", EVERY, false, "The target is unlocked and enabled.", "nova: ComputeFilter",
	  allow_enabled },
	{ "zone", EVERY, false, "A VM that asked for a zone stays in it.", "nova: AvailabilityZoneFilter",
	  allow_zone },
	{ "aggregate", EVERY, false, "The target is in an aggregate with what the flavor requires.",
	  "nova: AggregateInstanceExtraSpecsFilter", allow_aggregate },
	{ "ram", EVERY, true, "used + n <= (total - reserved) * ratio, n <= total; memory.",
	  "nova: placement", allow_ram },
	{ "disk", EVERY, true, "used + n <= (total - reserved) * ratio, n <= total; local disk.",
	  "nova: placement", allow_disk },
	{ "cpu", EVERY, true, "Shared vCPUs fit by the ratio, dedicated ones take whole CPUs.",
	  "code: core filter; nova: placement", allow_cpu },
	{ "cpu-model", EVERY, false,
	  "The host's CPU generation is at least the guest's; Passthrough: the same.",
	  "guide; code: vcpu model filter", allow_cpu_model },
	{ "numa", EVERY, false, "Guest nodes and pages fit host nodes, for flavors that have such keys.",
	  "nova: NUMATopologyFilter", allow_numa },
	{ "pci", EVERY, false, "The PCI devices that the flavor names are left.",
	  "nova: PciPassthroughFilter", allow_pci },
	{ "network", EVERY, false,
	  "The target reaches every provider network of the VM, and at least one at all.",
	  "guide; code: provider network filter", allow_network },
	{ "block-migration", EVERY, true, "block=true needs local, block=false shared storage.",
	  "nova: check_can_live_migrate_destination", allow_block },
	{ "affinity-strict", EVERY, false,
	  "A strict-affinity member moves only to a host of another member; titanium: never.",
	  "guide; code: affinity filter", allow_affinity },
	{ "anti-affinity-strict", TITANIUM | STARLINGX, false,
	  "Only hosts where no other member is or is on its way to.", "guide; code: anti-affinity filter",
	  allow_anti_affinity },
	{ "anti-affinity-strict", NOVA, false, "Only hosts with fewer than max_per_host members.",
	  "nova: ServerGroupAntiAffinityFilter", allow_anti_affinity_nova },
	{ "affinity-best-effort", STARLINGX | NOVA, false, "First pass: only hosts that hold other members.",
	  "code: affinity filter, first pass", allow_best_affinity },
	{ "anti-affinity-best-effort", STARLINGX | NOVA, false, "First pass: only hosts without members.",
	  "code: anti-affinity filter, first pass", allow_best_anti_affinity },
};

enum { HOST_RULES = sizeof(host_rules) / sizeof(host_rules[0]), SHAPE_RULES = HOST_RULES - 5 };

const struct host_rule *rules_host(size_t *ret_count)
{
	*ret_count = HOST_RULES;
	return host_rules;
}

struct request request_for(const struct state *state, enum move_kind kind, uint32_t vm)
{
	return (struct request){ .state = state,
		                 .kind = kind,
		                 .vm = vm,
		                 .flavor = state->vm_flavor[vm],
		                 .source = state->vm_host[vm] };
}

static bool rows_allow(const struct request *request, uint32_t host, size_t from, size_t to)
{
	unsigned profile = 1u << request->state->profile;

	for (size_t i = from; i < to; i++) {
		if ((host_rules[i].profiles & profile) && (!request->forced || host_rules[i].by_force) &&
		    !host_rules[i].allows(request, host, NULL))
			return false;
	}
	return true;
}

bool rules_allow(const struct request *request, uint32_t host)
{
	return rows_allow(request, host, 0, HOST_RULES);
}

bool rules_allow_shape(const struct request *request, uint32_t host)
{
	return rows_allow(request, host, 0, SHAPE_RULES);
}

bool rules_allow_group(const struct request *request, uint32_t host)
{
	return vm_of(request)->group == NONE || rows_allow(request, host, SHAPE_RULES, HOST_RULES);
}

size_t rules_explain(const struct request *request, uint32_t host, struct reason *ret_reasons, size_t room)
{
	unsigned profile = 1u << request->state->profile;
	size_t count = 0;

	for (size_t i = 0; i < HOST_RULES && count < room; i++) {
		struct reason *reason = &ret_reasons[count];

		if (!(host_rules[i].profiles & profile) || (request->forced && !host_rules[i].by_force))
			continue;
		reason->why[0] = '\0';
		if (!host_rules[i].allows(request, host, reason)) {
			reason->rule = host_rules[i].id;
			count++;
		}
	}
	return count;
}

enum storage vm_backing(const struct state *state, uint32_t vm)
{
	const struct flavor *flavor = state_flavor(state, vm);

	if (flavor->storage != STORAGE_UNSAID)
		return flavor->storage;
	return state->vm_host[vm] == NONE ? STORAGE_REMOTE
	                                  : state->cluster->hosts[state->vm_host[vm]].storage;
}

bool vm_has_pci(const struct state *state, uint32_t vm)
{
	const struct vm *of = &state->cluster->vms[vm];

	for (uint32_t i = 0; i < of->vif_count; i++) {
		if (of->vifs[i].model == VIF_PCI_SRIOV || of->vifs[i].model == VIF_PCI_PASSTHROUGH)
			return true;
	}
	return state_flavor(state, vm)->pci_count > 0;
}

bool vm_has_local_disks(const struct state *state, uint32_t vm)
{
	const struct flavor *flavor = state_flavor(state, vm);

	return state->cluster->vms[vm].boot == BOOT_IMAGE || flavor->swap_mib > 0 ||
	       flavor->ephemeral_gib > 0;
}

/* docs/rules.md, Lock, "method". */
enum method move_method(const struct state *state, uint32_t vm)
{
	const struct vm *of = &state->cluster->vms[vm];
	enum storage backing = vm_backing(state, vm);

	if (vm_has_pci(state, vm))
		return METHOD_COLD;
	if (!vm_has_local_disks(state, vm) || backing == STORAGE_REMOTE)
		return METHOD_LIVE;
	if (state->profile == PROFILE_TITANIUM || of->boot == BOOT_VOLUME)
		return METHOD_COLD;
	return backing == STORAGE_LOCAL_IMAGE ? METHOD_LIVE : METHOD_COLD;
}

bool lock_leaves(const struct state *state, uint32_t vm)
{
	uint8_t vm_state = state->vm_state[vm];

	return vm_state == VM_STOPPED || vm_state == VM_ERROR || vm_state == VM_DELETED;
}

bool vm_runs(const struct state *state, uint32_t vm)
{
	uint8_t vm_state = state->vm_state[vm];

	return vm_state == VM_ACTIVE || vm_state == VM_PAUSED || vm_state == VM_RESCUED ||
	       vm_state == VM_VERIFY_RESIZE;
}

enum method lock_method(const struct state *state, uint32_t vm)
{
	uint8_t vm_state = state->vm_state[vm];
	enum method method = move_method(state, vm);

	if ((vm_state != VM_ACTIVE && vm_state != VM_PAUSED) || state->vm_busy[vm] ||
	    state->vm_host[vm] == NONE)
		return METHOD_NONE;
	if (method == METHOD_COLD && (vm_state == VM_PAUSED || !lock_cold_allowed(state, vm)))
		return METHOD_NONE;
	return method;
}

bool group_has_first_pass(const struct state *state, uint32_t group)
{
	return group != NONE && state->groups[group].best_effort && state->profile != PROFILE_TITANIUM;
}
