"""All data of an account as one ZIP archive: `GET /account/export`."""
