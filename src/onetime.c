/*
 * src/onetime.c: tokens that are good once, such as those in a mail: signing and verifying.
 *
 * Depends on keyring.c, token.c (payloads) and the core.  Consuming is in
 * sql/31_one_time.sql.  Each kind has its own typ and its own key, so that no kind
 * passes for another, nor for an access token: HKDF of the derivation key that
 * kid names, for a purpose that has the kind in it.  When the derivation key is
 * rotated, tokens under the former one stay good as long as the ring has it.
 */
#include "postgres.h"

#include <time.h>

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "jsonbuild.h"
#include "keyring.h"
#include "keys.h"
#include "logguard.h"
#include "report.h"
#include "token.h"

#include "core/hmac.h"
#include "core/jws.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_one_time_sign);
SQL_FUNCTION(intrex_auth_one_time_verify);

#define KIND_MAX 18				/* typ has at most 31 characters */
#define KEY_BYTES 32

/* The kind argument; only what fits a typ as it is. */
static char *
GetKind(text *argument)
{
	size_t		length = VARSIZE_ANY_EXHDR(argument);
	const char *text = VARDATA_ANY(argument);
	bool		good = length >= 1 && length <= KIND_MAX && *text >= 'a' && *text <= 'z';

	for (size_t i = 1; good && i < length; i++)
		good = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '_';
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid kind of one-time token"),
				 errhint("A kind has 1 to 18 lower-case letters, digits and underscores, and begins with a letter.")));
	return pnstrdup(text, length);
}

/*
 * The key of a kind, in a set of its own that the caller releases.  It bears the
 * kid of the derivation key, which is what the header then names.
 */
static Status
DeriveKey(const Jwk *source, const char *kind, JwkSet **out)
{
	const KeyAlgorithm *alg = KeyAlgorithmFind("HS256", 5);
	char		purpose[64];
	uint8		secret[KEY_BYTES];
	const Jwk  *added;
	Status		status;

	snprintf(purpose, sizeof(purpose), "intrex_auth one-time %s v1", kind);
	*out = NULL;
	status = HkdfSha256(source->secret, source->secret_length, NULL, 0,
						purpose, strlen(purpose), secret, sizeof(secret));
	if (status == STATUS_OK)
		status = JwkSetNew(out);
	if (status == STATUS_OK)
		status = JwkSetAddSecret(*out, alg, KEY_CURRENT, secret, sizeof(secret), 0, &added);
	SecureWipe(secret, sizeof(secret));
	if (status == STATUS_OK)
		strlcpy((*out)->keys[0].kid, source->kid, sizeof((*out)->keys[0].kid));
	else
	{
		JwkSetFree(*out);
		*out = NULL;
	}
	return status;
}

/* typ of a kind */
static char *
TypOf(const char *kind)
{
	return psprintf("one-time-%s+jwt", kind);
}

/*
 * SQL function: auth._one_time_sign(kind text, claims jsonb) returns text
 *
 * The claims are complete: see auth.one_time_issue().
 */
Datum
intrex_auth_one_time_sign(PG_FUNCTION_ARGS)
{
	char	   *kind;
	char	   *typ;
	char	   *payload;
	size_t		payload_length;
	char	   *token = palloc(JWS_MAX_BYTES);
	size_t		length = 0;
	JwkSet	   *set;
	Status		status;

	LogGuardMark();
	kind = GetKind(PG_GETARG_TEXT_PP(0));
	typ = TypOf(kind);
	payload = JsonbToCompactText(PG_GETARG_JSONB_P(1), &payload_length);
	status = TokenCheckReadable(payload, payload_length, false);
	if (status != STATUS_OK)
		ReportCoreError(status, "claims");
	KeysNote();
	status = DeriveKey(KeyringCurrent(KEY_DERIVE), kind, &set);
	if (status == STATUS_OK)
		status = JwsSign(&set->keys[0], typ, payload, payload_length, token, JWS_MAX_BYTES, &length);
	JwkSetFree(set);
	if (status != STATUS_OK)
		ReportCoreError(status, "claims");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(token, (int) length));
}

/* Verify signature and claims by the derivation key that the token names. */
static Status
Verify(const JwsParts *parts, const char *kind, VerifiedToken *out)
{
	ClaimsPolicy policy = {0};
	JwsHeader	header;
	const Jwk  *source;
	JwkSet	   *set;
	struct timespec now;
	Status		status;

	status = JwsReadHeader(parts, &header);
	if (status != STATUS_OK)
		return status;
	if (strcmp(header.typ, TypOf(kind)) != 0)
		return STATUS_TOKEN_TYP;
	source = KeyringFind(header.kid, strlen(header.kid));
	if (source == NULL)
		return KeyringGet(false) == NULL ? STATUS_KEY_NONE : STATUS_TOKEN_KID;
	if (source->alg->use != KEY_DERIVE || source->state == KEY_RETIRED)
		return STATUS_KEY_USE;

	status = DeriveKey(source, kind, &set);
	if (status == STATUS_OK)
		status = JwsVerify(parts, header.alg, &set->keys[0]);
	JwkSetFree(set);
	if (status == STATUS_OK)
		status = TokenPayload(parts, out);
	if (status == STATUS_OK)
		status = ClaimsReadForeign(&out->doc, &out->claims);
	if (status != STATUS_OK)
		return status;

	clock_gettime(CLOCK_REALTIME, &now);
	policy.now = now.tv_sec;
	status = ClaimsCheck(&out->doc, &out->claims, &policy);
	if (status == STATUS_OK)
		status = TokenCheckIssuer(out);
	if (status == STATUS_OK && out->claims.jti < 0)
		status = STATUS_CLAIM_MISSING;
	return status;
}

/*
 * SQL function: auth._one_time_verify(token text, kind text) returns jsonb
 *
 * The claims of a token of this kind; whether it was used before is not looked at.
 */
Datum
intrex_auth_one_time_verify(PG_FUNCTION_ARGS)
{
	text	   *token = PG_GETARG_TEXT_PP(0);
	char	   *kind;
	JwsParts	parts;
	VerifiedToken verified;
	Status		status;

	LogGuardMark();
	kind = GetKind(PG_GETARG_TEXT_PP(1));
	status = JwsSplit(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), &parts);
	if (status == STATUS_OK)
		status = Verify(&parts, kind, &verified);
	if (status == STATUS_KEY_NONE)
		ReportKeyringError();
	if (status != STATUS_OK)
		ReportTokenError(status);
	PG_RETURN_JSONB_P(JsonDocToJsonb(&verified.doc));
}
