"""The accounts with their usage and quotas, and the acts of administrators on them."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import ETags

from common.domain.job_repository import Jobs
from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.domain.usage import UsageRepository
from common.errors import Conflict, Forbidden, PreconditionFailed, RejectedError
from gateway.accounts import shown_usage
from gateway.administration import quotas
from gateway.administration.audit import Act, Actor, AuditLog, Entry, Target
from gateway.administration.directory import MAX_ID, Account, Directory


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
    jobs: Jobs
    audit: AuditLog
    defaults: Quotas

    def page(self, query: str, after: str, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Accounts in the order of their addresses, and the last address if there are more."""
        page, more = self.directory.page(query, after, limit)
        ids = [account.id for account in page]
        known, jobs = self.usage.of_accounts(ids), self.jobs.turns.count_released(ids)
        shown = [self._shown(account, *known[account.id], jobs[account.id]) for account in page]
        return shown, page[-1].email if more else None

    def get(self, account: str) -> Detail:
        return self._detail(self.directory.get(account))

    def set_disabled(self, administrator: Owner, account: str, *, disabled: bool) -> Detail:
        """Raises Forbidden for the administrator's own account, and Conflict if another request changes it."""
        act, after = Act.DISABLE if disabled else Act.ENABLE, {"disabled": disabled}
        seen = self._target(administrator, act, account, after)
        if seen.disabled == disabled:
            return self._detail(seen)
        with self._recording(administrator, act, seen, {"disabled": seen.disabled}, after):
            if seen.id == administrator.account:
                raise Forbidden("You cannot disable your own account.", code="own_account")
            changed = self.directory.set_disabled(seen, disabled=disabled)
        return self._detail(changed)

    def set_quotas(self, administrator: Owner, account: str, wanted: dict[str, Any], etags: ETags) -> Detail:
        """Raises PreconditionFailed if `etags` (If-Match) has others, and Conflict if another request changes them."""
        after = quotas.shown(wanted)
        seen = self._target(administrator, Act.SET_QUOTAS, account, after)
        current = self._known(seen)[1]
        before, outdated = quotas.shown(current), etags and not etags.contains(quotas.etag(current))
        if outdated or before != after:
            with self._recording(administrator, Act.SET_QUOTAS, seen, before, after):
                if outdated:
                    raise PreconditionFailed("The quotas have been changed. Load them again.")
                if not self.usage.set_quotas(seen.id, current, wanted):
                    raise Conflict("The quotas have just been changed. Load them again.", code="account_modified")
        return self._detail(seen)

    def _target(self, administrator: Owner, act: Act, account: str, after: dict[str, Any]) -> Account:
        """The account of an act. The act is recorded as failed if there is none."""
        try:
            return self.directory.get(account)
        except RejectedError:
            target = Target(account=account[:MAX_ID])
            with self.audit.recording(Entry(Actor.administrator(administrator), act, target, after=after)):
                raise

    def _known(self, account: Account) -> tuple[Amounts, dict[str, Any]]:
        return self.usage.of_accounts([account.id])[account.id]

    def _recording(
        self, administrator: Owner, act: Act, account: Account, before: dict[str, Any], after: dict[str, Any]
    ) -> AbstractContextManager[None]:
        target = Target(account=account.id, email=account.email)
        return self.audit.recording(Entry(Actor.administrator(administrator), act, target, before, after))

    def _shown(self, account: Account, used: Amounts, overrides: dict[str, Any], jobs: int) -> dict[str, Any]:
        limits = self.defaults.overridden(overrides)
        return {**account.public(), "usage": shown_usage(used, limits, jobs), "quotas": quotas.shown(overrides)}

    def _detail(self, account: Account) -> Detail:
        # Housekeeping then counts what earlier releases have stored for the account.
        self.usage.open(account.owner)
        used, overrides = self._known(account)
        jobs = self.jobs.turns.count_released([account.id])[account.id]
        shown = self._shown(account, used, overrides, jobs)
        return Detail({**shown, "default_quotas": quotas.shown_defaults(self.defaults)}, quotas.etag(overrides))
