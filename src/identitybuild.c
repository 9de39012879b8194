/*
 * src/identitybuild.c: from a token to an identity, and the parts of an identity.
 *
 * Depends on token.c (signature and claims).  An identity is one flat allocation,
 * because guc.c frees it in one piece, unwiped: no key is in it.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "compat.h"
#include "identitybuild.h"
#include "keyring.h"
#include "settings.h"
#include "token.h"

#include "core/mem.h"

#define ADMIN_ROLE "auth_platform"

/* Memory that is kept from one token to the next. */
typedef struct Kept
{
	char	   *start;
	size_t		size;
	size_t		used;			/* bytes that are to be wiped before it is freed */
} Kept;

/*
 * The last token that verified in this backend, and under which keys and
 * settings: an equal one needs no second signature check.  A cache of a pure
 * function, so it may outlive the setting itself.
 */
static struct
{
	Kept		token;
	size_t		length;			/* of the token; 0: none is remembered */
	size_t		signature;		/* where its signature begins */
	uint64		generation;		/* of key ring and settings, both of which only grow */
	Kept		identity;
}			last_verified;

/* A part of the identity by its offset. */
static inline const char *
At(const Identity *identity, PartOffset offset)
{
	return offset ? (const char *) identity + offset : NULL;
}

/* Values of the hexadecimal digits, with a bit that no other character has. */
#define IS_HEX 0x10
static const uint8 hex_digits[256] = {
	['0'] = IS_HEX | 0,['1'] = IS_HEX | 1,['2'] = IS_HEX | 2,['3'] = IS_HEX | 3,
	['4'] = IS_HEX | 4,['5'] = IS_HEX | 5,['6'] = IS_HEX | 6,['7'] = IS_HEX | 7,
	['8'] = IS_HEX | 8,['9'] = IS_HEX | 9,
	['a'] = IS_HEX | 10,['b'] = IS_HEX | 11,['c'] = IS_HEX | 12,
	['d'] = IS_HEX | 13,['e'] = IS_HEX | 14,['f'] = IS_HEX | 15,
	['A'] = IS_HEX | 10,['B'] = IS_HEX | 11,['C'] = IS_HEX | 12,
	['D'] = IS_HEX | 13,['E'] = IS_HEX | 14,['F'] = IS_HEX | 15
};

/*
 * Parse a uuid without throwing; only the canonical 36 characters.  By a table
 * and without a branch on a digit: digits are random, and four uuids of
 * mispredicted branches would cost a fifth of a verification.
 */
static bool
ParseUuid(const char *text, size_t length, pg_uuid_t *out)
{
	static const uint8 places[UUID_LEN] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
	const uint8 *p = (const uint8 *) text;
	uint8		all = IS_HEX;

	if (length != 36 || p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-')
		return false;
	for (int i = 0; i < UUID_LEN; i++)
	{
		uint8		high = hex_digits[p[places[i]]];
		uint8		low = hex_digits[p[places[i] + 1]];

		all &= high & low;
		out->data[i] = (unsigned char) (high << 4 | (low & 15));
	}
	return all == IS_HEX;
}

/* Append a claim as a NUL-terminated string; returns its offset, 0 when absent. */
static Status
PutString(Identity *identity, size_t *used, const JsonDoc *doc, int token, PartOffset *offset)
{
	size_t		length;
	Status		status;

	*offset = 0;
	if (token < 0)
		return STATUS_OK;
	status = JsonString(doc, token, (char *) identity + *used, identity->size - *used, &length);
	if (status == STATUS_OK)
	{
		*offset = (PartOffset) *used;
		*used += length + 1;
	}
	return status;
}

/* Read a uuid claim; an absent one is fine, another text is not. */
static Status
PutUuid(const JsonDoc *doc, int token, pg_uuid_t *out, bool *present)
{
	const JsonToken *string;
	const char *text;
	size_t		length;
	char		unescaped[64];

	*present = false;
	if (token < 0)
		return STATUS_OK;
	string = &doc->tokens[token];
	text = doc->text + string->start;
	length = string->length;
	if (string->escaped)
	{
		if (JsonString(doc, token, unescaped, sizeof(unescaped), &length) != STATUS_OK)
			return STATUS_CLAIM_TYPE;
		text = unescaped;
	}
	if (string->type != JSON_STRING || !ParseUuid(text, length, out))
		return STATUS_CLAIM_TYPE;
	*present = true;
	return STATUS_OK;
}

/* Append the unit_ids claim. */
static Status
PutUnits(Identity *identity, size_t *used, const JsonDoc *doc, int token)
{
	pg_uuid_t  *units;
	bool		present;
	int			element;

	identity->units = 0;
	identity->unit_count = 0;
	if (token < 0)
		return STATUS_OK;
	*used = MAXALIGN(*used);
	units = (pg_uuid_t *) ((char *) identity + *used);
	element = token + 1;
	for (uint32 i = 0; i < doc->tokens[token].count; i++)
	{
		if (PutUuid(doc, element, &units[i], &present) != STATUS_OK)
			return STATUS_CLAIM_TYPE;
		element = doc->tokens[element].next;
	}
	identity->unit_count = doc->tokens[token].count;
	identity->units = (PartOffset) *used;
	*used += sizeof(pg_uuid_t) * identity->unit_count;
	return STATUS_OK;
}

/* Units that the claims name. */
static uint32
UnitCount(const VerifiedToken *token)
{
	int			unit_ids = token->claims.unit_ids;

	return unit_ids < 0 ? 0 : token->doc.tokens[unit_ids].count;
}

/* Bytes that MakeIdentity() may need: every claim is a part of the payload. */
static size_t
IdentitySize(const VerifiedToken *token)
{
	return sizeof(Identity) + token->payload_length + 64 +
		UnitCount(token) * sizeof(pg_uuid_t);
}

/*
 * Make the identity of a payload, in one flat piece of IdentitySize() bytes.
 * sub may be no uuid (then uid() is NULL); the other ids are ours and must be.
 */
static Status
MakeIdentity(const VerifiedToken *token, Identity *identity)
{
	const Claims *claims = &token->claims;
	const JsonDoc *doc = &token->doc;
	Status		status;
	size_t		used = sizeof(Identity);
	bool		present;

	memset(identity, 0, sizeof(Identity));
	identity->size = IdentitySize(token);
	identity->expires_at = (claims->exp -
							((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)) * USECS_PER_SEC;

	status = PutString(identity, &used, doc, claims->iss, &identity->issuer);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->sub, &identity->subject);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->role, &identity->role);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->email, &identity->email);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->tenant_role, &identity->tenant_role);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->aal, &identity->aal);
	if (status == STATUS_OK)
		status = PutUuid(doc, claims->tenant_id, &identity->tenant, &identity->has_tenant);
	if (status == STATUS_OK)
		status = PutUuid(doc, claims->session_id, &identity->session, &identity->has_session);
	if (status == STATUS_OK)
		status = PutUnits(identity, &used, doc, claims->unit_ids);
	if (status != STATUS_OK)
		return status;
	if (PutUuid(doc, claims->sub, &identity->user, &present) == STATUS_OK)
		identity->has_user = present;
	identity->is_admin = identity->role && strcmp(At(identity, identity->role), ADMIN_ROLE) == 0;
	identity->size = used;
	return STATUS_OK;
}

/* A copy that guc.c can free. */
Identity *
IdentityCopy(const Identity *identity)
{
	Identity   *copy = GucMalloc(identity->size);

	if (copy != NULL)
		memcpy(copy, identity, identity->size);
	return copy;
}

/* The identity of a token that somebody else verified: parsed, not verified. */
Status
IdentityRead(const char *token, Identity **out)
{
	VerifiedToken read;
	Identity   *identity;
	Status		status;

	*out = NULL;
	status = TokenRead(token, strlen(token), &read);
	if (status != STATUS_OK)
		return status;
	identity = GucMalloc(IdentitySize(&read));
	if (identity == NULL)
		return STATUS_MEMORY;
	status = MakeIdentity(&read, identity);
	if (status != STATUS_OK)
	{
		GucFree(identity);
		return status;
	}
	*out = identity;
	return STATUS_OK;
}

/* Make room in kept memory. */
static bool
Keep(Kept *kept, size_t size)
{
	if (kept->size >= size)
		return true;
	SecureFree(kept->start, kept->used);
	kept->used = 0;
	kept->size = TYPEALIGN(1024, size);
	kept->start = malloc(kept->size);
	if (kept->start == NULL)
		kept->size = 0;
	return kept->start != NULL;
}

/*
 * Is it, byte for byte, the token that verified last, under the same keys and
 * settings?  The signature, which is what an attacker lacks, is compared first
 * and in constant time; the rest of a token is no secret from who has that.
 */
static bool
IsLastVerified(const char *token, size_t length)
{
	size_t		signature = last_verified.signature;

	return length > 0 && last_verified.length == length &&
		KeyringGet(false) != NULL &&
		last_verified.generation == KeyringGeneration() + SettingsGeneration() &&
		ConstantTimeEqual(last_verified.token.start + signature, token + signature,
						  length - signature) &&
		memcmp(last_verified.token.start, token, signature) == 0;
}

/* Remember the token of the kept identity; failing to is no harm. */
static void
RememberVerified(const char *token, size_t length)
{
	Kept	   *kept = &last_verified.token;

	if (!Keep(kept, length))
		return;
	memcpy(kept->start, token, length);
	/* that overwrites the former token, but for what it was longer */
	if (kept->used > length)
		SecureWipe(kept->start + length, kept->used - length);
	kept->used = length;
	last_verified.length = length;
	last_verified.signature = (size_t) (strrchr(token, '.') - token);
	last_verified.generation = KeyringGeneration() + SettingsGeneration();
}

/*
 * From a token to its identity: signature, claims, and what we demand of a
 * context.  The identity is good until the next call.  doc becomes the claims,
 * good as long, or is empty when the token did not have to be read.
 */
Status
IdentityVerify(const char *token, const Identity **out, JsonDoc *doc)
{
	size_t		length = strlen(token);
	VerifiedToken verified;
	Identity   *identity;
	Status		status;

	*out = NULL;
	*doc = (JsonDoc) {0};
	if (IsLastVerified(token, length))
	{
		identity = (Identity *) last_verified.identity.start;
		if (identity->expires_at <= GetCurrentTimestamp())
			return STATUS_CLAIM_EXPIRED;
		*out = identity;
		return STATUS_OK;
	}

	status = TokenVerify(token, length, &verified);
	if (status != STATUS_OK)
		return status;

	/* from here on the kept identity is another one */
	last_verified.length = 0;
	if (!Keep(&last_verified.identity, IdentitySize(&verified)))
		return STATUS_MEMORY;
	identity = (Identity *) last_verified.identity.start;
	status = MakeIdentity(&verified, identity);
	if (status != STATUS_OK)
		return status;

	/* with the session check on, nobody without a session has an identity */
	if (setting_session_check && !(identity->has_session && identity->has_user))
		return STATUS_CLAIM_MISSING;
	RememberVerified(token, length);
	*out = identity;
	*doc = verified.doc;
	return STATUS_OK;
}

/* iss */
const char *
IdentityIssuer(const Identity *identity)
{
	return At(identity, identity->issuer);
}

/* sub, as a uuid */
const pg_uuid_t *
IdentityUserId(const Identity *identity)
{
	return identity->has_user ? &identity->user : NULL;
}

/* tenant_id */
const pg_uuid_t *
IdentityTenantId(const Identity *identity)
{
	return identity->has_tenant ? &identity->tenant : NULL;
}

/* session_id */
const pg_uuid_t *
IdentitySessionId(const Identity *identity)
{
	return identity->has_session ? &identity->session : NULL;
}

/* sub, as text */
const char *
IdentitySubject(const Identity *identity)
{
	return At(identity, identity->subject);
}

/* role: the database role */
const char *
IdentityRole(const Identity *identity)
{
	return At(identity, identity->role);
}

/* email */
const char *
IdentityEmail(const Identity *identity)
{
	return At(identity, identity->email);
}

/* aal */
const char *
IdentityAal(const Identity *identity)
{
	return At(identity, identity->aal);
}

/* The role in the tenant as it is now; as signed when sessions are not checked. */
const char *
IdentityTenantRole(const Identity *identity)
{
	if (!setting_session_check)
		return At(identity, identity->tenant_role);
	return identity->has_tenant ? identity->membership.role : NULL;
}

/* The units that the member is bound to, likewise. */
int
IdentityUnits(const Identity *identity, const pg_uuid_t **units)
{
	if (setting_session_check)
	{
		*units = identity->membership.units;
		return identity->has_tenant ? identity->membership.unit_count : 0;
	}
	*units = (const pg_uuid_t *) At(identity, identity->units);
	return identity->unit_count;
}
