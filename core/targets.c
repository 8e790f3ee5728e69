/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/targets.h"

#include <stdio.h>
#include <stdlib.h>

void targets_find(struct targets *ret_targets, const struct state *state, uint32_t vm)
{
	uint32_t host_count = state->cluster->host_count;
	struct targets targets = { .state = state, .vm = vm, .best = NONE };
	struct request live = request_for(state, MOVE_LIVE, vm);

	targets.method = lock_method(state, vm);
	targets.forbidden = rules_live_forbidden(state, vm, &targets.reason);
	targets.ranks = MEMORY_ARRAY(uint32_t, host_count);
	targets.allowed = MEMORY_ARRAY(bool, host_count);
	targets.request = live;
	if (targets.method == METHOD_COLD)
		targets.request.kind = MOVE_COLD;
	for (uint32_t host = 0; host < host_count && !targets.forbidden; host++)
		targets.allowed[host] = schedule_allows_named(&live, host);
	*ret_targets = targets;
	if (targets.method == METHOD_NONE || (targets.method == METHOD_LIVE && targets.forbidden) ||
	    !state_host_up(state, state->vm_host[vm]))
		return;
	schedule_rank(&targets.request, targets.ranks);
	for (uint32_t host = 0; host < host_count; host++)
		ret_targets->best = targets.ranks[host] == 1 ? host : ret_targets->best;
}

void targets_free(struct targets *targets)
{
	free(targets->ranks);
	free(targets->allowed);
	*targets = (struct targets){ 0 };
}

size_t targets_reasons(const struct targets *targets, uint32_t host,
                       struct reason ret_reasons[TARGETS_REASONS_MOST])
{
	const struct vm *vm = &targets->state->cluster->vms[targets->vm];
	size_t count = 0;

	if (targets->forbidden)
		ret_reasons[count++] = targets->reason;
	if (vm->vote_reject) {
		ret_reasons[count] = (struct reason){ .rule = "heartbeat-vote" };
		snprintf(ret_reasons[count++].why, sizeof(ret_reasons[0].why),
		         "the guest of %s votes against being migrated: the migration would fail", vm->name);
	}
	return count +
	       rules_explain(&targets->request, host, ret_reasons + count, TARGETS_REASONS_MOST - count);
}

json_t *targets_host_json(const struct targets *targets, uint32_t host)
{
	struct reason reasons[TARGETS_REASONS_MOST];
	size_t count = targets_reasons(targets, host, reasons);
	json_t *value = json_object_new(), *list;

	json_add_text(value, "host", targets->state->cluster->hosts[host].name);
	json_add_bool(value, "allowed", targets->allowed[host]);
	if (targets->ranks[host])
		json_add_number(value, "rank", targets->ranks[host]);
	else
		json_add_null(value, "rank");
	list = json_add(value, "reasons", json_array_new());
	for (size_t i = 0; i < count; i++) {
		json_t *reason = json_push(list, json_object_new());

		json_add_text(reason, "rule", reasons[i].rule);
		json_add_text(reason, "why", reasons[i].why);
	}
	return value;
}

json_t *targets_json(const struct targets *targets, json_t **ret_hosts)
{
	const struct cluster *cluster = targets->state->cluster;
	uint32_t current = targets->state->vm_host[targets->vm];
	json_t *value = json_object_new();

	json_add_text(value, "schema", "lockkeeper.targets/1");
	json_add_text(value, "profile", profile_words[cluster->profile]);
	json_add_text(value, "vm", cluster->vms[targets->vm].name);
	json_add_text(value, "current_host", current == NONE ? NULL : cluster->hosts[current].name);
	json_add_text(value, "method", method_words[targets->method]);
	json_add_text(value, "auto", targets->best == NONE ? NULL : cluster->hosts[targets->best].name);
	*ret_hosts = json_add(value, "hosts", json_array_new());
	return value;
}

json_t *targets_json_all(const struct targets *targets)
{
	const struct state *state = targets->state;
	json_t *hosts, *value = targets_json(targets, &hosts);

	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		if (host != state->vm_host[targets->vm])
			json_push(hosts, targets_host_json(targets, host));
	}
	return value;
}
