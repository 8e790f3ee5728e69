/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/whatifs.h"

#include "core/arena.h"
#include "core/edit.h"
#include "system/files.h"
#include "web/lists.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So many are kept; of a large cluster one. Edits of one, at the most. */
enum { KEPT = 4, LARGE_VMS = 50000, EDITS_MOST = 500, ID_ROOM = 24 };

struct whatif {
	char id[ID_ROOM];
	struct site site;
	struct board *board;
	uint32_t users; /* requests that look at it */
};

struct whatifs {
	const struct web_options *options;
	struct site *site;
	struct runs *runs;
	struct news *news;
	char folder[PATH_MAX / 4];
	pthread_mutex_t lock, beginning;
	struct whatif *all[KEPT]; /* the newest first; NULL: none */
	uint64_t count;
};

struct whatifs *whatifs_create(const struct web_options *options, struct site *site, struct runs *runs,
                               struct news *news)
{
	struct whatifs *whatifs = MEMORY_ARRAY(struct whatifs, 1);

	whatifs->options = options;
	whatifs->site = site;
	whatifs->runs = runs;
	whatifs->news = news;
	snprintf(whatifs->folder, sizeof(whatifs->folder), "%s/what-if", options->state_folder);
	pthread_mutex_init(&whatifs->lock, NULL);
	pthread_mutex_init(&whatifs->beginning, NULL);
	return whatifs;
}

static void remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		closedir(folder);
	rmdir(path);
}

static void forget(struct whatif *whatif)
{
	board_end(whatif->board);
	board_close(whatif->board);
	remove_folder(whatif->site.folder);
	site_close(&whatif->site);
	free(whatif);
}

void whatifs_end(struct whatifs *whatifs)
{
	for (uint32_t i = 0; i < KEPT; i++) {
		if (whatifs->all[i])
			board_end(whatifs->all[i]->board);
	}
}

void whatifs_free(struct whatifs *whatifs)
{
	if (!whatifs)
		return;
	for (uint32_t i = 0; i < KEPT; i++) {
		if (whatifs->all[i])
			forget(whatifs->all[i]);
	}
	pthread_mutex_destroy(&whatifs->lock);
	pthread_mutex_destroy(&whatifs->beginning);
	free(whatifs);
}

/* ------------------------------------------------------------------ beginning one */

static int apply_edit(json_t *root, const json_t *value, uint32_t *changed, struct error *error)
{
	const json_t *path = json_get(value, "path"), *set = json_get(value, "value");
	const json_t *scale = json_get(value, "scale");
	struct edit edit = { .how = set ? EDIT_SET : EDIT_SCALE, .value = set ? set : scale };
	uint32_t count;
	int result;

	if (!path || json_type(path) != JSON_TEXT || !edit.value || strncmp(json_text(path), "cluster.", 8))
		return error_set(error, ERROR_INPUT,
		                 "edits: expected {\"path\": \"cluster.…\", \"value\" or \"scale\"}");
	if (!set && json_type(scale) != JSON_NUMBER)
		return error_set(error, ERROR_INPUT, "%s: scale: expected a number", json_text(path));
	edit.path = json_text(path);
	result = edit_apply(root, &edit, &count, error);
	*changed += result ? 0 : count;
	return result;
}

/* The cluster as the site's file has it, with the edits. */
static int edited(const struct whatifs *whatifs, const json_t *edits, json_t **ret_root, uint32_t *changed,
                  struct error *error)
{
	struct json_doc *doc;
	json_t *root;
	int result = file_read_json(whatifs->site->path, &doc, error);

	if (result)
		return result;
	root = json_object_new();
	json_add(root, "cluster", json_copy(json_doc_root(doc)));
	json_doc_free(doc);
	for (const json_t *at = json_first(edits); at && !result; at = json_next(at))
		result = apply_edit(root, at, changed, error);
	if (result)
		json_free(root);
	else
		*ret_root = root;
	return result;
}

/* Its folder with the cluster in it, as a site of its own. */
static int settle(struct whatifs *whatifs, struct whatif *whatif, const json_t *cluster, struct error *error)
{
	char folder[PATH_MAX / 2], path[PATH_MAX], *text;
	size_t length;
	bool began;
	int result;

	snprintf(folder, sizeof(folder), "%s/%s", whatifs->folder, whatif->id);
	snprintf(path, sizeof(path), "%s/edited.json", folder);
	remove_folder(folder); /* an earlier server's */
	result = folder_make(folder, error);
	text = json_print(cluster, false, &length);
	if (!result)
		result = file_write(path, text, length, true, error);
	free(text);
	if (!result)
		result = site_open(&whatif->site, path, folder, whatifs->options->profile, &began, error);
	return result;
}

static uint32_t kept_most(const struct whatifs *whatifs)
{
	return whatifs->site->cluster.vm_count > LARGE_VMS ? 1 : KEPT;
}

/* The oldest one that nobody looks at makes room. false: there is none. */
static bool make_room(struct whatifs *whatifs)
{
	uint32_t last = kept_most(whatifs) - 1;
	struct whatif *oldest;

	pthread_mutex_lock(&whatifs->lock);
	oldest = whatifs->all[last];
	if (oldest && oldest->users > 0) {
		pthread_mutex_unlock(&whatifs->lock);
		return false;
	}
	memmove(whatifs->all + 1, whatifs->all, last * sizeof(struct whatif *));
	whatifs->all[0] = NULL;
	pthread_mutex_unlock(&whatifs->lock);
	if (oldest)
		forget(oldest);
	return true;
}

static void begin(struct whatifs *whatifs, const json_t *edits, struct http_reply *reply)
{
	struct whatif *whatif = MEMORY_ARRAY(struct whatif, 1);
	uint32_t changed = 0;
	struct error error;
	json_t *root, *value;
	int result = edited(whatifs, edits, &root, &changed, &error);

	if (!result) {
		snprintf(whatif->id, sizeof(whatif->id), "%llu", (unsigned long long)++whatifs->count);
		result = settle(whatifs, whatif, json_get(root, "cluster"), &error);
		json_free(root);
	}
	if (result) {
		free(whatif);
		reply_error(reply, HTTP_BAD, "%s", error.text);
		return;
	}
	whatif->board = board_open(whatifs->options, &whatif->site, whatifs->news, "what-if", whatif->id);
	pthread_mutex_lock(&whatifs->lock);
	whatifs->all[0] = whatif;
	pthread_mutex_unlock(&whatifs->lock);
	value = json_object_new();
	json_add_text(value, "id", whatif->id);
	json_add_number(value, "changed", changed);
	reply_json(reply, HTTP_OK, value);
}

void whatifs_begin(struct whatifs *whatifs, const struct http_request *request, struct http_reply *ret_reply)
{
	const json_t *edits = json_get(request->body, "edits");

	if (!edits || json_type(edits) != JSON_ARRAY || json_count(edits) == 0 ||
	    json_count(edits) > EDITS_MOST) {
		reply_error(ret_reply, HTTP_BAD, "edits: expected an array of 1 to %d", EDITS_MOST);
		return;
	}
	pthread_mutex_lock(&whatifs->beginning);
	if (make_room(whatifs))
		begin(whatifs, edits, ret_reply);
	else
		reply_error(ret_reply, HTTP_BUSY, "another what-if is being looked at: try again");
	pthread_mutex_unlock(&whatifs->beginning);
}

/* ------------------------------------------------------------------ looking at one */

/* It is not forgotten before let_go. */
static struct whatif *take(struct whatifs *whatifs, const struct http_request *request,
                           struct http_reply *reply)
{
	const char *id = request_text(request, "id");
	struct whatif *found = NULL;

	pthread_mutex_lock(&whatifs->lock);
	for (uint32_t i = 0; i < KEPT && id; i++) {
		if (whatifs->all[i] && !strcmp(whatifs->all[i]->id, id))
			found = whatifs->all[i];
	}
	if (found)
		found->users++;
	pthread_mutex_unlock(&whatifs->lock);
	if (!found)
		reply_error(reply, HTTP_NOT_FOUND, "there is no such what-if any more");
	return found;
}

static void let_go(struct whatifs *whatifs, struct whatif *whatif)
{
	pthread_mutex_lock(&whatifs->lock);
	whatif->users--;
	pthread_mutex_unlock(&whatifs->lock);
}

void whatifs_hosts(struct whatifs *whatifs, const struct http_request *request, struct http_reply *ret_reply)
{
	struct whatif *whatif = take(whatifs, request, ret_reply);

	if (!whatif)
		return;
	list_hosts(&whatif->site, whatif->board, whatifs->runs, request, ret_reply);
	let_go(whatifs, whatif);
}

void whatifs_check(struct whatifs *whatifs, struct http_request *request, struct http_reply *ret_reply)
{
	struct whatif *whatif = take(whatifs, request, ret_reply);
	const char *name = request_text(request, "host");
	uint32_t host;

	if (!whatif)
		return;
	host = name ? cluster_host(&whatif->site.cluster, name) : NONE;
	if (host == NONE)
		reply_error(ret_reply, HTTP_NOT_FOUND, "there is no such host");
	else
		board_answer(whatif->board, host, request, ret_reply);
	let_go(whatifs, whatif);
}

void whatifs_scenario(struct whatifs *whatifs, const struct http_request *request,
                      struct http_reply *ret_reply)
{
	struct whatif *whatif = take(whatifs, request, ret_reply);
	const char *host = request_text(request, "host");
	json_t *value, *actions, *action;
	struct json_doc *doc;
	struct error error;

	if (!whatif)
		return;
	if (file_read_json(whatif->site.path, &doc, &error)) {
		reply_error(ret_reply, HTTP_WRONG, "%s", error.text);
		let_go(whatifs, whatif);
		return;
	}
	value = json_object_new();
	json_add_text(value, "schema", "lockkeeper.scenario/1");
	json_add(value, "cluster", json_copy(json_doc_root(doc)));
	json_add_number(value, "seed", (double)whatifs->options->seed);
	actions = json_add(value, "actions", json_array_new());
	if (host && cluster_host(&whatif->site.cluster, host) != NONE) {
		action = json_push(actions, json_object_new());
		json_add_text(action, "do", "lock");
		json_add_text(action, "host", host);
	}
	json_doc_free(doc);
	let_go(whatifs, whatif);
	ret_reply->status = HTTP_OK;
	ret_reply->type = "application/json";
	ret_reply->bytes = json_print(value, true, &ret_reply->length);
	ret_reply->file = "what-if.json";
	json_free(value);
}
