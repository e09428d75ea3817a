// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the lab wants to know of a kernel's sched_clock and can only learn
 * inside: not part of the series, and built into kernels with it and without.
 */
#include <kunit/test.h>

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/stop_machine.h>
#include <linux/types.h>

#include <asm/barrier.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include <asm/xen/xen_probe.h>

#define ROUNDS	50
#define CALLS	1000
#define READS	20000
#define TICKS	20
#define REST	3

/**
 * xen_probe - leave a line in the log
 * @where: the kernel is
 *
 * Context: any; in the window of a suspend, when clocks cannot be relied on.
 */
void xen_probe(const char *where)
{
	pr_info("xen probe: %s\n", where);
}

/* As anything in the kernel can: /sys/module/xen_probe/parameters/unstable */
static int xen_probe_mark(const char *value, const struct kernel_param *param)
{
	mark_tsc_unstable("the lab's probe");

	return 0;
}
module_param_call(unstable, xen_probe_mark, NULL, NULL, 0200);

static noinline u64 nothing(void)
{
	return 0;
}

static noinline u64 by_sched_clock(void)
{
	return sched_clock();
}

static noinline u64 by_local_clock(void)
{
	return local_clock();
}

/* Cycles of the TSC that so many calls take when nothing comes between */
static u64 cost(u64 (*read)(void))
{
	u64 best = U64_MAX, cycles;
	unsigned int round, i;
	unsigned long flags;

	for (round = 0; round < ROUNDS; round++) {
		local_irq_save(flags);
		cycles = rdtsc_ordered();
		for (i = 0; i < CALLS; i++)
			read();
		cycles = rdtsc_ordered() - cycles;
		local_irq_restore(flags);
		best = min(best, cycles);
	}

	return best;
}

/*
 * Cycles of the TSC from before a timer interrupt, whose tick moves jiffies, to after it.
 * The vCPU has to be the only one.
 */
static u64 tick_cost(void)
{
	u64 best = U64_MAX, read = U64_MAX;
	unsigned int tick;

	for (tick = 0; tick < TICKS; tick++) {
		u64 last, longest = 0;
		unsigned long start;
		bool over;

		/* While RCU waits for this CPU each of its ticks has more to do */
		schedule_timeout_uninterruptible(REST);
		last = rdtsc_ordered();
		start = jiffies;
		do {
			u64 now;

			/* Before the read, so that no interrupt is behind the last one */
			over = jiffies != start;
			now = rdtsc_ordered();
			longest = max(longest, now - last);
			read = min(read, now - last);
			last = now;
		} while (!over);
		best = min(best, longest);
	}

	return best - read;
}

/* Where the TSC counts instructions, cycles are instructions */
static void xen_probe_cost(struct kunit *test)
{
	static const struct {
		const char *name;
		u64 (*read)(void);
	} clocks[] = {
		{ "sched_clock",	by_sched_clock },
		{ "local_clock",	by_local_clock },
	};
	u64 call = cost(nothing), tick = tick_cost();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(clocks); i++) {
		/* Negative where Xen's time stood still meanwhile, on a busy machine */
		s64 cycles = cost(clocks[i].read) - call;

		kunit_info(test, "%s: %lld cycles, %lld ns for %u calls\n",
			   clocks[i].name, cycles,
			   div_s64(cycles * NSEC_PER_MSEC, tsc_khz), CALLS);
	}
	kunit_info(test, "tick: %llu cycles, %llu ns for 1 calls\n", tick,
		   div_u64(tick * NSEC_PER_MSEC, tsc_khz));
}

struct order {
	atomic_t arrived;
	atomic64_t latest;
	atomic_t back;		/* how often a vCPU was behind itself */
	atomic_t back_cross;	/* or behind what it knew of another one */
};

static int read_in_turn(void *data)
{
	struct order *order = data;
	s64 last = 0, seen, now;
	unsigned int i;

	atomic_inc(&order->arrived);
	while (atomic_read(&order->arrived) < num_online_cpus())
		cpu_relax();

	for (i = 0; i < READS; i++) {
		seen = atomic64_read(&order->latest);
		/* The TSC is not to be read before */
		rmb();
		now = sched_clock();
		if (now < last)
			atomic_inc(&order->back);
		if (now < seen)
			atomic_inc(&order->back_cross);
		last = now;
		while (seen < now && !atomic64_try_cmpxchg(&order->latest, &seen, now))
			;
	}

	return 0;
}

static void xen_probe_order(struct kunit *test)
{
	struct order order = { .latest = ATOMIC64_INIT(0) };

	KUNIT_ASSERT_EQ(test, 0, stop_machine(read_in_turn, &order, cpu_online_mask));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&order.back));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&order.back_cross));
	kunit_info(test, "%u reads on each of %u vCPUs\n", READS, num_online_cpus());
}

static struct kunit_case xen_probe_cases[] = {
	KUNIT_CASE(xen_probe_cost),
	KUNIT_CASE(xen_probe_order),
	{}
};

static struct kunit_suite xen_probe_suite = {
	.name = "xen_probe",
	.test_cases = xen_probe_cases,
};

kunit_test_suite(xen_probe_suite);
