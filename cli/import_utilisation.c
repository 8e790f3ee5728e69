/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/import.h"
#include "system/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_report(const struct utilisation_report *report)
{
	fprintf(stderr, "lockkeeper: note: %u VMs have a load profile now, %u different ones\n",
	        report->known, report->profiles);
	if (report->untraced)
		fprintf(stderr,
		        "lockkeeper: note: %u VMs are not in the trace: their load is the same at any hour\n",
		        report->untraced);
	if (report->gaps)
		fprintf(stderr,
		        "lockkeeper: note: %u VMs were not seen in every hour: the mean stands there\n",
		        report->gaps);
	if (report->unknown)
		fprintf(stderr, "lockkeeper: warning: %u VMs of the trace are not in the cluster, e.g. %s\n",
		        report->unknown, report->first_unknown);
}

/* The trace is about a cluster that can be read as it is. */
static int check_cluster(const struct json_doc *doc, struct error *error)
{
	struct cluster cluster;
	int result = cluster_read(&cluster, doc, PROFILE_COUNT, error);

	if (!result)
		cluster_free(&cluster);
	return result;
}

int import_utilisation(const struct import_options *options, struct error *error)
{
	const char *name = strcmp(options->sources[0], "-") ? options->sources[0] : "<stdin>";
	struct utilisation_report report;
	struct utilisation *utilisation;
	struct json_doc *doc;
	json_t *cluster;
	size_t length;
	char *text;
	int result = file_read_json(options->cluster, &doc, error);

	if (result)
		return result;
	result = check_cluster(doc, error);
	if (!result)
		result = file_read(options->sources[0], &text, &length, error);
	if (!result) {
		result = utilisation_read(&utilisation, text, length, name, &options->columns,
		                          options->utc_offset_h, error);
		free(text);
	}
	if (!result) {
		cluster = utilisation_cluster(utilisation, json_doc_root(doc), &report);
		if (options->name)
			json_put(cluster, "name", json_text_new(options->name));
		print_report(&report);
		utilisation_free(utilisation);
		result = import_write(options, cluster, error);
	}
	json_doc_free(doc);
	return result;
}
