-- The settings of a registry: what is enforced has a column of its own, what is only shown is JSON.

ALTER TABLE registry ADD COLUMN role_assignment_mode TEXT NOT NULL DEFAULT 'LegacyRegistryPermissions';
ALTER TABLE registry ADD COLUMN public_network_access INTEGER NOT NULL DEFAULT 1;
ALTER TABLE registry ADD COLUMN network_default_action TEXT NOT NULL DEFAULT 'Allow';
-- JSON: addresses and ranges as they were given.
ALTER TABLE registry ADD COLUMN ip_rules TEXT NOT NULL DEFAULT '[]';
ALTER TABLE registry ADD COLUMN accept_arm_tokens INTEGER NOT NULL DEFAULT 1;
ALTER TABLE registry ADD COLUMN allow_export INTEGER NOT NULL DEFAULT 1;
ALTER TABLE registry ADD COLUMN shown TEXT NOT NULL DEFAULT '{}';
ALTER TABLE registry ADD COLUMN created_by TEXT;
ALTER TABLE registry ADD COLUMN created_by_kind TEXT;
ALTER TABLE registry ADD COLUMN updated_by TEXT;
ALTER TABLE registry ADD COLUMN updated_by_kind TEXT;
-- What entity tags are made of.
ALTER TABLE registry ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE resource_group ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
