-- API keys (docs/decisions/0039). Times are in UTC.
--
-- The service's account may not delete rows: a revoked key loses its hash, and the next key of the account gets its row.
CREATE TABLE IF NOT EXISTS api_key (
    id           CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL,
    account_id   CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL,
    key_hash     CHAR(64) CHARACTER SET ascii COLLATE ascii_general_ci NULL,  -- SHA-256 in hexadecimal; NULL: revoked
    prefix       VARCHAR(16) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL,
    name         VARCHAR(100) NOT NULL,
    scope        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL,
    created_at   DATETIME NOT NULL,
    expires_at   DATETIME NULL,
    last_used_at DATETIME NULL,
    PRIMARY KEY (id),
    UNIQUE KEY key_hash (key_hash),
    KEY account_id (account_id),
    CONSTRAINT api_key_account FOREIGN KEY (account_id) REFERENCES user (account_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
