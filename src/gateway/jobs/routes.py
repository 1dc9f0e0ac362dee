"""`/jobs`: list, show, follow, retry, cancel and delete jobs."""

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request, url_for

from common.domain.jobs import Job
from common.domain.outbox import Outbox
from common.domain.quotas import Quotas
from common.domain.scopes import Scope
from common.errors import Invalid
from common.http.app import conditional
from common.http.identity import Identity
from common.http.validation import json_object, object_id, query_integer
from gateway.jobs.events import Followers
from gateway.jobs.store import Store


def blueprint(identity: Identity, store: Store, outbox: Outbox, followers: Followers, quotas: Quotas) -> Blueprint:
    routes = Blueprint("jobs", __name__)

    def owned(fid: str, scope: Scope) -> Job:
        owner = identity.owner(scope)
        return store.owned(object_id(fid, "The job's id"), owner)

    @routes.get("/jobs")
    def index() -> Response:
        owner = identity.owner(Scope.READ)
        limit = query_integer("limit", default=50, least=1, most=200)
        before = request.args.get("before")
        # One more than requested, which shows whether there is a next page.
        found = store.jobs.page(owner, limit + 1, object_id(before, "before") if before else None)
        page, more = found[:limit], len(found) > limit
        following = url_for("jobs.index", limit=limit, before=str(page[-1].video_fid)) if more else None
        return conditional(jsonify(jobs=[job.public() for job in page], next=following))

    @routes.get("/jobs/<fid>")
    def show(fid: str) -> Response:
        return jsonify(owned(fid, Scope.READ).public())

    @routes.delete("/jobs/<fid>")
    def delete(fid: str) -> Response:
        store.delete(owned(fid, Scope.ALL).video_fid)
        return Response(status=204)

    @routes.patch("/jobs/<fid>")
    def change(fid: str) -> Response:
        job = owned(fid, Scope.CONVERT)
        return jsonify(store.keep(job, kept=_wanted_keep(json_object())).public())

    @routes.post("/jobs/<fid>/retry")
    def retry(fid: str) -> tuple[Response, int]:
        owner = identity.owner(Scope.CONVERT)
        job = store.owned(object_id(fid, "The job's id"), owner)
        store.usage.open(owner)
        return jsonify(store.retry(outbox, job, json_object(), quotas, owner=owner.key).public()), 202

    @routes.post("/jobs/<fid>/cancel")
    def cancel(fid: str) -> tuple[Response, int]:
        return jsonify(store.cancel(owned(fid, Scope.CONVERT)).public()), 202

    @routes.get("/jobs/<fid>/events")
    def events(fid: str) -> Response:
        owner = identity.owner(Scope.READ)
        return followers.follow(store.owned(object_id(fid, "The job's id"), owner), owner)

    @routes.get("/jobs/events")
    def all_events() -> Response:
        return followers.follow_all(identity.owner(Scope.READ))

    return routes


def _wanted_keep(fields: Mapping[str, object] | None) -> bool:
    wanted = (fields or {}).get("keep")
    if not isinstance(wanted, bool) or len(fields or {}) > 1:
        raise Invalid("keep must be true or false, and is the only field that can be changed.")
    return wanted
