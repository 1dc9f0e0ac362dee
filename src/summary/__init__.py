"""The summary service: transcripts and summaries by any OpenAI-compatible API; an HTTP server and a worker."""
