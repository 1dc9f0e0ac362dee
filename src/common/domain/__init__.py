"""What the services work on: jobs, leases, conversion options, download links, summaries and transcripts."""
