// Package database is the engine's view of a product's database: what can be
// asked of it, how its content is dumped, put back and proven.
//
// The interface is owned here; each kind (postgres, mariadb, sqlite) implements
// it in a folder of its own and passes the contract suite in databasetest. This
// package imports package drift and the standard library only.
package database
