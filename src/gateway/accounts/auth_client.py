"""What the gateway passes on to the auth service: logins and registrations."""

import json

from common.errors import RejectedError, Unauthorized
from common.http.identity import Answer, LoginService


class AuthClient(LoginService):
    """The auth service's routes for people; raises Unavailable when it is down, slow or failing."""

    def login(self, authorization: str) -> Answer:
        """Passes a Basic Authorization header on; the answer's body is the token when its status is 200."""
        return self.ask("POST", "/login", headers={"Authorization": authorization})

    def register(self, body: bytes, content_type: str) -> Answer:
        """Passes a registration on as it came; a second one of the same address would answer 409."""
        return self.ask("POST", "/register", data=body, headers={"Content-Type": content_type}, repeatable=False)


def rejected(answer: Answer) -> RejectedError | None:
    """The auth service's refusal as an error of ours, None when it did not refuse."""
    if answer.status < 400:
        return None
    try:
        body = json.loads(answer.body)
        message, code = str(body["error"]), str(body["code"])
    except (ValueError, KeyError, TypeError):
        message, code = "The login service refused the request.", "refused"
    if answer.status == 401:
        return Unauthorized(message, code=code, scheme="Basic")
    error = RejectedError(message, code=code)
    error.status = answer.status  # type: ignore[misc]
    return error
