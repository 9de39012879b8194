-- passwords: hashes, ours and those of other systems
--
-- Hashing costs a good part of a second of one core by design, so none of this
-- is for API roles: endpoints call it behind the throttle.

CREATE OR REPLACE FUNCTION auth.password_hash(password text) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED COST 100000
	AS 'MODULE_PATHNAME', 'intrex_auth_password_hash';
COMMENT ON FUNCTION auth.password_hash(text) IS 'hash of a password as intrex_auth.password_algorithm says: bcrypt ($2b$, 1 to 72 bytes) with intrex_auth.password_cost, or argon2id (up to 4096 bytes); longer ones are refused, never truncated';
REVOKE ALL ON FUNCTION auth.password_hash(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.password_hash(text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.password_hash(password text, cost integer) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED COST 100000
	AS 'MODULE_PATHNAME', 'intrex_auth_password_hash_cost';
COMMENT ON FUNCTION auth.password_hash(text, integer) IS 'bcrypt hash ($2b$) of a password with a cost from 4 to 14, whatever intrex_auth.password_algorithm says';
REVOKE ALL ON FUNCTION auth.password_hash(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.password_hash(text, integer) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.password_verify(password text, hash text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100000
	AS 'MODULE_PATHNAME', 'intrex_auth_password_verify';
COMMENT ON FUNCTION auth.password_verify(text, text) IS 'whether the password has this hash, in any of the forms that doc/import.md lists; false for any other text, and for a cost beyond the bounds given there';
REVOKE ALL ON FUNCTION auth.password_verify(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.password_verify(text, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.password_needs_rehash(hash text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_password_needs_rehash';
COMMENT ON FUNCTION auth.password_needs_rehash(text) IS 'whether a hash is of another kind or cheaper than what auth.password_hash makes now';
REVOKE ALL ON FUNCTION auth.password_needs_rehash(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.password_needs_rehash(text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.password_hash_problem(hash text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_password_hash_problem';
COMMENT ON FUNCTION auth.password_hash_problem(text) IS 'why auth.password_verify would take no password for this hash: its kind and a sentence, never the hash; NULL when it would';
REVOKE ALL ON FUNCTION auth.password_hash_problem(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.password_hash_problem(text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth._password_max_bytes() RETURNS integer
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_password_max_bytes';
COMMENT ON FUNCTION auth._password_max_bytes() IS 'the longest password that new hashes take: 72 bytes for bcrypt, 4096 for argon2id';
REVOKE ALL ON FUNCTION auth._password_max_bytes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._password_check(password text, hash text) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 100000
	AS 'MODULE_PATHNAME', 'intrex_auth_password_check';
COMMENT ON FUNCTION auth._password_check(text, text) IS 'verifies with exactly one hash computation, also for a NULL or malformed hash or password (then false); NULL when intrex_auth.max_concurrent_hashes are running';
REVOKE ALL ON FUNCTION auth._password_check(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._hash_computations() RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'intrex_auth_hash_computations';
COMMENT ON FUNCTION auth._hash_computations() IS 'how many password hashes this backend has computed, for tests';
REVOKE ALL ON FUNCTION auth._hash_computations() FROM PUBLIC;

-- commits that survive a crash

CREATE OR REPLACE FUNCTION auth._make_durable() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_make_durable';
COMMENT ON FUNCTION auth._make_durable() IS 'makes the commit of this transaction wait for the disk even with synchronous_commit = off';
REVOKE ALL ON FUNCTION auth._make_durable() FROM PUBLIC;
