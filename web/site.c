/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* strverscmp */
#include "web/site.h"

#include "core/must.h"
#include "system/files.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITE_SCHEMA "lockkeeper.serve-state/1"

/* ------------------------------------------------------------------ names as people read them */

struct named {
	const char *name;
	uint32_t index;
};

static int compare_named(const void *a, const void *b)
{
	return strverscmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static uint32_t *order_names(struct named *named, uint32_t count)
{
	uint32_t *order = MEMORY_ARRAY(uint32_t, count);

	qsort(named, count, sizeof(*named), compare_named);
	for (uint32_t i = 0; i < count; i++)
		order[i] = named[i].index;
	free(named);
	return order;
}

static void order_all(struct site *site)
{
	const struct cluster *cluster = &site->cluster;
	struct named *hosts = MEMORY_ARRAY(struct named, cluster->host_count);
	struct named *vms = MEMORY_ARRAY(struct named, cluster->vm_count);

	for (uint32_t i = 0; i < cluster->host_count; i++)
		hosts[i] = (struct named){ cluster->hosts[i].name, i };
	for (uint32_t i = 0; i < cluster->vm_count; i++)
		vms[i] = (struct named){ cluster->vms[i].name, i };
	site->hosts_by_name = order_names(hosts, cluster->host_count);
	site->vms_by_name = order_names(vms, cluster->vm_count);
}

/* ------------------------------------------------------------------ what is kept */

static int read_cluster(const char *path, enum profile profile, struct cluster *ret_cluster,
                        struct error *error)
{
	struct json_doc *doc;
	int result = file_read_json(path, &doc, error);

	if (result)
		return result;
	result = cluster_read(ret_cluster, doc, profile, error);
	json_doc_free(doc);
	return result;
}

static void site_file(const struct site *site, const char *name, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s/%s", site->folder, name);
}

/* The digest of the file that the folder began with; empty: it has begun with none. */
static void read_base(struct site *site, char ret_digest[65])
{
	const char *base;
	struct json_doc *doc;
	struct error error;
	char path[PATH_MAX];

	ret_digest[0] = '\0';
	site_file(site, "site.json", path);
	if (access(path, F_OK) || file_read_json(path, &doc, &error))
		return;
	base = json_member_text(json_doc_root(doc), "base_digest");
	snprintf(ret_digest, 65, "%s", base ? base : "");
	site->revision = (uint64_t)json_member_number(json_doc_root(doc), "revision");
	json_doc_free(doc);
}

static int write_base(const struct site *site, const char *digest, struct error *error)
{
	json_t *value = json_object_new();
	char path[PATH_MAX], *text;
	size_t length;
	int result;

	json_add_text(value, "schema", SITE_SCHEMA);
	json_add_text(value, "base_digest", digest);
	json_add_number(value, "revision", (double)site->revision);
	text = json_print(value, true, &length);
	json_free(value);
	site_file(site, "site.json", path);
	result = file_write(path, text, length, true, error);
	free(text);
	return result;
}

/* A value of the file, on a line of its own. */
static void put_value(FILE *out, const json_t *value, const char *before)
{
	size_t length;
	char *text = json_print(value, false, &length);

	fputs(before, out);
	fwrite(text, 1, length - 1, out); /* without its newline */
	free(text);
}

static void put_vm(FILE *out, const struct site *site, const json_t *vm, uint32_t index, const char *before)
{
	uint32_t host = site->state.vm_host[index];
	json_t *now;

	if (host == site->cluster.vms[index].host &&
	    site->state.vm_state[index] == site->cluster.vms[index].state) {
		put_value(out, vm, before);
		return;
	}
	now = json_copy(vm);
	json_put(now, "host", host == NONE ? json_null_new() : json_text_new(site->cluster.hosts[host].name));
	json_put(now, "state", json_text_new(vm_state_words[site->state.vm_state[index]]));
	put_value(out, now, before);
	json_free(now);
}

static void put_host(FILE *out, const struct site *site, const json_t *host, uint32_t index,
                     const char *before)
{
	const struct host_status *status = &site->state.hosts[index];
	json_t *now;

	if (status->administrative == site->cluster.hosts[index].administrative) {
		put_value(out, host, before);
		return;
	}
	now = json_copy(host);
	json_put(now, "administrative", json_text_new(administrative_words[status->administrative]));
	json_put(now, "operational", json_text_new(operational_words[status->operational]));
	json_put(now, "availability", json_text_new(availability_words[status->availability]));
	put_value(out, now, before);
	json_free(now);
}

/* The file's document with what is different now put in place. */
static char *site_text(const struct site *site, const json_t *root, size_t *ret_length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);
	const char *before = "{\n";

	must(out);
	for (const json_t *member = json_first(root); member; member = json_next(member), before = ",\n") {
		bool vms = !strcmp(json_key(member), "vms"), hosts = !strcmp(json_key(member), "hosts");
		json_t *key = json_text_new(json_key(member));
		uint32_t index = 0;

		put_value(out, key, before);
		json_free(key);
		if (!vms && !hosts) {
			put_value(out, member, ": ");
			continue;
		}
		fputs(": [", out);
		for (const json_t *at = json_first(member); at; at = json_next(at), index++) {
			if (vms)
				put_vm(out, site, at, index, index ? ",\n" : "\n");
			else
				put_host(out, site, at, index, index ? ",\n" : "\n");
		}
		fputs("\n]", out);
	}
	fputs("\n}\n", out);
	must(!ferror(out) && !fclose(out));
	return text;
}

/* The cluster in memory is what the file says again. */
static void settle(struct site *site)
{
	for (uint32_t i = 0; i < site->cluster.vm_count; i++) {
		site->cluster.vms[i].host = site->state.vm_host[i];
		site->cluster.vms[i].state = site->state.vm_state[i];
	}
	for (uint32_t i = 0; i < site->cluster.host_count; i++) {
		site->cluster.hosts[i].administrative = site->state.hosts[i].administrative;
		site->cluster.hosts[i].operational = site->state.hosts[i].operational;
		site->cluster.hosts[i].availability = site->state.hosts[i].availability;
	}
}

/* Under `writing`. What is read and written is of this moment: nobody else changes it meanwhile. */
static int write_site(struct site *site, struct error *error)
{
	struct json_doc *doc;
	char base[65], *text;
	uint64_t revision = site->revision;
	size_t length;
	int result = file_read_json(site->path, &doc, error);

	if (result)
		return result;
	text = site_text(site, json_doc_root(doc), &length);
	json_doc_free(doc);
	result = file_write(site->path, text, length, true, error);
	free(text);
	if (result)
		return result;
	pthread_rwlock_wrlock(&site->lock);
	settle(site);
	pthread_rwlock_unlock(&site->lock);
	/* A document of a large cluster takes as much as all the rest: what it leaves is given back. */
	malloc_trim(0);
	read_base(site, base);
	site->revision = revision;
	return write_base(site, base, error);
}

/* ------------------------------------------------------------------ opening */

/* The folder's cluster is a copy of the file, in our own lines. */
static int begin(struct site *site, const char *file, const char *digest, struct error *error)
{
	struct json_doc *doc;
	char *text;
	size_t length;
	int result = file_read_json(file, &doc, error);

	if (result)
		return result;
	text = site_text(site, json_doc_root(doc), &length);
	json_doc_free(doc);
	site->revision++;
	result = file_write(site->path, text, length, true, error);
	if (!result)
		result = write_base(site, digest, error);
	free(text);
	return result;
}

int site_open(struct site *ret_site, const char *file, const char *folder, enum profile profile,
              bool *ret_began, struct error *error)
{
	struct site *site = ret_site;
	char base[65], digest[65];
	int result;

	*site = (struct site){ 0 };
	if ((size_t)snprintf(site->folder, sizeof(site->folder), "%s", folder) >= sizeof(site->folder))
		return error_set(error, ERROR_INPUT, "%.100s…: the path is too long", folder);
	site_file(site, "cluster.json", site->path);
	result = folder_make(folder, error);
	if (!result)
		result = read_cluster(file, profile, &site->cluster, error);
	if (result)
		return result;
	memcpy(digest, site->cluster.digest, sizeof(digest));
	read_base(site, base);
	*ret_began = strcmp(base, digest) != 0 || access(site->path, F_OK);
	if (!*ret_began) {
		cluster_free(&site->cluster);
		result = read_cluster(site->path, profile, &site->cluster, error);
		if (result)
			return result;
	}
	state_create(&site->state, &site->cluster);
	if (*ret_began)
		result = begin(site, file, digest, error);
	if (result) {
		state_free(&site->state);
		cluster_free(&site->cluster);
		return result;
	}
	order_all(site);
	malloc_trim(0);
	pthread_rwlock_init(&site->lock, NULL);
	pthread_mutex_init(&site->writing, NULL);
	return 0;
}

void site_close(struct site *site)
{
	state_free(&site->state);
	cluster_free(&site->cluster);
	free(site->vms_by_name);
	free(site->hosts_by_name);
	pthread_rwlock_destroy(&site->lock);
	pthread_mutex_destroy(&site->writing);
}

/* Who looks changes nothing but the lock itself. */
static pthread_rwlock_t *lock_of(const struct site *site)
{
	return (pthread_rwlock_t *)(uintptr_t)&site->lock;
}

void site_look(const struct site *site)
{
	pthread_rwlock_rdlock(lock_of(site));
}

void site_look_away(const struct site *site)
{
	pthread_rwlock_unlock(lock_of(site));
}

/* ------------------------------------------------------------------ changing */

static void move_vm(struct state *state, uint32_t vm, uint32_t host)
{
	if (state->vm_host[vm] == NONE)
		state_place(state, vm, host);
	else if (host == NONE)
		state_remove(state, vm);
	else
		state_move(state, vm, host);
}

/* As a lock ends, and an unlock: locked, disabled, online; unlocked, enabled, available (docs/rules.md,
 * Lock). */
static struct host_status status_after(struct host_status status, uint32_t administrative)
{
	bool locked = administrative == ADMIN_LOCKED;

	status.administrative = (uint8_t)administrative;
	status.operational = locked ? OPER_DISABLED : OPER_ENABLED;
	if (status.availability == AVAIL_AVAILABLE || status.availability == AVAIL_ONLINE)
		status.availability = locked ? AVAIL_ONLINE : AVAIL_AVAILABLE;
	return status;
}

/* Whether it is something new. */
static bool apply(struct state *state, const struct site_change *change)
{
	switch ((enum site_change_kind)change->kind) {
	case SITE_VM_HOST:
		if (state->vm_host[change->index] == change->value)
			return false;
		move_vm(state, change->index, change->value);
		return true;
	case SITE_VM_STATE:
		if (state->vm_state[change->index] == change->value)
			return false;
		state_set_vm_state(state, change->index, (enum vm_state)change->value);
		return true;
	case SITE_HOST_ADMINISTRATIVE:
		if (state->hosts[change->index].administrative == change->value)
			return false;
		state_set_host(state, change->index,
		               status_after(state->hosts[change->index], change->value));
		return true;
	}
	must(false);
}

int site_change(struct site *site, const struct site_change *changes, uint32_t count, struct error *error)
{
	uint32_t changed = 0;
	int result = 0;

	pthread_mutex_lock(&site->writing);
	pthread_rwlock_wrlock(&site->lock);
	for (uint32_t i = 0; i < count; i++)
		changed += apply(&site->state, &changes[i]);
	site->revision += changed > 0;
	pthread_rwlock_unlock(&site->lock);
	if (changed > 0)
		result = write_site(site, error);
	if (changed > 0)
		site->stale = result != 0;
	pthread_mutex_unlock(&site->writing);
	return result;
}

int site_link(struct site *site, const char *path, uint64_t *ret_revision, struct error *error)
{
	int result = 0;

	pthread_mutex_lock(&site->writing);
	if (site->stale) {
		result = write_site(site, error);
		site->stale = result != 0;
	}
	if (!result && link(site->path, path) && errno != EEXIST)
		result = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	*ret_revision = site->revision;
	pthread_mutex_unlock(&site->writing);
	return result;
}
