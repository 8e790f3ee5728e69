/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/scenario.h"
#include "tests/support/draw.h"
#include "tests/support/simulated.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#define CLUSTER                                                                                        \
	"{'schema':'lockkeeper.cluster/1','name':'c','profile':'nova',"                                \
	"'hosts':[{'name':'h0','cpus':4,'memory_mib':8192},{'name':'h1','cpus':4,'memory_mib':8192}]," \
	"'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],"                                        \
	"'groups':[{'name':'g','policy':'affinity'}],"                                                 \
	"'vms':[{'name':'v1','host':'h0','flavor':'m'},{'name':'v2','id':'id-2','host':'h0','flavor':'m'}]}"

static int read_actions(struct scenario *ret_scenario, const char *actions, struct error *error)
{
	char text[4096];

	snprintf(text, sizeof(text),
	         "{'schema':'lockkeeper.scenario/1','cluster':" CLUSTER ",\n'actions':[%s]}", actions);
	return scenario_try_text(ret_scenario, text, PROFILE_COUNT, error);
}

static void refused(const char *actions, const char *expected)
{
	struct scenario scenario;
	struct error error = { "" };

	cr_assert_eq(read_actions(&scenario, actions, &error), ERROR_INPUT, "%s was taken", actions);
	cr_assert_str_eq(error.text, expected);
}

Test(scenario, has_defaults)
{
	struct scenario scenario;
	struct error error;

	cr_assert_eq(read_actions(&scenario, "{'do':'live-migrate','vm':'id-2'}", &error), 0);
	cr_assert_eq(scenario.runs, 1);
	cr_assert_eq(scenario.window_s, 1800);
	cr_assert_eq(scenario.cluster.profile, PROFILE_NOVA);
	cr_assert_eq(scenario.action_count, 1);
	cr_assert_eq(scenario.actions[0].vm, 1);
	cr_assert_eq(scenario.actions[0].to, NONE);
	cr_assert_eq(scenario.actions[0].block, BLOCK_AUTO);
	cr_assert_eq(scenario.actions[0].at_ns, 0);
	cr_assert(!scenario.actions[0].concurrent && !scenario.actions[0].force);
	scenario_free(&scenario);
}

Test(scenario, reads_every_member)
{
	struct scenario scenario;
	struct error error;
	const struct action *actions;

	cr_assert_eq(
		read_actions(&scenario,
	                     "{'do':'lock','host':'h0','order':['v2','v1'],'x-why':[1]},"
	                     "{'do':'live-migrate','vm':'v1','to':'h1','block':true,'force':true,"
	                     "'concurrent':true,'at_s':1.5},"
	                     "{'do':'set-group','at_s':2,'group':'g','policy':'anti-affinity','size':null,"
	                     "'best_effort':false,'max_per_host':3},"
	                     "{'do':'link','at_s':3,'host':'h1','nic_mbit_s':0},"
	                     "{'do':'resize','at_s':4,'vm':'v1','flavor':'m'}",
	                     &error),
		0, "%s", error.text);
	actions = scenario.actions;
	cr_assert_eq(actions[0].order_count, 2);
	cr_assert_eq(actions[0].order[0], 1);
	cr_assert(actions[1].concurrent && actions[1].force && actions[1].block == BLOCK_YES);
	cr_assert(actions[1].to == 1 && actions[1].at_ns == 1500000000);
	cr_assert_eq(actions[2].change.policy, POLICY_ANTI_AFFINITY);
	cr_assert(actions[2].change.size == UNLIMITED && actions[2].change.max_per_host == 3);
	cr_assert_eq(actions[2].change.best_effort, 0);
	cr_assert_eq(actions[3].nic_mbit_s, 0);
	cr_assert_eq(actions[4].flavor, 0);
	scenario_free(&scenario);
}

Test(scenario, runs_in_order_of_time_and_remembers_the_file_s)
{
	struct scenario scenario;
	struct error error;

	cr_assert_eq(read_actions(&scenario,
	                          "{'do':'stop','vm':'v1','at_s':5},{'do':'pause','vm':'v1'},"
	                          "{'do':'start','vm':'v1','at_s':5},{'do':'resume','vm':'v1','at_s':1}",
	                          &error),
	             0);
	cr_assert_eq(scenario.actions[0].kind, ACTION_PAUSE);
	cr_assert_eq(scenario.actions[1].kind, ACTION_RESUME);
	cr_assert_eq(scenario.actions[2].kind, ACTION_STOP);
	cr_assert_eq(scenario.actions[3].kind, ACTION_START);
	cr_assert_eq(scenario.as_written[0], 1);
	cr_assert_eq(scenario.as_written[2], 0);
	scenario_free(&scenario);
}

Test(scenario, later_actions_may_name_what_others_add)
{
	struct scenario scenario;
	struct error error;

	cr_assert_eq(read_actions(&scenario,
	                          "{'do':'live-migrate','vm':'n-2','to':'h9','at_s':9},"
	                          "{'do':'boot','name':'n','flavor':'m','group':'g','max_count':2},"
	                          "{'do':'boot','name':'one','flavor':'m'},"
	                          "{'do':'add-host','host':{'name':'h9','cpus':1,'memory_mib':1}}",
	                          &error),
	             0, "%s", error.text);
	cr_assert_eq(scenario.vms_at_start, 2);
	cr_assert_eq(scenario.hosts_at_start, 2);
	cr_assert_eq(scenario.cluster.vm_count, 5);
	cr_assert_str_eq(scenario.cluster.vms[2].name, "n-1");
	cr_assert_str_eq(scenario.cluster.vms[4].name, "one");
	cr_assert_eq(scenario.actions[0].vm_first, 2);
	cr_assert_eq(scenario.actions[0].max_count, 2);
	cr_assert_eq(scenario.actions[3].vm, 3);
	cr_assert_eq(scenario.actions[3].to, 2);
	scenario_free(&scenario);
}

Test(scenario, many_boots_cost_little)
{
	struct scenario scenario;
	struct error error;

	cr_assert_eq(
		read_actions(&scenario, "{'do':'boot','name':'n','flavor':'m','max_count':100000}", &error),
		0);
	cr_assert_eq(scenario.cluster.vm_count, 100002);
	cr_assert_eq(cluster_vm(&scenario.cluster, "n-100000"), 100001);
	/* The cluster was moved into the scenario: its texts are where it is. */
	for (int i = 0; i < 5000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "late-%d", i);
		cr_assert_str_eq(cluster_intern(&scenario.cluster, name), name);
	}
	scenario_free(&scenario);
}

Test(scenario, names_what_is_wrong_and_where)
{
	refused("{'do':'lock','host':'h0','ordre':[]}",
	        "s.json:2: actions[0].ordre: unknown member \"ordre\" (did you mean \"order\"?)");
	refused("{'do':'lock','host':'h7'}", "s.json:2: actions[0].host: no host is named \"h7\", "
	                                     "expected one of the cluster's or one that an action adds");
	refused("{'do':'stop','vm':'v9'}", "s.json:2: actions[0].vm: no VM is named \"v9\", "
	                                   "expected one of the cluster's or one that an action adds");
	refused("{'do':'lok','host':'h0'}",
	        "s.json:2: actions[0].do: unknown word \"lok\" (did you mean \"lock\"?), expected one of "
	        "\"lock\", \"force-lock\", \"unlock\", \"live-migrate\", \"cold-migrate\", "
	        "\"evacuate\", \"resize\", \"boot\", \"stop\", \"start\", \"pause\", \"suspend\", "
	        "\"resume\", \"delete\", \"add-host\", \"fail-host\", \"set-group\", \"link\"");
	refused("{'host':'h0'}", "s.json:2: actions[0]: member \"do\" is missing, expected in an action");
	refused("{'do':'lock'}", "s.json:2: actions[0]: member \"host\" is missing, expected in an action");
	refused("7", "s.json:2: actions[0]: a number, expected an action (an object)");
	refused("{'do':'live-migrate','vm':'v1','block':'yes'}",
	        "s.json:2: actions[0].block: a string, expected \"auto\", true or false");
	refused("{'do':'stop','vm':'v1','at_s':-1}",
	        "s.json:2: actions[0].at_s: -1 is out of range, expected at least 0 and at most 1000000000");
	refused("{'do':'boot','name':'v1','flavor':'m'}",
	        "s.json:2: actions[0].name: a VM \"v1\" is already there, expected unique names");
	refused("{'do':'boot','name':'n','flavor':'m','min_count':3,'max_count':2}",
	        "s.json:2: actions[0].min_count: more than max_count, expected at most 2");
}

static int refuse_load(void *context, const char *path, enum profile profile,
                       const struct read_numbers *numbers, struct cluster *ret_cluster, struct error *error)
{
	char *kept = context;

	(void)numbers;

	(void)ret_cluster;
	snprintf(kept, 64, "%s %d", path, profile);
	return error_set(error, ERROR_IO, "no such file");
}

Test(scenario, a_cluster_by_its_path_is_loaded_by_the_caller)
{
	char text[] =
		"{\"schema\":\"lockkeeper.scenario/1\",\"cluster\":\"../a.json\",\"profile\":\"titanium\","
		"\"actions\":[]}";
	char kept[64] = "";
	const struct scenario_source source = { .load = refuse_load, .context = kept };
	struct scenario scenario;
	struct json_doc *doc;
	struct error error;

	cr_assert_eq(json_doc_parse(&doc, "s.json", strdup(text), strlen(text), &error), 0);
	cr_assert_eq(scenario_read(&scenario, doc, PROFILE_COUNT, &source, &error), ERROR_IO);
	cr_assert_str_eq(kept, "../a.json 0");
	cr_assert_eq(scenario_read(&scenario, doc, PROFILE_NOVA, &source, &error), ERROR_IO);
	cr_assert_str_eq(kept, "../a.json 2");
	json_doc_free(doc);
}

Test(scenario, its_profile_goes_before_the_cluster_s)
{
	struct scenario scenario;
	struct error error;

	cr_assert_eq(
		scenario_try_text(&scenario,
	                          "{'schema':'lockkeeper.scenario/1','profile':'titanium','seed':7,'runs':3,"
	                          "'window_s':60,'cluster':" CLUSTER ",'actions':[]}",
	                          PROFILE_COUNT, &error),
		0);
	cr_assert_eq(scenario.cluster.profile, PROFILE_TITANIUM);
	cr_assert(scenario.seed == 7 && scenario.runs == 3 && scenario.window_s == 60);
	scenario_free(&scenario);
	cr_assert_eq(scenario_try_text(&scenario,
	                               "{'schema':'lockkeeper.scenario/2','cluster':'a','actions':[]}",
	                               PROFILE_COUNT, &error),
	             ERROR_INPUT);
	cr_assert_str_eq(error.text,
	                 "s.json:1: schema: \"lockkeeper.scenario/2\", expected \"lockkeeper.scenario/1\"");
}
