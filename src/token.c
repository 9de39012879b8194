/*
 * src/token.c: access tokens against the key ring and the configured claims policy.
 *
 * Depends on keyring.c, settings.c and the core.  Throws nothing, since the
 * check hook of intrex_auth.token calls it; but for TokenCheckIssuer(), which is the
 * part of a verification that needs issuer.c.
 */
#include "postgres.h"

#include <time.h>

#include "issuer.h"
#include "keyring.h"
#include "settings.h"
#include "token.h"

#include "core/base64url.h"
#include "core/jws.h"

/* More members and units than this make a token unreadable, not slow. */
#define TOKEN_MAX_JSON_TOKENS 4096

static uint8 payload_buffer[BASE64URL_DECODED(JWS_MAX_BYTES) + 1];
static JsonToken json_buffer[TOKEN_MAX_JSON_TOKENS];

/*
 * Is it a default issuer, of whichever database?  Which one this database has is in
 * a table, and asked by who may read it.
 */
static Status
CheckDefaultIssuer(const VerifiedToken *token)
{
	const JsonToken *iss;
	char		text[ISSUER_SIZE];
	size_t		length;

	if (token->claims.iss < 0)
		return STATUS_CLAIM_MISSING;
	iss = &token->doc.tokens[token->claims.iss];
	if (likely(!iss->escaped && iss->length == ISSUER_SIZE - 1 &&
			   memcmp(token->doc.text + iss->start, ISSUER_PREFIX, sizeof(ISSUER_PREFIX) - 1) == 0))
		return STATUS_OK;
	if (JsonString(&token->doc, token->claims.iss, text, sizeof(text), &length) != STATUS_OK ||
		length != ISSUER_SIZE - 1 || memcmp(text, ISSUER_PREFIX, strlen(ISSUER_PREFIX)) != 0)
		return STATUS_CLAIM_ISSUER;
	return STATUS_OK;
}

/* Roles of ours that code runs as: no token may name them, whatever the setting says. */
static const char *const inner_roles[] = {"auth_owner", "auth_hook"};

/* Is role one element of the comma-separated setting? */
bool
TokenRoleAllowed(const char *role, size_t length)
{
	const char *element = setting_api_roles;

	if (length == 0)
		return false;
	for (size_t i = 0; i < lengthof(inner_roles); i++)
	{
		if (length == strlen(inner_roles[i]) && memcmp(inner_roles[i], role, length) == 0)
			return false;
	}
	while (element != NULL && *element != '\0')
	{
		size_t		n;

		element += strspn(element, ", ");
		n = strcspn(element, ", ");
		if (n == length && memcmp(element, role, n) == 0)
			return true;
		element += n;
	}
	return false;
}

/*
 * The key that a token names.  Tokens that we signed carry a header that the
 * key has prepared, so that nothing of it needs reading.
 */
static Status
FindKey(const JwsParts *parts, const Jwk **key, const char **alg)
{
	static JwsHeader header;
	const JwkSet *set = KeyringGet(false);
	Status		status;

	if (set == NULL)
		return STATUS_KEY_NONE;
	for (size_t i = 0; i < set->count; i++)
	{
		const Jwk  *candidate = &set->keys[i];

		if (candidate->header != NULL &&
			candidate->header_length == parts->header_length &&
			memcmp(candidate->header, parts->token, parts->header_length) == 0)
		{
			*key = candidate;
			*alg = candidate->alg->name;
			return STATUS_OK;
		}
	}

	status = JwsReadHeader(parts, &header);
	if (status != STATUS_OK)
		return status;
	/* other kinds of token have their own typ (RFC 8725 §3.11) and key */
	if (header.typ[0] != '\0' && pg_strcasecmp(header.typ, "JWT") != 0)
		return STATUS_TOKEN_TYP;
	if (header.kid[0] == '\0')
		return STATUS_TOKEN_KID;
	*key = KeyringFind(header.kid, strlen(header.kid));
	if (*key == NULL)
		return KeyringGet(false) == NULL ? STATUS_KEY_NONE : STATUS_TOKEN_KID;
	*alg = header.alg;
	return STATUS_OK;
}

/* Parse a text into the static tokens; doc refers to the text. */
Status
TokenParse(const char *json, size_t length, VerifiedToken *out)
{
	out->payload_length = length;
	return JsonParse(json, length, json_buffer, TOKEN_MAX_JSON_TOKENS, &out->doc);
}

/* Decode the payload into the static buffers. */
Status
TokenPayload(const JwsParts *parts, VerifiedToken *out)
{
	size_t		length;
	Status		status;

	status = JwsPayload(parts, payload_buffer, sizeof(payload_buffer) - 1, &length);
	if (status != STATUS_OK)
		return status;
	payload_buffer[length] = '\0';
	return TokenParse((const char *) payload_buffer, length, out);
}

/* Could a token with this payload be read again? */
Status
TokenCheckReadable(const char *payload, size_t length, bool ours)
{
	VerifiedToken token;
	Status		status = TokenParse(payload, length, &token);

	if (status != STATUS_OK)
		return status;
	return ours ? ClaimsRead(&token.doc, &token.claims) : ClaimsReadForeign(&token.doc, &token.claims);
}

/* Decode and parse the payload, and find the claims. */
static Status
ReadPayload(const JwsParts *parts, VerifiedToken *out)
{
	Status		status = TokenPayload(parts, out);

	if (status != STATUS_OK)
		return status;
	return ClaimsRead(&out->doc, &out->claims);
}

/* Judge the claims by the configured policy, with leeway 0: we wrote the times ourselves. */
static Status
Judge(const VerifiedToken *token)
{
	const JsonDoc *doc = &token->doc;
	const JsonToken *role;
	ClaimsPolicy policy = {0};
	struct timespec now;
	Status		status;

	clock_gettime(CLOCK_REALTIME, &now);
	policy.issuer = setting_issuer[0] != '\0' ? setting_issuer : NULL;
	/* empty: our tokens name none, and none is demanded */
	policy.audience = setting_audience[0] != '\0' ? setting_audience : NULL;
	policy.now = now.tv_sec;
	policy.max_lifetime = setting_max_token_lifetime;

	status = ClaimsCheck(doc, &token->claims, &policy);
	if (status == STATUS_OK && policy.issuer == NULL)
		status = CheckDefaultIssuer(token);
	if (status != STATUS_OK)
		return status;
	if (token->claims.role < 0)
		return STATUS_CLAIM_ROLE;
	role = &doc->tokens[token->claims.role];
	if (role->escaped || !TokenRoleAllowed(doc->text + role->start, role->length))
		return STATUS_CLAIM_ROLE;
	return STATUS_OK;
}

/* Verify a token: header, key, signature, claims. */
Status
TokenVerify(const char *token, size_t length, VerifiedToken *out)
{
	JwsParts	parts;
	const Jwk  *key;
	const char *alg;
	Status		status;

	status = JwsSplit(token, length, &parts);
	if (status == STATUS_OK)
		status = FindKey(&parts, &key, &alg);
	if (status == STATUS_OK)
		status = JwsVerify(&parts, alg, key);
	if (status == STATUS_OK)
		status = ReadPayload(&parts, out);
	if (status == STATUS_OK)
		status = Judge(out);
	return status;
}

/* Is it of this database?  Reads a table, and so is not for check hooks. */
Status
TokenCheckIssuer(const VerifiedToken *token)
{
	const char *issuer = IssuerAccepted();

	if (issuer == NULL || token->claims.iss < 0 ||
		!JsonStringIs(&token->doc, token->claims.iss, issuer))
		return STATUS_CLAIM_ISSUER;
	return STATUS_OK;
}

/* Decode the payload of a token that somebody else verified. */
Status
TokenRead(const char *token, size_t length, VerifiedToken *out)
{
	JwsParts	parts;
	Status		status;

	status = JwsSplit(token, length, &parts);
	if (status == STATUS_OK)
		status = ReadPayload(&parts, out);
	return status;
}
