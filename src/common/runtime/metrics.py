"""All metrics, which Prometheus reads at /metrics."""

from prometheus_client import Counter, Gauge, Histogram

# s. By method, route pattern (not path, as there is no limit on paths) and status.
HTTP_SECONDS = Histogram("video2mp3_http_request_seconds", "Time to answer", ["method", "route", "status"])

UPLOADED_BYTES = Counter("video2mp3_uploaded_bytes", "Bytes of video stored")

# By queue and common.messaging.settlement.Outcome.
DELIVERIES = Counter("video2mp3_deliveries", "Messages handled", ["queue", "outcome"])

# s. From the delivery of a message to its acknowledgement.
DELIVERY_SECONDS = Histogram(
    "video2mp3_delivery_seconds", "Time to handle a message", ["queue"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
)  # fmt: skip

BUSY = Gauge("video2mp3_busy", "Messages being handled", ["queue"])

# 1 or 0, for mongodb, rabbitmq, mysql and auth.
DEPENDENCY_UP = Gauge("video2mp3_dependency_up", "Whether a dependency answers this process", ["dependency"])
# 1 while a consumer is paused because too many messages became dead letters (DEAD_LETTER_LIMIT).
CONSUMER_PAUSED = Gauge("video2mp3_consumer_paused", "Consumers that are paused", ["queue"])
# What the last complete pass of housekeeping did not delete: more than the limit, or not matching the jobs.
ORPHANS_HELD = Gauge("video2mp3_orphans_held", "Orphaned files that wait for an operator's decision", ["reason"])

# Up to 10,000. They are not in the queue "video".
JOBS_WAITING = Gauge("video2mp3_jobs_waiting", "Queued jobs that wait for the turn of their account")

# What the number of converters follows: manifests/components/keda. Up to 10,000.
JOBS_QUEUED = Gauge("video2mp3_jobs_queued", "Jobs that wait for their turn or for a converter")
JOBS_CONVERTING = Gauge("video2mp3_jobs_converting", "Jobs that are being converted")
# s. 0 without queued jobs. A job that is published when it is its account's turn waits from 0 again, for a converter.
OLDEST_JOB_SECONDS = Gauge("video2mp3_oldest_job_seconds", "For how long the oldest queued job has waited")

# Unix time at which housekeeping last completed a pass.
HOUSEKEEPING_TIME = Gauge("video2mp3_housekeeping_timestamp_seconds", "Time of the last complete housekeeping pass")
