// Package porttest gives the conformance suites of reconcile's ports, which
// every implementation must pass: the AWS hands against moto and the stand-ins
// for what moto lacks, the simulated ones as they are.
//
// A suite takes a function that opens a bed: one implementation in a world of
// its own, with a few functions that arrange the world. It is called once for
// each case and may use the *testing.T for clean-up. A bed leaves a field that
// is marked optional nil when its world has no such thing; the cases that need
// it are then skipped.
//
// The suites ask only for what every world can show. What an AWS call looks
// like, how many there are, and what happens when they fail is tested beside
// the implementation.
package porttest
