"""The client of the OpenAI-compatible API, its prompts, and the checks of its answers."""
