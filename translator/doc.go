// Package translator turns objects into encoded Envoy resources, and says what is wrong.
//
// In: batches of object changes. Out: the change set of resources (package resource), and
// the problems and status conditions that stand at the moment.
//
// Everything that comes out is a unit, built by a pure function of what it reads:
//
//	build(read, unit) → result
//
// The Reader remembers what a build asked for, also what was not there. When an object
// changes, exactly the units whose reads it touches are built again, so translating a change
// equals translating from scratch by construction, and costs what the change is worth,
// however many other objects there are. Which units exist is tracked the same way: each
// object names the units that it calls for, and a unit that nobody calls for goes away.
//
// The order of reading: engine.go is the mechanism, objects.go the objects and their
// indexes, many.go how many units are built at once, features.go the list of what is built;
// then one file per feature.
//
// The package may not know where objects come from, xDS, gRPC, clocks or logs.
package translator
