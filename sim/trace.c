/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trace_free(struct trace *trace)
{
	free(trace->text);
	*trace = (struct trace){ 0 };
}

__attribute__((format(printf, 2, 0))) static void append(struct trace *trace, const char *format,
                                                         va_list arguments)
{
	va_list again;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return;
	if (trace->length + (size_t)length + 1 > trace->room) {
		trace->room = (trace->length + (size_t)length + 1) * 2;
		trace->text = memory_resize(trace->text, trace->room, 1);
	}
	vsnprintf(trace->text + trace->length, (size_t)length + 1, format, arguments);
	trace->length += (size_t)length;
}

__attribute__((format(printf, 2, 3))) static void print(struct trace *trace, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	append(trace, format, arguments);
	va_end(arguments);
}

/* No line ends in white space. */
static void end_line(struct trace *trace)
{
	while (trace->length > 0 && trace->text[trace->length - 1] == ' ')
		trace->length--;
	print(trace, "\n");
}

static void begin_line(const struct world *world, const char *subject, const char *word)
{
	int64_t us = (world->now_ns + 500) / 1000;

	print(world->trace, "[%6lld.%06lld] %-12s %-10s ", (long long)(us / 1000000),
	      (long long)(us % 1000000), subject, word);
}

void trace_line(struct world *world, const char *subject, const char *word, const char *format, ...)
{
	va_list arguments;

	if (!world->trace)
		return;
	begin_line(world, subject, word);
	va_start(arguments, format);
	append(world->trace, format, arguments);
	va_end(arguments);
	end_line(world->trace);
}

void trace_move(struct world *world, const struct move *move, const char *word, const char *format, ...)
{
	va_list arguments;

	if (!world->trace)
		return;
	begin_line(world, world_vm_name(world, move->vm), word);
	print(world->trace, "%s > %s  ", world_host_name(world, move->from),
	      world_host_name(world, move->to));
	va_start(arguments, format);
	append(world->trace, format, arguments);
	va_end(arguments);
	end_line(world->trace);
}
