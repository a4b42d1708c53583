// Package powercut tests storage/sqlite on a simulated disk whose power is cut.
//
// It is a module of its own because the disk is a VFS in Go, which the driver
// github.com/ncruces/go-sqlite3 lets one write; the tests also run the contract
// through that driver.
package powercut
