-- The tabs of a browser share one cookie, refresh at once and sign nobody out: a simulation against
-- the real auth_api.refresh, in which time does not pass but tokens are made older.
--
-- Each tab reads the cookie when it sends, and its answer overwrites the cookie when it comes, in
-- whatever order answers come; so an old token can take the place of a newer one.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'

BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(6);
SELECT pg_temp.user_('tab') \g /dev/null
-- one transaction makes rows that the planner has not heard of
SET LOCAL enable_seqscan = off;
SELECT setseed(0.5) \g /dev/null

-- What happens in one load of a page by so many tabs, in the order of time: each sends within 250 ms,
-- and request and answer take 0 to 250 ms each; one answer in twenty is lost.
CREATE FUNCTION pg_temp.load(tabs integer) RETURNS TABLE (tab integer, what text) LANGUAGE sql VOLATILE AS $$
	WITH tab AS MATERIALIZED (
		SELECT n, random() * 250 AS sent, random() * 250 AS there, random() * 250 AS back, random() < 0.05 AS is_lost
		FROM generate_series(1, tabs) AS n)
	SELECT n, e.what FROM tab, LATERAL (VALUES
			('sends', sent), ('is served', sent + there),
			(CASE WHEN is_lost THEN 'is lost' ELSE 'hears' END, sent + there + back)
		) AS e (what, at)
	ORDER BY e.at
$$;

-- One browser: so many loads by so many tabs, and after each a pause of at most so many seconds; then
-- one tab comes back.  What it was refused, if anything; how often it was served, and of these how
-- often for a token whose successor was used, too; and whether it was left with a token that was used.
CREATE FUNCTION pg_temp.browse(tabs integer, loads integer, pause double precision,
		OUT refused text, OUT served integer, OUT led_on integer, OUT is_stale boolean)
	LANGUAGE plpgsql AS $$
DECLARE
	session record := auth._session_begin(pg_temp.u('tab'), NULL, 'test');
	cookie text := session.refresh_token;
	line text[] := ARRAY[cookie];
	sent text[];
	answers text[];
	answer jsonb;
	event record;
	passed interval;
BEGIN
	served := 0;
	led_on := 0;
	FOR load IN 1 .. loads LOOP
		sent := array_fill(NULL::text, ARRAY[tabs]);
		answers := sent;
		FOR event IN SELECT * FROM pg_temp.load(tabs) LOOP
			CASE event.what
				WHEN 'sends' THEN
					sent[event.tab] := cookie;
				WHEN 'is served' THEN
					answer := auth_api.refresh(sent[event.tab]);
					refused := coalesce(refused, answer #>> '{error,code}');
					served := served + 1;
					IF array_position(line, sent[event.tab]) < cardinality(line) - 1 THEN
						led_on := led_on + 1;
					END IF;
					answers[event.tab] := answer ->> 'refresh_token';
					IF answers[event.tab] <> ALL (line) THEN
						line := line || answers[event.tab];
					ELSIF answers[event.tab] <> line[cardinality(line)] THEN
						refused := coalesce(refused, 'not led to the newest');
					END IF;
				WHEN 'hears' THEN
					cookie := coalesce(answers[event.tab], cookie);
				WHEN 'is lost' THEN
					NULL;
			END CASE;
		END LOOP;
		passed := make_interval(secs => 0.75 + random() * pause);
		UPDATE auth.refresh_tokens AS r SET created_at = created_at - passed, expires_at = expires_at - passed
			WHERE r.session_id = session.session_id;
	END LOOP;
	is_stale := cookie <> line[cardinality(line)];
	refused := coalesce(refused, auth_api.refresh(cookie) #>> '{error,code}');
END
$$;

-- 1 000 browsers; few have many tabs, as is the case.
CREATE TEMPORARY TABLE browsers AS
	SELECT n, 2 + floor(31 * power(random(), 12))::integer AS tabs, 1 + n % 4 AS loads
		FROM generate_series(1, 1000) AS n;
CREATE TEMPORARY TABLE browsed AS
	SELECT n, tabs, loads, b.* FROM browsers, LATERAL pg_temp.browse(tabs, loads, 7) AS b;
SELECT is(count(*) || ' of ' || min(tabs) || ' to ' || max(tabs) || ' tabs and ' || min(loads) || ' to ' || max(loads)
	|| ' loads',
	'1000 of 2 to 32 tabs and 1 to 4 loads', 'a thousand browsers') FROM browsed;
SELECT is(string_agg(DISTINCT refused, ', '), NULL, 'none is signed out') FROM browsed;
-- otherwise the simulation shows nothing
SELECT ok(sum(led_on) > 500, 'although old tokens came hundreds of times when their successors were used') FROM browsed;
SELECT ok(count(*) > 0, 'and took the place of newer ones') FROM browsed WHERE is_stale;

-- An answer that was lost in an outage of minutes, of a browser that goes on with one tab
CREATE FUNCTION pg_temp.lose(pause interval) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	session record := auth._session_begin(pg_temp.u('tab'), NULL, 'test');
	lost CONSTANT jsonb := auth_api.refresh(session.refresh_token);
BEGIN
	UPDATE auth.refresh_tokens AS r SET created_at = created_at - pause, expires_at = expires_at - pause
		WHERE r.session_id = session.session_id;
	RETURN coalesce(auth_api.refresh(session.refresh_token) #>> '{error,code}', 'goes on');
END
$$;
SELECT is(string_agg(DISTINCT pg_temp.lose(n * interval '1 second'), ', '), 'goes on',
	'an outage of up to four minutes')
	FROM generate_series(0, 240, 5) AS n;
SELECT is(string_agg(DISTINCT pg_temp.lose(n * interval '1 second'), ', '), 'refresh_token_already_used',
	'not of more than five')
	FROM generate_series(300, 600, 60) AS n;
SELECT * FROM finish();
ROLLBACK;
