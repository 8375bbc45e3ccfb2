# The link between leader and follower comes and goes: whenever the bond is back it is lost again.
begin
for _ in 1 2 3; do
    mark
    mosaik-chaos set "$leader" "${others[0]}" blackhole=true
    mosaik-chaos set "${others[0]}" "$leader" blackhole=true
    loses_bond "$leader" "${others[0]}"
    mosaik-chaos set '*' '*' none
    await "$leader" "bonded=$(id_of "${others[0]}")"
done
recovers "${MEMBERS[@]}"
