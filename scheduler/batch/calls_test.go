package batch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/scheduler/batch"
)

// jobCalls are the calls to AWS that a job makes or has the engine make, each with the actions that it needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var jobCalls = map[string][]string{
	"s3: GET reading":                  {"s3:GetObject", "kms:Decrypt"},
	"s3: GET listing":                  {"s3:ListBucket"},
	"s3: PUT writing":                  {"s3:PutObject", "kms:GenerateDataKey"},
	"s3: DELETE deleting":              {"s3:DeleteObject"},
	"s3: POST deleting":                {"s3:DeleteObject"},
	"s3: HEAD asking for":              {"s3:ListBucket"},
	"s3: HEAD asking for the parts of": {"s3:GetObject"},
	"s3: GET asking for the parts of":  {"s3:GetObject", "s3:GetObjectAttributes"},
	"s3: the SDK's manager":            {"s3:PutObject", "s3:AbortMultipartUpload"},

	"s3.PutObject":               {"s3:PutObject", "kms:GenerateDataKey"},
	"s3.CreateMultipartUpload":   {"s3:PutObject", "kms:GenerateDataKey"},
	"s3.UploadPart":              {"s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt"},
	"s3.CompleteMultipartUpload": {"s3:PutObject", "kms:Decrypt"},
	"s3.ListMultipartUploads":    {"s3:ListBucketMultipartUploads"},
	"s3.ListParts":               {"s3:ListMultipartUploadParts"},
	"s3.AbortMultipartUpload":    {"s3:AbortMultipartUpload"},
	"s3.HeadBucket":              {"s3:ListBucket"},
	"s3.GetObject":               {"s3:GetObject", "kms:Decrypt"},

	"ecr.GetAuthorizationToken": {"ecr:GetAuthorizationToken"},
	"ecr.DescribeRepositories":  {"ecr:DescribeRepositories"},
	"ecr.CreateRepository":      {"ecr:CreateRepository", "ecr:TagResource"}, // it is made with a tag
	"sts.GetCallerIdentity":     nil,                                         // needs no right

	"docker: ImagePull":           {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
	"docker: DistributionInspect": {"ecr:BatchGetImage"},
	"docker: ImagePush": {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart",
		"ecr:CompleteLayerUpload", "ecr:PutImage"},
}

// othersCalls are what no job calls, by how they begin. Who submits jobs or asks about them has rights of their own, and so has who
// copies from bucket to bucket by `ferry cp` or `ferry sync`.
var othersCalls = []string{"batch.", "cloudwatchlogs.", "s3: PUT copying", "s3: POST copying", "s3: DELETE copying", "s3: GET reading the tags of"}

// registryCalls are the methods of the engine's client that make the engine speak to a registry.
var registryCalls = []string{"ImagePull", "ImagePush", "ImageCreate", "ImageBuild", "DistributionInspect", "RegistryLogin", "ImageSearch"}

// The policy has every action that the code's calls need, and no other.
func TestPolicyHasWhatTheCodeCalls(t *testing.T) {
	needed := map[string]string{} // action -> a call
	seen := map[string]bool{}
	for _, c := range callsInCode(t) {
		seen[c.name] = true
		actions, known := jobCalls[c.name]
		others := slices.ContainsFunc(othersCalls, func(prefix string) bool { return strings.HasPrefix(c.name, prefix) })
		if !known && !others {
			t.Errorf("%s: the call %q is not in jobCalls: say which actions of AWS it needs, and give them to the policy", c.where, c.name)
		}
		for _, a := range actions {
			needed[a] = c.where + " " + c.name
		}
	}
	for name := range jobCalls {
		if !seen[name] {
			t.Errorf("nothing calls %q any more: take it out of jobCalls, and its actions out of the policy", name)
		}
	}
	p := fullPolicy(t)
	given := map[string]bool{}
	for _, s := range p.Statements {
		for _, a := range s.Action {
			if given[a] {
				t.Errorf("action %s is there twice", a)
			}
			given[a] = true
			if needed[a] == "" {
				t.Errorf("statement %s has %s, and no call needs it", s.Sid, a)
			}
		}
	}
	for a, by := range needed {
		if !given[a] {
			t.Errorf("the policy lacks %s, which is needed by %s", a, by)
		}
	}
}

// fullPolicy is one with all that can be asked for.
func fullPolicy(t *testing.T) *batch.Policy {
	t.Helper()
	in := batch.DefaultPolicy()
	in.Bucket, in.Prefix, in.Repositories, in.Freeze = "gp", "beta", []string{"genepattern/*"}, true
	in.KMSKey, in.Account, in.Region = "arn:aws:kms:us-east-1:123456789012:key/1-2", "123456789012", "us-east-1"
	p, err := batch.NewPolicy(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type call struct{ name, where string }

// callsInCode finds the calls to AWS in what becomes ferry: each use of an operation's input type, each request of the store's own,
// and each method of the engine's client that speaks to a registry.
func callsInCode(t *testing.T) (all []call) {
	t.Helper()
	fset := token.NewFileSet()
	root := testenv.Root()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains([]string{"tools", "scripts", "bin", "testdata", ".git", "internal/lab", "internal/chaos", "internal/testenv"}, rel) || strings.HasSuffix(d.Name(), "test") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err == nil {
			all = append(all, callsIn(fset, f, filepath.Dir(rel))...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d calls were found: %v", len(all), all)
	}
	return all
}

func callsIn(fset *token.FileSet, f *ast.File, dir string) (all []call) {
	services := map[string]string{} // the name of an import in this file -> the service
	at := func(n ast.Node, name string) {
		pos := fset.Position(n.Pos())
		all = append(all, call{name, path.Join(dir, filepath.Base(pos.Filename)) + ":" + strconv.Itoa(pos.Line)})
	}
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		if p == "github.com/aws/aws-sdk-go-v2/feature/s3/manager" {
			at(i, "s3: the SDK's manager")
		}
		service, ok := strings.CutPrefix(p, "github.com/aws/aws-sdk-go-v2/service/")
		if !ok || strings.Contains(service, "/") {
			continue
		}
		name := service
		if i.Name != nil {
			name = i.Name.Name
		}
		services[name] = service
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && services[pkg.Name] != "" {
				if op, ok := strings.CutSuffix(n.Sel.Name, "Input"); ok {
					at(n, services[pkg.Name]+"."+op)
				}
			}
			if dir == "engine/docker" && slices.Contains(registryCalls, n.Sel.Name) {
				at(n, "docker: "+n.Sel.Name)
			}
		case *ast.CompositeLit:
			if id, ok := n.Type.(*ast.Ident); ok && id.Name == "request" && dir == "sync/store/s3" {
				at(n, "s3: "+strings.ToUpper(strings.TrimPrefix(field(n, "method"), "Method"))+" "+field(n, "op"))
			}
		}
		return true
	})
	return all
}

// field is a field of a literal: the text of a string, or the last part of a name.
func field(lit *ast.CompositeLit, name string) string {
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if key, ok := kv.Key.(*ast.Ident); !ok || key.Name != name {
			continue
		}
		switch v := kv.Value.(type) {
		case *ast.BasicLit:
			text, _ := strconv.Unquote(v.Value)
			return text
		case *ast.SelectorExpr:
			return v.Sel.Name
		}
	}
	return ""
}

// What the policy allows is no wider than bucket, prefix, repository, account and region.
func TestPolicyIsNarrow(t *testing.T) {
	p := fullPolicy(t)
	const ecr = "arn:aws:ecr:us-east-1:123456789012:repository/"
	for _, c := range []struct {
		action, resource string
		want             bool
	}{
		{"s3:GetObject", "arn:aws:s3:::gp/beta/jobs/1/x", true},
		{"s3:PutObject", "arn:aws:s3:::gp/beta/jobs/1/x", true},
		{"s3:GetObject", "arn:aws:s3:::gp/betamax/x", false},
		{"s3:GetObject", "arn:aws:s3:::gp/x", false},
		{"s3:PutObject", "arn:aws:s3:::gp2/beta/x", false},
		{"s3:DeleteObject", "arn:aws:s3:::gp/beta/jobs/1/x", false},
		{"s3:DeleteObject", "arn:aws:s3:::gp/beta/jobs/1/.gp_metadata/exit_code.txt", true},
		{"s3:DeleteObject", "arn:aws:s3:::gp/beta/.ferry-doctor-ABC", true},
		{"s3:ListBucket", "arn:aws:s3:::gp", true},
		{"ecr:PutImage", ecr + "genepattern/x", true},
		{"ecr:TagResource", ecr + "genepattern/x", true},
		{"ecr:PutImage", ecr + "other/x", false},
		{"ecr:PutImage", "arn:aws:ecr:us-east-1:999999999999:repository/genepattern/x", false},
		{"ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:123456789012:repository/genepattern/x", false},
	} {
		got := slices.ContainsFunc(p.Statements, func(s batch.Statement) bool {
			return slices.Contains(s.Action, c.action) && slices.ContainsFunc(s.Resource, func(r string) bool { return matches(r, c.resource) })
		})
		if got != c.want {
			t.Errorf("%s of %s: allowed %v, want %v", c.action, c.resource, got, c.want)
		}
	}
	for _, s := range p.Statements {
		wide := slices.Contains(s.Resource, "*")
		if wide != (s.Sid == "Login") {
			t.Errorf("statement %s is for %q", s.Sid, s.Resource)
		}
		if slices.ContainsFunc(s.Action, func(a string) bool { return strings.Contains(a, "*") }) {
			t.Errorf("statement %s has the actions %q", s.Sid, s.Action)
		}
		if strings.HasPrefix(s.Action[0], "s3:") && !slices.Equal(s.Condition["StringEquals"]["s3:ResourceAccount"], []string{"123456789012"}) {
			t.Errorf("statement %s holds for other accounts' buckets: %v", s.Sid, s.Condition)
		}
	}
	if list := p.Statements[0]; !slices.Equal(list.Condition["StringLike"]["s3:prefix"], []string{"beta/*"}) {
		t.Errorf("listings of %v", list.Condition)
	}
}

// matches is IAM's own comparison: * is any text.
func matches(pattern, text string) bool {
	head, rest, more := strings.Cut(pattern, "*")
	text, ok := strings.CutPrefix(text, head)
	if !ok || !more {
		return ok && text == ""
	}
	for i := range len(text) + 1 {
		if matches(rest, text[i:]) {
			return true
		}
	}
	return false
}
