-- Ids that are never used again, even after a restore, and the state of accounts. An operator's
-- INSERT INTO user (email, password) gets the defaults: a new id, and an address that counts as verified.
--
-- MySQL with a binary log does not add a column whose default differs for each row: the default comes first, for what
-- is inserted from then on, then the ids of the accounts that exist.
--
-- created_at is NULL for the accounts that exist already: they own what earlier releases stored under their address.
ALTER TABLE user
    ADD COLUMN account_id    CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci NULL,
    ADD COLUMN created_at    TIMESTAMP NULL DEFAULT NULL,
    ADD COLUMN token_version INT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN verified      BOOLEAN NOT NULL DEFAULT TRUE,
    ADD COLUMN disabled      BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE user
    ALTER COLUMN account_id SET DEFAULT (UUID()),
    MODIFY COLUMN created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP;

UPDATE user SET account_id = UUID() WHERE account_id IS NULL;

ALTER TABLE user
    MODIFY COLUMN account_id CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL DEFAULT (UUID()),
    ADD UNIQUE KEY account_id (account_id);
