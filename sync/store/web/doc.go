// Package web reads files of web and FTP servers, as a store that can do nothing else. A key is what follows the host in a URL, a query
// included. A digest may stand behind it, as in "x.fa.gz#sha256=…": it is not sent, and what comes is verified with it.
//
// Such URLs come from users. So every connection is made within internal/egress's bounds, and what may be secret in a URL is not shown.
package web
