-- drop before
INSERT INTO auth.users (email) VALUES ('anna@example.com');
-- drop after
SELECT count(*) = 0 FROM pg_extension WHERE extname = 'intrex_auth';
-- restore before
CREATE EXTENSION intrex_auth;
INSERT INTO auth.users (email) VALUES ('anna@example.com');
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\! pg_dump -Fc -f app.dump app
INSERT INTO auth.users (email) VALUES ('late@example.com');
-- restore after
SELECT string_agg(email, ' ') = 'anna@example.com' FROM auth.users;
