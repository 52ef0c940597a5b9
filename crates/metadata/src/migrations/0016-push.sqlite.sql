-- What a push writes, it writes in few statements.

-- The manifest that a tag left when it was last written; none when it stayed or is new.
ALTER TABLE tag ADD COLUMN moved_from INTEGER;

-- Counts follow the rows.
CREATE TRIGGER manifest_counted AFTER INSERT ON manifest BEGIN
    UPDATE repository SET manifest_count = manifest_count + 1 WHERE id = NEW.repository_id;
END;
CREATE TRIGGER manifest_discounted AFTER DELETE ON manifest BEGIN
    UPDATE repository SET manifest_count = manifest_count - 1 WHERE id = OLD.repository_id;
END;
CREATE TRIGGER tag_counted AFTER INSERT ON tag BEGIN
    UPDATE repository SET tag_count = tag_count + 1 WHERE id = NEW.repository_id;
END;
CREATE TRIGGER tag_discounted AFTER DELETE ON tag BEGIN
    UPDATE repository SET tag_count = tag_count - 1 WHERE id = OLD.repository_id;
END;
