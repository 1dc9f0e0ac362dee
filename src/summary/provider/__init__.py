"""The client of the OpenAI-compatible API, its prompts, and the validation of its responses."""
