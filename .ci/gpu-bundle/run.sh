#!/bin/sh
# Runs the tests and the benchmark of halfstep on this machine's GPU, on data that it
# makes itself, and prints a short table last. Everything is kept in the folder
# results. It needs an NVIDIA driver, no CUDA toolkit and no Go.
cd "$(dirname "$0")" || exit 1
mkdir -p results
: >results/table
failed=0

# step NAME COMMAND... runs a command, keeps what it prints, and notes how it ended.
step() {
	name=$1
	shift
	echo "== $name"
	start=$(date +%s)
	if "$@" >"results/$name.txt" 2>&1; then outcome=passed; else outcome=FAILED failed=1; tail -20 "results/$name.txt"; fi
	printf '%-12s %-7s %5d s\n' "$name" "$outcome" $(($(date +%s) - start)) >>results/table
}

HALFSTEP_TEST_GPU=${HALFSTEP_TEST_GPU:-0} KERNELS_REQUIRE=cuda
export HALFSTEP_TEST_GPU KERNELS_REQUIRE

nvidia-smi >results/nvidia-smi.txt 2>&1
step conformance ./cuda.test -test.v -test.run 'ConformanceOnGPU'
step training ./cuda.test -test.v -test.run 'TrainingOnGPU'
step als ./bench als --backends "cuda:$HALFSTEP_TEST_GPU,cpu" --rank 64 --json results/als.json
step kernels ./bench kernels --backends "cuda:$HALFSTEP_TEST_GPU" --json results/kernels.json

echo
grep -h 'path sm_' results/training.txt | sed 's/^.*go:[0-9]*: //'
cat results/table
printf '%s cases of the conformance suite passed, %s failed, %s skipped\n' \
	"$(grep -c '^ *--- PASS' results/conformance.txt)" "$(grep -c '^ *--- FAIL' results/conformance.txt)" \
	"$(grep -c '^ *--- SKIP' results/conformance.txt)"
grep -hE '^ *(backend|cuda|cpu)' results/als.txt
exit $failed
