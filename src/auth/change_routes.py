"""The routes that change an account. Those that cause an email return it as `mail`: the gateway sends it."""

from flask import Blueprint, Response, jsonify

from auth import credentials
from auth.accounts import Accounts
from auth.changes import AccountChanges
from auth.routes import parsed
from auth.users import User
from common.domain.scopes import Scope
from common.http.app import bearer_token
from common.runtime.concurrency_limiter import ConcurrencyLimiter


def blueprint(accounts: Accounts, changes: AccountChanges, logins: ConcurrencyLimiter) -> Blueprint:
    routes = Blueprint("changes", __name__)

    def caller() -> User:
        return accounts.authenticate(bearer_token(), Scope.SESSION).user

    @routes.post("/account/verification")
    def verification() -> Response:
        return jsonify(mail=accounts.verification(caller()))

    @routes.post("/verify")
    def verify() -> Response:
        proof = parsed(credentials.Verification)
        with logins.held():
            return jsonify(email=changes.verify(proof.token, proof.password, replace=proof.replace).email.lower())

    @routes.post("/account/password")
    def change_password() -> Response:
        user, change = caller(), parsed(credentials.PasswordChange)
        with logins.held():
            return jsonify(token=changes.change_password(user, change.current, change.new))

    @routes.post("/account/sign-out")
    def sign_out() -> Response:
        user = caller()
        with logins.held():
            changes.end_tokens(user)
        return Response(status=204)

    @routes.post("/account/delete")
    def delete() -> Response:
        user, confirmation = caller(), parsed(credentials.Confirmation)
        with logins.held():
            changes.delete(user, confirmation.password)
        return Response(status=204)

    @routes.get("/deletions/<account>")
    def state(account: str) -> Response:
        # For housekeeping: a deletion may have been interrupted after this service had done its part.
        return jsonify(deleted=changes.is_deleted(account))

    @routes.post("/password-reset")
    def password_reset() -> Response:
        address = parsed(credentials.Address)
        with logins.held():
            return jsonify(mail=accounts.password_reset(address.email))

    @routes.post("/reset-password")
    def reset_password() -> Response:
        reset = parsed(credentials.PasswordReset)
        with logins.held():
            changes.reset_password(reset.token, reset.password)
        return Response(status=204)

    return routes
