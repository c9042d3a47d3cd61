// Package commit freezes what a module needs into an image: the module's base image with its code and libraries copied
// in, committed and pushed to a registry, so that the same version runs the same way without staging them. What it needs
// of a container engine are interfaces of package engine; logins and ECR are the packages below it. It knows nothing of
// stores or transfers.
package commit
