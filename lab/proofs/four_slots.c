// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the latch replaced: the number of one of four copies, each change filling the
 * next copy. A reader that has the number is safe while three changes are made; during
 * the fourth it reads a copy that is being written.
 */
#include "proof.h"

#define SLOTS		4
#define SWITCHES	3

static struct slot {
	u64 source;
	u64 offset;
} slots[SLOTS];

static unsigned int active;

/* In each state source - offset is the number of the state */
static void change_to(unsigned int state)
{
	unsigned int next = (active + 1) % SLOTS;

	slots[next].source = 10 * state;
	slots[next].offset = 9 * state;
	active = next;
}

static void writer(void)
{
	unsigned int state;

	for (state = 1; state <= SWITCHES; state++)
		change_to(state);
}

/* A read has the value of one state */
void four_slots(void)
{
	unsigned int slot;
	u64 value;

__CPROVER_ASYNC_1: writer();
	slot = active;
	value = slots[slot].source;
	value -= slots[slot].offset;

	claim(value <= SWITCHES);
}
