/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* strcasestr */
#include "web/foresight.h"

#include "core/arena.h"
#include "core/targets.h"
#include "planner/placed.h"
#include "sim/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Runs of a prediction, as `plan` has them for few moves; hosts of one page. */
enum { RUNS = 25, LIMIT_MOST = 1000 };

/* Predictions try moves out on a state: one of their own, brought up to the site's. */
struct foresight {
	const struct web_options *options;
	struct site *site;
	pthread_mutex_t lock;
	struct state state;
	struct amounts amounts;
	struct predictor predictor;
};

struct foresight *foresight_create(const struct web_options *options, struct site *site)
{
	struct foresight *foresight = MEMORY_ARRAY(struct foresight, 1);

	foresight->options = options;
	foresight->site = site;
	pthread_mutex_init(&foresight->lock, NULL);
	state_create(&foresight->state, &site->cluster);
	amounts_create(&foresight->amounts, &site->cluster);
	predictor_create(&foresight->predictor);
	foresight->predictor.hypervisors = &options->hypervisors;
	foresight->predictor.start_hour = options->start_hour;
	return foresight;
}

void foresight_free(struct foresight *foresight)
{
	if (!foresight)
		return;
	predictor_free(&foresight->predictor);
	amounts_free(&foresight->amounts);
	state_free(&foresight->state);
	pthread_mutex_destroy(&foresight->lock);
	free(foresight);
}

/* The site has been changed little or not at all since. */
static void catch_up(struct state *own, const struct state *now)
{
	for (uint32_t vm = 0; vm < now->cluster->vm_count; vm++) {
		if (own->vm_host[vm] != now->vm_host[vm] && own->vm_host[vm] != NONE)
			state_remove(own, vm);
		if (own->vm_host[vm] != now->vm_host[vm])
			state_place(own, vm, now->vm_host[vm]);
		if (own->vm_state[vm] != now->vm_state[vm])
			state_set_vm_state(own, vm, (enum vm_state)now->vm_state[vm]);
	}
	for (uint32_t host = 0; host < now->cluster->host_count; host++) {
		if (memcmp(&own->hosts[host], &now->hosts[host], sizeof(own->hosts[host])) != 0)
			state_set_host(own, host, now->hosts[host]);
	}
}

/* The VM of ?vm=, and a host of the member `name` of the query; NONE where it is not asked for. */
static int find_both(const struct site *site, const struct http_request *request, const char *name,
                     uint32_t *ret_vm, uint32_t *ret_host, struct http_reply *reply)
{
	const char *vm = request_text(request, "vm"), *host = name ? request_text(request, name) : NULL;

	*ret_vm = vm ? cluster_vm(&site->cluster, vm) : NONE;
	*ret_host = host ? cluster_host(&site->cluster, host) : NONE;
	if (*ret_vm == NONE)
		reply_error(reply, HTTP_NOT_FOUND, "there is no such instance");
	else if (name && *ret_host == NONE)
		reply_error(reply, HTTP_NOT_FOUND, "there is no such host");
	return reply->status ? -1 : 0;
}

/* ------------------------------------------------------------------ targets */

struct ranked {
	uint64_t key;
	uint32_t host;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* Those that auto-scheduling would consider, the other allowed ones, the rest; each by its name. */
static uint32_t rank_hosts(const struct site *site, const struct targets *targets, const char *search,
                           struct ranked *ret_ranked)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < site->cluster.host_count; i++) {
		uint32_t host = site->hosts_by_name[i], rank = targets->ranks[host];
		uint64_t class = targets->allowed[host] ? (rank ? 0 : 1) : 2;

		if (host == site->state.vm_host[targets->vm] ||
		    (search && !strcasestr(site->cluster.hosts[host].name, search)))
			continue;
		ret_ranked[count++] = (struct ranked){ class << 32 | (class == 0 ? rank : i), host };
	}
	qsort(ret_ranked, count, sizeof(*ret_ranked), compare_ranked);
	return count;
}

static json_t *targets_page(const struct site *site, const struct targets *targets,
                            const struct http_request *request, uint64_t limit)
{
	struct ranked *ranked = MEMORY_ARRAY(struct ranked, site->cluster.host_count);
	uint64_t offset = request_number(request, "offset", 0, UINT32_MAX, 0);
	const char *search = request_text(request, "search");
	json_t *hosts, *value = targets_json(targets, &hosts), *reason;
	uint32_t count = rank_hosts(site, targets, search && *search ? search : NULL, ranked);

	json_add_number(value, "total", count);
	json_add_number(value, "offset", (double)offset);
	if (targets->forbidden) {
		reason = json_add(value, "reason", json_object_new());
		json_add_text(reason, "rule", targets->reason.rule);
		json_add_text(reason, "why", targets->reason.why);
	} else {
		json_add_null(value, "reason");
	}
	for (uint64_t i = offset; i < count && i - offset < limit; i++)
		json_push(hosts, targets_host_json(targets, ranked[i].host));
	free(ranked);
	return value;
}

void answer_targets(struct site *site, const struct http_request *request, struct http_reply *ret_reply)
{
	uint64_t limit = request_number(request, "limit", 1, LIMIT_MOST, 0);
	struct targets targets;
	uint32_t vm, host;

	if (find_both(site, request, NULL, &vm, &host, ret_reply))
		return;
	site_look(site);
	targets_find(&targets, &site->state, vm);
	reply_json(ret_reply, HTTP_OK,
	           limit ? targets_page(site, &targets, request, limit) : targets_json_all(&targets));
	targets_free(&targets);
	site_look_away(site);
}

/* ------------------------------------------------------------------ predictions */

static void add_move(json_t *value, const struct foresight *foresight, const struct plan *plan)
{
	const struct plan_move *move = &plan->moves[0];
	json_t *broken;

	json_add_text(value, "method", method_words[move->method]);
	json_add_percentiles(value, "duration_s", move->predicted.duration_s);
	json_add_percentiles(value, "downtime_ms", move->predicted.downtime_ms);
	json_add_number(value, "bytes", round(move->predicted.bytes));
	json_add_number(value, "completes", move->predicted.completes);
	broken = json_add(value, "broken_groups", json_array_new());
	for (uint32_t i = 0; i < plan->broken_count; i++)
		json_push(broken, json_text_new(foresight->site->cluster.groups[plan->broken[i]].name));
}

static void add_reasons(json_t *value, const struct placed_refusal *refusal)
{
	json_t *reasons = json_add(value, "reasons", json_array_new());

	for (size_t i = 0; i < refusal->count; i++) {
		json_t *reason = json_push(reasons, json_object_new());

		json_add_text(reason, "rule", refusal->reasons[i].rule);
		json_add_text(reason, "why", refusal->reasons[i].why);
	}
}

void answer_prediction(struct foresight *foresight, const struct http_request *request,
                       struct http_reply *ret_reply)
{
	struct site *site = foresight->site;
	struct placed_refusal refusal;
	struct prediction prediction;
	struct plan_place place;
	struct plan plan;
	json_t *value;
	bool can;

	if (find_both(site, request, "to", &place.vm, &place.host, ret_reply))
		return;
	value = json_object_new();
	json_add_text(value, "schema", "lockkeeper.prediction/1");
	json_add_text(value, "vm", site->cluster.vms[place.vm].name);
	json_add_text(value, "to", site->cluster.hosts[place.host].name);
	pthread_mutex_lock(&foresight->lock);
	site_look(site);
	catch_up(&foresight->state, &site->state);
	can = placed_plan(&foresight->state, &foresight->amounts, &place, 1, &plan, &refusal);
	if (can) {
		predict_into_plan(&foresight->predictor, &foresight->state, &plan, RUNS,
		                  foresight->options->seed, INFINITY, &prediction);
		add_move(value, foresight, &plan);
		plan_free(&plan);
	} else {
		add_reasons(value, &refusal);
	}
	site_look_away(site);
	pthread_mutex_unlock(&foresight->lock);
	reply_json(ret_reply, HTTP_OK, value);
}
