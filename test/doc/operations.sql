-- cron before
CREATE SCHEMA cron;
CREATE TABLE cron.job (id serial, schedule text, command text, database text, username text);
CREATE FUNCTION cron.schedule_in_database(job_name text, schedule text, command text, database text, username text) RETURNS bigint
	LANGUAGE sql AS $$
	INSERT INTO cron.job (schedule, command, database, username) VALUES (schedule, command, database, username) RETURNING id
$$;
-- cron after
SELECT count(*) = 2 FROM cron.job WHERE database = current_database() AND username = 'auth_timer';
SELECT string_agg(command, '; ' ORDER BY id) AS commands FROM cron.job \gset
INSERT INTO auth.audit_log (event, outcome) VALUES ('test', 'success');
SET ROLE auth_timer;
\o /dev/null
:commands;
\o
SELECT count(*) = 1 FROM auth.audit_seals;
