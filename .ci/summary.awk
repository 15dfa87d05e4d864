# Shortens the output of go test -v: a line for each package, the tests that were
# skipped with their reasons, and of a run that failed all but what passed.
failed && /^ *(=== (RUN|PAUSE|CONT|NAME)|--- PASS)/ { next }
failed { print; next }
/^=== RUN/ { reason = "" }
/^ +[^ ]+\.go:[0-9]+: / { reason = $0; sub(/^ +/, "", reason) }
/^ *--- SKIP/ { sub(/^ */, ""); skipped[++n] = $0 ": " reason }
/^(ok|FAIL|\?)[ \t]/ { print }
END { for (i = 1; i <= n; i++) print skipped[i] }
