"""RabbitMQ: the topology, one connection a process, confirmed publishing, and consuming with retries."""
