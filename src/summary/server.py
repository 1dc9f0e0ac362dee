"""The application factory of the HTTP server."""

import threading

from flask import Flask

from common.domain.job_repository import Jobs
from common.domain.outbox import Outbox
from common.domain.summaries import Summaries
from common.domain.transcripts import Transcripts
from common.http import app as http
from common.http.identity import Identity
from common.messaging.connection import BrokerConnection
from common.messaging.publisher import Publisher
from common.runtime import health
from common.storage import mongo
from summary.api import routes
from summary.api.summary_requests import SummaryRequests
from summary.provider.client import Provider
from summary.settings import SummarySettings


def create_app(settings: SummarySettings) -> Flask:
    """Starts without its dependencies, and connects when they are available."""
    client = mongo.connect(settings)
    connection = BrokerConnection(settings, name="summary-server")
    connection.start(threading.Event())
    db = client[mongo.VIDEOS]
    summaries, transcripts = Summaries(db), Transcripts(db)
    identity = Identity(settings)
    app = http.create_app("summary")
    # The provider is not checked: requests to it cost money.
    checks = {"mongodb": mongo.ping(client), "rabbitmq": connection.check, "auth": identity.check}
    health.install(app, checks)
    jobs = Jobs(db)
    outbox = Outbox(settings, jobs, summaries, Publisher(connection))
    requests = SummaryRequests(settings, jobs, summaries, Provider(settings), outbox)
    app.register_blueprint(routes.blueprint(identity, requests, transcripts))
    mongo.create_indexes(summaries.ensure_indexes, transcripts.ensure_indexes)
    return app
