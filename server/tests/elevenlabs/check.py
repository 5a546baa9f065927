#!/usr/bin/env python3
"""Checks `hark` against the official `elevenlabs` package. `cargo xtask test` runs it; by hand:

    python check.py --hark target/debug/hark --fake target/debug/examples/fake_elevenlabs
"""

import argparse
import hashlib
import hmac
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import elevenlabs.types
from elevenlabs.client import ElevenLabs

import hark
from shapes import findings

ROOT = pathlib.Path(__file__).resolve().parents[3]
EVENT = ROOT / "examples/quickstart/post_call.json"
# Lies beside the repository for those who work on it; a stranger does not have it.
REFERENCE = ROOT.parent / "shared/reference/elevenlabs"

VARIABLES = {
    "memory_user_id": "string",
    "memory_user_name": "string",
    "memory_context": "string",
    "memory_greeting": "string",
    "memory_is_returning": "boolean",
    "memory_call_count": "number",
    "memory_last_call": "string",
    "secret__memory_token": "string",
}

passed = failed = 0


def check(what: str, good: bool, why: object = "") -> None:
    global passed, failed
    if good:
        passed += 1
        print(f"ok      {what}")
    else:
        failed += 1
        print(f"FAILED  {what}: {why}")


def sign(secret: str, body: bytes, at: int) -> str:
    """The scheme as ElevenLabs documents it."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v0={digest}"


def sdk_accepts(body: bytes, header: str, secret: str) -> bool:
    try:
        ElevenLabs(api_key="unused").webhooks.construct_event(body.decode(), header, secret)
    except Exception:  # It throws errors of several kinds, some not its own.
        return False
    return True


def our_signature(program: str, folder: pathlib.Path) -> None:
    """What hark signs is accepted by the package."""
    with hark.Recorder() as recorder:
        command = [program, "simulate", str(EVENT), "--url", recorder.url]
        done = subprocess.run(
            command, cwd=folder, env=hark.environment(folder / "data"), capture_output=True, text=True, timeout=60
        )
    check("hark simulate ends well", done.returncode == 0, done.stderr)
    sent = [(h, b) for h, b in recorder.requests if "elevenlabs-signature" in h]
    check("it sends the event once, signed", len(sent) == 1, f"{len(recorder.requests)} requests")
    for headers, body in sent:
        header = headers["elevenlabs-signature"]
        check("it sends the file's bytes", body == EVENT.read_bytes())
        check("the SDK accepts hark's signature", sdk_accepts(body, header, hark.SECRET), header)
        check("the SDK refuses it under another secret", not sdk_accepts(body, header, "wsec_other"))


def their_signature(server: hark.Server) -> None:
    """What the documented scheme makes is accepted by hark, and nothing else is."""
    body, now = EVENT.read_bytes(), int(time.time())

    def deliver(header: str | None, sent: bytes = body) -> tuple[int, dict]:
        return server.post("/webhooks/post-call", sent, {"ElevenLabs-Signature": header} if header is not None else {})

    good = sign(hark.SECRET, body, now)
    check("the SDK accepts the reference signature", sdk_accepts(body, good, hark.SECRET))
    for what, header, wanted in [
        ("the first delivery", good, "accepted"),
        ("the same again", good, "duplicate"),
        ("a retry signed afresh", sign(hark.SECRET, body, now - 60), "duplicate"),
        ("the second live secret", sign(hark.OLD_SECRET, body, now), "duplicate"),
        ("29 minutes old", sign(hark.SECRET, body, now - 29 * 60), "duplicate"),
        ("several signatures, one right", f"{good},v0={'0' * 64}", "duplicate"),
    ]:
        status, answer = deliver(header)
        check(f"hark answers 200 {wanted} to {what}", (status, answer.get("status")) == (200, wanted), (status, answer))
    for what, header, sent in [
        ("no signature", None, body),
        ("an empty one", "", body),
        ("a senseless one", "t=abc,v0=zz", body),
        ("no time", good.split(",")[1], body),
        ("another secret", sign("wsec_other", body, now), body),
        ("a changed body", good, body + b" "),
        ("a changed time", good.replace(f"t={now}", f"t={now - 1}"), body),
        ("31 minutes old", sign(hark.SECRET, body, now - 31 * 60), body),
        ("an hour ahead", sign(hark.SECRET, body, now + 3600), body),
        ("another version", good.replace("v0=", "v1="), body),
    ]:
        status, answer = deliver(header, sent)
        check(f"hark answers 401 to {what}", status == 401, (status, answer))


def initiation(server: hark.Server, folder: pathlib.Path) -> None:
    """The answer to the initiation webhook is what the platform takes, for everybody who may call."""
    model = elevenlabs.types.ConversationInitiationClientDataRequestInput
    callers = {
        "a new number": "+14155550177",
        "a number without its plus": "14155550123",
        "a withheld number": "",
        "a SIP name": "sip:front-desk@pbx.example.com",
    }
    for index, (who, number) in enumerate(callers.items()):
        request = {
            "caller_id": number,
            "called_number": "+14155550199",
            "agent_id": "agent_0000exampleagent000000000001",
            "call_sid": "CA00000000000000000000000000000001",
            "conversation_id": f"conv_sdkcheck{index}",
        }
        status, answer = server.post(
            "/webhooks/conversation-initiation", json.dumps(request).encode(), {"Authorization": f"Bearer {hark.KEY}"}
        )
        check(f"initiation of {who} answers 200", status == 200, (status, answer))
        found = findings(model, answer, known_extra=frozenset({"type"}))
        check(f"initiation of {who} validates as {model.__name__}", not found, found)
        check(f"initiation of {who} names its type", answer.get("type") == "conversation_initiation_client_data")
        variables = answer.get("dynamic_variables", {})
        wrong = [n for n, kind in VARIABLES.items() if json_type(variables.get(n)) != kind]
        check(f"initiation of {who} sets every variable, of its type", not wrong, wrong)
        odd = [n for n, v in variables.items() if json_type(v) is None or n.startswith("system__")]
        check(f"initiation of {who} sets nothing the platform refuses", not odd, odd)
        by_reference(model.__name__, answer, folder)
    status, _ = server.post("/webhooks/conversation-initiation", b"{}", {})
    check("initiation without a key answers 401", status == 401, status)


def missed_calls(program: str, fake: str, folder: pathlib.Path) -> None:
    """The fake our tests ask is shaped as the platform is, and hark fetches from it what no webhook brought."""
    with hark.Platform(fake) as platform:
        models = elevenlabs.types
        client = ElevenLabs(api_key=platform.key, base_url=platform.url)
        listed, cursor = [], None
        while True:
            raw = platform.get("/v1/convai/conversations?page_size=100" + (f"&cursor={cursor}" if cursor else ""))
            found = findings(models.GetConversationsPageResponseModel, raw)
            check("a page of the fake's list is one as the SDK knows it", not found, found)
            page = client.conversational_ai.conversations.list(page_size=100, cursor=cursor)
            ids = [call.conversation_id for call in page.conversations]
            check("the SDK reads the same page", ids == [call["conversation_id"] for call in raw["conversations"]], ids)
            listed += ids
            if not page.has_more:
                break
            cursor = page.next_cursor
        check("every call is listed once", len(listed) == len(set(listed)) == 7, listed)
        for conversation in listed[:2]:
            raw = platform.get(f"/v1/convai/conversations/{conversation}")
            found = findings(models.GetConversationResponseModel, raw)
            check("a conversation of the fake is one as the SDK knows it", not found, found)
            call = client.conversational_ai.conversations.get(conversation)
            check("the SDK reads it", call.conversation_id == conversation and len(call.transcript) == 2)
        try:
            ElevenLabs(api_key="wrong", base_url=platform.url).conversational_ai.conversations.list()
            refused = None
        except Exception as error:  # The package has one class for each status, and one for the rest.
            refused = getattr(error, "status_code", None)
        check("the fake takes no other key", refused == 401, refused)

        env = hark.environment(folder / "missed")
        env["HARK_ELEVENLABS__RECONCILE__API_KEY"] = platform.key
        env["HARK_ELEVENLABS__RECONCILE__BASE_URL"] = platform.url
        # Commands on a folder do not change its schema; `hark serve` would have made it.
        subprocess.run([program, "migrate"], cwd=folder, env=env, capture_output=True, check=True, timeout=120)
        command = [program, "elevenlabs", "reconcile", "--since", "2026-11-01"]
        for what, wanted in [("the calls no webhook brought", "6 calls fetched"), ("nothing twice", "6 calls known")]:
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
            check(f"hark elevenlabs reconcile fetches {what}", wanted in done.stdout, done.stdout + done.stderr)


def json_type(value: object) -> str | None:
    """The type a dynamic variable may have; `None` for any other."""
    # In Python a bool is an int; on the wire it is not.
    kinds = {str: "string", bool: "boolean", int: "number", float: "number"}
    return kinds.get(type(value))


def by_reference(model: str, answer: dict, folder: pathlib.Path) -> None:
    """The same by the validator of the reference material, where it is at hand."""
    validator = REFERENCE / "validate.py"
    if not validator.is_file():
        return
    file = folder / "answer.json"
    file.write_text(json.dumps(answer))
    done = subprocess.run([sys.executable, "-B", validator, model, file], capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(("OK ", "VALID"))]
    wrong = [line for line in lines if line != "UNKNOWN $.type: ConversationInitiationClientDataRequestInput"]
    check("the reference's validator agrees", done.returncode != 1 and not wrong, done.stdout + done.stderr)


def the_checker_itself() -> None:
    """A check that cannot fail is none."""
    model = elevenlabs.types.GetConversationResponseModel
    data = json.loads(EVENT.read_text())["data"]
    check("the sample event is a conversation as the SDK knows it", not findings(model, data), findings(model, data))
    for what, path, value in [
        ("a misspelt key", ("user_idd",), "x"),
        ("a wrong enum value", ("status",), "finished"),
        ("a wrong enum value deep inside", ("transcript", 1, "source_medium"), "telepathy"),
        ("a wrong type", ("conversation_id",), 5),
    ]:
        broken = json.loads(json.dumps(data))
        inner = broken
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        check(f"the checker finds {what}", bool(findings(model, broken)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hark", required=True, help="the built program")
    parser.add_argument("--fake", required=True, help="the built example fake_elevenlabs")
    arguments = parser.parse_args()
    program, fake = (str(pathlib.Path(path).resolve()) for path in (arguments.hark, arguments.fake))
    the_checker_itself()
    with tempfile.TemporaryDirectory(prefix="hark-sdk-") as temporary:
        folder = pathlib.Path(temporary)
        our_signature(program, folder)
        with hark.Server(program, folder) as server:
            their_signature(server)
            initiation(server, folder)
        missed_calls(program, fake, folder)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
