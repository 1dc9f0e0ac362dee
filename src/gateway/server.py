"""The application factory: the one place where the gateway's parts are made and connected."""

import logging
import threading
import time

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from common.domain.job_repository import Jobs
from common.domain.links import DownloadLinks
from common.errors import TransientError
from common.http import app as http
from common.http.identity import Identity
from common.messaging.connection import BrokerConnection
from common.messaging.publisher import Publisher
from common.runtime import health
from common.storage import mongo
from common.storage.bucket import Bucket
from gateway import cors, rate_limits, summaries
from gateway.accounts import routes as account_routes
from gateway.accounts.auth_client import AuthClient
from gateway.concurrency import ConcurrencyLimits
from gateway.downloads import routes as download_routes
from gateway.housekeeping.report import UpkeepReport
from gateway.jobs import routes as job_routes
from gateway.jobs.events import Followers
from gateway.jobs.feed import Feed
from gateway.jobs.outbox import Outbox
from gateway.jobs.store import Store
from gateway.openapi import routes as openapi_routes
from gateway.settings import GatewaySettings
from gateway.uploads import routes as upload_routes
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.parts import Parts
from gateway.uploads.request_body import TimedBodies
from gateway.uploads.resumable import Uploads
from gateway.uploads.tus import Tus

log = logging.getLogger(__name__)

# Where the application keeps what has to be closed when the process is asked to end.
FEED = "video2mp3.feed"
# s between attempts to create the indexes.
_RETRY = 2.0


def create_app(settings: GatewaySettings) -> Flask:
    """Returns the gateway; it starts without its dependencies and connects as they come."""
    client = mongo.connect(settings)
    connection = BrokerConnection(settings, name="gateway")
    connection.start(threading.Event())
    publisher = Publisher(connection)
    store = Store(Jobs(client[mongo.VIDEOS]), Bucket(client[mongo.VIDEOS]), Bucket(client[mongo.MP3S]))
    auth = AuthClient(settings)
    identity = Identity(auth)
    app = http.create_app("gateway")
    bodies = TimedBodies(app.wsgi_app, minimum_rate=settings.upload_min_rate, timeout=settings.client_timeout)
    # nginx adds the address of its client to X-Forwarded-For; what stands before that is only as true as those who
    # wrote it.
    app.wsgi_app = ProxyFix(bodies, x_for=settings.trusted_proxies + 1, x_proto=0)  # type: ignore[method-assign]
    cors.allow(app, settings.cors_origins)
    checks = {"mongodb": mongo.ping(client), "rabbitmq": connection.check, "auth": auth.check}
    health.install(app, checks)
    limiter = rate_limits.limiter(app, settings)
    app.register_blueprint(account_routes.blueprint(settings, auth, limiter))
    limits = ConcurrencyLimits.of(settings)
    outbox = Outbox(settings, store.jobs, publisher)
    unfinished = Uploads(client[mongo.VIDEOS], settings.upload_lifetime)
    intake = UploadAcceptance(store, unfinished, outbox)
    app.register_blueprint(upload_routes.blueprint(settings, identity, store, intake, limits.transfers))
    parts = Parts(store, unfinished, intake)
    app.register_blueprint(Tus(settings, identity, store, unfinished, parts, transfers=limits.transfers).blueprint())
    feed = Feed(store.jobs, settings.events_interval)
    app.extensions[FEED] = feed
    followers = Followers(settings, store.jobs, feed, limits.streams)
    app.register_blueprint(job_routes.blueprint(identity, store, outbox, followers))
    app.register_blueprint(download_routes.blueprint(identity, store, DownloadLinks(settings), limits.transfers))
    app.register_blueprint(summaries.blueprint(settings, identity, limiter, limits.transfers))
    app.register_blueprint(openapi_routes.blueprint())
    threading.Thread(target=_prepare, args=(store, unfinished), name="indexes", daemon=True).start()
    threading.Thread(target=UpkeepReport(store).keep_exporting, name="upkeep", daemon=True).start()
    return app


def _prepare(store: Store, unfinished: Uploads) -> None:
    """Creates the indexes as soon as MongoDB is there."""
    while True:
        try:
            store.ensure_indexes()
            unfinished.ensure_indexes()
        except TransientError as error:
            log.warning("The indexes are not created yet: %s", error)
            time.sleep(_RETRY)
        else:
            return
