/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/http.h"

#include "core/arena.h"
#include "core/must.h"
#include "web/doors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

/* What a request may take: bytes of its head and of its body, seconds. */
enum { HEAD_MOST = 32768, BODY_MOST = 1048576, BODY_S = 30, ANSWER_S = 120, IDLE_S = 20 };

/* Threads that answer; names and addresses of ours, at the most. */
enum { THREADS = 4, USER_ROOM = 128, URL_ROOM = 128 };

struct http {
	struct MHD_Daemon *daemon;
	struct http_options options;
	struct doors *doors;
	int listener; /* that is not listened to any more; -1 */
	char url[URL_ROOM];
	_Atomic uint64_t requests, refused;
};

/* One request and what belongs to it. */
struct exchange {
	struct http_request request;
	struct http *http;
	char user[USER_ROOM];
	const struct route *route; /* NULL: a file */
	bool head_only;
};

/* ------------------------------------------------------------------ what routes ask */

const char *request_text(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

uint64_t request_number(const struct http_request *request, const char *name, uint64_t low, uint64_t high,
                        uint64_t otherwise)
{
	const char *text = request_text(request, name);
	unsigned long long number;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return otherwise;
	errno = 0;
	number = strtoull(text, &end, 10);
	return errno || *end || number < low || number > high ? otherwise : number;
}

const char *request_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *request_body_text(const struct http_request *request, const char *name)
{
	const json_t *value = request->body ? json_get(request->body, name) : NULL;

	return value && json_type(value) == JSON_TEXT ? json_text(value) : NULL;
}

void reply_json(struct http_reply *reply, unsigned status, json_t *value)
{
	reply->status = status;
	reply->type = "application/json";
	reply->bytes = json_print(value, false, &reply->length);
	json_free(value);
}

void reply_error(struct http_reply *reply, unsigned status, const char *format, ...)
{
	json_t *value = json_object_new();
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_add_text(value, "error", text);
	reply_json(reply, status, value);
}

/* ------------------------------------------------------------------ replies */

/* What every reply says: nothing of another site, no frame, no guessing of types. */
static const char *const headers[][2] = {
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
};

static struct MHD_Response *response_of(struct http_reply *reply)
{
	if (reply->stream)
		return reply->stream;
	if (reply->kept)
		return MHD_create_response_from_buffer(reply->length, (void *)(uintptr_t)reply->kept,
		                                       MHD_RESPMEM_PERSISTENT);
	return MHD_create_response_from_buffer(reply->length, reply->bytes, MHD_RESPMEM_MUST_FREE);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	MHD_add_response_header(response, name, value);
}

static enum MHD_Result send_reply(struct exchange *exchange, struct http_reply *reply)
{
	struct MHD_Connection *connection = exchange->request.connection;
	struct MHD_Response *response = response_of(reply);
	enum MHD_Result result;
	char name[256];

	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		add_header(response, headers[i][0], headers[i][1]);
	if (reply->type)
		add_header(response, "Content-Type", reply->type);
	if (reply->etag) {
		add_header(response, "ETag", reply->etag);
		add_header(response, "Cache-Control", "no-cache");
	} else {
		add_header(response, "Cache-Control", "no-store");
	}
	if (reply->file) {
		snprintf(name, sizeof(name), "attachment; filename=\"%s\"", reply->file);
		add_header(response, "Content-Disposition", name);
	}
	if (reply->status == HTTP_UNAUTHORIZED)
		add_header(response, "WWW-Authenticate", "Bearer realm=\"lockkeeper\"");
	if (reply->status == HTTP_NOT_ALLOWED)
		add_header(response, "Allow", exchange->route ? exchange->route->method : "GET");
	if (reply->status >= 400) {
		exchange->http->refused++;
		/* What comes behind, a body perhaps, is not to be taken for the next request. */
		add_header(response, "Connection", "close");
	}
	doors_answering(exchange->http->doors, connection, reply->stream != NULL, ANSWER_S);
	result = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct exchange *exchange, unsigned status, const char *why)
{
	struct http_reply reply = { 0 };

	reply_error(&reply, status, "%s", why);
	return send_reply(exchange, &reply);
}

/* ------------------------------------------------------------------ may it go on? */

static const struct refusal {
	unsigned status;
	const char *why;
} refusals[] = {
	[GUARD_OTHER_NAME] = { HTTP_MISDIRECTED,
	                       "called by a name that is not this server's (see --host-name)" },
	[GUARD_OTHER_SITE] = { HTTP_FORBIDDEN, "asked by a page of another site" },
	[GUARD_NO_TOKEN] = { HTTP_UNAUTHORIZED, "a token is needed to change something" },
	[GUARD_WRONG_TOKEN] = { HTTP_UNAUTHORIZED, "the token is not the right one" },
	[GUARD_TOO_OFTEN] = { HTTP_TOO_MANY, "too many requests from this address" },
};

static const struct sockaddr *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection,
	                                                               MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info ? info->client_addr : NULL;
}

static const struct route *find_route(const struct http *http, const char *path, const char *method,
                                      bool *ret_other_method)
{
	*ret_other_method = false;
	for (uint32_t i = 0; i < http->options.route_count; i++) {
		const struct route *route = &http->options.routes[i];

		if (strcmp(route->path, path))
			continue;
		if (!strcmp(route->method, method))
			return route;
		*ret_other_method = true;
	}
	return NULL;
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";

	return type && !strncasecmp(type, json, sizeof(json) - 1) &&
	       (type[sizeof(json) - 1] == '\0' || type[sizeof(json) - 1] == ';');
}

/* Once its head is here. 0: it may go on; else it has been answered, *ret_result. */
static int ask_guard(struct exchange *exchange, const char *method, enum MHD_Result *ret_result)
{
	const struct http_request *request = &exchange->request;
	const char *proxy_header = guard_proxy_header(exchange->http->options.guard);
	bool post = !strcmp(method, "POST");
	struct claims claims = { .peer = peer_of(request->connection),
		                 .host = request_header(request, "Host"),
		                 .origin = request_header(request, "Origin"),
		                 .site = request_header(request, "Sec-Fetch-Site"),
		                 .authorization = request_header(request, "Authorization"),
		                 .asserted = proxy_header ? request_header(request, proxy_header) : NULL,
		                 .own = request_header(request, "X-Lockkeeper"),
		                 .changes = post };
	enum verdict_of_guard verdict = guard_ask(exchange->http->options.guard, &claims, exchange->user,
	                                          sizeof(exchange->user));

	*ret_result = MHD_YES;
	if (verdict != GUARD_PASS)
		*ret_result = refuse(exchange, refusals[verdict].status, refusals[verdict].why);
	else if (strcmp(method, "GET") && !post)
		*ret_result = refuse(exchange, HTTP_NOT_ALLOWED, "expected GET or POST");
	else if (post && !is_json(request_header(request, "Content-Type")))
		*ret_result = refuse(exchange, HTTP_NOT_JSON, "expected Content-Type: application/json");
	else
		return 0;
	return 1;
}

/* ------------------------------------------------------------------ a request, bit by bit */

static void take_body(struct http_request *request, const char *bytes, size_t length)
{
	if (request->too_large || length > BODY_MOST - request->length) {
		request->too_large = true;
		return;
	}
	request->bytes = memory_resize(request->bytes, request->length + length + 1, 1);
	memcpy(request->bytes + request->length, bytes, length);
	request->length += length;
	request->bytes[request->length] = '\0';
}

/* 0, or the reply says what is wrong. */
static int read_body(struct http_request *request, struct http_reply *reply)
{
	struct error error;
	char *text = request->bytes;

	if (request->too_large) {
		reply_error(reply, HTTP_TOO_LARGE, "the body is too large, expected at most %d bytes",
		            BODY_MOST);
		return -1;
	}
	request->bytes = NULL;
	if (!text || json_doc_parse(&request->doc, "request", text, request->length, &error)) {
		reply_error(reply, HTTP_BAD, "%s", text ? error.text : "no body, expected a JSON object");
		return -1;
	}
	request->body = json_doc_root(request->doc);
	if (json_type(request->body) == JSON_OBJECT)
		return 0;
	reply_error(reply, HTTP_BAD, "the body is %s, expected an object", json_type_name(request->body));
	return -1;
}

static enum MHD_Result answer(struct exchange *exchange, const char *method)
{
	struct http_request *request = &exchange->request;
	struct http_reply reply = { 0 };
	bool other_method, post = !strcmp(method, "POST");

	if (post && !request->doc && read_body(request, &reply))
		return send_reply(exchange, &reply);
	/* A route that answers later is waited for as long as one that writes. */
	doors_answering(exchange->http->doors, request->connection, false, ANSWER_S);
	exchange->route = find_route(exchange->http, request->path, method, &other_method);
	if (other_method)
		return refuse(exchange, HTTP_NOT_ALLOWED, "not by this method");
	if (exchange->route)
		exchange->route->answer(request, &reply);
	else if (!post && strncmp(request->path, "/api/", 5))
		exchange->http->options.file(request->path, &reply);
	else
		reply_error(&reply, HTTP_NOT_FOUND, "no such path");
	if (reply.later)
		return MHD_YES;
	must(reply.status);
	if (reply.etag && request_header(request, "If-None-Match") &&
	    !strcmp(request_header(request, "If-None-Match"), reply.etag)) {
		reply.status = HTTP_NOT_MODIFIED;
		reply.kept = "";
		reply.length = 0;
	}
	return send_reply(exchange, &reply);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_length, void **own)
{
	struct http *http = context;
	struct exchange *exchange = *own;
	enum MHD_Result result;

	(void)version;
	if (!exchange) {
		*own = exchange = MEMORY_ARRAY(struct exchange, 1);
		exchange->http = http;
		exchange->request.connection = connection;
		exchange->request.path = url;
		exchange->request.context = http->options.context;
		exchange->request.user = exchange->user;
		exchange->head_only = !strcmp(method, "HEAD");
		http->requests++;
		doors_head(http->doors, connection, BODY_S);
		if (ask_guard(exchange, exchange->head_only ? "GET" : method, &result))
			return result;
		return MHD_YES;
	}
	if (*upload_length > 0) {
		take_body(&exchange->request, upload, *upload_length);
		*upload_length = 0;
		return MHD_YES;
	}
	return answer(exchange, exchange->head_only ? "GET" : method);
}

static void completed(void *context, struct MHD_Connection *connection, void **own,
                      enum MHD_RequestTerminationCode code)
{
	struct http *http = context;
	struct exchange *exchange = *own;

	(void)code;
	doors_idle(http->doors, connection, IDLE_S);
	if (!exchange)
		return;
	if (exchange->request.drop)
		exchange->request.drop(exchange->request.held);
	json_doc_free(exchange->request.doc);
	free(exchange->request.bytes);
	free(exchange);
	*own = NULL;
}

static void connection_event(void *context, struct MHD_Connection *connection, void **own,
                             enum MHD_ConnectionNotificationCode code)
{
	struct http *http = context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*own = doors_opened(http->doors, connection, http->options.head_s);
	else
		doors_closed(http->doors, *own);
}

/* ------------------------------------------------------------------ listening */

static int resolve(const char *address, struct addrinfo **ret_found, struct error *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	const char *colon = strrchr(address, ':');
	char host[256];
	size_t length = colon ? (size_t)(colon - address) : 0;
	int result;

	if (!colon || length == 0 || length >= sizeof(host))
		return error_set(error, ERROR_INPUT, "--listen: \"%s\", expected ADDRESS:PORT", address);
	memcpy(host, address, length);
	host[length] = '\0';
	if (host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		memmove(host, host + 1, length - 1);
	}
	result = getaddrinfo(host, colon + 1, &hints, ret_found);
	if (result)
		return error_set(error, ERROR_INPUT, "--listen: \"%s\": %s", address, gai_strerror(result));
	return 0;
}

/* The socket is ours, so that its port is known and what is wrong can be said. */
static int open_socket(const char *address, char *ret_url, bool tls, struct error *error)
{
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	struct addrinfo *found;
	char host[INET6_ADDRSTRLEN], port[8];
	int one = 1, handle = -1, result = resolve(address, &found, error);

	if (result)
		return result;
	handle = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (handle >= 0)
		setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (handle < 0 || bind(handle, found->ai_addr, found->ai_addrlen) || listen(handle, 1024) ||
	    getsockname(handle, (struct sockaddr *)&bound, &length) ||
	    getnameinfo((struct sockaddr *)&bound, length, host, sizeof(host), port, sizeof(port),
	                NI_NUMERICHOST | NI_NUMERICSERV)) {
		error_set(error, ERROR_IO, "%s: %s", address, strerror(errno));
		if (handle >= 0)
			close(handle);
		handle = -1;
	} else {
		bool six = strchr(host, ':') != NULL;

		snprintf(ret_url, URL_ROOM, "%s://%s%s%s:%s/", tls ? "https" : "http", six ? "[" : "", host,
		         six ? "]" : "", port);
	}
	freeaddrinfo(found);
	return handle;
}

/* As many connections as asked for need as many files. */
static void raise_files(rlim_t files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= files)
		return;
	limit.rlim_cur = limit.rlim_max < files ? limit.rlim_max : files;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* A NUL that was written as %00 would end a text before its end: it becomes what no name has. */
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
	size_t length = MHD_http_unescape(text);

	(void)context;
	(void)connection;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\0')
			text[i] = '\1';
	}
	return length;
}

static struct MHD_Daemon *start(struct http *http, int listener)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME;
	const struct http_options *options = &http->options;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)options->certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->key },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (!options->certificate)
		tls[0] = tls[2];
	return MHD_start_daemon(flags | (options->certificate ? MHD_USE_TLS : 0), 0, NULL, NULL, handle, http,
	                        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_THREAD_POOL_SIZE,
	                        (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT, options->connections_most,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MOST,
	                        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_NOTIFY_COMPLETED,
	                        completed, http, MHD_OPTION_NOTIFY_CONNECTION, connection_event, http,
	                        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
	                        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

int http_open(struct http **ret_http, const struct http_options *options, struct error *error)
{
	struct http *http = MEMORY_ARRAY(struct http, 1);
	int listener;

	http->options = *options;
	raise_files((rlim_t)options->connections_most + options->other_files);
	listener = open_socket(options->address, http->url, options->certificate != NULL, error);
	if (listener < 0) {
		free(http);
		return ERROR_IO;
	}
	http->doors = doors_create();
	http->listener = -1;
	/* Requests may come, and ask for it, before this function returns. */
	*ret_http = http;
	http->daemon = start(http, listener);
	if (!http->daemon) {
		*ret_http = NULL;
		close(listener);
		doors_free(http->doors);
		free(http);
		return error_set(error, ERROR_INPUT, "%s: cannot serve there%s", options->address,
		                 options->certificate ? ", expected a certificate and its key" : "");
	}
	return 0;
}

void http_quiesce(struct http *http)
{
	http->listener = MHD_quiesce_daemon(http->daemon);
	/* Its threads may still look at it: its number is nobody else's before they have ended. */
	if (http->listener >= 0)
		shutdown(http->listener, SHUT_RDWR);
}

void http_close(struct http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->daemon);
	if (http->listener >= 0)
		close(http->listener);
	doors_free(http->doors);
	free(http);
}

const char *http_url(const struct http *http)
{
	return http->url;
}

struct http_counts http_counts(struct http *http)
{
	return (struct http_counts){ .requests = http->requests,
		                     .refused = http->refused,
		                     .cut_off = doors_cut_off(http->doors),
		                     .connections = doors_count(http->doors) };
}
