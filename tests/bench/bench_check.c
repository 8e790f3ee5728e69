/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `check` takes on a large cluster, and each of its parts, beside what is promised. */
#include "planner/lockability.h"
#include "tests/support/big_cluster.h"
#include "tests/support/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The promise: hosts and VMs, the platform's verdict in how long, both verdicts with all plans, in how much
 * memory, and how much of the time reading may take.
 */
enum {
	HOSTS = 10000,
	VMS = 200000,
	TOTAL_MOST_S = 5,
	BOTH_MOST_S = 30,
	READ_MOST_S = 2,
	MEMORY_MOST_MIB = 1024
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *big_text(const struct big_cluster *big, size_t *ret_length)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, ret_length);

	big_cluster_write(file, big);
	fclose(file);
	return text;
}

static bool row(const char *what, const char *profile, double value, double most, const char *unit)
{
	char text[80];

	snprintf(text, sizeof(text), "%s, %s", what, profile);
	return row_print(&(struct row){ .what = text, .value = value, .unit = unit, .target = most });
}

static void verdicts_find(struct chooser *chooser, uint64_t counts[4], uint64_t *ret_steps)
{
	for (uint32_t host = 0; host < chooser->state.cluster->host_count; host++) {
		struct stock stock;

		stock_find(chooser, host, UINT64_C(10) * STOCK_STEPS_PER_SECOND, &stock);
		counts[stock.verdict]++;
		*ret_steps += stock.steps;
		stock_free(&stock);
	}
}

/* One profile in this process, part by part, on one thread. */
static bool measure_parts(const char *profile, char *text, size_t length)
{
	double start = now_s(), read_s, shapes_s, stock_s;
	uint64_t counts[4] = { 0 }, steps = 0;
	struct json_doc *doc;
	struct cluster cluster;
	struct state state;
	struct shapes shapes;
	struct chooser chooser;
	struct error error;
	size_t bytes;

	if (json_doc_parse(&doc, "big.json", text, length, &error) ||
	    cluster_read(&cluster, doc, PROFILE_COUNT, &error)) {
		printf("%s\n", error.text);
		return false;
	}
	json_doc_free(doc);
	read_s = now_s() - start;
	bytes = cluster.arena.total;
	start = now_s();
	state_create(&state, &cluster);
	shapes_create(&shapes, &state);
	for (uint32_t host = 0; host < cluster.host_count; host++)
		stock_want(&shapes, host);
	for (uint32_t shape = 0; shape < shapes.count; shape++)
		shapes_fill(&shapes, shape);
	chooser_create(&chooser, &shapes);
	shapes_s = now_s() - start;
	start = now_s();
	verdicts_find(&chooser, counts, &steps);
	stock_s = now_s() - start;
	printf("  %-9s %.0f MB read in %.2f s (%zu bytes a VM), %u shapes in %.2f s, verdicts in %.2f s "
	       "(%.0f hosts/s, %llu steps)\n",
	       profile, (double)length / 1e6, read_s, bytes / VMS, shapes.count, shapes_s, stock_s,
	       HOSTS / stock_s, (unsigned long long)steps);
	printf("            %llu always, %llu order-dependent, %llu never, %llu unknown; %u warnings\n",
	       (unsigned long long)counts[0], (unsigned long long)counts[1], (unsigned long long)counts[2],
	       (unsigned long long)counts[3], cluster.warning_count);
	chooser_free(&chooser);
	shapes_free(&shapes);
	state_free(&state);
	cluster_free(&cluster);
	return row("a cluster of 10,000 hosts read", profile, read_s, READ_MOST_S, "s") &&
	       row("read, with verdicts on one thread", profile, read_s + shapes_s + stock_s,
	           2 * TOTAL_MOST_S, "s");
}

/* The program itself, on two threads, its output to a file. */
static bool measure_program(const char *program, const char *folder, const char *path, const char *profile)
{
	char output[4096];
	double start = now_s(), seconds;
	struct rusage usage;
	int status;
	pid_t child;

	snprintf(output, sizeof(output), "%s/big-check.json", folder);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (freopen(output, "w", stdout))
			execl(program, program, "check", "-j", "2", "--output", "json", path, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == 127 || WEXITSTATUS(status) == 1) {
		printf("  FAILED: %s check %s\n", program, path);
		return false;
	}
	seconds = now_s() - start;
	printf("  lockkeeper check: %.2f s (%.0f hosts/s), %ld MiB at the most, %ld bytes a VM\n", seconds,
	       HOSTS / seconds, usage.ru_maxrss / 1024, usage.ru_maxrss * 1024 / VMS);
	return row("check of 10,000 hosts", profile, seconds, BOTH_MOST_S, "s") &&
	       row("memory of check of 10,000 hosts", profile, (double)usage.ru_maxrss / 1024,
	           MEMORY_MOST_MIB, "MiB");
}

/* bench_check [HOSTS VMS FILL-PERCENT SEED PROFILE FILE]: with arguments, only writes such a cluster. */
int main(int argc, char **argv)
{
	static const char *const profiles[] = { "titanium", "starlingx", "nova" };
	const char *program = getenv("LOCKKEEPER"), *folder = getenv("OUT");
	char path[4096];
	bool fine = true;

	if (argc == 7) {
		struct big_cluster big = { (uint32_t)strtoul(argv[1], NULL, 10),
			                   (uint32_t)strtoul(argv[2], NULL, 10),
			                   (uint32_t)strtoul(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
			                   argv[5] };
		FILE *file = fopen(argv[6], "w");

		if (!file)
			return 1;
		big_cluster_write(file, &big);
		return fclose(file) ? 1 : 0;
	}
	printf("check of %d hosts with %d VMs\n", HOSTS, VMS);
	for (int i = 0; i < 3; i++) {
		struct big_cluster big = { HOSTS, VMS, 80, 1, profiles[i] };
		size_t length;
		char *text = big_text(&big, &length);
		FILE *file;

		snprintf(path, sizeof(path), "%s/big-%s.json", folder ? folder : ".", profiles[i]);
		file = folder ? fopen(path, "w") : NULL;
		if (file) {
			fwrite(text, 1, length, file);
			fclose(file);
		}
		fine &= measure_parts(profiles[i], text, length);
		if (file && program && access(program, X_OK) == 0)
			fine &= measure_program(program, folder, path, profiles[i]);
	}
	return fine ? 0 : 1;
}
