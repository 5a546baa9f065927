"""A running `hark`, a recorder that stands where one would be, and a fake of the platform."""

import http.server
import json
import os
import pathlib
import subprocess
import threading
import urllib.error
import urllib.request

KEY = "hark_sdk_check"
SECRET = "wsec_sdk_check"
OLD_SECRET = "wsec_sdk_check_old"


def environment(data: pathlib.Path) -> dict[str, str]:
    """This process's, without settings of somebody's own server, with ours."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARK_")}
    env["HARK_SERVER__BIND"] = "127.0.0.1:0"
    env["HARK_SERVER__DATA_DIR"] = str(data)
    env["HARK_AUTH__API_KEYS"] = json.dumps([KEY])
    env["HARK_ELEVENLABS__WEBHOOK_SECRETS"] = json.dumps([SECRET, OLD_SECRET])
    env["HARK_LOG__LEVEL"] = "warn"
    return env


class Server:
    """`hark serve` on a free loopback port; ended when the block is left."""

    def __init__(self, program: str, folder: pathlib.Path):
        self._process = subprocess.Popen(
            [program, "serve"],
            cwd=folder,
            env=environment(folder / "data"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self._process.stdout:
            if line.startswith("listening: "):
                self.url = line.removeprefix("listening: ").strip()
                return
        raise SystemExit(f"hark ended before it was ready (exit code {self._process.wait()})")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict]:
        """Status and JSON body of the answer."""
        headers = {"content-type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")


class Platform:
    """The example `fake_elevenlabs`; ended when the block is left."""

    def __init__(self, program: str):
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = self._process.stdout.readline().split()
        if len(words) != 4:
            raise SystemExit("the fake of ElevenLabs ended before it was ready")
        self.url, self.key = words[1], words[3]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def get(self, path: str) -> dict:
        """The JSON of an answer, as it is on the wire."""
        request = urllib.request.Request(self.url + path, headers={"xi-api-key": self.key})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


class Recorder:
    """Accepts what `hark simulate` sends, and keeps it."""

    def __init__(self):
        self.requests: list[tuple[dict[str, str], bytes]] = []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                recorder.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self._answer({"status": "accepted", "event_id": "evt_recorded"})

            def do_GET(self):
                self._answer({"pending": 0, "running": 0, "retrying": 0, "dead": 0, "oldest_pending_secs": 0})

            def _answer(self, value: dict):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
