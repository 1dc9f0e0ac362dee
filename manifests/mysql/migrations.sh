# shellcheck shell=bash
# Creates the account that changes the schema, or updates its password. The image runs it when the volume is new, in its own
# shell, and ./deploy.sh runs it at each deployment: a volume of an earlier release does not have the account.
mysql --defaults-extra-file=<(printf '[client]\npassword="%s"\n' "$MYSQL_ROOT_PASSWORD") --protocol=socket --user=root <<SQL
CREATE USER IF NOT EXISTS 'migrations'@'%' IDENTIFIED BY '$MYSQL_MIGRATIONS_PASSWORD';
ALTER USER 'migrations'@'%' IDENTIFIED BY '$MYSQL_MIGRATIONS_PASSWORD';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON auth.* TO 'migrations'@'%';
SQL
