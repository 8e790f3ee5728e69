/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/error.h"

#include "core/must.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#undef error_set

/*
 * Makes one line of a text that may hold names out of a file: '?' for each byte of a control character (C0,
 * DEL, C1), so that nothing in a file can speak to the terminal. A character cut in two at the end goes.
 */
static void text_clean(char *text, size_t length, bool cut)
{
	unsigned char *bytes = (unsigned char *)text;

	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == 0xc2 && bytes[i + 1] >= 0x80 && bytes[i + 1] < 0xa0)
			bytes[i] = bytes[i + 1] = '?';
		if (bytes[i] < 0x20 || bytes[i] == 0x7f)
			bytes[i] = '?';
	}
	if (cut) {
		size_t lead = length;

		while (lead > 0 && length - lead < 4 && (bytes[lead - 1] & 0xc0) == 0x80)
			lead--;
		if (lead > 0 && bytes[lead - 1] >= 0xc0) {
			size_t need = bytes[lead - 1] >= 0xf0 ? 4 : bytes[lead - 1] >= 0xe0 ? 3 : 2;

			if (length - lead + 1 < need)
				text[lead - 1] = '\0';
		}
	}
}

int error_set(struct error *error, int code, const char *format, ...)
{
	must(code < 0);
	if (error) {
		va_list arguments;
		int length;

		va_start(arguments, format);
		length = vsnprintf(error->text, sizeof(error->text), format, arguments);
		va_end(arguments);
		text_clean(error->text, strlen(error->text), length >= (int)sizeof(error->text));
	}
	return code;
}
