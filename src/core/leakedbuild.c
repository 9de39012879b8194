/*
 * src/core/leakedbuild.c: building the filter of leaked passwords.
 *
 * Depends on libcrypto, leaked and POSIX files.  The first 64 bits of each hash
 * are sorted in memory, piece by piece; each piece is a run in the temporary
 * file.  When the number is known, and so the number of buckets, the runs are
 * merged into the filter, whose index and entries are both written from front
 * to back.
 */
#include "leakedbuild.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "mem.h"

/* A sorted piece of the temporary file, and what is read of it. */
typedef struct Run
{
	uint64_t	next;			/* first number that is not in the buffer */
	uint64_t	end;
	uint64_t   *buffer;
	size_t		filled;
	size_t		position;
} Run;

/* A part of the output. */
typedef struct Part
{
	int			fd;
	uint64_t	offset;			/* where the buffer goes */
	size_t		filled;
	EVP_MD_CTX *context;
	uint8_t		buffer[65536];
} Part;

struct LeakedBuilder
{
	int			fd;				/* the temporary file */
	uint64_t   *numbers;		/* the run that grows; at the end the buffers of all runs */
	size_t		capacity;
	size_t		used;
	uint64_t	total;
	Run		   *runs;
	size_t		run_count;
	size_t	   *heap;			/* runs that are not at their end, the least first */
	size_t		heap_size;
	Part		index;
	Part		entries;
};

/* Begin. */
Status
LeakedBuilderNew(int temporary_fd, size_t memory, LeakedBuilder **out)
{
	LeakedBuilder *builder = calloc(1, sizeof(LeakedBuilder));

	*out = NULL;
	if (builder == NULL)
		return STATUS_MEMORY;
	if (memory < LEAKED_MIN_MEMORY)
		memory = LEAKED_MIN_MEMORY;
	builder->fd = temporary_fd;
	/* the sort of the C library may take as much again */
	builder->capacity = memory / 2 / sizeof(uint64_t);
	builder->numbers = malloc(builder->capacity * sizeof(uint64_t));
	builder->index.context = EVP_MD_CTX_new();
	builder->entries.context = EVP_MD_CTX_new();
	if (builder->numbers == NULL || builder->index.context == NULL ||
		builder->entries.context == NULL)
	{
		LeakedBuilderFree(builder);
		return STATUS_MEMORY;
	}
	*out = builder;
	return STATUS_OK;
}

/* Free. */
void
LeakedBuilderFree(LeakedBuilder *builder)
{
	if (builder == NULL)
		return;
	EVP_MD_CTX_free(builder->index.context);
	EVP_MD_CTX_free(builder->entries.context);
	free(builder->numbers);
	free(builder->runs);
	free(builder->heap);
	free(builder);
}

/* Write bytes at an offset, all of them. */
static Status
WriteAt(int fd, const void *bytes, size_t length, uint64_t offset)
{
	size_t		done = 0;

	while (done < length)
	{
		ssize_t		n = pwrite(fd, (const char *) bytes + done, length - done,
							   (off_t) (offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return STATUS_FILE;
		done += (size_t) n;
	}
	return STATUS_OK;
}

/* Order of two numbers. */
static int
CompareNumbers(const void *a, const void *b)
{
	uint64_t	left = *(const uint64_t *) a;
	uint64_t	right = *(const uint64_t *) b;

	return left < right ? -1 : left > right;
}

/* Sort what is in memory and make it a run.  Input that is sorted stays as it is. */
static Status
EndRun(LeakedBuilder *builder)
{
	uint64_t	first = builder->total - builder->used;
	Run		   *runs;
	Status		status;

	if (builder->used == 0)
		return STATUS_OK;
	for (size_t i = 1; i < builder->used; i++)
	{
		if (builder->numbers[i - 1] > builder->numbers[i])
		{
			qsort(builder->numbers, builder->used, sizeof(uint64_t), CompareNumbers);
			break;
		}
	}
	runs = realloc(builder->runs, (builder->run_count + 1) * sizeof(Run));
	if (runs == NULL)
		return STATUS_MEMORY;
	builder->runs = runs;
	status = WriteAt(builder->fd, builder->numbers, builder->used * sizeof(uint64_t),
					 first * sizeof(uint64_t));
	if (status != STATUS_OK)
		return status;
	memset(&runs[builder->run_count], 0, sizeof(Run));
	runs[builder->run_count].next = first;
	runs[builder->run_count].end = builder->total;
	builder->run_count++;
	builder->used = 0;
	return STATUS_OK;
}

/* Add a hash. */
Status
LeakedBuilderAdd(LeakedBuilder *builder, const uint8_t hash[LEAKED_HASH_BYTES])
{
	if (builder->used == builder->capacity)
	{
		Status		status = EndRun(builder);

		if (status != STATUS_OK)
			return status;
	}
	builder->numbers[builder->used++] = LeakedGet64(hash);
	builder->total++;
	return STATUS_OK;
}

/* The number that a run is at. */
static uint64_t
Head(const LeakedBuilder *builder, size_t run)
{
	return builder->runs[run].buffer[builder->runs[run].position];
}

/* Go to the next number of a run; *more is false behind the last. */
static Status
Advance(LeakedBuilder *builder, Run *run, size_t size, bool *more)
{
	uint64_t	left = run->end - run->next;
	Status		status;

	*more = true;
	if (run->position + 1 < run->filled)
	{
		run->position++;
		return STATUS_OK;
	}
	*more = left > 0;
	if (left == 0)
		return STATUS_OK;
	run->filled = left < size ? (size_t) left : size;
	run->position = 0;
	status = LeakedRead(builder->fd, run->buffer, run->filled * sizeof(uint64_t),
						run->next * sizeof(uint64_t));
	run->next += run->filled;
	return status;
}

/* Let a run sink in the heap to its place. */
static void
Sink(LeakedBuilder *builder, size_t i)
{
	size_t	   *heap = builder->heap;

	for (;;)
	{
		size_t		least = i;
		size_t		swap;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < builder->heap_size; child++)
		{
			if (Head(builder, heap[child]) < Head(builder, heap[least]))
				least = child;
		}
		if (least == i)
			return;
		swap = heap[i];
		heap[i] = heap[least];
		heap[least] = swap;
		i = least;
	}
}

/* Share the memory among the runs, and make a heap of them. */
static Status
BeginMerge(LeakedBuilder *builder, size_t *size)
{
	*size = builder->run_count > 0 ? builder->capacity / builder->run_count : 0;
	if (builder->run_count > 0 && *size == 0)
		return STATUS_MEMORY;
	builder->heap = malloc((builder->run_count + 1) * sizeof(size_t));
	if (builder->heap == NULL)
		return STATUS_MEMORY;
	for (size_t i = 0; i < builder->run_count; i++)
	{
		bool		more;
		Status		status;

		builder->runs[i].buffer = builder->numbers + i * *size;
		status = Advance(builder, &builder->runs[i], *size, &more);
		if (status != STATUS_OK)
			return status;
		builder->heap[builder->heap_size++] = i;
	}
	for (size_t i = builder->heap_size; i-- > 0;)
		Sink(builder, i);
	return STATUS_OK;
}

/* Begin a part of the output. */
static Status
PartBegin(Part *part, int fd, uint64_t offset)
{
	part->fd = fd;
	part->offset = offset;
	part->filled = 0;
	return EVP_DigestInit_ex(part->context, EVP_sha256(), NULL) == 1 ? STATUS_OK : STATUS_CRYPTO;
}

/* Write what has gathered. */
static Status
PartFlush(Part *part)
{
	Status		status;

	if (EVP_DigestUpdate(part->context, part->buffer, part->filled) != 1)
		return STATUS_CRYPTO;
	status = WriteAt(part->fd, part->buffer, part->filled, part->offset);
	part->offset += part->filled;
	part->filled = 0;
	return status;
}

/* Add the last bytes of a number to a part. */
static Status
PartAdd(Part *part, uint64_t value, int bytes)
{
	if (part->filled + (size_t) bytes > sizeof(part->buffer))
	{
		Status		status = PartFlush(part);

		if (status != STATUS_OK)
			return status;
	}
	while (bytes-- > 0)
		part->buffer[part->filled++] = (uint8_t) (value >> (8 * bytes));
	return STATUS_OK;
}

/* End a part, and its digest. */
static Status
PartEnd(Part *part, uint8_t digest[32])
{
	Status		status = PartFlush(part);

	if (status == STATUS_OK && EVP_DigestFinal_ex(part->context, digest, NULL) != 1)
		status = STATUS_CRYPTO;
	return status;
}

/* Merge the runs into index and entries. */
static Status
Merge(LeakedBuilder *builder, int bits, uint64_t *count)
{
	uint64_t	buckets = (uint64_t) 1 << bits;
	uint64_t	bucket = 0;
	uint64_t	bucket_start = 0;
	uint64_t	previous = 0;
	uint64_t	written = 0;
	size_t		size;
	Status		status = BeginMerge(builder, &size);

	while (status == STATUS_OK && builder->heap_size > 0)
	{
		size_t		run = builder->heap[0];
		uint64_t	number = Head(builder, run);
		uint64_t	home = bits > 0 ? number >> (64 - bits) : 0;
		uint64_t	entry = number >> (40 - bits);	/* with the bits of its bucket */
		bool		more;

		/* what the filter cannot tell apart is one entry */
		if (written == 0 || entry != previous)
		{
			for (; status == STATUS_OK && bucket < home; bucket++)
			{
				status = PartAdd(&builder->index, written, LEAKED_INDEX_BYTES);
				bucket_start = written;
			}
			if (written - bucket_start == LEAKED_MAX_BUCKET)
				return STATUS_FILTER_FORMAT;
			if (status == STATUS_OK)
				status = PartAdd(&builder->entries, entry, LEAKED_ENTRY_BYTES);
			written++;
			previous = entry;
		}
		if (status == STATUS_OK)
			status = Advance(builder, &builder->runs[run], size, &more);
		if (status == STATUS_OK && !more)
			builder->heap[0] = builder->heap[--builder->heap_size];
		Sink(builder, 0);
	}
	for (; status == STATUS_OK && bucket < buckets; bucket++)
		status = PartAdd(&builder->index, written, LEAKED_INDEX_BYTES);
	*count = written;
	return status;
}

/* Put a number into the header. */
static void
Put(uint8_t *bytes, uint64_t value, int length)
{
	while (length-- > 0)
		*bytes++ = (uint8_t) (value >> (8 * length));
}

/* Write the filter. */
Status
LeakedBuilderFinish(LeakedBuilder *builder, int output_fd, uint64_t *count)
{
	uint8_t		header[LEAKED_HEADER_BYTES] = "ixleak\r\n";
	int			bits = 0;
	uint64_t	entries;
	Status		status;

	*count = 0;
	while (bits < LEAKED_MAX_BUCKET_BITS && builder->total >> bits > LEAKED_MEAN_BUCKET - 1)
		bits++;
	entries = LEAKED_HEADER_BYTES + ((uint64_t) 1 << bits) * LEAKED_INDEX_BYTES;

	status = EndRun(builder);
	if (status == STATUS_OK)
		status = PartBegin(&builder->index, output_fd, LEAKED_HEADER_BYTES);
	if (status == STATUS_OK)
		status = PartBegin(&builder->entries, output_fd, entries);
	if (status == STATUS_OK)
		status = Merge(builder, bits, count);
	if (status == STATUS_OK)
		status = PartEnd(&builder->index, header + 40);
	if (status == STATUS_OK)
		status = PartEnd(&builder->entries, header + 72);
	if (status != STATUS_OK)
		return status;

	Put(header + 8, 1, 4);
	Put(header + 12, 1, 4);
	Put(header + 16, (uint64_t) bits, 4);
	Put(header + 24, *count, 8);
	Put(header + 32, entries + *count * LEAKED_ENTRY_BYTES, 8);
	status = Sha256(header, 128, header + 128);
	/* last, so that what breaks off is no filter */
	if (status == STATUS_OK)
		status = WriteAt(output_fd, header, sizeof(header), 0);
	return status;
}
