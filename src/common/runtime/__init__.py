"""How a process of any service runs: settings, logging, health checks, metrics, and the main function of a worker."""
