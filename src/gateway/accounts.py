"""`/login` and `/register`: forwarded to the auth service, with rate limits that all replicas share.

`/account`: what a user chooses and uses; `/info`: what visitors learn before they have an account.
"""

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request
from flask_limiter import Limiter

from common.domain.accounts import Accounts
from common.domain.job_repository import Jobs
from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.domain.scopes import Scope
from common.domain.usage import UsageRepository
from common.errors import BadRequest, Invalid, Unauthorized, UnsupportedType
from common.http.identity import Identity, forwarded
from common.http.validation import body, json_object
from gateway.account_mail import AccountMails
from gateway.rate_limits import account_key, client_network
from gateway.settings import GatewaySettings
from gateway.uploads.multipart import MEGABYTE

# bytes. A registration is an address and a password.
_MAX_BODY = 16 * 1024
_CHANGE = 'The body must be a JSON object, such as {"emails": false}.'


def blueprint(
    settings: GatewaySettings,
    identity: Identity,
    accounts: Accounts,
    mails: AccountMails,
    limiter: Limiter,
    *,
    usage: UsageRepository,
    jobs: Jobs,
) -> Blueprint:
    routes = Blueprint("accounts", __name__)

    @routes.post("/login")
    @limiter.limit(settings.login_limit_per_address)
    @limiter.limit(settings.login_limit_per_account, key_func=_account)
    @limiter.limit(settings.login_limit, key_func=_address_and_account)
    def login() -> Response:
        authorization = request.headers.get("Authorization", "")
        if not authorization.lower().startswith("basic "):
            raise Unauthorized("Sign in with Basic authentication: curl -u EMAIL:PASSWORD -X POST …", scheme="Basic")
        return forwarded(identity.ask("POST", "/login", headers={"Authorization": authorization}))

    @routes.post("/register")
    @limiter.limit(settings.register_limit)
    def register() -> Response:
        if request.mimetype != "application/json":
            raise UnsupportedType('Send JSON: -H "Content-Type: application/json" -d \'{"email": …, "password": …}\'.')
        headers = {"Content-Type": "application/json"}
        # Not repeatable: a second registration of the address would answer 409.
        answer = identity.ask("POST", "/register", data=body(_MAX_BODY), headers=headers, repeatable=False)
        if not answer.ok:
            return forwarded(answer)
        registered = answer.json()
        # Also if there is nothing to send to this address: otherwise an error would show that the address is free.
        mails.send_quietly(registered.get("mail"), check=registered.get("confirmation", False))
        response = jsonify(email=registered["email"])
        response.status_code = 201
        return response

    @routes.get("/account")
    def account() -> Response:
        owner, verified = identity.account(Scope.READ)
        return jsonify(shown(owner, emails=accounts.chosen_emails(owner), verified=verified))

    @routes.patch("/account")
    def change() -> Response:
        owner = identity.owner(Scope.ALL)
        wanted = _wanted_emails(json_object(wanted=_CHANGE))
        accounts.choose_emails(owner, wanted)
        return jsonify(shown(owner, emails=wanted, verified=True))

    def shown(owner: Owner, *, emails: bool, verified: bool) -> dict[str, object]:
        usage.open(owner)
        used, quotas = usage.used(owner.key), usage.quotas(owner.key, settings.quotas)
        return {
            "email": owner.username,
            "emails": emails,
            "verified": verified,
            "usage": shown_usage(used, quotas, jobs.turns.count_released([owner.key])[owner.key]),
        }

    @routes.get("/info")
    def info() -> Response:
        return jsonify(
            retention_days=settings.retention_days or None,
            keep_videos_days=settings.keep_videos_days,
            max_upload_bytes=settings.max_upload_mb * MEGABYTE,
            link_lifetime_seconds=settings.link_lifetime,
            single_sign_on=settings.single_sign_on,
        )

    return routes


def shown_usage(used: Amounts, quotas: Quotas, jobs: int) -> dict[str, object]:
    """`jobs` is the number of those in the queue or in conversion."""
    return {
        "stored_bytes": {"used": used.stored, "limit": quotas.stored},
        "unfinished_uploads": {"used": used.unfinished, "limit": quotas.unfinished},
        "uploaded_bytes_today": {"used": used.uploaded, "limit": quotas.uploaded},
        "conversions_today": {"used": used.conversions, "limit": quotas.conversions},
        "seconds_of_sound_today": {"used": round(used.seconds), "limit": quotas.seconds},
        "emails_this_hour": {"used": used.emails, "limit": quotas.emails},
        "concurrent_jobs": {"used": jobs, "limit": quotas.jobs},
    }


def _wanted_emails(fields: Mapping[str, object] | None) -> bool:
    if fields is None:
        raise BadRequest(_CHANGE)
    wanted = fields.get("emails")
    if not isinstance(wanted, bool) or len(fields) > 1:
        raise Invalid("emails must be true or false, and is the only field that can be changed.")
    return wanted


def _account() -> str:
    """The key of the account that the credentials name, known or not."""
    return account_key((request.authorization and request.authorization.username) or "")


def _address_and_account() -> str:
    """The key of the login limit: attempts on one account from one client."""
    return f"{client_network()}:{_account()}"
