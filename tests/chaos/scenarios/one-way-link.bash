# First a follower hears nothing from the leader, then the leader nothing from the follower.
begin
mark
mosaik-chaos set "$leader" "${others[0]}" blackhole=true
loses_bond "${others[0]}"
recovers "$leader" "${others[1]}"
works "$leader" "${others[1]}"
mosaik-chaos set "$leader" "${others[0]}" none
recovers "${MEMBERS[@]}"
leader=$(leader_of "${MEMBERS[@]}")
mapfile -t others < <(others "$leader" "${MEMBERS[@]}")
mark
mosaik-chaos set "${others[0]}" "$leader" blackhole=true
loses_bond "$leader"
recovers "${others[1]}"
mosaik-chaos set "${others[0]}" "$leader" none
recovers "${MEMBERS[@]}"
