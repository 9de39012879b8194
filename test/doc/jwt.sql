-- setup before
CREATE EXTENSION intrex_auth;
INSERT INTO auth.users (id, email) VALUES ('11111111-1111-4111-8111-111111111111', 'anna@example.com');
-- idp with
\set jwks '{"keys": [{"kty":"oct","alg":"HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]}'
SELECT auth.jwt_sign(jsonb_build_object('iss', 'https://idp.example', 'aud', 'my-app', 'exp', extract(epoch FROM now())::bigint + 600),
	:'jwks'::jsonb #> '{keys,0}') AS token \gset
-- hook after
SELECT has_function_privilege('auth_hook', 'claims.requirements(jsonb)', 'EXECUTE');
-- once with
\set user '11111111-1111-4111-8111-111111111111'
