"""Members of one group as processes that may be killed, paused and parted at any moment, and callers who talk to them.

Timers are those of cluster.bash. Readiness comes through --ready-fd, the rest is asked of the control socket."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

FAST = ("--heartbeat-interval 100ms --heartbeat-jitter 20ms --max-missed-heartbeats 6 "
        "--election-timeout 300ms --election-timeout-jitter 150ms --bootstrap-delay 200ms").split()
LIMIT_S = 60.0 * float(os.environ.get("TIME_FACTOR", "1"))  # for anything that is waited for: far more than it takes
BIN = os.environ.get("MSK_BIN") or os.path.join(os.path.dirname(__file__), "../../build/bin")


class Trouble(Exception):
    """What must not happen, happened."""


def program(name):
    return os.path.join(BIN, name)


def made_by(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout.strip()


class Caller:
    """One connection to a control socket. Every question has one answer, or OSError when the node is gone."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.answers = self.socket.makefile("r")

    def ask(self, cmd, patience_s=None, **arguments):
        self.socket.settimeout(patience_s)
        self.socket.sendall(json.dumps({"cmd": cmd, **arguments}).encode() + b"\n")
        line = self.answers.readline()
        if not line.endswith("\n"):
            raise ConnectionResetError("the node is gone")
        answer = json.loads(line)
        return answer["result"] if answer["ok"] else {"outcome": answer["code"], "reason": answer["error"]}

    def close(self):
        self.answers.close()
        self.socket.close()


class Member:
    """A node that remembers its key and its data directory from life to life."""

    def __init__(self, name, directory, options):
        self.name = name
        self.options = options
        self.net = None  # a Net that is between it and the others
        self.path = os.path.join(directory, name)
        self.socket = self.path + ".sock"
        self.data = self.path + ".data"
        self.process = None
        self.lives = 0
        made_by(program("mosaik-keygen"), "secret", "--output", self.path + ".key")
        with open(self.path + ".key") as key:
            self.peer_id = made_by(program("mosaik-keygen"), "peer-id", stdin=key)

    def start(self, known=(), more=()):
        """Run it; returns once it listens. `known` are members that run."""
        ready, writer = os.pipe()
        command = [program("mosaik-node"), "run", "--secret-file", self.path + ".key", "--network", "test",
                   "--data-dir", self.data, "--control", self.socket, "--events", self.path + ".events",
                   "--ready-fd", str(writer), *FAST, *self.options, *more]
        if self.net:
            command += ["--listen", f"{self.net.ip_of[self.name]}:0", "--advertise", self.net.reached_at[self.name]]
        for other in known:
            command += ["--bootstrap", f"{other.peer_id}@{other.reached_at}"]
        self.lives += 1
        with open(self.path + ".out", "w") as out, open(self.path + ".err", "a") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, pass_fds=[writer])
        os.close(writer)
        with os.fdopen(ready) as pipe:
            if not pipe.readline():
                with open(self.path + ".err") as err:
                    raise Trouble(f"{self.name} did not start: {err.read()[-2000:]}")
        with open(self.path + ".out") as out:
            self.reached_at = json.loads(out.readline())["address"]
        if self.net:
            self.net.tell("node", self.name, self.reached_at)
            self.reached_at = self.net.reached_at[self.name]

    def twin(self, directory):
        """Another one with its key, for a copy of its data directory."""
        twin = Member.__new__(Member)
        twin.__dict__.update(self.__dict__, path=directory, socket=directory + ".sock", data=directory, process=None)
        shutil.copy(self.path + ".key", directory + ".key")
        return twin

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def ask(self, cmd, patience_s=LIMIT_S, **arguments):
        """One question on a connection of its own; None where nobody answers."""
        try:
            caller = Caller(self.socket)
        except OSError:
            return None
        try:
            return caller.ask(cmd, patience_s, **arguments)
        except OSError:
            return None
        finally:
            caller.close()

    def wait(self, what, reached):
        """Until `reached` accepts the status."""
        end = time.monotonic() + LIMIT_S
        status = None
        while time.monotonic() < end:
            status = self.ask("status")
            if status and reached(status):
                return status
            time.sleep(0.01)
        raise Trouble(f"{self.name} is not {what} after {LIMIT_S:.0f} s: {json.dumps(status)[:1500]}")

    def events(self, *kinds):
        """Those of these kinds; a life that was cut short may have left half a line."""
        with open(self.path + ".events") as lines:
            for line in lines:
                if any(f'"event":"{kind}"' in line for kind in kinds):
                    try:
                        yield json.loads(line)
                    except ValueError:
                        pass


class Net:
    """A mosaik-chaos between the members."""

    def __init__(self, directory, names, seed):
        self.ip_of = {name: f"127.0.1.{i + 1}" for i, name in enumerate(names)}
        self.path = os.path.join(directory, "net")
        with open(self.path + ".json", "w") as config:
            json.dump({"nodes": {name: {"listen": "127.0.0.1:0", "node": f"{ip}:0"} for name, ip in self.ip_of.items()}},
                      config)
        ready, writer = os.pipe()
        with open(self.path + ".out", "w") as out, open(self.path + ".err", "w") as err:
            self.process = subprocess.Popen(
                [program("mosaik-chaos"), "run", "--config", self.path + ".json", "--seed", str(seed), "--control",
                 self.path + ".sock", "--ready-fd", str(writer)], stdout=out, stderr=err, pass_fds=[writer])
        os.close(writer)
        with os.fdopen(ready) as pipe:
            if not pipe.readline():
                raise Trouble("mosaik-chaos did not start")
        with open(self.path + ".out") as out:
            self.reached_at = {name: node["listen"] for name, node in json.loads(out.readline())["nodes"].items()}

    def tell(self, *words):
        made_by(program("mosaik-chaos"), *words, "--control", self.path + ".sock")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Group:
    """Three members of one group."""

    def __init__(self, directory, machine, members, options=()):
        key = os.path.join(directory, "group.secret")
        made_by(program("mosaik-keygen"), "group-key", "--output", key)
        options = ["--group-key-file", key, "--machine", machine, *(["--members", str(members)] if members else []),
                   *options]
        self.members = [Member(name, directory, options) for name in ("ada", "bob", "cy")]
        self.stopping = False

    def start(self, *members):
        for member in members or self.members:
            member.start([other for other in self.members if other.process and other is not member])

    def settle(self):
        """Until all are bonded and follow a leader."""
        for member in self.members:
            member.wait("online with both others", lambda s: s["online"] and len(s["bonds"]) == 2)

    def stop(self):
        self.stopping = True
        for member in self.members:
            if member.process:
                member.signal(signal.SIGCONT)
                member.kill()
