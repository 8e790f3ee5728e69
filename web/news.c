/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/news.h"

#include "core/arena.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* So many news are kept for those who are slow or come again; bytes handed over at a time. */
enum { KEPT = 1024, BLOCK = 16384 };

struct message {
	char *text;
	size_t length;
};

struct listener {
	struct news *news;
	struct MHD_Connection *connection;
	struct listener *before, *next;
	uint64_t at;  /* the next message to be told */
	size_t told;  /* of that one: bytes */
	bool waiting; /* suspended: there is no next message yet */
	bool lost;    /* to be told so first */
	bool greeted;
};

struct news {
	pthread_mutex_t lock;
	struct message ring[KEPT];
	uint64_t first, count; /* the number of the oldest that is kept; of the next to come */
	uint64_t epoch;        /* numbers of another server's life mean nothing here */
	struct listener *listeners;
	uint32_t listener_count, listeners_most;
	bool over;
};

struct news *news_create(uint32_t listeners_most)
{
	struct news *news = MEMORY_ARRAY(struct news, 1);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	news->epoch = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	news->listeners_most = listeners_most;
	pthread_mutex_init(&news->lock, NULL);
	return news;
}

void news_free(struct news *news)
{
	if (!news)
		return;
	for (size_t i = 0; i < KEPT; i++)
		free(news->ring[i].text);
	pthread_mutex_destroy(&news->lock);
	free(news);
}

/* Under the lock. */
static void wake(struct news *news)
{
	for (struct listener *listener = news->listeners; listener; listener = listener->next) {
		if (!listener->waiting)
			continue;
		listener->waiting = false;
		MHD_resume_connection(listener->connection);
	}
}

static void push(struct news *news, char *text, size_t length)
{
	struct message *message = &news->ring[news->count % KEPT];

	free(message->text);
	*message = (struct message){ text, length };
	news->count++;
	if (news->count - news->first > KEPT)
		news->first = news->count - KEPT;
	wake(news);
}

void news_tell(struct news *news, const char *name, json_t *value)
{
	size_t length, room;
	char *data = json_print(value, false, &length), *text;
	int head;

	json_free(value);
	room = length + strlen(name) + 96;
	text = memory_take(room);
	pthread_mutex_lock(&news->lock);
	head = snprintf(text, room, "id: %llu.%llu\nevent: %s\ndata: ", (unsigned long long)news->epoch,
	                (unsigned long long)news->count, name);
	/* The document ends with a newline; the event with an empty line. */
	memcpy(text + head, data, length);
	text[(size_t)head + length] = '\n';
	push(news, text, (size_t)head + length + 1);
	pthread_mutex_unlock(&news->lock);
	free(data);
}

void news_breathe(struct news *news)
{
	static const char nothing[] = ": \n\n";
	char *text = memory_take(sizeof(nothing));

	memcpy(text, nothing, sizeof(nothing));
	pthread_mutex_lock(&news->lock);
	push(news, text, sizeof(nothing) - 1);
	pthread_mutex_unlock(&news->lock);
}

void news_end(struct news *news)
{
	pthread_mutex_lock(&news->lock);
	news->over = true;
	wake(news);
	pthread_mutex_unlock(&news->lock);
}

uint32_t news_listeners(struct news *news)
{
	uint32_t count;

	pthread_mutex_lock(&news->lock);
	count = news->listener_count;
	pthread_mutex_unlock(&news->lock);
	return count;
}

/* ------------------------------------------------------------------ one stream */

static ssize_t tell_lost(struct listener *listener, char *buffer, size_t room)
{
	static const char text[] = "event: lost\ndata: {}\n\n";
	size_t length = sizeof(text) - 1;

	if (room < length)
		return 0;
	memcpy(buffer, text, length);
	listener->lost = false;
	listener->at = listener->news->count;
	listener->told = 0;
	return (ssize_t)length;
}

/* At once, so that whoever listens knows that it is heard; and how soon to come again. */
static ssize_t greet(struct listener *listener, char *buffer, size_t room)
{
	static const char text[] = "retry: 1000\n\n";

	if (room < sizeof(text) - 1)
		return 0;
	memcpy(buffer, text, sizeof(text) - 1);
	listener->greeted = true;
	return sizeof(text) - 1;
}

/* Called by a thread of libmicrohttpd when there is room. */
static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t room)
{
	struct listener *listener = context;
	struct news *news = listener->news;
	const struct message *message;
	ssize_t length = 0;

	(void)position;
	pthread_mutex_lock(&news->lock);
	/* Half of a message that is gone cannot be finished: such a stream ends, and is begun anew. */
	if (news->over || (listener->at < news->first && listener->told > 0)) {
		length = MHD_CONTENT_READER_END_OF_STREAM;
	} else if (!listener->greeted) {
		length = greet(listener, buffer, room);
	} else if (listener->lost || listener->at < news->first) {
		length = tell_lost(listener, buffer, room);
	} else if (listener->at < news->count) {
		message = &news->ring[listener->at % KEPT];
		length = (ssize_t)(message->length - listener->told);
		if ((size_t)length > room)
			length = (ssize_t)room;
		memcpy(buffer, message->text + listener->told, (size_t)length);
		listener->told += (size_t)length;
		if (listener->told == message->length) {
			listener->at++;
			listener->told = 0;
		}
	} else {
		listener->waiting = true;
		MHD_suspend_connection(listener->connection);
	}
	pthread_mutex_unlock(&news->lock);
	return length;
}

static void forget(void *context)
{
	struct listener *listener = context;
	struct news *news = listener->news;

	pthread_mutex_lock(&news->lock);
	if (listener->before)
		listener->before->next = listener->next;
	else
		news->listeners = listener->next;
	if (listener->next)
		listener->next->before = listener->before;
	news->listener_count--;
	pthread_mutex_unlock(&news->lock);
	free(listener);
}

/* Where to go on behind "EPOCH.NUMBER". */
static void find_place(const struct news *news, const char *last, struct listener *listener)
{
	unsigned long long epoch, number = 0;
	char *end;

	listener->at = news->count;
	if (!last)
		return;
	listener->lost = true;
	epoch = strtoull(last, &end, 10);
	if (*end == '.')
		number = strtoull(end + 1, &end, 10);
	if (*end || epoch != news->epoch || number >= news->count || number + 1 < news->first)
		return;
	listener->lost = false;
	listener->at = number + 1;
}

void news_stream(struct news *news, struct http_request *request, struct http_reply *ret_reply)
{
	struct listener *listener = MEMORY_ARRAY(struct listener, 1);
	bool room;

	listener->news = news;
	listener->connection = request->connection;
	pthread_mutex_lock(&news->lock);
	room = !news->over && news->listener_count < news->listeners_most;
	if (room) {
		find_place(news, request_header(request, "Last-Event-ID"), listener);
		listener->next = news->listeners;
		if (listener->next)
			listener->next->before = listener;
		news->listeners = listener;
		news->listener_count++;
	}
	pthread_mutex_unlock(&news->lock);
	if (!room) {
		free(listener);
		reply_error(ret_reply, HTTP_BUSY, "too many listen already");
		return;
	}
	ret_reply->status = HTTP_OK;
	ret_reply->type = "text/event-stream";
	ret_reply->stream = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, listener,
	                                                      forget);
	if (!ret_reply->stream) {
		forget(listener);
		reply_error(ret_reply, HTTP_WRONG, "no memory for a stream");
	}
}
