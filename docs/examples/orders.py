#!/usr/bin/env python3
"""A state machine for --machine exec with --schema orders.schema.json: a list of orders.

It is the twin of a Rust program with the types of the schema: given the same --machine-id and --sync-type, a node that runs
it is a full member of that program's group, leads it and answers its queries. Commands are orders; queries are "Count",
{"At": index} and {"Quantity": {"symbol": text}}. mosaik-formats(5) describes the lines and the schema.
"""
import json
import sys

orders = []


def quantity(symbol):
    legs = [leg for order in orders if order["symbol"] == symbol for leg in order["legs"]]
    return sum(int(number) for leg in legs for number in leg["quantities"])


def query(question):
    if question == "Count":
        return {"Number": len(orders)}
    if "At" in question:
        index = int(question["At"])  # beyond 2^53 numbers are text
        return {"Order": orders[index] if index < len(orders) else None}
    return {"Number": quantity(question["Quantity"]["symbol"])}


def answer(request):
    if request["do"] == "restore":
        orders[:] = request["state"] or []
    elif request["do"] == "apply":
        orders.extend(entry["command"] for entry in request["entries"])
    elif request["do"] == "snapshot":
        return {"state": orders}
    elif request["do"] == "query":
        return {"result": query(request["query"])}
    return {}


for line in sys.stdin:  # ends when the node does
    request = json.loads(line)
    print(json.dumps({"id": request["id"], **answer(request)}), flush=True)
