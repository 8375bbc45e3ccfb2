#!/usr/bin/env python3
"""A validator's program: lets peers in that are on a list, with the word they were given.

guestlist.py FILE; each line of FILE is a peer id, a word, and until when, in Unix seconds or "never". The file is read
anew for each question. mosaik-formats(5) describes the lines.
"""
import json
import sys


def answer(question):
    with open(sys.argv[1], encoding="utf-8") as guests:
        for line in guests:
            peer, word, until = line.split()
            if peer == question["peer_id"] and word == question.get("ticket"):
                return {"accept": True, "expires": until if until == "never" else int(until)}
    return {"accept": False, "reason": "not on the list"}


for line in sys.stdin:  # ends when the node does
    question = json.loads(line)
    print(json.dumps({"id": question["id"], **answer(question)}), flush=True)
