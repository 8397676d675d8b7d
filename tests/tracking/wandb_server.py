"""A W&B server for tests: it takes runs and remembers their rows, or refuses every key."""

from __future__ import annotations

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STREAM = re.compile(r"/files/me/(?P<project>[^/]+)/(?P<run>[^/]+)/file_stream")


class WandbServer(ThreadingHTTPServer):
    """AgentService as much of W&B's protocol as its client needs to upload a run.

    Attributes:
        refuses: Whether every request is answered with 401.
        refused: A word; so is every request that holds it.
        stalls: Whether rows are put off with 503.
        runs: By run id: the rows by their place, as W&B counts them.
        opened: What runs were opened with, in order.
        artifacts: Name and run of the artifacts created, in order.
    """

    daemon_threads = True

    def __init__(self, refuses=False):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refuses, self.refused, self.stalls = refuses, "", False
        self.runs, self.opened, self.artifacts, self.requests = {}, [], [], 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def rows(self, run_id):
        """Return a run's rows in order, our metrics only."""
        rows = self.runs[run_id]
        parsed = [json.loads(rows[place]) for place in sorted(rows)]
        return [{name: row[name] for name in row if "/" in name} for row in parsed]

    def answer(self, query, variables):
        project = {"id": "UHJv", "name": "p", "entity": {"id": "RW50", "name": "me"}}
        if "upsertBucket" in query:
            run_id = variables["name"]
            if variables["displayName"]:
                self.opened.append(variables)
            self.runs.setdefault(run_id, {})
            bucket = {"id": "QnVja2V0", "name": run_id, "displayName": run_id, "config": "{}"}
            bucket |= {"historyLineCount": len(self.runs[run_id]), "project": project}
            return {"upsertBucket": {"bucket": bucket, "inserted": True}}
        if "RunResumeStatus" in query:
            rows = self.runs.get(variables["name"])
            return {"model": {**project, "bucket": rows and self._status(variables["name"])}}
        if "viewer" in query:
            return {"viewer": {"id": "VXNlcg==", "entity": "me", "username": "me", "flags": "{}"}}
        if "mutation CreateArtifact " in query:
            made = variables["input"]
            self.artifacts.append((made["artifactCollectionName"], made["runName"]))
            known = {"id": "QXJ0", "state": "COMMITTED"}
            sequence = {"artifactSequence": {"latestArtifact": {"id": "QXJ0"}}}
            return {"createArtifact": {"artifact": {**known, **sequence}}}
        return None

    def _status(self, run_id):
        rows = self.runs[run_id]
        tail = json.dumps([rows[max(rows)]])
        counts = {"historyLineCount": len(rows), "eventsLineCount": 0, "logLineCount": 0}
        texts = {"historyTail": tail, "eventsTail": "[]", "summaryMetrics": "{}", "config": "{}"}
        return {"id": "QnVja2V0", "name": run_id, "tags": [], "wandbConfig": '{"t":1}'} | (
            counts | texts
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.requests += 1
        if self.server.refuses or (self.server.refused and self.server.refused.encode() in body):
            return self._send(401, {"errors": [{"message": "user is not logged in"}]})
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        message = json.loads(body) if body else {}
        if self.path == "/graphql":
            data = self.server.answer(message["query"], message.get("variables") or {})
            return self._send(200, {"data": data} | ({} if data else {"errors": [{}]}))
        stream = STREAM.fullmatch(self.path)
        if stream and self.server.stalls:
            return self._send(503, {})
        history = message.get("files", {}).get("wandb-history.jsonl") if stream else None
        if history:
            rows = self.server.runs[stream["run"]]
            rows |= dict(enumerate(history["content"], start=history["offset"]))
        return self._send(200, {})

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names of http.server

    def _send(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""
