-- Whom a provider of single sign-on knows as which user, with a code for one token (docs/decisions/0040).
--
-- The provider's names are binary: they are compared exactly, with case and trailing spaces.
CREATE TABLE IF NOT EXISTS identity (
    issuer          VARBINARY(255) NOT NULL,
    subject         VARBINARY(255) NOT NULL,
    account_id      CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL,
    created_at      TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    code            CHAR(64) CHARACTER SET ascii COLLATE ascii_general_ci NULL DEFAULT NULL,
    code_expires_at DATETIME NULL DEFAULT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE KEY code (code),
    KEY account_id (account_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
