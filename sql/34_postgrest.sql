-- sql/34_postgrest.sql: PostgREST's db-pre-config.
-- Depends on 30_jwt.sql, 32_keys.sql.
--
-- PostgREST calls it as its login role when it starts and when it is notified,
-- which every change of the keys does.  Public keys only: whoever has a secret
-- key can sign.

CREATE OR REPLACE FUNCTION auth.pre_config() RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	now_ CONSTANT timestamptz := clock_timestamp();
	signing text;
	former text;
	audience text;
BEGIN
	-- auth.keys() looks at the file, so that auth.jwks() is of this moment too; and
	-- it loads the library, without which its settings are unknown
	SELECT max(k.alg) FILTER (WHERE k.state = 'current'),
			max(k.alg) FILTER (WHERE k.state = 'previous' AND k.alg LIKE 'HS%'
				AND k.since + auth._seconds('max_token_lifetime') * interval '1 second' > now_)
		INTO signing, former
		FROM auth.keys() AS k WHERE k."use" = 'sign';
	IF signing LIKE 'HS%' THEN
		-- nothing is set: the jwt-secret of PostgREST's own configuration stays
		RAISE WARNING USING
			ERRCODE = '01000',
			MESSAGE = 'PostgREST is given no key: tokens are signed with a secret one',
			DETAIL = format('The current key is for %s. Who can verify its tokens can also sign them.', signing),
			HINT = 'SELECT auth.key_rotate(''EdDSA'') as superuser, or jwt-secret = "@file" in PostgREST''s configuration with the file that auth.key_export() writes.';
	ELSE
		PERFORM set_config('pgrst.jwt_secret', auth.jwks()::text, true);
		IF former IS NOT NULL THEN
			RAISE WARNING USING
				ERRCODE = '01000',
				MESSAGE = 'PostgREST refuses tokens that the former key signed',
				DETAIL = format('That key is for %s, and is not given away. Its tokens may last for up to %s seconds after the rotation.', former, auth._seconds('max_token_lifetime')),
				HINT = 'Clients get another with their refresh token. Next time see doc/keys.md for the way without refusals.';
		END IF;
	END IF;
	audience := current_setting('intrex_auth.audience');
	IF audience <> '' THEN
		PERFORM set_config('pgrst.jwt_aud', audience, true);
	END IF;
END
$$;
COMMENT ON FUNCTION auth.pre_config() IS 'for PostgREST''s db-pre-config: gives it the public keys and the audience; GRANT USAGE ON SCHEMA auth and EXECUTE to its login role';
REVOKE ALL ON FUNCTION auth.pre_config() FROM PUBLIC;
