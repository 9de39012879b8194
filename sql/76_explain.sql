-- sql/76_explain.sql: why somebody may or may not, in words, and who may.
-- Depends on 75_access.sql. It tells what the tables say now; policies decide.

-- Which words the scopes are.
CREATE OR REPLACE FUNCTION auth.scope_words(scope text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE scope
		WHEN 'tenant' THEN 'all rows of the tenant'
		WHEN 'unit' THEN 'the rows of his units'
		WHEN 'assigned' THEN 'the rows he is assigned to'
		WHEN 'own' THEN 'his own rows'
		END;
COMMENT ON FUNCTION auth.scope_words(text) IS 'a scope in words';
REVOKE ALL ON FUNCTION auth.scope_words(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.scope_words(text) TO auth_admin;

-- What keeps a user from doing anything: NULL when nothing does.
CREATE OR REPLACE FUNCTION auth.user_obstacle(user_id uuid) RETURNS text
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN CASE
		WHEN NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = user_id) THEN 'there is no such user'
		WHEN EXISTS (SELECT FROM auth.users AS u WHERE u.id = user_id AND u.banned_until > statement_timestamp()) THEN 'the user is banned'
		END;
COMMENT ON FUNCTION auth.user_obstacle(uuid) IS 'what keeps a user from doing anything, in words, or NULL';
REVOKE ALL ON FUNCTION auth.user_obstacle(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_obstacle(uuid) TO auth_admin;

-- auth.users is not read by those who may ask for an explanation.
CREATE OR REPLACE FUNCTION auth.user_is_super_admin(user_id uuid) RETURNS boolean
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN EXISTS (SELECT FROM auth.users AS u WHERE u.id = user_id AND u.is_super_admin);
COMMENT ON FUNCTION auth.user_is_super_admin(uuid) IS 'whether a user is a platform administrator';
REVOKE ALL ON FUNCTION auth.user_is_super_admin(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_is_super_admin(uuid) TO auth_admin;

-- What is misspelled is an error of whoever asks.
CREATE OR REPLACE FUNCTION auth.demand_action(resource text, action text) RETURNS void
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._demand_resource(resource, coalesce(action, ''));
END
$$;
COMMENT ON FUNCTION auth.demand_action(text, text) IS 'raises 42704 unless there is this action on this resource';
REVOKE ALL ON FUNCTION auth.demand_action(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.demand_action(text, text) TO auth_admin;

-- As auth._conditions_hold() for the caller; of a session only the level is asked.
CREATE OR REPLACE FUNCTION auth.condition_holds(condition text, user_id uuid, tenant_id uuid, aal text) RETURNS boolean
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN coalesce(CASE
		WHEN condition = 'aal2' THEN aal = 'aal2'
		WHEN condition LIKE 'consent:%' THEN (
			SELECT c.granted FROM auth.consents AS c
			WHERE c.user_id = condition_holds.user_id AND c.purpose = substr(condition, 9) ORDER BY c.id DESC LIMIT 1)
		WHEN condition LIKE 'feature:%' THEN EXISTS (
			SELECT FROM auth.plan_features AS f
			WHERE f.plan = auth._plan(condition_holds.tenant_id) AND f.feature = substr(condition, 9) AND (f.quota IS NULL OR f.quota > 0))
		END, false);
COMMENT ON FUNCTION auth.condition_holds(text, uuid, uuid, text) IS 'whether a condition of a permission holds for a user in a tenant, in a session of this level';
REVOKE ALL ON FUNCTION auth.condition_holds(text, uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.condition_holds(text, uuid, uuid, text) TO auth_admin;

-- As src/permission.c decides for the caller: no denial, and the widest whose conditions hold.
CREATE OR REPLACE FUNCTION auth.decided_permission(user_id uuid, role text, tenant_id uuid, resource text, action text, aal text)
	RETURNS TABLE (scope text, conditions text[])
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	permission record;
BEGIN
	FOR permission IN SELECT * FROM auth.deciding_permissions(role, tenant_id, resource, action) LOOP
		EXIT WHEN permission.scope IS NULL;
		CONTINUE WHEN NOT (SELECT coalesce(bool_and(auth.condition_holds(c, user_id, tenant_id, aal)), true) FROM unnest(permission.conditions) AS c);
		scope := permission.scope;
		conditions := permission.conditions;
		RETURN NEXT;
		EXIT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth.decided_permission(uuid, text, uuid, text, text, text) IS 'the permission of a role that counts for a user in a session of this level; no row: he may not';
REVOKE ALL ON FUNCTION auth.decided_permission(uuid, text, uuid, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.decided_permission(uuid, text, uuid, text, text, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.explain_access(user_id uuid, action text, target regclass, row_id uuid DEFAULT NULL, tenant_id uuid DEFAULT NULL)
	RETURNS TABLE (allowed boolean, explanation text)
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	entry auth.protected_tables := auth._protect_entry(target);
	obstacle text := auth.user_obstacle(user_id);
	facts record;
	member record;
	permission record;
	within boolean;
	spoken boolean := false;
	second_factor boolean;
	condition text;
	unmet text;
BEGIN
	allowed := false;
	IF entry.id IS NULL THEN
		explanation := format('%s is not protected: privileges and its own policies decide', target);
		RETURN NEXT;
		RETURN;
	ELSIF obstacle IS NOT NULL THEN
		explanation := obstacle;
		RETURN NEXT;
		RETURN;
	END IF;
	IF entry.resource IS NOT NULL THEN
		PERFORM auth.demand_action(entry.resource, action);
	END IF;
	IF row_id IS NOT NULL THEN
		facts := auth.row_facts(target, row_id);
		IF NOT facts.row_found THEN
			explanation := 'there is no such row, or you do not see it yourself';
			RETURN NEXT;
			RETURN;
		END IF;
		IF entry.tenant_column IS NOT NULL THEN
			tenant_id := facts.tenant_id;
			explanation := format('the row belongs to tenant %s', tenant_id);
			RETURN NEXT;
		END IF;
	END IF;
	IF auth.user_is_super_admin(user_id) THEN
		allowed := true;
		explanation := 'the user is a platform administrator: allowed on all rows of all tenants, with a token of the role auth_platform';
		RETURN NEXT;
		RETURN;
	END IF;

	FOR member IN
		SELECT m.role, m.tenant_id, m.unit_ids FROM auth.memberships AS m
		WHERE m.user_id = user_id AND (tenant_id IS NULL OR m.tenant_id = tenant_id)
		UNION ALL
		SELECT r.name, NULL, '{}' FROM auth.roles AS r
		WHERE r.kind = 'user' AND tenant_id IS NULL AND entry.tenant_column IS NULL
		ORDER BY 2 NULLS FIRST
	LOOP
		spoken := true;
		explanation := coalesce(format('the user is %s of tenant ', member.role) || member.tenant_id,
			format('the user is %s, as everybody is without a tenant', member.role));
		RETURN NEXT;
		IF entry.resource IS NULL THEN
			allowed := true;
			explanation := format('%s is protected without a resource: every member may do everything', target);
			RETURN NEXT;
			CONTINUE;
		END IF;
		IF NOT EXISTS (SELECT FROM auth.deciding_permissions(member.role, member.tenant_id, entry.resource, action)) THEN
			explanation := format('the role %s has no permission to %s %s', member.role, action, entry.resource);
			RETURN NEXT;
		END IF;
		second_factor := false;
		FOR permission IN SELECT * FROM auth.deciding_permissions(member.role, member.tenant_id, entry.resource, action) LOOP
			-- with a second factor the wider one counts
			CONTINUE WHEN second_factor AND 'aal2' = ANY (permission.conditions);
			IF second_factor THEN
				explanation := 'in a session without a second factor:';
				RETURN NEXT;
			END IF;
			IF permission.scope IS NULL THEN
				explanation := format('the role %s is denied to %s %s%s', member.role, permission.granted_action, entry.resource,
					coalesce(': ' || permission.message, ''));
				RETURN NEXT;
				EXIT;
			END IF;
			explanation := format('the role %s may %s %s, on %s', member.role, permission.granted_action, entry.resource,
				auth.scope_words(permission.scope));
			RETURN NEXT;
			unmet := NULL;
			FOREACH condition IN ARRAY permission.conditions LOOP
				IF condition = 'aal2' THEN
					explanation := 'on condition of a second factor in the session';
					RETURN NEXT;
				ELSIF NOT auth.condition_holds(condition, user_id, member.tenant_id, 'aal2') THEN
					unmet := CASE WHEN condition LIKE 'consent:%' THEN format('the user has not consented to %s', substr(condition, 9))
						ELSE format('the plan of the tenant does not have %s', substr(condition, 9)) END;
				ELSIF condition LIKE 'feature:%' THEN
					explanation := format('the plan of the tenant has %s', substr(condition, 9));
					RETURN NEXT;
				END IF;
			END LOOP;
			IF unmet IS NOT NULL THEN
				explanation := unmet;
				RETURN NEXT;
				CONTINUE;
			END IF;
			IF entry.tenant_column IS NULL AND permission.scope IN ('tenant', 'unit') THEN
				explanation := 'the table has no tenants: none of its rows are of these';
				RETURN NEXT;
				EXIT;
			END IF;
			IF row_id IS NULL THEN
				allowed := true;
				explanation := 'allowed on those rows';
				RETURN NEXT;
				EXIT;
			END IF;
			within := auth.within_scope(permission.scope, user_id, CASE WHEN entry.tenant_column IS NOT NULL THEN member.tenant_id END, member.unit_ids,
				facts.unit_id, facts.owner_id, facts.assignee_id, facts.subjects);
			IF within THEN
				allowed := true;
				explanation := 'the row is one of them: allowed';
				RETURN NEXT;
				EXIT;
			END IF;
			explanation := CASE permission.scope
				WHEN 'unit' THEN format('the row is not: its unit is %s, and his are %s', coalesce(facts.unit_id::text, 'none'), member.unit_ids)
				WHEN 'assigned' THEN 'the row is not: he is not assigned to it'
				ELSE format('the row is not: it belongs to %s', coalesce(facts.owner_id::text, 'nobody')) END;
			RETURN NEXT;
			second_factor := second_factor OR 'aal2' = ANY (permission.conditions);
			-- without a second factor what is narrower counts
			EXIT WHEN 'aal2' <> ALL (permission.conditions);
		END LOOP;
	END LOOP;
	IF NOT spoken THEN
		explanation := CASE WHEN tenant_id IS NULL THEN 'the user is a member of no tenant' ELSE format('the user is not a member of tenant %s', tenant_id) END;
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION auth.explain_access(uuid, text, regclass, uuid, uuid) IS 'why a user may or may not do this to a protected table, or to one row of it: each step in words; the last line tells whether he may';
REVOKE ALL ON FUNCTION auth.explain_access(uuid, text, regclass, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.explain_access(uuid, text, regclass, uuid, uuid) TO auth_admin;

-- Reads what those who may ask do not; whose row it is they have seen themselves.
CREATE OR REPLACE FUNCTION auth.who_may(action text, resource text, tenanted boolean, tenant_id uuid, unit_id uuid, owner_id uuid, assignee_id uuid, subjects uuid[])
	RETURNS TABLE (user_id uuid, email text, role text, scope text, requires text[])
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT u.id, u.email, 'auth_platform', 'platform', '{}'::text[]
	FROM auth.users AS u WHERE u.is_super_admin AND auth.user_obstacle(u.id) IS NULL
	UNION ALL
	SELECT u.id, u.email, m.role, p.scope, p.conditions
	FROM (
		SELECT m.user_id, m.role, m.tenant_id, m.unit_ids FROM auth.memberships AS m
		WHERE m.tenant_id = who_may.tenant_id
			OR NOT tenanted AND m.user_id IN (who_may.owner_id, who_may.assignee_id)
		UNION ALL
		SELECT DISTINCT o, r.name, NULL::uuid, '{}'::uuid[] FROM auth.roles AS r, unnest(ARRAY[who_may.owner_id, who_may.assignee_id]) AS o
		WHERE r.kind = 'user' AND NOT tenanted) AS m
	JOIN auth.users AS u ON u.id = m.user_id
	CROSS JOIN LATERAL (
		SELECT d.scope, d.conditions
		FROM unnest(ARRAY['aal1', 'aal2']) WITH ORDINALITY AS a (aal, position)
		CROSS JOIN LATERAL (
			SELECT * FROM auth.decided_permission(u.id, m.role, m.tenant_id, who_may.resource, who_may.action, a.aal) WHERE who_may.resource IS NOT NULL
			UNION ALL
			SELECT 'tenant', '{}' WHERE who_may.resource IS NULL) AS d
		WHERE auth.within_scope(d.scope, u.id, who_may.tenant_id, m.unit_ids, who_may.unit_id, who_may.owner_id, who_may.assignee_id, subjects)
		ORDER BY a.position
		LIMIT 1) AS p
	WHERE auth.user_obstacle(u.id) IS NULL
	ORDER BY 4, 2, 1
$$;
COMMENT ON FUNCTION auth.who_may(text, text, boolean, uuid, uuid, uuid, uuid, uuid[]) IS 'who may do this to a row of which this is known; auth.who_can() asks it';
REVOKE ALL ON FUNCTION auth.who_may(text, text, boolean, uuid, uuid, uuid, uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.who_may(text, text, boolean, uuid, uuid, uuid, uuid, uuid[]) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.who_can(action text, target regclass, row_id uuid)
	RETURNS TABLE (user_id uuid, email text, role text, scope text, requires text[])
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	entry auth.protected_tables := auth._protect_entry(target);
	facts record := auth.row_facts(target, row_id);
BEGIN
	IF entry.resource IS NOT NULL THEN
		PERFORM auth.demand_action(entry.resource, who_can.action);
	END IF;
	IF NOT facts.row_found THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = 'there is no such row, or you do not see it yourself',
			HINT = 'Rows are seen by superusers, and with the token of a platform administrator by auth_platform.';
	END IF;
	RETURN QUERY SELECT * FROM auth.who_may(who_can.action, entry.resource, entry.tenant_column IS NOT NULL,
		facts.tenant_id, facts.unit_id, facts.owner_id, facts.assignee_id, facts.subjects);
END
$$;
COMMENT ON FUNCTION auth.who_can(text, regclass, uuid) IS 'who may do this to a row of a protected table, by which role and scope, and on which conditions: of these only a second factor (aal2) is not looked at';
REVOKE ALL ON FUNCTION auth.who_can(text, regclass, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.who_can(text, regclass, uuid) TO auth_admin;
