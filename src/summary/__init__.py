"""The summary service: transcripts and summaries by any OpenAI-compatible API. It has an HTTP server and a worker."""
