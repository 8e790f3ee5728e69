/* SPDX-License-Identifier: GPL-3.0-or-later */
/* news: what happens, told to all who listen (server-sent news). */
#ifndef WEB_NEWS_H
#define WEB_NEWS_H

#include "web/http.h"

struct news;

/* At most so many listen at a time. */
struct news *news_create(uint32_t listeners_most);

/* Ends all streams; then no more are begun. Before the server of HTTP is closed. */
void news_end(struct news *news);
void news_free(struct news *news);

/* Tells everybody: "event: NAME", and the document as its data, which is freed. By any thread. */
void news_tell(struct news *news, const char *name, json_t *value);

/* Says that we are there still, so that nobody on the way takes the connection for dead. */
void news_breathe(struct news *news);

/*
 * Begins a stream. With the header Last-Event-ID it goes on behind that event; when that was too long ago it
 * begins with an event "lost": look at everything anew.
 */
void news_stream(struct news *news, struct http_request *request, struct http_reply *ret_reply);

uint32_t news_listeners(struct news *news);

#endif
