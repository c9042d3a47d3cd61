// Command smoke is the smoke test against AWS emulators: smoke [ENDPOINT [TRANSFER_IMAGE]]. It makes a bucket there, puts
// jobs into it as a GenePattern server does, runs them with the transfer image as AWS Batch does, and reads exit codes and
// results back. Without an endpoint it does so with LocalStack, moto and versitygw in turn, each of which it starts.
//
//	make smoke                                       # the three of them
//	make smoke ENDPOINT=http://127.0.0.1:5000        # moto_server -p 5000
//	LOCALSTACK_AUTH_TOKEN=… docker compose -f scripts/compose.localstack.yaml up -d --wait
//	make smoke ENDPOINT=http://127.0.0.1:4566
//
// Then it submits a job by `ferry submit` to this machine, and where BATCH_QUEUE=NAME is a queue of the emulator's Batch, also there.
//
// It needs Docker. The endpoint is reached from the host's network. MODULE_IMAGE=NAME runs another module image than the
// one it makes, FERRY=PATH puts files there and back with a binary that is there already.
package main
