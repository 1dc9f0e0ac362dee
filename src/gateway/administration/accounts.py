"""The accounts with their usage and quotas, and the acts of administrators on them."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import ETags

from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.domain.usage import UsageRepository
from common.errors import Conflict, Forbidden, PreconditionFailed
from gateway.accounts import shown_usage
from gateway.administration import quotas
from gateway.administration.audit import Act, Actor, AuditLog, Entry, Target
from gateway.administration.directory import Account, Directory


@dataclass(frozen=True)
class Detail:
    account: dict[str, Any]
    etag: str
    """Identifies the account's own quotas."""


@dataclass(frozen=True)
class AccountAdministration:
    """`defaults` are the quotas of accounts without quotas of their own. Acts are recorded in the audit log."""

    directory: Directory
    usage: UsageRepository
    audit: AuditLog
    defaults: Quotas

    def page(self, query: str, after: str, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Accounts in the order of their addresses, and the last address if there are more."""
        page, more = self.directory.page(query, after, limit)
        known = self.usage.of_accounts([account.id for account in page])
        return [self._shown(account, *known[account.id]) for account in page], page[-1].email if more else None

    def get(self, account: str) -> Detail:
        return self._detail(self.directory.get(account))

    def set_disabled(self, administrator: Owner, account: str, *, disabled: bool) -> Detail:
        """Raises Forbidden for the administrator's own account, and Conflict if another request changes it."""
        seen = self.directory.get(account)
        if seen.disabled == disabled:
            return self._detail(seen)
        act = Act.DISABLE if disabled else Act.ENABLE
        with self._recording(administrator, act, seen, {"disabled": seen.disabled}, {"disabled": disabled}):
            if seen.id == administrator.account:
                raise Forbidden("You cannot disable your own account.", code="own_account")
            changed = self.directory.set_disabled(seen, disabled=disabled)
        return self._detail(changed)

    def set_quotas(self, administrator: Owner, account: str, wanted: dict[str, Any], etags: ETags) -> Detail:
        """Raises PreconditionFailed if `etags` (If-Match) has others, and Conflict if another request changes them."""
        seen = self.directory.get(account)
        current = self._known(seen)[1]
        if etags and not etags.contains(quotas.etag(current)):
            raise PreconditionFailed("The quotas have been changed. Load them again.")
        before, after = quotas.shown(current), quotas.shown(wanted)
        if before != after:
            with self._recording(administrator, Act.SET_QUOTAS, seen, before, after):
                if not self.usage.set_quotas(seen.id, current, wanted):
                    raise Conflict("The quotas have just been changed. Load them again.", code="account_modified")
        return self._detail(seen)

    def _known(self, account: Account) -> tuple[Amounts, dict[str, Any]]:
        return self.usage.of_accounts([account.id])[account.id]

    def _recording(
        self, administrator: Owner, act: Act, account: Account, before: dict[str, Any], after: dict[str, Any]
    ) -> AbstractContextManager[None]:
        target = Target(account=account.id, email=account.email)
        return self.audit.recording(Entry(Actor.administrator(administrator), act, target, before, after))

    def _shown(self, account: Account, used: Amounts, overrides: dict[str, Any]) -> dict[str, Any]:
        limits = self.defaults.overridden(overrides)
        return {**account.public(), "usage": shown_usage(used, limits), "quotas": quotas.shown(overrides)}

    def _detail(self, account: Account) -> Detail:
        # Housekeeping then counts what earlier releases have stored for the account.
        self.usage.open(account.owner)
        used, overrides = self._known(account)
        shown = self._shown(account, used, overrides)
        return Detail({**shown, "default_quotas": quotas.shown_defaults(self.defaults)}, quotas.etag(overrides))
