/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* strcasestr, qsort_r */
#include "web/lists.h"

#include "core/arena.h"
#include "planner/orders.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 50, LIMIT_MOST = 500 };

/* ------------------------------------------------------------------ a page of a list */

struct page {
	const char *search, *sort;
	uint64_t offset, limit;
	bool backwards;
};

static struct page page_of(const struct http_request *request)
{
	struct page page = { .search = request_text(request, "search"),
		             .sort = request_text(request, "sort") };

	page.offset = request_number(request, "offset", 0, UINT32_MAX, 0);
	page.limit = request_number(request, "limit", 1, LIMIT_MOST, LIMIT);
	if (page.search && !*page.search)
		page.search = NULL;
	if (page.sort && page.sort[0] == '-') {
		page.backwards = true;
		page.sort++;
	}
	return page;
}

/* Which of a list's columns it is sorted by; the first one when it is none of them. */
static uint32_t column_of(const struct page *page, const char *const *columns)
{
	for (uint32_t i = 0; page->sort && columns[i]; i++) {
		if (!strcmp(page->sort, columns[i]))
			return i;
	}
	return 0;
}

static bool has(const char *text, const char *searched)
{
	return text && strcasestr(text, searched) != NULL;
}

/* An empty filter lets everything through. */
static bool is(const char *wanted, const char *text)
{
	return !wanted || !*wanted || (text && !strcmp(wanted, text));
}

/* What rows are sorted by: a number, then the order that they have already. */
struct key {
	double number;
	uint32_t index, place;
};

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void sort_keys(struct key *keys, uint32_t count, const struct page *page)
{
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (uint32_t i = 0; page->backwards && i < count / 2; i++) {
		struct key key = keys[i];

		keys[i] = keys[count - 1 - i];
		keys[count - 1 - i] = key;
	}
}

static json_t *begin_list(const char *schema, const struct site *site, const struct page *page,
                          uint32_t total, const char *name, json_t **ret_list)
{
	json_t *value = json_object_new();

	json_add_text(value, "schema", schema);
	json_add_number(value, "revision", (double)site->revision);
	json_add_number(value, "total", total);
	json_add_number(value, "offset", (double)page->offset);
	*ret_list = json_add(value, name, json_array_new());
	return value;
}

/* ------------------------------------------------------------------ instances */

enum instance_column { BY_NAME, BY_HOST, BY_GROUP, BY_STATE, BY_FLAVOR, BY_MEMORY };
static const char *const instance_columns[] = { "name", "host", "group", "state", "flavor", "memory", NULL };

struct instances {
	struct site *site;
	struct runs *runs;
	struct page page;
	const char *host, *group, *state, *flavor;
	uint32_t *host_places; /* by host: its place in the order of names */
};

static const char *host_name(const struct site *site, uint32_t vm)
{
	uint32_t host = site->state.vm_host[vm];

	return host == NONE ? NULL : site->cluster.hosts[host].name;
}

static const char *group_name(const struct site *site, uint32_t vm)
{
	uint32_t group = site->cluster.vms[vm].group;

	return group == NONE ? NULL : site->cluster.groups[group].name;
}

/* What is going on with it; NULL: nothing. */
static const char *task_of(const struct instances *of, uint32_t vm)
{
	return runs_is_moving(of->runs, vm) ? "migrating" : of->site->cluster.vms[vm].task;
}

static bool shows_instance(const struct instances *of, uint32_t vm)
{
	const struct site *site = of->site;
	const char *flavor = state_flavor(&site->state, vm)->name;
	const char *state = vm_state_words[site->state.vm_state[vm]];

	if (site->state.vm_state[vm] == VM_DELETED || !is(of->host, host_name(site, vm)) ||
	    !is(of->group, group_name(site, vm)) || !is(of->state, state) || !is(of->flavor, flavor))
		return false;
	return !of->page.search || has(site->cluster.vms[vm].name, of->page.search) ||
	       has(host_name(site, vm), of->page.search) || has(group_name(site, vm), of->page.search) ||
	       has(flavor, of->page.search) || has(state, of->page.search) ||
	       has(site->cluster.vms[vm].id, of->page.search);
}

static double instance_key(const struct instances *of, enum instance_column column, uint32_t vm)
{
	const struct state *state = &of->site->state;

	switch (column) {
	case BY_HOST:
		return state->vm_host[vm] == NONE ? -1.0 : (double)of->host_places[state->vm_host[vm]];
	case BY_GROUP:
		return of->site->cluster.vms[vm].group == NONE ? INFINITY : of->site->cluster.vms[vm].group;
	case BY_STATE:
		return state->vm_state[vm];
	case BY_FLAVOR:
		return state->vm_flavor[vm];
	case BY_MEMORY:
		return (double)state_flavor(state, vm)->memory_mib;
	case BY_NAME:
		break;
	}
	return 0;
}

static json_t *instance_json(const struct instances *of, uint32_t vm)
{
	const struct site *site = of->site;
	const struct vm *row = &site->cluster.vms[vm];
	const struct flavor *flavor = state_flavor(&site->state, vm);
	json_t *value = json_object_new();

	json_add_text(value, "name", row->name);
	json_add_text(value, "id", row->id);
	json_add_text(value, "host", host_name(site, vm));
	json_add_text(value, "group", group_name(site, vm));
	json_add_text(value, "state", vm_state_words[site->state.vm_state[vm]]);
	json_add_text(value, "task", task_of(of, vm));
	json_add_text(value, "flavor", flavor->name);
	json_add_number(value, "vcpus", (double)flavor->vcpus);
	json_add_number(value, "memory_mib", (double)flavor->memory_mib);
	return value;
}

static uint32_t *places_of(const uint32_t *order, uint32_t count)
{
	uint32_t *places = MEMORY_ARRAY(uint32_t, count);

	for (uint32_t i = 0; i < count; i++)
		places[order[i]] = i;
	return places;
}

void list_instances(struct site *site, struct runs *runs, const struct http_request *request,
                    struct http_reply *ret_reply)
{
	struct instances of = { .site = site,
		                .runs = runs,
		                .page = page_of(request),
		                .host = request_text(request, "host"),
		                .group = request_text(request, "group"),
		                .state = request_text(request, "state"),
		                .flavor = request_text(request, "flavor") };
	uint32_t column = column_of(&of.page, instance_columns), count = 0;
	struct key *keys = MEMORY_ARRAY(struct key, site->cluster.vm_count);
	json_t *value, *list;

	of.host_places = places_of(site->hosts_by_name, site->cluster.host_count);
	site_look(site);
	for (uint32_t i = 0; i < site->cluster.vm_count; i++) {
		uint32_t vm = site->vms_by_name[i];

		if (shows_instance(&of, vm))
			keys[count++] = (struct key){ instance_key(&of, column, vm), vm, i };
	}
	/* They come by their names already. */
	if (column != BY_NAME || of.page.backwards)
		sort_keys(keys, count, &of.page);
	value = begin_list("lockkeeper.instances/1", site, &of.page, count, "instances", &list);
	for (uint64_t i = of.page.offset; i < count && i - of.page.offset < of.page.limit; i++)
		json_push(list, instance_json(&of, keys[i].index));
	site_look_away(site);
	free(keys);
	free(of.host_places);
	reply_json(ret_reply, HTTP_OK, value);
}

/* ------------------------------------------------------------------ hosts */

enum host_column {
	BY_HOST_NAME,
	BY_ADMINISTRATIVE,
	BY_VMS,
	BY_LOAD,
	BY_STOCK,
	BY_PLAN,
	BY_DURATION,
	BY_DOWNTIME
};
static const char *const host_columns[] = { "name", "administrative", "vms",         "load", "lock",
	                                    "plan", "duration_s",     "downtime_ms", NULL };

struct hosts {
	struct site *site;
	struct runs *runs;
	struct page page;
	const char *administrative, *lock, *plan;
	const struct board_row *rows;
};

static double ratio(int64_t total, int64_t millionths)
{
	return (double)total * (double)millionths / RATIO_ONE;
}

/* Of what guests may use of it, the larger of the shares of memory and CPUs. */
static double load_of(const struct site *site, uint32_t host)
{
	const struct host *of = &site->cluster.hosts[host];
	const struct host_use *use = &site->state.uses[host];
	double memory = ratio(of->memory_mib - of->reserved_memory_mib, of->memory_ratio);
	double cpus = ratio(of->cpus - of->reserved_cpus, of->cpu_ratio);

	return fmax(memory > 0 ? (double)use->memory_mib / memory : 0,
	            cpus > 0 ? (double)use->shared_vcpus / cpus : 0);
}

static bool shows_host(const struct hosts *of, uint32_t host)
{
	const struct board_row *row = &of->rows[host];
	const char *name = of->site->cluster.hosts[host].name;

	if (of->site->state.hosts[host].absent ||
	    !is(of->administrative, administrative_words[of->site->state.hosts[host].administrative]) ||
	    !is(of->lock, row->known ? board_stock_words[row->stock] : "") ||
	    !is(of->plan, row->known ? board_planned_words[row->planned] : ""))
		return false;
	return !of->page.search || has(name, of->page.search) || has(row->why, of->page.search) ||
	       has(of->site->cluster.hosts[host].zone, of->page.search);
}

static double host_key(const struct hosts *of, enum host_column column, uint32_t host)
{
	const struct board_row *row = &of->rows[host];

	switch (column) {
	case BY_ADMINISTRATIVE:
		return of->site->state.hosts[host].administrative;
	case BY_VMS:
		return of->site->state.uses[host].vms;
	case BY_LOAD:
		return load_of(of->site, host);
	case BY_STOCK:
		return row->known ? row->stock : INFINITY;
	case BY_PLAN:
		return row->known ? row->planned * 1e6 + row->moves : INFINITY;
	case BY_DURATION:
		return row->known && row->predicted ? row->duration_s : INFINITY;
	case BY_DOWNTIME:
		return row->known && row->predicted ? row->downtime_ms : INFINITY;
	case BY_HOST_NAME:
		break;
	}
	return 0;
}

static json_t *verdict_json(const struct board_row *row)
{
	json_t *value = json_object_new();

	json_add_text(value, "lock", board_stock_words[row->stock]);
	json_add_text(value, "plan", board_planned_words[row->planned]);
	json_add_number(value, "moves", row->moves);
	if (row->predicted) {
		json_add_number(value, "duration_s", row->duration_s);
		json_add_number(value, "downtime_ms", row->downtime_ms);
	} else {
		json_add_null(value, "duration_s");
		json_add_null(value, "downtime_ms");
	}
	json_add_text(value, "why", row->why);
	json_add_text(value, "help", row->help);
	json_add_bool(value, "old", row->old);
	return value;
}

static json_t *run_of(const struct hosts *of, uint32_t host)
{
	char id[32];
	uint8_t state;
	json_t *value;

	runs_of_host(of->runs, host, id, &state);
	if (!id[0])
		return json_null_new();
	value = json_object_new();
	json_add_text(value, "id", id);
	json_add_text(value, "state", run_state_words[state]);
	return value;
}

static json_t *host_json(const struct hosts *of, uint32_t host)
{
	const struct site *site = of->site;
	const struct host *row = &site->cluster.hosts[host];
	const struct host_status *status = &site->state.hosts[host];
	const struct host_use *use = &site->state.uses[host];
	json_t *value = json_object_new();

	json_add_text(value, "name", row->name);
	json_add_text(value, "administrative", administrative_words[status->administrative]);
	json_add_text(value, "operational", operational_words[status->operational]);
	json_add_text(value, "availability", availability_words[status->availability]);
	json_add_text(value, "zone", row->zone);
	json_add_number(value, "vms", use->vms);
	json_add_number(value, "load", load_of(site, host));
	json_add_number(value, "memory_used_mib", (double)use->memory_mib);
	json_add_number(value, "memory_mib",
	                ratio(row->memory_mib - row->reserved_memory_mib, row->memory_ratio));
	json_add_number(value, "vcpus_used", (double)(use->shared_vcpus + use->dedicated_vcpus));
	json_add_number(value, "vcpus", ratio(row->cpus - row->reserved_cpus, row->cpu_ratio));
	if (of->rows[host].known)
		json_add(value, "verdict", verdict_json(&of->rows[host]));
	else
		json_add_null(value, "verdict");
	json_add(value, "run", run_of(of, host));
	return value;
}

void list_hosts(struct site *site, struct board *board, struct runs *runs, const struct http_request *request,
                struct http_reply *ret_reply)
{
	struct hosts of = { .site = site,
		            .runs = runs,
		            .page = page_of(request),
		            .administrative = request_text(request, "administrative"),
		            .lock = request_text(request, "lock"),
		            .plan = request_text(request, "plan") };
	uint32_t column = column_of(&of.page, host_columns), count = 0, shown = 0;
	struct key *keys = MEMORY_ARRAY(struct key, site->cluster.host_count);
	uint32_t seen[LIMIT_MOST];
	json_t *value, *list;

	site_look(site);
	of.rows = board_look(board);
	for (uint32_t i = 0; i < site->cluster.host_count; i++) {
		uint32_t host = site->hosts_by_name[i];

		if (shows_host(&of, host))
			keys[count++] = (struct key){ host_key(&of, column, host), host, i };
	}
	sort_keys(keys, count, &of.page);
	value = begin_list("lockkeeper.hosts/1", site, &of.page, count, "hosts", &list);
	for (uint64_t i = of.page.offset; i < count && shown < of.page.limit; i++) {
		seen[shown++] = keys[i].index;
		json_push(list, host_json(&of, keys[i].index));
	}
	board_look_away(board);
	site_look_away(site);
	board_want(board, seen, shown);
	free(keys);
	reply_json(ret_reply, HTTP_OK, value);
}

/* ------------------------------------------------------------------ groups */

enum group_column { BY_GROUP_NAME, BY_POLICY, BY_MEMBERS, BY_HOSTS, BY_HOLDS };
static const char *const group_columns[] = { "name", "policy", "members", "hosts", "holds", NULL };

/* What of a group stands in its list. */
struct grouped {
	uint32_t members, hosts, most; /* most: members on one host */
	bool holds;
};

/* Of all groups at once, by one walk over the VMs. */
static struct grouped *group_all(const struct site *site)
{
	const struct cluster *cluster = &site->cluster;
	struct grouped *all = MEMORY_ARRAY(struct grouped, cluster->group_count);

	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		uint32_t group = cluster->vms[vm].group, host = site->state.vm_host[vm], here;

		if (group == NONE || site->state.vm_state[vm] == VM_DELETED)
			continue;
		all[group].members++;
		if (host == NONE)
			continue;
		here = state_members(&site->state, group, host);
		all[group].most = here > all[group].most ? here : all[group].most;
	}
	for (uint32_t i = 0; i < cluster->group_count; i++) {
		uint8_t policy = site->state.groups[i].policy;
		bool together = policy == POLICY_AFFINITY || policy == POLICY_SOFT_AFFINITY;

		all[i].hosts = state_group_hosts(&site->state, i);
		all[i].holds = together ? all[i].hosts <= 1 : all[i].most <= group_most(&site->state, i);
	}
	return all;
}

static json_t *group_json(const struct site *site, uint32_t index, const struct grouped *of)
{
	const struct group *group = &site->state.groups[index];
	bool soft = group->policy == POLICY_SOFT_AFFINITY || group->policy == POLICY_SOFT_ANTI_AFFINITY;
	json_t *value = json_object_new();

	json_add_text(value, "name", site->cluster.groups[index].name);
	json_add_text(value, "policy", policy_words[group->policy]);
	json_add_bool(value, "best_effort", group->best_effort || soft);
	json_add_number(value, "max_per_host", (double)group->max_per_host);
	json_add_number(value, "members", of->members);
	json_add_number(value, "hosts", of->hosts);
	json_add_bool(value, "holds", of->holds);
	return value;
}

static double group_key(const struct site *site, enum group_column column, const struct grouped *all,
                        uint32_t group)
{
	switch (column) {
	case BY_POLICY:
		return site->state.groups[group].policy;
	case BY_MEMBERS:
		return all[group].members;
	case BY_HOSTS:
		return all[group].hosts;
	case BY_HOLDS:
		return all[group].holds;
	case BY_GROUP_NAME:
		break;
	}
	return 0;
}

void list_groups(struct site *site, const struct http_request *request, struct http_reply *ret_reply)
{
	struct page page = page_of(request);
	const char *holds = request_text(request, "holds");
	uint32_t column = column_of(&page, group_columns), count = 0;
	struct key *keys = MEMORY_ARRAY(struct key, site->cluster.group_count + 1);
	struct grouped *all;
	json_t *value, *list;

	site_look(site);
	all = group_all(site);
	for (uint32_t i = 0; i < site->cluster.group_count; i++) {
		bool found = !page.search || has(site->cluster.groups[i].name, page.search) ||
		             has(policy_words[site->state.groups[i].policy], page.search);

		if (found && is(holds, all[i].holds ? "true" : "false"))
			keys[count++] = (struct key){ group_key(site, column, all, i), i, i };
	}
	sort_keys(keys, count, &page);
	value = begin_list("lockkeeper.groups/1", site, &page, count, "groups", &list);
	for (uint64_t i = page.offset; i < count && i - page.offset < page.limit; i++)
		json_push(list, group_json(site, keys[i].index, &all[keys[i].index]));
	site_look_away(site);
	free(keys);
	free(all);
	reply_json(ret_reply, HTTP_OK, value);
}

/* Whether a member is one of those because of which its group does not hold. */
static bool is_odd(const struct site *site, uint32_t group, uint32_t vm, const struct grouped *of)
{
	uint8_t policy = site->state.groups[group].policy;
	uint32_t host = site->state.vm_host[vm];

	if (of->holds || host == NONE)
		return false;
	if (policy == POLICY_AFFINITY || policy == POLICY_SOFT_AFFINITY)
		return true;
	return state_members(&site->state, group, host) > group_most(&site->state, group);
}

void show_group(struct site *site, const struct http_request *request, struct http_reply *ret_reply)
{
	const char *name = request_text(request, "name");
	uint32_t group = name ? cluster_group(&site->cluster, name) : NONE;
	struct grouped *all;
	json_t *value, *list;

	if (group == NONE) {
		reply_error(ret_reply, HTTP_NOT_FOUND, "there is no such group");
		return;
	}
	site_look(site);
	all = group_all(site);
	value = group_json(site, group, &all[group]);
	list = json_add(value, "vms", json_array_new());
	for (uint32_t i = 0; i < site->cluster.vm_count; i++) {
		uint32_t vm = site->vms_by_name[i];
		json_t *row;

		if (site->cluster.vms[vm].group != group || site->state.vm_state[vm] == VM_DELETED)
			continue;
		row = json_push(list, json_object_new());
		json_add_text(row, "name", site->cluster.vms[vm].name);
		json_add_text(row, "host", host_name(site, vm));
		json_add_text(row, "state", vm_state_words[site->state.vm_state[vm]]);
		json_add_bool(row, "odd", is_odd(site, group, vm, &all[group]));
	}
	site_look_away(site);
	free(all);
	reply_json(ret_reply, HTTP_OK, value);
}
