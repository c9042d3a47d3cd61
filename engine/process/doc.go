// Package process runs modules as processes of ferry's own container. It is for module images that have ferry in them, as the
// first generation of GenePattern's module images had their wrapper. It needs Linux.
//
// Its Info says that nothing is enforced: the module shares ferry's file system, network and limits. Mounts are symlinks, and
// a read-only mount can be written. The module gets no capabilities and no new privileges. Of ferry's environment it gets
// neither ferry's own variables nor secrets.
package process
