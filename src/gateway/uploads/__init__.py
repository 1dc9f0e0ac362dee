"""Uploads: `POST /upload`, and resumable uploads by the tus protocol at `/files`."""
