"""Email addresses as account names: which can be registered, and their canonical spelling."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

# RFC 5321 section 4.5.3.1.3 less the brackets; also the width of the table's column.
MAX_LENGTH = 254
# Longer texts are not parsed: no spelling of a valid address is as long.
_MAX_SPELLING = 4 * MAX_LENGTH


def registrable(text: str) -> str:
    """The canonical spelling of a valid address; raises ValueError with the reason.

    ASCII and lower-case: the domain as in the DNS, and no other letters before the `@`, which many mail servers cannot
    deliver to (RFC 6531). Does not check whether the domain exists.
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
    """The spelling for the lookup of an account, including names that only an operator can insert."""
    try:
        return registrable(text)
    except ValueError:
        return unicodedata.normalize("NFC", text).strip().lower()
