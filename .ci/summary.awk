# Shortens the output of go test -v: a line for each package, the tests that were
# skipped with their reasons, and all of a run that failed.
failed { print; next }
/^=== RUN/ { reason = "" }
/^ +[^ ]+\.go:[0-9]+: / { reason = $0; sub(/^ +/, "", reason) }
/^ *--- SKIP/ { sub(/^ */, ""); skipped[++n] = $0 ": " reason }
/^(ok|FAIL|\?)[ \t]/ { print }
END { for (i = 1; i <= n; i++) print skipped[i] }
