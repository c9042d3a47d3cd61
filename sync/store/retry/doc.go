// Package retry is the one place where requests to a store are sent again, held back and counted.
//
// A Loop does that for one store, as the store's Policy says: which failures are worth another try, how long to wait, which
// answers ask for fewer requests, and what to renew before the next try. Standard is the Policy of a store that speaks HTTP and
// has no other habits. A store may also have a Pacer, which holds back all its requests together.
package retry
