/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lockkeeper-verify: a cluster file, a NUL, a plan or certificate. The program ends at once on bad input and
 * frees nothing, so its sources are built in with these changed: what ends it comes back here.
 */
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf end_of_input;
static const char *texts[2];

/* What cJSON and strdup take is given back after each input. */
static void **kept;
static size_t kept_count;

static void *keep(void *memory)
{
	if ((kept_count & (kept_count - 1)) == 0)
		kept = realloc(kept, (kept_count * 2 + 1) * sizeof(*kept));
	kept[kept_count++] = memory;
	return memory;
}

static void *take_kept(size_t size)
{
	return keep(malloc(size));
}

static void leave_kept(void *memory)
{
	(void)memory;
}

_Noreturn static void come_back(int code)
{
	longjmp(end_of_input, code + 1);
}

static FILE *opened_text; /* the one that is open */

static void close_text(void)
{
	if (opened_text)
		fclose(opened_text);
	opened_text = NULL;
}

/* Files are named 0 and 1. An empty one cannot be opened in memory: a blank is as good. */
static FILE *open_text(const char *name)
{
	const char *text = texts[*name - '0'];

	close_text();
	return opened_text = fmemopen((void *)(uintptr_t)(*text ? text : " "), *text ? strlen(text) : 1,
	                              "rb");
}

#define exit(code) come_back(code)
#define fopen(name, mode) open_text(name)
#define vfprintf(stream, format, arguments) ((void)(format), (void)(arguments))
#define strdup(text) ((char *)keep(memcpy(malloc(strlen(text) + 1), text, strlen(text) + 1)))
#define main verify_main
int verify_main(int argc, char **argv);
/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "verifier/certificate.c"
#include "verifier/cluster.c"
#undef CPUS_MOST
#include "verifier/main.c"
#include "verifier/numa.c"
#include "verifier/plan.c"
#include "verifier/read.c"
#include "verifier/rules.c"
/* NOLINTEND(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verify_texts(void)
{
	static struct report report_found;
	struct cluster cluster;
	const cJSON *root;

	report_found = (struct report){ .findings = report_found.findings };
	read_cluster(&cluster, read_json("0"), -1);
	root = read_json("1");
	if (member(root, "moves"))
		verify_plan(&cluster, root, &report_found);
	else if (member(root, "hosts"))
		verify_check(&cluster, root, &report_found);
	else
		verify_certificate(&cluster, root, &report_found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 2);

	memcpy(copy, data, size);
	copy[size] = copy[size + 1] = '\0';
	cJSON_InitHooks(&(cJSON_Hooks){ take_kept, leave_kept });
	texts[0] = copy;
	texts[1] = copy + strlen(copy) + 1;
	if (setjmp(end_of_input) == 0)
		verify_texts();
	close_text();
	memory_release(0);
	while (kept_count > 0)
		free(kept[--kept_count]);
	free(copy);
	return 0;
}
