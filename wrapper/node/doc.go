// Package node has what the jobs of one node share below their local prefix: the lock of each running job, what killed ferries
// left, the records that could not be sent, and the free space of the disk.
//
// What a killed ferry left is found by its lock, which the kernel gave up, and by the labels of its containers.
package node
