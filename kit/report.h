/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guests of the kit went through, and what they reported */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <linux/compiler.h>
#include <linux/kernel.h>

/* Of report.json: counts up if a key changes its meaning, or goes */
#define SCHEMA		1

#define MAX_FACTS	32
#define MAX_GUESTS	64
#define MAX_STEPS	8
#define MAX_TROUBLES	4
#define MAX_PROBLEMS	24
#define MAX_NOTES	(4 * MAX_GUESTS)
#define WATCH		8192
#define TEXT		256
#define NOTE		(TEXT + 64)

enum when { BEFORE, AFTER, WHENS };
enum cost { COST_VDSO, COST_SYSCALL, COST_RDTSC, COSTS };
enum clock { CLOCK_OF_TIME, CLOCK_OF_TSC, CLOCK_OF_BOOT, CLOCKS };

struct fact {
	char key[32];
	char value[TEXT];
};

struct step {
	char name[16];
	char outcome[16];		/* done, failed, impossible */
	char why[TEXT];
};

/* The time leaf of the Xen CPUID range; kHz is 0 if it is not known */
struct leaf {
	unsigned int flags;
	unsigned int mode;
	unsigned int khz;
	unsigned int incarnation;
};

struct guest {
	char kind[8];
	char mode[20];
	char kernel[12];		/* series or mainline */
	struct step steps[MAX_STEPS];
	unsigned int steps_n;

	char linux_release[64];
	char clocksource[WHENS][20];
	char verdict[WHENS][16];	/* empty without the series */
	char reason[TEXT];
	char rule[24];
	struct leaf leaf[WHENS];
	long demoted;
	double cost[COSTS];		/* ns; 0: not measured */
	double boot;			/* s from the first record to init; 0: not known */

	long long back[CLOCKS];		/* ns, biggest step of any vCPU */
	long long stamp_back;		/* us, biggest step of the log's time stamps */
	long long first_stamp;
	long long last_stamp;
	bool has_stamp;
	char watch[WATCH];		/* events of "xen-clock watch", as JSON with commas */
	int watch_status;
	long jumps;			/* by its summary, those that nothing explains */
	bool wrong_speed;
	char trouble[MAX_TROUBLES][TEXT];
	unsigned int troubles;
};

struct results {
	struct fact facts[MAX_FACTS];
	unsigned int facts_n;
	struct guest guests[MAX_GUESTS];
	unsigned int guests_n;
};

/* report.c */
extern const char * const clock_names[CLOCKS];
void __printf(1, 2) __noreturn die(const char *format, ...);
const char *fact(const struct results *results, const char *key);
bool is_series(const struct guest *guest);
const struct guest *find(const struct results *results, const struct guest *like,
			 const char *kernel);
unsigned int problems_of(const struct guest *guest, char problems[MAX_PROBLEMS][TEXT]);
void duration(char text[32], double ns);

/* read.c */
void read_results(struct results *results, FILE *file);

/* tables.c: what report.md and report.html show; the first row is the heading */
#define MAX_COLUMNS	12
#define MAX_ROWS	(MAX_GUESTS + 1)

struct table {
	const char *title;
	unsigned int columns;
	unsigned int rows;
	char cells[MAX_ROWS][MAX_COLUMNS][TEXT];
};

/* Sentences below the tables; if there are none the title is left out, too */
struct notes {
	const char *title;
	unsigned int n;
	char texts[MAX_NOTES][NOTE];
};

#define PARAGRAPHS	2
extern const char * const introduction[PARAGRAPHS];
void host_table(struct table *table, const struct results *results);
void cost_table(struct table *table, const struct results *results);
void life_table(struct table *table, const struct results *results);
void untried_notes(struct notes *notes, const struct results *results);
void problem_notes(struct notes *notes, const struct results *results);

/* as_json.c, as_text.c, as_html.c */
void write_json(const struct results *results, FILE *file);
void write_text(const struct results *results, FILE *file);
void write_html(const struct results *results, FILE *file);

#endif
