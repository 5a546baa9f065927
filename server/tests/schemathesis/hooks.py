"""What schemathesis is told about Hark beside its document: how events are signed, and what no schema can say.

`cargo xtask schemathesis` runs it; `schemathesis.toml` beside this file says what is checked.
"""

import hashlib
import hmac
import os
import re
import time

import schemathesis
from schemathesis.core.parameters import ParameterLocation

SECRET = os.environ["HARK_WEBHOOK_SECRET"].encode()

# Input that a schema takes and Hark refuses with 422, by route and by the `field` that the refusal names.
NO_SCHEMA_SAYS = {
    ("GET /v1/audit", "person"): "`user_id` or `person`, not both",
    ("GET /v1/costs", "from"): "not after `to`, and at most 366 days before it",
    ("POST /v1/erasures/verify", None): "counts have 64 bits; an int64 of the document has 63",
    ("POST /v1/keys", "expires_at"): "lies in the future",
    ("POST /v1/webhook-secrets", "expires_at"): "lies in the future",
    ("POST /v1/links", "to"): "is another memory than `from`",
    ("POST /v1/reviews/{memory_id}", "content"): "with `edit`, and only with it",
    ("POST /v1/sessions", "user_id"): "`user_id` or `number`, and not of white space alone",
    ("POST /v1/sessions", "number"): "has digits",
    ("POST /v1/users/merge", "from"): "is another user than `into`",
    ("POST /v1/users/split", "conversations"): "are this user's",
}

# To a schema 1.0 is an integer.
TURNS = re.compile(r"(memories\[\d+\]\.)?source\.turns\[\d+\]")


def sign(request):
    """Takes the place of the client's own authentication: it sees a request when its body is bytes already."""
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    now = str(int(time.time()))
    digest = hmac.new(SECRET, now.encode() + b"." + body, hashlib.sha256).hexdigest()
    request.headers["ElevenLabs-Signature"] = f"t={now},v0={digest}"
    return request


@schemathesis.hook
def before_call(context, case, kwargs):
    """Signs every event as ElevenLabs does, so that its body is read; a header that is wrong on purpose stays wrong."""
    if case.operation.path != "/webhooks/post-call":
        return
    if case.meta is None or not case.meta.is_negative_at(ParameterLocation.HEADER):
        kwargs["auth"] = sign


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps every failure but these two kinds, which are the schema's limits and no fault of an answer."""
    kind = type(failure).__name__
    if kind == "RejectedPositiveData" and response.status_code == 422:
        field = response.json().get("field")
        # A cursor is what a page before has told; its form is nobody's business.
        known = field == "cursor" or TURNS.fullmatch(field or "") or any((case.operation.label, name) in NO_SCHEMA_SAYS for name in (field, None))
        return not known
    if kind == "AcceptedNegativeData":
        if case.operation.label == "POST /v1/erasures/verify":
            return False
        # A parameter without a value counts as left out.
        query = case.query or {}
        return not any(value in ("", None) for value in query.values())
    return True
