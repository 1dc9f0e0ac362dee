"""`python -m scripts.demo.inbox MAILDIR ADDRESS`: waits for the email to ADDRESS and prints it."""

import email
import email.policy
import mailbox
import sys
import time
from email.message import EmailMessage

_TIMEOUT = 60.0  # s


def wait_for(maildir: str, address: str, timeout: float = _TIMEOUT) -> EmailMessage:
    """The newest email to `address`. Raises TimeoutError when there is none within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        for raw in mailbox.Maildir(maildir, create=False):
            message = email.message_from_bytes(raw.as_bytes(), policy=email.policy.default)
            if isinstance(message, EmailMessage) and address in str(message["To"]):
                return message
        if time.monotonic() > deadline:
            raise TimeoutError(f"No email for {address} arrived within {timeout:.0f} s.")
        time.sleep(0.2)


def main() -> int:
    maildir, address = sys.argv[1:3]
    try:
        message = wait_for(maildir, address)
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("From", "To", "Subject"):
        print(f"{name}: {message[name]}")
    body = message.get_body(("plain",))
    print(f"\n{body.get_content().rstrip() if body else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
