-- sql/48_identifiers.sql: e-mail addresses, phone numbers and names as they are accepted.
-- Depends on auth._invisible().
--
-- Verdicts depend on code points, never on the locale of the database.

-- NFC and lower case, nothing else folded: addresses that differ otherwise are
-- different people's.  ICU's root locale lowers alike in every database; ASCII
-- does not need it.  The domain must be stable under NFKC, as IDNA demands, so
-- that no two spellings of one domain pass; the local part need not be.
CREATE OR REPLACE FUNCTION auth.normalize_email(email text) RETURNS text
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	address text;
	local_part text;
	domain text;
BEGIN
	-- before anything that takes time; RFC 5321 §4.5.3.1 allows 254 bytes
	IF octet_length(email) > 1024 THEN
		RETURN NULL;
	END IF;
	IF octet_length(email) = char_length(email) THEN
		-- for ASCII all that is demanded below is one expression
		address := lower(email COLLATE "C");
		RETURN CASE WHEN octet_length(address) <= 254 AND strpos(address, '@') <= 65
			AND address COLLATE "C" ~ E'^[a-z0-9!#$%&''*+/=?^_`{|}~-]+(\\.[a-z0-9!#$%&''*+/=?^_`{|}~-]+)*@[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$'
			THEN address END;
	ELSIF to_regcollation('pg_catalog."und-x-icu"') IS NULL THEN
		address := lower(normalize(email, NFC) COLLATE "C");
	ELSE
		address := normalize(lower(normalize(email, NFC) COLLATE "und-x-icu"), NFC);
	END IF;
	IF octet_length(address) > 254
		OR address COLLATE "C" ~ (E'[\\u0020\\u00A0\\u1680\\u2000-\\u200A\\u202F\\u205F\\u3000' || auth._invisible() || ']')
		OR array_length(string_to_array(address, '@'), 1) IS DISTINCT FROM 2 THEN
		RETURN NULL;
	END IF;
	local_part := split_part(address, '@', 1);
	domain := split_part(address, '@', 2);
	-- a dot-atom of RFC 5322 §3.2.3, with what RFC 6531 adds
	IF octet_length(local_part) > 64
		OR local_part COLLATE "C" !~ E'^[a-z0-9!#$%&''*+/=?^_`{|}~\\u00A1-\\U0010FFFF-]+(\\.[a-z0-9!#$%&''*+/=?^_`{|}~\\u00A1-\\U0010FFFF-]+)*$' THEN
		RETURN NULL;
	END IF;
	-- labels of letters, digits and inner hyphens; U+3002 would be a dot to some
	IF domain = '' OR domain COLLATE "C" ~ E'\\u3002' OR domain IS NOT NFKC NORMALIZED
		OR EXISTS (
			SELECT FROM string_to_table(domain, '.') AS l (label)
			WHERE octet_length(l.label) > 63
				OR l.label COLLATE "C" !~ E'^[a-z0-9\\u00A1-\\U0010FFFF]([a-z0-9\\u00A1-\\U0010FFFF-]*[a-z0-9\\u00A1-\\U0010FFFF])?$') THEN
		RETURN NULL;
	END IF;
	RETURN address;
END
$$;
COMMENT ON FUNCTION auth.normalize_email(text) IS 'an e-mail address as it is stored and compared: NFC, lower case; NULL when it is none. Nothing is trimmed';
REVOKE ALL ON FUNCTION auth.normalize_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.normalize_email(text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.normalize_phone(phone text) RETURNS text
	LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	digits text;
BEGIN
	IF octet_length(phone) > 64 OR phone COLLATE "C" !~ E'^\\+[0-9]+([ ./-]?[0-9]+|[ ]?\\([0-9]+\\)[ ]?[0-9]+)*$'
		-- (0) is dialed inside the country only
		OR phone LIKE '%(0)%' THEN
		RETURN NULL;
	END IF;
	digits := '+' || regexp_replace(phone, '[^0-9]' COLLATE "C", '', 'g');
	RETURN CASE WHEN digits COLLATE "C" ~ E'^\\+[1-9][0-9]{6,14}$' THEN digits END;
END
$$;
COMMENT ON FUNCTION auth.normalize_phone(text) IS 'a phone number as E.164: +, country, number, without the separators that people write; NULL when it is none';
REVOKE ALL ON FUNCTION auth.normalize_phone(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.normalize_phone(text) TO anon, authenticated, auth_admin;

-- Joiners and direction marks stay: names in Persian, Hindi or Hebrew need them.
CREATE OR REPLACE FUNCTION auth._clean_name(name text) RETURNS text
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	cleaned text;
BEGIN
	IF octet_length(name) > 2048 THEN
		RETURN NULL;
	END IF;
	cleaned := btrim(normalize(name, NFC));
	IF char_length(cleaned) NOT BETWEEN 1 AND 200
		OR cleaned COLLATE "C" ~ E'[\\u0001-\\u001F\\u007F-\\u009F\\u2028-\\u202E\\u2066-\\u2069\\uFDD0-\\uFDEF\\uFEFF\\uFFF0-\\uFFFF\\U000E0000-\\U000E00FF]'
		-- nothing to see
		OR cleaned COLLATE "C" ~ (E'^[\\u0020\\u00A0\\u1680\\u2000-\\u200A\\u202F\\u205F\\u3000' || auth._invisible() || ']*$') THEN
		RETURN NULL;
	END IF;
	RETURN cleaned;
END
$$;
COMMENT ON FUNCTION auth._clean_name(text) IS 'a name of a user, tenant or unit as it is stored: NFC, trimmed, 1 to 200 characters, none that breaks lines or turns text around; NULL when it cannot be one';
REVOKE ALL ON FUNCTION auth._clean_name(text) FROM PUBLIC;
