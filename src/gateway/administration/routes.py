"""`/admin`: accounts, quotas, status and the audit log. Every route needs an administrator."""

from flask import Blueprint, Response, g, jsonify, request, url_for

from common.errors import BadRequest
from common.http.identity import Identity
from common.http.validation import object_id, query_integer
from gateway.administration import quotas
from gateway.administration.accounts import AccountAdministration, Detail
from gateway.administration.audit import AuditLog
from gateway.administration.status import SystemStatus

# Characters. The longest address has 254.
_MAX_TEXT = 254


def blueprint(
    identity: Identity, administration: AccountAdministration, audit: AuditLog, status: SystemStatus
) -> Blueprint:
    routes = Blueprint("admin", __name__, url_prefix="/admin")

    @routes.before_request
    def only_administrators() -> None:
        # Browsers ask without a token what another origin may send (CORS).
        if request.method != "OPTIONS":
            g.administrator = identity.administrator()

    @routes.get("/accounts")
    def accounts() -> Response:
        limit, query = _limit(), _text("query")
        page, last = administration.page(query, _text("after"), limit)
        following = url_for(".accounts", query=query, after=last, limit=limit) if last else None
        return jsonify(accounts=page, next=following)

    @routes.get("/accounts/<account>")
    def account(account: str) -> Response:
        return _answer(administration.get(account))

    @routes.post("/accounts/<account>/disable", defaults={"disabled": True})
    @routes.post("/accounts/<account>/enable", defaults={"disabled": False})
    def change(account: str, *, disabled: bool) -> Response:
        return _answer(administration.set_disabled(g.administrator, account, disabled=disabled))

    @routes.put("/accounts/<account>/quotas")
    def set_quotas(account: str) -> Response:
        return _answer(administration.set_quotas(g.administrator, account, quotas.wanted(), request.if_match))

    @routes.get("/status")
    def show_status() -> Response:
        return jsonify(status.read())

    @routes.get("/audit")
    def show_audit() -> Response:
        limit, account, after = _limit(), _text("account") or None, request.args.get("after")
        # One more than requested, which shows whether there is a next page.
        found = audit.page(limit + 1, object_id(after, "after") if after else None, account)
        page, more = found[:limit], len(found) > limit
        following = url_for(".show_audit", account=account, after=page[-1]["id"], limit=limit) if more else None
        return jsonify(acts=page, next=following)

    return routes


def _answer(detail: Detail) -> Response:
    response = jsonify(detail.account)
    response.set_etag(detail.etag)
    return response


def _limit() -> int:
    return query_integer("limit", default=50, least=1, most=200)


def _text(name: str) -> str:
    value = request.args.get(name, "").strip()
    if len(value) > _MAX_TEXT:
        raise BadRequest(f"{name} must have at most {_MAX_TEXT} characters.")
    return value
