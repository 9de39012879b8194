/*
 * src/core/jwkwrite.c: serializing key sets.
 *
 * Depends on base64url, mem, pubkey and jwkbuild.
 */
#include "jwkbuild.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "mem.h"

/* More than the fixed text of one key and of the set around the keys. */
#define KEY_TEXT_MAX 512

/* The text so far; it was made large enough for all. */
typedef struct Writer
{
	char	   *end;
	bool		indent;
	bool		first_member;	/* of the key being written */
} Writer;

/* Append text. */
static void
Put(Writer *writer, const char *text)
{
	size_t		length = strlen(text);

	memcpy(writer->end, text, length);
	writer->end += length;
}

/* Append the name of the next member of a key. */
static void
PutName(Writer *writer, const char *name)
{
	if (!writer->first_member)
		Put(writer, ",");
	if (writer->indent)
		Put(writer, "\n      ");
	writer->first_member = false;
	Put(writer, "\"");
	Put(writer, name);
	Put(writer, writer->indent ? "\": " : "\":");
}

/* Append a member with a string of printable ASCII. */
static void
PutString(Writer *writer, const char *name, const char *value)
{
	PutName(writer, name);
	Put(writer, "\"");
	writer->end += JwkEscape(value, writer->end);
	Put(writer, "\"");
}

/* Append a member with bytes, encoded in place: secrets leave no copy elsewhere. */
static void
PutBytes(Writer *writer, const char *name, const uint8_t *bytes, size_t length)
{
	PutName(writer, name);
	Put(writer, "\"");
	writer->end += Base64UrlEncode(bytes, length, writer->end);
	Put(writer, "\"");
}

/* Append the members of a key pair, or its public ones. */
static Status
WritePair(Writer *writer, const PubKey *pubkey, bool private_parts)
{
	const PubKeyShape *shape = &pubkey_shapes[PubKeyGetKind(pubkey)];
	PubKeyMaterial material;
	Status		status;
	int			i;

	status = PubKeyExport(pubkey, private_parts, &material);
	if (status != STATUS_OK)
		return status;
	if (shape->crv != NULL)
		PutString(writer, "crv", shape->crv);
	for (i = 0; i < shape->all_members; i++)
	{
		if (material.lengths[i] > 0)
			PutBytes(writer, shape->members[i], material.bytes[i], material.lengths[i]);
	}
	SecureWipe(&material, sizeof(material));
	return STATUS_OK;
}

/* Append the members that are the key itself; private parts are for the ring alone. */
static Status
WriteMaterial(Writer *writer, const Jwk *jwk, JwkSetView view)
{
	switch (jwk->alg->type)
	{
		case KEY_OCT:
			PutBytes(writer, "k", jwk->secret, jwk->secret_length);
			return STATUS_OK;
		case KEY_RSA:
		case KEY_EC:
		case KEY_OKP:
			return WritePair(writer, jwk->pubkey,
							 view == JWKSET_ALL && PubKeyIsPrivate(jwk->pubkey));
	}
	return STATUS_KEY_TYPE;
}

/* Room for those members, encoded. */
static size_t
MaterialSize(const Jwk *jwk)
{
	const PubKeyShape *shape;
	size_t		bytes;

	if (jwk->pubkey == NULL)
		return BASE64URL_LENGTH(jwk->secret_length);

	/* No part of an RSA key is longer than its modulus. */
	shape = &pubkey_shapes[PubKeyGetKind(jwk->pubkey)];
	bytes = shape->member_bytes > 0 ? shape->member_bytes : PubKeySignatureBytes(jwk->pubkey);
	return (size_t) shape->all_members * BASE64URL_LENGTH(bytes);
}

/* Does a view show a key? */
static bool
IsShown(const Jwk *jwk, JwkSetView view)
{
	bool		verifies = jwk->alg->use == KEY_SIGN && jwk->can_verify &&
	jwk->state != KEY_RETIRED;

	switch (view)
	{
		case JWKSET_ALL:
			return true;
		case JWKSET_VERIFY:
			return verifies;
		case JWKSET_PUBLIC:
			return verifies && jwk->alg->type != KEY_OCT;
	}
	return false;
}

/* Append a key. */
static Status
WriteKey(Writer *writer, const Jwk *jwk, JwkSetView view)
{
	const KeyUseNames *use = &key_use_names[jwk->alg->use];
	char		since[32];
	Status		status;

	Put(writer, writer->indent ? "\n    {" : "{");
	writer->first_member = true;
	PutString(writer, "kty", key_type_names[jwk->alg->type]);
	if (use->use != NULL)
		PutString(writer, "use", use->use);
	else
	{
		PutName(writer, "key_ops");
		Put(writer, "[\"");
		Put(writer, use->make);
		Put(writer, "\"]");
	}
	PutString(writer, "alg", jwk->alg->name);
	if (jwk->kid[0] != '\0')
		PutString(writer, "kid", jwk->kid);

	/* State and its beginning are our own members and nobody else's business. */
	if (view == JWKSET_ALL)
	{
		PutString(writer, "state", KeyStateName(jwk->state));
		if (jwk->since != 0)
		{
			snprintf(since, sizeof(since), "%" PRId64, jwk->since);
			PutName(writer, "since");
			Put(writer, since);
		}
	}
	status = WriteMaterial(writer, jwk, view);
	Put(writer, writer->indent ? "\n    }" : "}");
	return status;
}

/* Serialize a set. */
Status
JwkSetWrite(const JwkSet *set, JwkSetView view, char **out, size_t *length)
{
	Writer		writer;
	char	   *text;
	size_t		size = KEY_TEXT_MAX;
	bool		first_key = true;
	Status		status = STATUS_OK;
	size_t		i;

	*out = NULL;
	*length = 0;
	for (i = 0; i < set->count; i++)
		size += KEY_TEXT_MAX + JSON_ESCAPED_MAX(JWK_KID_MAX) +
			MaterialSize(&set->keys[i]);
	text = malloc(size);
	if (text == NULL)
		return STATUS_MEMORY;

	writer.end = text;
	writer.indent = view == JWKSET_ALL;
	writer.first_member = true;
	Put(&writer, writer.indent ? "{\n  \"keys\": [" : "{\"keys\":[");
	for (i = 0; i < set->count && status == STATUS_OK; i++)
	{
		if (!IsShown(&set->keys[i], view))
			continue;
		if (!first_key)
			Put(&writer, ",");
		first_key = false;
		status = WriteKey(&writer, &set->keys[i], view);
	}
	Put(&writer, writer.indent ? "\n  ]\n}\n" : "]}");
	*writer.end = '\0';

	/* A ring that could not be read again must not take the place of one that can. */
	if (status == STATUS_OK && view == JWKSET_ALL &&
		(size_t) (writer.end - text) > JWKSET_MAX_BYTES)
		status = STATUS_JSON_SIZE;
	if (status != STATUS_OK)
	{
		SecureFree(text, size);
		return status;
	}
	*out = text;
	*length = (size_t) (writer.end - text);
	return STATUS_OK;
}
