-- sql/67_invitations.sql: inviting somebody to a tenant, and accepting.
-- Depends on 15_invitation_tables.sql, 66_manage_members.sql, 35_secret.sql.
--
-- The token is 256 random bits.  It is given to whoever invites, who passes it on:
-- nothing here sends mail.  So having it does not show that an address is one's own,
-- and accepting takes an account with that address besides.

CREATE OR REPLACE FUNCTION auth._invitation_answer(invitation_id uuid, answer text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	INSERT INTO auth.invitation_answers AS a (invitation_id, answer, by_user)
		VALUES (_invitation_answer.invitation_id, _invitation_answer.answer, auth.uid());
	PERFORM auth._make_durable();
	RETURN true;
EXCEPTION WHEN unique_violation THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION auth._invitation_answer(uuid, text) IS 'answers an invitation; false when it has been answered, also by a transaction that came first meanwhile';
REVOKE ALL ON FUNCTION auth._invitation_answer(uuid, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._is_pending(invitation auth.invitations) RETURNS boolean
	LANGUAGE sql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT (invitation).expires_at > clock_timestamp()
		AND NOT EXISTS (SELECT FROM auth.invitation_answers AS a WHERE a.invitation_id = (invitation).id)
$$;
COMMENT ON FUNCTION auth._is_pending(auth.invitations) IS 'whether an invitation can still be answered';
REVOKE ALL ON FUNCTION auth._is_pending(auth.invitations) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._invitation_json(invitation auth.invitations) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('id', (invitation).id, 'email', (invitation).email, 'role', (invitation).role,
		'unit_ids', to_jsonb((invitation).unit_ids), 'invited_by', (invitation).invited_by,
		'created_at', (invitation).created_at, 'expires_at', (invitation).expires_at);
COMMENT ON FUNCTION auth._invitation_json(auth.invitations) IS 'what those who manage members see of an invitation';
REVOKE ALL ON FUNCTION auth._invitation_json(auth.invitations) FROM PUBLIC;

-- Who could have invited so may take it back; who invited, in any case.
CREATE OR REPLACE FUNCTION auth._may_revoke(invitation auth.invitations, scope text, own_role text, own_units uuid[]) RETURNS boolean
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN coalesce(scope = 'platform' OR invitation.invited_by = auth.uid()
		OR (auth._may_grant(invitation.tenant_id, own_role, invitation.role)
			AND auth._within_units(scope, own_units, invitation.unit_ids)), false);
END
$$;
COMMENT ON FUNCTION auth._may_revoke(auth.invitations, text, text, uuid[]) IS 'whether the caller may revoke an invitation to his tenant';
REVOKE ALL ON FUNCTION auth._may_revoke(auth.invitations, text, text, uuid[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._invitation_fits(tenant_id uuid, email text) RETURNS boolean
	LANGUAGE c VOLATILE
	AS 'MODULE_PATHNAME', 'intrex_auth_invitation_fits';
COMMENT ON FUNCTION auth._invitation_fits(uuid, text) IS 'whether a tenant may have another pending invitation, to this address, whose last one it replaces; lock the tenant first';
REVOKE ALL ON FUNCTION auth._invitation_fits(uuid, text) FROM PUBLIC;

-- One address has one invitation to a tenant: a new one takes the place of the last.
CREATE OR REPLACE FUNCTION auth_api.invite(email text, role text, unit_ids uuid[] DEFAULT '{}') RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
#variable_conflict use_column
DECLARE
	me record := auth._members_authority('invite', 'insert');
	address CONSTANT text := auth.normalize_email(invite.email);
	now_ CONSTANT timestamptz := clock_timestamp();
	units uuid[];
	problem text;
	former auth.invitations;
	created auth.invitations;
	token text;
BEGIN
	IF me.refusal IS NOT NULL THEN
		RETURN me.refusal;
	END IF;
	PERFORM auth._lock_roles();
	problem := CASE
		WHEN coalesce(invite.email, '') = '' THEN 'email is required'
		WHEN address IS NULL THEN 'email is not a valid e-mail address'
		WHEN invite.role IS NULL THEN 'role is required'
		WHEN NOT auth._role_known(me.tenant, invite.role) OR NOT auth._role_valid(invite.role) THEN 'role is not known'
		ELSE auth._units_problem(me.tenant, invite.unit_ids)
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._refuse('invite', 400, 'validation_failed', problem);
	END IF;
	units := auth._units_of(me.tenant, invite.unit_ids);
	IF me.scope <> 'platform' AND NOT (auth._may_grant(me.tenant, me.role, invite.role) AND auth._within_units(me.scope, me.unit_ids, units)) THEN
		RETURN auth._refuse('invite', 403, 'insufficient_permissions', 'Insufficient permissions', jsonb_build_object('role', invite.role));
	END IF;
	IF EXISTS (SELECT FROM auth.users AS u JOIN auth.memberships AS m ON m.user_id = u.id WHERE u.email = address AND m.tenant_id = me.tenant) THEN
		RETURN auth._refuse('invite', 409, 'already_a_member', 'Already a member of this tenant');
	END IF;
	IF NOT auth._invitation_fits(me.tenant, address) THEN
		RETURN jsonb_set(auth._refuse('invite', 409, 'too_many_invitations', 'The tenant has as many pending invitations as it may'),
			'{error,hint}', to_jsonb('Revoke some, or wait until they are accepted or expire.'::text));
	END IF;
	FOR former IN
		SELECT i.* FROM auth.invitations AS i WHERE i.tenant_id = me.tenant AND i.email = address AND auth._is_pending(i)
	LOOP
		IF NOT auth._may_revoke(former, me.scope, me.role, me.unit_ids) THEN
			RETURN auth._refuse('invite', 403, 'insufficient_permissions', 'Insufficient permissions', jsonb_build_object('invitation', former.id));
		END IF;
		PERFORM auth._invitation_answer(former.id, 'revoked');
	END LOOP;
	token := auth.random_token(32);
	INSERT INTO auth.invitations AS i (tenant_id, email, role, unit_ids, token_hash, invited_by, created_at, expires_at)
		VALUES (me.tenant, address, invite.role, units, auth._opaque_hash(token), auth.uid(), now_,
			now_ + make_interval(secs => auth._seconds('invitation_lifetime')))
		RETURNING i.* INTO created;
	PERFORM auth._audit('invite', 'success', NULL, auth.uid(), me.tenant, auth.session_id(), address,
		jsonb_build_object('invitation', created.id, 'role', created.role, 'unit_ids', units));
	RETURN auth._invitation_json(created) || jsonb_build_object('token', token);
END
$$;
COMMENT ON FUNCTION auth_api.invite(text, text, uuid[]) IS 'invites an address to the caller''s tenant: the invitation and its token, which is shown this once';
REVOKE ALL ON FUNCTION auth_api.invite(text, text, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.invite(text, text, uuid[]) TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.invites(after uuid DEFAULT NULL, "limit" integer DEFAULT 200) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	me record := auth._members_authority('invites', 'select');
	page_size integer := coalesce("limit", 200);
	invitations jsonb;
	ids uuid[];
BEGIN
	IF me.refusal IS NOT NULL THEN
		RETURN me.refusal;
	END IF;
	IF page_size NOT BETWEEN 1 AND 1000 THEN
		RETURN auth._refuse('invites', 400, 'validation_failed', 'limit must be from 1 to 1000');
	END IF;
	SELECT jsonb_agg(p.invitation ORDER BY p.id) FILTER (WHERE p.position <= page_size), array_agg(p.id ORDER BY p.id)
		INTO invitations, ids
		FROM (
			SELECT i.id, row_number() OVER (ORDER BY i.id) AS position, auth._invitation_json(i) AS invitation
			FROM auth.invitations AS i
			WHERE i.tenant_id = me.tenant AND (after IS NULL OR i.id > after) AND auth._is_pending(i)
				AND (me.scope <> 'unit' OR i.unit_ids && me.unit_ids OR i.invited_by = auth.uid())
			ORDER BY i.id
			LIMIT page_size + 1) AS p;
	RETURN jsonb_build_object('invites', coalesce(invitations, '[]'), 'next',
		CASE WHEN cardinality(ids) > page_size THEN ids[page_size] END);
END
$$;
COMMENT ON FUNCTION auth_api.invites(uuid, integer) IS 'pending invitations to the caller''s tenant in pages, for those who may list members: {invites, next}';
REVOKE ALL ON FUNCTION auth_api.invites(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.invites(uuid, integer) TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.invite_revoke(id uuid) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
#variable_conflict use_column
DECLARE
	details CONSTANT jsonb := jsonb_build_object('invitation', invite_revoke.id);
	me record := auth._members_authority('invite_revoke', 'insert', details);
	invitation auth.invitations;
BEGIN
	IF me.refusal IS NOT NULL THEN
		RETURN me.refusal;
	END IF;
	IF invite_revoke.id IS NULL THEN
		RETURN auth._refuse('invite_revoke', 400, 'validation_failed', 'id is required');
	END IF;
	SELECT i.* INTO invitation FROM auth.invitations AS i WHERE i.id = invite_revoke.id AND i.tenant_id = me.tenant AND auth._is_pending(i);
	IF NOT FOUND THEN
		RETURN auth._refuse('invite_revoke', 404, 'invitation_not_found', 'Invitation not found', details);
	END IF;
	IF NOT auth._may_revoke(invitation, me.scope, me.role, me.unit_ids) THEN
		RETURN auth._refuse('invite_revoke', 403, 'insufficient_permissions', 'Insufficient permissions', details);
	END IF;
	IF NOT auth._invitation_answer(invitation.id, 'revoked') THEN
		RETURN auth._refuse('invite_revoke', 404, 'invitation_not_found', 'Invitation not found', details);
	END IF;
	PERFORM auth._audit('invite_revoke', 'success', NULL, auth.uid(), me.tenant, auth.session_id(), invitation.email, details);
	RETURN jsonb_build_object('revoked', invitation.id);
END
$$;
COMMENT ON FUNCTION auth_api.invite_revoke(uuid) IS 'revokes a pending invitation to the caller''s tenant: {revoked}';
REVOKE ALL ON FUNCTION auth_api.invite_revoke(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.invite_revoke(uuid) TO authenticated;

-- Could who invited still do so?  Conditions of his permission held when he did.
CREATE OR REPLACE FUNCTION auth._invitation_stands(invitation auth.invitations) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	asked record := auth._members_action('insert');
	member auth.memberships;
	scope text;
BEGIN
	IF NOT auth._role_known(invitation.tenant_id, invitation.role)
		OR auth._session_state(NULL, invitation.invited_by, invitation.tenant_id) IS NOT NULL THEN
		RETURN false;
	END IF;
	-- locked, because an old snapshot would still tell of a role that he has lost
	SELECT m.* INTO member FROM auth.memberships AS m
		WHERE m.tenant_id = invitation.tenant_id AND m.user_id = invitation.invited_by FOR NO KEY UPDATE;
	IF EXISTS (SELECT FROM auth.users AS u WHERE u.id = invitation.invited_by AND u.is_super_admin) THEN
		RETURN true;
	ELSIF asked.resource IS NULL THEN
		scope := CASE WHEN auth._manages_by_name(member.role) THEN 'tenant' END;
	ELSE
		scope := (SELECT p.scope FROM auth.deciding_permissions(member.role, invitation.tenant_id, asked.resource, asked.action) AS p LIMIT 1);
	END IF;
	RETURN auth._may_grant(invitation.tenant_id, member.role, invitation.role)
		AND auth._within_units(scope, member.unit_ids, invitation.unit_ids);
END
$$;
COMMENT ON FUNCTION auth._invitation_stands(auth.invitations) IS 'whether who invited is still a member who may, and not banned; lock users and tenant first';
REVOKE ALL ON FUNCTION auth._invitation_stands(auth.invitations) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._invitation_accept(invitation auth.invitations, unit_ids uuid[]) RETURNS text
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	constraint_name text;
BEGIN
	INSERT INTO auth.invitation_answers (invitation_id, answer, by_user) VALUES (invitation.id, 'accepted', auth.uid());
	INSERT INTO auth.memberships (tenant_id, user_id, role, unit_ids)
		VALUES (invitation.tenant_id, auth.uid(), invitation.role, _invitation_accept.unit_ids);
	PERFORM auth._membership_note(invitation.tenant_id, auth.uid(), 'invite_accept', auth.uid());
	PERFORM auth._make_durable();
	RETURN NULL;
EXCEPTION WHEN unique_violation THEN
	GET STACKED DIAGNOSTICS constraint_name = CONSTRAINT_NAME;
	RETURN CASE constraint_name WHEN 'invitation_answers_pkey' THEN 'invitation_used' ELSE 'already_a_member' END;
END
$$;
COMMENT ON FUNCTION auth._invitation_accept(auth.invitations, uuid[]) IS 'uses an invitation up and makes the caller a member, both or none; NULL, or what another transaction has done meanwhile';
REVOKE ALL ON FUNCTION auth._invitation_accept(auth.invitations, uuid[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.invite_accept(token text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	caller CONSTANT uuid := auth.uid();
	hash CONSTANT bytea := auth._opaque_hash(token);
	details jsonb;
	invitation auth.invitations;
	account auth.users;
	tenant_name text;
	answered text;
	units uuid[];
	problem text;
BEGIN
	IF caller IS NULL THEN
		RETURN auth._refuse('invite_accept', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF coalesce(token, '') = '' THEN
		RETURN auth._refuse('invite_accept', 400, 'validation_failed', 'token is required');
	END IF;
	SELECT i.* INTO invitation FROM auth.invitations AS i WHERE i.token_hash = hash;
	IF NOT FOUND THEN
		RETURN auth._refuse('invite_accept', 404, 'invitation_not_found', 'Invitation not found');
	END IF;
	details := jsonb_build_object('invitation', invitation.id, 'target', invitation.tenant_id);

	-- order of locks: users, then the tenant
	PERFORM FROM auth.users AS u WHERE u.id IN (caller, invitation.invited_by) ORDER BY u.id FOR KEY SHARE;
	SELECT u.* INTO account FROM auth.users AS u WHERE u.id = caller;
	-- another account learns nothing more of the invitation
	IF account.email IS DISTINCT FROM invitation.email THEN
		RETURN auth._refuse('invite_accept', 403, 'not_the_invited', 'The invitation is for another account', details);
	ELSIF auth._session_state(NULL, caller, NULL) IS NOT NULL THEN
		RETURN auth._refuse('invite_accept', 403, 'user_banned', 'User is banned', details);
	ELSIF account.email_verified_at IS NULL AND auth._enabled('require_email_verification') THEN
		RETURN auth._refuse('invite_accept', 403, 'email_not_confirmed', 'Email not confirmed', details);
	END IF;
	IF NOT auth._lock_tenant(invitation.tenant_id) THEN
		RETURN auth._refuse('invite_accept', 404, 'invitation_not_found', 'Invitation not found');
	END IF;
	PERFORM auth._lock_roles();
	SELECT a.answer INTO answered FROM auth.invitation_answers AS a WHERE a.invitation_id = invitation.id;
	problem := CASE
		WHEN answered = 'accepted' THEN 'invitation_used'
		WHEN answered = 'revoked' THEN 'invitation_revoked'
		WHEN invitation.expires_at <= clock_timestamp() THEN 'invitation_expired'
		WHEN NOT auth._invitation_stands(invitation) THEN 'invitation_void'
	END;
	IF problem IS NULL THEN
		-- without those that are gone
		units := auth._units_of(invitation.tenant_id, invitation.unit_ids);
		problem := auth._invitation_accept(invitation, units);
	END IF;
	IF problem IS NOT NULL THEN
		RETURN auth._refuse('invite_accept', CASE WHEN problem IN ('invitation_used', 'already_a_member') THEN 409 ELSE 403 END, problem,
			CASE problem
				WHEN 'invitation_used' THEN 'The invitation has been accepted'
				WHEN 'invitation_revoked' THEN 'The invitation has been revoked'
				WHEN 'invitation_expired' THEN 'The invitation has expired'
				WHEN 'invitation_void' THEN CASE WHEN auth._role_known(invitation.tenant_id, invitation.role)
					THEN 'Who sent the invitation may not invite any more' ELSE 'The role of the invitation is not there any more' END
				ELSE 'Already a member of this tenant'
			END, details);
	END IF;
	SELECT t.name INTO tenant_name FROM auth.tenants AS t WHERE t.id = invitation.tenant_id;
	PERFORM auth._audit('invite_accept', 'success', NULL, caller, invitation.tenant_id, auth.session_id(), invitation.email,
		details || jsonb_build_object('role', invitation.role, 'unit_ids', units));
	RETURN jsonb_build_object('tenant', jsonb_build_object('id', invitation.tenant_id, 'name', tenant_name),
		'role', invitation.role, 'unit_ids', to_jsonb(units));
END
$$;
COMMENT ON FUNCTION auth_api.invite_accept(text) IS 'makes the caller a member of the tenant that his address was invited to, once: {tenant, role, unit_ids}; switch_tenant goes there';
REVOKE ALL ON FUNCTION auth_api.invite_accept(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.invite_accept(text) TO authenticated;
