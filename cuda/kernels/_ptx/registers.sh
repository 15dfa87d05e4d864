#!/usr/bin/env bash
# Prints what ptxas makes of the PTX in a folder for Ampere and Hopper: registers and
# bytes of shared memory of each kernel. Fails if one spills registers to memory.
#
#	registers.sh PTXAS FOLDER
set -euo pipefail
ptxas=$1 folder=$2

for file in "$folder"/*.ptx; do
	for architecture in sm_80 sm_90; do
		"$ptxas" --verbose --gpu-name "$architecture" --output-file /dev/null "$file" 2>&1
	done
done | awk '
	/Compiling entry function/ { split($0, part, "'\''"); kernel = part[2]; architecture = part[4] }
	/bytes spill stores/ { if ($5 + $9 > 0) spilled[kernel] = $5 + $9 }
	/Used [0-9]+ registers/ {
		for (i = 1; i <= NF; i++) {
			if ($(i + 1) ~ /^registers/) registers[kernel, architecture] = $i
			if ($(i + 2) ~ /^smem/) shared[kernel] = $i
		}
		if (!(kernel in seen)) { seen[kernel] = 1; order[++count] = kernel }
	}
	END {
		printf "%-32s %6s %6s %10s\n", "kernel", "sm_80", "sm_90", "shared"
		for (i = 1; i <= count; i++) {
			k = order[i]
			printf "%-32s %6d %6d %10d%s\n", k, registers[k, "sm_80"], registers[k, "sm_90"], shared[k], k in spilled ? "  spills " spilled[k] " bytes" : ""
			if (k in spilled) failed = 1
		}
		exit failed
	}'
