"""A process for tests of the supervision: ready after a while, with habits set by environment.

STUB_READY_SECONDS   seconds until /readyz answers 200 (default 0)
STUB_DIE_AFTER       seconds until it ends with status 7
STUB_IGNORES_TERM    any value: SIGTERM is ignored
STUB_CHILD           "group" or "session": starts a child of its own there that ignores SIGTERM too
"""

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time

if "STUB_IGNORES_TERM" in os.environ:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

if where := os.environ.get("STUB_CHILD"):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=where == "session")
    print("child", child.pid, flush=True)

if seconds := os.environ.get("STUB_DIE_AFTER"):
    threading.Timer(float(seconds), lambda: os._exit(7)).start()

ready_at = time.monotonic() + float(os.environ.get("STUB_READY_SECONDS", "0"))


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ready = time.monotonic() >= ready_at
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(b'{"missing": {"stub": "not yet"}}')

    def log_message(self, *_: object) -> None:
        return


host, port = os.environ["ARGOSY_BIND"].rsplit(":", 1)
main = socket.create_server((host, int(port)))
host, port = os.environ["ARGOSY_HEALTH_BIND"].rsplit(":", 1)
print("stub", os.getpid(), flush=True)
http.server.ThreadingHTTPServer((host, int(port)), Health).serve_forever()
