// Package process runs modules as processes of ferry's own container: for module images that have ferry baked in, as the
// first generation of GenePattern's had their wrapper. It is an engine.Engine with less than a container engine gives:
// the module shares ferry's file system, network and limits, its mounts are symlinks, and a read-only one can be written;
// so Info says that nothing is enforced.
// It gets no capabilities, no new privileges, and of ferry's environment only what is not ferry's own and no secret.
// It needs Linux.
package process
