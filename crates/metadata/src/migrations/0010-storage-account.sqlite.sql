-- What a user's storage account is in ARM. An account without a row here is the service's own.

CREATE TABLE storage_resource (
    storage_account_id INTEGER PRIMARY KEY REFERENCES storage_account (id),
    subscription_id    BLOB NOT NULL,
    resource_group     TEXT NOT NULL COLLATE NOCASE,
    tags               TEXT NOT NULL,
    updated_at         INTEGER NOT NULL,
    FOREIGN KEY (subscription_id, resource_group) REFERENCES resource_group (subscription_id, name)
) STRICT;
CREATE INDEX storage_resource_by_group ON storage_resource (subscription_id, resource_group);
-- What lies in an account.
CREATE INDEX registry_by_storage_account ON registry (storage_account_id);
