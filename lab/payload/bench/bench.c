// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the kernel's clocks in a program, on as many CPUs at once as it is told, and says
 * how many calls took how many ns of CPU time, for each clock, number of threads, and
 * round. A round that took less CPU time than its length is one in which some thread had
 * to wait for its CPU. lab/commands/bench/native.py has the arguments:
 *
 *	bench US ROUNDS THREADS...
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/kernel.h>

#include "sched_clock.h"

/* Rounds whose results are dropped */
#define WARM_UP		10
/* Calls between two looks at whether the round is over */
#define MAX_BATCH	4096
#define SETTLE_US	20000
#define STABLE		PVCLOCK_TSC_STABLE_BIT

struct clock {
	const char *name;
	u64 (*read)(void);
	enum xen_sched_clock_source source;
	/* Of the time information */
	u8 flags;
};

struct round {
	u64 calls, ns;
};

/* One on each CPU, with the pages that a hypervisor would give that CPU */
struct thread {
	pthread_t id;
	int cpu;
	const struct clock *clock;
	struct round *rounds;
	struct vcpu_info vcpu;
	struct pvclock_vsyscall_time_info kvm;
} __aligned(SMP_CACHE_BYTES);

/* The same moment by both clocks */
struct moment {
	u64 ns, width, value;
};

DEFINE_PER_CPU(struct vcpu_info *, xen_vcpu);
unsigned int tsc_khz;

static int us, rounds;
/* Of the stand-in for what a hypervisor says */
static struct pvclock_vcpu_time_info time_info;

/* How many threads are ready, and when their rounds begin: by the TSC, 0 is not yet */
static struct {
	int ready;
	u64 begin;
} start __aligned(SMP_CACHE_BYTES);

static void __noreturn fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	exit(1);
}

static u64 read_ns(clockid_t id)
{
	struct timespec time;

	if (clock_gettime(id, &time))
		fail("clock_gettime", errno);

	return (u64)time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

static u64 read_rdtsc(void)
{
	return rdtsc();
}

static u64 read_ordered(void)
{
	return rdtsc_ordered();
}

static u64 read_pvclock(void)
{
	return pvclock_clocksource_read(&xen_vcpu->time);
}

static u64 read_pvclock_nowd(void)
{
	return pvclock_clocksource_read_nowd(&xen_vcpu->time);
}

static u64 read_kvm(void)
{
	return bench_kvm_sched_clock();
}

static const struct clock clocks[] = {
	{ "rdtsc", read_rdtsc },
	{ "rdtsc_ordered", read_ordered },
	{ "native_sched_clock", native_sched_clock },
	{ "xen_sched_clock/tsc", xen_sched_clock, XEN_SCHED_CLOCK_TSC },
	{ "xen_sched_clock/pvclock", xen_sched_clock, XEN_SCHED_CLOCK_PVCLOCK },
	{ "xen_sched_clock_pvclock", xen_sched_clock_pvclock, XEN_SCHED_CLOCK_PVCLOCK },
	{ "pvclock_clocksource_read/stable", read_pvclock, .flags = STABLE },
	{ "pvclock_clocksource_read/unstable", read_pvclock },
	{ "pvclock_clocksource_read_nowd/stable", read_pvclock_nowd, .flags = STABLE },
	{ "pvclock_clocksource_read_nowd/unstable", read_pvclock_nowd },
	{ "kvm_sched_clock_read/stable", read_kvm, .flags = STABLE },
	{ "kvm_sched_clock_read/unstable", read_kvm },
};

/* What @read says, and when: the one of several reads that took least */
static struct moment moment_of(u64 (*read)(void))
{
	struct moment best = { .width = ~0ULL };

	for (int i = 0; i < 20; i++) {
		u64 before = read_ns(CLOCK_MONOTONIC_RAW), value = read();
		u64 width = read_ns(CLOCK_MONOTONIC_RAW) - before;

		if (width < best.width)
			best = (struct moment) { before + width / 2, width, value };
	}

	return best;
}

static void measure_tsc(void)
{
	struct moment from = moment_of(read_ordered), to;

	usleep(SETTLE_US * 2);
	to = moment_of(read_ordered);
	tsc_khz = (to.value - from.value) * NSEC_PER_MSEC / (to.ns - from.ns);
}

/* As Xen does it: a factor of at least a half, and a shift */
static void fill_time_info(void)
{
	u64 hz = (u64)tsc_khz * 1000;
	int shift = 0;

	for (; hz > 2 * NSEC_PER_SEC; hz >>= 1)
		shift--;
	for (; hz <= NSEC_PER_SEC; hz <<= 1)
		shift++;

	time_info = (struct pvclock_vcpu_time_info) {
		.version = 2,
		.tsc_timestamp = rdtsc_ordered(),
		.system_time = NSEC_PER_SEC,
		.tsc_to_system_mul = ((u64)NSEC_PER_SEC << 32) / hz,
		.tsc_shift = shift,
	};
}

static void use_pages(struct thread *thread, u8 flags)
{
	thread->vcpu.time = time_info;
	thread->vcpu.time.flags = flags;
	thread->kvm.pvti = thread->vcpu.time;
	xen_vcpu = &thread->vcpu;
	bench_kvm_init(&thread->kvm);
	bench_native_init(time_info.tsc_timestamp);
}

/* What the clock shares with those of other CPUs */
static void prepare(const struct clock *clock)
{
	struct xen_tsc_sample sample;

	pvclock_set_flags(clock->flags);
	pvclock_resume();
	if (clock->source == XEN_SCHED_CLOCK_TSC) {
		xen_sched_clock_use_tsc();
	} else {
		xen_tsc_read_sample(&sample);
		xen_sched_clock_use_pvclock(&sample, xen_sched_clock_at(&sample));
	}
}

/* Is it a clock at all? RDTSC counts cycles */
static void check(const struct clock *clock)
{
	struct moment from = moment_of(clock->read), to;
	u64 passed, counted, error;

	usleep(SETTLE_US);
	to = moment_of(clock->read);
	passed = to.ns - from.ns;
	counted = to.value - from.value;
	if (!strncmp(clock->name, "rdtsc", 5))
		counted = counted * NSEC_PER_MSEC / tsc_khz;
	error = counted > passed ? counted - passed : passed - counted;
	if (error > passed / 100 + from.width + to.width) {
		fprintf(stderr, "%s counts %llu ns in %llu ns\n", clock->name,
			(unsigned long long)counted, (unsigned long long)passed);
		exit(1);
	}
}

static void pin(int cpu)
{
	cpu_set_t *set = CPU_ALLOC(cpu + 1);
	size_t size = CPU_ALLOC_SIZE(cpu + 1);
	int error;

	if (!set)
		fail("CPU_ALLOC", ENOMEM);
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	error = pthread_setaffinity_np(pthread_self(), size, set);
	if (error)
		fail("pthread_setaffinity_np", error);
	CPU_FREE(set);
}

/* Looks at the time that take a small part of a round, whatever a call takes */
static u64 next_batch(u64 batch, u64 spent, u64 length)
{
	if (spent * 64 < length && batch < MAX_BATCH)
		return batch * 2;
	if (spent * 16 > length && batch > 1)
		return batch / 2;

	return batch;
}

/*
 * All rounds, one after the other, so that no thread waits while others read. They are
 * told apart by the TSC: a thread that is late has none of what it misses.
 */
static void read_rounds(struct thread *thread, u64 begin)
{
	u64 length = (u64)us * tsc_khz / 1000, total = WARM_UP + rounds;
	u64 calls = 0, batch = 1, round = 0, reached, now, before = rdtsc();
	u64 ns, used = read_ns(CLOCK_THREAD_CPUTIME_ID);
	u64 (*read)(void) = thread->clock->read;

	while (round < total) {
		for (u64 i = 0; i < batch; i++)
			read();
		calls += batch;
		now = rdtsc();
		batch = next_batch(batch, now - before, length);
		before = now;
		reached = (now - begin) / length;
		if (reached == round)
			continue;

		ns = read_ns(CLOCK_THREAD_CPUTIME_ID);
		thread->rounds[round] = (struct round) { calls, ns - used };
		calls = 0;
		used = ns;
		round = reached;
	}
}

static void *run(void *arg)
{
	struct thread *thread = arg;
	u64 begin;

	pin(thread->cpu);
	use_pages(thread, thread->clock->flags);
	__atomic_add_fetch(&start.ready, 1, __ATOMIC_RELEASE);
	while (!(begin = __atomic_load_n(&start.begin, __ATOMIC_ACQUIRE)))
		usleep(10);
	read_rounds(thread, begin);

	return NULL;
}

/* The CPU that is number @which of those that we may use */
static int cpu_of(int which)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		fail("sched_getaffinity", errno);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && !which--)
			return cpu;
	fail("there are not as many CPUs", EINVAL);
}

static void say(const struct clock *clock, const struct thread *threads, int count)
{
	for (int round = WARM_UP; round < WARM_UP + rounds; round++) {
		u64 calls = 0, ns = 0;

		for (int i = 0; i < count; i++) {
			calls += threads[i].rounds[round].calls;
			ns += threads[i].rounds[round].ns;
		}
		printf("%s %d %llu %llu\n", clock->name, count,
		       (unsigned long long)calls, (unsigned long long)ns);
	}
}

static void measure(const struct clock *clock, struct thread *threads, int count)
{
	int error;

	prepare(clock);
	start.begin = 0;
	start.ready = 0;
	for (int i = 0; i < count; i++) {
		threads[i].clock = clock;
		memset(threads[i].rounds, 0, (WARM_UP + rounds) * sizeof(struct round));
		error = pthread_create(&threads[i].id, NULL, run, &threads[i]);
		if (error)
			fail("pthread_create", error);
	}
	while (__atomic_load_n(&start.ready, __ATOMIC_ACQUIRE) < count)
		usleep(100);
	__atomic_store_n(&start.begin, rdtsc_ordered(), __ATOMIC_RELEASE);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i].id, NULL);
	say(clock, threads, count);
}

static void measure_all(int count)
{
	size_t size = count * sizeof(struct thread);
	struct thread *threads = aligned_alloc(SMP_CACHE_BYTES, size);

	if (!threads)
		fail("aligned_alloc", ENOMEM);
	memset(threads, 0, size);
	for (int i = 0; i < count; i++) {
		threads[i].cpu = cpu_of(i);
		threads[i].rounds = calloc(WARM_UP + rounds, sizeof(struct round));
		if (!threads[i].rounds)
			fail("calloc", ENOMEM);
	}
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		measure(&clocks[i], threads, count);
	for (int i = 0; i < count; i++)
		free(threads[i].rounds);
	free(threads);
}

int main(int argc, char **argv)
{
	static struct thread boot;

	if (argc < 4) {
		fprintf(stderr, "usage: bench US ROUNDS THREADS...\n");
		return 2;
	}
	us = atoi(argv[1]);
	rounds = atoi(argv[2]);

	measure_tsc();
	fill_time_info();
	printf("tsc_khz %u\n", tsc_khz);
	use_pages(&boot, 0);
	xen_sched_clock_init();
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		use_pages(&boot, clocks[i].flags);
		prepare(&clocks[i]);
		check(&clocks[i]);
	}
	for (int i = 3; i < argc; i++)
		measure_all(atoi(argv[i]));

	return 0;
}
