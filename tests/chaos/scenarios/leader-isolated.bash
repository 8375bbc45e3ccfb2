# The leader is cut off: it stops leading, the others go on, and it follows when it is back.
begin --data-dir state
mosaik-chaos partition "$leader" / "${others[@]}"
recovers "${others[@]}"
stuck "$leader"
mosaik-chaos heal
recovers "${MEMBERS[@]}"
