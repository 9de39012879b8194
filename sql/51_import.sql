-- sql/51_import.sql: users of other systems, with the password hashes that they have.
-- Depends on 25_password.sql, 45_audit.sql, 48_identifiers.sql, 50_users.sql, and at run time on 60_tenants.sql
-- and 62_members.sql.  doc/import.md has a recipe for each system.
--
-- An import makes no platform administrator: auth.user_update() does, one by one.

-- Where a bulk import is loaded with COPY.  UNLOGGED: hashes that were rejected, or are
-- not taken over yet, are in no WAL, on no standby and in no dump; a crash empties it.
CREATE UNLOGGED TABLE auth.user_imports (
	line bigint GENERATED ALWAYS AS IDENTITY,
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	email text COLLATE "C",
	phone text COLLATE "C",
	name text,
	password_hash text COLLATE "C",
	email_verified boolean,
	phone_verified boolean,
	profile jsonb,
	created_at timestamptz,
	banned_until timestamptz,
	ban_reason text,
	tenant_id uuid,
	role text COLLATE "C",
	problem text,
	CONSTRAINT user_imports_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.user_imports IS 'users to be taken over by auth.users_import(), which leaves those that it rejects; not dumped, and empty after a crash';
COMMENT ON COLUMN auth.user_imports.line IS 'in the order of COPY';
COMMENT ON COLUMN auth.user_imports.id IS 'of the user to be; give the former one where other tables refer to it';
COMMENT ON COLUMN auth.user_imports.password_hash IS 'any form that auth.password_verify() takes; NULL: no login by password';
COMMENT ON COLUMN auth.user_imports.tenant_id IS 'makes the user a member, with role';
COMMENT ON COLUMN auth.user_imports.problem IS 'why the row was rejected; written by auth.users_import()';
COMMENT ON SEQUENCE auth.user_imports_line_seq IS 'numbers the lines of an import';
REVOKE ALL ON TABLE auth.user_imports FROM PUBLIC;
-- hashes go in, but nobody reads them
GRANT SELECT (line, id, email, phone, name, email_verified, phone_verified, profile, created_at, banned_until, ban_reason,
	tenant_id, role, problem), INSERT, UPDATE, DELETE ON auth.user_imports TO auth_admin;

-- What other systems export in pieces ------------------------------------------

-- Keycloak derives 64 bytes even where the digest has fewer.  The first block says
-- all that the key says about a password, and nobody who guesses computes more.
CREATE OR REPLACE FUNCTION auth.password_hash_keycloak(credential_data jsonb, secret_data jsonb) RETURNS text
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	algorithm text := credential_data ->> 'algorithm';
	iterations text := credential_data ->> 'hashIterations';
	parameters jsonb := credential_data -> 'additionalParameters';
	block integer := CASE algorithm WHEN 'pbkdf2' THEN 20 WHEN 'pbkdf2-sha256' THEN 32 WHEN 'pbkdf2-sha512' THEN 64 END;
	salt bytea;
	key bytea;
BEGIN
	-- like every C function that is given a secret, it keeps this statement out of the log
	PERFORM auth._opaque_hash('');
	IF octet_length(secret_data::text) > 8192 OR iterations !~ '^[1-9][0-9]{0,8}$' THEN
		RETURN 'keycloak:';
	END IF;
	salt := decode(secret_data ->> 'salt', 'base64');
	key := decode(secret_data ->> 'value', 'base64');
	RETURN coalesce(CASE
		WHEN block <= octet_length(key) THEN
			concat('$', algorithm, '$', iterations, '$', translate(encode(salt, 'base64'), E'+\n=', '.'), '$',
				translate(encode(substr(key, 1, block), 'base64'), E'+\n=', '.'))
		WHEN algorithm = 'argon2' THEN
			'$argon2' || (parameters #>> '{type,0}') || CASE parameters #>> '{version,0}' WHEN '1.3' THEN '$v=19' WHEN '1.0' THEN '$v=16' END
				|| '$m=' || (parameters #>> '{memory,0}') || ',t=' || iterations || ',p=' || (parameters #>> '{parallelism,0}')
				|| '$' || translate(encode(salt, 'base64'), E'\n=', '') || '$' || translate(encode(key, 'base64'), E'\n=', '')
		END, 'keycloak:');
EXCEPTION WHEN data_exception THEN
	RETURN 'keycloak:';
END
$$;
COMMENT ON FUNCTION auth.password_hash_keycloak(jsonb, jsonb) IS 'the hash in credential_data and secret_data of a Keycloak credential, as auth.password_verify() takes it; what it cannot be, the import rejects by name';
REVOKE ALL ON FUNCTION auth.password_hash_keycloak(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.password_hash_keycloak(jsonb, jsonb) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.password_hash_firebase(password_hash text, salt text, signer_key text, salt_separator text,
		rounds integer DEFAULT 8, mem_cost integer DEFAULT 14) RETURNS text
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._opaque_hash('');
	-- exports have either alphabet of base64, with or without padding
	RETURN (
		SELECT coalesce('$fbscrypt$v=1,n=' || mem_cost || ',r=' || rounds || ',p=1,ss=' || max(p.base64) FILTER (WHERE p.n = 4)
			|| ',sk=' || max(p.base64) FILTER (WHERE p.n = 3) || '$' || max(p.base64) FILTER (WHERE p.n = 2)
			|| '$' || max(p.base64) FILTER (WHERE p.n = 1), 'firebase:')
		FROM (
			SELECT b.n, rpad(b.bare, (length(b.bare) + 3) / 4 * 4, '=') AS base64
			FROM (
				SELECT w.n, rtrim(translate(w.piece, '-_', '+/'), '=') AS bare
				FROM unnest(ARRAY[password_hash, salt, signer_key, salt_separator]) WITH ORDINALITY AS w (piece, n)
				WHERE octet_length(w.piece) <= 1024) AS b) AS p);
END
$$;
COMMENT ON FUNCTION auth.password_hash_firebase(text, text, text, text, integer, integer) IS 'the hash of a user of Firebase Authentication, with the parameters of the project, as auth.password_verify() takes it; what it cannot be, the import rejects by name';
REVOKE ALL ON FUNCTION auth.password_hash_firebase(text, text, text, text, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.password_hash_firebase(text, text, text, text, integer, integer) TO auth_admin;

-- One row ------------------------------------------------------------------------

-- Given the row, what it would be stored as, and whether there is its tenant.  Without
-- settings and subqueries, so that it is inlined: a million calls are some seconds.
CREATE OR REPLACE FUNCTION auth._import_problem(i auth.user_imports, address text, number text, person text, has_tenant boolean) RETURNS text
	LANGUAGE sql STABLE
	RETURN CASE
		WHEN i.email IS NOT NULL AND address IS NULL THEN 'email is not a valid e-mail address'
		WHEN i.phone IS NOT NULL AND number IS NULL THEN 'phone is not a valid phone number'
		WHEN i.name IS NOT NULL AND person IS NULL THEN 'name is not valid'
		WHEN address IS NULL AND number IS NULL THEN 'email or phone is required'
		WHEN jsonb_typeof(i.profile) <> 'object' OR octet_length(i.profile::text) > 65536 THEN 'profile is not a JSON object of at most 64 KiB'
		WHEN NOT i.created_at BETWEEN '1970-01-01 00:00:00Z' AND statement_timestamp() THEN 'created_at is not in the past'
		WHEN (i.tenant_id IS NULL) <> (i.role IS NULL) THEN 'tenant_id and role go together'
		WHEN i.role COLLATE "C" !~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'
			OR i.role IN ('anon', 'authenticated', 'auth_admin', 'auth_platform', 'auth_owner', 'auth_hook')
			THEN 'role is not valid'
		WHEN i.tenant_id IS NOT NULL AND NOT has_tenant THEN 'tenant not found'
		ELSE 'password_hash is not accepted: ' || auth.password_hash_problem(i.password_hash)
	END;
COMMENT ON FUNCTION auth._import_problem(auth.user_imports, text, text, text, boolean) IS 'why a row cannot be imported; NULL when it can, unless there is such a user already';
REVOKE ALL ON FUNCTION auth._import_problem(auth.user_imports, text, text, text, boolean) FROM PUBLIC;

-- The user is who has the id, else the address; the number counts where there is no
-- address, since a family may share one.  Nothing is taken back that somebody has done
-- here: a password that was set here stays, and so does what is verified.
CREATE OR REPLACE FUNCTION auth._import_update(i auth.user_imports, address text, number text, person text) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	former auth.users;
BEGIN
	SELECT u.* INTO former FROM auth.users AS u
		WHERE u.id = i.id OR u.email = address OR (address IS NULL AND u.phone = number)
		ORDER BY u.id = i.id DESC, u.email = address DESC NULLS LAST
		LIMIT 1 FOR UPDATE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	UPDATE auth.users AS u
		SET email = coalesce(address, u.email), phone = coalesce(number, u.phone), name = coalesce(person, u.name),
			profile = coalesce(i.profile, u.profile),
			password_hash = CASE WHEN u.password_changed_at IS NULL THEN coalesce(i.password_hash, u.password_hash) ELSE u.password_hash END,
			email_verified_at = coalesce(CASE WHEN coalesce(address, u.email) = u.email THEN u.email_verified_at END,
				CASE WHEN i.email_verified AND address IS NOT NULL THEN clock_timestamp() END),
			phone_verified_at = coalesce(CASE WHEN coalesce(number, u.phone) = u.phone THEN u.phone_verified_at END,
				CASE WHEN i.phone_verified AND number IS NOT NULL THEN clock_timestamp() END),
			banned_until = coalesce(i.banned_until, u.banned_until),
			ban_reason = coalesce(auth._printable(i.ban_reason, 500), u.ban_reason),
			updated_at = clock_timestamp()
		WHERE u.id = former.id;
	RETURN former.id;
EXCEPTION WHEN unique_violation THEN
	-- the address is one user's, the number another's
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._import_update(auth.user_imports, text, text, text) IS 'changes the user that a valid row is about, and returns the id; NULL when there is none, or more than one';
REVOKE ALL ON FUNCTION auth._import_update(auth.user_imports, text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.user_import(email text DEFAULT NULL, password_hash text DEFAULT NULL, name text DEFAULT NULL, phone text DEFAULT NULL,
		email_verified boolean DEFAULT false, phone_verified boolean DEFAULT false, profile jsonb DEFAULT NULL,
		created_at timestamptz DEFAULT NULL, banned_until timestamptz DEFAULT NULL, ban_reason text DEFAULT NULL,
		id uuid DEFAULT NULL, tenant_id uuid DEFAULT NULL, role text DEFAULT NULL, update boolean DEFAULT false) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	i auth.user_imports;
	address CONSTANT text := auth.normalize_email(email);
	number CONSTANT text := auth.normalize_phone(phone);
	person CONSTANT text := auth._clean_name(name);
	problem text;
	imported uuid;
	updated boolean := false;
	constraint_name text;
BEGIN
	-- like every C function that is given a secret, it keeps this statement out of the log
	PERFORM auth._opaque_hash('');
	i.id := coalesce(user_import.id, gen_random_uuid());
	i.email := user_import.email;
	i.phone := user_import.phone;
	i.name := user_import.name;
	i.password_hash := user_import.password_hash;
	i.email_verified := user_import.email_verified;
	i.phone_verified := user_import.phone_verified;
	i.profile := user_import.profile;
	i.created_at := user_import.created_at;
	i.banned_until := user_import.banned_until;
	i.ban_reason := user_import.ban_reason;
	i.tenant_id := user_import.tenant_id;
	i.role := user_import.role;
	problem := auth._import_problem(i, address, number, person, EXISTS (SELECT FROM auth.tenants AS t WHERE t.id = i.tenant_id));
	IF problem IS NOT NULL THEN
		PERFORM auth._fail(CASE problem WHEN 'tenant not found' THEN 'P0002' ELSE '22023' END, problem,
			CASE WHEN i.password_hash IS NOT NULL AND problem ~ '^password_hash' THEN 'doc/import.md lists the forms and costs that are accepted.' END);
	END IF;
	IF user_import.update THEN
		imported := auth._import_update(i, address, number, person);
		updated := imported IS NOT NULL;
	END IF;
	IF NOT updated THEN
		BEGIN
			INSERT INTO auth.users AS u (id, email, phone, name, password_hash, email_verified_at, phone_verified_at, banned_until, ban_reason, profile, created_at)
				VALUES (i.id, address, number, person, i.password_hash,
					CASE WHEN i.email_verified AND address IS NOT NULL THEN clock_timestamp() END,
					CASE WHEN i.phone_verified AND number IS NOT NULL THEN clock_timestamp() END,
					i.banned_until, auth._printable(i.ban_reason, 500), coalesce(i.profile, '{}'), coalesce(i.created_at, clock_timestamp()))
				RETURNING u.id INTO imported;
		EXCEPTION WHEN unique_violation THEN
			GET STACKED DIAGNOSTICS constraint_name = CONSTRAINT_NAME;
			PERFORM auth._fail_duplicate_user(constraint_name);
		END;
	END IF;
	PERFORM auth._audit_admin('user_import', imported, details => jsonb_build_object(
		'email', auth._printable(address, 320), 'phone', number, 'updated', nullif(updated, false)));
	IF i.tenant_id IS NOT NULL AND NOT (updated AND EXISTS (
			SELECT FROM auth.memberships AS m WHERE m.tenant_id = i.tenant_id AND m.user_id = imported)) THEN
		PERFORM auth.member_add(i.tenant_id, imported, i.role);
	END IF;
	RETURN imported;
END
$$;
COMMENT ON FUNCTION auth.user_import(text, text, text, text, boolean, boolean, jsonb, timestamptz, timestamptz, text, uuid, uuid, text, boolean) IS 'takes over a user with the password hash of another system, in any form that auth.password_verify() takes; one that is here already is an error, or with update is changed, but for a password that was set here';
REVOKE ALL ON FUNCTION auth.user_import(text, text, text, text, boolean, boolean, jsonb, timestamptz, timestamptz, text, uuid, uuid, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_import(text, text, text, text, boolean, boolean, jsonb, timestamptz, timestamptz, text, uuid, uuid, text, boolean) TO auth_admin;

-- Many ---------------------------------------------------------------------------

-- One statement takes over what it can: what two rows share, or a row and a user, is
-- the first one's.  What is left is looked at again, to say why.
CREATE OR REPLACE FUNCTION auth.users_import(update boolean DEFAULT false, OUT imported bigint, OUT updated bigint, OUT rejected bigint)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	left_over record;
BEGIN
	PERFORM auth._demand_read_committed();
	LOCK TABLE auth.user_imports IN SHARE ROW EXCLUSIVE MODE;
	-- tenants stay until the end of the transaction
	PERFORM FROM auth.tenants AS t WHERE t.id IN (SELECT i.tenant_id FROM auth.user_imports AS i) ORDER BY t.id FOR KEY SHARE;
	WITH normalized AS MATERIALIZED (
		SELECT i, auth.normalize_email(i.email) AS address, auth.normalize_phone(i.phone) AS number, auth._clean_name(i.name) AS person,
			t.id IS NOT NULL AS has_tenant
		FROM auth.user_imports AS i
		LEFT JOIN auth.tenants AS t ON t.id = i.tenant_id
	), created AS (
		INSERT INTO auth.users AS u (id, email, phone, name, password_hash, email_verified_at, phone_verified_at, banned_until, ban_reason, profile, created_at)
			SELECT (n.i).id, n.address, n.number, n.person, (n.i).password_hash,
				CASE WHEN (n.i).email_verified AND n.address IS NOT NULL THEN clock_timestamp() END,
				CASE WHEN (n.i).phone_verified AND n.number IS NOT NULL THEN clock_timestamp() END,
				(n.i).banned_until, auth._printable((n.i).ban_reason, 500), coalesce((n.i).profile, '{}'), coalesce((n.i).created_at, clock_timestamp())
			FROM normalized AS n
			WHERE auth._import_problem(n.i, n.address, n.number, n.person, n.has_tenant) IS NULL
		ON CONFLICT DO NOTHING
		RETURNING u.id
	), taken AS (
		DELETE FROM auth.user_imports AS i USING created AS c WHERE i.id = c.id
		RETURNING i.id, i.tenant_id, i.role
	), joined AS (
		INSERT INTO auth.memberships (tenant_id, user_id, role)
			SELECT t.tenant_id, t.id, t.role FROM taken AS t WHERE t.tenant_id IS NOT NULL
		RETURNING tenant_id, user_id, role, unit_ids, created_at
	), noted AS (
		-- what auth._membership_note() writes of a new user, for millions; an id that SQL by hand left open is left to auth.membership_history_sync()
		INSERT INTO auth.membership_history (tenant_id, user_id, role, unit_ids, from_at, from_event, from_by)
			SELECT j.tenant_id, j.user_id, j.role, j.unit_ids, j.created_at, 'users_import', auth.uid() FROM joined AS j
		ON CONFLICT DO NOTHING
	)
	SELECT count(*) INTO imported FROM taken;

	updated := 0;
	rejected := 0;
	FOR left_over IN
		SELECT n.i, n.address, n.number, n.person, auth._import_problem(n.i, n.address, n.number, n.person, n.has_tenant) AS problem
		FROM (
			SELECT i, auth.normalize_email(i.email) AS address, auth.normalize_phone(i.phone) AS number, auth._clean_name(i.name) AS person,
				EXISTS (SELECT FROM auth.tenants AS t WHERE t.id = i.tenant_id) AS has_tenant
			FROM auth.user_imports AS i
			ORDER BY i.line) AS n
	LOOP
		IF left_over.problem IS NULL AND users_import.update
			AND auth._import_update(left_over.i, left_over.address, left_over.number, left_over.person) IS NOT NULL THEN
			updated := updated + 1;
			DELETE FROM auth.user_imports AS i WHERE i.id = (left_over.i).id;
		ELSE
			rejected := rejected + 1;
			UPDATE auth.user_imports AS i SET problem = coalesce(left_over.problem, (
					SELECT CASE
						WHEN count(*) > 1 THEN 'id, e-mail address and phone number are of different users'
						WHEN bool_or(u.email = left_over.address) THEN 'a user with this e-mail address exists already'
						WHEN bool_or(u.phone = left_over.number) THEN 'a user with this phone number exists already'
						ELSE 'such a user exists already'
					END
					FROM auth.users AS u
					WHERE u.id = (left_over.i).id OR u.email = left_over.address OR u.phone = left_over.number))
				WHERE i.id = (left_over.i).id;
		END IF;
	END LOOP;
	PERFORM auth._audit_admin('users_import', details => jsonb_build_object('imported', imported, 'updated', updated, 'rejected', rejected));
END
$$;
COMMENT ON FUNCTION auth.users_import(boolean) IS 'takes over the rows of auth.user_imports: those imported or updated leave it, those rejected stay with their problem; users that are here already are rejected, or with update are changed as by auth.user_import()';
REVOKE ALL ON FUNCTION auth.users_import(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.users_import(boolean) TO auth_admin;
