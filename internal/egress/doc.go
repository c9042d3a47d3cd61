// Package egress bounds where a URL may lead that a user of ferry names, and what of such a URL is shown. Ferry runs where a
// cloud's machines find their credentials, and a user must not get at these by a URL. Guard is for all clients of HTTP and FTP that
// fetch from such URLs. Stores that an operator configures do not need it.
package egress
