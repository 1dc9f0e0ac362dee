"""The application factory: the one place where the gateway's parts are created and connected."""

import threading

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from common.domain.accounts import Accounts
from common.domain.download_links import DownloadLinks
from common.domain.outbox import Outbox
from common.http import app as http
from common.http.identity import Identity
from common.messaging.connection import BrokerConnection
from common.messaging.publisher import Publisher
from common.runtime import health
from common.storage import mongo
from gateway import (
    account_changes,
    account_pages,
    accounts,
    api_keys,
    concurrency_limits,
    cors,
    downloads,
    rate_limits,
    single_sign_on,
    summaries,
)
from gateway.account_deletion import AccountDeletion
from gateway.account_mail import AccountMails
from gateway.administration import routes as administration
from gateway.administration.accounts import AccountAdministration
from gateway.administration.audit import AuditLog
from gateway.administration.directory import Directory
from gateway.administration.status import SystemStatus
from gateway.export import routes as export_routes
from gateway.export.links import ExportLinks
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.housekeeping.runner import export_report, publish_turns
from gateway.jobs import routes as job_routes
from gateway.jobs.events import Followers
from gateway.jobs.feed import Feed
from gateway.jobs.load import export_load
from gateway.jobs.store import Store
from gateway.openapi import routes as openapi_routes
from gateway.settings import GatewaySettings
from gateway.uploads import routes as upload_routes
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.multipart import MEGABYTE
from gateway.uploads.repository import UploadRepository
from gateway.uploads.request_body import TimedBodies
from gateway.uploads.resumable import ResumableUploads
from gateway.uploads.tus import Tus

# The key of the feed in `app.extensions`: it must be closed at shutdown.
FEED = "video2mp3.feed"


def create_app(settings: GatewaySettings) -> Flask:
    """Returns the gateway; it starts without its dependencies, and connects when they are available."""
    client = mongo.connect(settings)
    connection = BrokerConnection(settings, name="gateway")
    connection.start(threading.Event())
    publisher = Publisher(connection)
    db = client[mongo.VIDEOS]
    store = Store.in_databases(db, client[mongo.MP3S])
    uploads = UploadRepository(db, settings.upload_lifetime)
    outbox = Outbox(settings, store.jobs, store.summaries, publisher, store.usage)
    identity = Identity(settings)
    app = http.create_app("gateway")
    bodies = TimedBodies(app.wsgi_app, minimum_rate=settings.upload_min_rate, timeout=settings.client_timeout)
    # nginx appends the address of its client to X-Forwarded-For; clients can forge what stands before it.
    app.wsgi_app = ProxyFix(bodies, x_for=settings.trusted_proxies + 1, x_proto=0)  # type: ignore[method-assign]
    cors.allow(app, settings.cors_origins)
    checks = {"mongodb": mongo.ping(client), "rabbitmq": connection.check, "auth": identity.check}
    health.install(app, checks)
    limiter = rate_limits.limiter(app, settings)
    choices = Accounts(db)
    mails = AccountMails(settings, publisher, limiter)
    app.register_blueprint(
        accounts.blueprint(settings, identity, choices, mails, limiter, usage=store.usage, jobs=store.jobs)
    )
    deletion = AccountDeletion(store, uploads, choices)
    app.register_blueprint(account_changes.blueprint(settings, identity, mails, deletion, limiter))
    app.register_blueprint(account_pages.blueprint(settings, identity, limiter))
    app.register_blueprint(api_keys.blueprint(settings, identity, limiter))
    api_keys.limit_wrong_keys(app, settings)
    app.register_blueprint(single_sign_on.blueprint(settings, identity, limiter))
    transfers, streams = concurrency_limits.limiters(settings)
    acceptance = UploadAcceptance(store, uploads, outbox)
    app.register_blueprint(upload_routes.blueprint(settings, identity, store, acceptance, transfers, accounts=choices))
    resumable = ResumableUploads(store, uploads, acceptance)
    largest = settings.max_upload_mb * MEGABYTE
    tus = Tus(largest, identity, store, uploads, resumable, transfers, choices, settings.quotas)
    app.register_blueprint(tus.blueprint())
    feed = Feed(store.jobs, settings.events_interval, settings.mongodb_timeout)
    app.extensions[FEED] = feed
    followers = Followers(settings, store.jobs, feed, streams)
    app.register_blueprint(job_routes.blueprint(identity, store, outbox, followers, settings.quotas))
    app.register_blueprint(downloads.blueprint(identity, store, DownloadLinks(settings), transfers))
    app.register_blueprint(export_routes.blueprint(identity, store, ExportLinks(settings), transfers))
    app.register_blueprint(summaries.blueprint(settings, identity, limiter, transfers))
    app.register_blueprint(openapi_routes.blueprint())
    repository, audit = HousekeepingRepository(db), AuditLog(db)
    changes = AccountAdministration(Directory(identity), store.usage, store.jobs, audit, settings.quotas)
    status = SystemStatus(settings, publisher, store.jobs, repository)
    app.register_blueprint(administration.blueprint(identity, changes, audit, status))
    mongo.create_indexes(store.ensure_indexes, uploads.ensure_indexes, choices.ensure_indexes, audit.ensure_indexes)
    threading.Thread(
        target=export_report, args=(repository, store.jobs), name="housekeeping-report", daemon=True
    ).start()
    threading.Thread(target=export_load, args=(store.jobs,), name="load", daemon=True).start()
    threading.Thread(target=publish_turns, args=(outbox,), name="turns", daemon=True).start()
    return app
