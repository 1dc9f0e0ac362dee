"""The application factory of the auth service."""

from flask import Flask

from auth import administration, change_routes, routes
from auth.account_states import AccountStates
from auth.accounts import Accounts
from auth.changes import AccountChanges
from auth.database import Database
from auth.keys import routes as key_routes
from auth.keys.last_use import LastUse
from auth.keys.management import KeyRing
from auth.keys.repository import Keys
from auth.passwords import Passwords, too_many
from auth.recent import Recent
from auth.settings import AuthSettings
from auth.sso import routes as sso_routes
from auth.sso.identities import Identities
from auth.sso.provider import Provider
from auth.sso.sign_in import Rules, SingleSignOn
from auth.sso.transactions import Transactions
from auth.tokens import Tokens
from auth.users import Users
from common.domain.account_links import AccountLinks
from common.http import app as http
from common.runtime import health
from common.runtime.concurrency_limiter import ConcurrencyLimiter

# bytes. A registration is an address and a password.
MAX_BODY = 16 * 1024


def create_app(settings: AuthSettings) -> Flask:
    """Returns the application, which connects to nothing before a request needs it."""
    app = http.create_app("auth")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    database = Database(app, settings)
    users = Users(database)
    passwords = Passwords(settings.hash_concurrency, settings.hash_wait)
    tokens = Tokens(
        settings.jwt_secret, settings.token_lifetime, settings.admin_emails, previous=settings.jwt_secret_previous
    )
    states = AccountStates(users)
    keys = Keys(database, settings.api_keys_per_account)
    accounts = Accounts(
        users,
        states,
        passwords,
        tokens,
        KeyRing(keys, Recent(), LastUse(app, keys)),
        reserved=settings.admin_emails,
        require_verification=settings.require_verification,
    )
    identities = Identities(database)
    changes = AccountChanges(users, states, passwords, tokens, AccountLinks(settings), keys, identities)
    health.install(app, {"mysql": users.check})
    logins = ConcurrencyLimiter(settings.logins_at_once, too_many)
    app.register_blueprint(routes.blueprint(accounts, logins))
    app.register_blueprint(change_routes.blueprint(accounts, changes, logins))
    app.register_blueprint(key_routes.blueprint(accounts, logins))
    rules = Rules(settings.oidc_link_accounts, settings.oidc_allowed_domains)
    sign_on = SingleSignOn(Provider.configured(settings), Transactions(settings), identities, accounts, keys, rules)
    at_once = ConcurrencyLimiter(settings.oidc_at_once, too_many)
    app.register_blueprint(sso_routes.blueprint(sign_on, at_once, logins))
    app.register_blueprint(administration.blueprint(accounts, logins))
    return app
