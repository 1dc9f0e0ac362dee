"""The worker, which transcribes recordings and summarises texts."""
