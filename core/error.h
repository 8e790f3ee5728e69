/* SPDX-License-Identifier: GPL-3.0-or-later */
/* error: how an operation that can fail says why. */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

/* Negative codes that operations return; 0 is success. All of them make the program exit with 1. */
#define ERROR_CODES(X)                            \
	X(ERROR_INPUT, -1, "bad input")           \
	X(ERROR_IO, -2, "input or output failed") \
	X(ERROR_EXISTS, -3, "would overwrite")    \
	X(ERROR_LIMIT, -4, "beyond a limit")

enum error_code {
#define X(name, value, text) name = value,
	ERROR_CODES(X)
#undef X
};

/* One line for the user, without the program's name and without a newline. */
struct error {
	char text[1024];
};

/*
 * Fills *error (may be NULL) by printf's rules and returns code, so that a caller can `return error_set(…)`.
 * Control characters, which names out of files may hold, become '?'; what does not fit is cut between
 * characters.
 */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The static analyzer is told that an error is never 0, lest it follow paths that are none. */
#ifdef __clang_analyzer__
#define error_set(error, code, ...) ((void)error_set((error), (code), __VA_ARGS__), (code))
#endif

#endif
