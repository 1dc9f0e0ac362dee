-- The image grants MYSQL_USER all privileges. The auth service only reads, inserts and updates rows.
REVOKE ALL PRIVILEGES ON auth.* FROM 'auth'@'%';
GRANT SELECT, INSERT, UPDATE ON auth.* TO 'auth'@'%';
