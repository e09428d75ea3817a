// SPDX-License-Identifier: GPL-2.0-only
/* report.md, for people, and for mails */
#include "report.h"

static void write_table(const struct table *table, FILE *file)
{
	unsigned int i, j;

	fprintf(file, "\n## %s\n\n", table->title);
	for (i = 0; i < table->rows; i++) {
		for (j = 0; j < table->columns; j++)
			fprintf(file, "| %s ", table->cells[i][j]);
		fputs("|\n", file);
		for (j = 0; !i && j < table->columns; j++)
			fputs("|---", file);
		if (!i)
			fputs("|\n", file);
	}
}

static void write_notes(const struct notes *notes, FILE *file)
{
	unsigned int i;

	if (notes->n)
		fprintf(file, "\n## %s\n\n", notes->title);
	for (i = 0; i < notes->n; i++)
		fprintf(file, "- %s\n", notes->texts[i]);
}

void write_text(const struct results *results, FILE *file)
{
	static struct table table;
	static struct notes notes;
	unsigned int i;

	fputs("# The clocks of Xen guests on a host\n", file);
	for (i = 0; i < PARAGRAPHS; i++)
		fprintf(file, "\n%s\n", introduction[i]);
	host_table(&table, results);
	write_table(&table, file);
	cost_table(&table, results);
	write_table(&table, file);
	life_table(&table, results);
	write_table(&table, file);
	untried_notes(&notes, results);
	write_notes(&notes, file);
	problem_notes(&notes, results);
	write_notes(&notes, file);
}
