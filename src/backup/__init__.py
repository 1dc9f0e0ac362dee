"""Backup and restore of the accounts in MySQL, and of the jobs and files in MongoDB."""
