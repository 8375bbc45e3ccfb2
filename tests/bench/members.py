"""What the measurements share: running members, and the namespace that they run in."""
import json
import os
import queue
import subprocess
import sys
import threading
import time

ROUNDS = int(os.environ.get("ROUNDS", "5"))
LIMIT_S = 60
ANSWER_LIMIT_S = 130  # members give up after 120 themselves
BIN = os.environ.get("MSK_BIN", "build/bin")


class Member:
    """A running node; what it prints is read as events, each with the time it arrived."""

    def __init__(self, command):
        self.started = time.monotonic()
        self.events = queue.Queue()
        self.seen = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        stdin=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        first = self.wait(lambda e: e.get("event") == "node_started")[1]
        self.peer_id = first["peer_id"]
        self.address = f"{self.peer_id}@{first['address']}"

    def _read(self):
        for line in self.process.stdout:
            now = time.monotonic()
            try:
                self.events.put((now, json.loads(line)))
            except ValueError:
                pass

    def wait(self, wanted, after=0.0, limit_s=LIMIT_S):
        """The first event, among those past and to come, that arrived after `after` and that `wanted` accepts."""
        for item in self.seen:
            if item[0] > after and wanted(item[1]):
                return item
        end = time.monotonic() + limit_s
        while True:
            item = self.events.get(timeout=max(0.0, end - time.monotonic()))
            self.seen.append(item)
            if item[0] > after and wanted(item[1]):
                return item

    def ask(self, cmd, **arguments):
        """The answer of a member that takes requests."""
        asked = time.monotonic()
        self.process.stdin.write(json.dumps({"cmd": cmd, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = self.wait(lambda e: e.get("event") == "answer", asked, ANSWER_LIMIT_S)[1]
        if not answer["ok"]:
            raise RuntimeError(f"{cmd}: {answer['error']}")
        return answer

    def kill(self):
        self.process.kill()
        self.process.wait()

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Relay:
    """The reference's members do not start without one."""

    def __init__(self, peer):
        self.process = subprocess.Popen([peer, "relay"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]

    def stop(self):
        self.process.kill()
        self.process.wait()


def network_name():
    network_name.count = getattr(network_name, "count", 0) + 1
    return f"bench-{os.getpid()}-{network_name.count}"


def enter_namespace():
    """Rust nodes try DNS and other hosts: a namespace with loopback alone keeps that in the house."""
    if os.environ.get("BENCH_IN_NAMESPACE") == "1":
        return
    os.environ["BENCH_IN_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--net", "sh", "-c",
                          'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv])
