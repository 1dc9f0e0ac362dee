"""Mail addresses as account names: which may be registered, and the one spelling by which each is found again."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

# RFC 5321 section 4.5.3.1.3 less the brackets; also the width of the table's column.
MAX_LENGTH = 254
# Far longer than any spelling of an address that fits: not worth parsing.
_MAX_SPELLING = 4 * MAX_LENGTH


def registrable(text: str) -> str:
    """The canonical spelling of an address that can get mail; raises ValueError with the reason otherwise.

    ASCII and lower-case: the domain as in the DNS, and no letters beyond ASCII before the `@`, which many mail
    servers cannot deliver to (RFC 6531). Whether the domain exists is not asked.
    """
    if len(text) > _MAX_SPELLING:
        raise ValueError(f"An email address has at most {MAX_LENGTH} characters.")
    try:
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if address.ascii_email is None:
        raise ValueError("The email address cannot be written in ASCII.")
    return address.ascii_email.lower()


def canonical(text: str) -> str:
    """The spelling by which an account is looked up, also for names that only an operator can have inserted."""
    try:
        return registrable(text)
    except ValueError:
        return unicodedata.normalize("NFC", text).strip().lower()
