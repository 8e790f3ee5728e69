/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server: what all parts are put together to, and which path asks which of them. */
#include "web/web.h"

#include "core/arena.h"
#include "core/targets.h"
#include "system/files.h"
#include "web/assets.h"
#include "web/foresight.h"
#include "web/lists.h"
#include "web/live.h"
#include "web/whatifs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* Connections, and listeners to news, at the most; seconds for the head of a request; of one address, so
 * many requests and changes a second; seconds between two signs of life on a stream. */
enum { CONNECTIONS = 2048, LISTENERS = 1000, HEAD_S = 10, REQUESTS_S = 500, CHANGES_S = 20, BREATHE_S = 15 };

/* Open files beside connections: children's, the site's; of a host's libvirt. */
enum { OTHER_FILES = 256, FILES_A_HOST = 4 };

struct server {
	const struct web_options *options;
	struct site site;
	struct board *board;
	struct runs *runs;
	struct live *live; /* NULL: simulated */
	struct whatifs *whatifs;
	struct foresight *foresight;
	struct news *news;
	struct guard *guard;
	struct http *http;
	char token_file[PATH_MAX];
	const char **names; /* by which it may be called; … */
	char *own_name;     /* … one of them */
	char *certificate, *key;
	int lock; /* of the state folder */
	bool has_site;
};

static struct server *server_of(const struct http_request *request)
{
	return request->context;
}

/* ------------------------------------------------------------------ routes: looking */

static void get_cluster(struct http_request *request, struct http_reply *reply)
{
	struct server *server = server_of(request);
	const struct cluster *cluster = &server->site.cluster;
	struct board_progress progress = board_progress(server->board);
	json_t *value = json_object_new(), *list;
	char wrong[LIVE_WRONG_ROOM] = "";

	if (server->live)
		live_wrong(server->live, wrong);
	site_look(&server->site);
	json_add_text(value, "schema", "lockkeeper.site/1");
	json_add_text(value, "version", server->options->version);
	json_add_text(value, "name", cluster->name);
	json_add_text(value, "profile", profile_words[cluster->profile]);
	json_add_number(value, "revision", (double)server->site.revision);
	json_add_number(value, "hosts", cluster->host_count);
	json_add_number(value, "vms", cluster->vm_count);
	json_add_number(value, "groups", cluster->group_count);
	json_add_bool(value, "live", server->options->live);
	json_add_bool(value, "read_only", server->options->read_only);
	json_add_number(value, "pace", server->options->live ? 1 : server->options->pace);
	json_add_number(value, "window_s", server->options->window_s);
	json_add_number(value, "approvals_needed", server->options->approvals);
	json_add_number(value, "board_known", progress.known);
	json_add_text(value, "board_wrong", progress.wrong[0] ? progress.wrong : NULL);
	json_add_text(value, "hosts_wrong", wrong[0] ? wrong : NULL);
	list = json_add(value, "flavors", json_array_new());
	for (uint32_t i = 0; i < cluster->flavor_count; i++)
		json_push(list, json_text_new(cluster->flavors[i].name));
	site_look_away(&server->site);
	reply_json(reply, HTTP_OK, value);
}

static void get_session(struct http_request *request, struct http_reply *reply)
{
	json_t *value = json_object_new();

	json_add_text(value, "user", request->user[0] ? request->user : NULL);
	json_add_bool(value, "may_change", request->user[0] && !server_of(request)->options->read_only);
	reply_json(reply, HTTP_OK, value);
}

static void get_instances(struct http_request *request, struct http_reply *reply)
{
	struct server *server = server_of(request);

	list_instances(&server->site, server->runs, request, reply);
}

static void get_hosts(struct http_request *request, struct http_reply *reply)
{
	struct server *server = server_of(request);

	list_hosts(&server->site, server->board, server->runs, request, reply);
}

static void get_groups(struct http_request *request, struct http_reply *reply)
{
	list_groups(&server_of(request)->site, request, reply);
}

static void get_group(struct http_request *request, struct http_reply *reply)
{
	show_group(&server_of(request)->site, request, reply);
}

static void get_targets(struct http_request *request, struct http_reply *reply)
{
	answer_targets(&server_of(request)->site, request, reply);
}

static void get_prediction(struct http_request *request, struct http_reply *reply)
{
	answer_prediction(server_of(request)->foresight, request, reply);
}

static void get_check(struct http_request *request, struct http_reply *reply)
{
	struct server *server = server_of(request);
	const char *name = request_text(request, "host");
	uint32_t host = name ? cluster_host(&server->site.cluster, name) : NONE;

	if (host == NONE)
		reply_error(reply, HTTP_NOT_FOUND, "there is no such host");
	else
		board_answer(server->board, host, request, reply);
}

static void get_runs(struct http_request *request, struct http_reply *reply)
{
	runs_list(server_of(request)->runs, request_number(request, "offset", 0, UINT32_MAX, 0),
	          request_number(request, "limit", 1, 500, 50), reply);
}

static void get_run(struct http_request *request, struct http_reply *reply)
{
	runs_show(server_of(request)->runs, request_text(request, "id"), reply);
}

static void get_journal(struct http_request *request, struct http_reply *reply)
{
	runs_journal(server_of(request)->runs, request_text(request, "id"), reply);
}

static void get_file(struct http_request *request, struct http_reply *reply)
{
	runs_file(server_of(request)->runs, request_text(request, "id"), request_text(request, "name"),
	          reply);
}

static void get_events(struct http_request *request, struct http_reply *reply)
{
	news_stream(server_of(request)->news, request, reply);
}

static void get_whatif_hosts(struct http_request *request, struct http_reply *reply)
{
	whatifs_hosts(server_of(request)->whatifs, request, reply);
}

static void get_whatif_check(struct http_request *request, struct http_reply *reply)
{
	whatifs_check(server_of(request)->whatifs, request, reply);
}

static void get_whatif_scenario(struct http_request *request, struct http_reply *reply)
{
	whatifs_scenario(server_of(request)->whatifs, request, reply);
}

/* ------------------------------------------------------------------ routes: for Prometheus */

static void metric(FILE *out, const char *name, const char *type, const char *help, double value)
{
	fprintf(out, "# HELP lockkeeper_%s %s\n# TYPE lockkeeper_%s %s\nlockkeeper_%s %.17g\n", name, help,
	        name, type, name, value);
}

static void get_metrics(struct http_request *request, struct http_reply *reply)
{
	struct server *server = server_of(request);
	struct board_progress progress = board_progress(server->board);
	struct http_counts counts = http_counts(server->http);
	uint64_t states[RUN_STATES], locked = 0, rows[3] = { 0 };
	const struct board_row *all;
	FILE *out = open_memstream(&reply->bytes, &reply->length);

	if (!out) {
		reply_error(reply, HTTP_WRONG, "no memory");
		return;
	}
	site_look(&server->site);
	for (uint32_t i = 0; i < server->site.cluster.host_count; i++)
		locked += server->site.state.hosts[i].administrative == ADMIN_LOCKED;
	site_look_away(&server->site);
	all = board_look(server->board);
	for (uint32_t i = 0; i < server->site.cluster.host_count; i++)
		rows[all[i].planned % 3] += all[i].known;
	board_look_away(server->board);
	metric(out, "hosts", "gauge", "Hosts of the cluster.", server->site.cluster.host_count);
	metric(out, "hosts_locked", "gauge", "Hosts that are locked.", (double)locked);
	metric(out, "instances", "gauge", "Instances of the cluster.", server->site.cluster.vm_count);
	metric(out, "board_known", "gauge", "Hosts whose verdict is known.", progress.known);
	metric(out, "hosts_lockable", "gauge", "Hosts that a plan empties.", (double)rows[0]);
	metric(out, "hosts_not_lockable", "gauge", "Hosts that no plan empties.", (double)rows[1]);
	metric(out, "http_requests_total", "counter", "Requests.", (double)counts.requests);
	metric(out, "http_refused_total", "counter", "Requests that were refused.", (double)counts.refused);
	metric(out, "http_cut_off_total", "counter", "Connections that were too slow.",
	       (double)counts.cut_off);
	metric(out, "http_connections", "gauge", "Connections that are open.", counts.connections);
	metric(out, "event_listeners", "gauge", "Who follows the events.", news_listeners(server->news));
	runs_count(server->runs, states);
	fputs("# HELP lockkeeper_runs Runs by their state.\n# TYPE lockkeeper_runs gauge\n", out);
	for (uint32_t i = 0; i < RUN_STATES; i++)
		fprintf(out, "lockkeeper_runs{state=\"%s\"} %" PRIu64 "\n", run_state_words[i], states[i]);
	fclose(out);
	reply->status = HTTP_OK;
	reply->type = "text/plain; version=0.0.4; charset=utf-8";
}

/* ------------------------------------------------------------------ routes: changing */

/* The host or VM that a member of the body names; NONE, and the answer says why not. */
static uint32_t body_index(struct http_request *request, const char *member,
                           uint32_t (*find)(const struct cluster *cluster, const char *name),
                           struct http_reply *reply)
{
	const char *name = request_body_text(request, member);
	uint32_t index = name ? find(&server_of(request)->site.cluster, name) : NONE;

	if (!name)
		reply_error(reply, HTTP_BAD, "%s: expected a name", member);
	else if (index == NONE)
		reply_error(reply, HTTP_NOT_FOUND, "%s: there is none of that name", member);
	return index;
}

static bool may_change(struct http_request *request, struct http_reply *reply)
{
	if (!server_of(request)->options->read_only)
		return true;
	reply_error(reply, HTTP_FORBIDDEN, "this server only shows, it changes nothing");
	return false;
}

static void begin_on_host(struct http_request *request, enum run_kind kind, struct http_reply *reply)
{
	uint32_t host = may_change(request, reply) ? body_index(request, "host", cluster_host, reply) : NONE;
	struct run_wish wish = { (uint8_t)kind, host, NONE, NONE, request->user };

	if (host != NONE)
		runs_begin(server_of(request)->runs, &wish, reply);
}

static void post_lock(struct http_request *request, struct http_reply *reply)
{
	begin_on_host(request, RUN_LOCK, reply);
}

static void post_force_lock(struct http_request *request, struct http_reply *reply)
{
	begin_on_host(request, RUN_FORCE_LOCK, reply);
}

static void post_unlock(struct http_request *request, struct http_reply *reply)
{
	begin_on_host(request, RUN_UNLOCK, reply);
}

/* The host that auto-scheduling takes now. */
static uint32_t auto_host(struct server *server, uint32_t vm)
{
	struct targets targets;
	uint32_t best;

	site_look(&server->site);
	targets_find(&targets, &server->site.state, vm);
	best = targets.best;
	targets_free(&targets);
	site_look_away(&server->site);
	return best;
}

static void post_migrate(struct http_request *request, struct http_reply *reply)
{
	struct server *server = server_of(request);
	const json_t *to = json_get(request->body, "to");
	struct run_wish wish = { RUN_MIGRATE, NONE, NONE, NONE, request->user };

	if (!may_change(request, reply))
		return;
	wish.vm = body_index(request, "vm", cluster_vm, reply);
	if (wish.vm == NONE)
		return;
	if (to && json_type(to) != JSON_NULL) {
		wish.to = body_index(request, "to", cluster_host, reply);
		if (wish.to == NONE)
			return;
	} else {
		wish.to = auto_host(server, wish.vm);
		if (wish.to == NONE) {
			reply_error(reply, HTTP_CONFLICT, "No valid host was found for %s",
			            server->site.cluster.vms[wish.vm].name);
			return;
		}
	}
	runs_begin(server->runs, &wish, reply);
}

static void post_approve(struct http_request *request, struct http_reply *reply)
{
	const json_t *approval = json_get(request->body, "approval");

	if (approval && json_type(approval) != JSON_OBJECT)
		reply_error(reply, HTTP_BAD, "approval: expected what `lockkeeper approve` wrote");
	else if (may_change(request, reply))
		runs_approve(server_of(request)->runs, request_body_text(request, "run"), request->user,
		             approval, reply);
}

static void post_plan_again(struct http_request *request, struct http_reply *reply)
{
	if (may_change(request, reply))
		runs_plan_again(server_of(request)->runs, request_body_text(request, "run"), request->user,
		                reply);
}

static void post_cancel(struct http_request *request, struct http_reply *reply)
{
	if (may_change(request, reply))
		runs_cancel(server_of(request)->runs, request_body_text(request, "run"), reply);
}

static void post_resume(struct http_request *request, struct http_reply *reply)
{
	if (may_change(request, reply))
		runs_resume(server_of(request)->runs, request_body_text(request, "run"), request->user,
		            reply);
}

static void post_whatif(struct http_request *request, struct http_reply *reply)
{
	whatifs_begin(server_of(request)->whatifs, request, reply);
}

static const struct route routes[] = {
	{ "GET", "/api/cluster", get_cluster },
	{ "GET", "/api/session", get_session },
	{ "GET", "/api/instances", get_instances },
	{ "GET", "/api/hosts", get_hosts },
	{ "GET", "/api/groups", get_groups },
	{ "GET", "/api/group", get_group },
	{ "GET", "/api/targets", get_targets },
	{ "GET", "/api/prediction", get_prediction },
	{ "GET", "/api/check", get_check },
	{ "GET", "/api/runs", get_runs },
	{ "GET", "/api/run", get_run },
	{ "GET", "/api/run/journal", get_journal },
	{ "GET", "/api/run/file", get_file },
	{ "GET", "/api/events", get_events },
	{ "GET", "/api/what-if/hosts", get_whatif_hosts },
	{ "GET", "/api/what-if/check", get_whatif_check },
	{ "GET", "/api/what-if/scenario", get_whatif_scenario },
	{ "GET", "/metrics", get_metrics },
	{ "POST", "/api/lock", post_lock },
	{ "POST", "/api/force-lock", post_force_lock },
	{ "POST", "/api/unlock", post_unlock },
	{ "POST", "/api/migrate", post_migrate },
	{ "POST", "/api/run/approve", post_approve },
	{ "POST", "/api/run/plan", post_plan_again },
	{ "POST", "/api/run/cancel", post_cancel },
	{ "POST", "/api/run/resume", post_resume },
	{ "POST", "/api/what-if", post_whatif },
};

/* ------------------------------------------------------------------ beginning and ending */

/* Two servers would undo each other's work. */
static int lock_folder(struct server *server, struct error *error)
{
	const char *folder = server->options->state_folder;
	char path[PATH_MAX];
	int result = folder_make(folder, error);

	if (result)
		return result;
	snprintf(path, sizeof(path), "%s/lock", folder);
	server->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (server->lock < 0)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (flock(server->lock, LOCK_EX | LOCK_NB))
		return error_set(error, ERROR_IO,
		                 "%s: another server is at work there, expected one (see --state)", folder);
	return 0;
}

/* The name without the port. */
static char *own_name(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon ? strndup(address, (size_t)(colon - address)) : strdup(address);
}

static int open_guard(struct server *server, struct error *error)
{
	static const char *const here[] = { "localhost", "127.0.0.1", "[::1]" };
	const struct web_options *options = server->options;
	struct guard_options guard = { .token_file = server->token_file,
		                       .proxy = options->proxy,
		                       .proxy_header = options->proxy_header,
		                       .requests_s = REQUESTS_S,
		                       .changes_s = CHANGES_S };
	uint32_t count = 0;
	int result = 0;

	server->names = MEMORY_ARRAY(const char *, options->host_name_count + 5);
	for (uint32_t i = 0; i < options->host_name_count; i++)
		server->names[count++] = options->host_names[i];
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		server->names[count++] = here[i];
	server->names[count++] = server->own_name = own_name(options->address);
	guard.names = server->names;
	guard.name_count = count;
	if (options->token_file)
		snprintf(server->token_file, sizeof(server->token_file), "%s", options->token_file);
	else
		snprintf(server->token_file, sizeof(server->token_file), "%s/token", options->state_folder);
	if (!options->token_file && !options->read_only)
		result = guard_make_token(server->token_file, error);
	if (options->read_only)
		guard.token_file = NULL;
	return result ? result : guard_create(&server->guard, &guard, error);
}

static int read_tls(struct server *server, struct error *error)
{
	size_t length;
	int result;

	if (!server->options->tls_certificate)
		return 0;
	result = file_read(server->options->tls_certificate, &server->certificate, &length, error);
	return result ? result : file_read(server->options->tls_key, &server->key, &length, error);
}

static int open_http(struct server *server, struct error *error)
{
	uint32_t hosts = server->options->live ? server->site.cluster.host_count : 0;
	struct http_options options = { .address = server->options->address,
		                        .certificate = server->certificate,
		                        .key = server->key,
		                        .routes = routes,
		                        .route_count = sizeof(routes) / sizeof(routes[0]),
		                        .file = asset_answer,
		                        .guard = server->guard,
		                        .context = server,
		                        .connections_most = CONNECTIONS,
		                        .other_files = OTHER_FILES + FILES_A_HOST * hosts,
		                        .head_s = HEAD_S };

	return http_open(&server->http, &options, error);
}

static int open_all(struct server *server, struct error *error)
{
	const struct web_options *options = server->options;
	bool began;
	int result = lock_folder(server, error);

	if (!result)
		result = read_tls(server, error);
	if (!result)
		result = open_guard(server, error);
	if (!result)
		result = site_open(&server->site, options->cluster, options->state_folder, options->profile,
		                   &began, error);
	if (result)
		return result;
	server->has_site = true;
	for (uint32_t i = 0; options->live && i < server->site.cluster.host_count; i++) {
		if (!server->site.cluster.hosts[i].uri)
			return error_set(error, ERROR_INPUT,
			                 "%s: host %s has no uri, expected its libvirt connection",
			                 options->cluster, server->site.cluster.hosts[i].name);
	}
	if (!began)
		fprintf(stderr, "lockkeeper: goes on with the cluster as it was left (%s)\n",
		        server->site.path);
	server->news = news_create(LISTENERS);
	server->board = board_open(options, &server->site, server->news, "board", NULL);
	server->foresight = foresight_create(options, &server->site);
	result = runs_open(&server->runs, options, &server->site, server->board, server->news, error);
	if (result)
		return result;
	if (options->live)
		server->live = live_open(&server->site, server->board, server->runs, server->news);
	server->whatifs = whatifs_create(options, &server->site, server->runs, server->news);
	return open_http(server, error);
}

/* Whoever waits is told before the server of HTTP ends: it wants no connection to be suspended. */
static void close_all(struct server *server)
{
	if (server->http)
		http_quiesce(server->http);
	live_end(server->live);
	if (server->news)
		news_end(server->news);
	if (server->runs)
		runs_end(server->runs);
	if (server->whatifs)
		whatifs_end(server->whatifs);
	if (server->board)
		board_end(server->board);
	http_close(server->http);
	live_free(server->live);
	whatifs_free(server->whatifs);
	/* Whoever waits for an execution still looks at the rest: the program's end frees it. */
	if (!runs_close(server->runs))
		return;
	board_close(server->board);
	foresight_free(server->foresight);
	guard_free(server->guard);
	if (server->has_site)
		site_close(&server->site);
	news_free(server->news);
	free(server->certificate);
	if (server->key)
		explicit_bzero(server->key, strlen(server->key));
	free(server->key);
	free(server->names);
	free(server->own_name);
	if (server->lock >= 0)
		close(server->lock);
}

static void say(const struct server *server)
{
	fprintf(stderr, "lockkeeper: %s serves %s, %s\n", http_url(server->http), server->site.cluster.name,
	        server->options->live ? "on its hosts" : "simulated");
	if (server->options->read_only)
		fputs("lockkeeper: it only shows, nothing can be changed\n", stderr);
	else
		fprintf(stderr, "lockkeeper: to change something, give the page the token in %s\n",
		        server->token_file);
	fflush(stderr);
}

/* Until somebody wants it to end. */
static void wait_for_end(struct server *server, const sigset_t *signals)
{
	const struct timespec pause = { BREATHE_S, 0 };

	while (sigtimedwait(signals, NULL, &pause) < 0) {
		if (errno == EAGAIN)
			news_breathe(server->news);
	}
	fputs("lockkeeper: ends; what is being carried out goes on\n", stderr);
}

int web_serve(const struct web_options *options, struct error *error)
{
	struct server server = { .options = options, .lock = -1 };
	sigset_t signals;
	int result;

	/* Before any thread is made: they all hold them back, and the main thread waits for them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	result = open_all(&server, error);
	if (!result) {
		say(&server);
		wait_for_end(&server, &signals);
	}
	close_all(&server);
	return result;
}
