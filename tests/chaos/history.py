"""Is a history of concurrent calls linearizable? (Wing and Gong's search, with Lowe's memory of what was tried.)

A history is a list of Call. Each key is a register of its own, and linearizable histories of registers make a
linearizable whole, so each key is looked at alone. A call without an end ("unknown") may take effect at any time after it
began, or never."""
from dataclasses import dataclass
from typing import Optional

NEVER = float("inf")


@dataclass
class Call:
    client: str
    kind: str              # set, cas, get
    key: str
    begun: float
    ended: float           # NEVER: what came of it is unknown
    value: Optional[str] = None    # set: what is written; cas: what replaces `old`; get: what was read
    old: Optional[str] = None

    def apply(self, state):
        """The state after this call, or False where it could not have gone so."""
        if self.kind == "set":
            return self.value
        if self.kind == "cas":
            return self.value if state == self.old else state
        return state if state == self.value else False

    def __str__(self):
        ended = "unknown" if self.ended == NEVER else f"{self.ended:.6f}"
        what = f"{self.old} -> {self.value}" if self.kind == "cas" else str(self.value)
        return f"{self.begun:.6f}..{ended} {self.client} {self.kind} {self.key} {what}"


def first_flaw(calls):
    """None, or the calls of a key that cannot be put into an order, up to the first of which none can be."""
    for key in sorted({call.key for call in calls}):
        flaw = search([call for call in calls if call.key == key])
        if flaw:
            return flaw
    return None


def search(calls):
    """None, or the last calls before the one that no order reaches.

    A call that may not have happened is left out when nobody ever saw its value: between its effect and the next set no
    get can have been answered, so that nothing depends on it."""
    seen = {call.value for call in calls if call.kind == "get"} | {call.old for call in calls}
    calls = sorted((call for call in calls if call.ended != NEVER or (call.kind != "get" and call.value in seen)),
                   key=lambda call: call.begun)
    return search_from(calls, None)


def search_from(calls, state):
    """Depth first. Done are the calls before `start`, in the order of their beginnings, and those in `early`. What was tried
    is remembered as (which calls are done, state)."""
    count = len(calls)
    tried = set()
    deepest = 0
    stack = [(0, frozenset(), state)]
    while stack:
        start, early, state = stack.pop()
        while start < count and start in early:
            early -= {start}
            start += 1
        deepest = max(deepest, start)
        place = (start, early, state)
        if place in tried:
            continue
        tried.add(place)
        candidates = []
        limit = NEVER  # who begins after another one has ended, and is not done, comes later
        for at in range(start, count):
            call = calls[at]
            if call.begun > limit:
                break
            if at in early:
                continue
            limit = min(limit, call.ended)
            candidates.append(at)
        if limit == NEVER:
            return None  # what is left may never have happened
        for at in reversed(candidates):
            after = calls[at].apply(state)
            if after is not False:
                stack.append((start, early | {at}, after))
    flawed = calls[deepest]
    return [call for call in calls if call.begun <= flawed.ended][-20:] if flawed.ended != NEVER else calls[-20:]
