# Everything arrives twice, and half of it out of order.
links='[{"from":"*","to":"*","duplicate":1,"reorder":"0.5:30ms"}]'
begin --data-dir state
works "${MEMBERS[@]}"
