/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/import.h"
#include "real-driver/export.h"
#include "real-driver/hosts.h"
#include "system/files.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* So long a host may take to answer. */
static const double connect_s = 20;

/* One host's share of the work, in a thread of its own. */
struct share {
	const struct import_options *options;
	const struct inventory_notes *notes;
	virConnectPtr connection;
	const char *uri;
	struct arena arena;
	struct inventory_host host;
	struct error error;
	int result;
	bool threaded;
	pthread_t thread;
};

static void print_note(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "lockkeeper: note: %s\n", text);
}

static void *read_share(void *argument)
{
	struct share *share = argument;
	const struct import_options *options = share->options;
	struct shared_paths shared = { options->shared, options->shared_count };

	share->result = inventory_read(&libvirt_calls_real, share->connection, share->uri, &shared,
	                               share->notes, &share->arena, &share->host, &share->error);
	if (!share->result && options->period_count)
		inventory_measure_dirty(&libvirt_calls_real, share->connection, options->periods_s,
		                        options->period_count, share->notes, &share->arena, &share->host);
	return NULL;
}

/* Measuring takes its time on every host: all at once. Notes keep the hosts' order only without it. */
static int read_shares(struct share *shares, uint32_t count, struct error *error)
{
	int result = 0;

	for (uint32_t i = 0; i < count; i++) {
		shares[i].threaded = shares[i].options->period_count > 0 &&
		                     pthread_create(&shares[i].thread, NULL, read_share, &shares[i]) == 0;
		if (!shares[i].threaded)
			read_share(&shares[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (shares[i].threaded)
			pthread_join(shares[i].thread, NULL);
		if (shares[i].result && !result) {
			result = shares[i].result;
			*error = shares[i].error;
		}
	}
	return result;
}

static int connect_shares(struct hosts *hosts, struct share *shares, uint32_t count, struct error *error)
{
	char why[400];

	hosts_settle(hosts, connect_s);
	for (uint32_t i = 0; i < count; i++) {
		shares[i].connection = hosts_take(hosts, i, 0, why, sizeof(why));
		if (!shares[i].connection)
			return error_set(error, ERROR_IO, "%s", why);
	}
	return 0;
}

static int make_cluster(const struct import_options *options, const struct share *shares, uint32_t count,
                        const struct inventory_notes *notes, struct error *error)
{
	struct inventory_host *hosts = MEMORY_ARRAY(struct inventory_host, count);
	struct json_doc *groups = NULL;
	json_t *cluster;
	int result = 0;

	for (uint32_t i = 0; i < count; i++)
		hosts[i] = shares[i].host;
	if (options->groups)
		result = file_read_json(options->groups, &groups, error);
	if (!result)
		result = export_cluster(
			hosts, count,
			&(struct export_options){ .name = options->name,
		                                  .profile = options->common.profile < PROFILE_COUNT
		                                                     ? profile_words[options->common.profile]
		                                                     : NULL,
		                                  .groups = groups },
			notes, &cluster, error);
	if (!result) {
		print_note(NULL, "zones, the speed of links, and what hosts need themselves (reserved) are "
		                 "not libvirt's to tell");
		if (!options->period_count)
			print_note(NULL, "how guests dirty memory is assumed; --measure-dirty measures it");
		result = import_write(options, cluster, error);
	}
	if (groups)
		json_doc_free(groups);
	free(hosts);
	return result;
}

int import_libvirt(const struct import_options *options, struct error *error)
{
	struct inventory_notes notes = { NULL, print_note };
	uint32_t count = options->source_count;
	struct share *shares = MEMORY_ARRAY(struct share, count);
	struct hosts *hosts = hosts_open(&libvirt_calls_real, options->sources, count, NULL);
	int result;

	for (uint32_t i = 0; i < count; i++) {
		shares[i].options = options;
		shares[i].notes = &notes;
		shares[i].uri = options->sources[i];
	}
	result = connect_shares(hosts, shares, count, error);
	if (!result)
		result = read_shares(shares, count, error);
	if (!result)
		result = make_cluster(options, shares, count, &notes, error);
	for (uint32_t i = 0; i < count; i++) {
		if (shares[i].connection)
			libvirt_calls_real.virConnectClose(shares[i].connection);
		arena_free(&shares[i].arena);
	}
	hosts_stop(hosts);
	hosts_free(hosts);
	free(shares);
	return result;
}
