"""A receiver of Rekindle's webhooks, signed as standardwebhooks.com says: webhook_receiver.py SECRET_FILE PORT.

It prints each action whose signature is right, once, and refuses everything else. Your own receiver does the same.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = base64.b64decode(open(sys.argv[1]).read().strip().removeprefix("whsec_"))
TOLERANCE_SECONDS = 300
seen = set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        message, sent = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "0")
        signed = f"{message}.{sent}.".encode() + body
        expected = base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
        signatures = self.headers.get("webhook-signature", "").split()
        is_genuine = any(hmac.compare_digest(signature, f"v1,{expected}") for signature in signatures)
        is_recent = abs(time.time() - int(sent)) < TOLERANCE_SECONDS
        self.send_response(200 if is_genuine and is_recent else 401)
        self.end_headers()
        if is_genuine and is_recent and message not in seen:
            seen.add(message)
            action = json.loads(body)["data"]
            print(f"{action['campaign']} for {action['user']}: {json.dumps(action['payload'])}", flush=True)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[2])), Receiver).serve_forever()
