/*
 * src/attempts.h: the books of the throttle: attempts and failures in a row.
 */
#ifndef ATTEMPTS_H
#define ATTEMPTS_H

#include "postgres.h"

#include "utils/relcache.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

/* The tables and what their rows are judged by. */
typedef struct Books
{
	Relation	attempts;
	Oid			by_identifier;
	Oid			by_address;
	Relation	failures;
	Relation	by_failure;
	Snapshot	now;
} Books;

/* Attempts within the window. */
typedef struct Recent
{
	int			count;
	TimestampTz oldest;
} Recent;

/* What is known of an identifier. */
typedef struct History
{
	int64		failures;		/* in a row */
	TimestampTz since;			/* they are counted from here on */
	TimestampTz last;			/* latest attempt */
	Recent		recent;
	Recent		recent_here;	/* from the address that is asking */
} History;

/* Open the tables for writing; refuses where that is not possible (25006). */
extern void BooksOpen(Books *books, const char *function);

/* Take the snapshot that rows are judged by: after the lock, so that it sees what the last holder did. */
extern void BooksLook(Books *books);

/* Close the tables; their locks stay to the end of the transaction, as for any write. */
extern void BooksClose(Books *books);

/* What is known of an identifier; attempts after window are recent, those of address are here. */
extern void BooksReadHistory(const Books *books, int64 identifier, int64 address,
							 TimestampTz window, History *history);

/* What an address tried after window. */
extern void BooksReadAddress(const Books *books, int64 address, TimestampTz window,
							 Recent *recent);

/* Write an attempt down for good, whatever becomes of the transaction. */
extern void BooksAddAttempt(const Books *books, TimestampTz at, int64 identifier, int64 address);

/* Begin a new count of failures; an ordinary row, which ROLLBACK takes back. */
extern void BooksAddReset(const Books *books, int64 identifier, TimestampTz since);

#endif							/* ATTEMPTS_H */
