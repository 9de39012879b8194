-- what changes are announced as; see src/announce.c
--
-- Not data: relations whose "change" PostgreSQL announces to every backend at
-- commit, so that backends forget what they remember of the rows.

CREATE TYPE auth.identity_change AS ();
COMMENT ON TYPE auth.identity_change IS 'has no values: announced when sessions, users or memberships change, so that backends forget which sessions they found alive';
REVOKE ALL ON TYPE auth.identity_change FROM PUBLIC;

CREATE TYPE auth.permission_change AS ();
COMMENT ON TYPE auth.permission_change IS 'has no values: announced when roles or permissions change, so that backends forget what they found permitted';
REVOKE ALL ON TYPE auth.permission_change FROM PUBLIC;

CREATE TYPE auth.issuer_change AS ();
COMMENT ON TYPE auth.issuer_change IS
	'has no values: announced when auth.issuers changes, so that backends forget which issuer they found';
REVOKE ALL ON TYPE auth.issuer_change FROM PUBLIC;
