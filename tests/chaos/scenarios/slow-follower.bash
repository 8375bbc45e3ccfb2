# One follower is behind a link that is slower than what the group writes: the others need not wait for it.
begin
mosaik-chaos set '*' "${others[0]}" delay=150ms rate=64kbit queue=16k
recovers "$leader" "${others[1]}"
works "$leader" "${others[1]}"
mosaik-chaos set '*' "${others[0]}" none
recovers "${MEMBERS[@]}"
