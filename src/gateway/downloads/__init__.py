"""`GET /download`, byte ranges, and signed download links."""
