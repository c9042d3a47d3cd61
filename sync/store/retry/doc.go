// Package retry is the one place where requests to a store are sent again, held back and counted.
//
// A Loop does that for one store. What it is told about the store is a Policy: which failures are worth another try, how
// long to wait, which answers ask for fewer requests, and what must be renewed before. Standard is the policy of a store
// that speaks HTTP and has no other habits. A Pacer, which a store may have besides, holds back all its requests together.
package retry
