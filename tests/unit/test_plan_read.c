/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/plan_read.h"

#include "core/rules.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CLUSTER                                                                                            \
	"{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"t\",\"profile\":\"nova\",\"hosts\":["             \
	"{\"name\":\"a\",\"cpus\":16,\"memory_mib\":8192},{\"name\":\"b\",\"cpus\":16,"                    \
	"\"memory_mib\":8192},{\"name\":\"c\",\"cpus\":16,\"memory_mib\":8192}],"                          \
	"\"flavors\":[{\"name\":\"s\",\"vcpus\":1,\"memory_mib\":1024}],"                                  \
	"\"groups\":[{\"name\":\"g\",\"policy\":\"affinity\",\"best_effort\":true}],\"vms\":["             \
	"{\"name\":\"v\",\"host\":\"a\",\"flavor\":\"s\"},{\"name\":\"w\",\"id\":\"w-id\",\"host\":\"a\"," \
	"\"flavor\":\"s\"},{\"name\":\"x-y\",\"host\":\"b\",\"flavor\":\"s\"}]}"

static struct cluster cluster;
static struct plan plan;
static struct error error;

static void end(void)
{
	plan_free(&plan);
	cluster_free(&cluster);
}

TestSuite(plan_read, .fini = end);

static struct json_doc *parsed(const char *text)
{
	struct json_doc *doc;
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	cr_assert_eq(json_doc_parse(&doc, "p.json", copy, strlen(copy), &error), 0, "%s", error.text);
	return doc;
}

/* Reads a plan with these members after the digest. Quotes may be '. */
static int try_plan(const char *members)
{
	char text[4096];
	struct json_doc *doc;
	int result;

	if (!cluster.interns)
		cluster_from_text(&cluster, CLUSTER);
	snprintf(text, sizeof(text), "{'schema':'lockkeeper.plan/1','cluster_digest':'" DIGEST "',\n%s}",
	         members);
	doc = parsed(text);
	result = plan_read(&plan, doc, &cluster, &error);
	json_doc_free(doc);
	return result;
}

static void good(const char *members)
{
	plan_free(&plan);
	cr_assert_eq(try_plan(members), 0, "%s", error.text);
}

static void bad(const char *members, const char *message)
{
	cr_assert_eq(try_plan(members), ERROR_INPUT, "was taken: %s", members);
	cr_assert_str_eq(error.text, message);
	cr_assert_eq(plan.move_count, 0);
}

#define GOAL "'goal':{'lock':['a']},"
#define MOVE(id, more) "{'id':" #id ",'vm':'v','from':'a','to':'b','method':'live'" more "}"

Test(plan_read, every_member)
{
	static const char percentiles[] = "{'p10':1,'p50':2.5,'p90':3}";
	char text[2048];

	snprintf(
		text, sizeof(text),
		"'profile':'titanium','goal':{'lock':['a','c'],'place':{'w':'b'}},'stages':[['a'],['c','b']],"
		"'max_parallel':3,'moves':["
		"{'id':7,'vm':'v','from':'a','to':'b','method':'live','after':[],'stage':0,"
		"'reserve_mbit_s':12.5,'predicted':{'start_s':4,'duration_s':%s,'downtime_ms':%s,"
		"'bytes':9},'why':'make-room'},"
		"{'id':8,'vm':'w','from':'a','to':'c','method':'cold','after':[7],'stage':1,"
		"'predicted':{'start_s':4,'duration_s':%s,'downtime_ms':%s,'bytes':9},'why':'return'}],"
		"'bounds':{'moves':2,'stages':1,'makespan_s':0.5},'makespan_s':%s,'breaks':['g'],"
		"'expires_at':'2026-11-26T12:00:00Z','x-note':{'any':1}",
		percentiles, percentiles, percentiles, percentiles, percentiles);
	good(text);
	cr_assert_str_eq(plan.digest, DIGEST);
	cr_assert_eq(plan.profile, PROFILE_TITANIUM);
	cr_assert(plan.goal_count == 2 && plan.goal[0] == 0 && plan.goal[1] == 2);
	cr_assert(plan.place_count == 1 && plan.places[0].vm == 1 && plan.places[0].host == 1);
	cr_assert(plan.stage_count == 2 && plan.parallel_most == 3 && plan.stages_least == 1);
	cr_assert(plan.stages->count == 1 && plan.stages->next->count == 2 && !plan.stages->next->next);
	cr_assert_eq(plan.stages->next->hosts[1], 1);
	cr_assert(plan.move_count == 2 && plan.moves_least == 2 && plan.own_ids);
	cr_assert(plan.moves[0].id == 7 && plan.moves[0].vm == 0 && plan.moves[0].to == 1);
	cr_assert(plan.moves[0].method == METHOD_LIVE && plan.moves[1].method == METHOD_COLD);
	cr_assert(plan.moves[0].why == PLAN_MAKE_ROOM && plan.moves[1].why == PLAN_RETURN);
	cr_assert(plan.moves[1].after_count == 1 && plan.moves[1].after[0] == 0 && plan.moves[1].stage == 1);
	cr_assert(plan.moves[0].reserve_mbit_s == 12.5 && plan.moves[0].predicted.downtime_ms[1] == 2.5);
	cr_assert(plan.predicted && plan.makespan_s[2] == 3 && plan.makespan_least_s == 0.5);
	cr_assert(plan.broken_count == 1 && plan.broken[0] == 0);
	cr_assert_eq(plan.expires_unix_s, 1795694400);
}

Test(plan_read, what_is_not_said)
{
	good(GOAL "'moves':[" MOVE(1, "") "]");
	cr_assert_eq(plan.profile, PROFILE_NOVA);
	cr_assert(plan.moves[0].why == PLAN_EVACUATE && plan.moves[0].after_count == 0);
	cr_assert(!plan.predicted && plan.parallel_most == 0 && plan.expires_unix_s == 0);
	good(GOAL "'moves':[]");
	good("'goal':{'place':{'v':'b'}},'moves':[],'stages':[['a','b'],[]]");
	cr_assert(plan.goal_count == 0 && plan.parallel_most == 2);
}

/* The ids in the order of the moves, and in brackets what each waits for. */
static const char *order(void)
{
	static char text[256];

	text[0] = '\0';
	for (uint32_t i = 0; i < plan.move_count; i++) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, "%s%lld", i ? " " : "",
		         (long long)plan_move_id(&plan, i));
		for (uint32_t j = 0; j < plan.moves[i].after_count; j++) {
			length = strlen(text);
			cr_assert_lt(plan.moves[i].after[j], i);
			snprintf(text + length, sizeof(text) - length, "(%lld)",
			         (long long)plan_move_id(&plan, plan.moves[i].after[j]));
		}
	}
	return text;
}

Test(plan_read, moves_are_put_in_an_order_in_which_after_points_backwards)
{
	good(GOAL "'moves':[" MOVE(3, "") "," MOVE(1, ",'after':[3]") "," MOVE(2, "") "]");
	cr_assert_str_eq(order(), "3 1(3) 2");
	good(GOAL "'moves':[" MOVE(5, ",'after':[-4,0]") "," MOVE(9, "") "," MOVE(
		0, ",'after':[1000000000000]") "," MOVE(-4, "") "," MOVE(1000000000000, "") "]");
	cr_assert_str_eq(order(), "-4 1000000000000 0(1000000000000) 5(-4)(0) 9");
}

Test(plan_read, long_chains_take_no_deep_calls)
{
	enum { MOVES = 200000, A_MOVE = 100 };
	size_t room = (size_t)MOVES * A_MOVE + 1000;
	char *text = malloc(room);
	struct json_doc *doc;
	size_t length;

	cluster_from_text(&cluster, CLUSTER);
	length = (size_t)snprintf(text, room,
	                          "{'schema':'lockkeeper.plan/1','cluster_digest':'" DIGEST "'," GOAL
	                          "'moves':[" MOVE(0, ""));
	for (int i = 1; i < MOVES; i++)
		length += (size_t)snprintf(text + length, room - length,
		                           ",{'id':%d,'vm':'v','from':'a','to':'b','method':'live',"
		                           "'after':[%d]}",
		                           i, i + 1 < MOVES ? i + 1 : 0);
	snprintf(text + length, room - length, "]}");
	doc = parsed(text);
	cr_assert_eq(plan_read(&plan, doc, &cluster, &error), 0, "%s", error.text);
	cr_assert(plan.moves[0].id == 0 && plan.moves[1].id == MOVES - 1 && plan.moves[MOVES - 1].id == 1);
	json_doc_free(doc);
	free(text);
}

Test(plan_read, refuses_circles)
{
	bad(GOAL "'moves':[" MOVE(1, ",'after':[1]") "]",
	    "p.json:2: moves[0].after: move 1 waits for move 1, which in the end waits for it, expected no "
	    "circle");
	bad(GOAL "'moves':[" MOVE(4, "") ",\n" MOVE(1, ",'after':[4,3]") ",\n" MOVE(
		    2, ",'after':[1]") ",\n" MOVE(3, ",'after':[2]") "]",
	    "p.json:4: moves[2].after: move 2 waits for move 1, which in the end waits for it, expected no "
	    "circle");
}

Test(plan_read, refuses_ids_that_do_not_fit)
{
	bad(GOAL "'moves':[" MOVE(1, "") ",\n" MOVE(1, "") "]",
	    "p.json:3: moves[1].id: 1 is another move's, expected an id of its own");
	bad(GOAL "'moves':[" MOVE(1.5, "") "]", "p.json:2: moves[0].id: 1.5, expected an integer");
	bad(GOAL "'moves':[" MOVE('m', "") "]", "p.json:2: moves[0].id: a string, expected an integer");
	bad(GOAL "'moves':[" MOVE(1, ",'after':[2]") "]",
	    "p.json:2: moves[0].after[0]: no move has the id 2, expected one of the plan's");
	bad(GOAL "'moves':[" MOVE(2, "") "," MOVE(1, ",'after':[2,2]") "]",
	    "p.json:2: moves[1].after[1]: 2 stands twice, expected each id once");
	bad(GOAL "'moves':[" MOVE(1, ",'after':['1']") "]",
	    "p.json:2: moves[0].after[0]: a string, expected an integer");
}

Test(plan_read, refuses_what_is_not_in_the_cluster)
{
	bad(GOAL "'moves':[{'id':1,'vm':'z','from':'a','to':'b','method':'live'}]",
	    "p.json:2: moves[0].vm: no VM is named \"z\", expected one of the cluster's");
	bad(GOAL "'moves':[{'id':1,'vm':'w-id','from':'a','to':'b','method':'live'}]",
	    "p.json:2: moves[0].vm: no VM is named \"w-id\", expected one of the cluster's");
	bad(GOAL "'moves':[{'id':1,'vm':'v','from':'a','to':'d','method':'live'}]",
	    "p.json:2: moves[0].to: no host is named \"d\", expected one of the cluster's");
	bad("'goal':{'lock':['d']},'moves':[]",
	    "p.json:2: goal.lock[0]: no host is named \"d\", expected one of the cluster's");
	bad("'goal':{'place':{'z':'a'}},'moves':[]",
	    "p.json:2: goal.place.z: no VM is named \"z\", expected one of the cluster's");
	bad(GOAL "'breaks':['h'],'moves':[]",
	    "p.json:2: breaks[0]: no group is named \"h\", expected one of the cluster's");
	bad("'goal':{'place':{'x-y':'a'}},'moves':[]",
	    "p.json:2: goal.place.x-y: a member whose name begins with \"x-\" is not binding, expected no "
	    "such VM in a goal");
}

Test(plan_read, refuses_what_is_malformed)
{
	bad(GOAL "'moves':{}", "p.json:2: moves: an object, expected an array");
	bad("'moves':[]", "p.json:1: member \"goal\" is missing, expected in a plan");
	bad("'goal':{},'moves':[]", "p.json:2: goal: no goal, expected a member \"lock\" or \"place\"");
	bad("'goal':{'lock':['a','a']},'moves':[]",
	    "p.json:2: goal.lock[1]: \"a\" stands twice, expected each host once");
	bad(GOAL "'move':[]", "p.json:2: move: unknown member \"move\" (did you mean \"moves\"?)");
	bad(GOAL "'moves':[{'id':1,'vm':'v','from':'a','to':'a','method':'live'}]",
	    "p.json:2: moves[0].to: the host that the VM is moved from, expected another");
	bad(GOAL "'moves':[{'id':1,'vm':'v','from':'a','to':'b','method':'none'}]",
	    "p.json:2: moves[0].method: unknown word \"none\", expected one of \"live\", \"cold\"");
	bad(GOAL "'moves':[{'id':1,'vm':'v','from':'a','to':'b'}]",
	    "p.json:2: moves[0]: member \"method\" is missing, expected in a move");
	bad(GOAL "'moves':[" MOVE(1, ",'stage':0") "]",
	    "p.json:2: moves[0].stage: 0, expected one of the plan's 0 stages, the first is 0");
	bad(GOAL "'stages':[['a'],['a']],'moves':[]",
	    "p.json:2: stages[1][0]: \"a\" stands twice, expected each host once");
	bad(GOAL "'max_parallel':2,'moves':[]",
	    "p.json:2: max_parallel: the plan has no stages, expected both or neither");
	bad(GOAL "'expires_at':'tomorrow','moves':[]",
	    "p.json:2: expires_at: \"tomorrow\", expected a time like \"2026-11-26T12:00:00Z\"");
	bad(GOAL "'makespan_s':{'p10':1,'p50':1,'p90':1},'moves':[" MOVE(1, "") "]",
	    "p.json:2: moves[0]: member \"predicted\" is missing, expected in each move of a plan with "
	    "makespan_s");
	bad(GOAL "'moves':[" MOVE(1, ",'predicted':{}") "]",
	    "p.json:2: moves[0].predicted: the plan has no makespan_s, expected both or neither");
	bad(GOAL "'makespan_s':{'p10':1,'p50':1},'moves':[]",
	    "p.json:2: makespan_s: member \"p90\" is missing, expected in 10th, 50th and 90th percentile");
}

Test(plan_read, whether_it_is_for_the_cluster_is_asked_before_names_are_looked_up)
{
	struct json_doc *doc;
	char text[512];
	bool is = true;

	cluster_from_text(&cluster, CLUSTER);
	doc = parsed("{'schema':'lockkeeper.plan/1','cluster_digest':'" DIGEST
	             "','goal':{'lock':['gone']},'moves':[]}");
	cr_assert_eq(plan_is_for(doc, &cluster, &is, &error), 0);
	cr_assert_not(is);
	json_doc_free(doc);
	snprintf(text, sizeof(text),
	         "{'schema':'lockkeeper.plan/1','cluster_digest':'%s','goal':{'lock':['a']},'moves':[]}",
	         cluster.digest);
	doc = parsed(text);
	cr_assert_eq(plan_is_for(doc, &cluster, &is, &error), 0);
	cr_assert(is);
	json_doc_free(doc);
	doc = parsed("{'schema':'lockkeeper.plan/2','cluster_digest':'" DIGEST "','goal':{},'moves':[]}");
	cr_assert_eq(plan_is_for(doc, &cluster, &is, &error), ERROR_INPUT);
	cr_assert_str_eq(error.text,
	                 "p.json:1: schema: \"lockkeeper.plan/2\", expected \"lockkeeper.plan/1\"");
	json_doc_free(doc);
	doc = parsed("{'schema':'lockkeeper.plan/1','cluster_digest':'abc','goal':{},'moves':[]}");
	cr_assert_eq(plan_is_for(doc, &cluster, &is, &error), ERROR_INPUT);
	cr_assert_str_eq(error.text, "p.json:1: cluster_digest: \"abc\", expected 64 hexadecimal digits");
	json_doc_free(doc);
}
