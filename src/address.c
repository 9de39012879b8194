/*
 * src/address.c: the address of the client that is being served.
 *
 * Depends on inet_client_addr() and, where intrex_auth.trusted_proxies says so, on
 * PostgREST's setting request.headers (request.c).
 *
 * X-Forwarded-For is a list to which each proxy appends the address that it saw.
 * So what n trusted proxies wrote are the last n entries, and the n-th from the
 * right is the client; everything left of it is what the client says of itself.
 * Whoever may run SQL of his own can set request.headers: then the limits per
 * identifier are what holds.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "utils/fmgrprotos.h"
#include "utils/inet.h"

#include "address.h"
#include "compat.h"
#include "request.h"
#include "settings.h"

SQL_FUNCTION(intrex_auth_client_address);

static const uint8 ipv4_in_ipv6[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Take the bytes of an address; what is IPv4 within IPv6 becomes IPv4. */
static void
SetAddress(ClientAddress *address, const void *bytes, int length)
{
	memset(address, 0, sizeof(*address));
	if (length == 16 && memcmp(bytes, ipv4_in_ipv6, sizeof(ipv4_in_ipv6)) == 0)
	{
		bytes = (const uint8 *) bytes + sizeof(ipv4_in_ipv6);
		length = 4;
	}
	memcpy(address->bytes, bytes, length);
	address->length = length;
}

/* The other end of the connection; unknown for Unix sockets and background workers. */
static void
PeerAddress(ClientAddress *address)
{
	LOCAL_FCINFO(call, 0);
	Datum		peer;

	address->length = 0;
	InitFunctionCallInfoData(*call, NULL, 0, InvalidOid, NULL, NULL);
	peer = inet_client_addr(call);
	if (!call->isnull)
		SetAddress(address, ip_addr(DatumGetInetPP(peer)), ip_addrsize(DatumGetInetPP(peer)));
}

/* Parse "192.0.2.1", "192.0.2.1:443", "2001:db8::1" or "[2001:db8::1]:443". */
static bool
ParseAddress(const char *start, size_t length, ClientAddress *address)
{
	char		text[INET6_ADDRSTRLEN];
	const char *end;
	uint8		bytes[16];

	if (length > 0 && *start == '[')
	{
		end = memchr(start, ']', length);
		if (end == NULL)
			return false;
		start++;
		length = end - start;
	}
	else
	{
		/* one colon is a port; more are IPv6 */
		end = memchr(start, ':', length);
		if (end != NULL && memchr(end + 1, ':', length - (end + 1 - start)) == NULL)
			length = end - start;
	}
	if (length == 0 || length >= sizeof(text))
		return false;
	memcpy(text, start, length);
	text[length] = '\0';

	if (inet_pton(AF_INET, text, bytes) == 1)
		SetAddress(address, bytes, 4);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		SetAddress(address, bytes, 16);
	else
		return false;
	return true;
}

/* The n-th entry from the right of a list. */
static bool
NthFromRight(const char *list, size_t length, int n, ClientAddress *address)
{
	const char *end = list + length;
	const char *start = end;

	for (;;)
	{
		while (start > list && start[-1] != ',')
			start--;
		if (--n == 0)
			break;
		if (start == list)
			return false;
		end = --start;
	}
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return ParseAddress(start, end - start, address);
}

/* The address that the outermost trusted proxy saw. */
static bool
ForwardedAddress(ClientAddress *address)
{
	char	   *list;
	bool		found;

	if (RequestGet("request.headers", "x-forwarded-for", &list) != REQUEST_FOUND)
		return false;
	found = NthFromRight(list, strlen(list), setting_trusted_proxies, address);
	pfree(list);
	return found;
}

/* The client's address; the peer's when there is no proxy or its header is unusable. */
void
ClientAddressGet(ClientAddress *address)
{
	if (setting_trusted_proxies == 0 || !ForwardedAddress(address))
		PeerAddress(address);
}

/* Whom the attempts of this connection are counted against, as an inet. */
Datum
ClientAddressDatum(bool *unknown)
{
	ClientAddress address;
	inet	   *result;

	ClientAddressGet(&address);
	*unknown = address.length == 0;
	if (*unknown)
		return (Datum) 0;
	result = palloc0(sizeof(inet));
	ip_family(result) = address.length == 4 ? PGSQL_AF_INET : PGSQL_AF_INET6;
	ip_bits(result) = address.length * BITS_PER_BYTE;
	memcpy(ip_addr(result), address.bytes, address.length);
	SET_INET_VARSIZE(result);
	return InetPGetDatum(result);
}

/* SQL function: auth.client_address() returns inet */
Datum
intrex_auth_client_address(PG_FUNCTION_ARGS)
{
	bool		unknown;
	Datum		address = ClientAddressDatum(&unknown);

	if (unknown)
		PG_RETURN_NULL();
	return address;
}
