-- can_access, explain_access and who_can against what the policies really do: models
-- at random, and each person tries each command on each row.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/people.psql'

BEGIN;
\i :include
SELECT plan(4);

SELECT auth.feature_create('extra') \g /dev/null
SELECT auth.plan_create('large'), auth.plan_feature_set('large', 'extra') \g /dev/null
CREATE TABLE people.wrong (model int, what text, who text, aal text, action text, really boolean, said boolean, why text);

CREATE FUNCTION people.pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;

-- Roles, permissions, denials, conditions, members, rows and assignments at random.
CREATE FUNCTION people.make_model(model int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	actions text[];
	role text;
	action text;
	person text;
BEGIN
	PERFORM setseed(model / 1000.0);
	actions := string_to_array((ARRAY['read create update delete', 'read write delete admin', 'read create update delete write admin', 'read update delete', 'read admin'])[1 + model % 5], ' ');
	PERFORM auth.resource_create('docs', actions);
	FOREACH role IN ARRAY ARRAY['r1', 'r2', 'r3', 'r4'] LOOP
		PERFORM auth.role_create(role, 1);
		FOREACH action IN ARRAY actions LOOP
			IF random() < 0.1 THEN
				PERFORM auth.permission_deny(role, 'docs', action);
			ELSIF random() < 0.8 THEN
				PERFORM auth.permission_set(role, 'docs', action, people.pick('tenant', 'unit', 'assigned', 'own'),
					string_to_array(people.pick('', '', 'aal2', 'consent:ai_interaction', 'feature:extra', 'aal2 consent:ai_interaction'), ' '));
			END IF;
		END LOOP;
	END LOOP;
	FOR person IN SELECT 'p' || n FROM generate_series(1, 5) AS n LOOP
		PERFORM people.add(person, people.pick('r1', 'r2', 'r3', 'r4', 'unknown'), CASE WHEN person IN ('p1', 'p2') THEN 'south' ELSE 'north' END,
			CASE WHEN person IN ('p1', 'p2') THEN ARRAY['quay'] ELSE (ARRAY['{}', '{east}', '{east,west}'])[1 + floor(random() * 3)::int]::text[] END);
		IF random() < 0.7 THEN
			INSERT INTO auth.consents (user_id, purpose, granted, by_role) VALUES (people.id(person), 'ai_interaction', true, 'test');
		END IF;
		IF random() < 0.3 THEN
			INSERT INTO auth.consents (user_id, purpose, granted, by_role) VALUES (people.id(person), 'ai_interaction', false, 'test');
		END IF;
	END LOOP;
	IF random() < 0.5 THEN
		PERFORM auth.subscription_set(people.id('north'), 'large');
	END IF;
	CREATE TABLE people.docs (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, unit_id uuid, owner_id uuid, assignee_id uuid, body text);
	INSERT INTO people.docs
		SELECT people.id('d' || n), people.id(CASE WHEN n > 4 THEN 'south' ELSE 'north' END),
			CASE WHEN random() < 0.8 THEN people.id(people.pick('east', 'west', 'quay')) END,
			CASE WHEN random() < 0.8 THEN people.id('p' || ceil(random() * 5)) END,
			CASE WHEN random() < 0.6 THEN people.id('p' || ceil(random() * 5)) END
		FROM generate_series(1, 6) AS n;
	INSERT INTO auth.assignments (tenant_id, user_id, subject_id, ends_at)
		SELECT people.id(people.pick('north', 'north', 'south')), people.id('p' || n), people.id(people.pick('d', 'p') || ceil(random() * 5)),
			CASE WHEN random() < 0.2 THEN now() - interval '1 second' END
		FROM generate_series(1, 5) AS n, generate_series(1, 3) ON CONFLICT DO NOTHING;
	GRANT ALL ON people.docs TO authenticated;
	PERFORM auth.protect('people.docs', 'docs', unit_column => CASE WHEN random() < 0.8 THEN 'unit_id'::name END,
		owner_column => CASE WHEN random() < 0.8 THEN 'owner_id'::name END, assignee_column => CASE WHEN random() < 0.5 THEN 'assignee_id'::name END);
END
$$;

-- The rows that somebody really reaches. Neither UPDATE nor DELETE reads a column: so
-- their own policies are all that holds them.
CREATE FUNCTION people.reached(who text, aal text, command text) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
	reached uuid[];
BEGIN
	PERFORM people.become(who, aal);
	SET LOCAL ROLE authenticated;
	IF command = 'select' THEN
		SELECT array_agg(d.id) INTO reached FROM people.docs AS d;
	ELSIF command = 'update' THEN
		UPDATE people.docs SET body = 'reached';
	ELSE
		DELETE FROM people.docs;
	END IF;
	RESET ROLE;
	IF command = 'update' THEN
		SELECT array_agg(d.id) INTO reached FROM people.docs AS d WHERE d.body = 'reached';
	ELSIF command = 'delete' THEN
		SELECT array_agg(people.id('d' || n)) INTO reached FROM generate_series(1, 6) AS n
			WHERE NOT EXISTS (SELECT FROM people.docs AS d WHERE d.id = people.id('d' || n));
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'UNDO0', MESSAGE = coalesce(reached, '{}');
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN SQLERRM::uuid[];
END
$$;

CREATE FUNCTION people.try_model(model int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	who text;
	command text;
	action text;
	aal text;
	by_level jsonb;
	row_id uuid;
	really boolean;
	said boolean;
	without boolean;
	why text;
	allowed int := 0;
BEGIN
	PERFORM people.make_model(model);
	FOR who IN SELECT 'p' || n FROM generate_series(1, 5) AS n LOOP
		FOREACH command IN ARRAY ARRAY['select', 'update', 'delete'] LOOP
			action := auth._protect_action('docs', command);
			by_level := jsonb_build_object('aal1', to_jsonb(people.reached(who, 'aal1', command)), 'aal2', to_jsonb(people.reached(who, 'aal2', command)),
				'seen aal1', to_jsonb(people.reached(who, 'aal1', 'select')), 'seen aal2', to_jsonb(people.reached(who, 'aal2', 'select')));
			FOR row_id IN SELECT people.id('d' || n) FROM generate_series(1, 6) AS n LOOP
				FOREACH aal IN ARRAY ARRAY['aal1', 'aal2'] LOOP
					really := by_level -> aal ? row_id::text AND by_level -> ('seen ' || aal) ? row_id::text;
					allowed := allowed + really::int;
					PERFORM people.become(who, aal);
					SET LOCAL ROLE authenticated;
					said := auth.can_access('docs', row_id, action);
					RESET ROLE;
					INSERT INTO people.wrong SELECT model, 'can_access', who, aal, action, really, said WHERE really IS DISTINCT FROM said;
				END LOOP;
				-- and a function of a superuser is told the same
				said := auth.can_access('docs', row_id, action);
				INSERT INTO people.wrong SELECT model, 'can_access, as superuser', who, aal, action, really, said WHERE really IS DISTINCT FROM said;
				PERFORM people.become('');
				really := by_level -> 'aal1' ? row_id::text OR by_level -> 'aal2' ? row_id::text;
				SELECT (array_agg(e.allowed ORDER BY n DESC))[1], string_agg(explanation, '; ' ORDER BY n) INTO said, why
					FROM auth.explain_access(people.id(who), action, 'people.docs', row_id) WITH ORDINALITY AS e (allowed, explanation, n);
				INSERT INTO people.wrong SELECT model, 'explain_access', who, NULL, action, really, said, why WHERE really IS DISTINCT FROM said;
				SELECT coalesce(bool_or(true), false), coalesce(bool_or('aal2' <> ALL (w.requires)), false) INTO said, without
					FROM auth.who_can(action, 'people.docs', row_id) AS w WHERE w.user_id = people.id(who);
				INSERT INTO people.wrong SELECT model, 'who_can', who, NULL, action, really, said WHERE really IS DISTINCT FROM said;
				really := by_level -> 'aal1' ? row_id::text;
				INSERT INTO people.wrong SELECT model, 'who_can without a second factor', who, 'aal1', action, really, without WHERE really IS DISTINCT FROM without;
			END LOOP;
		END LOOP;
	END LOOP;
	RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = concat(CASE WHEN allowed = 0 THEN 'nobody may do anything. ' END,
		(SELECT string_agg(w::text, E'\n') FROM (SELECT * FROM people.wrong LIMIT 10) AS w));
EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
	RETURN SQLERRM;
END
$$;

SELECT is(people.try_model(n), '', 'what is said is what is done: model ' || n) FROM unnest(ARRAY[1, 2, 4, 8]) AS n;

SELECT * FROM finish();
ROLLBACK;
