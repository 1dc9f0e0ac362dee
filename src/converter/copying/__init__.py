"""Copies a track that already is MP3, without encoding it again."""
