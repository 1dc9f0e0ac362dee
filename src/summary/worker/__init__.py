"""The worker: it transcribes recordings and summarises texts from the queue `summary`."""
