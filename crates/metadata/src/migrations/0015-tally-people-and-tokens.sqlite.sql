-- More counts of what has a limit (0013-tally.sql): people, and what a registry's tier includes. The place of the latter
-- is the registry's row id.

INSERT INTO tally SELECT 'person', '', count(*) FROM person HAVING count(*) > 0;
CREATE TRIGGER person_counted AFTER INSERT ON person BEGIN
    INSERT INTO tally VALUES ('person', '', 1) ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER person_discounted AFTER DELETE ON person BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'person' AND place = '';
END;

INSERT INTO tally SELECT 'token', CAST(registry_id AS TEXT), count(*) FROM token GROUP BY registry_id;
CREATE TRIGGER token_counted AFTER INSERT ON token BEGIN
    INSERT INTO tally VALUES ('token', CAST(NEW.registry_id AS TEXT), 1)
        ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER token_discounted AFTER DELETE ON token BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'token' AND place = CAST(OLD.registry_id AS TEXT);
END;

INSERT INTO tally SELECT 'scope map', CAST(registry_id AS TEXT), count(*) FROM scope_map GROUP BY registry_id;
CREATE TRIGGER scope_map_counted AFTER INSERT ON scope_map BEGIN
    INSERT INTO tally VALUES ('scope map', CAST(NEW.registry_id AS TEXT), 1)
        ON CONFLICT (kind, place) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER scope_map_discounted AFTER DELETE ON scope_map BEGIN
    UPDATE tally SET count = count - 1 WHERE kind = 'scope map' AND place = CAST(OLD.registry_id AS TEXT);
END;
