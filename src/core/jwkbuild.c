/*
 * src/core/jwkbuild.c: one key: its secret or key pair, and what is computed from it once.
 *
 * Depends on base64url, hmac, mem and pubkey.
 */
#include "jwkbuild.h"

#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "mem.h"

/* Is this non-empty text all printable ASCII? */
bool
JwkIsPrintable(const char *text, size_t length)
{
	size_t		i;

	for (i = 0; i < length; i++)
	{
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return length > 0;
}

/* Escape printable ASCII for a JSON string. */
size_t
JwkEscape(const char *text, char *out)
{
	char	   *start = out;

	for (; *text != '\0'; text++)
	{
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	return (size_t) (out - start);
}

/* Append a literal. */
static char *
Append(char *out, const char *text)
{
	size_t		length = strlen(text);

	memcpy(out, text, length);
	return out + length;
}

/* Compose and encode a header. */
Status
JwkHeader(const Jwk *jwk, const char *typ, char *out, size_t *length)
{
	char		text[JWK_HEADER_TEXT_MAX];
	char	   *end = text;

	*length = 0;
	if (strlen(typ) > JWK_TYP_MAX || !JwkIsPrintable(typ, strlen(typ)))
		return STATUS_ARGUMENT;

	end = Append(end, "{\"alg\":\"");
	end = Append(end, jwk->alg->name);
	end = Append(end, "\",\"typ\":\"");
	end += JwkEscape(typ, end);
	if (jwk->kid[0] != '\0')
	{
		end = Append(end, "\",\"kid\":\"");
		end += JwkEscape(jwk->kid, end);
	}
	end = Append(end, "\"}");
	*length = Base64UrlEncode((const uint8_t *) text, (size_t) (end - text), out);
	return STATUS_OK;
}

/* Set the thumbprint: the hash of the required members (RFC 7638 §3). */
static Status
Thumbprint(Jwk *jwk, const char *text, size_t length)
{
	uint8_t		hash[32];
	Status		status = Sha256(text, length, hash);

	if (status == STATUS_OK)
		jwk->thumbprint[Base64UrlEncode(hash, sizeof(hash), jwk->thumbprint)] = '\0';
	return status;
}

/*
 * Thumbprint of an oct key: its required members in the order of their names,
 * without white space (RFC 7638 §3.2).
 */
static Status
OctThumbprint(Jwk *jwk)
{
	char		text[32 + BASE64URL_LENGTH(JWK_SECRET_MAX)];
	char	   *end = text;
	Status		status;

	end = Append(end, "{\"k\":\"");
	end += Base64UrlEncode(jwk->secret, jwk->secret_length, end);
	end = Append(end, "\",\"kty\":\"oct\"}");
	status = Thumbprint(jwk, text, (size_t) (end - text));
	SecureWipe(text, sizeof(text));
	return status;
}

/* Append the name of a member, which opens its quotes, and bytes. */
static char *
AppendBytes(char *out, const char *name, const PubKeyMaterial *material, int member)
{
	out = Append(out, name);
	out += Base64UrlEncode(material->bytes[member], material->lengths[member], out);
	return Append(out, "\"");
}

/* Thumbprint of another key (RFC 7638 §3.2, RFC 8037 §2), in the order of the names as well. */
static Status
PairThumbprint(Jwk *jwk)
{
	const PubKeyShape *shape = &pubkey_shapes[PubKeyGetKind(jwk->pubkey)];
	PubKeyMaterial material;
	char		text[64 + 2 * BASE64URL_LENGTH(PUBKEY_MEMBER_MAX)];
	char	   *end = text;
	Status		status;

	status = PubKeyExport(jwk->pubkey, false, &material);
	if (status != STATUS_OK)
		return status;
	if (shape->crv == NULL)
	{
		end = AppendBytes(end, "{\"e\":\"", &material, 1);
		end = AppendBytes(end, ",\"kty\":\"RSA\",\"n\":\"", &material, 0);
	}
	else
	{
		end = Append(end, "{\"crv\":\"");
		end = Append(end, shape->crv);
		end = Append(end, "\",\"kty\":\"");
		end = Append(end, key_type_names[jwk->alg->type]);
		end = AppendBytes(end, "\",\"x\":\"", &material, 0);
		if (shape->public_members > 1)
			end = AppendBytes(end, ",\"y\":\"", &material, 1);
	}
	end = Append(end, "}");
	return Thumbprint(jwk, text, (size_t) (end - text));
}

/* Keep the header with which this key signs. */
Status
JwkPrepareHeader(Jwk *jwk)
{
	char		header[JWK_HEADER_MAX];
	size_t		length;
	Status		status;

	status = JwkHeader(jwk, "JWT", header, &length);
	if (status != STATUS_OK)
		return status;
	free(jwk->header);
	jwk->header = malloc(length);
	if (jwk->header == NULL)
		return STATUS_MEMORY;
	memcpy(jwk->header, header, length);
	jwk->header_length = length;
	return STATUS_OK;
}

/* Complete an oct key.  On failure the caller clears it. */
Status
JwkAssignSecret(Jwk *jwk, const uint8_t *secret, size_t length)
{
	const KeyAlgorithm *alg = jwk->alg;
	Status		status;

	if (length < alg->min_bytes)
		return STATUS_KEY_WEAK;
	if (length > alg->max_bytes)
		return STATUS_KEY_FORMAT;

	jwk->secret = malloc(length);
	if (jwk->secret == NULL)
		return STATUS_MEMORY;
	memcpy(jwk->secret, secret, length);
	jwk->secret_length = length;

	status = OctThumbprint(jwk);
	if (status == STATUS_OK && alg->use != KEY_SEAL)
		status = HmacKeyNew(alg->hash, secret, length, &jwk->hmac);
	if (status == STATUS_OK && alg->use == KEY_SIGN)
		status = JwkPrepareHeader(jwk);
	return status;
}

/* Complete a key of another type.  On failure the caller clears it. */
Status
JwkAssignPair(Jwk *jwk, PubKey *pubkey)
{
	Status		status;

	jwk->pubkey = pubkey;
	status = PairThumbprint(jwk);
	if (status == STATUS_OK)
		status = JwkPrepareHeader(jwk);
	return status;
}

/* Wipe and free what a key holds. */
void
JwkClear(Jwk *jwk)
{
	SecureFree(jwk->secret, jwk->secret_length);
	HmacKeyFree(jwk->hmac);
	PubKeyFree(jwk->pubkey);
	free(jwk->header);
	SecureWipe(jwk, sizeof(*jwk));
}
