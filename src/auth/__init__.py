"""Accounts and tokens: who may use Video2MP3."""
