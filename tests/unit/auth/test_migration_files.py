"""The migrations of the accounts' database, as they are read from their files."""

import re
from pathlib import Path

import pytest

from auth.migrations import files


def test_the_migrations_of_this_release_are_numbered_from_1_and_have_statements() -> None:
    migrations = files.load()
    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))
    assert all(migration.statements for migration in migrations)


def test_no_migration_names_the_database_which_is_a_setting() -> None:
    for migration in files.load():
        for statement in migration.statements:
            assert not re.search(r"\bauth\.|\bUSE\b|\bDATABASE\b", statement), statement


def test_comments_are_dropped_and_a_semicolon_ends_a_statement_only_at_the_end_of_a_line(tmp_path: Path) -> None:
    text = "-- One; two;\nINSERT INTO a VALUES ('x;y');  -- why\n\nUPDATE a\nSET b = 1;\n"
    (tmp_path / "0001_first.sql").write_text(text)
    (first,) = files.load(tmp_path)
    assert first.statements == ("INSERT INTO a VALUES ('x;y')", "UPDATE a\nSET b = 1")
    assert (first.version, first.name) == (1, "first")


def test_another_content_has_another_checksum(tmp_path: Path) -> None:
    path = tmp_path / "0001_first.sql"
    path.write_text("SELECT 1;\n")
    (before,) = files.load(tmp_path)
    path.write_text("SELECT 2;\n")
    assert files.load(tmp_path)[0].checksum != before.checksum


@pytest.mark.parametrize(
    "names", [["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["1_a.sql"]]
)
def test_a_gap_a_duplicate_or_another_form_of_name_is_an_error(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;\n")
    with pytest.raises(ValueError, match="0001"):
        files.load(tmp_path)


def test_no_column_is_added_with_a_default_that_differs_for_each_row() -> None:
    # MySQL with a binary log refuses that; the servers of the integration tests are MariaDB, which does not.
    for migration in files.load():
        for statement in migration.statements:
            assert not re.search(r"ADD COLUMN[^,]*DEFAULT \(", statement), migration.name
