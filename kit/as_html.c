// SPDX-License-Identifier: GPL-2.0-only
/* report.html: the same as report.md, and pictures of it; it needs no other file */
#include "report.h"

/* A picture: two bars for each pair of guests, which fit beside their names */
#define NAMES_WIDTH	190
#define BARS_WIDTH	420
#define WIDTH		(NAMES_WIDTH + BARS_WIDTH + 90)
#define BAR		14
#define PAIR		(2 * BAR + 14)

static void escaped(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", file);
		else if (*text == '>')
			fputs("&gt;", file);
		else if (*text == '&')
			fputs("&amp;", file);
		else
			fputc(*text, file);
	}
}

static void write_table(const struct table *table, FILE *file)
{
	unsigned int i, j;

	fprintf(file, "<h2>%s</h2>\n<table>\n", table->title);
	for (i = 0; i < table->rows; i++) {
		const char *tag = i ? "td" : "th";

		fputs("<tr>", file);
		for (j = 0; j < table->columns; j++) {
			fprintf(file, "<%s>", tag);
			escaped(file, table->cells[i][j]);
			fprintf(file, "</%s>", tag);
		}
		fputs("</tr>\n", file);
	}
	fputs("</table>\n", file);
}

static double cost_of(const struct guest *guest)
{
	return guest->cost[COST_VDSO];
}

static double boot_of(const struct guest *guest)
{
	return guest->boot * 1e9;
}

static void bar(FILE *file, double ns, double most, unsigned int y, const char *colour)
{
	char text[32];
	double width = ns / most * BARS_WIDTH;

	duration(text, ns);
	fprintf(file, "<rect x=\"%d\" y=\"%u\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
		NAMES_WIDTH, y, width, BAR - 2, colour);
	fprintf(file, "<text x=\"%.1f\" y=\"%u\">%s</text>\n", NAMES_WIDTH + width + 6,
		y + BAR - 3, text);
}

/* Longest bar, and how many pairs there are */
static double extent(const struct results *results, double (*value)(const struct guest *),
		     unsigned int *pairs)
{
	double most = 0;
	unsigned int i;

	*pairs = 0;
	for (i = 0; i < results->guests_n; i++) {
		if (value(&results->guests[i]) > most)
			most = value(&results->guests[i]);
		*pairs += is_series(&results->guests[i]);
	}

	return most;
}

static void picture(const struct results *results, const char *title,
		    double (*value)(const struct guest *), FILE *file)
{
	unsigned int i, pairs, y = 8;
	double most = extent(results, value, &pairs);

	if (!most || !pairs)
		return;
	fprintf(file, "<h2>%s</h2>\n<svg width=\"%d\" height=\"%u\" role=\"img\">\n", title,
		WIDTH, pairs * PAIR + 8);
	fprintf(file, "<title>%s</title>\n", title);
	for (i = 0; i < results->guests_n; i++) {
		const struct guest *old, *new = &results->guests[i];

		if (!is_series(new))
			continue;
		fprintf(file, "<text x=\"0\" y=\"%u\">%s, %s</text>\n", y + BAR, new->kind,
			new->mode);
		old = find(results, new, "mainline");
		if (old && value(old))
			bar(file, value(old), most, y, "#8c959f");
		if (value(new))
			bar(file, value(new), most, y + BAR, "#1a7f37");
		y += PAIR;
	}
	fputs("</svg>\n<p>Grey: without the series. Green: with it.</p>\n", file);
}

static void write_notes(const struct notes *notes, FILE *file)
{
	unsigned int i;

	if (!notes->n)
		return;
	fprintf(file, "<h2>%s</h2>\n<ul>\n", notes->title);
	for (i = 0; i < notes->n; i++) {
		fputs("<li>", file);
		escaped(file, notes->texts[i]);
		fputs("</li>\n", file);
	}
	fputs("</ul>\n", file);
}

void write_html(const struct results *results, FILE *file)
{
	static struct table table;
	static struct notes notes;
	unsigned int i;

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n", file);
	fputs("<title>The clocks of Xen guests on a host</title>\n<style>\n", file);
	fputs("body { font-family: sans-serif; margin: 2em; color: #24292f }\n", file);
	fputs("table { border-collapse: collapse }\n", file);
	fputs("td, th { border: 1px solid #d0d7de; padding: 4px 8px; text-align: left }\n",
	      file);
	fputs("svg text { font-size: 13px; fill: #24292f }\n</style></head><body>\n", file);
	fputs("<h1>The clocks of Xen guests on a host</h1>\n", file);
	for (i = 0; i < PARAGRAPHS; i++)
		fprintf(file, "<p>%s</p>\n", introduction[i]);
	host_table(&table, results);
	write_table(&table, file);
	picture(results, "One clock_gettime()", cost_of, file);
	cost_table(&table, results);
	write_table(&table, file);
	picture(results, "From the first line of the log to init", boot_of, file);
	life_table(&table, results);
	write_table(&table, file);
	untried_notes(&notes, results);
	write_notes(&notes, file);
	problem_notes(&notes, results);
	write_notes(&notes, file);
	fputs("</body></html>\n", file);
}
