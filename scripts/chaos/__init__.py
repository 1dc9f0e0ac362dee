"""Uploads videos while processes of the stack fail at random, then looks for losses in the databases."""
