/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http: requests and replies, with the limits and headers that all of them have; libmicrohttpd below. */
#ifndef WEB_HTTP_H
#define WEB_HTTP_H

#include "core/json.h"
#include "web/guard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MHD_Connection;
struct MHD_Response;

/* Statuses that we give. */
enum {
	HTTP_OK = 200,
	HTTP_ACCEPTED = 202,
	HTTP_NOT_MODIFIED = 304,
	HTTP_BAD = 400,
	HTTP_UNAUTHORIZED = 401,
	HTTP_FORBIDDEN = 403,
	HTTP_NOT_FOUND = 404,
	HTTP_NOT_ALLOWED = 405,
	HTTP_CONFLICT = 409,
	HTTP_TOO_LARGE = 413,
	HTTP_NOT_JSON = 415,
	HTTP_MISDIRECTED = 421,
	HTTP_TOO_MANY = 429,
	HTTP_WRONG = 500,
	HTTP_BUSY = 503
};

/* One request, once all of it is here. Lives until it is answered. */
struct http_request {
	struct MHD_Connection *connection;
	const char *path;
	const json_t *body; /* POST: the root of its document, an object; else NULL */
	const char *user;   /* who wants it, when it may change something; else NULL */
	void *context;      /* the server's own */
	struct json_doc *doc;
	char *bytes; /* of the body, so far */
	size_t length;
	bool too_large;
	void *held;               /* by a route that answers later; NULL: nothing */
	void (*drop)(void *held); /* how it is let go when the request has ended */
};

/* The value of a member of the query; NULL: it is not there. */
const char *request_text(const struct http_request *request, const char *name);

/* A whole number of the query in [low, high]; what is not there, or is no such number, is the default. */
uint64_t request_number(const struct http_request *request, const char *name, uint64_t low, uint64_t high,
                        uint64_t otherwise);

/* The value of a header; NULL: it is not there. */
const char *request_header(const struct http_request *request, const char *name);

/* A text member of the body; NULL: it is not there, or no text. */
const char *request_body_text(const struct http_request *request, const char *name);

/* What is answered. */
struct http_reply {
	unsigned status;
	const char *type; /* of content */
	char *bytes;      /* the reply's, free()d with it … */
	const char *kept; /* … or what lives as long as the program */
	size_t length;
	const char *etag;            /* NULL: not to be kept by anybody */
	const char *file;            /* NULL, or the name by which a browser saves it */
	struct MHD_Response *stream; /* instead of all that: what comes bit by bit */
	bool later; /* nothing yet: the route has suspended the request, and is asked again */
};

/* Answers with a document, which is freed. */
void reply_json(struct http_reply *reply, unsigned status, json_t *value);

/* Answers {"error": "…"}. */
void reply_error(struct http_reply *reply, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A path and what answers it. Whatever is POST needs a token. */
struct route {
	const char *method; /* "GET" (HEAD too), "POST" */
	const char *path;
	void (*answer)(struct http_request *request, struct http_reply *ret_reply);
};

struct http; /* a server */

struct http_options {
	const char *address;
	const char *certificate, *key; /* PEM, the texts; NULL: no TLS */
	const struct route *routes;
	uint32_t route_count;
	void (*file)(const char *path, struct http_reply *ret_reply); /* everything else that is GET */
	struct guard *guard;
	void *context;
	uint32_t connections_most;
	uint32_t other_files; /* that the process needs beside these connections */
	double head_s;        /* a request whose head takes longer is cut off */
};

/* Listens and answers, by threads of its own, until it is closed. *ret_http is set before any request comes.
 */
int http_open(struct http **ret_http, const struct http_options *options, struct error *error);
void http_close(struct http *http);

/* No more is taken in; what is under way is answered. */
void http_quiesce(struct http *http);

/* Where it listens: "http://127.0.0.1:8080/". */
const char *http_url(const struct http *http);

/* For /metrics. */
struct http_counts {
	uint64_t requests, refused, cut_off; /* refused: 4xx; cut_off: too slow */
	uint32_t connections;
};
struct http_counts http_counts(struct http *http);

#endif
