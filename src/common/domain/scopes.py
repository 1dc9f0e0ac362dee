"""What the caller of a request may do: the scope of its API key, or everything with a session token."""

from enum import StrEnum

# Begins each API key: programs that search for published secrets find keys by it.
KEY_PREFIX = "v2m_"


class Scope(StrEnum):
    """Each scope includes those before it."""

    READ = "read"
    """Jobs, MP3s, transcripts, summaries and the account."""
    CONVERT = "convert"
    """Also uploads, conversions and summaries: starting and cancelling them."""
    ALL = "all"
    """Also deleting, and listing and revoking API keys."""
    SESSION = "session"
    """Of tokens that a login has issued, and of no key: also what concerns the whole account, and new API keys."""

    def allows(self, needed: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(needed)
