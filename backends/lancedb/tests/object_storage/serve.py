"""A fake of S3 on a free loopback port, for the tests beside this file.

It prints `listening: <port>` and ends with its standard input. Each line of its input is a command, answered with a line:
`bucket <name>` makes a bucket; `find <bucket> <hex>` names the objects whose bytes hold the given ones;
`damage <bucket> <part>` overwrites those whose name holds a part, and tells how many they were; `count` tells how many
requests there have been; `touch` counts one that was none.
"""

import sys
import threading

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

settings.S3_UPLOAD_PART_MIN_SIZE = 1

DENIED = b"<?xml version='1.0'?><Error><Code>InvalidAccessKeyId</Code><Message>No such key</Message></Error>"


class Store:
    """The fake, one request at a time: it looks whether an object is there and writes it in two steps, and S3 in one."""

    def __init__(self):
        self.app = create_backend_app("s3")
        self.lock = threading.Lock()
        self.requests = 0

    def __call__(self, environ, start_response):
        # The signature is not checked, but whose it is.
        if "Credential=hark-test/" not in environ.get("HTTP_AUTHORIZATION", ""):
            start_response("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(DENIED)))])
            return [DENIED]
        with self.lock:
            self.requests += 1
            answer = self.app(environ, start_response)
            try:
                return [b"".join(answer)]
            finally:
                getattr(answer, "close", lambda: None)()


class Handler(MotoRequestHandler):
    def log_request(self, *_args):
        pass


def objects(bucket):
    keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys
    return [(name, key) for name, key in keys.items()]


def obey(store, words):
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    match words:
        case ["bucket", bucket]:
            backend.create_bucket(bucket, "us-east-1")
            return "ok"
        case ["find", bucket, wanted]:
            wanted = bytes.fromhex(wanted)
            return " ".join(name for name, key in objects(bucket) if wanted in key.value)
        case ["damage", bucket, part]:
            damaged = [key for name, key in objects(bucket) if part in name]
            for key in damaged:
                key.value = b"x"
            return str(len(damaged))
        case ["touch"]:
            store.requests += 1
            return "ok"
        case ["count"]:
            return str(store.requests)
    return "unknown"


def main():
    store = Store()
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening: {server.server_port}", flush=True)
    for line in sys.stdin:
        with store.lock:
            print(obey(store, line.split()), flush=True)


main()
