"""`tf-colorize serve` in a process of its own."""

import http.client
import json
import os
import signal
import subprocess
import sys


class Running:
    def __init__(self, *arguments, **environment):
        environment = {**os.environ, "TF_COLORIZE_TOKEN": "", **environment}
        command = [sys.executable, "-m", "tf_colorize", "serve", "--port", "0", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.lines = [self.process.stdout.readline()]
        if self.lines[0].startswith("token: "):
            self.lines.append(self.process.stdout.readline())
        self.port = int(self.lines[-1].partition("/colorize")[0].rpartition(":")[2])

    def ask(self, path, body=None, method=None, **headers):
        """Returns `(status, headers, bytes)`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=100)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
        response = connection.getresponse()
        with response:
            return response.status, response.headers, response.read()

    def error(self, *arguments, **headers):
        status, _, body = self.ask(*arguments, **headers)
        return status, json.loads(body)["error"]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=30)
