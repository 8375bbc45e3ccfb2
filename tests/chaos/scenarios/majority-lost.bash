# Nobody reaches anybody: nothing may be acknowledged until it is over.
begin --data-dir state
mosaik-chaos partition ada / bob / cy
stuck "${MEMBERS[@]}"
mosaik-chaos heal
recovers "${MEMBERS[@]}"
