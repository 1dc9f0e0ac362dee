"""An administrator at the running system: accounts, quotas, status and the audit log."""

from tests import media
from tests.person import Person
from tests.waiting import eventually

# s. The promise of docs/security.md.
REVOCATION = 10


def test_an_administrator_finds_an_account_sets_its_quotas_and_disables_it(administrator: Person, person: Person):
    def admin(method: str, path: str, **more: object) -> dict:
        answer = administrator.request(method, f"/admin{path}", **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert person.request("GET", "/admin/accounts").json()["code"] == "administrators_only"
    person.uploads(media.make("mp4"))
    (found,) = admin("GET", f"/accounts?query={person.email[:20]}")["accounts"]
    assert (found["email"], found["usage"]["conversions_today"]["used"]) == (person.email, 1)
    path = f"/accounts/{found['id']}"

    admin("PUT", f"{path}/quotas", json={"conversions_per_day": 1})
    refused = person.upload(media.make("mp4"))
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_conversions")

    assert admin("POST", f"{path}/disable")["disabled"] is True
    eventually(lambda: person.request("GET", "/jobs").status_code == 401, seconds=REVOCATION, what="the token's end")
    assert admin("POST", f"{path}/enable")["disabled"] is False
    assert person.login().request("GET", "/jobs").status_code == 200

    acts = admin("GET", f"/audit?account={found['id']}")["acts"]
    assert [(act["act"], act["outcome"]) for act in acts] == [
        ("enable", "done"), ("disable", "done"), ("set_quotas", "done"),
    ]  # fmt: skip
    assert {act["actor"]["email"] for act in acts} == {administrator.email}
    status = admin("GET", "/status")
    assert next(queue["consumers"] for queue in status["queues"] if queue["name"] == "video") > 0
    assert set(status["dependencies"].values()) == {"up"}
