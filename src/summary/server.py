"""The application factory of the HTTP server."""

import logging
import threading
import time

from flask import Flask

from common.domain.job_repository import Jobs
from common.domain.outbox import Outbox
from common.domain.summaries import Summaries
from common.domain.transcripts import Transcripts
from common.errors import TransientError
from common.http import app as http
from common.http.identity import Identity, LoginService
from common.messaging.connection import BrokerConnection
from common.messaging.publisher import Publisher
from common.runtime import health
from common.storage import mongo
from summary.api import routes
from summary.api.summary_requests import SummaryRequests
from summary.provider.client import Provider
from summary.settings import SummarySettings

log = logging.getLogger(__name__)

# s between attempts to create the indexes.
_RETRY = 2.0


def create_app(settings: SummarySettings) -> Flask:
    """Starts without its dependencies, and connects when they are available."""
    client = mongo.connect(settings)
    connection = BrokerConnection(settings, name="summary-server")
    connection.start(threading.Event())
    db = client[mongo.VIDEOS]
    summaries, transcripts = Summaries(db), Transcripts(db)
    login = LoginService(settings)
    app = http.create_app("summary")
    # The provider is not checked: requests to it cost money.
    checks = {"mongodb": mongo.ping(client), "rabbitmq": connection.check, "auth": login.check}
    health.install(app, checks)
    jobs = Jobs(db)
    outbox = Outbox(settings, jobs, summaries, Publisher(connection))
    requests = SummaryRequests(settings, jobs, summaries, Provider(settings), outbox)
    app.register_blueprint(routes.blueprint(Identity(login), requests, transcripts))
    threading.Thread(target=_create_indexes, args=(summaries, transcripts), name="indexes", daemon=True).start()
    return app


def _create_indexes(summaries: Summaries, transcripts: Transcripts) -> None:
    """Retries until MongoDB is available."""
    while True:
        try:
            summaries.ensure_indexes()
            transcripts.ensure_indexes()
        except TransientError as error:
            log.warning("The indexes are not created yet: %s", error)
            time.sleep(_RETRY)
        else:
            return
