-- setup before
-- preload before
CREATE ROLE app LOGIN NOINHERIT;
-- preload after
SELECT setconfig::text ~ 'session_preload_libraries=intrex_auth' FROM pg_db_role_setting WHERE setrole = 0;
DROP ROLE app;
-- started after
SELECT string_agg(text, ',') = 'Anna''s note' FROM notes;
-- keys with
\set jwk '{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"theirs","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}'
-- keys after
SELECT state = 'current' FROM auth.keys() WHERE kid = 'theirs';
-- webhooks before
GRANT CREATE ON SCHEMA public TO auth_admin;
-- webhooks with
\set body '{"id": 1}'
\set secret 'a secret of 32 characters or more'
SELECT auth.webhook_secret() AS old_secret \gset
-- webhooks after
SELECT string_agg(id, ',') = 'msg_42' FROM received;
