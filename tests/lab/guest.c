/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first and only process of a lab guest: it dirties memory by a law of docs/formats.md and says how it
 * felt. It is the whole initramfs, static, and takes its orders from the kernel's command line:
 *
 *   lk.law=uniform|hotcold|zipf|sequential|idle  lk.ws=PAGES  lk.rate=WRITES_S  lk.hot=FRACTION
 *   lk.hotp=PROBABILITY  lk.exp=EXPONENT  lk.period=S  lk.on=FRACTION  lk.bg=PAGES_S  lk.fill=random|constant
 *   lk.busy=0|1  lk.seed=N
 *
 * lk.busy=1 never sleeps: writes are owed for the time that the vCPU ran, so that a throttled guest is slowed
 * as a guest short of CPU is. lk.busy=0 sleeps between its writes, for several guests on few cores.
 *
 * On the first serial port a line per fact: "lk ready …", "lk gap MS" for each gap of more than 30 ms in its
 * own clock, "lk writes …" every second. On the second one a byte every 5 ms: who reads them with a clock
 * that does not stop sees how long the guest stood still.
 */
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, ZIPF_TABLE = 1 << 16 };

/* A gap shorter than this is none; a beat every so often; how long the guest sleeps between its writes. */
static const double GAP_S = 0.030, BEAT_S = 0.005, NAP_S = 0.001;
/*
 * Time without writes that is made up for afterwards: a sleep that took long, but not a stop of the vCPU.
 * The busy guest makes up for nothing that is longer than an interrupt.
 */
static const double OWED_S = 0.020, OWED_BUSY_S = 0.0002;

struct orders {
	char law[16], fill[16];
	double pages, rate, hot, hot_probability, exponent, period_s, on_fraction, background;
	uint64_t seed;
	bool busy;
};

struct guest {
	struct orders orders;
	unsigned char *set, *background;
	double *cumulated; /* zipf: of the first ZIPF_TABLE pages */
	double cumulated_rest, owed, background_owed;
	uint64_t random, writes, at, background_at;
	double begun_s;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* xorshift64*: a guest needs no better luck. */
static uint64_t draw(struct guest *guest)
{
	guest->random ^= guest->random >> 12;
	guest->random ^= guest->random << 25;
	guest->random ^= guest->random >> 27;
	return guest->random * UINT64_C(2685821657736338717);
}

static double draw_unit(struct guest *guest)
{
	return (double)(draw(guest) >> 11) * 0x1p-53;
}

static uint64_t draw_below(struct guest *guest, uint64_t count)
{
	return (uint64_t)(((unsigned __int128)draw(guest) * count) >> 64);
}

/* ------------------------------------------------------------------ orders */

static void take_order(struct orders *orders, const char *name, const char *value)
{
	const struct {
		const char *name;
		double *number;
	} numbers[] = {
		{ "ws", &orders->pages },       { "rate", &orders->rate },
		{ "hot", &orders->hot },        { "hotp", &orders->hot_probability },
		{ "exp", &orders->exponent },   { "period", &orders->period_s },
		{ "on", &orders->on_fraction }, { "bg", &orders->background },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(name, numbers[i].name) == 0)
			*numbers[i].number = strtod(value, NULL);
	if (strcmp(name, "law") == 0)
		snprintf(orders->law, sizeof(orders->law), "%s", value);
	else if (strcmp(name, "fill") == 0)
		snprintf(orders->fill, sizeof(orders->fill), "%s", value);
	else if (strcmp(name, "seed") == 0)
		orders->seed = strtoull(value, NULL, 10);
	else if (strcmp(name, "busy") == 0)
		orders->busy = strcmp(value, "0") != 0;
}

static struct orders read_orders(void)
{
	struct orders orders = { .law = "idle", .fill = "random", .on_fraction = 1, .seed = 1 };
	char line[2048] = "", *rest = line, *word;
	int file = open("/proc/cmdline", O_RDONLY);

	if (file >= 0) {
		ssize_t length = read(file, line, sizeof(line) - 1);

		line[length > 0 ? length : 0] = '\0';
		close(file);
	}
	while ((word = strsep(&rest, " \n")) != NULL) {
		char *value = strchr(word, '=');

		if (strncmp(word, "lk.", 3) != 0 || value == NULL)
			continue;
		*value++ = '\0';
		take_order(&orders, word + 3, value);
	}
	return orders;
}

/* ------------------------------------------------------------------ memory */

/*
 * In huge pages where the kernel has them: QEMU's TCG (7.2) marks each page table dirty that it walks
 * through, and of these huge pages have one for a GiB. What is dirty then is what the law wrote.
 */
static unsigned char *take_pages(double pages)
{
	size_t length = (size_t)(pages > 1 ? pages : 1) * PAGE;
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		printf("lk error: no memory for %.0f pages\n", pages);
		for (;;)
			pause();
	}
	madvise(memory, length, MADV_HUGEPAGE);
	return memory;
}

/* So that no page is a zero page; random: so that none is like another. */
static void fill_pages(struct guest *guest, unsigned char *memory, double pages)
{
	bool random = strcmp(guest->orders.fill, "random") == 0;

	for (uint64_t i = 0; i < (uint64_t)pages; i++) {
		uint64_t *words = (uint64_t *)(void *)(memory + i * PAGE);

		for (size_t j = 0; j < PAGE / sizeof(*words); j += random ? 1 : 64)
			words[j] = random ? draw(guest) | 1 : UINT64_C(0x5a5a5a5a5a5a5a5a);
	}
}

/* Page i (from 1) with weight i^-exponent; beyond the table by the integral. */
static void prepare_zipf(struct guest *guest)
{
	double sum = 0, pages = guest->orders.pages, s = guest->orders.exponent;
	uint64_t count = (uint64_t)fmin(pages, ZIPF_TABLE);

	guest->cumulated = malloc(sizeof(double) * ZIPF_TABLE);
	if (guest->cumulated == NULL)
		return;
	for (uint64_t i = 0; i < count; i++)
		guest->cumulated[i] = sum += pow((double)i + 1, -s);
	if (pages > ZIPF_TABLE) {
		double from = ZIPF_TABLE + 0.5, to = pages + 0.5;

		guest->cumulated_rest = fabs(s - 1) < 1e-9 ? log(to / from)
		                                           : (pow(to, 1 - s) - pow(from, 1 - s)) / (1 - s);
	}
}

static uint64_t zipf_page(struct guest *guest)
{
	double pages = guest->orders.pages, s = guest->orders.exponent;
	uint64_t low = 0, high = (uint64_t)fmin(pages, ZIPF_TABLE);
	double total = guest->cumulated[high - 1], at = draw_unit(guest) * (total + guest->cumulated_rest);

	if (at >= total) {
		double from = ZIPF_TABLE + 0.5, share = (at - total) / guest->cumulated_rest,
		       to = pages + 0.5;
		double x = fabs(s - 1) < 1e-9
		                   ? from * pow(to / from, share)
		                   : pow(pow(from, 1 - s) + share * (pow(to, 1 - s) - pow(from, 1 - s)),
		                         1 / (1 - s));

		return (uint64_t)fmin(x, pages) - 1;
	}
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (guest->cumulated[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The pages of low rank must not lie side by side: a multiplication by an odd number scatters them. */
static uint64_t scatter(uint64_t page, uint64_t pages)
{
	uint64_t bits = 1;

	while ((UINT64_C(1) << bits) < pages)
		bits++;
	do
		page = (page * UINT64_C(0x9e3779b1) + 12345) & ((UINT64_C(1) << bits) - 1);
	while (page >= pages);
	return page;
}

static uint64_t next_page(struct guest *guest)
{
	const struct orders *orders = &guest->orders;
	uint64_t pages = (uint64_t)orders->pages, hot = (uint64_t)(orders->pages * orders->hot + 0.5);

	switch (orders->law[0]) {
	case 'h':
		if (hot > 0 && (hot >= pages || draw_unit(guest) < orders->hot_probability))
			return draw_below(guest, hot);
		return hot + draw_below(guest, pages - hot);
	case 'z':
		return scatter(zipf_page(guest), pages);
	case 's':
		return guest->at++ % pages;
	default:
		return draw_below(guest, pages);
	}
}

/* ------------------------------------------------------------------ the work */

static double busy_share(const struct guest *guest, double at_s)
{
	const struct orders *orders = &guest->orders;

	if (!(orders->period_s > 0))
		return 1;
	return fmod(at_s - guest->begun_s, orders->period_s) < orders->period_s * orders->on_fraction;
}

static void write_pages(struct guest *guest, double from_s, double span_s)
{
	guest->owed += guest->orders.rate * span_s * busy_share(guest, from_s);
	guest->background_owed += guest->orders.background * span_s;
	for (; guest->owed >= 1; guest->owed -= 1) {
		guest->set[next_page(guest) * PAGE + 64 * (guest->writes & 31)]++;
		guest->writes++;
	}
	for (; guest->background_owed >= 1; guest->background_owed -= 1)
		guest->background[guest->background_at++ % (uint64_t)guest->orders.background * PAGE]++;
}

static int open_beats(void)
{
	int file = open("/dev/ttyS1", O_WRONLY | O_NONBLOCK | O_NOCTTY);
	struct termios settings;

	if (file >= 0 && tcgetattr(file, &settings) == 0) {
		cfmakeraw(&settings);
		cfsetspeed(&settings, B115200);
		tcsetattr(file, TCSANOW, &settings);
	}
	return file;
}

static void work(struct guest *guest, int beats)
{
	double last_s = now_s(), beat_s = last_s, second_s = last_s, limit_s = OWED_S;

	if (guest->orders.busy)
		limit_s = OWED_BUSY_S;
	for (;;) {
		double at_s, span_s;

		if (!guest->orders.busy)
			nanosleep(&(struct timespec){ .tv_nsec = (long)(NAP_S * 1e9) }, NULL);
		at_s = now_s();
		span_s = at_s - last_s;
		if (span_s > GAP_S)
			printf("lk gap %.1f at %.3f\n", span_s * 1000, at_s - guest->begun_s);
		write_pages(guest, last_s, fmin(span_s, limit_s));
		last_s = at_s;
		if (at_s >= beat_s) {
			(void)!write(beats, ".", 1);
			beat_s = fmax(beat_s + BEAT_S, at_s);
		}
		if (at_s >= second_s) {
			printf("lk writes %llu at %.3f\n", (unsigned long long)guest->writes,
			       at_s - guest->begun_s);
			second_s = at_s + 1;
		}
	}
}

static void prepare_system(void)
{
	int console;

	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	console = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
	for (int i = 0; i < 3 && console >= 0; i++)
		dup2(console, i);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

int main(void)
{
	static struct guest guest;

	prepare_system();
	guest.orders = read_orders();
	guest.random = guest.orders.seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	guest.set = take_pages(guest.orders.pages);
	guest.background = take_pages(guest.orders.background);
	fill_pages(&guest, guest.set, guest.orders.pages);
	fill_pages(&guest, guest.background, guest.orders.background);
	if (guest.orders.law[0] == 'z')
		prepare_zipf(&guest);
	if (strcmp(guest.orders.law, "idle") == 0)
		guest.orders.rate = 0;
	guest.begun_s = now_s();
	printf("lk ready %s %.0f pages %.0f writes/s\n", guest.orders.law, guest.orders.pages,
	       guest.orders.rate);
	work(&guest, open_beats());
	return 0;
}
