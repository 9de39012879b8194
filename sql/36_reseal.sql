-- sql/36_reseal.sql: stored secrets and personal keys under a new sealing key.
-- Depends on 35_secret.sql, 36_personal_keys.sql, 32_keys.sql, 10_tables.sql, 45_audit.sql, auth._fail().

CREATE OR REPLACE FUNCTION auth._sealing_kid() RETURNS text
	LANGUAGE c VOLATILE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_sealing_kid';
COMMENT ON FUNCTION auth._sealing_kid() IS 'the kid of the key that seals at this moment';
REVOKE ALL ON FUNCTION auth._sealing_kid() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._secret_try_rewrap(sealed bytea, context text) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_secret_try_rewrap';
COMMENT ON FUNCTION auth._secret_try_rewrap(bytea, text) IS 'auth.secret_rewrap(), but NULL for a value that does not open';
REVOKE ALL ON FUNCTION auth._secret_try_rewrap(bytea, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.sealing_progress() RETURNS TABLE (kid text, state text, sealed bigint)
	LANGUAGE sql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT coalesce(k.kid, encode(s.sealed_kid, 'escape')), coalesce(k.state, 'missing'), coalesce(s.sealed, 0)
	FROM (SELECT r.kid, r.state, r.since FROM auth.keys() AS r WHERE r."use" = 'seal') AS k
		FULL JOIN (SELECT v.sealed_kid, count(*) AS sealed
			FROM (SELECT x.sealed_kid FROM auth.secrets AS x UNION ALL SELECT p.sealed_kid FROM auth.personal_keys AS p) AS v
			GROUP BY v.sealed_kid) AS s
			ON s.sealed_kid = convert_to(k.kid, 'UTF8')
	ORDER BY k.state = 'current' DESC NULLS LAST, k.since DESC NULLS LAST, 1;
$$;
COMMENT ON FUNCTION auth.sealing_progress() IS 'how many stored secrets and personal keys each sealing key still has; ''missing'' is a key that is not in the ring';
REVOKE ALL ON FUNCTION auth.sealing_progress() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.sealing_progress() TO auth_admin;

-- A part of a batch.  Each row is locked before it is read and keeps its lock until the
-- end of the transaction, so that whoever stores a secret comes before or after.
-- Rows that others have locked are left to the next call, and so are those that
-- do not open: one damaged value must not stop all.
CREATE OR REPLACE FUNCTION auth._reseal_secrets(current_kid bytea, max bigint, OUT done bigint, OUT damaged bigint, OUT first_damaged text)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	former_kid bytea := '';
	picked record;
	found_any boolean;
	last_tenant uuid;
	last_name text;
	fresh bytea;
BEGIN
	done := 0;
	damaged := 0;
	WHILE done < max LOOP
		SELECT s.sealed_kid INTO former_kid FROM auth.secrets AS s
			WHERE s.sealed_kid > former_kid ORDER BY s.sealed_kid LIMIT 1;
		EXIT WHEN NOT FOUND;
		CONTINUE WHEN former_kid = current_kid;
		last_tenant := '00000000-0000-0000-0000-000000000000';
		last_name := '';
		LOOP
			found_any := false;
			FOR picked IN
				SELECT s.tenant_id, s.name, s.sealed FROM auth.secrets AS s
				WHERE s.sealed_kid = former_kid AND (s.tenant_id, s.name) > (last_tenant, last_name COLLATE "C")
				ORDER BY s.tenant_id, s.name
				LIMIT max - done
				FOR UPDATE SKIP LOCKED
			LOOP
				found_any := true;
				last_tenant := picked.tenant_id;
				last_name := picked.name;
				fresh := auth._secret_try_rewrap(picked.sealed, auth._secret_context(picked.tenant_id, picked.name));
				IF fresh IS NULL THEN
					damaged := damaged + 1;
					first_damaged := coalesce(first_damaged, format('%s of tenant %s', quote_ident(picked.name), picked.tenant_id));
				ELSE
					UPDATE auth.secrets AS s SET sealed = fresh
						WHERE s.tenant_id = picked.tenant_id AND s.name = picked.name;
					done := done + 1;
				END IF;
			END LOOP;
			EXIT WHEN NOT found_any OR done >= max;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._reseal_secrets(bytea, bigint) IS 'seals up to so many stored secrets with the current key';
REVOKE ALL ON FUNCTION auth._reseal_secrets(bytea, bigint) FROM PUBLIC;

-- The same for the data keys of users; what these have sealed stays as it is.
CREATE OR REPLACE FUNCTION auth._reseal_personal_keys(current_kid bytea, max bigint, OUT done bigint, OUT damaged bigint, OUT first_damaged text)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	former_kid bytea := '';
	picked record;
	found_any boolean;
	last_user uuid;
	fresh bytea;
BEGIN
	done := 0;
	damaged := 0;
	WHILE done < max LOOP
		SELECT k.sealed_kid INTO former_kid FROM auth.personal_keys AS k
			WHERE k.sealed_kid > former_kid ORDER BY k.sealed_kid LIMIT 1;
		EXIT WHEN NOT FOUND;
		CONTINUE WHEN former_kid = current_kid;
		last_user := NULL;
		LOOP
			found_any := false;
			FOR picked IN
				SELECT k.user_id, k.sealed FROM auth.personal_keys AS k
				WHERE k.sealed_kid = former_kid AND k.user_id >= coalesce(last_user, '00000000-0000-0000-0000-000000000000')
					AND k.user_id IS DISTINCT FROM last_user
				ORDER BY k.user_id
				LIMIT max - done
				FOR UPDATE SKIP LOCKED
			LOOP
				found_any := true;
				last_user := picked.user_id;
				fresh := auth._personal_key_try_rewrap(picked.user_id, picked.sealed);
				IF fresh IS NULL THEN
					damaged := damaged + 1;
					first_damaged := coalesce(first_damaged, format('the personal key of user %s', picked.user_id));
				ELSE
					UPDATE auth.personal_keys AS k SET sealed = fresh WHERE k.user_id = picked.user_id;
					done := done + 1;
				END IF;
			END LOOP;
			EXIT WHEN NOT found_any OR done >= max;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._reseal_personal_keys(bytea, bigint) IS 'seals up to so many data keys of users with the current key';
REVOKE ALL ON FUNCTION auth._reseal_personal_keys(bytea, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.secret_reseal(max integer DEFAULT 1000, OUT done bigint, OUT remaining bigint, OUT damaged bigint)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	current_kid bytea;
	secrets record;
	keys record;
BEGIN
	IF max IS NULL OR max NOT BETWEEN 1 AND 100000 THEN
		PERFORM auth._fail('22023', 'max must be from 1 to 100000');
	END IF;
	-- above it, a row that was changed meanwhile would be an error
	PERFORM auth._demand_read_committed();
	LOCK TABLE auth.secrets, auth.personal_keys IN ROW EXCLUSIVE MODE;
	current_kid := convert_to(auth._sealing_kid(), 'UTF8');

	secrets := auth._reseal_secrets(current_kid, max);
	keys := auth._reseal_personal_keys(current_kid, max - secrets.done);
	done := secrets.done + keys.done;
	damaged := secrets.damaged + keys.damaged;

	SELECT (SELECT count(*) FROM auth.secrets AS s WHERE s.sealed_kid < current_kid)
			+ (SELECT count(*) FROM auth.secrets AS s WHERE s.sealed_kid > current_kid)
			+ (SELECT count(*) FROM auth.personal_keys AS k WHERE k.sealed_kid < current_kid)
			+ (SELECT count(*) FROM auth.personal_keys AS k WHERE k.sealed_kid > current_kid)
		INTO remaining;
	IF damaged > 0 THEN
		RAISE WARNING USING
			ERRCODE = '01000',
			MESSAGE = 'stored secrets or personal keys do not open',
			DETAIL = format('There are %s; the first is %s.', damaged, coalesce(secrets.first_damaged, keys.first_damaged)),
			HINT = 'Their key is not in the ring (auth.keys_missing() names it), or they were moved or altered. Store them again; what a personal key has sealed needs that key, from a backup.';
	END IF;
	IF done > 0 OR damaged > 0 THEN
		PERFORM auth._audit('secret_reseal', 'success',
			details => jsonb_build_object('done', done, 'remaining', remaining, 'damaged', damaged));
	END IF;
END
$$;
COMMENT ON FUNCTION auth.secret_reseal(integer) IS 'seals up to so many stored secrets and personal keys with the current key; call it until done is 0: what remains then is damaged, or locked by others';
REVOKE ALL ON FUNCTION auth.secret_reseal(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.secret_reseal(integer) TO auth_admin;
