-- The image gives MYSQL_USER everything in its database; the auth service reads, inserts and updates rows.
REVOKE ALL PRIVILEGES ON auth.* FROM 'auth'@'%';
GRANT SELECT, INSERT, UPDATE ON auth.* TO 'auth'@'%';
