# The leader is cut off: it stops leading, the others go on, and it follows when it is back.
DURABLE=yes
begin
mosaik-chaos partition "$leader" / "${others[@]}"
recovers "${others[@]}"
stuck "$leader"
mosaik-chaos heal
recovers "${MEMBERS[@]}"
