// Package commit freezes a module: it makes an image of the module's base image, its code and its libraries, and pushes that
// image to a registry. The same module version then runs the same way without staging those files in.
//
// Containers and images are made through the interfaces of package engine. Package registry finds logins, and package ecr
// makes repositories. The package knows nothing of stores or transfers.
package commit
