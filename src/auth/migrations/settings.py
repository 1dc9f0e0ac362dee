"""The settings of `python -m auth.migrations`."""

from typing import Annotated

from pydantic import Field, PositiveInt, SecretStr

from auth.settings import MySQLSettings


class MigrationSettings(MySQLSettings):
    # An account that may change the schema: the service's own account, which is used without a password here, may only
    # work with the rows.
    mysql_migrations_user: str | None = None
    mysql_migrations_password: SecretStr | None = None
    # s. For each statement, and for a migration that another process runs.
    migration_timeout: Annotated[PositiveInt, Field(le=86400)] = 600

    @property
    def user(self) -> str:
        return (self.mysql_migrations_password and self.mysql_migrations_user) or self.mysql_user

    @property
    def password(self) -> str:
        return (self.mysql_migrations_password or self.mysql_password).get_secret_value()
