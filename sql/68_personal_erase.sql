-- sql/68_personal_erase.sql: erasing what belongs to a user, in application tables, in ours and in the audit trail.
-- Depends on 68_personal_data.sql, 45_audit.sql, 50_users.sql, 55_sessions.sql, 60_tenants.sql.

-- Forgetting in the audit trail --------------------------------------------------

-- A text as a regular expression that finds it as a whole: not
-- "ann@example.com" within "joann@example.com" or "ann@example.com.au".
CREATE OR REPLACE FUNCTION auth._whole_text_pattern(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN '(?<![[:alnum:]._%+-])' || regexp_replace(value, E'([^[:alnum:]])', E'\\\\\\1', 'g') || '(?![[:alnum:]_-]|[.][[:alnum:]])';
COMMENT ON FUNCTION auth._whole_text_pattern(text) IS 'a regular expression that finds an address or number as a whole';
REVOKE ALL ON FUNCTION auth._whole_text_pattern(text) FROM PUBLIC;

-- The digest of what was personal stays and its nonce goes, so that the seals hold
-- and nobody can try names against the digest.  Reads the whole trail.
CREATE OR REPLACE FUNCTION auth._audit_redact(user_id uuid, session_ids uuid[], identifiers text[], pseudonym uuid) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	person CONSTANT uuid := _audit_redact.user_id;
	-- as the trail and JSON write them
	needles CONSTANT text[] := ARRAY(
		SELECT DISTINCT lower(n.needle) FROM unnest(identifiers) AS i (value),
			LATERAL (VALUES (auth._printable(i.value, 320)), (i.value), (trim('"' FROM to_jsonb(i.value)::text))) AS n (needle)
		-- the trail holds 320 characters; a pattern of a megabyte takes minutes
		WHERE i.value <> '' AND octet_length(i.value) <= 1280);
	pattern CONSTANT text := (SELECT '(?i)' || string_agg(auth._whole_text_pattern(n.needle), '|') FROM unnest(needles || person::text) AS n (needle) WHERE n.needle IS NOT NULL);
	hit record;
	fresh bigint := 0;
BEGIN
	FOR hit IN
		SELECT h.*
		FROM (
			SELECT a.id, a.redacted IS NULL AS is_fresh, coalesce(a.user_id = person, false) AS is_his,
				-- about somebody else, and done by him: session and address are his
				coalesce(a.session_id = ANY (session_ids), false) OR coalesce(a.details ->> 'by_user' = person::text, false) AS is_by_him,
				a.identifier IS NOT NULL AND EXISTS (SELECT FROM unnest(needles) AS n (needle) WHERE strpos(lower(a.identifier), n.needle) > 0)
					AND a.identifier ~ pattern AS is_named,
				a.details IS NOT NULL AND EXISTS (SELECT FROM unnest(needles || person::text) AS n (needle) WHERE strpos(lower(a.details::text), n.needle) > 0)
					AND a.details::text ~ pattern AS is_mentioned
			FROM auth.audit_log AS a) AS h
		WHERE h.is_his OR h.is_by_him OR h.is_named OR h.is_mentioned
	LOOP
		UPDATE auth.audit_log AS a SET
				redacted = auth._audit_personal(a), nonce = NULL,
				user_id = CASE WHEN hit.is_his THEN pseudonym ELSE a.user_id END,
				-- of a row about somebody else only the mention goes
				session_id = CASE WHEN hit.is_his OR hit.is_by_him OR a.user_id IS NULL THEN NULL ELSE a.session_id END,
				address = CASE WHEN hit.is_his OR hit.is_by_him OR (a.user_id IS NULL AND hit.is_named) THEN NULL ELSE a.address END,
				identifier = CASE WHEN hit.is_his OR hit.is_named THEN NULL ELSE a.identifier END,
				details = CASE WHEN hit.is_his THEN NULL
					WHEN hit.is_mentioned THEN regexp_replace(a.details::text, pattern, coalesce(pseudonym::text, ''), 'g')::jsonb
					ELSE a.details END
			WHERE a.id = hit.id;
		-- it may have been cut meanwhile
		IF FOUND AND hit.is_fresh THEN
			fresh := fresh + 1;
		END IF;
	END LOOP;
	RETURN fresh;
END
$$;
COMMENT ON FUNCTION auth._audit_redact(uuid, uuid[], text[], uuid) IS 'takes a user, his sessions and identifiers out of the audit trail; returns how many rows that had not been redacted before';
REVOKE ALL ON FUNCTION auth._audit_redact(uuid, uuid[], text[], uuid) FROM PUBLIC;

-- No address and no session: nothing in this row leads to the person.
CREATE OR REPLACE FUNCTION auth._audit_erasure(event text, pseudonym uuid, by_user uuid, details jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	INSERT INTO auth.audit_log (event, outcome, user_id, details)
		VALUES (event, 'success', pseudonym, details || jsonb_strip_nulls(jsonb_build_object(
			'by_user', by_user, 'by_role', session_user, 'as_role', nullif(current_setting('role'), 'none'))));
END
$$;
COMMENT ON FUNCTION auth._audit_erasure(text, uuid, uuid, jsonb) IS 'writes that somebody was erased, under the pseudonym, and who did it';
REVOKE ALL ON FUNCTION auth._audit_erasure(text, uuid, uuid, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.audit_forget(identifier text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	forgotten bigint;
BEGIN
	PERFORM auth._demand_read_committed();
	IF coalesce(identifier, '') = '' OR octet_length(identifier) > 320 THEN
		PERFORM auth._fail('22023', 'identifier is required', 'It is an e-mail address or phone number of at most 320 bytes.');
	END IF;
	IF EXISTS (SELECT FROM auth.users AS u WHERE u.email = auth.normalize_email(identifier) OR u.phone = auth.normalize_phone(identifier)) THEN
		PERFORM auth._fail('55000', 'a user has this identifier', 'auth.user_erase() erases a user.');
	END IF;
	forgotten := auth._audit_redact(NULL, NULL, ARRAY[identifier, auth.normalize_email(identifier), auth.normalize_phone(identifier)], NULL);
	PERFORM auth._audit_erasure('audit_forget', NULL, auth.uid(), jsonb_build_object('audit_rows', forgotten));
	PERFORM auth._make_durable();
	RETURN forgotten;
END
$$;
COMMENT ON FUNCTION auth.audit_forget(text) IS 'takes an e-mail address or phone number that is no user''s out of the audit trail, such as one that was tried after its user had been erased; returns the number of rows';
REVOKE ALL ON FUNCTION auth.audit_forget(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.audit_forget(text) TO auth_admin;

-- Erasure ----------------------------------------------------------------------

-- Addresses that the user had, unless somebody else has them now.
CREATE OR REPLACE FUNCTION auth._identifiers_of(person auth.users) RETURNS text[]
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT ARRAY(
		SELECT person.email WHERE person.email IS NOT NULL
		UNION
		SELECT person.phone WHERE person.phone IS NOT NULL
		UNION
		SELECT f.value FROM auth.audit_log AS a,
			LATERAL (VALUES (a.identifier), (a.details ->> 'email'), (a.details ->> 'phone')) AS f (value)
		WHERE a.user_id = person.id AND a.outcome = 'success'
			AND a.event IN ('register', 'login', 'bootstrap_admin', 'invite_accept', 'user_create', 'user_import', 'user_update')
			AND f.value <> '' AND NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id <> person.id AND (u.email = f.value OR u.phone = f.value)))
$$;
COMMENT ON FUNCTION auth._identifiers_of(auth.users) IS 'e-mail addresses and phone numbers that a user has or had';
REVOKE ALL ON FUNCTION auth._identifiers_of(auth.users) FROM PUBLIC;

-- Our tables that name somebody other than by a foreign key: rows addressed to him
-- go, and where his id stands for what he did comes the pseudonym.
CREATE OR REPLACE FUNCTION auth._forget(user_id uuid, identifiers text[], pseudonym uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	statement text;
BEGIN
	FOR statement IN
		SELECT CASE WHEN a.atttypid = 'uuid'::regtype THEN format('UPDATE auth.%I SET %I = $3 WHERE %2$I = $1', c.relname, a.attname)
			-- rows of an import are as somebody wrote them
			ELSE format('DELETE FROM auth.%I WHERE %2$I = ANY ($2) OR auth.normalize_email(%2$I) = ANY ($2) OR auth.normalize_phone(%2$I) = ANY ($2)',
				c.relname, a.attname) END
		FROM pg_class AS c
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('users', 'audit_log', 'login_attempts')
			AND ((a.atttypid = 'text'::regtype AND a.attname IN ('email', 'phone', 'recipient', 'identifier'))
				OR (a.atttypid = 'uuid'::regtype AND a.attname IN ('created_by', 'granted_by', 'invited_by', 'by_user', 'from_by', 'until_by', 'user_id', 'subject_id')
					AND NOT EXISTS (SELECT FROM pg_constraint AS k
						WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = 'auth.users'::regclass AND k.conkey = ARRAY[a.attnum])))
	LOOP
		EXECUTE statement USING user_id, identifiers, pseudonym;
	END LOOP;
	DELETE FROM auth.user_imports AS i WHERE i.id = user_id;
END
$$;
COMMENT ON FUNCTION auth._forget(uuid, text[], uuid) IS 'takes a user out of our tables where no foreign key does';
REVOKE ALL ON FUNCTION auth._forget(uuid, text[], uuid) FROM PUBLIC;

-- Of the tenants of a user, locked in order, those that would have no owner without him.
CREATE OR REPLACE FUNCTION auth._owned_alone(user_id uuid) RETURNS uuid[]
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	member record;
	alone uuid[] := '{}';
BEGIN
	FOR member IN SELECT m.tenant_id, m.role FROM auth.memberships AS m WHERE m.user_id = _owned_alone.user_id ORDER BY m.tenant_id LOOP
		IF auth._lock_tenant(member.tenant_id) AND auth._is_owner(member.role) AND NOT auth._has_owner(member.tenant_id, user_id) THEN
			alone := alone || member.tenant_id;
		END IF;
	END LOOP;
	RETURN alone;
END
$$;
COMMENT ON FUNCTION auth._owned_alone(uuid) IS 'tenants that a user is the last owner of; lock the user first';
REVOKE ALL ON FUNCTION auth._owned_alone(uuid) FROM PUBLIC;

-- What is to become of the rows that name a user, and that.
CREATE OR REPLACE FUNCTION auth._erase_rows(user_id uuid, cascade boolean, anonymize boolean,
	OUT done jsonb, OUT held jsonb, OUT gone jsonb, OUT remedies text[])
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	work record;
	rows bigint;
	action text;
	state text;
	table_name text;
	schema_name text;
	hint text;
BEGIN
	done := '{}';
	held := '{}';
	gone := '[]';
	remedies := '{}';
	FOR work IN SELECT r.* FROM auth._user_references(user_id) AS r WHERE r.is_comparable LOOP
		BEGIN
			rows := auth._owned_change(work.relation, work.columns, work.keys, 'count');
		EXCEPTION WHEN insufficient_privilege THEN
			-- a table that its owner may not read, nor can a foreign key then
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
			held := held || jsonb_build_object(work.relation::text, state);
			CONTINUE;
		END;
		CONTINUE WHEN rows = 0;
		action := CASE
			WHEN work.on_delete = 'c' THEN 'deleted'
			WHEN work.on_delete IN ('n', 'd') THEN 'cleared'
			WHEN work.is_clearable AND (anonymize OR (cascade AND work.is_assignee)) THEN 'clear'
			-- a row that was assigned to him is somebody else's
			WHEN cascade AND NOT work.is_assignee THEN 'delete'
			WHEN work.on_delete IS NULL THEN 'kept'
			ELSE 'held'
		END;
		IF action IN ('clear', 'delete') THEN
			BEGIN
				rows := auth._owned_change(work.relation, work.columns, work.keys, action);
				action := CASE action WHEN 'clear' THEN 'cleared' ELSE 'deleted' END;
			EXCEPTION
				WHEN serialization_failure OR deadlock_detected THEN
					RAISE;
				WHEN OTHERS THEN
					-- the text of the error may have the row in it
					GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, table_name = TABLE_NAME,
						schema_name = SCHEMA_NAME,
						hint = PG_EXCEPTION_HINT;
					action := 'held';
					-- the last line of a trigger's error tells how to do without; see src/others.c
					IF hint ~ 'DISABLE TRIGGER' THEN
						remedies := remedies || regexp_replace(hint, '^.*' || chr(10), '');
					END IF;
					-- errors of functions in constraints name no table
					held := held || jsonb_build_object(CASE WHEN table_name = '' THEN work.relation::text ELSE format('%I.%I', schema_name, table_name) END, state);
			END;
		END IF;
		IF action = 'held' THEN
			held := jsonb_build_object(work.relation::text, rows) || held;
		ELSE
			done := done || jsonb_build_object(work.relation::text,
				coalesce(done -> work.relation::text, '{}') || jsonb_build_object(action,
					coalesce((done #>> ARRAY[work.relation::text, action])::bigint, 0) + rows));
			IF action <> 'kept' THEN
				gone := gone || jsonb_build_object('relation', work.relation::oid, 'columns', work.columns, 'keys', work.keys);
			END IF;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._erase_rows(uuid, boolean, boolean) IS
	'deletes or clears the rows of application tables that name a user; what became of them by table, what holds the '
	'user back: a number of rows, or a SQLSTATE, by which keys none is to be found afterwards, and how to do without '
	'triggers that raised errors';
REVOKE ALL ON FUNCTION auth._erase_rows(uuid, boolean, boolean) FROM PUBLIC;

-- A trigger of the application can keep a row that a foreign key deletes, or take back
-- what was cleared, without an error.
CREATE OR REPLACE FUNCTION auth._erase_left(gone jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	work record;
	rows bigint;
	remaining jsonb := '{}';
BEGIN
	FOR work IN
		SELECT g.relation::regclass AS relation, g.columns, g.keys FROM jsonb_to_recordset(gone) AS g (relation oid, columns name[], keys jsonb)
	LOOP
		rows := auth._owned_change(work.relation, work.columns, work.keys, 'count');
		IF rows > 0 THEN
			remaining := remaining || jsonb_build_object(work.relation::text, rows);
		END IF;
	END LOOP;
	RETURN remaining;
END
$$;
COMMENT ON FUNCTION auth._erase_left(jsonb) IS 'rows that name an erased user in spite of all, by table: {} when there are none';
REVOKE ALL ON FUNCTION auth._erase_left(jsonb) FROM PUBLIC;

-- Lock the user and see to his tenants first.  What is in the way comes back as
-- {held}: then the caller undoes what has been done, by an error.
CREATE OR REPLACE FUNCTION auth._erase_person(person auth.users, event text, cascade boolean, anonymize boolean) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off SET extra_float_digits = 1
	AS $$
DECLARE
	-- random: nothing leads back from it
	pseudonym CONSTANT uuid := gen_random_uuid();
	identifiers CONSTANT text[] := auth._identifiers_of(person);
	sessions CONSTANT uuid[] := ARRAY(SELECT s.id FROM auth.sessions AS s WHERE s.user_id = person.id);
	tenants CONSTANT uuid[] := ARRAY(SELECT m.tenant_id FROM auth.memberships AS m WHERE m.user_id = person.id);
	-- who is erased himself has no identity afterwards
	by_user CONSTANT uuid := nullif(auth.uid(), person.id);
	outcome record;
	remaining jsonb;
	table_name text;
	schema_name text;
	redacted bigint;
BEGIN
	outcome := auth._erase_rows(person.id, cascade, anonymize);
	IF outcome.held <> '{}' THEN
		RETURN jsonb_build_object('held', outcome.held, 'remedies', outcome.remedies);
	END IF;
	BEGIN
		DELETE FROM auth.users AS u WHERE u.id = person.id;
	-- from 18 on a RESTRICT is the second
	EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
		GET STACKED DIAGNOSTICS table_name = TABLE_NAME, schema_name = SCHEMA_NAME;
		RETURN jsonb_build_object('held', jsonb_build_object(format('%I.%I', schema_name, table_name), '23503'));
	END;
	remaining := auth._erase_left(outcome.gone);
	IF remaining <> '{}' THEN
		RETURN jsonb_build_object('held', remaining);
	END IF;
	PERFORM auth._membership_note(t.id, person.id, event, by_user) FROM unnest(tenants) AS t (id);
	-- the trail comes last: a refresh that held a session until now has left a row
	PERFORM auth._forget(person.id, identifiers, pseudonym);
	redacted := auth._audit_redact(person.id, sessions, identifiers, pseudonym);
	PERFORM auth._audit_erasure(event, pseudonym, by_user, jsonb_build_object('audit_rows', redacted, 'tables', outcome.done));
	PERFORM auth._make_durable();
	RETURN jsonb_build_object('pseudonym', pseudonym, 'tables', outcome.done, 'audit_rows', redacted);
END
$$;
COMMENT ON FUNCTION auth._erase_person(auth.users, text, boolean, boolean) IS
	'erases a user: {pseudonym, tables, audit_rows}, or {held, remedies} when rows are in the way';
REVOKE ALL ON FUNCTION auth._erase_person(auth.users, text, boolean, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.user_erase(user_id uuid, cascade boolean DEFAULT false, anonymize boolean DEFAULT false) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	person auth.users;
	alone uuid[];
	answer jsonb;
BEGIN
	PERFORM auth._demand_read_committed();
	person := auth._demand_user(user_id);
	alone := auth._owned_alone(person.id);
	IF alone <> '{}' THEN
		PERFORM auth._fail('23001', 'the user is the last owner of a tenant',
			format('Make somebody else an owner of tenant %s, or delete it.', array_to_string(alone[1:10], ', ')));
	END IF;
	answer := auth._erase_person(person, 'user_erase', coalesce(cascade, false), coalesce(anonymize, false));
	IF answer ? 'held' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'foreign_key_violation',
			MESSAGE = 'the user is still referred to',
			DETAIL = format('In the way are: %s.', (SELECT string_agg(h.key || CASE jsonb_typeof(h.value)
				WHEN 'number' THEN format(' (%s rows)', h.value) ELSE format(' (SQLSTATE %s)', h.value #>> '{}') END, ', ' ORDER BY h.key)
				FROM jsonb_each(answer -> 'held') AS h)),
			HINT = concat_ws(' ',
				'anonymize => true clears references that may be null, cascade => true deletes such rows.',
				(SELECT string_agg(DISTINCT r, ' ' ORDER BY r)
					FROM jsonb_array_elements_text(answer -> 'remedies') AS r));
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION auth.user_erase(uuid, boolean, boolean) IS 'deletes a user with all that is his, and leaves a pseudonym in the audit trail: {pseudonym, tables, audit_rows}. Rows of application tables go by their foreign keys; where these forbid it, 23503 names tables and numbers, anonymize clears the reference where it may be null, and cascade deletes the row';
REVOKE ALL ON FUNCTION auth.user_erase(uuid, boolean, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_erase(uuid, boolean, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth_api.delete_my_account(password text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	caller CONSTANT uuid := auth.uid();
	checked auth.users;
	account auth.users;
	problem text;
	refusal jsonb;
	alone uuid[];
	answer jsonb;
BEGIN
	SELECT u.* INTO checked FROM auth.users AS u WHERE u.id = caller;
	IF NOT FOUND THEN
		RETURN auth._refuse('account_delete', 401, 'no_authorization', 'Authentication required');
	END IF;
	PERFORM auth._demand_read_committed();
	problem := CASE
		WHEN coalesce(password, '') = '' THEN 'password is required'
		WHEN octet_length(password) > 1048576 THEN 'password is too long'
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._refuse('account_delete', 400, 'validation_failed', problem);
	END IF;
	refusal := auth._turn_away_unconfirmed('account_delete', checked, password);
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;

	-- see 56_login.sql: logins come before this, and their sessions go, or fail
	SELECT u.* INTO account FROM auth.users AS u WHERE u.id = caller FOR UPDATE;
	IF account.password_changed_at IS DISTINCT FROM checked.password_changed_at OR account.password_hash IS NULL THEN
		RETURN auth._refuse_current_password('account_delete');
	END IF;
	alone := auth._owned_alone(caller);
	IF alone <> '{}' THEN
		RETURN auth._refuse('account_delete', 409, 'last_owner', format(
			'You are the last owner of %s: make somebody else an owner, or have the tenant deleted, first',
			(SELECT string_agg(format('"%s"', t.name), ', ' ORDER BY t.name) FROM auth.tenants AS t WHERE t.id = ANY (alone[1:10]))),
			jsonb_build_object('tenants', alone));
	END IF;
	BEGIN
		answer := auth._erase_person(account, 'account_delete', false, true);
		IF answer ? 'held' THEN
			RAISE EXCEPTION USING ERRCODE = 'raise_exception', MESSAGE = 'held';
		END IF;
	EXCEPTION WHEN raise_exception THEN
		-- what was done is undone; a trigger's error is not ours
		IF (answer ? 'held') IS NOT TRUE THEN
			RAISE;
		END IF;
	END;
	IF answer ? 'held' THEN
		RETURN auth._refuse('account_delete', 409, 'account_in_use',
			'The account is still referred to: ask an administrator to delete it',
			answer - 'remedies');
	END IF;
	PERFORM auth._cookie_clear();
	RETURN jsonb_build_object('deleted', caller);
END
$$;
COMMENT ON FUNCTION auth_api.delete_my_account(text) IS
	'erases the caller, who gives their password: {deleted}; references that must stay are cleared';
REVOKE ALL ON FUNCTION auth_api.delete_my_account(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.delete_my_account(text) TO authenticated;
