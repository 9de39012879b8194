/*
 * src/policyquestion.c: questions of policies that SQL answers.
 *
 * A function in SQL has queries of its own, so what is asked in it is not known to
 * the query of the policy (queryidentity.c).  auth.name() is a function of C then,
 * which says so and calls auth._name() with the same arguments.
 */
#include "postgres.h"

#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "identity.h"
#include "queryidentity.h"

SQL_FUNCTION(intrex_auth_policy_question);

/*
 * SQL functions: auth.assigned_ids() returns uuid[],
 * auth.has_aal2(max_age interval) returns boolean,
 * auth.has_consent(purpose text, user_id uuid) returns boolean
 */
Datum
intrex_auth_policy_question(PG_FUNCTION_ARGS)
{
	char	   *name = get_func_name(fcinfo->flinfo->fn_oid);
	FunctionCallInfo call = palloc(SizeForFunctionCallInfo(PG_NARGS()));
	FmgrInfo	function;
	Datum		answer;

	QueryDecides(fcinfo, IdentityGet());
	fmgr_info(LookupFuncName(list_make2(makeString("auth"), makeString(psprintf("_%s", name))),
							 -1, NULL, false),
			  &function);
	InitFunctionCallInfoData(*call, &function, PG_NARGS(), InvalidOid, NULL, NULL);
	memcpy(call->args, fcinfo->args, sizeof(NullableDatum) * PG_NARGS());
	answer = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	return answer;
}
