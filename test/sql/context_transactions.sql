-- The identity follows transactions: COMMIT, ROLLBACK, savepoints, errors,
-- exception blocks, procedures, RESET and DISCARD; and a token of an earlier
-- transaction is refused.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/identities.psql'
\set include_end :abs_srcdir '/include/identities_end.psql'
\i :include

-- DISCARD ALL would discard the plan of pgTAP, so it comes first
SET intrex_auth.session_token = on;
SET intrex_auth.token = :'anna';
SELECT who() AS before_discard, sees() AS seen_before_discard \gset
DISCARD ALL;
SET search_path = context_test, public;
SET client_min_messages = warning;
SELECT who() AS after_discard, sees() AS seen_after_discard, current_setting('intrex_auth.session_token') AS setting_after_discard \gset

SELECT plan(65);

SELECT is(:'before_discard'::text, 'anna, owner of north', 'before DISCARD ALL');
SELECT is(:'seen_before_discard'::text, 'north 3', 'with her rows');
SELECT is(:'after_discard'::text, 'nobody', 'DISCARD ALL leaves nobody');
SELECT is(:'seen_after_discard'::text, 'none', 'and no rows');
SELECT is(:'setting_after_discard'::text, 'off', 'and session_token as configured');

-- COMMIT and ROLLBACK
BEGIN;
SELECT is(attempt(:'anna'), 'accepted', 'authenticate');
SELECT is(who(), 'anna, owner of north', 'holds in the transaction');
ROLLBACK;
SELECT is(who(), 'nobody', 'ROLLBACK ends it');
BEGIN;
SELECT auth.authenticate(:'anna') AS ignored \gset
COMMIT AND CHAIN;
SELECT is(who(), 'nobody', 'so does COMMIT AND CHAIN');
SELECT auth.authenticate(:'ben') AS ignored \gset
ROLLBACK AND CHAIN;
SELECT is(who(), 'nobody', 'and ROLLBACK AND CHAIN');
COMMIT;
SELECT auth.authenticate(:'anna') AS ignored \gset
SELECT is(who(), 'nobody', 'outside a block it holds for its own statement only');
SELECT set_config('intrex_auth.token', :'anna', true) \; SELECT is(who(), 'anna, owner of north', 'statements sent together are one transaction');

-- a token of an earlier transaction: the refusal is in the expected output
SET intrex_auth.token = :'anna';
SELECT auth.uid();
SELECT is(:'LAST_ERROR_SQLSTATE', '28000'::text, 'a token left over by SET is refused');
SELECT is(who(), '28000 token_of_earlier_transaction', 'with this code');
SELECT is(sees(), '28000 token_of_earlier_transaction | 28000 token_of_earlier_transaction | none', 'also in policies; the bare setting shows nobody');
SELECT is(current_setting('app.current_tenant'), '00000000-0000-0000-0000-000000000000', 'app.current_tenant is nil, not an error');
SELECT is(attempt(NULL, 'SELECT ' || accessor), '28000 token_of_earlier_transaction', accessor || ' raises')
	FROM unnest(ARRAY['auth.tenant_id()', 'auth.session_id()', 'auth.role()', 'auth.email()', 'auth.tenant_role()', 'auth.unit_ids()', 'auth.aal()', 'auth.jwt()', 'auth.user_id()', 'auth.session()']) accessor;
BEGIN;
SELECT is(attempt(:'ben'), 'accepted', 'authenticate works over it');
SELECT is(who(), 'ben, viewer of south', 'and replaces it');
COMMIT;
SELECT is(who(), '28000 token_of_earlier_transaction', 'for that transaction');
SET intrex_auth.token = :'anna';
SELECT is(who(), '28000 token_of_earlier_transaction', 'the same token set once more is of an earlier transaction as well');
SET intrex_auth.session_token = on;
SELECT is(who(), 'anna, owner of north', 'session_token = on accepts it');
SELECT is(sees(), 'north 3', 'in policies too');
BEGIN;
SELECT is(attempt(:'ben'), 'accepted', 'authenticate replaces it');
SELECT is(sees(), 'south 2', 'inside');
ROLLBACK;
SELECT is(sees(), 'north 3', 'and ROLLBACK brings it back');
RESET intrex_auth.token;
SELECT is(who(), 'nobody', 'RESET ends it');
SET intrex_auth.token = :'anna';
RESET ALL;
SET search_path = context_test, public;
SET client_min_messages = warning;
SELECT is(who(), 'nobody', 'RESET ALL ends it');
SELECT is(current_setting('intrex_auth.session_token'), 'off', 'and session_token is off again');

-- savepoints
BEGIN;
SELECT auth.authenticate(:'anna') AS ignored \gset
SAVEPOINT s;
SELECT is(sees(), 'north 3', 'a savepoint changes nothing');
SELECT auth.authenticate(:'ben') AS ignored \gset
SELECT is(sees(), 'south 2', 'another identity in the savepoint');
ROLLBACK TO s;
SELECT is(sees(), 'north 3', 'ROLLBACK TO brings the first back');
SELECT is(current_setting('app.current_tenant'), id('north')::text, 'and the setting with it');
SELECT auth.authenticate(:'ben') AS ignored \gset
RELEASE s;
SELECT is(sees(), 'south 2', 'RELEASE keeps the second');
SAVEPOINT a;
SET LOCAL intrex_auth.token = '';
SAVEPOINT b;
SELECT auth.authenticate(:'anna') AS ignored \gset
SELECT is(sees(), 'north 3', 'nested savepoints');
ROLLBACK TO b;
SELECT is(sees(), 'none', 'go back one by one');
ROLLBACK TO a;
SELECT is(sees(), 'south 2', 'to the first');
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT auth.authenticate(:'anna') AS ignored \gset
ROLLBACK TO s;
SELECT is(who(), 'nobody', 'ROLLBACK TO nobody');
-- an error in the very statement
SELECT auth.authenticate(:'anna'), 1 / 0;
ROLLBACK TO s;
SELECT is(who(), 'nobody', 'a statement that fails sets nobody');
SELECT is(attempt(:'anna', 'SELECT auth.authenticate($1), 1 / 0'), '22012', 'nor does one in an exception block');
SELECT is(who(), 'nobody', 'whose effects are gone');
ROLLBACK;

-- exception blocks: a refused token leaves the identity before, never half of another
CREATE FUNCTION switch(first text, second text, fail boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM auth.authenticate(first);
	answer := who();
	BEGIN
		PERFORM auth.authenticate(second);
		answer := concat_ws(' > ', answer, who());
		IF fail THEN
			RAISE EXCEPTION 'undo';
		END IF;
	EXCEPTION WHEN OTHERS THEN
		answer := concat_ws(' ! ', answer, who());
	END;
	RETURN concat_ws(' > ', answer, who());
END
$$;
BEGIN;
SELECT is(switch(:'anna', :'ben', false), 'anna, owner of north > ben, viewer of south > ben, viewer of south', 'a block that succeeds keeps its identity');
SELECT is(switch(:'anna', :'ben', true), 'anna, owner of north > ben, viewer of south ! anna, owner of north > anna, owner of north', 'one that fails gives the former back');
SELECT is(switch(:'anna', 'nonsense', false), 'anna, owner of north ! anna, owner of north > anna, owner of north', 'a refused token leaves the former');
ROLLBACK;
BEGIN;
SELECT auth.authenticate(:'ben') AS ignored \gset
SELECT is((SELECT count(*) FROM (SELECT switch(:'anna', :'ben', true) FROM generate_series(1, 500)) s), 500::bigint, 'five hundred times');
SELECT is(sees(), 'north 3', 'the last identity holds');
ROLLBACK;

-- functions with a SET clause restore what was there
CREATE FUNCTION as_nobody() RETURNS text LANGUAGE plpgsql SET intrex_auth.token = '' AS $$ BEGIN RETURN who(); END $$;
CREATE FUNCTION as_nobody_then(token text) RETURNS text LANGUAGE plpgsql SET intrex_auth.token = '' AS
$$ BEGIN PERFORM auth.authenticate(token); RETURN who(); END $$;
BEGIN;
SELECT auth.authenticate(:'anna') AS ignored \gset
SELECT is(as_nobody(), 'nobody', 'a function that drops the identity');
SELECT is(who(), 'anna, owner of north', 'gives it back at its end');
SELECT is(as_nobody_then(:'ben'), 'ben, viewer of south', 'a function that takes another one');
SELECT is(who(), 'anna, owner of north', 'gives the first back');
ROLLBACK;

-- procedures that commit
CREATE PROCEDURE across_commit(token text, local boolean, INOUT answer text DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('intrex_auth.token', token, local);
	answer := auth.email();
	COMMIT;
	BEGIN
		answer := concat_ws(' > ', answer, coalesce(auth.email(), 'nobody'));
	EXCEPTION WHEN SQLSTATE '28000' THEN
		answer := concat_ws(' > ', answer, 'refused');
	END;
END
$$;
CALL across_commit(:'anna', true) \gset
SELECT is(:'answer'::text, 'anna@context.example > nobody', 'a token set for the transaction is gone after COMMIT in a procedure');
CALL across_commit(:'anna', false) \gset
SELECT is(:'answer'::text, 'anna@context.example > refused', 'one set for the session is refused after it');
RESET intrex_auth.token;
SELECT is(who(), 'nobody', 'and RESET ends it');

-- read-only transactions, and every isolation level
BEGIN READ ONLY;
SELECT is(attempt(:'anna'), 'accepted', 'READ ONLY');
SELECT is(sees(), 'north 3', 'is no obstacle');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT auth.authenticate(:'anna') AS ignored \gset
SELECT is(sees(), 'north 3', 'nor is SERIALIZABLE DEFERRABLE');
COMMIT;

SELECT * FROM finish();
\i :include_end
