# Everything arrives twice, and half of it out of order.
links='[{"from":"*","to":"*","duplicate":1,"reorder":"0.5:30ms"}]'
DURABLE=yes
begin
works "${MEMBERS[@]}"
