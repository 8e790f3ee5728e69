/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lockkeeper-verify: proves or refutes a plan or a certificate (docs/proofs.md). */
#include "verifier/verify.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	const char *cluster, *plan, *certificate;
	int profile;
	bool json, csv;
};

static const struct argp_option option_table[] = {
	{ "certificate", 'c', "CHECK", 0,
	  "verify what `check` or `plan` wrote with --output json: each certificate, and each plan", 0 },
	{ "output", 'o', "FORMAT", 0, "table, json or csv (= table)", 0 },
	{ "profile", 'p', "PROFILE", 0, "titanium, starlingx or nova, instead of the file's", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'c':
		options->certificate = argument;
		return 0;
	case 'o':
		options->json = !strcmp(argument, "json");
		options->csv = !strcmp(argument, "csv");
		if (!options->json && !options->csv && strcmp(argument, "table"))
			argp_error(state, "--output %s: expected table, json or csv", argument);
		return 0;
	case 'p':
		options->profile = word_index(profile_names, argument);
		if (options->profile < 0)
			argp_error(state, "--profile %s: expected titanium, starlingx or nova", argument);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			return ARGP_ERR_UNKNOWN;
		*(state->arg_num ? &options->plan : &options->cluster) = argument;
		return 0;
	case ARGP_KEY_END:
		if (!options->cluster || !options->plan == !options->certificate)
			argp_error(state, "expected CLUSTER and either PLAN or --certificate CHECK");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	option_table,
	parse,
	"CLUSTER PLAN\nCLUSTER --certificate CHECK",
	"Proves or refutes a plan, or the reasons why there is none, by code of its own.\v"
	"Exits with 0 when proven, 2 when violated, 6 when it cannot tell, 1 when a file is wrong.\n\n"
	"Example:\n  lockkeeper plan scenarios/clusters/make-room.json --lock compute-0 -o plan.json\n"
	"  lockkeeper-verify scenarios/clusters/make-room.json plan.json",
	NULL,
	NULL,
	NULL,
};

static const char *const verdicts[] = { "proven", "unknown", "violated" };

struct finding *report(struct report *report, enum verdict verdict, const char *rule, const cJSON *move,
                       const char *host, const char *vm, const char *why)
{
	report->verdict = verdict > report->verdict ? verdict : report->verdict;
	if (report->finding_count == 100)
		return NULL;
	report->findings = report->findings ? report->findings : calloc(100, sizeof(report->findings[0]));
	report->findings[report->finding_count] = (struct finding){ rule, host, vm, why, move, NULL };
	return &report->findings[report->finding_count++];
}

static void print_json(const struct report *report)
{
	cJSON *root = cJSON_CreateObject(), *findings, *checked;

	cJSON_AddStringToObject(root, "schema", "lockkeeper.verdict/1");
	cJSON_AddStringToObject(root, "verdict", verdicts[report->verdict]);
	findings = cJSON_AddArrayToObject(root, "findings");
	for (uint32_t i = 0; i < report->finding_count; i++) {
		const struct finding *finding = &report->findings[i];
		cJSON *entry = cJSON_CreateObject();

		cJSON_AddStringToObject(entry, "rule", finding->rule);
		cJSON_AddItemToObject(entry, "move",
		                      finding->move ? cJSON_Duplicate(finding->move, true)
		                                    : cJSON_CreateNull());
		cJSON_AddItemToObject(entry, "host",
		                      finding->host ? cJSON_CreateString(finding->host) : cJSON_CreateNull());
		cJSON_AddItemToObject(entry, "vm",
		                      finding->vm ? cJSON_CreateString(finding->vm) : cJSON_CreateNull());
		cJSON_AddStringToObject(entry, "why", finding->why);
		if (finding->events)
			cJSON_AddItemToObject(entry, "events", finding->events);
		cJSON_AddItemToArray(findings, entry);
	}
	checked = cJSON_AddObjectToObject(root, "checked");
	cJSON_AddNumberToObject(checked, "plans", report->plans);
	cJSON_AddNumberToObject(checked, "moves", report->moves);
	cJSON_AddNumberToObject(checked, "certificates", report->certificates);
	cJSON_AddNumberToObject(checked, "facts", (double)report->facts);
	puts(cJSON_Print(root));
}

static void print_text(const struct report *report, bool csv)
{
	const cJSON *event;

	if (csv)
		puts("verdict,rule,move,host,vm,why");
	else
		printf("%s: %u plan(s) with %u move(s), %u certificate(s) with %llu fact(s)\n",
		       verdicts[report->verdict], report->plans, report->moves, report->certificates,
		       (unsigned long long)report->facts);
	if (csv && report->finding_count == 0)
		printf("%s,,,,,\n", verdicts[report->verdict]);
	for (uint32_t i = 0; i < report->finding_count; i++) {
		const struct finding *finding = &report->findings[i];
		const char *move = finding->move ? cJSON_PrintUnformatted(finding->move) : "";

		if (csv) {
			printf("%s,%s,%s,%s,%s,\"%s\"\n", verdicts[report->verdict], finding->rule, move,
			       finding->host ? finding->host : "", finding->vm ? finding->vm : "",
			       finding->why);
			continue;
		}
		printf("  %s%s%s%s%s%s%s: %s\n", finding->rule, *move ? ", move " : "", move,
		       finding->vm ? ", VM " : "", finding->vm ? finding->vm : "",
		       finding->host ? ", host " : "", finding->host ? finding->host : "", finding->why);
		cJSON_ArrayForEach(event, finding->events)
		{
			printf("    %s\n", event->valuestring);
		}
	}
}

/* All that a result of `check` claims: a plan for each host that can be locked, a certificate for the others.
 */
static void verify_check(const struct cluster *cluster, const cJSON *root, struct report *report)
{
	const cJSON *host, *hosts = array_of(root, "hosts", true);

	cJSON_ArrayForEach(host, hosts)
	{
		const cJSON *planned = member(host, "planned"), *plan = member(planned, "plan");
		const char *verdict = text_of(planned, "verdict", NULL);

		if (plan)
			verify_plan(cluster, plan, report);
		if (!strcmp(verdict, "not-lockable"))
			verify_certificate(cluster, member(planned, "certificate"), report);
	}
}

int main(int argc, char **argv)
{
	static const int codes[] = { 0, 6, 2 };
	struct options options = { .profile = -1 };
	struct report report = { 0 };
	struct cluster cluster;
	const cJSON *root;

	argp_err_exit_status = 1;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	read_cluster(&cluster, read_json(options.cluster), options.profile);
	root = read_json(options.plan ? options.plan : options.certificate);
	if (options.plan)
		verify_plan(&cluster, root, &report);
	else if (member(root, "hosts"))
		verify_check(&cluster, root, &report);
	else
		verify_certificate(&cluster, root, &report);
	if (options.json)
		print_json(&report);
	else
		print_text(&report, options.csv);
	if (fflush(stdout) || ferror(stdout))
		fail("standard output: %m");
	return codes[report.verdict];
}
