"""The gateway: the HTTP API that people use; uploads, jobs and downloads."""
