#!/usr/bin/env python3
"""A state machine for --machine exec: counts votes.

Commands: {"vote": "tea"} and {"withdraw": "tea"}; any other command changes nothing. Queries: null answers all counts,
"tea" the count of one. Everything is computed from the commands alone: no clock, no chance, no order of a set.
mosaik-formats(5) describes the lines.
"""
import json
import sys

counts = {}


def apply(command):
    if not isinstance(command, dict) or len(command) != 1:
        return
    (verb, name), = command.items()
    if not isinstance(name, str):
        return
    if verb == "vote":
        counts[name] = counts.get(name, 0) + 1
    elif verb == "withdraw" and counts.get(name, 0) > 0:
        counts[name] -= 1


def answer(request):
    if request["do"] == "restore":
        counts.clear()
        counts.update(request["state"] or {})
        return {}
    if request["do"] == "apply":
        for entry in request["entries"]:
            apply(entry["command"])
        return {}
    if request["do"] == "snapshot":
        return {"state": counts}
    if request["query"] is None:
        return {"result": counts}
    if isinstance(request["query"], str):
        return {"result": counts.get(request["query"], 0)}
    return {"error": "a name or null is wanted"}


for line in sys.stdin:  # ends when the node does
    request = json.loads(line)
    print(json.dumps({"id": request["id"], **answer(request)}), flush=True)
