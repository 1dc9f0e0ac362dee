"""The address of a server as users write it."""

import pytest

from video2mp3 import account


@pytest.mark.parametrize(
    ("written", "address", "private"),
    [
        ("https://mp3.example.com/", "https://mp3.example.com", True),
        ("mp3.example.com", "https://mp3.example.com", True),
        ("http://mp3.example.com", "http://mp3.example.com", False),
        ("localhost:8080", "http://localhost:8080", True),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", True),
        ("[::1]:8080", "http://[::1]:8080", True),
        ("http://localhost.example.com", "http://localhost.example.com", False),
        ("127.example.com", "https://127.example.com", True),
    ],
)
def test_addresses(written: str, address: str, private: bool) -> None:
    assert account.address(written) == address
    assert account.is_private(address) is private
