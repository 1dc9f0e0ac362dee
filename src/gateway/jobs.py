"""`/jobs`: what became of the uploads; list, show, follow, delete."""

from flask import Blueprint, Response, jsonify, request, url_for

from common.errors import NotFound
from common.identity import Identity
from common.jobs import Job
from common.validation import object_id, query_integer
from gateway.events import Followers
from gateway.store import Store

_DEFAULT_PAGE = 50
_MAX_PAGE = 200


def blueprint(identity: Identity, store: Store, followers: Followers) -> Blueprint:
    """Routes `/jobs`, `/jobs/<fid>` and `/jobs/<fid>/events`."""
    routes = Blueprint("jobs", __name__)

    def owned(fid: str) -> Job:
        username = identity.username()
        job = store.jobs.owned(object_id(fid, "The job's id"), username)
        if job is None:
            raise NotFound("There is no such job.")
        return job

    @routes.get("/jobs")
    def index() -> Response:
        username = identity.username()
        limit = query_integer("limit", _DEFAULT_PAGE, 1, _MAX_PAGE)
        before = request.args.get("before")
        # One more than asked for tells whether there is a next page.
        found = store.jobs.page(username, limit + 1, object_id(before, "before") if before else None)
        page, more = found[:limit], len(found) > limit
        following = url_for("jobs.index", limit=limit, before=str(page[-1].video_fid)) if more else None
        return jsonify(jobs=[job.public() for job in page], next=following)

    @routes.get("/jobs/<fid>")
    def show(fid: str) -> Response:
        return jsonify(owned(fid).public())

    @routes.delete("/jobs/<fid>")
    def delete(fid: str) -> Response:
        store.delete(owned(fid).video_fid)
        return Response(status=204)

    @routes.get("/jobs/<fid>/events")
    def events(fid: str) -> Response:
        return followers.follow(owned(fid), lambda job: store.jobs.owned(job.video_fid, job.username))

    return routes
