-- postgrest before
CREATE ROLE authenticator LOGIN NOINHERIT;
-- sealing before
CREATE TABLE accounts (id int PRIMARY KEY, token bytea);
INSERT INTO accounts VALUES (1, auth.secret_encrypt('token of one', 'accounts.token/1'));
-- sealing after
SELECT auth.secret_decrypt(token, 'accounts.token/1') = 'token of one' FROM accounts;
SELECT count(*) = 1 FROM auth.keys() WHERE "use" = 'seal';
-- imports with
\set jwt_secret 'a secret of another system, long enough'
\set encryption_key '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
\set jwk '{"kty":"oct","alg":"HS256","kid":"gotrue-1","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}'
-- imports after
SELECT state = 'current' FROM auth.keys() WHERE kid = 'gotrue-1';
