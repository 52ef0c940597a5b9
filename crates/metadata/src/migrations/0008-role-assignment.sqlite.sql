-- What ARM keeps of a role assignment beyond who, what and where. It is looked up by its scope too.

-- The scope as its maker wrote it; `scope` is the same in lower case.
ALTER TABLE role_assignment ADD COLUMN shown_scope TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN principal_type TEXT NOT NULL DEFAULT 'ServicePrincipal';
ALTER TABLE role_assignment ADD COLUMN condition TEXT;
ALTER TABLE role_assignment ADD COLUMN condition_version TEXT;
ALTER TABLE role_assignment ADD COLUMN description TEXT;
ALTER TABLE role_assignment ADD COLUMN created_by TEXT NOT NULL DEFAULT 'operator';
ALTER TABLE role_assignment ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE role_assignment ADD COLUMN updated_by TEXT NOT NULL DEFAULT 'operator';
UPDATE role_assignment SET shown_scope = scope, updated_at = created_at;
UPDATE role_assignment SET principal_type = 'User' WHERE principal_id IN (SELECT id FROM person);
CREATE INDEX role_assignment_by_scope ON role_assignment (scope, id);
