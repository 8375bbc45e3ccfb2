# In a tenth of all datagrams one bit is turned.
links='[{"from":"*","to":"*","corrupt":0.1}]'
begin
works "${MEMBERS[@]}"
