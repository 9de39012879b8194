/*
 * src/core/status.c: the table of codes and sentences.
 *
 * The sentences fit the DETAIL of an error.  Depends on nothing.
 */
#include "status.h"

typedef struct StatusEntry
{
	const char *code;
	const char *text;
} StatusEntry;

static const StatusEntry entries[STATUS_COUNT] = {
	[STATUS_OK] = {"ok",
	"The operation succeeded."},

	[STATUS_MEMORY] = {"out_of_memory",
	"Memory could not be allocated."},
	[STATUS_CRYPTO] = {"crypto_failure",
	"The cryptographic library failed."},
	[STATUS_CANCELLED] = {"cancelled",
	"The operation was cancelled."},

	[STATUS_BASE64URL] = {"bad_base64url",
	"The text is not canonical base64url without padding."},
	[STATUS_UTF8] = {"bad_utf8",
	"The text is not valid UTF-8."},
	[STATUS_JSON_SYNTAX] = {"bad_json",
	"The text is not valid JSON."},
	[STATUS_JSON_DUPLICATE] = {"json_duplicate_member",
	"A JSON object has two members of the same name."},
	[STATUS_JSON_DEPTH] = {"json_too_deep",
	"The JSON is nested too deeply."},
	[STATUS_JSON_SIZE] = {"json_too_large",
	"The JSON is larger than accepted."},
	[STATUS_JSON_TYPE] = {"json_wrong_type",
	"A JSON value has an unexpected type."},

	[STATUS_KEY_FORMAT] = {"malformed_key",
	"A member of the key is missing, malformed or contradictory."},
	[STATUS_KEY_TYPE] = {"unknown_key_type",
	"The type or curve of the key is not supported."},
	[STATUS_KEY_ALG] = {"wrong_key_algorithm",
	"The key names no algorithm, or one that does not suit its type."},
	[STATUS_KEY_WEAK] = {"weak_key",
	"The key is too short for its algorithm, or can be computed."},
	[STATUS_KEY_LARGE] = {"large_key",
	"The modulus or exponent of the key is larger than accepted."},
	[STATUS_KEY_USE] = {"wrong_key_use",
	"The key is not meant for this use."},
	[STATUS_KEY_DUPLICATE] = {"duplicate_key",
	"Two keys have the same identifier."},
	[STATUS_KEY_STATE] = {"wrong_key_state",
	"A key has an unknown state, or a use does not have exactly one current key."},
	[STATUS_KEY_PRIVATE] = {"private_key",
	"The key has a private part where a public key is expected."},
	[STATUS_KEY_PUBLIC] = {"public_key",
	"The key has no private part, which is needed here."},
	[STATUS_KEY_NONE] = {"no_key",
	"There is no key for this use."},

	[STATUS_TOKEN_FORMAT] = {"malformed_token",
	"The token does not consist of three base64url segments."},
	[STATUS_TOKEN_SIZE] = {"token_too_long",
	"The token is longer than accepted."},
	[STATUS_TOKEN_HEADER] = {"malformed_header",
	"The header of the token is not a valid JSON object with an algorithm."},
	[STATUS_TOKEN_ALG] = {"wrong_algorithm",
	"The algorithm of the token is not the algorithm of the key."},
	[STATUS_TOKEN_CRIT] = {"unsupported_extension",
	"The token demands an extension that is not supported."},
	[STATUS_TOKEN_TYP] = {"wrong_token_type",
	"The token is of another type."},
	[STATUS_TOKEN_KID] = {"unknown_key",
	"The token names a key that is not known."},
	[STATUS_TOKEN_SIGNATURE] = {"bad_signature",
	"The signature of the token does not verify."},
	[STATUS_TOKEN_PAYLOAD] = {"malformed_payload",
	"The payload of the token is not a valid JSON object."},

	[STATUS_CLAIM_TYPE] = {"malformed_claim",
	"A claim of the token has a wrong type or value."},
	[STATUS_CLAIM_MISSING] = {"missing_claim",
	"The token lacks a required claim."},
	[STATUS_CLAIM_EXPIRED] = {"token_expired",
	"The token has expired."},
	[STATUS_CLAIM_NOT_YET] = {"token_not_yet_valid",
	"The token is not valid yet."},
	[STATUS_CLAIM_LIFETIME] = {"lifetime_too_long",
	"The lifetime of the token is longer than accepted."},
	[STATUS_CLAIM_ISSUER] = {"wrong_issuer",
	"The token was issued by another issuer."},
	[STATUS_CLAIM_AUDIENCE] = {"wrong_audience",
	"The token is meant for another audience."},
	[STATUS_CLAIM_ROLE] = {"wrong_role",
	"The role of the token is not an accepted role."},

	[STATUS_HASH_FORMAT] = {"unsupported_hash",
	"The password hash is malformed or of an unsupported kind."},
	[STATUS_HASH_COST] = {"bad_hash_cost",
	"The cost of the password hash is out of the accepted range."},
	[STATUS_HASH_WEAK] = {"weak_hash",
	"The password hash is of a kind too weak to be accepted."},
	[STATUS_PASSWORD_LENGTH] = {"bad_password_length",
	"The password is empty or longer than the hash can take."},
	[STATUS_PASSWORD_NUL] = {"password_with_nul",
	"The password contains a zero byte."},

	[STATUS_FILE] = {"file_error",
	"A file could not be read or written."},
	[STATUS_FILTER_FORMAT] = {"malformed_filter",
	"The file is no filter of leaked passwords, or it was cut or damaged."},
	[STATUS_FILTER_VERSION] = {"filter_version",
	"The filter of leaked passwords has a version that is not supported."},

	[STATUS_SEALED_FORMAT] = {"malformed_sealed_value",
	"The sealed value is too short or of an unknown version."},
	[STATUS_SEALED_KEY] = {"unknown_sealing_key",
	"The sealed value names a key that is not known."},
	[STATUS_SEALED_REFUSED] = {"sealed_value_refused",
	"The sealed value was altered, or key or context differ."},
	[STATUS_ARGUMENT] = {"invalid_argument",
	"An argument has an invalid length or value."},
};

/* A number outside the enum is a bug of the caller; it still gets an answer. */
static const StatusEntry unknown = {"unknown_status", "The operation failed."};

/* Look up the entry of a status. */
static const StatusEntry *
StatusFind(Status status)
{
	if ((unsigned int) status >= STATUS_COUNT)
		return &unknown;
	return &entries[status];
}

/* Stable code. */
const char *
StatusCode(Status status)
{
	return StatusFind(status)->code;
}

/* Sentence. */
const char *
StatusText(Status status)
{
	return StatusFind(status)->text;
}
