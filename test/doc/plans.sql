-- setup before
CREATE EXTENSION intrex_auth;
INSERT INTO auth.tenants (id, name) VALUES ('33333333-3333-4333-8333-333333333333', 'Acme');
-- plans with
\set tenant '33333333-3333-4333-8333-333333333333'
-- owner before
CREATE ROLE app_owner LOGIN;
CREATE TABLE posts (id int PRIMARY KEY, tenant_id uuid);
ALTER TABLE posts OWNER TO app_owner;
-- trigger after
INSERT INTO posts VALUES (1, '33333333-3333-4333-8333-333333333333');
SELECT used = 1 FROM auth.usage;
