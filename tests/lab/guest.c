/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first and only process of a lab guest: it dirties memory by a law of docs/formats.md and says how it
 * felt. It is the whole initramfs, static, and takes its orders from the kernel's command line:
 *
 *   lk.law=uniform|hotcold|zipf|sequential|idle  lk.ws=PAGES  lk.rate=WRITES_S  lk.hot=FRACTION
 *   lk.hotp=PROBABILITY  lk.exp=EXPONENT  lk.period=S  lk.on=FRACTION  lk.bg=PAGES_S  lk.fill=random|constant
 *   lk.busy=0|1  lk.seed=N  lk.check=PAGES  lk.disk=BLOCKS  lk.checks=S  lk.ip=ADDRESS  lk.hang=S
 *
 * lk.busy=1 never sleeps: writes are owed for the time that the vCPU ran, so that a throttled guest is slowed
 * as a guest short of CPU is. lk.busy=0 sleeps between its writes, for several guests on few cores.
 *
 * On the first serial port a line per fact: "lk ready …", "lk gap MS" for each gap of more than 30 ms in its
 * own clock, "lk writes …" every second. On the second one a byte every 5 ms: who reads them with a clock
 * that does not stop sees how long the guest stood still.
 *
 * lk.check watches whether memory survives: a process of its own keeps a pattern in that many pages, which
 * changes as it goes, and says "lk check ROUND ok" after each round in which all were as they must be, or
 * "lk check BAD …" once and no more. lk.disk does the same with as many blocks of /dev/vda, past the page
 * cache: "lk disk ROUND ok". lk.checks is how many pages or blocks each looks at in a second. lk.ip is the
 * address of the first network interface; the kernel answers pings. lk.hang is after how many seconds it does
 * nothing any more, as when its kernel hangs.
 *
 * Modules in /modules of the initramfs are loaded first, in the order of their names.
 */
#define _GNU_SOURCE /* O_DIRECT */

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, ZIPF_TABLE = 1 << 16, WORDS = PAGE / 8 };

/* A check's pattern: a page changes once in so many rounds; so many pages are looked at between two naps. */
enum { CHECK_CHANGES = 8, CHECK_BATCH = 16 };

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
	double check_pages, disk_blocks, checks_s, hang_s;
	char ip[16];
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
		{ "ws", &orders->pages },          { "rate", &orders->rate },
		{ "hot", &orders->hot },           { "hotp", &orders->hot_probability },
		{ "exp", &orders->exponent },      { "period", &orders->period_s },
		{ "on", &orders->on_fraction },    { "bg", &orders->background },
		{ "check", &orders->check_pages }, { "disk", &orders->disk_blocks },
		{ "checks", &orders->checks_s },   { "hang", &orders->hang_s },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(name, numbers[i].name) == 0)
			*numbers[i].number = strtod(value, NULL);
	if (strcmp(name, "law") == 0)
		snprintf(orders->law, sizeof(orders->law), "%s", value);
	else if (strcmp(name, "fill") == 0)
		snprintf(orders->fill, sizeof(orders->fill), "%s", value);
	else if (strcmp(name, "ip") == 0)
		snprintf(orders->ip, sizeof(orders->ip), "%s", value);
	else if (strcmp(name, "seed") == 0)
		orders->seed = strtoull(value, NULL, 10);
	else if (strcmp(name, "busy") == 0)
		orders->busy = strcmp(value, "0") != 0;
}

static struct orders read_orders(void)
{
	struct orders orders = { .law = "idle",
		                 .fill = "random",
		                 .on_fraction = 1,
		                 .checks_s = 4000,
		                 .hang_s = INFINITY,
		                 .seed = 1 };
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

/* ------------------------------------------------------------------ does it survive? */

/* Memory, or a disk when `file` is not negative: the first `pages` of it. */
struct check {
	const char *what;
	int file;
	uint64_t pages, seed, round;
	double pages_s;
	uint64_t *memory; /* a disk: one page of it */
};

/* splitmix64: a word that tells page, place in the page and generation apart. */
static uint64_t pattern_word(const struct check *check, uint64_t page, uint64_t generation, uint64_t word)
{
	uint64_t x = check->seed + page * UINT64_C(0x9e3779b97f4a7c15) +
	             (generation * WORDS + word + 1) * UINT64_C(0xd1342543de82ef95);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* What a page holds after that many rounds follows from both alone: an old copy of it is told from a new. */
static uint64_t generation_of(uint64_t page, uint64_t rounds)
{
	return (page + rounds) / CHECK_CHANGES;
}

static uint64_t *check_page(const struct check *check, uint64_t page)
{
	return check->file < 0 ? check->memory + page * WORDS : check->memory;
}

/*
 * Before memory is written a system call: QEMU's TCG (7.2) does not tell the vCPU's TLB of the dirty bits
 * that it clears, and only the kernel's entry flushes it (pti=on). Else a write could go unseen.
 */
static void check_write(const struct check *check, uint64_t page, uint64_t generation)
{
	uint64_t *words = check_page(check, page);

	syscall(SYS_getppid);
	for (uint64_t i = 0; i < WORDS; i++)
		words[i] = pattern_word(check, page, generation, i);
	if (check->file >= 0 && pwrite(check->file, words, PAGE, (off_t)(page * PAGE)) != PAGE) {
		printf("lk %s BAD page %llu cannot be written\n", check->what, (unsigned long long)page);
		for (;;)
			pause();
	}
}

static void check_read(const struct check *check, uint64_t page)
{
	const uint64_t *words = check_page(check, page);
	uint64_t generation = generation_of(page, check->round);
	bool read = check->file < 0 || pread(check->file, check->memory, PAGE, (off_t)(page * PAGE)) == PAGE;

	for (uint64_t i = 0; i < WORDS; i++) {
		uint64_t wanted = pattern_word(check, page, generation, i);

		if (read && words[i] == wanted)
			continue;
		printf("lk %s BAD page %llu word %llu in round %llu: %s %016llx instead of %016llx\n",
		       check->what, (unsigned long long)page, (unsigned long long)i,
		       (unsigned long long)check->round, read ? "has" : "cannot be read, not",
		       (unsigned long long)(read ? words[i] : 0), (unsigned long long)wanted);
		for (;;)
			pause();
	}
}

/* In a process of its own, which gives way to the one that writes and beats. */
static void check_forever(struct check *check)
{
	double begun_s, looked = 0;

	if (fork() != 0)
		return;
	(void)!nice(10);
	check->memory = (uint64_t *)(void *)take_pages(check->file < 0 ? (double)check->pages : 1);
	for (uint64_t page = 0; page < check->pages; page++)
		check_write(check, page, generation_of(page, 0));
	begun_s = now_s();
	for (;;) {
		for (uint64_t page = 0; page < check->pages; page++) {
			check_read(check, page);
			if (generation_of(page, check->round + 1) != generation_of(page, check->round))
				check_write(check, page, generation_of(page, check->round + 1));
			looked++;
			/* What was missed, while the guest stood still, is not made up for. */
			if ((uint64_t)looked % CHECK_BATCH == 0)
				nanosleep(&(struct timespec){ .tv_nsec = (long)(CHECK_BATCH / check->pages_s *
				                                                1e9) },
				          NULL);
		}
		check->round++;
		printf("lk %s %llu ok at %.3f\n", check->what, (unsigned long long)check->round,
		       now_s() - begun_s);
	}
}

static void start_checks(const struct orders *orders)
{
	struct check memory = { "check",          -1,  (uint64_t)orders->check_pages, orders->seed, 0,
		                orders->checks_s, NULL };
	struct check disk = { "disk",           -1,  (uint64_t)orders->disk_blocks, ~orders->seed, 0,
		              orders->checks_s, NULL };

	if (memory.pages > 0)
		check_forever(&memory);
	if (disk.pages == 0)
		return;
	disk.file = open("/dev/vda", O_RDWR | O_DIRECT);
	if (disk.file < 0)
		printf("lk error: no disk\n");
	else
		check_forever(&disk);
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
	while (last_s - guest->begun_s < guest->orders.hang_s) {
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
	for (;;)
		pause();
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

static int is_module(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load_modules(void)
{
	struct dirent **names = NULL;
	int count = scandir("/modules", &names, is_module, alphasort);

	for (int i = 0; i < count; i++) {
		char path[512];
		int file;

		snprintf(path, sizeof(path), "/modules/%s", names[i]->d_name);
		file = open(path, O_RDONLY);
		if (file < 0 || syscall(SYS_finit_module, file, "", 0) != 0)
			printf("lk error: cannot load %s\n", path);
		if (file >= 0)
			close(file);
	}
}

/* eth0, on a network of 24 bits. */
static void set_address(const char *text)
{
	struct ifreq request = { .ifr_name = "eth0" };
	struct sockaddr_in address = { .sin_family = AF_INET };
	int any = socket(AF_INET, SOCK_DGRAM, 0);
	bool set = any >= 0 && inet_pton(AF_INET, text, &address.sin_addr) == 1;

	memcpy(&request.ifr_addr, &address, sizeof(address));
	set = set && ioctl(any, SIOCSIFADDR, &request) == 0;
	address.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&request.ifr_netmask, &address, sizeof(address));
	set = set && ioctl(any, SIOCSIFNETMASK, &request) == 0;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	set = set && ioctl(any, SIOCSIFFLAGS, &request) == 0;
	if (!set)
		printf("lk error: cannot take the address %s\n", text);
	if (any >= 0)
		close(any);
}

int main(void)
{
	static struct guest guest;

	prepare_system();
	guest.orders = read_orders();
	load_modules();
	if (guest.orders.ip[0] != '\0')
		set_address(guest.orders.ip);
	guest.random = guest.orders.seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	guest.set = take_pages(guest.orders.pages);
	guest.background = take_pages(guest.orders.background);
	fill_pages(&guest, guest.set, guest.orders.pages);
	fill_pages(&guest, guest.background, guest.orders.background);
	if (guest.orders.law[0] == 'z')
		prepare_zipf(&guest);
	if (strcmp(guest.orders.law, "idle") == 0)
		guest.orders.rate = 0;
	start_checks(&guest.orders);
	guest.begun_s = now_s();
	printf("lk ready %s %.0f pages %.0f writes/s\n", guest.orders.law, guest.orders.pages,
	       guest.orders.rate);
	work(&guest, open_beats());
	return 0;
}
