-- Ids that are never used again, even after a restore, and the state of accounts. An operator's
-- INSERT INTO user (email, password) gets the defaults: a new id, and an address that counts as verified.
--
-- created_at is NULL for the accounts that exist already: they own what earlier releases stored under their address.
ALTER TABLE user
    ADD COLUMN account_id    CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL DEFAULT (UUID()),
    ADD COLUMN created_at    TIMESTAMP NULL DEFAULT NULL,
    ADD COLUMN token_version INT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN verified      BOOLEAN NOT NULL DEFAULT TRUE,
    ADD COLUMN disabled      BOOLEAN NOT NULL DEFAULT FALSE,
    ADD UNIQUE KEY account_id (account_id);

ALTER TABLE user MODIFY COLUMN created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP;
