/*
 * src/core/leaked.c: reading the filter of leaked passwords.
 *
 * Depends on libcrypto, mem and POSIX files.  The file is read by pread(), a
 * few hundred bytes at a time, and not mapped: were it cut while it is mapped,
 * the next access would be SIGBUS and the end of the process, here it is a
 * short read.  Every number in it is checked before it is used.
 */
#include "leaked.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "mem.h"

#define HEADER_SIGNED 128		/* bytes that its checksum covers */

static const uint8_t magic[8] = {'i', 'x', 'l', 'e', 'a', 'k', '\r', '\n'};

/* A 32-bit number of the file. */
static uint32_t
Get32(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 |
		(uint32_t) bytes[2] << 8 | bytes[3];
}

/* Are these bytes all zero? */
static bool
IsZero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/* Bytes at an offset, all of them. */
Status
LeakedRead(int fd, void *out, size_t length, uint64_t offset)
{
	size_t		done = 0;

	while (done < length)
	{
		ssize_t		n = pread(fd, (char *) out + done, length - done, (off_t) (offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return STATUS_FILE;
		if (n == 0)
			return STATUS_FILTER_FORMAT;
		done += (size_t) n;
	}
	return STATUS_OK;
}

/* SHA-1 of a password. */
Status
LeakedHash(const void *password, size_t length, uint8_t out[LEAKED_HASH_BYTES])
{
	size_t		written = 0;

	if (EVP_Q_digest(NULL, "SHA1", NULL, password, length, out, &written) != 1 ||
		written != LEAKED_HASH_BYTES)
		return STATUS_CRYPTO;
	return STATUS_OK;
}

/* Read and check the header. */
Status
LeakedOpen(int fd, LeakedFilter *filter)
{
	uint8_t		header[LEAKED_HEADER_BYTES];
	uint8_t		digest[32];
	uint64_t	length;
	uint32_t	bits;
	struct stat st;
	Status		status;

	memset(filter, 0, sizeof(*filter));
	if (fstat(fd, &st) != 0)
		return STATUS_FILE;
	if (!S_ISREG(st.st_mode))
		return STATUS_FILTER_FORMAT;
	status = LeakedRead(fd, header, sizeof(header), 0);
	if (status != STATUS_OK)
		return status;

	/* the version may change all that follows it */
	if (memcmp(header, magic, sizeof(magic)) != 0)
		return STATUS_FILTER_FORMAT;
	if (Get32(header + 8) != 1)
		return STATUS_FILTER_VERSION;
	status = Sha256(header, HEADER_SIGNED, digest);
	if (status != STATUS_OK)
		return status;
	if (memcmp(digest, header + HEADER_SIGNED, sizeof(digest)) != 0)
		return STATUS_FILTER_FORMAT;
	if (Get32(header + 12) != 1)
		return STATUS_FILTER_VERSION;

	/* in this order nothing overflows */
	bits = Get32(header + 16);
	if (bits > LEAKED_MAX_BUCKET_BITS || !IsZero(header + 20, 4) || !IsZero(header + 104, 24))
		return STATUS_FILTER_FORMAT;
	filter->bucket_bits = (int) bits;
	filter->entries = LEAKED_HEADER_BYTES + ((uint64_t) 1 << bits) * LEAKED_INDEX_BYTES;
	filter->count = LeakedGet64(header + 24);
	length = LeakedGet64(header + 32);
	if (st.st_size < 0 || length != (uint64_t) st.st_size || length < filter->entries ||
		(length - filter->entries) % LEAKED_ENTRY_BYTES != 0 ||
		(length - filter->entries) / LEAKED_ENTRY_BYTES != filter->count)
		return STATUS_FILTER_FORMAT;
	memcpy(filter->index_digest, header + 40, 32);
	memcpy(filter->entries_digest, header + 72, 32);
	filter->fd = fd;
	return STATUS_OK;
}

/* Where the entries of a bucket begin, and how many there are. */
static Status
FindBucket(const LeakedFilter *filter, uint64_t bucket, uint64_t *first, uint64_t *count)
{
	uint8_t		bounds[2 * LEAKED_INDEX_BYTES] = {0};
	uint64_t	end;
	Status		status;

	if (bucket == 0)
		status = LeakedRead(filter->fd, bounds + LEAKED_INDEX_BYTES, LEAKED_INDEX_BYTES,
							LEAKED_HEADER_BYTES);
	else
		status = LeakedRead(filter->fd, bounds, sizeof(bounds),
							LEAKED_HEADER_BYTES + (bucket - 1) * LEAKED_INDEX_BYTES);
	if (status != STATUS_OK)
		return status;
	*first = LeakedGet64(bounds);
	end = LeakedGet64(bounds + LEAKED_INDEX_BYTES);
	if (*first > end || end > filter->count || end - *first > LEAKED_MAX_BUCKET)
		return STATUS_FILTER_FORMAT;
	*count = end - *first;
	return STATUS_OK;
}

/* Is a hash in the filter? */
Status
LeakedContainsHash(const LeakedFilter *filter,
				   const uint8_t hash[LEAKED_HASH_BYTES], bool *found)
{
	uint8_t		entries[LEAKED_MAX_BUCKET * LEAKED_ENTRY_BYTES];
	uint8_t		wanted[LEAKED_ENTRY_BYTES];
	uint64_t	prefix = LeakedGet64(hash);
	uint64_t	bucket = 0;
	uint64_t	first;
	uint64_t	count;
	Status		status;

	*found = false;
	if (filter->bucket_bits > 0)	/* a shift by 64 is not defined */
		bucket = prefix >> (64 - filter->bucket_bits);
	prefix <<= filter->bucket_bits;
	for (int i = 0; i < LEAKED_ENTRY_BYTES; i++)
		wanted[i] = (uint8_t) (prefix >> (56 - 8 * i));

	status = FindBucket(filter, bucket, &first, &count);
	if (status == STATUS_OK)
		status = LeakedRead(filter->fd, entries, (size_t) count * LEAKED_ENTRY_BYTES,
							filter->entries + first * LEAKED_ENTRY_BYTES);
	for (uint64_t i = 0; status == STATUS_OK && i < count; i++)
	{
		if (memcmp(entries + i * LEAKED_ENTRY_BYTES, wanted, LEAKED_ENTRY_BYTES) == 0)
			*found = true;
	}
	SecureWipe(wanted, sizeof(wanted));
	return status;
}

/* Is a password in the filter? */
Status
LeakedContains(const LeakedFilter *filter, const void *password, size_t length, bool *found)
{
	uint8_t		hash[LEAKED_HASH_BYTES];
	Status		status;

	*found = false;
	status = LeakedHash(password, length, hash);
	if (status == STATUS_OK)
		status = LeakedContainsHash(filter, hash, found);
	SecureWipe(hash, sizeof(hash));
	return status;
}

/* Compare the digest of a part of the file with what the header says. */
static Status
VerifyPart(const LeakedFilter *filter, uint64_t offset, uint64_t end, const uint8_t expected[32])
{
	static const size_t chunk = 65536;
	uint8_t		buffer[65536];
	uint8_t		digest[32];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	Status		status = STATUS_MEMORY;

	if (context == NULL)
		return status;
	status = EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 ? STATUS_OK : STATUS_CRYPTO;
	while (status == STATUS_OK && offset < end)
	{
		size_t		length = end - offset < chunk ? (size_t) (end - offset) : chunk;

		status = LeakedRead(filter->fd, buffer, length, offset);
		if (status == STATUS_OK && EVP_DigestUpdate(context, buffer, length) != 1)
			status = STATUS_CRYPTO;
		offset += length;
	}
	if (status == STATUS_OK && EVP_DigestFinal_ex(context, digest, NULL) != 1)
		status = STATUS_CRYPTO;
	if (status == STATUS_OK && memcmp(digest, expected, sizeof(digest)) != 0)
		status = STATUS_FILTER_FORMAT;
	EVP_MD_CTX_free(context);
	return status;
}

/* Do the buckets follow one another, and end with the last entry? */
static Status
VerifyIndex(const LeakedFilter *filter)
{
	uint8_t		ends[512 * LEAKED_INDEX_BYTES];
	uint64_t	buckets = (uint64_t) 1 << filter->bucket_bits;
	uint64_t	previous = 0;

	for (uint64_t bucket = 0; bucket < buckets; bucket += 512)
	{
		uint64_t	count = buckets - bucket < 512 ? buckets - bucket : 512;
		Status		status = LeakedRead(filter->fd, ends, (size_t) count * LEAKED_INDEX_BYTES,
										LEAKED_HEADER_BYTES + bucket * LEAKED_INDEX_BYTES);

		if (status != STATUS_OK)
			return status;
		for (uint64_t i = 0; i < count; i++)
		{
			uint64_t	end = LeakedGet64(ends + i * LEAKED_INDEX_BYTES);

			if (end < previous || end - previous > LEAKED_MAX_BUCKET)
				return STATUS_FILTER_FORMAT;
			previous = end;
		}
	}
	return previous == filter->count ? STATUS_OK : STATUS_FILTER_FORMAT;
}

/* Read all of the file. */
Status
LeakedVerify(const LeakedFilter *filter)
{
	Status		status = VerifyIndex(filter);

	if (status == STATUS_OK)
		status = VerifyPart(filter, LEAKED_HEADER_BYTES, filter->entries, filter->index_digest);
	if (status == STATUS_OK)
		status = VerifyPart(filter, filter->entries,
							filter->entries + filter->count * LEAKED_ENTRY_BYTES,
							filter->entries_digest);
	return status;
}
