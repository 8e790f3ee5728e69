/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/runs_parts.h"

#include "core/arena.h"
#include "system/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define RUN_SCHEMA "lockkeeper.run/1"

void run_path(const struct run *run, const char *name, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s/%s/%s", run->runs->folder, run->id, name);
}

json_t *run_json(const struct run *run)
{
	const struct cluster *cluster = &run->runs->site->cluster;
	json_t *value = json_object_new();

	json_add_text(value, "schema", RUN_SCHEMA);
	json_add_text(value, "id", run->id);
	json_add_text(value, "kind", run_kind_words[run->kind]);
	json_add_text(value, "state", run_state_words[run->state]);
	json_add_text(value, "why", run->why[0] ? run->why : NULL);
	json_add_text(value, "host", run->host == NONE ? NULL : cluster->hosts[run->host].name);
	json_add_text(value, "vm", run->vm == NONE ? NULL : cluster->vms[run->vm].name);
	json_add_text(value, "to", run->to == NONE ? NULL : cluster->hosts[run->to].name);
	json_add_text(value, "user", run->user);
	json_add_text(value, "approved_by", run->approved_by[0] ? run->approved_by : NULL);
	json_add_number(value, "approvals", run->approvals);
	json_add_bool(value, "signed", run->is_signed);
	json_add_number(value, "created_unix_s", (double)run->created_s);
	json_add_number(value, "ended_unix_s", (double)run->ended_s);
	json_add_number(value, "revision", (double)run->revision);
	json_add_bool(value, "cancelled", run->cancelled);
	json_add_number(value, "moves", run->move_count);
	json_add_number(value, "moves_done", run->moves_done);
	return value;
}

void run_save(struct run *run)
{
	json_t *value = run_json(run);
	char path[PATH_MAX], *text;
	struct error error;
	size_t length;

	text = json_print(value, true, &length);
	json_free(value);
	run_path(run, "run.json", path);
	if (file_write(path, text, length, true, &error))
		fprintf(stderr, "lockkeeper: warning: %s\n", error.text);
	free(text);
}

struct json_doc *run_document(const struct run *run, const char *name)
{
	char path[PATH_MAX];
	struct json_doc *doc;
	struct error error;

	run_path(run, name, path);
	return access(path, F_OK) || file_read_json(path, &doc, &error) ? NULL : doc;
}

/* Empty where there is none. */
static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_member_text(object, name);

	return text ? text : "";
}

static uint8_t word_of(const json_t *object, const char *name, const char *const *words, uint8_t otherwise)
{
	for (uint8_t i = 0; words[i]; i++) {
		if (!strcmp(words[i], text_of(object, name)))
			return i;
	}
	return otherwise;
}

static void copy_text(char *into, size_t room, const json_t *object, const char *name)
{
	snprintf(into, room, "%s", text_of(object, name));
}

struct run *run_load(struct runs *runs, const char *id)
{
	const struct cluster *cluster = &runs->site->cluster;
	struct run *run = MEMORY_ARRAY(struct run, 1);
	const json_t *root;
	struct json_doc *doc;

	run->runs = runs;
	snprintf(run->id, sizeof(run->id), "%s", id);
	doc = run_document(run, "run.json");
	root = doc ? json_doc_root(doc) : NULL;
	if (!root || strcmp(text_of(root, "schema"), RUN_SCHEMA) || strcmp(text_of(root, "id"), id)) {
		json_doc_free(doc);
		free(run);
		return NULL;
	}
	run->kind = word_of(root, "kind", run_kind_words, RUN_UNLOCK);
	run->state = word_of(root, "state", run_state_words, RUN_FAILED);
	copy_text(run->why, sizeof(run->why), root, "why");
	copy_text(run->user, sizeof(run->user), root, "user");
	copy_text(run->approved_by, sizeof(run->approved_by), root, "approved_by");
	/* Names of another cluster are nobody's. */
	run->host = cluster_host(cluster, text_of(root, "host"));
	run->vm = cluster_vm(cluster, text_of(root, "vm"));
	run->to = cluster_host(cluster, text_of(root, "to"));
	run->approvals = (uint32_t)json_member_number(root, "approvals");
	run->created_s = (int64_t)json_member_number(root, "created_unix_s");
	run->ended_s = (int64_t)json_member_number(root, "ended_unix_s");
	run->revision = (uint64_t)json_member_number(root, "revision");
	run->is_signed = json_member_bool(root, "signed");
	run->cancelled = json_member_bool(root, "cancelled");
	json_doc_free(doc);
	return run;
}

int run_take_life(const struct run *run)
{
	char path[PATH_MAX];
	int file;

	run_path(run, "alive", path);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file >= 0 && flock(file, LOCK_EX | LOCK_NB)) {
		close(file);
		file = -1;
	}
	return file;
}

void run_free(struct run *run)
{
	for (uint32_t i = 0; i < run->move_count; i++)
		free(run->moves[i].text);
	free(run->moves);
	free(run);
}
