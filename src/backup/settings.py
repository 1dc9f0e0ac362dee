"""The settings of backup and restore."""

from pathlib import Path

from pydantic import Field, PositiveInt, SecretStr

from common.runtime.settings import MongoSettings, Port, ServiceSettings


class BackupSettings(ServiceSettings, MongoSettings):
    # The cluster's MySQL, unless the configuration of the auth service names another one.
    mysql_host: str = "mysql"
    mysql_port: Port = 3306
    mysql_user: str = "auth"
    mysql_password: SecretStr
    mysql_db: str = "auth"
    # Enables TLS (`common.runtime.tls`). The second file has a client's certificate and its key.
    mysql_ca_file: Path | None = None
    mysql_cert_file: Path | None = None
    # An account that may create and drop tables, for a restore; without its password, the one above is used.
    mysql_migrations_user: str = "migrations"
    mysql_migrations_password: SecretStr | None = None

    # A folder, or anything else that restic supports: s3:https://s3.example.com/bucket/folder
    restic_repository: str
    # Encrypts the backups, which are lost without it.
    restic_password: SecretStr = Field(min_length=16)
    # Of an S3-compatible bucket.
    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None

    # The working folder. It keeps a copy of all stored files, so that a backup copies only new ones.
    backup_folder: Path = Path("/backup")
    # The last backups of so many days are kept.
    backup_keep_daily: PositiveInt = 14
    # How much of the repository each backup reads and checks, chosen at random: a percentage, or a size such as 1G.
    backup_check_subset: str = Field("5%", pattern=r"^\d+(\.\d+)?[%KMGT]$")
    # s. The maximum duration of each step: a call of restic or of a client of MySQL.
    backup_step_timeout: PositiveInt = 6 * 3600
