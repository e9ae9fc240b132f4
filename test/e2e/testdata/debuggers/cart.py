"""Stands in for cart, in Python: answers each call with what it finds in the pod."""
import json
import os
import socket
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with urllib.request.urlopen("http://prices/prices/apple") as answer:
            cents = json.load(answer)["cents"]
        answer = {"servedBy": socket.gethostname(), "currency": os.environ["CURRENCY"], "total": cents}
        body = json.dumps(answer).encode()  # breakpoint here
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


host, port = os.environ["LISTEN"].rsplit(":", 1)
ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
