# 300 ms to everybody, give or take 100, a quarter of the election timeout.
links='[{"from":"*","to":"*","delay":"300ms","jitter":"100ms"}]'
FAST=(--heartbeat-interval 400ms --election-timeout 1200ms --election-timeout-jitter 600ms --bootstrap-delay 100ms)
ELECTION_TIMEOUT_MS=1200 BOUND=12 ROUNDS=3 PATIENCE=5s
begin
mosaik-chaos partition "$leader" / "${others[@]}"
recovers "${others[@]}"
mosaik-chaos heal
recovers "${MEMBERS[@]}"
