-- preset before
CREATE TABLE obligation_instances (id int PRIMARY KEY, tenant_id uuid, branch_id uuid, assigned_to uuid);
