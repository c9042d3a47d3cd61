package batch

// A Value is one that AWS Batch gave a job, and the variable that had it.
type Value struct {
	Text     string
	Variable string
}

// identity is the variable for each option of a job that AWS Batch knows.
// https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
var identity = map[string]string{"job-id": "AWS_BATCH_JOB_ID", "attempt": "AWS_BATCH_JOB_ATTEMPT", "array-index": "AWS_BATCH_JOB_ARRAY_INDEX"}

// Inside reports whether AWS Batch runs this process.
func Inside(lookup func(string) (string, bool)) bool {
	id, _ := lookup("AWS_BATCH_JOB_ID")
	return id != ""
}

// Identity is what AWS Batch says of the job that this process runs, by the names of the job's options. An option whose
// variable is missing or empty is not in it, so outside AWS Batch it is empty. lookup finds a variable as os.LookupEnv does.
func Identity(lookup func(string) (string, bool)) map[string]Value {
	found := map[string]Value{}
	for option, name := range identity {
		if v, ok := lookup(name); ok && v != "" {
			found[option] = Value{Text: v, Variable: name}
		}
	}
	return found
}
