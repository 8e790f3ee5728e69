/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/ideal.h"
#include "tests/support/simulated.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HOSTS                                                                                            \
	"'hosts':[{'name':'h0','cpus':8,'memory_mib':8192},{'name':'h1','cpus':8,'memory_mib':8192},"    \
	"{'name':'h2','cpus':8,'memory_mib':8192}],'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}," \
	"{'name':'l','vcpus':2,'memory_mib':6144}],"
#define VM(name, host, extra) "{'name':'" name "','host':'" host "','flavor':'m'" extra "}"

static void cr_verdict(const struct simulated *simulated, uint32_t action, enum verdict verdict,
                       const char *message)
{
	cr_assert_eq(simulated_verdict(simulated, action), verdict, "%s: %s",
	             verdict_words[simulated_verdict(simulated, action)],
	             simulated_message(simulated, action));
	cr_assert_str_eq(simulated_message(simulated, action), message);
}

static void cr_move(const struct simulated *simulated, uint32_t index, const char *expected)
{
	char text[256];

	cr_assert_str_eq(simulated_move(simulated, index, text), expected);
}

Test(live, goes_where_it_is_told_or_where_the_scheduler_likes)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX, HOSTS "'vms':[" VM("v1", "h0", "") "]",
	              "{'do':'live-migrate','vm':'v1'},{'do':'live-migrate','vm':'v1','to':'h2'}");
	cr_verdict(&run, 0, VERDICT_DONE, "The instance is preparing the live migration to a suitable host.");
	cr_verdict(&run, 1, VERDICT_DONE, "The instance is preparing the live migration to host h2.");
	cr_move(&run, 0, "v1 h0>h1 live completed");
	cr_move(&run, 1, "v1 h1>h2 live completed");
	cr_assert(simulation_succeeded(&run.simulation));
	cr_assert_eq(run.simulation.actions[1].allowed_count, 2);
	cr_assert_eq(run.simulation.actions[1].allowed[0], 0);
	simulated_free(&run);
}

Test(live, is_refused_in_the_api_s_words)
{
	struct simulated run;

	simulated_run(&run, PROFILE_NOVA,
	              HOSTS "'vms':[" VM("v1", "h0", ",'state':'stopped'") "," VM("v2", "h0", "") "," VM(
			      "v3", "h0", ",'vifs':[{'model':'pci-sriov'}]") "]",
	              "{'do':'live-migrate','vm':'v1'},{'do':'live-migrate','vm':'v2','to':'h0'},"
	              "{'do':'live-migrate','vm':'v3'},{'do':'live-migrate','vm':'v2','block':true}");
	cr_verdict(&run, 0, VERDICT_REJECTED,
	           "Cannot 'os-migrateLive' instance v1 while it is in vm_state stopped");
	cr_verdict(&run, 1, VERDICT_REJECTED, "Unable to migrate instance v2 to current host h0.");
	cr_verdict(&run, 2, VERDICT_REJECTED,
	           "Live migration of instance v3 is not supported with PCI devices attached.");
	cr_assert_eq(simulated_verdict(&run, 3), VERDICT_REJECTED);
	cr_move(&run, 1, "v2 h0>h0 live rejected");
	cr_move(&run, 2, "v3 h0> live rejected");
	cr_assert_eq(run.simulation.actions[2].allowed_count, 0);
	cr_assert(!simulation_succeeded(&run.simulation));
	simulated_free(&run);
}

Test(live, says_what_speaks_against_a_named_host)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'groups':[{'name':'g','policy':'anti-affinity'}],'vms':[" VM(
			      "v1", "h0", ",'group':'g'") "," VM("v2", "h1",
	                                                         ",'group':'g'") "," VM("v3", "h2",
	                                                                                ",'group':'g'") "]",
	              "{'do':'live-migrate','vm':'v1','to':'h1'},{'do':'live-migrate','vm':'v1'}");
	cr_verdict(&run, 0, VERDICT_REJECTED,
	           "No valid host was found. h1 already holds 1 member(s) of strict anti-affinity group g");
	cr_verdict(&run, 1, VERDICT_REJECTED,
	           "No valid host was found. There are not enough hosts available.");
	simulated_free(&run);
	simulated_run(&run, PROFILE_STARLINGX,
	              "'hosts':[{'name':'h0','cpus':8,'memory_mib':8192}],"
	              "'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],'vms':[" VM("v1", "h0", "") "]",
	              "{'do':'live-migrate','vm':'v1'}");
	cr_verdict(&run, 0, VERDICT_REJECTED, "No other hosts available");
	simulated_free(&run);
}

/* One at a time leaves a host unless told otherwise; the others wait for their turn, in order. */
Test(live, queues_at_its_source)
{
	struct simulated run;
	const struct migration_summary *moves;
	static const char actions[] = "{'do':'live-migrate','vm':'v1','to':'h1'},"
				      "{'do':'live-migrate','vm':'v2','to':'h2','concurrent':true},"
				      "{'do':'live-migrate','vm':'v3','to':'h2','concurrent':true},"
				      "{'do':'live-migrate','vm':'v2','concurrent':true,'at_s':1}";

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", "") "," VM("v3", "h1", "") "]",
	              actions);
	moves = run.simulation.migrations;
	cr_move(&run, 0, "v1 h0>h1 live completed");
	cr_move(&run, 1, "v3 h1>h2 live completed");
	cr_move(&run, 3, "v2 h0>h2 live completed");
	cr_assert_eq(moves[1].start_s, 0);
	cr_assert(moves[3].start_s >= moves[0].duration_s[1]);
	cr_assert_eq(run.simulation.actions[1].start_s, 0);
	cr_verdict(&run, 3, VERDICT_REJECTED,
	           "Cannot 'os-migrateLive' instance v2 while it is in task_state migrating");
	simulated_free(&run);
	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'migration':{'parallel_per_host':0},'vms':[" VM("v1", "h0", "") "," VM(
			      "v2", "h0", "") "," VM("v3", "h1", "") "]",
	              actions);
	cr_assert_eq(run.simulation.migrations[1].start_s, 0);
	cr_assert_eq(run.simulation.migrations[2].start_s, 0);
	simulated_free(&run);
}

#define IDLE ",'dirty':{'model':'idle','background_pages_s':0}"

/* 1 GiB in pages of 4096 + 8 bytes, and what comes after the last byte, over so much of a link. */
static double alone_s(double link_bytes_s)
{
	const struct hypervisor *ideal = ideal_hypervisor();

	return 262144 * 4104 / (ideal->wire_efficiency * link_bytes_s) + ideal->stop_ms / 1000;
}

/* Two leave one host over its one link: each has half of it. */
Test(live, shares_the_link)
{
	struct simulated alone, both;
	static const char cluster[] = HOSTS "'migration':{'parallel_per_host':0,'setup_ms':0},'vms':[" VM(
		"v1", "h0", IDLE) "," VM("v2", "h0", IDLE) "]";

	simulated_run_with(&alone, ideal_hypervisors(), PROFILE_STARLINGX, cluster,
	                   "{'do':'live-migrate','vm':'v1','to':'h1'}");
	simulated_run_with(&both, ideal_hypervisors(), PROFILE_STARLINGX, cluster,
	                   "{'do':'live-migrate','vm':'v1','to':'h1'},"
	                   "{'do':'live-migrate','vm':'v2','to':'h2','concurrent':true}");
	cr_assert_float_eq(alone.simulation.migrations[0].duration_s[1], alone_s(1.25e9), 1e-6);
	for (int i = 0; i < 2; i++)
		cr_assert_float_eq(both.simulation.migrations[i].duration_s[1], alone_s(1.25e9 / 2), 1e-3);
	simulated_free(&alone);
	simulated_free(&both);
}

/* Half of a link is as good as a link of half the speed, sockets, looks and noise included. */
Test(live, shares_the_link_as_if_it_was_a_slower_one)
{
	struct simulated alone, both;
	const struct migration_summary *one, *two;

	simulated_run(&alone, PROFILE_STARLINGX,
	              "'hosts':[{'name':'h0','cpus':8,'memory_mib':8192,'nic_mbit_s':5000},"
	              "{'name':'h1','cpus':8,'memory_mib':8192}],"
	              "'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],'migration':{'setup_ms':0},"
	              "'vms':[" VM("v1", "h0", IDLE) "]",
	              "{'do':'live-migrate','vm':'v1','to':'h1'}");
	simulated_run(&both, PROFILE_STARLINGX,
	              HOSTS "'migration':{'parallel_per_host':0,'setup_ms':0},'vms':[" VM(
			      "v1", "h0", IDLE) "," VM("v2", "h0", IDLE) "]",
	              "{'do':'live-migrate','vm':'v1','to':'h1'},"
	              "{'do':'live-migrate','vm':'v2','to':'h2','concurrent':true}");
	one = &alone.simulation.migrations[0];
	two = &both.simulation.migrations[0];
	cr_assert_float_eq(one->duration_s[1], two->duration_s[1], 1e-3, "%.9g, %.9g", one->duration_s[1],
	                   two->duration_s[1]);
	cr_assert_float_eq(one->downtime_ms[1], two->downtime_ms[1], 1, "%.9g, %.9g", one->downtime_ms[1],
	                   two->downtime_ms[1]);
	cr_assert_float_eq(one->bytes[1], two->bytes[1], 1);
	simulated_free(&alone);
	simulated_free(&both);
}

/* The link slows down half way; when it is down and there is no time limit, the migration is given up. */
Test(live, feels_the_link_change)
{
	const struct hypervisor *ideal = ideal_hypervisor();
	struct simulated run;
	double seconds, expected;

	simulated_run_with(&run, ideal_hypervisors(), PROFILE_STARLINGX,
	                   HOSTS
	                   "'migration':{'setup_ms':0,'bandwidth_mib_s':64},'vms':[" VM("v1", "h0", IDLE) "]",
	                   "{'do':'live-migrate','vm':'v1','to':'h1'},"
	                   "{'do':'link','host':'h0','nic_mbit_s':100,'at_s':8,'concurrent':true}");
	seconds = run.simulation.migrations[0].duration_s[1];
	expected = 8 + (262144 * 4104 - 8 * 67108864.0) / (ideal->wire_efficiency * 1.25e7) +
	           ideal->stop_ms / 1000;
	cr_assert(fabs(seconds - expected) < 1e-3, "%g, %g", seconds, expected);
	simulated_free(&run);
	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'migration':{'timeout_s':0},'vms':[" VM("v1", "h0", IDLE) "]",
	              "{'do':'link','host':'h0','nic_mbit_s':0},{'do':'live-migrate','vm':'v1','to':'h1'}");
	cr_assert_eq(simulated_verdict(&run, 1), VERDICT_FAILED);
	cr_move(&run, 0, "v1 h0>h1 live aborted");
	simulated_free(&run);
}

/* A guest that is paused writes nothing, nor does its kernel: each page goes once. */
Test(live, of_a_paused_guest_sends_each_page_once)
{
	const struct hypervisor *row = hypervisor_find("qemu-7.2");
	struct simulated run;

	simulated_run(&run, PROFILE_NOVA,
	              HOSTS "'migration':{'bandwidth_mib_s':64},'vms':[" VM(
			      "v1", "h0",
			      ",'state':'paused','dirty':{'model':'uniform','working_set_mib':900,"
			      "'rate_pages_s':500000}") "]",
	              "{'do':'live-migrate','vm':'v1','to':'h1'}");
	cr_move(&run, 0, "v1 h0>h1 live completed");
	cr_assert_float_eq(run.simulation.migrations[0].bytes[1], (262144 + row->firmware_pages) * 4104, 1);
	simulated_free(&run);
}

#define ANTI_AFFINE(profile_groups)       \
	HOSTS "'groups':[" profile_groups \
	      "],'vms':[" VM("v1", "h0", ",'group':'g'") "," VM("v2", "h1", ",'group':'g'") "]"

/* starlingx: what is on its way counts; nova: both are scheduled, a late check on the target fails the
 * second. */
Test(live, of_two_members_at_once_to_one_host)
{
	static const char cluster[] = ANTI_AFFINE("{'name':'g','policy':'anti-affinity'}");
	static const char actions[] = "{'do':'live-migrate','vm':'v1','to':'h2'},"
				      "{'do':'live-migrate','vm':'v2','to':'h2','concurrent':true}";
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX, cluster, actions);
	cr_assert_eq(simulated_verdict(&run, 0), VERDICT_DONE);
	cr_verdict(&run, 1, VERDICT_REJECTED,
	           "No valid host was found. h2 already holds 1 member(s) of strict anti-affinity group g");
	simulated_free(&run);
	simulated_run(&run, PROFILE_NOVA, cluster, actions);
	cr_assert_eq(simulated_verdict(&run, 0), VERDICT_DONE);
	cr_verdict(
		&run, 1, VERDICT_FAILED,
		"Live migration of instance v2 from h1 to h2 failed: Anti-affinity instance group policy was "
		"violated.");
	cr_move(&run, 1, "v2 h1>h2 live aborted");
	cr_assert_str_eq(simulated_host(&run, "v2"), "h1");
	cr_assert_str_eq(simulated_state(&run, "v2"), "error");
	simulated_free(&run);
	simulated_run(&run, PROFILE_NOVA,
	              ANTI_AFFINE("{'name':'g','policy':'anti-affinity','max_per_host':2}"), actions);
	cr_assert_eq(simulated_verdict(&run, 1), VERDICT_DONE);
	simulated_free(&run);
}

/* Both ends stay claimed: two anti-affine members cannot swap; two of a split affine group do. */
Test(live, of_two_members_to_each_other_s_host)
{
	static const char actions[] = "{'do':'live-migrate','vm':'v1','to':'h1'},"
				      "{'do':'live-migrate','vm':'v2','to':'h0','concurrent':true}";
	struct simulated run;

	simulated_run(&run, PROFILE_NOVA, ANTI_AFFINE("{'name':'g','policy':'anti-affinity'}"), actions);
	cr_assert_eq(simulated_verdict(&run, 0), VERDICT_REJECTED);
	cr_assert_eq(simulated_verdict(&run, 1), VERDICT_REJECTED);
	simulated_free(&run);
	simulated_run(&run, PROFILE_NOVA, ANTI_AFFINE("{'name':'g','policy':'affinity'}"), actions);
	cr_assert_str_eq(simulated_host(&run, "v1"), "h1");
	cr_assert_str_eq(simulated_host(&run, "v2"), "h0");
	simulated_free(&run);
}

/* nova below 2.68: a forced target passes no filter. */
Test(live, may_be_forced_on_nova_only)
{
	static const char actions[] =
		"{'do':'lock','host':'h2'},{'do':'live-migrate','vm':'v1','to':'h2','force':true}";
	struct simulated run;

	simulated_run(&run, PROFILE_NOVA, HOSTS "'vms':[" VM("v1", "h0", "") "]", actions);
	cr_assert_eq(simulated_verdict(&run, 1), VERDICT_DONE);
	simulated_free(&run);
	simulated_run(&run, PROFILE_STARLINGX, HOSTS "'vms':[" VM("v1", "h0", "") "]", actions);
	cr_verdict(&run, 1, VERDICT_REJECTED, "No valid host was found. h2 takes no VMs (locked, disabled)");
	simulated_free(&run);
}

Test(best_effort, alarm_is_raised_and_cleared)
{
	struct simulated run;
	const struct alarm *alarms;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'groups':[{'name':'g','policy':'affinity','best_effort':true}],'vms':[" VM(
			      "v1", "h0", ",'group':'g'") "," VM("v2", "h0", ",'group':'g'") "]",
	              "{'do':'live-migrate','vm':'v1','to':'h1'},{'do':'live-migrate','vm':'v2'}");
	alarms = run.simulation.alarms;
	cr_assert_eq(run.simulation.alarm_count, 1);
	cr_assert_str_eq(alarms[0].severity, "minor");
	cr_assert_str_eq(alarms[0].subject, "g");
	cr_assert_str_eq(alarms[0].text,
	                 "Server group g affinity-best-effort policy was not satisfied, some instances "
	                 "are not on the same host");
	cr_assert(alarms[0].raised_ns > 0 && alarms[0].cleared_ns > alarms[0].raised_ns);
	cr_move(&run, 1, "v2 h0>h1 live completed");
	simulated_free(&run);
}

Test(cold, stops_copies_and_starts)
{
	struct simulated run;
	const struct migration_summary *move;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", ",'state':'stopped'") "]",
	              "{'do':'cold-migrate','vm':'v1'},{'do':'cold-migrate','vm':'v2','to':'h2'}");
	move = &run.simulation.migrations[0];
	cr_move(&run, 0, "v1 h0>h1 cold completed");
	cr_assert_eq(move->duration_s[1], GUEST_STOP_S + GUEST_START_S);
	cr_assert_eq(move->downtime_ms[1], 1000 * (GUEST_STOP_S + GUEST_START_S));
	cr_move(&run, 1, "v2 h0>h2 cold completed");
	cr_assert_eq(run.simulation.migrations[1].duration_s[1], 0);
	cr_assert_str_eq(simulated_state(&run, "v2"), "stopped");
	simulated_free(&run);
}

Test(cold, is_refused_to_strictly_affine_and_paused)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'groups':[{'name':'g','policy':'affinity'}],'vms':[" VM(
			      "v1", "h0", ",'group':'g'") "," VM("v2", "h0", ",'state':'paused'") "]",
	              "{'do':'cold-migrate','vm':'v1'},{'do':'cold-migrate','vm':'v2'}");
	cr_verdict(&run, 0, VERDICT_REJECTED,
	           "No valid host was found. There are not enough hosts available.");
	cr_verdict(&run, 1, VERDICT_REJECTED, "Cannot 'migrate' instance v2 while it is in vm_state paused");
	cr_move(&run, 0, "v1 h0> cold rejected");
	simulated_free(&run);
}

Test(evacuate, only_from_a_host_that_is_down)
{
	struct simulated run;

	simulated_run(
		&run, PROFILE_NOVA,
		"'hosts':[{'name':'h0','cpus':8,'memory_mib':8192,'operational':'disabled','availability':"
		"'offline'},{'name':'h1','cpus':8,'memory_mib':8192}],"
		"'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],"
		"'groups':[{'name':'g','policy':'affinity'}],'vms':[" VM("v1", "h0", "") "," VM(
			"v2", "h1", "") "," VM("v3", "h0", ",'group':'g'") "]",
		"{'do':'evacuate','vm':'v1'},{'do':'evacuate','vm':'v2'},{'do':'evacuate','vm':'v3'},"
		"{'do':'live-migrate','vm':'v3'}");
	cr_verdict(&run, 0, VERDICT_DONE, "");
	cr_assert_str_eq(simulated_host(&run, "v1"), "h1");
	cr_verdict(&run, 1, VERDICT_REJECTED, "Compute service of h1 is still in use.");
	cr_verdict(&run, 2, VERDICT_REJECTED,
	           "No valid host was found. There are not enough hosts available.");
	cr_verdict(&run, 3, VERDICT_REJECTED, "the source host h0 is down (offline)");
	simulated_free(&run);
}

Test(resize, may_stay_on_its_host)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX, HOSTS "'vms':[" VM("v1", "h0", "") "," VM("w", "h0", "") "]",
	              "{'do':'resize','vm':'v1','flavor':'l'},{'do':'resize','vm':'v1','flavor':'l'},"
	              "{'do':'resize','vm':'w','flavor':'l'}");
	cr_verdict(&run, 0, VERDICT_DONE, "");
	cr_assert_str_eq(simulated_host(&run, "v1"), "h0");
	cr_verdict(&run, 1, VERDICT_REJECTED, "When resizing, instances must change flavor!");
	cr_verdict(&run, 2, VERDICT_DONE, "");
	cr_assert_str_eq(simulated_host(&run, "w"), "h1");
	cr_move(&run, 0, "w h0>h1 cold completed");
	simulated_free(&run);
}

Test(boot, counts_launched_and_building_members)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'groups':[{'name':'g','policy':'anti-affinity','size':3}],'vms':[" VM(
			      "v1", "h0", ",'group':'g'") "]",
	              "{'do':'boot','name':'n','flavor':'m','group':'g','max_count':4},"
	              "{'do':'boot','name':'o','flavor':'m','group':'g','concurrent':true},"
	              "{'do':'boot','name':'p','flavor':'l','min_count':4,'max_count':9}");
	cr_verdict(&run, 0, VERDICT_DONE, "2 of 4 instances fit.");
	cr_assert_str_eq(simulated_host(&run, "n-1"), "h1");
	cr_assert_str_eq(simulated_host(&run, "n-2"), "h2");
	cr_assert_str_eq(simulated_state(&run, "n-3"), "");
	cr_verdict(&run, 1, VERDICT_REJECTED, "Quota exceeded, too many servers in group g");
	cr_verdict(&run, 2, VERDICT_REJECTED,
	           "No valid host was found. There are not enough hosts available.");
	simulated_free(&run);
}

Test(changes, go_from_state_to_state)
{
	struct simulated run;

	simulated_run(&run, PROFILE_NOVA, HOSTS "'vms':[" VM("v1", "h0", "") "]",
	              "{'do':'stop','vm':'v1'},{'do':'stop','vm':'v1'},{'do':'start','vm':'v1'},"
	              "{'do':'pause','vm':'v1'},{'do':'suspend','vm':'v1'},{'do':'resume','vm':'v1'},"
	              "{'do':'suspend','vm':'v1'},{'do':'resume','vm':'v1'},{'do':'delete','vm':'v1'},"
	              "{'do':'start','vm':'v1'}");
	cr_verdict(&run, 0, VERDICT_DONE, "");
	cr_verdict(&run, 1, VERDICT_REJECTED, "Cannot 'stop' instance v1 while it is in vm_state stopped");
	cr_verdict(&run, 2, VERDICT_DONE, "");
	cr_verdict(&run, 3, VERDICT_DONE, "");
	cr_verdict(&run, 4, VERDICT_REJECTED, "Cannot 'suspend' instance v1 while it is in vm_state paused");
	for (uint32_t i = 5; i < 9; i++)
		cr_verdict(&run, i, VERDICT_DONE, "");
	cr_verdict(&run, 9, VERDICT_REJECTED, "Instance v1 could not be found.");
	cr_assert_str_eq(simulated_state(&run, "v1"), "");
	simulated_free(&run);
}

Test(set_group, refuses_what_the_platform_refuses)
{
	struct simulated run;

	simulated_run(
		&run, PROFILE_NOVA,
		HOSTS "'groups':[{'name':'g','policy':'affinity'}],'vms':[" VM(
			"v1", "h0", ",'group':'g'") "," VM("v2", "h0", ",'group':'g'") "]",
		"{'do':'set-group','group':'g','max_per_host':2},{'do':'set-group','group':'g','size':1},"
		"{'do':'set-group','group':'g','policy':'anti-affinity','best_effort':true,'size':2},"
		"{'do':'live-migrate','vm':'v1'},{'do':'set-group','group':'g','policy':'soft-affinity'}");
	cr_verdict(&run, 0, VERDICT_REJECTED, "Only anti-affinity policy supports rules.");
	cr_verdict(&run, 1, VERDICT_REJECTED, "Group size 1 is below the 2 members that are present.");
	cr_verdict(&run, 2, VERDICT_DONE, "");
	cr_assert_eq(run.simulation.alarm_count, 1);
	cr_assert(run.simulation.alarms[0].cleared_ns > 0);
	cr_assert_eq(simulated_verdict(&run, 3), VERDICT_DONE);
	cr_verdict(&run, 4, VERDICT_DONE, "");
	simulated_free(&run);
}

Test(add_host, is_a_target_from_then_on)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              "'hosts':[{'name':'h0','cpus':8,'memory_mib':8192}],"
	              "'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],'vms':[" VM("v1", "h0", "") "]",
	              "{'do':'live-migrate','vm':'v1','to':'h1'},"
	              "{'do':'add-host','at_s':1,'host':{'name':'h1','cpus':8,'memory_mib':8192}},"
	              "{'do':'live-migrate','vm':'v1','at_s':1}");
	cr_assert_eq(simulated_verdict(&run, 0), VERDICT_REJECTED);
	cr_verdict(&run, 1, VERDICT_DONE, "");
	cr_move(&run, 1, "v1 h0>h1 live completed");
	simulated_free(&run);
}

/* Each starts when the one before has ended, unless it is concurrent. */
Test(order, of_actions_is_theirs)
{
	struct simulated run;
	const struct action_summary *actions;

	simulated_run(
		&run, PROFILE_STARLINGX, HOSTS "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", "") "]",
		"{'do':'stop','vm':'v1'},{'do':'stop','vm':'v2'},"
		"{'do':'pause','vm':'v1','at_s':2,'concurrent':true},{'do':'start','vm':'v2','at_s':20}");
	actions = run.simulation.actions;
	cr_assert(actions[0].start_s == 0 && actions[0].end_s == GUEST_STOP_S);
	cr_assert(actions[1].start_s == GUEST_STOP_S && actions[1].end_s == 2 * GUEST_STOP_S);
	cr_assert_eq(actions[2].start_s, 2);
	cr_assert_eq(actions[3].start_s, 20);
	simulated_free(&run);
}
