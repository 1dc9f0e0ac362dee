"""The names of all metrics in one place, as Prometheus reads them at /metrics."""

from prometheus_client import Counter, Gauge, Histogram

# s. HTTP answers by method, route pattern (never the path: it is unbounded) and status.
HTTP_SECONDS = Histogram("video2mp3_http_request_seconds", "Time to answer", ["method", "route", "status"])

# Bytes of video that the gateway stored.
UPLOADED_BYTES = Counter("video2mp3_uploaded_bytes", "Bytes of video stored")

# Messages by queue and what became of them: see common.messaging.settlement.Outcome.
DELIVERIES = Counter("video2mp3_deliveries", "Messages handled", ["queue", "outcome"])

# s. From the delivery of a message to its acknowledgement.
DELIVERY_SECONDS = Histogram(
    "video2mp3_delivery_seconds", "Time to handle a message", ["queue"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
)  # fmt: skip

# 1 while the worker is busy with a message.
BUSY = Gauge("video2mp3_busy", "Messages being handled now", ["queue"])

# 1 while the dependency (mongodb, rabbitmq, mysql, auth) answers this process, 0 while it does not.
DEPENDENCY_UP = Gauge("video2mp3_dependency_up", "Whether a dependency answers", ["dependency"])
# 1 while a consumer has paused because too many messages became dead letters (DEAD_LETTER_LIMIT).
CONSUMER_PAUSED = Gauge("video2mp3_consumer_paused", "Consumers that take no messages", ["queue"])
# What the last complete pass of housekeeping did not delete by itself: over the limit, or not fitting the jobs.
ORPHANS_HELD = Gauge("video2mp3_orphans_held", "Orphaned files that wait for an operator's decision", ["reason"])

# Unix time at which housekeeping last completed a pass.
HOUSEKEEPING_TIME = Gauge("video2mp3_housekeeping_timestamp_seconds", "Time of the last complete housekeeping pass")
