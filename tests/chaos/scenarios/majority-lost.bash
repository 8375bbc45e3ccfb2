# Nobody reaches anybody: nothing may be acknowledged until it is over.
DURABLE=yes
begin
mosaik-chaos partition ada / bob / cy
stuck "${MEMBERS[@]}"
mosaik-chaos heal
recovers "${MEMBERS[@]}"
