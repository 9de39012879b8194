-- sql/67_consents.sql: consent to purposes: endpoints, the boolean form for policies, administration.
-- Depends on 16_consent_tables.sql, 20_context.sql, 40_response.sql, 45_audit.sql, 50_users.sql, 65_guards.sql,
-- and at run time on 67_role_permissions.sql.
--
-- A consent and its withdrawal are two rows.  Whoever adds one holds the row of
-- the user FOR NO KEY UPDATE from before its id is drawn until he commits: so of a
-- grant and a withdrawal that race the one that commits last has the larger id,
-- and counts.  What is in force changes for every statement that begins after
-- that commit (at REPEATABLE READ: for every transaction).

-- Purposes ---------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.consent_purpose_list() RETURNS TABLE (name text, description text, document_version text)
	LANGUAGE sql STABLE ROWS 10
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT coalesce(p.name, b.name), coalesce(p.description, b.description), p.document_version
	FROM (VALUES
		('data_processing', 'Processing of personal data'),
		('ai_interaction', 'Interaction with AI agents'),
		('data_retention', 'Retention of personal data')) AS b (name, description)
	FULL JOIN auth.consent_purposes AS p ON p.name = b.name
	ORDER BY 1
$$;
COMMENT ON FUNCTION auth.consent_purpose_list() IS 'the purposes that can be consented to: data_processing, ai_interaction, data_retention and what was added';
REVOKE ALL ON FUNCTION auth.consent_purpose_list() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.consent_purpose_list() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth._knows_purpose(purpose text) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN coalesce(purpose IN ('data_processing', 'ai_interaction', 'data_retention'), false)
		OR EXISTS (SELECT FROM auth.consent_purposes AS p WHERE p.name = purpose);
END
$$;
COMMENT ON FUNCTION auth._knows_purpose(text) IS 'whether there is such a purpose';
REVOKE ALL ON FUNCTION auth._knows_purpose(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_purpose(purpose text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF NOT auth._knows_purpose(purpose) THEN
		PERFORM auth._fail('22023', 'unknown purpose of a consent',
			'auth.consent_purpose_list() names those there are, auth.consent_purpose_set() adds one.');
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_purpose(text) IS 'raises 22023 when there is no such purpose';
REVOKE ALL ON FUNCTION auth._demand_purpose(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._document_version_problem(document_version text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN octet_length(document_version) > 200 OR document_version = ''
			OR document_version COLLATE "C" ~ ('[' || auth._invisible() || ']')
		THEN 'document_version is not valid' END;
COMMENT ON FUNCTION auth._document_version_problem(text) IS 'what is wrong with the version of a text: it has 1 to 200 bytes, all visible';
REVOKE ALL ON FUNCTION auth._document_version_problem(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.consent_purpose_set(name text, description text DEFAULT NULL, document_version text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	IF consent_purpose_set.name IS NULL OR consent_purpose_set.name COLLATE "C" !~ '^[a-z][a-z0-9_]{0,62}$' THEN
		PERFORM auth._fail('22023', 'name is not valid', 'It has 1 to 63 lower-case letters, digits and underscores, and begins with a letter.');
	END IF;
	IF octet_length(consent_purpose_set.description) > 2000 THEN
		PERFORM auth._fail('22023', 'description is too long', 'It has at most 2000 bytes.');
	END IF;
	IF auth._document_version_problem(consent_purpose_set.document_version) IS NOT NULL THEN
		PERFORM auth._fail('22023', 'document_version is not valid', 'It has 1 to 200 bytes, all visible.');
	END IF;
	PERFORM auth._audit_admin('consent_purpose_set', details => jsonb_build_object(
		'purpose', consent_purpose_set.name, 'document_version', consent_purpose_set.document_version));
	INSERT INTO auth.consent_purposes AS p (name, description, document_version)
		VALUES (consent_purpose_set.name, consent_purpose_set.description, consent_purpose_set.document_version)
		ON CONFLICT ON CONSTRAINT consent_purposes_pkey DO UPDATE
			SET description = coalesce(EXCLUDED.description, p.description), document_version = EXCLUDED.document_version,
				updated_at = clock_timestamp();
END
$$;
COMMENT ON FUNCTION auth.consent_purpose_set(text, text, text) IS
	'adds a purpose, or changes which version of its text is in force; earlier consents stay good';
REVOKE ALL ON FUNCTION auth.consent_purpose_set(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.consent_purpose_set(text, text, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.consent_purpose_remove(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._demand_read_committed();
	PERFORM FROM auth.consent_purposes AS p WHERE p.name = consent_purpose_remove.name FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'purpose not found', 'Those that are always there cannot be removed.');
	END IF;
	-- a purpose that is always there only loses what was said about it
	IF consent_purpose_remove.name NOT IN ('data_processing', 'ai_interaction', 'data_retention')
		AND EXISTS (SELECT FROM auth.consents AS c WHERE c.purpose = consent_purpose_remove.name) THEN
		PERFORM auth._fail('23503', 'there are consents to this purpose', 'They are kept as a record, and so is the purpose.');
	ELSIF consent_purpose_remove.name NOT IN ('data_processing', 'ai_interaction', 'data_retention') THEN
		PERFORM auth._demand_no_condition('consent:' || consent_purpose_remove.name);
	END IF;
	PERFORM auth._audit_admin('consent_purpose_remove', details => jsonb_build_object('purpose', consent_purpose_remove.name));
	DELETE FROM auth.consent_purposes AS p WHERE p.name = consent_purpose_remove.name;
END
$$;
COMMENT ON FUNCTION auth.consent_purpose_remove(text) IS 'removes a purpose to which nobody has ever consented, and that no permission requires';
REVOKE ALL ON FUNCTION auth.consent_purpose_remove(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.consent_purpose_remove(text) TO auth_admin;

-- What is in force -------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth._consent_in_force(user_id uuid, purpose text) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	answer boolean;
BEGIN
	SELECT c.granted INTO answer FROM auth.consents AS c
		WHERE c.user_id = _consent_in_force.user_id AND c.purpose = _consent_in_force.purpose
		ORDER BY c.id DESC LIMIT 1;
	IF answer IS NULL THEN
		PERFORM auth._demand_purpose(purpose);
		RETURN false;
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION auth._consent_in_force(uuid, text) IS 'whether the latest word of a user on a purpose was a consent; raises 22023 when there is no such purpose';
REVOKE ALL ON FUNCTION auth._consent_in_force(uuid, text) FROM PUBLIC;

-- The one place of this rule: oneself; whose rows the caller may read, as his
-- widest permission to read goes; and for platform administrators everybody.  Where
-- nothing is told apart, as there are no resources, all members read all rows.
CREATE OR REPLACE FUNCTION auth._sees_consents_of(user_id uuid) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	units uuid[];
	scopes text[];
BEGIN
	IF user_id = auth.uid() OR auth.is_super_admin() THEN
		RETURN true;
	END IF;
	SELECT m.unit_ids INTO units FROM auth.memberships AS m WHERE m.tenant_id = auth.tenant_id() AND m.user_id = _sees_consents_of.user_id;
	IF NOT FOUND THEN
		RETURN false;
	ELSIF NOT EXISTS (SELECT FROM auth.resources) THEN
		RETURN true;
	END IF;
	scopes := ARRAY(SELECT auth.scope(r.name, 'read') FROM auth.resources AS r WHERE 'read' = ANY (r.actions));
	RETURN coalesce('tenant' = ANY (scopes), false)
		OR coalesce('unit' = ANY (scopes) AND units && auth.unit_ids(), false)
		OR coalesce('assigned' = ANY (scopes) AND user_id = ANY (auth.assigned_ids()), false);
END
$$;
COMMENT ON FUNCTION auth._sees_consents_of(uuid) IS 'whether the caller may learn what a user has consented to';
REVOKE ALL ON FUNCTION auth._sees_consents_of(uuid) FROM PUBLIC;

-- Of somebody whom the caller may not ask about the answer is false, as of
-- somebody who does not exist or has not consented: it tells none of these.
CREATE OR REPLACE FUNCTION auth._has_consent(purpose text, user_id uuid) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth._sees_consents_of(user_id) THEN
		RETURN auth._consent_in_force(user_id, purpose);
	END IF;
	PERFORM auth._demand_purpose(purpose);
	RETURN false;
END
$$;
COMMENT ON FUNCTION auth._has_consent(text, uuid) IS 'Internal: what auth.has_consent() returns';
REVOKE ALL ON FUNCTION auth._has_consent(text, uuid) FROM PUBLIC;

-- As auth.assigned_ids().
CREATE OR REPLACE FUNCTION auth.has_consent(purpose text, user_id uuid DEFAULT auth.uid()) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_policy_question';
COMMENT ON FUNCTION auth.has_consent(text, uuid) IS 'whether a user, by default the caller, has consented to a purpose and not withdrawn it; of a user whose rows the caller may not read always false. In a policy: USING ((SELECT auth.has_consent(''ai_interaction'')))';
REVOKE ALL ON FUNCTION auth.has_consent(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.has_consent(text, uuid) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.has_lgpd_consent(user_id uuid, consent_type text) RETURNS boolean
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN auth._consent_in_force(user_id, consent_type);
END
$$;
COMMENT ON FUNCTION auth.has_lgpd_consent(uuid, text) IS 'for administrators and services: whether any user has consented to a purpose and not withdrawn it; in policies auth.has_consent()';
REVOKE ALL ON FUNCTION auth.has_lgpd_consent(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.has_lgpd_consent(uuid, text) TO auth_admin;

-- Saying so --------------------------------------------------------------------

-- Each word is a row, also one that repeats the former: what is in force by the
-- caller's snapshot may be older than somebody else's withdrawal.
CREATE OR REPLACE FUNCTION auth._consent_add(user_id uuid, purpose text, granted boolean, document_version text) RETURNS auth.consents
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	added auth.consents;
BEGIN
	-- the purpose stays until the end of the transaction
	PERFORM FROM auth.consent_purposes AS p WHERE p.name = purpose FOR KEY SHARE;
	PERFORM auth._demand_purpose(purpose);
	INSERT INTO auth.consents (user_id, purpose, granted, document_version, address, by_user, by_role)
		VALUES (_consent_add.user_id, _consent_add.purpose, _consent_add.granted, _consent_add.document_version, auth.client_address(),
			(SELECT u.id FROM auth.users AS u WHERE u.id = auth.uid()), session_user)
		RETURNING * INTO added;
	PERFORM auth._make_durable();
	RETURN added;
END
$$;
COMMENT ON FUNCTION auth._consent_add(uuid, text, boolean, text) IS 'adds a consent or its withdrawal; lock the user first';
REVOKE ALL ON FUNCTION auth._consent_add(uuid, text, boolean, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._consent_say(event text, purpose text, granted boolean, document_version text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	caller CONSTANT uuid := auth.uid();
	wanted text := document_version;
	in_force text;
	problem text;
	added auth.consents;
BEGIN
	PERFORM FROM auth.users AS u WHERE u.id = caller FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN auth._refuse(event, 401, 'no_authorization', 'Authentication required');
	END IF;
	problem := CASE
		WHEN coalesce(purpose, '') = '' THEN 'purpose is required'
		WHEN NOT auth._knows_purpose(purpose) THEN 'purpose is not known'
		ELSE auth._document_version_problem(wanted)
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._refuse(event, 400, 'validation_failed', problem);
	END IF;
	SELECT p.document_version INTO in_force FROM auth.consent_purposes AS p WHERE p.name = purpose;
	IF granted AND wanted <> in_force THEN
		RETURN auth._refuse(event, 409, 'document_outdated', 'Another version of this document is in force',
			jsonb_build_object('purpose', purpose));
	END IF;
	added := auth._consent_add(caller, purpose, granted, coalesce(wanted, in_force));
	PERFORM auth._audit(event, 'success', NULL, caller, auth.tenant_id(), auth.session_id(), NULL,
		jsonb_strip_nulls(jsonb_build_object('purpose', added.purpose, 'document_version', added.document_version)));
	RETURN jsonb_build_object('purpose', added.purpose, 'granted', added.granted, 'at', added.at, 'document_version', added.document_version);
END
$$;
COMMENT ON FUNCTION auth._consent_say(text, text, boolean, text) IS 'what consent_grant and consent_revoke do';
REVOKE ALL ON FUNCTION auth._consent_say(text, text, boolean, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.consent_grant(purpose text, document_version text DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
BEGIN
	RETURN auth._consent_say('consent_grant', purpose, true, document_version);
END
$$;
COMMENT ON FUNCTION auth_api.consent_grant(text, text) IS 'the caller consents to a purpose, on the version of the text that is in force or that he names: {purpose, granted, at, document_version}';
REVOKE ALL ON FUNCTION auth_api.consent_grant(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.consent_grant(text, text) TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.consent_revoke(purpose text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
BEGIN
	RETURN auth._consent_say('consent_revoke', purpose, false, NULL);
END
$$;
COMMENT ON FUNCTION auth_api.consent_revoke(text) IS 'the caller withdraws his consent to a purpose, or says that he gives none: {purpose, granted, at, document_version}';
REVOKE ALL ON FUNCTION auth_api.consent_revoke(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.consent_revoke(text) TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.consents() RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('consents', 401, 'no_authorization', 'Authentication required');
	END IF;
	RETURN jsonb_build_object('consents', (
		SELECT jsonb_agg(jsonb_build_object('purpose', p.name, 'description', p.description, 'granted', coalesce(c.granted, false),
			'at', c.at, 'document_version', c.document_version, 'current_version', p.document_version) ORDER BY p.name)
		FROM auth.consent_purpose_list() AS p
		LEFT JOIN LATERAL (
			SELECT l.* FROM auth.consents AS l WHERE l.user_id = auth.uid() AND l.purpose = p.name
			ORDER BY l.id DESC LIMIT 1) AS c ON true));
END
$$;
COMMENT ON FUNCTION auth_api.consents() IS 'every purpose and whether the caller has consented to it: {consents}; at is null where he has said nothing';
REVOKE ALL ON FUNCTION auth_api.consents() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.consents() TO authenticated;

CREATE OR REPLACE FUNCTION auth.consent_record(user_id uuid, purpose text, granted boolean, document_version text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF granted IS NULL THEN
		PERFORM auth._fail('22023', 'granted is required');
	END IF;
	IF auth._document_version_problem(document_version) IS NOT NULL THEN
		PERFORM auth._fail('22023', 'document_version is not valid', 'It has 1 to 200 bytes, all visible.');
	END IF;
	PERFORM FROM auth.users AS u WHERE u.id = user_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'user not found');
	END IF;
	PERFORM auth._consent_add(user_id, purpose, granted, document_version);
	PERFORM auth._audit_admin('consent_record', user_id, details => jsonb_build_object(
		'purpose', purpose, 'granted', granted, 'document_version', document_version));
END
$$;
COMMENT ON FUNCTION auth.consent_record(uuid, text, boolean, text) IS 'records a consent or a withdrawal that a user gave elsewhere, on paper say';
REVOKE ALL ON FUNCTION auth.consent_record(uuid, text, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.consent_record(uuid, text, boolean, text) TO auth_admin;
