"""Cluster: workers and nodes are killed, a worker is stopped for good, a bucket fails one request in ten."""

import concurrent.futures
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import tempfile
import threading
import time

from trials import trial as trials
from trials.trial import Fault

MOST = 10_000  # photos
_WORKER_EVERY, _NODE_EVERY = 5.0, 60.0  # seconds
_GROWN = 10.0  # minimum seconds of a worker's life, because starting takes long on a busy machine
_STOPPED_AT = 0.95  # share of the photos that are done when a worker is stopped: only then do all wait for it
_HANGS = 120.0  # seconds without a new result after which the stopped worker is killed
_TITLE = b"ray::Worker"


def run(trial: trials.Trial) -> None:
    """Colorizes an archive from folder to folder, then one from bucket to bucket, while things fail."""
    trials.need("ray", "moto", "pyarrow")
    for name, part in trial.parts({"folder": _folders, "bucket": _buckets}).items():
        with trial.judged(name), tempfile.TemporaryDirectory(prefix="trials-cluster-") as folder:
            part(trial, pathlib.Path(folder))


def _folders(trial, folder):
    import ray_jobs
    import tiny_models
    from benchmarks import ray_nodes

    count = trial.most or MOST
    broken = ray_jobs.make_archive(folder / "in", count, n_broken=max(2, count // 500))
    with ray_nodes.started([None, None]) as nodes:
        arguments = [folder / "in", folder / "out", "--address", nodes.address, "--model", tiny_models.STORED]
        process = ray_jobs.start(*arguments)
        spoiler = _Spoiler(trial, nodes, folder / "out", count)
        said, complaints = _ended(process, trial, spoiler.spoil)
    trial.figures["folder"] = f"{count} photos, {spoiler.said()}"
    _judge(trial, folder / "out", {path.relative_to(folder / "in").as_posix() for path in broken}, count, complaints)
    if process.returncode != 1:  # because of the broken ones
        raise Fault(f"code {process.returncode}:\n{said}\n{complaints}")
    if "no photo was finished for 60 seconds" not in complaints:
        raise Fault(f"a stopped worker, and no alarm:\n{complaints}")


def _judge(trial, out, broken, count, complaints):
    import ray_jobs

    found = ray_jobs.results(out)
    text = found.pop("failures.jsonl", b"").decode()
    failed = [json.loads(line)["photo"] for line in text.splitlines()]
    wrong = [name for name in failed if not any(name.endswith(one) for one in broken)]
    lost = count - len(found) - len(failed)
    left = [name for name in found if "/." in f"/{name}"]
    if lost or left or wrong:
        raise Fault(f"lost: {lost}; left over: {left[:5]}; failed without reason: {wrong[:5]}\n{complaints}\n{text}")
    trial.outcomes["photos"] += count


class _Spoiler:
    """Kills workers and nodes; near the end it stops one worker, as if it hung, and kills that after the alarm."""

    def __init__(self, trial, nodes, results, count):
        self._nodes, self._last_node, self._results, self._count = nodes, time.monotonic(), results, count
        self._rng = next(trial.attempts(1))[1]
        self._seen, self._stopped = {}, None  # when each worker was seen first
        self._done, self._since = 0, time.monotonic()  # the number of results, and since when
        self.n_workers = self.n_nodes = 0

    def said(self):
        stopped = "a worker stopped" if self._stopped else "none stopped"
        return f"{self.n_workers} workers and {self.n_nodes} nodes killed, {stopped}"

    def spoil(self):
        """What happens after some seconds more."""
        now = time.monotonic()
        done = sum(1 for _ in self._results.rglob("*.jpg"))
        if done != self._done:
            self._done, self._since = done, now
        if not done:  # before the first result, only the start would be tried, again and again
            self._last_node = now
            return
        self._seen = {pid: self._seen.get(pid, now) for pid in _workers()}
        grown = [pid for pid, since in self._seen.items() if now - since > _GROWN and pid != self._stopped]
        if grown:
            self._end(grown[int(self._rng.integers(len(grown)))])
        if self._stopped and now - self._since > _HANGS:
            _signal(self._stopped, signal.SIGKILL)
        if not self._stopped and now - self._last_node > _NODE_EVERY:
            self._nodes.kill(self._nodes.nodes.pop(0))
            self._nodes.nodes.append(self._nodes.add(None))
            self._last_node = time.monotonic()
            self.n_nodes += 1

    def _end(self, pid):
        if self._stopped is None and self._done >= _STOPPED_AT * self._count:
            self._stopped = pid
            _signal(pid, signal.SIGSTOP)
        else:
            self.n_workers += 1
            _signal(pid, signal.SIGKILL)


def _signal(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _workers():
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(_TITLE):
                found.append(int(process.name))
    return found


def _ended(process, trial, meanwhile=lambda: None):
    """Returns the output and errors of a job, which is killed when the time is over."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # Ray starts nodes only in the main thread
        waiting = pool.submit(process.communicate)
        try:
            while not waiting.done() and trial.left() > -60:
                concurrent.futures.wait([waiting], _WORKER_EVERY)
                if not waiting.done():
                    meanwhile()
            is_over = waiting.done()
        finally:  # also after Ctrl+C, or the pool would wait for it
            process.kill()
        if not is_over:
            raise Fault(f"no end in time: {waiting.result()}")
        return waiting.result()


def _buckets(trial, folder):
    import ray_jobs
    import s3_servers
    import tiny_models

    count = min(trial.most or MOST, 500)
    broken = ray_jobs.make_archive(folder / "in", count, n_broken=2)
    with s3_servers.started() as bucket:
        bucket.create("archive")
        bucket.upload(folder / "in", "archive/in")
        port = int(re.search(r":(\d+)$", bucket.address(""))[1])
        with _unreliable(port) as (proxy, counts):
            places = [re.sub(rf":{port}$", f":{proxy}", bucket.address(f"archive/{name}")) for name in ("in", "out")]
            process = ray_jobs.start(*places, "--model", tiny_models.STORED)
            said, complaints = _ended(process, trial)
        bucket.download("archive/out", folder / "out")
    trial.figures["bucket"] = f"{count} photos, {counts[1]} of {sum(counts)} requests failed"
    _judge(trial, folder / "out", {path.relative_to(folder / "in").as_posix() for path in broken}, count, complaints)


@contextlib.contextmanager
def _unreliable(port):
    """Yields the port of a proxy that fails one request in ten, and its numbers of passed and failed requests."""
    counts = [0, 0]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self):
            body = _body(self)
            is_failing = sum(counts) % 10 == 9
            counts[is_failing] += 1
            if is_failing:
                self.send_response(500)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            data = response.read()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            length = response.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            connection.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a client that hangs up at the end of the job is no news
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], counts
    finally:
        server.shutdown()
        server.server_close()


def _body(request):
    """Returns the body of a request, which may come in chunks (RFC 9112, section 7.1)."""
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    parts = []
    while size := int(request.rfile.readline().split(b";")[0], 16):
        parts.append(request.rfile.read(size))
        request.rfile.readline()
    while request.rfile.readline().strip():  # trailers
        pass
    return b"".join(parts)
