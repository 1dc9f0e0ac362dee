-- The accounts. Databases that an operator prepared with the init.sql of the first release have this table already.
--
-- An operator may insert a row with a password in plain text, which is replaced by its Argon2id hash at the first login.
-- An administrator is such a row whose address is also in ADMIN_EMAILS (insert the row first: an address in ADMIN_EMAILS
-- cannot be registered over HTTP).
--
-- MariaDB and MySQL both have utf8mb4_general_ci. It ignores case, as a mail address does here, and accents, which the
-- service refuses in new addresses.
CREATE TABLE IF NOT EXISTS user (
    id       INT UNSIGNED NOT NULL AUTO_INCREMENT,
    email    VARCHAR(254) NOT NULL,  -- RFC 5321: a path has 256 characters with its brackets
    password VARCHAR(255) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY email (email)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
