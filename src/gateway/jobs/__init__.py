"""The routes below `/jobs`, live updates, and the publishing of jobs to the queues."""
