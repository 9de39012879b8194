/*
 * src/address.h: the address of the client that is being served.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "postgres.h"

typedef struct ClientAddress
{
	int			length;			/* bytes: 4, 16, or 0 when the address is unknown */
	uint8		bytes[16];		/* network order; IPv4 in IPv6 is IPv4 */
} ClientAddress;

/* Whom the attempts of this connection are counted against; see address.c. */
extern void ClientAddressGet(ClientAddress *address);

/* The same as an inet; unknown says whether it is NULL. */
extern Datum ClientAddressDatum(bool *unknown);

#endif							/* ADDRESS_H */
