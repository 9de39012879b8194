/*
 * test/fuzz/replay.c: runs a fuzzing target without libFuzzer, by any compiler.
 *
 *	program FOLDER...    the files of the folders, each whole, cut and damaged
 *
 * The damage is the same each time: what a run shows, the next one shows too.
 * Depends on fuzz.h and POSIX folders.
 */
#include "fuzz.h"

#include <dirent.h>

/* Cuts, and flipped bits, of each file at the most: evenly over its length. */
#define VARIANTS 64

#define FILE_MAX (1024 * 1024)

static unsigned long runs;
static unsigned long files;

/* One input, in an allocation of its size, so that ASan sees the end of it. */
static void
RunInput(const uint8_t *data, size_t size)
{
	uint8_t    *copy = FuzzCopy(data, size);

	(void) LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

/* A file, whole, cut and damaged. */
static void
RunFile(const char *path)
{
	static uint8_t data[FILE_MAX];
	FILE	   *file = fopen(path, "rb");
	size_t		size;
	size_t		step;

	REQUIRE(file != NULL);
	size = fread(data, 1, sizeof(data), file);
	REQUIRE(ferror(file) == 0);
	fclose(file);
	files++;

	/* what aborts the program is then known by its last line */
	printf("%s\n", path);
	fflush(stdout);
	RunInput(data, size);
	step = size / VARIANTS + 1;
	for (size_t at = 0; at < size; at += step)
	{
		uint8_t		bit = (uint8_t) (1 << (at / step) % 8);

		RunInput(data, at);
		data[at] ^= bit;
		RunInput(data, size);
		data[at] ^= bit;
	}
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		DIR		   *folder = opendir(argv[i]);
		struct dirent *entry;
		char		path[4096];

		REQUIRE(folder != NULL);
		while ((entry = readdir(folder)) != NULL)
		{
			if (entry->d_name[0] == '.')
				continue;
			REQUIRE(snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name) < (int) sizeof(path));
			RunFile(path);
		}
		closedir(folder);
	}
	RunInput((const uint8_t *) "", 0);

	/* the closing line of a unit test; without seeds nothing was shown */
	printf("%lu passed, %d failed\n", runs, files == 0);
	return files == 0;
}
