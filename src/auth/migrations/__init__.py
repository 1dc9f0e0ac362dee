"""The schema of the database of accounts: numbered SQL files, each applied once (docs/decisions/0028).

Rules for a file `NNNN_name.sql`:
- Its number is the next one. After a release, a file never changes: its checksum is recorded.
- A statement ends with a semicolon at the end of a line, and names tables without the database.
- MySQL and MariaDB apply a data definition statement completely or not at all. After a crash, a statement may run a
  second time: change a table with one ALTER TABLE (the error "exists already" then counts as success), and write
  UPDATE and INSERT statements that change nothing the second time.
- MySQL with a binary log refuses to add a column with a default that differs for each row (error 1674), which MariaDB
  does not: add the column first, then set its default.
- Replicas of the previous release run beside it: add what they ignore (new columns have a default), and remove what
  they use one release later.
"""
