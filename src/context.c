/*
 * src/context.c: the SQL functions that read who is asking.
 *
 * Depends on identity.c.  All are STABLE and PARALLEL SAFE, and none is
 * LEAKPROOF: they take no arguments, and they raise when a token does not hold.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "claimshook.h"
#include "compat.h"
#include "identity.h"
#include "jsonbuild.h"
#include "liveness.h"
#include "logguard.h"
#include "queryidentity.h"
#include "report.h"

SQL_FUNCTION(intrex_auth_authenticate);
SQL_FUNCTION(intrex_auth_uid);
SQL_FUNCTION(intrex_auth_tenant_id);
SQL_FUNCTION(intrex_auth_session_id);
SQL_FUNCTION(intrex_auth_user_id);
SQL_FUNCTION(intrex_auth_role);
SQL_FUNCTION(intrex_auth_email);
SQL_FUNCTION(intrex_auth_tenant_role);
SQL_FUNCTION(intrex_auth_unit_ids);
SQL_FUNCTION(intrex_auth_aal);
SQL_FUNCTION(intrex_auth_jwt);
SQL_FUNCTION(intrex_auth_session_state);

/* Return one uuid part of the identity; NULL when there is none. */
static Datum
ReturnUuid(FunctionCallInfo fcinfo, const pg_uuid_t *(*part) (const Identity *))
{
	const Identity *identity = IdentityGet();
	const pg_uuid_t *value = identity ? part(identity) : NULL;
	pg_uuid_t  *copy;

	QueryAsks(fcinfo, identity);
	if (value == NULL)
		PG_RETURN_NULL();
	copy = palloc(sizeof(pg_uuid_t));
	*copy = *value;
	PG_RETURN_UUID_P(copy);
}

/*
 * Return one text part of the identity; NULL when there is none.  Roles and the level
 * of assurance are what policies written by hand decide by (queryidentity.c).
 */
static Datum
ReturnText(FunctionCallInfo fcinfo, const char *(*part) (const Identity *),
		   void (*enter) (FunctionCallInfo, const Identity *))
{
	const Identity *identity = IdentityGet();
	const char *value = identity ? part(identity) : NULL;

	enter(fcinfo, identity);
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

/* The claims of the identity as jsonb. */
static Datum
ReturnClaims(FunctionCallInfo fcinfo)
{
	JsonDoc		claims;

	if (IdentityGet() == NULL)
		PG_RETURN_NULL();
	IdentityClaims(&claims);
	PG_RETURN_JSONB_P(JsonDocToJsonb(&claims));
}

/* SQL function: auth.authenticate(token text) returns jsonb */
Datum
intrex_auth_authenticate(PG_FUNCTION_ARGS)
{
	JsonDoc		claims;

	LogGuardMark();

	/* no token is no identity: never the one that was there before */
	if (PG_ARGISNULL(0))
		ReportTokenError(STATUS_TOKEN_FORMAT);
	IdentityAuthenticate(text_to_cstring(PG_GETARG_TEXT_PP(0)), &claims);
	(void) IdentityGet();
	/* a hook may have verified other tokens, in the same buffers */
	if (claims.count > 0 && !ClaimsHookIsSet())
		PG_RETURN_JSONB_P(JsonDocToJsonb(&claims));
	return ReturnClaims(fcinfo);
}

/* SQL function: auth.uid() returns uuid */
Datum
intrex_auth_uid(PG_FUNCTION_ARGS)
{
	return ReturnUuid(fcinfo, IdentityUserId);
}

/* SQL function: auth.tenant_id() returns uuid */
Datum
intrex_auth_tenant_id(PG_FUNCTION_ARGS)
{
	return ReturnUuid(fcinfo, IdentityTenantId);
}

/* SQL function: auth.session_id() returns uuid */
Datum
intrex_auth_session_id(PG_FUNCTION_ARGS)
{
	return ReturnUuid(fcinfo, IdentitySessionId);
}

/* SQL function: auth.user_id() returns text */
Datum
intrex_auth_user_id(PG_FUNCTION_ARGS)
{
	return ReturnText(fcinfo, IdentitySubject, QueryAsks);
}

/* SQL function: auth.role() returns text */
Datum
intrex_auth_role(PG_FUNCTION_ARGS)
{
	return ReturnText(fcinfo, IdentityRole, QueryDecides);
}

/* SQL function: auth.email() returns text */
Datum
intrex_auth_email(PG_FUNCTION_ARGS)
{
	return ReturnText(fcinfo, IdentityEmail, QueryAsks);
}

/* SQL function: auth.tenant_role() returns text */
Datum
intrex_auth_tenant_role(PG_FUNCTION_ARGS)
{
	return ReturnText(fcinfo, IdentityTenantRole, QueryDecides);
}

/* SQL function: auth.aal() returns text */
Datum
intrex_auth_aal(PG_FUNCTION_ARGS)
{
	return ReturnText(fcinfo, IdentityAal, QueryDecides);
}

/* SQL function: auth.unit_ids() returns uuid[]; empty when the member is bound to none */
Datum
intrex_auth_unit_ids(PG_FUNCTION_ARGS)
{
	const Identity *identity = IdentityGet();
	const pg_uuid_t *units;
	Datum	   *elements;
	int			count;

	QueryAsks(fcinfo, identity);
	if (identity == NULL)
		PG_RETURN_NULL();
	count = IdentityUnits(identity, &units);
	elements = palloc(sizeof(Datum) * Max(count, 1));
	for (int i = 0; i < count; i++)
		elements[i] = UUIDPGetDatum(&units[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, count, UUIDOID, UUID_LEN,
										  false, TYPALIGN_CHAR));
}

/* SQL function: auth.jwt() returns jsonb; also auth.session(), as pg_session_jwt calls it */
Datum
intrex_auth_jwt(PG_FUNCTION_ARGS)
{
	/* claims are roles, too */
	QueryDecides(fcinfo, IdentityGet());
	return ReturnClaims(fcinfo);
}

/*
 * SQL function: auth._session_state(session_id uuid, user_id uuid, tenant_id uuid) returns text
 *
 * NULL when session, user and membership are as they should be, else a code.
 * Looks with a snapshot of its own; a NULL session or tenant is not looked at.
 */
Datum
intrex_auth_session_state(PG_FUNCTION_ARGS)
{
	Membership	membership;
	Liveness	liveness;
	TimestampTz ignored;

	if (PG_ARGISNULL(1))
		PG_RETURN_TEXT_P(cstring_to_text(LivenessCode(LIVE_NO_USER)));
	liveness = LivenessLook(PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0),
							PG_GETARG_UUID_P(1),
							PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2),
							false, &membership, &ignored);
	if (liveness == LIVE)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(LivenessCode(liveness)));
}
