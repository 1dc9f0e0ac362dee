"""Accounts can switch the emails about their jobs off."""

from tests import invariant, media
from tests.person import Person


def test_an_account_that_switches_emails_off_gets_none_until_it_switches_them_on(person: Person, environment):
    changed = person.request("PATCH", "/account", json={"emails": False})
    expected = {"email": person.email, "emails": False, "verified": True}
    assert changed.json() == person.request("GET", "/account").json()
    assert changed.json() == {**expected, "usage": changed.json()["usage"]}
    person.converts(media.make("mp4"))
    invariant.holds(environment, person.email)
    assert person.emails() == []
    person.request("PATCH", "/account", json={"emails": True})
    job = person.converts(media.make("mp4"))
    person.email_about(job["video_fid"])
    assert len(person.emails()) == 1
