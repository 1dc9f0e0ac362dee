"""The application factory: the one place where the gateway's parts are made and connected."""

import logging
import threading
import time

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from common import health, http
from common.errors import TransientError
from common.identity import Identity
from common.jobs import Jobs
from common.links import DownloadLinks
from common.messaging.connection import BrokerConnection
from common.messaging.publisher import Publisher
from common.storage import mongo
from common.storage.bucket import Bucket
from gateway import accounts, cors, docs, downloads, jobs, limits, summaries, uploads
from gateway.auth_client import AuthClient
from gateway.events import Followers
from gateway.feed import Feed
from gateway.intake import Intake
from gateway.outbox import Outbox
from gateway.parts import Parts
from gateway.request_body import TimedBodies
from gateway.resumable import Uploads
from gateway.settings import GatewaySettings
from gateway.shares import streams, transfers
from gateway.store import Store
from gateway.tus import Tus
from gateway.upkeep_report import UpkeepReport

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
    publisher = Publisher(settings, connection)
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
    limiter = limits.limiter(app, settings)
    app.register_blueprint(accounts.blueprint(settings, auth, limiter))
    room = threading.BoundedSemaphore(settings.long_requests)
    moving = transfers(settings.transfers, room)
    outbox = Outbox(settings, store.jobs, publisher)
    unfinished = Uploads(client[mongo.VIDEOS], settings.upload_lifetime)
    intake = Intake(store, unfinished, outbox)
    app.register_blueprint(uploads.blueprint(settings, identity, store, intake, moving))
    parts = Parts(store, unfinished, intake)
    app.register_blueprint(Tus(settings, identity, store, unfinished, parts, transfers=moving).blueprint())
    feed = Feed(store.jobs, settings.events_interval)
    app.extensions[FEED] = feed
    followers = Followers(settings, store.jobs, feed, streams(settings.streams_per_account, room))
    app.register_blueprint(jobs.blueprint(identity, store, outbox, followers))
    app.register_blueprint(downloads.blueprint(identity, store, DownloadLinks(settings), moving))
    app.register_blueprint(summaries.blueprint(settings, identity, limiter, moving))
    app.register_blueprint(docs.blueprint())
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
