// Package kernelstest tests devices against the contract of package kernels. A
// backend calls it from its own tests:
//
//	func TestConformance(t *testing.T) {
//		kernelstest.Run(t, "cpu", func(t *testing.T, opts kernels.Options) kernels.Device {
//			dev, err := cpu.Open(opts)
//			require.NoError(t, err)
//			return dev
//		})
//	}
//
//	func BenchmarkKernels(b *testing.B) {
//		kernelstest.Benchmark(b, func(b *testing.B, opts kernels.Options) kernels.Device { … })
//	}
//
// # The reference
//
// HalfStep, Gemm, ScoreTopK and the others compute every method of the contract in
// float64 on host memory, straight from the formulas in package kernels and with no
// thought of speed. They share no code with a backend. Tests of models use them
// too.
//
// # The suite
//
// Run has a subtest for each method, and in it one for each case, named after what
// is risky about it. Around every operand, and between the rows of a padded one,
// lie NaN with a payload that nothing computes: a kernel that writes there, or
// reads from there, fails. Inputs must come out as they went in.
//
// Results are compared in one of three ways. Cases of whole numbers are exact: no
// order of summation changes a bit, so one lost term among a hundred thousand
// shows. Other sums may be off by 2⁻²³ times the number of terms times the sum of
// their absolute values. Solutions of linear systems are compared by rows:
// ‖x-x̂‖ ≤ 10⁻⁴·‖x̂‖, where each case checks that the condition number of its systems
// is below 10⁴.
//
// Where a device cannot run a case, the case is skipped; if the environment
// variable KERNELS_REQUIRE, a list of names separated by commas, has the name of
// the backend, that is a failure.
//
// # Broken devices
//
// Faulty wraps a device so that one of its calls fails, to test that a model
// returns the error, frees what it holds and leaves nothing half done:
//
//	for n := 1; ; n++ {
//		dev := kernelstest.Faulty(open(t), kernelstest.Fault{Ops: []string{"Alloc"}, Call: n, Err: kernelstest.NoRoom})
//		err := train(dev)
//		require.NoError(t, dev.Close())
//		if !dev.Fired() {
//			require.NoError(t, err)
//			break
//		}
//		require.ErrorIs(t, err, kernels.ErrMemory)
//	}
//
// FailEach is that loop. LeakCheck fails a test that leaves something on its
// device.
package kernelstest
