/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes as they may come over a connection to the server of the operator's pages: it answers or ends the
 * connection, and without the token nothing that changes something is ever reached.
 */
#include "core/must.h"
#include "web/http.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Milliseconds that are waited for an answer, and for more of it. */
enum { FIRST_MS = 10, MORE_MS = 1 };

static _Atomic uint32_t changed;
static struct http *http;
static uint16_t port;

static void look(struct http_request *request, struct http_reply *reply)
{
	const char *name = request_text(request, "name"), *host = request_header(request, "Host");
	json_t *value = json_object_new();

	json_add_text(value, "name", name ? name : host);
	json_add_number(value, "number", (double)request_number(request, "number", 1, 1000, 7));
	json_add_text(value, "user", request->user);
	reply_json(reply, HTTP_OK, value);
}

static void change(struct http_request *request, struct http_reply *reply)
{
	(void)request;
	changed++;
	reply_json(reply, HTTP_OK, json_object_new());
}

static void file(const char *path, struct http_reply *reply)
{
	reply_error(reply, HTTP_NOT_FOUND, "%s: no such path", path);
}

static const struct route routes[] = { { "GET", "/api/look", look }, { "POST", "/api/change", change } };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = { "127.0.0.1", "localhost" };
	static char path[] = "/tmp/lockkeeper-fuzz.XXXXXX";
	struct guard_options guard_options = { .token_file = path,
		                               .names = names,
		                               .name_count = 2,
		                               .requests_s = 1000000,
		                               .changes_s = 1000000 };
	struct http_options options = { .address = "127.0.0.1:0",
		                        .routes = routes,
		                        .route_count = 2,
		                        .file = file,
		                        .connections_most = 1024,
		                        .head_s = 10 };
	struct error error;
	int made = mkstemp(path);

	(void)argc;
	(void)argv;
	must(made >= 0 && !close(made) && !unlink(path));
	must(!guard_make_token(path, &error) && !guard_create(&options.guard, &guard_options, &error));
	unlink(path);
	must(!http_open(&http, &options, &error));
	port = (uint16_t)strtoul(strrchr(http_url(http), ':') + 1, NULL, 10);
	return 0;
}

/* All that comes back, until the server ends it or has nothing to say: it waits for more itself, for a while.
 */
static void hear(int line)
{
	struct pollfd file = { line, POLLIN, 0 };
	char answer[4096];
	int patience = FIRST_MS;

	while (poll(&file, 1, patience) > 0 && recv(line, answer, sizeof(answer), 0) > 0)
		patience = MORE_MS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int line = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(line >= 0 && !connect(line, (struct sockaddr *)&address, sizeof(address)));
	/* It may have had enough before all is sent. */
	if (send(line, data, size, MSG_NOSIGNAL) >= 0)
		hear(line);
	close(line);
	must(changed == 0);
	return 0;
}
