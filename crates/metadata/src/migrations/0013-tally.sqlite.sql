-- How many rows there are of what has a limit, by what the limit is for, so that no limit costs a walk over them. Triggers
-- change a count in the transaction that changes the rows; a count that reaches zero goes.

CREATE TABLE tally (
    kind  TEXT NOT NULL,
    place TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, place)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tally_emptied AFTER UPDATE ON tally WHEN NEW.count = 0 BEGIN
    DELETE FROM tally WHERE kind = NEW.kind AND place = NEW.place;
END;

-- By whom it was given.
INSERT INTO tally SELECT 'role assignment', '', count(*) FROM role_assignment HAVING count(*) > 0;
INSERT INTO tally SELECT 'role assignment by', created_by, count(*) FROM role_assignment GROUP BY created_by;
CREATE TRIGGER role_assignment_counted AFTER INSERT ON role_assignment BEGIN
    INSERT INTO tally VALUES ('role assignment', '', 1), ('role assignment by', NEW.created_by, 1)
        ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER role_assignment_discounted AFTER DELETE ON role_assignment BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'role assignment' AND place = '';
    UPDATE tally SET count = count - 1 WHERE kind = 'role assignment by' AND place = OLD.created_by;
END;

-- Who made it: an object id, or "operator".
ALTER TABLE application ADD COLUMN created_by TEXT NOT NULL DEFAULT 'operator';
INSERT INTO tally SELECT 'application', '', count(*) FROM application HAVING count(*) > 0;
INSERT INTO tally SELECT 'application by', created_by, count(*) FROM application GROUP BY created_by;
CREATE TRIGGER application_counted AFTER INSERT ON application BEGIN
    INSERT INTO tally VALUES ('application', '', 1), ('application by', NEW.created_by, 1)
        ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER application_discounted AFTER DELETE ON application BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'application' AND place = '';
    UPDATE tally SET count = count - 1 WHERE kind = 'application by' AND place = OLD.created_by;
END;

-- Where the device asked from: an address of IPv4 or a /56, and the /48 around that. Of sign-ins that were under way
-- before, nobody knows.
ALTER TABLE device_code ADD COLUMN near TEXT NOT NULL DEFAULT '::';
ALTER TABLE device_code ADD COLUMN far TEXT;
INSERT INTO tally SELECT 'device', '', count(*) FROM device_code HAVING count(*) > 0;
INSERT INTO tally SELECT 'device near', near, count(*) FROM device_code GROUP BY near;
INSERT INTO tally SELECT 'device far', coalesce(far, ''), count(*) FROM device_code GROUP BY far;
CREATE TRIGGER device_code_counted AFTER INSERT ON device_code BEGIN
    INSERT INTO tally VALUES ('device', '', 1), ('device near', NEW.near, 1), 
        ('device far', coalesce(NEW.far, ''), 1)
        ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER device_code_discounted AFTER DELETE ON device_code BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'device' AND place = '';
    UPDATE tally SET count = count - 1 WHERE kind = 'device near' AND place = OLD.near;
    UPDATE tally SET count = count - 1 WHERE kind = 'device far' AND place = coalesce(OLD.far, '');
END;

-- The place of what lies in a subscription is its id in hexadecimal; of what lies in a group, the same, a slash and the
-- group's name in lower case.
INSERT INTO tally SELECT 'resource group', lower(hex(subscription_id)), count(*) FROM resource_group
    GROUP BY subscription_id;
CREATE TRIGGER resource_group_counted AFTER INSERT ON resource_group BEGIN
    INSERT INTO tally VALUES ('resource group', lower(hex(NEW.subscription_id)), 1)
        ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER resource_group_discounted AFTER DELETE ON resource_group BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'resource group' AND place = lower(hex(OLD.subscription_id));
END;

INSERT INTO tally SELECT 'registry', lower(hex(subscription_id)), count(*) FROM registry GROUP BY subscription_id;
INSERT INTO tally SELECT 'registry in', lower(hex(subscription_id)) || '/' || lower(resource_group), count(*)
    FROM registry GROUP BY subscription_id, resource_group;
CREATE TRIGGER registry_counted AFTER INSERT ON registry BEGIN
    INSERT INTO tally VALUES ('registry', lower(hex(NEW.subscription_id)), 1),
        ('registry in', lower(hex(NEW.subscription_id)) || '/' || lower(NEW.resource_group), 1)
        ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER registry_discounted AFTER DELETE ON registry BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'registry' AND place = lower(hex(OLD.subscription_id));
    UPDATE tally SET count = count - 1 WHERE kind = 'registry in'
        AND place = lower(hex(OLD.subscription_id)) || '/' || lower(OLD.resource_group);
END;

INSERT INTO tally SELECT 'storage account', lower(hex(subscription_id)), count(*) FROM storage_resource
    GROUP BY subscription_id;
INSERT INTO tally SELECT 'storage account in', lower(hex(subscription_id)) || '/' || lower(resource_group), count(*)
    FROM storage_resource GROUP BY subscription_id, resource_group;
CREATE TRIGGER storage_resource_counted AFTER INSERT ON storage_resource BEGIN
    INSERT INTO tally VALUES ('storage account', lower(hex(NEW.subscription_id)), 1),
        ('storage account in', lower(hex(NEW.subscription_id)) || '/' || lower(NEW.resource_group), 1)
        ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER storage_resource_discounted AFTER DELETE ON storage_resource BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'storage account' AND place = lower(hex(OLD.subscription_id));
    UPDATE tally SET count = count - 1 WHERE kind = 'storage account in'
        AND place = lower(hex(OLD.subscription_id)) || '/' || lower(OLD.resource_group);
END;
